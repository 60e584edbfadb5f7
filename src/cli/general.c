/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep api, version, help and the commands that generate. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

/* -- api ---------------------------------------------------------------------------------------------------------- */

/* "@FILE", "-" or the JSON itself. */
static char *
read_data(const char *text, GError **error)
{
    if (text == NULL)
        return NULL;
    if (*text == '@' || g_str_equal(text, "-"))
        return sk_read_input(*text == '@' ? text + 1 : text, SK_JSON_MAX_BYTES, NULL, error);
    return g_strdup(text);
}

static gboolean
check_request(const char *method, const char *path, GError **error)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", NULL };
    if (!g_strv_contains(methods, method))
        return sk_fail(error, SK_ERROR_INVALID, "\"%.16s\" is not a method: give GET, POST, PUT, PATCH or DELETE", method);
    if (*path != '/' || strpbrk(path, " \r\n") != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is not a path such as /v1/domains", path);
    return TRUE;
}

static gboolean
check_headers(const char *const *headers, GError **error)
{
    for (; *headers != NULL; headers++) {
        if (strchr(*headers, ':') == NULL || strpbrk(*headers, "\r\n") != NULL)
            return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is not a header such as \"Prefer: wait=10\"", *headers);
    }
    return TRUE;
}

/* The answer as it came; one that is no success is the error too. */
static gboolean
print_answer(SkCli *self, const SkHttpAnswer *answer, GError **error)
{
    g_autoptr(json_t) value = json_loadb(answer->body->str, answer->body->len, JSON_DECODE_ANY, NULL);
    if (answer->head.status / 100 != 2) {
        sk_cli_set_error(error, answer->head.status, value);
        return FALSE;
    }
    if (value != NULL && self->format != SK_FORMAT_JSON && self->format != SK_FORMAT_TABLE) {
        sk_cli_print(self, sk_args_command(self->args), value);
        return TRUE;
    }
    fwrite(answer->body->str, 1, answer->body->len, stdout);
    if (answer->body->len > 0 && answer->body->str[answer->body->len - 1] != '\n')
        putchar('\n');
    return TRUE;
}

static gboolean
run_api(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *method = g_ascii_strup(sk_args_operand(args, "METHOD"), -1);
    const char *path = sk_args_operand(args, "PATH");
    g_autoptr(GError) failure = NULL;
    g_autofree char *body = read_data(sk_args_get(args, "data"), &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!check_request(method, path, error) || !check_headers(sk_args_all(args, "header"), error))
        return FALSE;
    SkHttpRequest request = { .method = method, .path = path, .headers = sk_args_all(args, "header"), .body = body,
                              .body_length = body != NULL ? strlen(body) : 0,
                              .body_type = g_str_equal(method, "PATCH") ? "application/merge-patch+json" : NULL };
    g_autoptr(SkHttpAnswer) answer = sk_http_ask(sk_cli_http(self), &request, error);
    return answer != NULL && print_answer(self, answer, error);
}

/* -- version, help -------------------------------------------------------------------------------------------------- */

/* The daemon's version is shown if it answers; that it does not is no error here. */
static gboolean
run_version(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_NODE_SHOW);
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) node = sk_cli_ask(self, ask, NULL, &failure);
    const char *daemon = sk_json_text_at(node, "version"), *qemu = sk_json_text_at(node, "qemu_version");
    if (self->format != SK_FORMAT_TABLE) {
        g_autoptr(json_t) versions = json_pack("{s:s, s:s*, s:s*}", "skep", SKEP_VERSION, "skepd", daemon, "qemu", qemu);
        sk_cli_print(self, sk_args_command(args), versions);
        return TRUE;
    }
    printf("skep %s\n", SKEP_VERSION);
    if (daemon != NULL)
        printf("skepd %s\n", daemon);
    if (qemu != NULL)
        printf("qemu %s\n", qemu);
    if (failure != NULL && !self->quiet)
        fprintf(stderr, "skepd: %s\n", failure->message);
    return TRUE;
}

static gboolean
run_help(SkCli *self, const SkArgs *args, GError **error)
{
    const char *const *words = sk_args_operands(args);
    g_autoptr(GString) out = g_string_new(NULL);
    guint used, n = g_strv_length((char **) words);
    GError *failure = NULL;
    const SkCommand *command = n > 0 ? sk_command_find((char **) words, MIN(n, 2), &used, &failure) : NULL;
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (command != NULL)
        sk_help_print_command(out, command);
    else if (n > 0)
        sk_help_print_group(out, words[0]);
    else
        sk_help_print_all(out);
    fwrite(out->str, 1, out->len, stdout);
    return TRUE;
}

const SkCommand sk_general_commands[] = {
    { .words = "api", .operands = "METHOD PATH", .help = "ask the REST API directly", .run = run_api,
      .options = SK_OPTIONS({ 'd', "data", "JSON", "body; @FILE reads it from a file, - from standard input" },
                            { 'H', "header", "HEADER", "header to send, such as \"Prefer: wait=10\"", .flags = SK_OPTION_MANY }),
      .notes = "Every operation of the daemon can be reached so; GET /v1/openapi.json describes them.",
      .examples = "skep api GET /v1/domains\nskep api POST /v1/domains -d @web1.json -H 'Prefer: wait=10'" },
    { .words = "version", .help = "show the versions of skep, skepd and QEMU", .ops = SK_OPS(SK_OP_NODE_SHOW), .run = run_version, .examples = "skep version" },
    { .words = "completion", .operands = "SHELL", .help = "print the completion script of a shell", .run = sk_run_completion,
      .examples = "skep completion bash > /etc/bash_completion.d/skep\nskep completion zsh > /usr/local/share/zsh/site-functions/_skep\n"
                  "skep completion fish > ~/.config/fish/completions/skep.fish" },
    { .words = "help", .operands = "[WORD...]", .help = "help of all commands, or of one", .run = run_help, .examples = "skep help\nskep help disk attach" },
    { .words = "man", .help = "print the manual page", .run = sk_run_man, .hidden = TRUE, .examples = "skep man | man -l -" },
    { .words = "reference", .help = "print the reference of all commands", .run = sk_run_reference, .hidden = TRUE, .examples = "skep reference" },
    { .words = "__complete", .operands = "[WORD...]", .help = "print candidates for the last word", .run = sk_run_complete, .hidden = TRUE,
      .ops = SK_OPS(SK_OP_DOMAIN_LIST, SK_OP_NETWORK_LIST, SK_OP_POOL_LIST, SK_OP_IMAGE_LIST, SK_OP_VOLUME_LIST, SK_OP_JOB_LIST, SK_OP_TOKEN_LIST),
      .examples = "skep __complete -- start w" },
    { 0 },
};
