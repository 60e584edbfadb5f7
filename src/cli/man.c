/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manual page (roff) and the reference (Markdown), from the command table. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* -- roff ---------------------------------------------------------------------------------------------------------- */

static void
roff(GString *out, const char *text)
{
    gboolean line_start = TRUE;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            g_string_append(out, "\\&");
        if (*text == '\\')
            g_string_append(out, "\\e");
        else if (*text == '-')
            g_string_append(out, "\\-");
        else
            g_string_append_c(out, *text);
        line_start = *text == '\n';
    }
}

static void
roff_option(GString *out, const SkCommand *command, const SkOption *option)
{
    g_string_append(out, ".TP\n.B ");
    if (option->letter != 0)
        g_string_append_printf(out, "\\-%c, ", option->letter);
    g_string_append(out, "\\-\\-");
    roff(out, option->name);
    if (option->value != NULL) {
        g_string_append(out, "\\fR \\fI");
        roff(out, option->value);
        g_string_append(out, "\\fR");
    }
    g_string_append_c(out, '\n');
    roff(out, sk_option_help(command, option));
    g_string_append(out, ".\n");
}

static void
roff_command(GString *out, const SkCommand *command)
{
    g_string_append(out, ".SS skep ");
    roff(out, command->words);
    if (command->operands != NULL) {
        g_string_append_c(out, ' ');
        roff(out, command->operands);
    }
    const char *help = sk_command_help(command);
    g_string_append_printf(out, "\n%c", g_ascii_toupper(*help));
    roff(out, help + 1);
    g_string_append(out, ".\n");
    if (command->notes != NULL) {
        roff(out, command->notes);
        g_string_append_c(out, '\n');
    }
    for (const SkOption *at = command->options; at != NULL && at->name != NULL; at++)
        roff_option(out, command, at);
    g_string_append(out, ".PP\n.nf\n");
    roff(out, command->examples);
    g_string_append(out, "\n.fi\n");
}

static const char man_end[] =
    ".SH ENVIRONMENT\n"
    ".TP\n.B SKEP_ROOT, SKEP_SOCKET, SKEP_URL, SKEP_TOKEN, SKEP_FINGERPRINT, SKEP_CA\nAs the options of the same names.\n"
    ".TP\n.B VISUAL, EDITOR\nThe editor of skep edit.\n"
    ".SH FILES\n"
    ".TP\n.I /run/skep/skep.sock\nWhere skep finds the daemon of the system. If it is not there, a user's own daemon is looked for at\n"
    ".I $XDG_RUNTIME_DIR/skep/skep.sock .\n"
    ".TP\n.I ~/.config/skep/token\nThe token for \\-\\-url, if none is given.\n"
    ".TP\n.I ~/.local/share/skep/known_hosts/\nHost keys of guests, a file for each domain.\n"
    ".SH EXIT STATUS\n"
    "0 done, 1 failed, 2 wrong usage or value, 3 not found, 4 in the way (state, in use, taken), 5 not allowed, 6 no daemon, "
    "7 timed out, 8 cancelled, 9 not supported here, 130 interrupted by Ctrl-C (what was asked for goes on). skep ssh and skep agent exec end as the command in the guest did.\n";

gboolean
sk_run_man(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, ".TH SKEP 1 \"\" \"skep %s\" \"Skep\"\n.SH NAME\nskep \\- virtual machines on KVM\n", SKEP_VERSION);
    g_string_append(out, ".SH SYNOPSIS\n.B skep\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n"
                         ".SH DESCRIPTION\nskep is the command of\n.BR skepd (8):\nit makes, shows, changes and uses domains (virtual machines), "
                         "images, networks and storage through the daemon's REST API.\n.SH OPTIONS\n");
    for (const SkOption *at = sk_global_options; at->name != NULL; at++)
        roff_option(out, NULL, at);
    g_string_append(out, ".SH COMMANDS\n");
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        if (!row->hidden)
            roff_command(out, row);
    }
    g_string_append(out, man_end);
    fwrite(out->str, 1, out->len, stdout);
    return TRUE;
}

/* -- Markdown --------------------------------------------------------------------------------------------------------- */

/* The help as it is printed, so that page and program cannot differ. */
static void
reference_command(GString *out, const SkCommand *command)
{
    g_autoptr(GString) help = g_string_new(NULL);
    sk_help_print_command(help, command);
    g_string_append_printf(out, "\n### skep %s\n\n```text\n%s```\n", command->words, help->str);
    if (command->ops == NULL)
        return;
    g_string_append(out, "\nOperations:");
    for (const gint *op = command->ops; *op >= 0; op++)
        g_string_append_printf(out, "%s `%s`", op == command->ops ? "" : ",", sk_operation((SkOperationId) *op)->name);
    g_string_append_c(out, '\n');
}

gboolean
sk_run_reference(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(GString) out = g_string_new("# The skep command\n\nMade by `skep reference` from the command table; do not edit.\n\n```text\n");
    sk_help_print_all(out);
    g_string_append(out, "```\n");
    for (const SkFamily *family = sk_families; family->title != NULL; family++) {
        g_string_append_printf(out, "\n## %s\n", family->title);
        for (const SkCommand *row = family->commands; row->words != NULL; row++) {
            if (!row->hidden)
                reference_command(out, row);
        }
    }
    fwrite(out->str, 1, out->len, stdout);
    return TRUE;
}
