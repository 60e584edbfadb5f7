/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections of a migration: where, and the greeting. */
#include "engine/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"

#define MAGIC "SKEPM1"
#define TOKEN 32
#define FIRST_PORT 49152
#define LAST_PORT 49215
/* A peer that does not acknowledge for so long is gone. */
#define SILENCE_MS 30000
#define CONNECT_SECONDS 30

/* -- greeting ------------------------------------------------------------------------------------------------- */

static const char kinds[SK_N_WIRES] = { [SK_WIRE_STATE] = 'S', [SK_WIRE_WORDS] = 'W', [SK_WIRE_DISK] = 'D', [SK_WIRE_CHANNEL] = 'C' };

char *
sk_wire_token(void)
{
    g_autofree char *uuid = g_uuid_string_random();
    g_auto(GStrv) parts = g_strsplit(uuid, "-", -1);
    return g_strjoinv("", parts);
}

/* Takes as long whatever differs. */
static gboolean
same_token(const char *given, const char *token)
{
    guint differs = strlen(token) != TOKEN;
    for (guint i = 0; !differs && i < TOKEN; i++)
        differs |= (guint) (guchar) (given[i] ^ token[i]);
    return differs == 0;
}

gboolean
sk_wire_parse_hello(const char *hello, const char *token, SkWire *out_wire)
{
    const char *kind = memchr(kinds, hello[strlen(MAGIC)], sizeof kinds);
    if (memcmp(hello, MAGIC, strlen(MAGIC)) != 0 || kind == NULL || hello[SK_WIRE_HELLO - 1] != '\n' ||
        !same_token(hello + strlen(MAGIC) + 1, token))
        return FALSE;
    *out_wire = (SkWire) (kind - kinds);
    return TRUE;
}

/* -- addresses --------------------------------------------------------------------------------------------------- */

typedef struct {
    char *path;             /* a Unix socket; NULL: TCP */
    char *host;             /* NULL: not given */
    guint port;             /* 0: not given */
} Address;

static void
address_clear(Address *self)
{
    g_clear_pointer(&self->path, g_free);
    g_clear_pointer(&self->host, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Address, address_clear)

static const char *
skip(const char *text, const char *scheme)
{
    if (!g_str_has_prefix(text, scheme))
        return NULL;
    text += strlen(scheme);
    return g_str_has_prefix(text, "//") ? text + 2 : text;
}

/* "HOST", "HOST:PORT", "[::1]:PORT"; a slash at the end is of a URI. */
static gboolean
parse_tcp(const char *text, Address *out)
{
    g_autofree char *rest = g_strdup(text);
    if (g_str_has_suffix(rest, "/"))
        rest[strlen(rest) - 1] = '\0';
    char *end = rest[0] == '[' ? strchr(rest, ']') : NULL;
    char *colon = strrchr(end != NULL ? end : rest, ':');
    guint64 port = 0;
    if (rest[0] == '[' && end == NULL)
        return FALSE;
    if (colon != NULL && colon[1] != '\0' && !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
        return FALSE;
    if (colon != NULL)
        *colon = '\0';
    if (end != NULL)
        *end = '\0';
    const char *host = end != NULL ? rest + 1 : rest;
    out->host = *host != '\0' ? g_strdup(host) : NULL;
    out->port = (guint) port;
    return TRUE;
}

static gboolean
parse(const char *address, Address *out, GError **error)
{
    *out = (Address){ 0 };
    const char *path = address != NULL ? skip(address, "unix:") : NULL, *tcp = address != NULL ? skip(address, "tcp:") : NULL;
    if (address == NULL)
        return TRUE;
    /* "unix:///path": two slashes belong to the URI, the third to the path. */
    if (path != NULL && path[0] == '/') {
        out->path = g_strdup(path);
        return TRUE;
    }
    if (tcp != NULL && parse_tcp(tcp, out))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "a domain cannot be moved over \"%.200s\": give tcp:HOST:PORT or unix:PATH", address);
}

gboolean
sk_wire_check(const char *address, GError **error)
{
    g_auto(Address) parsed;
    return parse(address, &parsed, error);
}

/* -- listening ------------------------------------------------------------------------------------------------------ */

static gint
listen_at(const char *bind_to, guint port, GError **error)
{
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string(bind_to, port);
    if (address == NULL) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no IP address to listen at", bind_to);
        return -1;
    }
    g_autoptr(GError) failed = NULL;
    g_autoptr(GSocket) socket = g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &failed);
    if (socket == NULL || !g_socket_bind(socket, address, TRUE, &failed) || !g_socket_listen(socket, &failed)) {
        sk_fail(error, SK_ERROR_HOST, "cannot listen at TCP port %u of \"%s\": %s", port, bind_to, failed->message);
        return -1;
    }
    gint fd = fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        sk_fail_errno(error, errno, "cannot keep a socket");
    return fd;
}

