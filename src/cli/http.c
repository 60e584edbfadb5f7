/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP client: heads, bodies by length or in chunks, one connection kept alive. */
#include "cli/http.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

#define PIECE (128 * 1024)
#define MAX_HEADERS 100
#define WEBSOCKET_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct SkHttp {
    const SkTarget *target;
    char *host;                 /* of the URL */
    guint port;
    SkStream *stream;
    GByteArray *in;             /* read, not used yet */
    gboolean used;              /* the connection has carried an answer before */
};

void
sk_target_clear(SkTarget *self)
{
    g_free(self->socket);
    g_free(self->url);
    g_free(self->token);
    g_free(self->fingerprint);
    g_free(self->ca);
    memset(self, 0, sizeof *self);
}

/* -- heads -------------------------------------------------------------------------------------------------- */

void
sk_http_head_clear(SkHttpHead *self)
{
    g_clear_pointer(&self->headers, g_hash_table_unref);
}

void
sk_http_answer_free(SkHttpAnswer *self)
{
    if (self == NULL)
        return;
    sk_http_head_clear(&self->head);
    if (self->body != NULL)
        g_string_free(self->body, TRUE);
    g_free(self);
}

static gboolean
parse_status(const char *line, guint *out, GError **error)
{
    guint64 status;
    g_auto(GStrv) parts = g_strsplit(line, " ", 3);
    if (g_strv_length(parts) < 2 || !g_str_has_prefix(parts[0], "HTTP/1.") ||
        !g_ascii_string_to_unsigned(parts[1], 10, 100, 599, &status, NULL))
        return sk_fail(error, SK_ERROR_IO, "the daemon's answer is not HTTP: is something else listening there?");
    *out = (guint) status;
    return TRUE;
}

static gboolean
parse_header(SkHttpHead *self, const char *line, GError **error)
{
    const char *colon = strchr(line, ':');
    if (colon == NULL || colon == line || g_hash_table_size(self->headers) >= MAX_HEADERS)
        return sk_fail(error, SK_ERROR_IO, "the daemon's answer has a broken head");
    g_autofree char *raw = g_strndup(line, (gsize) (colon - line));
    g_hash_table_insert(self->headers, g_ascii_strdown(raw, -1), g_strstrip(g_strdup(colon + 1)));
    return TRUE;
}

/* How the body comes. */
static gboolean
read_framing(SkHttpHead *self, GError **error)
{
    const char *length = g_hash_table_lookup(self->headers, "content-length");
    const char *coding = g_hash_table_lookup(self->headers, "transfer-encoding");
    const char *connection = g_hash_table_lookup(self->headers, "connection");
    guint64 number;
    self->close = connection != NULL && g_ascii_strcasecmp(connection, "close") == 0;
    self->chunked = coding != NULL && g_ascii_strcasecmp(coding, "chunked") == 0;
    self->length = -1;
    if (length == NULL)
        return TRUE;
    if (!g_ascii_string_to_unsigned(length, 10, 0, G_MAXINT64, &number, NULL))
        return sk_fail(error, SK_ERROR_IO, "the daemon's answer has the Content-Length \"%.32s\"", length);
    self->length = (gint64) number;
    return TRUE;
}

gboolean
sk_http_parse_head(const char *text, gsize length, SkHttpHead *out, GError **error)
{
    memset(out, 0, sizeof *out);
    if (length > SK_HTTP_MAX_HEAD || memchr(text, '\0', length) != NULL)
        return sk_fail(error, SK_ERROR_IO, "the daemon's answer has a broken head");
    g_autofree char *copy = g_strndup(text, length);
    g_auto(GStrv) lines = g_strsplit(copy, "\r\n", -1);
    out->headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    gboolean ok = parse_status(lines[0] != NULL ? lines[0] : "", &out->status, error);
    for (guint i = 1; ok && lines[i] != NULL && *lines[i] != '\0'; i++)
        ok = parse_header(out, lines[i], error);
    ok = ok && read_framing(out, error);
    if (!ok)
        sk_http_head_clear(out);
    return ok;
}

/* -- the connection -------------------------------------------------------------------------------------------- */

SkHttp *
sk_http_new(const SkTarget *target)
{
    SkHttp *self = g_new0(SkHttp, 1);
    self->target = target;
    self->in = g_byte_array_new();
    return self;
}

SkHttp *
sk_http_new_stream(SkStream *stream)
{
    static const SkTarget nowhere = { .socket = (char *) "" };
    SkHttp *self = sk_http_new(&nowhere);
    self->stream = stream;
    return self;
}

