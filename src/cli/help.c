/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Help as text, from the command table. */
#include <string.h>

#include "cli/cli.h"

#define LINE 100

static void
pad_to(GString *out, gsize from, guint column)
{
    gsize have = out->len - from;
    for (gsize i = have; i < column; i++)
        g_string_append_c(out, ' ');
    if (have + 1 >= column)
        g_string_append(out, have < column ? " " : "  ");
}

/* Words of text from column on, broken at LINE. */
static void
append_wrapped(GString *out, const char *text, guint column)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gsize at = column;
    for (guint i = 0; words[i] != NULL; i++) {
        gsize length = strlen(words[i]);
        if (i > 0 && at + 1 + length > LINE) {
            g_string_append_c(out, '\n');
            for (guint j = 0; j < column; j++)
                g_string_append_c(out, ' ');
            at = column;
        } else if (i > 0) {
            g_string_append_c(out, ' ');
            at++;
        }
        g_string_append(out, words[i]);
        at += length;
    }
    g_string_append_c(out, '\n');
}

static void
append_row(GString *out, const char *left, const char *right, guint column)
{
    gsize from = out->len;
    g_string_append_printf(out, "  %s", left);
    pad_to(out, from, column);
    append_wrapped(out, right, column);
}

/* -- options ------------------------------------------------------------------------------------------------------- */

static void
append_option(GString *out, const SkCommand *command, const SkOption *option)
{
    g_autoptr(GString) left = g_string_new(NULL);
    if (option->letter != 0)
        g_string_append_printf(left, "-%c, ", option->letter);
    else
        g_string_append(left, "    ");
    g_string_append_printf(left, "--%s", option->name);
    if (option->value != NULL)
        g_string_append_printf(left, option->flags & SK_OPTION_MAYBE ? "[=%s]" : " %s", option->value);
    const char *help = sk_option_help(command, option);
    g_autofree char *more = option->flags & SK_OPTION_MANY ? g_strdup_printf("%s (may be given again)", help) : g_strdup(help);
    append_row(out, left->str, more, 32);
}

static const char *
kind_text(const SkField *field)
{
    static const char *const names[] = {
        [SK_KIND_BOOL] = "yes|no", [SK_KIND_INT] = "NUMBER", [SK_KIND_UINT] = "NUMBER", [SK_KIND_INT64] = "NUMBER",
        [SK_KIND_UINT64] = "NUMBER", [SK_KIND_SIZE] = "SIZE", [SK_KIND_DOUBLE] = "NUMBER", [SK_KIND_STRING] = "TEXT",
        [SK_KIND_TEXT] = "TEXT", [SK_KIND_JSON] = "JSON", [SK_KIND_STRV] = "WORD", [SK_KIND_MAP] = "TEXT",
    };
    return field->kind < G_N_ELEMENTS(names) && names[field->kind] != NULL ? names[field->kind] : "JSON";
}

static char *
enum_text(const SkField *field)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < field->names->count; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? "|" : "", field->names->names[i].name);
    return g_string_free(out, FALSE);
}

/* The keys of a type that a request may set; parts as "limits.read_iops_sec". */
static void
append_keys(GString *out, const SkType *type, const char *prefix)
{
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        g_autofree char *key = g_strconcat(prefix, field->key, NULL);
        if (field->flags & SK_FIELD_READONLY)
            continue;
        if (field->kind == SK_KIND_STRUCT || field->kind == SK_KIND_OPTIONAL) {
            g_autofree char *inner = g_strconcat(key, ".", NULL);
            append_keys(out, field->type, inner);
            continue;
        }
        g_autofree char *value = field->kind == SK_KIND_ENUM ? enum_text(field) : g_strdup(kind_text(field));
        const char *map = field->kind == SK_KIND_MAP ? ".NAME" : field->kind == SK_KIND_LIST ? "[ENTRY].KEY" : "";
        g_autofree char *left = g_strdup_printf("%s%s=%s", key, map, value);
        append_row(out, left, field->help, 32);
    }
}

