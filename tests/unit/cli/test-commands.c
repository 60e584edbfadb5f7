/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command table is whole: every operation is reachable, every row has help, examples that parse, columns that exist. */
#include <string.h>

#include "cli/cli.h"

/* Operations that no command asks for, and why. */
static const struct {
    SkOperationId op;
    const char *why;
} api_only[] = {
    { SK_OP_DOMAIN_MIGRATE, "a step of a migration, which whoever is connected to both hosts drives" },
    { SK_OP_MIGRATION_PREPARE, "a step of a migration" },
    { SK_OP_MIGRATION_FINISH, "a step of a migration" },
    { SK_OP_MIGRATION_CONFIRM, "a step of a migration" },
    { SK_OP_MIGRATION_LIMITS, "of a migration" },
};

static gboolean
is_api_only(SkOperationId op)
{
    for (guint i = 0; i < G_N_ELEMENTS(api_only); i++) {
        if (api_only[i].op == op && api_only[i].why != NULL)
            return TRUE;
    }
    return FALSE;
}

static void
test_operations(void)
{
    gboolean reached[SK_N_OPERATIONS] = { FALSE };
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        for (const gint *op = row->ops; op != NULL && *op >= 0; op++)
            reached[*op] |= !row->hidden;
    }
    for (gint op = 0; op < SK_N_OPERATIONS; op++) {
        if (!reached[op] && !is_api_only((SkOperationId) op))
            g_test_fail_printf("no command asks for %s", sk_operation((SkOperationId) op)->name);
    }
}

static void
test_help(void)
{
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        g_autoptr(GString) out = g_string_new(NULL);
        sk_help_print_command(out, row);
        g_assert_nonnull(row->run);
        g_assert_cmpint(out->len, >, 60);
        if (*sk_command_help(row) == '\0')
            g_test_fail_printf("skep %s has no help line", row->words);
        if (row->examples == NULL)
            g_test_fail_printf("skep %s has no example", row->words);
        for (const SkOption *at = row->options; at != NULL && at->name != NULL; at++) {
            if (*sk_option_help(row, at) == '\0')
                g_test_fail_printf("skep %s --%s has no help", row->words, at->name);
        }
    }
}

static void
test_operands(void)
{
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        SkOperandSpec specs[8];
        guint n = sk_operands_split(row->operands, specs, G_N_ELEMENTS(specs));
        for (guint i = 0; i < n; i++) {
            if (specs[i].kind == NULL)
                g_test_fail_printf("skep %s: the operand %s is not in the table", row->words, specs[i].name);
        }
    }
}

/* Fields and parameters that options set are there. */
static void
test_bindings(void)
{
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        for (const SkOption *at = row->options; at != NULL && at->name != NULL; at++) {
            if (at->field != NULL && (row->body == NULL || sk_type_find_path(row->body, at->field) == NULL))
                g_test_fail_printf("skep %s --%s sets \"%s\", which is not there", row->words, at->name, at->field);
            if (at->param != NULL && sk_type_find(sk_operation((SkOperationId) row->ops[0])->params, at->param) == NULL)
                g_test_fail_printf("skep %s --%s sets the parameter \"%s\" that %s has not", row->words, at->name, at->param,
                                   sk_operation((SkOperationId) row->ops[0])->name);
        }
    }
}

static void
check_columns(const SkCommand *row, const SkType *type, const SkColumn *columns)
{
    for (const SkColumn *at = columns; at != NULL && at->title != NULL; at++) {
        if (sk_type_find_path(type, at->path) == NULL)
            g_test_fail_printf("skep %s shows \"%s\", which %s has not", row->words, at->path, type->name);
    }
}

static void
test_columns(void)
{
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        const SkType *type = row->ops != NULL ? sk_operation((SkOperationId) row->ops[0])->result : NULL;
        gboolean part = g_str_has_suffix(row->words, " ls") && row->ops[0] == SK_OP_DOMAIN_SHOW;
        if (part)
            type = sk_type_find_path(&sk_domain_spec_type, g_str_has_prefix(row->words, "disk") ? "disks" : "interfaces")->type;
        if (type == NULL)
            continue;
        check_columns(row, type, row->columns);
        for (const SkSection *at = row->sections; at != NULL && at->title != NULL; at++) {
            const SkField *list = sk_type_find_path(type, at->path);
            g_assert_nonnull(list);
            check_columns(row, list->type, at->columns);
        }
    }
}

/* The words of "skep ..." in an example up to a pipe or redirection. */
static char **
example_words(const char *line)
{
    const char *at = strstr(line, "skep ");
    g_autofree char *cut = at != NULL ? g_strdup(at + 5) : NULL;
    if (cut == NULL)
        return NULL;
    cut[strcspn(cut, "|<>&")] = '\0';
    char **words = NULL;
    g_assert_true(g_shell_parse_argv(cut, NULL, &words, NULL));
    return words;
}

static void
test_examples(void)
{
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        g_auto(GStrv) lines = g_strsplit(row->examples, "\n", -1);
        gboolean own = FALSE;
        for (guint i = 0; lines[i] != NULL; i++) {
            g_auto(GStrv) words = example_words(lines[i]);
            g_autoptr(SkArgs) args = NULL;
            g_autoptr(GError) error = NULL;
            if (words == NULL || !sk_args_parse(words, &args, &error))
                g_test_fail_printf("the example \"%s\" does not parse: %s", lines[i], error != NULL ? error->message : "no skep in it");
            own |= args != NULL && sk_args_command(args) == row;
        }
        if (!own && strstr(row->examples, "| skep") == NULL)
            g_test_fail_printf("no example of skep %s is of it", row->words);
    }
}

/* No two options of a command are the same, nor is one hidden by a general one by accident. */
static void
test_options_differ(void)
{
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        for (const SkOption *a = row->options; a != NULL && a->name != NULL; a++) {
            for (const SkOption *b = a + 1; b->name != NULL; b++) {
                g_assert_cmpstr(a->name, !=, b->name);
                g_assert_false(a->letter != 0 && a->letter == b->letter);
            }
            for (const SkOption *b = sk_global_options; b->name != NULL; b++) {
                if (a->letter != 0 && a->letter == b->letter)
                    g_test_fail_printf("skep %s -%c hides the general option --%s", row->words, a->letter, b->name);
            }
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/commands/operations", test_operations);
    g_test_add_func("/cli/commands/help", test_help);
    g_test_add_func("/cli/commands/operands", test_operands);
    g_test_add_func("/cli/commands/bindings", test_bindings);
    g_test_add_func("/cli/commands/columns", test_columns);
    g_test_add_func("/cli/commands/examples", test_examples);
    g_test_add_func("/cli/commands/options-differ", test_options_differ);
    return g_test_run();
}