void
sk_http_free(SkHttp *self)
{
    if (self == NULL)
        return;
    sk_stream_free(self->stream);
    g_byte_array_unref(self->in);
    g_free(self->host);
    g_free(self);
}

static gboolean
parse_url(SkHttp *self, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(self->target->url, G_URI_FLAGS_NONE, NULL);
    if (uri == NULL || g_strcmp0(g_uri_get_scheme(uri), "https") != 0 || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0')
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not the URL of a daemon: give https://HOST:8443", self->target->url);
    g_free(self->host);
    self->host = g_strdup(g_uri_get_host(uri));
    self->port = g_uri_get_port(uri) > 0 ? (guint) g_uri_get_port(uri) : 8443;
    return TRUE;
}

const char *
sk_http_host(const SkHttp *self)
{
    if (self->target->url == NULL)
        return NULL;
    if (self->host == NULL)
        (void) parse_url((SkHttp *) self, NULL);
    return self->host;
}

static SkStream *
open_stream(SkHttp *self, GError **error)
{
    if (self->target->url == NULL && *self->target->socket != '\0')
        return sk_stream_open_unix(self->target->socket, error);
    if (self->target->url == NULL) {
        sk_fail(error, SK_ERROR_UNREACHABLE, "the connection has ended");
        return NULL;
    }
    if (!parse_url(self, error))
        return NULL;
    return sk_stream_open_tls(self->host, self->port, self->target->ca, self->target->fingerprint, error);
}

static void
drop_stream(SkHttp *self)
{
    g_clear_pointer(&self->stream, sk_stream_free);
    g_byte_array_set_size(self->in, 0);
    self->used = FALSE;
}

static gboolean
need_stream(SkHttp *self, GError **error)
{
    if (self->stream == NULL)
        self->stream = open_stream(self, error);
    return self->stream != NULL;
}

/* -- asking ---------------------------------------------------------------------------------------------------- */

static void
write_head(const SkHttp *self, GString *out, const SkHttpRequest *request)
{
    g_string_append_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: skep\r\nAccept: application/json\r\n", request->method,
                           request->path, self->host != NULL ? self->host : "localhost");
    if (self->target->token != NULL)
        g_string_append_printf(out, "Authorization: Bearer %s\r\n", self->target->token);
    for (guint i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        g_string_append_printf(out, "%s\r\n", request->headers[i]);
    gboolean has_body = request->body != NULL || request->body_fd > 0;
    if (has_body)
        g_string_append_printf(out, "Content-Type: %s\r\n", request->body_type != NULL ? request->body_type : "application/json");
    if (has_body || !g_str_equal(request->method, "GET"))
        g_string_append_printf(out, "Content-Length: %zu\r\n", request->body_length);
    g_string_append(out, "\r\n");
}

static gboolean
send_file(SkHttp *self, const SkHttpRequest *request, GError **error)
{
    g_autofree char *piece = g_malloc(PIECE);
    guint64 done = 0;
    while (done < request->body_length) {
        gssize n = read(request->body_fd, piece, MIN(PIECE, request->body_length - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sk_fail(error, SK_ERROR_IO, "the file ended after %" G_GUINT64_FORMAT " of %zu bytes", done, request->body_length);
        if (!sk_stream_write(self->stream, piece, (gsize) n, error))
            return FALSE;
        done += (guint64) n;
        if (request->progress != NULL)
            request->progress(done, request->body_length, request->data);
    }
    return TRUE;
}

static gboolean
send_request(SkHttp *self, const SkHttpRequest *request, GError **error)
{
    g_autoptr(GString) head = g_string_sized_new(512);
    write_head(self, head, request);
    if (request->body != NULL)
        g_string_append_len(head, request->body, (gssize) request->body_length);
    return sk_stream_write(self->stream, head->str, head->len, error) && (request->body_fd <= 0 || send_file(self, request, error));
}

/* -- answers ------------------------------------------------------------------------------------------------------ */

/* Reads more into self->in: 0 at the end, -1 on error. */
static gssize
fill(SkHttp *self, GError **error)
{
    guint before = self->in->len;
    g_byte_array_set_size(self->in, before + PIECE);
    gssize n = sk_stream_read(self->stream, self->in->data + before, PIECE, error);
    g_byte_array_set_size(self->in, before + (guint) MAX(n, 0));
    return n;
}

static gboolean
read_head(SkHttp *self, SkHttpHead *out, gboolean *out_nothing, GError **error)
{
    *out_nothing = FALSE;
    for (;;) {
        const char *end = self->in->len > 0 ? g_strstr_len((const char *) self->in->data, (gssize) self->in->len, "\r\n\r\n") : NULL;
        if (end != NULL) {
            gsize length = (gsize) (end - (const char *) self->in->data);
            gboolean ok = sk_http_parse_head((const char *) self->in->data, length, out, error);
            g_byte_array_remove_range(self->in, 0, (guint) length + 4);
            if (!ok || out->status >= 200 || out->status == 101)
                return ok;
            sk_http_head_clear(out);
            continue;
        }
        if (self->in->len > SK_HTTP_MAX_HEAD)
            return sk_fail(error, SK_ERROR_IO, "the daemon's answer has a head of more than %u bytes", SK_HTTP_MAX_HEAD);
        gssize n = fill(self, error);
        *out_nothing = n <= 0 && self->in->len == 0;
        if (n == 0)
            return sk_fail(error, SK_ERROR_UNREACHABLE, "the daemon closed the connection without an answer");
        if (n < 0)
            return FALSE;
    }
}

/* Where a body goes. */
typedef struct {
    SkHttpAnswer *answer;
    const SkHttpRequest *request;
    gboolean to_sink;
    guint64 done, total;
} Body;

static gboolean
take_body(Body *body, const void *bytes, gsize length, GError **error)
{
    body->done += length;
    if (!body->to_sink) {
        if (body->done > SK_HTTP_MAX_BODY)
            return sk_fail(error, SK_ERROR_TOO_LARGE, "the daemon's answer is larger than %u MiB", SK_HTTP_MAX_BODY >> 20);
        g_string_append_len(body->answer->body, bytes, (gssize) length);
        return TRUE;
    }
    if (!body->request->sink(bytes, length, body->request->data, error))
        return FALSE;
    if (body->request->progress != NULL)
        body->request->progress(body->done, body->total, body->request->data);
    return TRUE;
}

/* Moves exactly length bytes to the body; length G_MAXUINT64: until the end of the connection. */
static gboolean
move(SkHttp *self, Body *body, guint64 length, GError **error)
{
    while (length > 0) {
        if (self->in->len == 0) {
            gssize n = fill(self, error);
            if (n < 0)
                return FALSE;
            if (n == 0 && length == G_MAXUINT64)
                return TRUE;
            if (n == 0)
                return sk_fail(error, SK_ERROR_IO, "the daemon's answer ended in the middle");
        }
        gsize n = (gsize) MIN(length, self->in->len);
        if (!take_body(body, self->in->data, n, error))
            return FALSE;
        g_byte_array_remove_range(self->in, 0, (guint) n);
        if (length != G_MAXUINT64)
            length -= n;
    }
    return TRUE;
}

/* A line of the chunked coding, without its end; NULL on error. */
static char *
read_line(SkHttp *self, GError **error)
{
    for (;;) {
        const char *end = self->in->len > 0 ? g_strstr_len((const char *) self->in->data, (gssize) self->in->len, "\r\n") : NULL;
        if (end != NULL) {
            gsize length = (gsize) (end - (const char *) self->in->data);
            char *line = g_strndup((const char *) self->in->data, length);
            g_byte_array_remove_range(self->in, 0, (guint) length + 2);
            return line;
        }
        if (self->in->len > 4096 || fill(self, NULL) <= 0) {
            sk_fail(error, SK_ERROR_IO, "the daemon's answer ended in the middle of a chunk");
            return NULL;
        }
    }
}

static gboolean
move_chunks(SkHttp *self, Body *body, GError **error)
{
    for (;;) {
        g_autofree char *line = read_line(self, error);
        guint64 size;
        if (line == NULL)
            return FALSE;
        line[strcspn(line, "; ")] = '\0';
        if (!g_ascii_string_to_unsigned(line, 16, 0, G_GINT64_CONSTANT(1) << 40, &size, NULL))
            return sk_fail(error, SK_ERROR_IO, "the daemon's answer has a broken chunk");
        if (size > 0 && !move(self, body, size, error))
            return FALSE;
        do {
            g_free(line);
            line = read_line(self, error);
            if (line == NULL)
                return FALSE;
        } while (size == 0 && *line != '\0');
        if (size == 0)
            return TRUE;
    }
}

static gboolean
read_body(SkHttp *self, SkHttpAnswer *answer, const SkHttpRequest *request, GError **error)
{
    const SkHttpHead *head = &answer->head;
    Body body = { .answer = answer, .request = request, .to_sink = request->sink != NULL && head->status / 100 == 2,
                  .total = head->length > 0 ? (guint64) head->length : 0 };
    if (head->status == 204 || head->status == 304 || g_str_equal(request->method, "HEAD"))
        return TRUE;
    if (head->chunked)
        return move_chunks(self, &body, error);
    return move(self, &body, head->length >= 0 ? (guint64) head->length : G_MAXUINT64, error);
}

/* One try. *out_stale: the kept connection had been closed by the daemon, nothing has happened. */
static SkHttpAnswer *
ask_once(SkHttp *self, const SkHttpRequest *request, gboolean *out_stale, GError **error)
{
    *out_stale = FALSE;
    if (!need_stream(self, error))
        return NULL;
    gboolean used = self->used, nothing = FALSE;
    g_autoptr(GError) failure = NULL;
    gboolean sent = send_request(self, request, &failure);

    /* A daemon that refuses an upload answers and closes before it has read all: its answer is the better error. */
    g_autoptr(SkHttpAnswer) answer = g_new0(SkHttpAnswer, 1);
    answer->body = g_string_new(NULL);
    if (!read_head(self, &answer->head, &nothing, sent ? &failure : NULL)) {
        *out_stale = used && nothing;
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (!read_body(self, answer, request, error))
        return NULL;
    self->used = TRUE;
    if (!sent || answer->head.close || (answer->head.length < 0 && !answer->head.chunked && answer->head.status != 204))
        drop_stream(self);
    return g_steal_pointer(&answer);
}

SkHttpAnswer *
sk_http_ask(SkHttp *self, const SkHttpRequest *request, GError **error)
{
    gboolean stale;
    g_autoptr(GError) failure = NULL;
    SkHttpAnswer *answer = ask_once(self, request, &stale, &failure);
    if (answer != NULL)
        return answer;
    drop_stream(self);
    if (stale && request->body_fd <= 0)
        return ask_once(self, request, &stale, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* -- WebSocket ------------------------------------------------------------------------------------------------------ */

static char *
make_key(void)
{
    guint32 bits[4];
    for (guint i = 0; i < G_N_ELEMENTS(bits); i++)
        bits[i] = g_random_int();
    return g_base64_encode((const guchar *) bits, sizeof bits);
}

/* RFC 6455, section 4.2.2: what the server must show that it has understood the key. */
static char *
accept_of(const char *key)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize length = sizeof digest;
    g_checksum_update(sum, (const guchar *) key, -1);
    g_checksum_update(sum, (const guchar *) WEBSOCKET_GUID, -1);
    g_checksum_get_digest(sum, digest, &length);
    return g_base64_encode(digest, length);
}

static SkHttpAnswer *
ask_upgrade(SkHttp *self, const char *path, const char *key, GError **error)
{
    g_autofree char *key_header = g_strdup_printf("Sec-WebSocket-Key: %s", key);
    const char *headers[] = { "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key_header, NULL };
    SkHttpRequest request = { .method = "GET", .path = path, .headers = headers };
    gboolean nothing;
    g_autoptr(SkHttpAnswer) answer = g_new0(SkHttpAnswer, 1);
    answer->body = g_string_new(NULL);
    if (!need_stream(self, error) || !send_request(self, &request, error) || !read_head(self, &answer->head, &nothing, error))
        return NULL;
    if (answer->head.status != 101 && !read_body(self, answer, &request, error))
        return NULL;
    return g_steal_pointer(&answer);
}

SkStream *
sk_http_upgrade(SkHttp *self, const char *path, SkHttpAnswer **out_refusal, GError **error)
{
    *out_refusal = NULL;
    g_autoptr(SkHttp) own = sk_http_new(self->target);
    g_autofree char *key = make_key(), *wanted = accept_of(key);
    g_autoptr(SkHttpAnswer) answer = ask_upgrade(own, path, key, error);
    if (answer == NULL)
        return NULL;
    if (answer->head.status != 101) {
        *out_refusal = g_steal_pointer(&answer);
        return NULL;
    }
    if (g_strcmp0(g_hash_table_lookup(answer->head.headers, "sec-websocket-accept"), wanted) != 0) {
        sk_fail(error, SK_ERROR_IO, "the daemon's WebSocket answer does not match the question");
        return NULL;
    }
    if (own->in->len > 0)
        sk_stream_unread(own->stream, own->in->data, own->in->len);
    return g_steal_pointer(&own->stream);
}