static void
append_options(GString *out, const char *title, const SkCommand *command, const SkOption *options)
{
    if (options == NULL || options->name == NULL)
        return;
    g_string_append_printf(out, "\n%s\n", title);
    for (const SkOption *at = options; at->name != NULL; at++)
        append_option(out, command, at);
}

/* -- one command ---------------------------------------------------------------------------------------------------- */

static void
append_operands(GString *out, const SkCommand *command)
{
    SkOperandSpec specs[8];
    guint n = sk_operands_split(command->operands, specs, G_N_ELEMENTS(specs));
    for (guint i = 0; i < n; i++) {
        if (i == 0)
            g_string_append_c(out, '\n');
        append_row(out, specs[i].name, specs[i].kind != NULL ? specs[i].kind->help : "", 14);
    }
}

static void
append_indented(GString *out, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++)
        g_string_append_printf(out, "  %s\n", lines[i]);
}

static void
append_capital(GString *out, const char *text)
{
    g_string_append_c(out, g_ascii_toupper(*text));
    g_string_append(out, *text != '\0' ? text + 1 : "");
    g_string_append(out, ".\n");
}

void
sk_help_print_command(GString *out, const SkCommand *command)
{
    g_string_append_printf(out, "Usage: skep %s%s%s%s\n\n", command->words, command->options != NULL ? " [OPTION...]" : "",
                           command->operands != NULL ? " " : "", command->operands != NULL ? command->operands : "");
    append_capital(out, sk_command_help(command));
    append_operands(out, command);
    if (command->notes != NULL) {
        g_string_append_c(out, '\n');
        append_wrapped(out, command->notes, 0);
    }
    append_options(out, "Options:", command, command->options);
    for (const SkOption *at = command->options; at != NULL && at->name != NULL; at++) {
        if (at->keys == NULL)
            continue;
        g_string_append_printf(out, "\nKeys of --%s:\n", at->name);
        append_keys(out, at->keys, "");
    }
    if (command->operands != NULL && command->body != NULL &&
        (strstr(command->operands, "KEY=VALUE") != NULL || strstr(command->operands, "SPEC") != NULL)) {
        g_string_append_printf(out, "\nKeys of %s:\n", strstr(command->operands, "SPEC") != NULL ? "SPEC" : "KEY=VALUE");
        append_keys(out, command->body, "");
    }
    if (command->examples != NULL) {
        g_string_append(out, "\nExamples:\n");
        append_indented(out, command->examples);
    }
    g_string_append(out, "\nOptions of all commands: skep --help\n");
}

/* -- lists of commands ------------------------------------------------------------------------------------------------- */

static void
append_command_row(GString *out, const SkCommand *command)
{
    g_autofree char *left = g_strdup_printf("%s%s%s", command->words, command->operands != NULL ? " " : "",
                                            command->operands != NULL ? command->operands : "");
    append_row(out, left, sk_command_help(command), 38);
}

void
sk_help_print_group(GString *out, const char *word)
{
    g_string_append_printf(out, "Usage: skep %s COMMAND [OPTION...]\n\n", word);
    gsize length = strlen(word);
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        if (!row->hidden && strncmp(row->words, word, length) == 0 && row->words[length] == ' ')
            append_command_row(out, row);
    }
    g_string_append_printf(out, "\nMore about each: skep %s COMMAND --help\n", word);
}

void
sk_help_print_all(GString *out)
{
    g_string_append(out, "Usage: skep [OPTION...] COMMAND [OPTION...] [OPERAND...]\n\n"
                         "Virtual machines on KVM: the command of skepd.\n");
    for (const SkFamily *family = sk_families; family->title != NULL; family++) {
        g_string_append_printf(out, "\n%s:\n", family->title);
        for (const SkCommand *row = family->commands; row->words != NULL; row++) {
            if (!row->hidden)
                append_command_row(out, row);
        }
    }
    append_options(out, "Options of all commands:", NULL, sk_global_options);
    g_string_append(out, "\nExit codes: 0 done, 1 failed, 2 wrong usage or value, 3 not found, 4 in the way (state, in use, taken),\n"
                         "5 not allowed, 6 no daemon, 7 timed out, 8 cancelled, 9 not supported here, 130 Ctrl-C.\n"
                         "\nMore about a command: skep COMMAND --help\n");
}
