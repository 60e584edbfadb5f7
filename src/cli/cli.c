/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One run: global options, which daemon, running the command, errors. */
#include "cli/cli.h"

#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "codec/json/json.h"

#define SYSTEM_SOCKET "/run/skep/skep.sock"
#define MAX_TOKEN 4096

const SkOption sk_global_options[] = {
    { 0, "root", "DIR", "talk to the daemon that was started with --root DIR (SKEP_ROOT)", .choices = "@file" },
    { 0, "socket", "PATH", "talk to the daemon at this socket (SKEP_SOCKET)", .choices = "@file" },
    { 0, "url", "URL", "talk to the daemon at https://HOST:8443 (SKEP_URL)" },
    { 0, "token", "TOKEN", "access token for --url (SKEP_TOKEN)" },
    { 0, "token-file", "FILE", "file with the access token; ~/.config/skep/token if it is there", .choices = "@file" },
    { 0, "fingerprint", "SHA256", "fingerprint that the daemon's certificate must have (SKEP_FINGERPRINT)" },
    { 0, "ca", "FILE", "PEM file of the certificates to trust (SKEP_CA)", .choices = "@file" },
    { 'o', "output", "FORMAT", "table, json, yaml or name", .choices = "table|json|yaml|name" },
    { 'q', "quiet", NULL, "no progress and no word about what was done" },
    { 'y', "yes", NULL, "do not ask before something is deleted" },
    { 0, "no-wait", NULL, "do not wait for the end of the job; print its id" },
    { 0, "timeout", "SECONDS", "give up waiting for a job or a guest after this time" },
    { 'h', "help", NULL, "help of the command" },
    { 0, "version", NULL, "version of skep" },
    { 0 },
};

/* -- which daemon ---------------------------------------------------------------------------------------------- */

/* The option, else the environment variable; NULL if neither. */
static char *
option_or_env(const SkArgs *args, const char *option, const char *variable)
{
    const char *text = sk_args_get(args, option);
    if (text == NULL)
        text = g_getenv(variable);
    return text != NULL && *text != '\0' ? g_strdup(text) : NULL;
}

static char *
choose_socket(const SkArgs *args)
{
    char *socket = option_or_env(args, "socket", "SKEP_SOCKET");
    g_autofree char *root = option_or_env(args, "root", "SKEP_ROOT");
    if (socket != NULL && !(sk_args_has(args, "root") && !sk_args_has(args, "socket")))
        return socket;
    g_free(socket);
    if (root != NULL)
        return g_build_filename(root, "run", "skep.sock", NULL);
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    if (getuid() != 0 && runtime != NULL && access(SYSTEM_SOCKET, F_OK) != 0)
        return g_build_filename(runtime, "skep", "skep.sock", NULL);
    return g_strdup(SYSTEM_SOCKET);
}

static gboolean
read_token(SkCli *self, const SkArgs *args, GError **error)
{
    self->target.token = option_or_env(args, "token", "SKEP_TOKEN");
    if (self->target.token != NULL)
        return TRUE;
    const char *given = sk_args_get(args, "token-file");
    g_autofree char *usual = g_build_filename(g_get_user_config_dir(), "skep", "token", NULL);
    if (given == NULL && (self->target.url == NULL || access(usual, R_OK) != 0))
        return TRUE;
    g_autofree char *text = sk_read_input(given != NULL ? given : usual, MAX_TOKEN, NULL, error);
    if (text == NULL)
        return FALSE;
    self->target.token = g_strdup(g_strstrip(text));
    return TRUE;
}

/* A socket or root on the command line beats a URL in the environment. */
static gboolean
choose_target(SkCli *self, const SkArgs *args, GError **error)
{
    gboolean local = sk_args_has(args, "socket") || sk_args_has(args, "root");
    if (local && sk_args_has(args, "url"))
        return sk_fail(error, SK_ERROR_INVALID, "give --url, or --socket or --root, not both");
    self->target.url = local ? NULL : option_or_env(args, "url", "SKEP_URL");
    self->target.socket = choose_socket(args);
    self->target.fingerprint = option_or_env(args, "fingerprint", "SKEP_FINGERPRINT");
    self->target.ca = option_or_env(args, "ca", "SKEP_CA");
    if (!read_token(self, args, error))
        return FALSE;
    if (self->target.token != NULL && sk_text_has_control(self->target.token))
        return sk_fail(error, SK_ERROR_INVALID, "the token has control characters in it");
    return TRUE;
}