/* "::" is IPv4 too; a host without IPv6 has only the other. */
static gint
listen_any(guint port, GError **error)
{
    g_autoptr(GError) failed = NULL;
    gint fd = listen_at("::", port, &failed);
    return fd >= 0 ? fd : listen_at("0.0.0.0", port, error);
}

static gint
listen_tcp(const Address *address, const char *bind_to, guint *out_port, GError **error)
{
    guint first = address->port > 0 ? address->port : FIRST_PORT, last = address->port > 0 ? address->port : LAST_PORT;
    for (guint port = first; port <= last; port++) {
        g_autoptr(GError) failed = NULL;
        gint fd = bind_to != NULL ? listen_at(bind_to, port, &failed) : listen_any(port, &failed);
        if (fd >= 0) {
            *out_port = port;
            return fd;
        }
        if (port == last)
            g_propagate_error(error, g_steal_pointer(&failed));
    }
    return -1;
}

gint
sk_wire_listen(const char *address, const char *bind_to, char **out_address, GError **error)
{
    g_auto(Address) parsed;
    guint port = 0;
    if (!parse(address, &parsed, error))
        return -1;
    g_auto(SkFd) fd = parsed.path != NULL ? sk_fs_listen_unix(parsed.path, 0600, error) : listen_tcp(&parsed, bind_to, &port, error);
    if (fd < 0 || !g_unix_set_fd_nonblocking(fd, TRUE, error))
        return -1;
    const char *host = parsed.host != NULL ? parsed.host : g_get_host_name();
    *out_address = parsed.path != NULL ? g_strconcat("unix:", parsed.path, NULL)
                                       : g_strdup_printf(strchr(host, ':') != NULL ? "tcp:[%s]:%u" : "tcp:%s:%u", host, port);
    return sk_fd_steal(&fd);
}

/* -- connecting --------------------------------------------------------------------------------------------------------- */

static void
notice_silence(gint fd)
{
    const gint on = 1, idle = 10, probes = 3;
    const guint silence = SILENCE_MS;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
}

static gint
connect_tcp(const Address *address, GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GError) failed = NULL;
    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, CONNECT_SECONDS);
    g_autoptr(GSocketConnectable) peer = g_network_address_new(address->host != NULL ? address->host : "localhost", (guint16) address->port);
    g_autoptr(GSocketConnection) connection = g_socket_client_connect(client, peer, cancellable, &failed);
    if (connection == NULL) {
        sk_fail(error, SK_ERROR_HOST, "cannot reach the destination at TCP port %u of \"%s\": %s", address->port, address->host, failed->message);
        return -1;
    }
    g_auto(SkFd) fd = fcntl(g_socket_get_fd(g_socket_connection_get_socket(connection)), F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || !g_unix_set_fd_nonblocking(fd, FALSE, error))
        return -1;
    notice_silence(fd);
    return sk_fd_steal(&fd);
}

gint
sk_wire_connect(const char *address, const char *token, SkWire wire, GCancellable *cancellable, GError **error)
{
    g_auto(Address) parsed;
    if (!parse(address, &parsed, error))
        return -1;
    g_auto(SkFd) fd = parsed.path != NULL ? sk_fs_connect_unix(parsed.path, error) : connect_tcp(&parsed, cancellable, error);
    if (fd < 0)
        return -1;
    if (strlen(token) != TOKEN) {
        sk_fail(error, SK_ERROR_INVALID, "the destination gave a token that is none");
        return -1;
    }
    g_autofree char *hello = g_strdup_printf(MAGIC "%c%s\n", kinds[wire], token);
    return sk_fd_write_all(fd, hello, SK_WIRE_HELLO, error) ? sk_fd_steal(&fd) : -1;
}

/* -- words ------------------------------------------------------------------------------------------------------------------ */

gboolean
sk_wire_say(gint fd, const char *word, GError **error)
{
    g_autofree char *line = g_strconcat(word, "\n", NULL);
    gssize length = (gssize) strlen(line);
    if (send(fd, line, (gsize) length, MSG_NOSIGNAL) == length)
        return TRUE;
    return sk_fail_errno(error, errno, "the other host does not listen");
}

char *
sk_wire_hear(gint fd, gint timeout_ms, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64) timeout_ms * 1000;
    char line[64];
    for (guint length = 0; length < sizeof line - 1;) {
        struct pollfd waiting = { .fd = fd, .events = POLLIN };
        gint left = (gint) ((end - g_get_monotonic_time()) / 1000);
        if (left <= 0 || poll(&waiting, 1, left) == 0) {
            sk_fail(error, SK_ERROR_TIMEOUT, "the other host does not answer");
            return NULL;
        }
        gssize n = recv(fd, line + length, 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0) {
            sk_fail(error, SK_ERROR_IO, "the other host has cut the connection");
            return NULL;
        }
        if (line[length] == '\n')
            return g_strndup(line, length);
        length++;
    }
    sk_fail(error, SK_ERROR_IO, "the other host says what cannot be understood");
    return NULL;
}
