/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One conversation with a guest agent. */
#include "engine/agent/session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "codec/json/json.h"

#define SENTINEL "\xff"     /* makes both parsers forget what came before */
#define TEXT_MAX 500
#define LONG_TEXT_MAX 16384

void
sk_agent_session_init(SkAgentSession *self, gint fd, const char *domain, gint64 deadline)
{
    *self = (SkAgentSession) { .fd = fd, .domain = domain, .deadline = deadline };
    sk_lines_init(&self->lines, SK_AGENT_LINE_MAX);
}

void
sk_agent_session_clear(SkAgentSession *self)
{
    sk_lines_clear(&self->lines);
}

static char *
clean_text(const char *text, gsize max)
{
    const char *end;
    if (text == NULL)
        return NULL;
    char *clean = g_strndup(text, max);
    if (!g_utf8_validate(clean, -1, &end))
        clean[end - clean] = '\0';
    for (char *at = clean; *at != '\0'; at++) {
        if (g_ascii_iscntrl(*at))
            *at = ' ';
    }
    return clean;
}

char *
sk_agent_clean_text(const char *text)
{
    return clean_text(text, TEXT_MAX);
}

char *
sk_agent_clean_long_text(const char *text)
{
    return clean_text(text, LONG_TEXT_MAX);
}

/* -- bytes ------------------------------------------------------------------------------------------------------ */

/* Waits until the socket is ready for events; a TIMEOUT is told as what it means to the person. */
static gboolean
await(SkAgentSession *self, gshort events, GError **error)
{
    struct pollfd ready = { .fd = self->fd, .events = events };
    for (;;) {
        gint64 left = (self->deadline - g_get_monotonic_time()) / 1000;
        gint n = left > 0 ? poll(&ready, 1, (gint) MIN(left, G_MAXINT)) : 0;
        if (n > 0)
            return TRUE;
        if (n == 0 || errno != EINTR)
            return sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" does not answer: is qemu-guest-agent "
                           "running in the guest?", self->domain);
    }
}

static gboolean
send_all(SkAgentSession *self, const char *bytes, gsize length, GError **error)
{
    while (length > 0) {
        gssize n = send(self->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN && !await(self, POLLOUT, error))
            return FALSE;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return sk_fail_errno(error, errno, "cannot reach the guest agent of domain \"%s\"", self->domain);
        bytes += MAX(0, n);
        length -= (gsize) MAX(0, n);
    }
    return TRUE;
}

static gssize
receive_some(SkAgentSession *self, char *bytes, gsize size, GError **error)
{
    for (;;) {
        gssize n = recv(self->fd, bytes, size, MSG_DONTWAIT);
        if (n > 0)
            return n;
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            sk_fail(error, SK_ERROR_AGENT, "the connection to the guest agent of domain \"%s\" was cut", self->domain);
            return -1;
        }
        if (errno == EAGAIN && !await(self, POLLIN, error))
            return -1;
    }
}

/* Bytes up to the last sentinel belong to conversations of the past. */
static gboolean
push(SkAgentSession *self, const char *bytes, gsize length)
{
    const char *sentinel = memrchr(bytes, SENTINEL[0], length);
    if (sentinel != NULL) {
        sk_lines_reset(&self->lines);
        length -= (gsize) (sentinel + 1 - bytes);
        bytes = sentinel + 1;
    }
    return sk_lines_push(&self->lines, bytes, length);
}

static char *
receive_line(SkAgentSession *self, gsize *out_length, GError **error)
{
    char bytes[16384];
    char *line;
    while ((line = sk_lines_pop(&self->lines, out_length)) == NULL) {
        gssize n = receive_some(self, bytes, sizeof bytes, error);
        if (n < 0)
            return NULL;
        if (!push(self, bytes, (gsize) n)) {
            sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" gives an answer longer than %d MiB", self->domain,
                    SK_AGENT_LINE_MAX >> 20);
            return NULL;
        }
    }
    return line;
}

/* -- messages ------------------------------------------------------------------------------------------------------ */

gboolean
sk_agent_session_send(SkAgentSession *self, const char *command, json_t *args, GError **error)
{
    g_autoptr(json_t) request = json_pack("{s:s, s:O*}", "execute", command, "arguments", args);
    g_autofree char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    if (text == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%.100s\" is not a command for a guest agent", command);
    return send_all(self, text, strlen(text), error) && send_all(self, "\n", 1, error);
}

json_t *
sk_agent_session_receive(SkAgentSession *self, const char *command, GError **error)
{
    gsize length;
    char *line = receive_line(self, &length, error);
    if (line == NULL)
        return NULL;
    g_autoptr(json_t) root = sk_json_parse(line, length, "answer", NULL);
    json_t *result = json_object_get(root, "return");
    json_t *reason = json_object_get(json_object_get(root, "error"), "desc");
    g_autofree char *text = sk_agent_clean_text(json_string_value(reason));
    if (text != NULL)
        sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" refused \"%s\": %s", self->domain, command, text);
    else if (result == NULL)
        sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" gives an answer to \"%s\" that cannot be understood",
                self->domain, command);
    else
        return json_incref(result);
    return NULL;
}

/* The number that a line returns, -1 if it is anything else: left over from earlier. */
static gint64
returned_number(const char *line, gsize length)
{
    g_autoptr(json_t) root = sk_json_parse(line, length, "answer", NULL);
    json_t *number = json_object_get(root, "return");
    return json_is_integer(number) ? json_integer_value(number) : -1;
}

gboolean
sk_agent_session_sync(SkAgentSession *self, guint32 id, GError **error)
{
    g_autoptr(json_t) args = json_pack("{s:I}", "id", (json_int_t) id);
    gsize length;
    char *line;
    if (!send_all(self, SENTINEL, 1, error) || !sk_agent_session_send(self, "guest-sync-delimited", args, error))
        return FALSE;
    while ((line = receive_line(self, &length, error)) != NULL) {
        if (returned_number(line, length) == id)
            return TRUE;
    }
    return FALSE;
}
