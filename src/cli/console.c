/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep console, log, vnc and ssh: the table; console and log themselves. */
#include "cli/console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/terminal.h"
#include "codec/json/json.h"

#define DETACH 0x1d             /* Ctrl-] */

typedef struct {
    gboolean raw;               /* the terminal is raw: lines need "\r\n" */
    gboolean take_over;         /* asked for at the start */
} Session;

/* -- opening, for serial and VNC -------------------------------------------------------------------------------- */

SkWebSocket *
sk_console_open(SkCli *self, const char *domain, json_t *request, SkWebSocketMessage message, gpointer data, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_CONSOLE_TICKET, domain);
    sk_ask_take_body(ask, request);
    g_autoptr(json_t) ticket = sk_cli_ask(self, ask, NULL, error);
    const char *path = sk_json_text_at(ticket, "path"), *secret = sk_json_text_at(ticket, "ticket");
    if (ticket == NULL)
        return NULL;
    if (secret == NULL) {
        sk_fail(error, SK_ERROR_IO, "the daemon gave no ticket for the console");
        return NULL;
    }
    g_autoptr(SkAsk) open = sk_ask_new(SK_OP_CONSOLE_OPEN);
    sk_ask_set(open, "ticket", secret);
    g_autofree char *target = path != NULL && strchr(path, '?') != NULL ? g_strdup(path) : sk_ask_target(open, error);
    g_autoptr(SkHttpAnswer) refusal = NULL;
    SkStream *stream = sk_http_upgrade(sk_cli_http(self), target, &refusal, error);
    if (refusal != NULL) {
        g_autoptr(json_t) body = json_loadb(refusal->body->str, refusal->body->len, 0, NULL);
        sk_cli_set_error(error, refusal->head.status, body);
    }
    return stream != NULL ? sk_websocket_new(stream, message, data) : NULL;
}

/* -- the serial console ------------------------------------------------------------------------------------------- */

static void
print_notice(const Session *self, const char *text)
{
    g_autofree char *clean = sk_text_clean(text);
    const char *end = self->raw ? "\r\n" : "\n";
    fprintf(stderr, "%s[skep: %s]%s", end, clean, end);
}

/* Bytes are the guest's and go to the terminal as they are, as from any serial line. */
static void
on_message(gboolean text, const void *data, gsize length, gpointer user_data)
{
    const Session *self = user_data;
    if (!text) {
        (void) sk_fd_write_all(STDOUT_FILENO, data, length, NULL);
        return;
    }
    g_autoptr(json_t) message = json_loadb(data, length, 0, NULL);
    const char *notice = sk_json_text_at(message, "notice");
    if (notice != NULL)
        print_notice(self, notice);
}

/* Sends what was typed. *out_end: the user has detached, or there is no more input. */
static gboolean
pass_input(SkWebSocket *socket, gboolean raw, gboolean read_only, gboolean *out_end, GError **error)
{
    char bytes[4096];
    gssize n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return TRUE;
    const char *detach = raw && n > 0 ? memchr(bytes, DETACH, (gsize) n) : NULL;
    gsize length = detach != NULL ? (gsize) (detach - bytes) : (gsize) MAX(n, 0);
    *out_end = detach != NULL || n <= 0;
    return read_only || length == 0 || sk_websocket_send(socket, FALSE, bytes, length, error);
}

