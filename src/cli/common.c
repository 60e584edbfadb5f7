/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What most commands share: filling a question by the tables, printing the answer, asking the user. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

#define MAX_SPECS 8

/* -- from the command line to the question ------------------------------------------------------------------------ */

void
sk_ask_fill(SkAsk *self, const SkArgs *args)
{
    const SkCommand *command = sk_args_command(args);
    SkOperandSpec specs[MAX_SPECS];
    guint n = sk_operands_split(command->operands, specs, MAX_SPECS);
    for (guint i = 0; i < n; i++) {
        const char *text = sk_args_operand(args, specs[i].name);
        if (text == NULL || specs[i].kind == NULL)
            continue;
        if (g_str_equal(specs[i].name, "VOLUME"))
            sk_ask_set_volume(self, text);
        else if (specs[i].kind->param != NULL)
            sk_ask_set(self, specs[i].kind->param, text);
    }
    for (const SkOption *at = command->options; at != NULL && at->name != NULL; at++) {
        if (at->param != NULL && sk_args_has(args, at->name))
            sk_ask_set(self, at->param, at->value != NULL ? sk_args_get(args, at->name) : "true");
    }
}

/* "current is "lots", give ..." becomes "option "--memory" is "lots", give ...". Takes failure. */
static void
set_option_error(GError **error, const SkOption *option, GError *failure)
{
    const char *dot = strrchr(option->field, '.'), *key = dot != NULL ? dot + 1 : option->field;
    const char *rest = g_str_has_prefix(failure->message, key) ? failure->message + strlen(key) : NULL;
    if (rest != NULL && *rest == ' ')
        g_set_error(error, failure->domain, failure->code, "option \"--%s\"%s", option->name, rest);
    else
        g_set_error(error, failure->domain, failure->code, "option \"--%s\": %s", option->name, failure->message);
    g_error_free(failure);
}

json_t *
sk_args_body(const SkArgs *args, json_t *base, GError **error)
{
    const SkCommand *command = sk_args_command(args);
    g_autoptr(json_t) body = base != NULL ? base : json_object();
    for (const SkOption *at = command->options; at != NULL && at->name != NULL; at++) {
        if (at->field == NULL || !sk_args_has(args, at->name))
            continue;
        g_autofree char *joined = at->flags & SK_OPTION_MANY ? g_strjoinv(",", (char **) sk_args_all(args, at->name)) : NULL;
        const char *text = at->value == NULL ? "true" : joined != NULL ? joined : sk_args_get(args, at->name);
        GError *failure = NULL;
        if (!sk_json_set_path(command->body, body, at->field, text, &failure)) {
            set_option_error(error, at, failure);
            return NULL;
        }
    }
    for (const char *const *at = sk_args_rest(args, "KEY=VALUE"); *at != NULL; at++) {
        if (!sk_json_set_pair(command->body, body, *at, error))
            return NULL;
    }
    return g_steal_pointer(&body);
}

/* -- printing ---------------------------------------------------------------------------------------------------------- */

void
sk_cli_print(SkCli *self, const SkCommand *command, json_t *value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    switch (self->format) {
    case SK_FORMAT_JSON:
        sk_output_json(out, value);
        break;
    case SK_FORMAT_YAML:
        sk_output_yaml(out, value);
        break;
    case SK_FORMAT_NAME:
        sk_output_names(out, value);
        break;
    default:
        if (command->columns == NULL)
            sk_output_yaml(out, value);
        else if (json_is_array(value))
            sk_output_table(out, value, command->columns);
        else
            sk_output_sheet(out, value, command->columns, command->sections);
    }
    fwrite(out->str, 1, out->len, stdout);
}

static void
print_job_id(SkCli *self, json_t *job)
{
    const char *id = sk_json_text_at(job, "id");
    if (self->format == SK_FORMAT_JSON || self->format == SK_FORMAT_YAML || id == NULL)
        sk_cli_print(self, sk_args_command(self->args), job);
    else
        printf("%s\n", id);
}

void
sk_cli_done(SkCli *self, const SkArgs *args, const char *name, json_t *result)
{
    const SkCommand *command = sk_args_command(args);
    g_autoptr(json_t) value = result;
    g_autofree char *clean = sk_text_clean(name != NULL ? name : "");
    gboolean structured = self->format == SK_FORMAT_JSON || self->format == SK_FORMAT_YAML;

    if (self->no_wait && sk_json_text_at(value, "operation") != NULL)
        print_job_id(self, value);
    else if (structured && value != NULL && !json_is_null(value))
        sk_cli_print(self, command, value);
    else if (self->format == SK_FORMAT_NAME)
        printf("%s\n", clean);
    else if (!structured && !self->quiet && command->done != NULL)
        printf("%s %s\n", clean, command->done);
}

gboolean
sk_cli_ask_done(SkCli *self, const SkArgs *args, const SkAsk *ask, const char *name, GError **error)
{
    json_t *result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    const char *known = sk_json_text_at(result, "name");
    g_autofree char *shown = g_strdup(name != NULL ? name : known != NULL ? known : "it");
    sk_cli_done(self, args, shown, result);
    return TRUE;
}

/* -- commands that are one operation -------------------------------------------------------------------------------------- */