static gboolean
read_globals(SkCli *self, const SkArgs *args, GError **error)
{
    gint format = SK_FORMAT_TABLE;
    const char *text = sk_args_get(args, "output");
    if (text != NULL && !sk_enum_parse(&sk_format_enum, text, &format, error))
        return FALSE;
    self->args = args;
    self->format = (SkFormat) format;
    self->quiet = sk_args_has(args, "quiet");
    self->yes = sk_args_has(args, "yes");
    self->no_wait = sk_args_has(args, "no-wait");
    return sk_args_uint(args, "timeout", 0, &self->timeout, error) && choose_target(self, args, error);
}

/* -- the run ------------------------------------------------------------------------------------------------------ */

static void
print_error(const GError *error)
{
    g_autofree char *clean = sk_text_clean(error->message);
    fprintf(stderr, "skep: %s\n", clean);
    if (sk_error_is(error, SK_ERROR_UNAUTHENTICATED))
        fputs("skep: --token, --token-file or SKEP_TOKEN gives a token; \"skep token create\" on the daemon's host makes one\n", stderr);
}

static void
print_string(GString *text)
{
    fwrite(text->str, 1, text->len, stdout);
}

/* Help that was asked for goes to standard output and is no error. */
static gint
run_help(const SkArgs *args)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const SkCommand *command = sk_args_command(args);
    const char *group = *sk_args_operands(args);
    if (command != NULL)
        sk_help_print_command(text, command);
    else if (group != NULL && sk_command_is_group(group))
        sk_help_print_group(text, group);
    else
        sk_help_print_all(text);
    print_string(text);
    return 0;
}

/* "skep" or "skep disk" alone: the help, on standard error, as a usage error. */
static gint
run_nothing(const SkArgs *args)
{
    if (sk_args_has(args, "version")) {
        printf("skep %s\n", SKEP_VERSION);
        return 0;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    const char *group = *sk_args_operands(args);
    if (group != NULL)
        sk_help_print_group(text, group);
    else
        sk_help_print_all(text);
    fwrite(text->str, 1, text->len, stderr);
    return 2;
}

static void
clear(SkCli *self)
{
    sk_http_free(self->http);
    sk_target_clear(&self->target);
}

/* A reader that has seen enough ("skep job ls | head") is no error worth a word. */
static gboolean
reader_left(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO };
    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

static gint
run_command(SkArgs *args, GError **error)
{
    SkCli cli = { 0 };
    gboolean ok = read_globals(&cli, args, error) && sk_args_command(args)->run(&cli, args, error);
    clear(&cli);
    if (!ok || (fflush(stdout) == 0 && !ferror(stdout)))
        return ok ? cli.exit_code : 1;
    if (reader_left())
        return 128 + SIGPIPE;
    sk_fail(error, SK_ERROR_IO, "cannot write to standard output");
    return 1;
}

gint
sk_cli_main(int argc, char **argv)
{
    g_autoptr(SkArgs) args = NULL;
    g_autoptr(GError) error = NULL;
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    (void) setvbuf(stdout, NULL, _IOLBF, 0);    /* "web1 created" is told before the wait for its guest, to a pipe too */
    gboolean ok = sk_args_parse(argv + 1, &args, &error);
    if (sk_args_has(args, "help") && (ok || sk_args_command(args) != NULL))
        return run_help(args);
    const char *stray = *sk_args_operands(args);
    if (ok && sk_args_command(args) == NULL && stray != NULL && !sk_command_is_group(stray))
        ok = sk_fail(&error, SK_ERROR_INVALID, "the command comes before \"--\": skep %s", stray);
    if (ok && sk_args_command(args) == NULL)
        return run_nothing(args);
    gint code = ok ? run_command(args, &error) : 0;
    if (error == NULL)
        return code;
    print_error(error);
    return sk_error_info_of(error)->exit_code;
}