/* Until the user detaches or the console is closed. Input that ends does not end the output. */
static gboolean
pump(SkWebSocket *socket, const Session *session, gboolean read_only, GError **error)
{
    struct pollfd fds[2] = { { .fd = sk_websocket_fd(socket), .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
    for (;;) {
        GError *failure = NULL;
        if (!sk_websocket_receive(socket, &failure)) {
            if (failure != NULL)
                g_propagate_error(error, failure);
            else
                print_notice(session, "the console was closed");
            return failure == NULL;
        }
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
            return sk_fail_errno(error, errno, "cannot wait for the console");
        (void) sk_terminal_was_resized();
        gboolean ended = FALSE;
        if (fds[1].revents != 0 && !pass_input(socket, session->raw, read_only, &ended, error))
            return FALSE;
        if (ended && session->raw)
            return TRUE;
        if (ended)
            fds[1].fd = -1;
        fds[1].revents = 0;
    }
}

gboolean
sk_run_console(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    gboolean read_only = sk_args_has(args, "read-only"), take_over = sk_args_has(args, "take-over");
    Session session = { .take_over = take_over };
    guint port;
    if (!sk_args_uint(args, "port", 0, &port, error))
        return FALSE;
    json_t *request = json_pack("{s:s, s:i, s:b, s:b}", "kind", "serial", "port", (int) port, "read_only", read_only, "take_over", take_over);
    g_autoptr(SkWebSocket) socket = sk_console_open(self, name, request, on_message, &session, error);
    if (socket == NULL)
        return FALSE;
    if (isatty(STDIN_FILENO) && !self->quiet)
        fprintf(stderr, "Console of %s; Ctrl-] detaches.\n", name);
    session.raw = sk_terminal_raw();
    gboolean ok = pump(socket, &session, read_only, error);
    sk_terminal_restore();
    if (ok)
        sk_websocket_close(socket);
    if (session.raw && !self->quiet)
        fputs("\nDetached.\n", stderr);
    return ok;
}

/* -- the log -------------------------------------------------------------------------------------------------------- */

static gboolean
write_out(const void *bytes, gsize length, gpointer data, GError **error)
{
    return sk_fd_write_all(STDOUT_FILENO, bytes, length, error);
}

gboolean
sk_run_bytes(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new((SkOperationId) sk_args_command(args)->ops[0]);
    sk_ask_fill(ask, args);
    g_autofree char *target = sk_ask_target(ask, error);
    SkHttpRequest request = { .method = "GET", .path = target, .sink = write_out };
    g_autoptr(SkHttpAnswer) answer = target != NULL ? sk_http_ask(sk_cli_http(self), &request, error) : NULL;
    if (answer == NULL)
        return FALSE;
    if (answer->head.status / 100 == 2)
        return TRUE;
    g_autoptr(json_t) body = json_loadb(answer->body->str, answer->body->len, 0, NULL);
    sk_cli_set_error(error, answer->head.status, body);
    return FALSE;
}

const SkCommand sk_console_commands[] = {
    { .words = "console", .operands = "DOMAIN", .help = "use a domain's serial console (detach: Ctrl-])",
      .ops = SK_OPS(SK_OP_CONSOLE_TICKET, SK_OP_CONSOLE_OPEN), .run = sk_run_console,
      .options = SK_OPTIONS({ 'p', "port", "NUMBER", "number of the serial port; 0 if not given" },
                            { 't', "take-over", NULL, "become the writer even if somebody else is" },
                            { 'r', "read-only", NULL, "only look" }),
      .notes = "What the console printed before comes first. Many can look; one can write. Without a terminal, standard input is sent and "
               "the output goes on until the console is closed.",
      .examples = "skep console web1\nskep console --read-only web1 < /dev/null" },
    { .words = "log", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_CONSOLE_LOG), .run = sk_run_bytes,
      .options = SK_OPTIONS({ 'p', "port", "NUMBER", .param = "port" }, { 0, "offset", "BYTES", .param = "offset" }),
      .examples = "skep log web1\nskep log web1 | tail" },
    { .words = "vnc", .operands = "DOMAIN", .help = "offer a domain's screen to a VNC viewer on this machine",
      .ops = SK_OPS(SK_OP_CONSOLE_TICKET, SK_OP_CONSOLE_OPEN, SK_OP_DOMAIN_SHOW), .run = sk_run_vnc,
      .options = SK_OPTIONS({ 0, "listen", "ADDRESS:PORT", "where the viewer connects; a free port of 127.0.0.1 if not given" },
                            { '1', "once", NULL, "end when the viewer leaves" },
                            { 0, "show", NULL, "print where QEMU itself listens, and offer nothing" }),
      .notes = "Runs until Ctrl-C; one viewer at a time.", .examples = "skep vnc web1\nskep vnc web1 --listen 127.0.0.1:5901 --once" },
    { .words = "ssh", .operands = "DOMAIN [COMMAND...]", .help = "log in to a guest by ssh, or run a command in it",
      .ops = SK_OPS(SK_OP_DOMAIN_SHOW, SK_OP_IMAGE_SHOW, SK_OP_IMAGE_LIST, SK_OP_VOLUME_SHOW), .run = sk_run_ssh,
      .options = SK_OPTIONS({ 'l', "user", "NAME", "account; that of cloud-init or of the image if not given" },
                            { 'i', "identity", "FILE", "private key to use", .choices = "@file" },
                            { 'p', "print", NULL, "print the ssh command instead of running it" }),
      .notes = "The address comes from the domain's lease or agent, or its user-mode forward to port 22. Host keys are kept apart for each "
               "domain, so that a new guest at an old address gives no alarm. The exit code is that of ssh.",
      .examples = "skep ssh web1\nskep ssh web1 -- uname -a\nskep ssh -l root web1 -- systemctl is-system-running" },
    { 0 },
};