char *
sk_cli_full_id(SkCli *self, SkOperationId list_op, const char *text, GError **error)
{
    enum { ID_LENGTH = 36 };
    if (strlen(text) >= ID_LENGTH)
        return g_strdup(text);
    g_autoptr(SkAsk) ask = sk_ask_new(list_op);
    g_autoptr(json_t) list = sk_cli_list(self, ask, error);
    const char *found = NULL;
    gsize i;
    json_t *entry;
    if (list == NULL)
        return NULL;
    json_array_foreach(list, i, entry) {
        const char *id = sk_json_text_at(entry, "id"), *name = sk_json_text_at(entry, "name");
        if (id == NULL || (!g_str_has_prefix(id, text) && g_strcmp0(name, text) != 0))
            continue;
        if (found != NULL) {
            sk_fail(error, SK_ERROR_INVALID, "more than one %s begins with \"%s\": give more of the id", ask->op->object, text);
            return NULL;
        }
        found = id;
    }
    return g_strdup(found != NULL ? found : text);
}

/* The parameter that name is for: a volume's two, the id of what has one, or the name. */
static gboolean
set_name(SkCli *self, SkAsk *ask, const SkCommand *command, const char *name, GError **error)
{
    if (strstr(command->operands, "VOLUME") != NULL) {
        sk_ask_set_volume(ask, name);
    } else if (strstr(ask->op->path, "{id}") != NULL) {
        g_autofree char *id = sk_cli_full_id(self, (SkOperationId) command->ops[1], name, error);
        if (id == NULL)
            return FALSE;
        sk_ask_set(ask, "id", id);
    } else {
        sk_ask_set(ask, "name", name);
    }
    return TRUE;
}

static gboolean
run_once(SkCli *self, const SkArgs *args, const char *name, GError **error)
{
    const SkCommand *command = sk_args_command(args);
    g_autoptr(SkAsk) ask = sk_ask_new((SkOperationId) command->ops[0]);
    sk_ask_fill(ask, args);
    if (name != NULL && !set_name(self, ask, command, name, error))
        return FALSE;
    if (ask->op->body != NULL) {
        sk_ask_take_body(ask, sk_args_body(args, NULL, error));
        if (ask->body == NULL)
            return FALSE;
    }
    ask->what = g_strdup_printf("%s %s", command->words, name != NULL ? name : "");
    json_t *answer = ask->op->result_kind == SK_RESULT_LIST ? sk_cli_list(self, ask, error) : sk_cli_ask(self, ask, NULL, error);
    if (answer == NULL)
        return FALSE;
    if (command->done != NULL) {
        sk_cli_done(self, args, name, answer);
        return TRUE;
    }
    sk_cli_print(self, command, answer);
    json_decref(answer);
    return TRUE;
}

/* Does it for each; all are tried, the first failure's code is the exit code. */
static gboolean
run_each(SkCli *self, const SkArgs *args, const char *const *names)
{
    for (guint i = 0; names[i] != NULL; i++) {
        g_autoptr(GError) failure = NULL;
        if (run_once(self, args, names[i], &failure))
            continue;
        g_autofree char *clean = sk_text_clean(failure != NULL ? failure->message : "failed");
        fflush(stdout);
        fprintf(stderr, "skep: %s\n", clean);
        if (self->exit_code == 0)
            self->exit_code = sk_error_info_of(failure)->exit_code;
    }
    return TRUE;
}

gboolean
sk_run_operation(SkCli *self, const SkArgs *args, GError **error)
{
    const SkCommand *command = sk_args_command(args);
    const char *const *operands = sk_args_operands(args);
    SkOperandSpec specs[MAX_SPECS];
    guint n = sk_operands_split(command->operands, specs, MAX_SPECS);
    if (n > 0 && specs[0].many && operands[0] != NULL && operands[1] != NULL)
        return run_each(self, args, operands);
    return run_once(self, args, operands[0], error);
}

/* -- the user ------------------------------------------------------------------------------------------------------------------ */

gboolean
sk_cli_confirm(SkCli *self, const char *format, ...)
{
    if (self->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return TRUE;
    va_list list;
    va_start(list, format);
    g_autofree char *question = g_strdup_vprintf(format, list);
    va_end(list);
    g_autofree char *clean = sk_text_clean(question);
    char answer[16];
    fprintf(stderr, "%s [y/N] ", clean);
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

gboolean
sk_run_confirmed(SkCli *self, const SkArgs *args, const char *what, const char *tail, GError **error)
{
    g_autofree char *list = g_strjoinv(", ", (char **) sk_args_operands(args));
    if (!sk_cli_confirm(self, "%s %s%s?", what, list, tail))
        return sk_fail(error, SK_ERROR_CANCELLED, "nothing was %s", sk_args_command(args)->done);
    return sk_run_operation(self, args, error);
}

json_t *
sk_view_spec(json_t *view)
{
    json_t *spec = json_object_get(view, "spec");
    return spec != NULL ? spec : view;
}

json_t *
sk_view_running(json_t *view)
{
    json_t *live = json_object_get(view, "live");
    return live != NULL ? live : sk_view_spec(view);
}

json_t *
sk_view_status(json_t *view)
{
    json_t *status = json_object_get(view, "status");
    return status != NULL ? status : view;
}
