/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Server and clients of the tests. */
#include "harness.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "codec/json/json.h"

/* -- the server ---------------------------------------------------------------------------------------- */

void
server_prepare(Server *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fake_reset();
    self->dir = g_dir_make_tmp("skep-rest-XXXXXX", NULL);
    self->path = g_build_filename(self->dir, "skep.sock", NULL);
    self->cert = g_build_filename(self->dir, "cert.pem", NULL);
    self->key = g_build_filename(self->dir, "key.pem", NULL);
    g_autofree char *db = g_build_filename(self->dir, "skep.db", NULL);
    self->store = sk_store_open(db, &error);
    g_assert_no_error(error);
    self->auth = sk_auth_new(self->store, &error);
    g_assert_no_error(error);
    self->admin = sk_auth_create(self->auth, "admin", SK_ROLE_ADMIN, 0, &error);
    self->viewer = sk_auth_create(self->auth, "viewer", SK_ROLE_VIEWER, 0, &error);
    g_assert_no_error(error);
    self->settings.unix_path = self->path;
    self->settings.cert_path = self->cert;
    self->settings.key_path = self->key;
}

static gint
listen_anywhere(gint *out_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    gint fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, size), ==, 0);
    g_assert_cmpint(listen(fd, 64), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *) &address, &size), ==, 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

void
server_start(Server *self)
{
    g_autoptr(GError) error = NULL;
    self->settings.plain_fd = listen_anywhere(&self->plain_port);
    self->rest = sk_rest_new(&self->settings, NULL, self->auth, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(self->rest);
}

void
server_stop(Server *self, gconstpointer data)
{
    sk_rest_free(self->rest);
    g_assert_cmpuint(fake.subscriptions, ==, 0);
    g_assert_null(fake.console);
    sk_auth_free(self->auth);
    sk_store_close(self->store);
    sk_fs_remove_tree(self->dir, NULL);
    g_free(self->dir);
    g_free(self->path);
    g_free(self->cert);
    g_free(self->key);
    g_free(self->admin);
    g_free(self->viewer);
}

/* -- threads ----------------------------------------------------------------------------------------------- */

typedef struct {
    void (*func)(gpointer data);
    gpointer data;
    gint done;              /* atomic */
} Client;

static gpointer
run_client(gpointer data)
{
    Client *client = data;
    client->func(client->data);
    g_atomic_int_set(&client->done, 1);
    g_main_context_wakeup(NULL);
    return NULL;
}

void
client_run(void (*func)(gpointer data), gpointer data)
{
    Client client = { .func = func, .data = data };
    GThread *thread = g_thread_new("client", run_client, &client);
    while (g_atomic_int_get(&client.done) == 0)
        g_main_context_iteration(NULL, TRUE);
    g_thread_join(thread);
}

static gboolean
tick(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

void
wait_until(gboolean (*is_so)(gpointer data), gpointer data)
{
    guint timer = g_timeout_add(20, tick, NULL);
    while (!is_so(data))
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
}

/* -- sockets --------------------------------------------------------------------------------------------------- */

gint
client_connect(Server *server)
{
    g_autoptr(GError) error = NULL;
    gint fd = sk_fs_connect_unix(server->path, &error);
    g_assert_no_error(error);
    return fd;
}

gint
client_connect_tcp(gint port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((guint16) port) };
    gint fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *) &address, sizeof address), ==, 0);
    return fd;
}

/* The server may close before it has read all: that is for the answer to tell. */
void
client_send(gint fd, const void *bytes, gsize length)
{
    const char *at = bytes;
    while (length > 0) {
        gssize sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return;
        at += sent;
        length -= (gsize) sent;
    }
}

gboolean
client_read(gint fd, void *bytes, gsize length)
{
    char *at = bytes;
    while (length > 0) {
        gssize got = recv(fd, at, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FALSE;
        at += got;
        length -= (gsize) got;
    }
    return TRUE;
}

char *
client_read_all(gint fd, gsize *out_length)
{
    GString *all = g_string_new(NULL);
    char buffer[65536];
    gssize got;
    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0 || (got < 0 && errno == EINTR))
        g_string_append_len(all, buffer, MAX(got, 0));
    *out_length = all->len;
    return g_string_free(all, FALSE);
}

char *
client_read_head(gint fd)
{
    GString *head = g_string_new(NULL);
    char byte;
    while (!g_str_has_suffix(head->str, "\r\n\r\n") && client_read(fd, &byte, 1))
        g_string_append_c(head, byte);
    return g_string_free(head, FALSE);
}

/* -- questions ------------------------------------------------------------------------------------------------- */

typedef struct {
    Server *server;
    gboolean over_tcp;
    const char *bytes;
    gsize length;
    Answer answer;
} Question;

static void
parse_answer(Answer *answer, char *text, gsize length)
{
    /* "100 Continue" goes before. */
    char *from = text;
    while (g_str_has_prefix(from, "HTTP/1.1 100"))
        from = strstr(from, "\r\n\r\n") + 4;
    char *end = strstr(from, "\r\n\r\n");
    answer->status = g_str_has_prefix(from, "HTTP/1.1 ") ? (guint) g_ascii_strtoull(from + 9, NULL, 10) : 0;
    gsize skip = end != NULL ? (gsize) (end + 4 - text) : length;
    answer->head = g_strndup(from, skip - (gsize) (from - text));
    answer->body_length = length - skip;
    answer->body = g_malloc(answer->body_length + 1);
    memcpy(answer->body, text + skip, answer->body_length);
    answer->body[answer->body_length] = '\0';
    g_free(text);
}

static void
put_question(gpointer data)
{
    Question *question = data;
    g_auto(SkFd) fd = question->over_tcp ? client_connect_tcp(question->server->plain_port) : client_connect(question->server);
    client_send(fd, question->bytes, question->length);
    gsize length;
    char *text = client_read_all(fd, &length);
    parse_answer(&question->answer, text, length);
}

Answer
ask_raw(Server *server, gboolean over_tcp, const char *bytes, gsize length)
{
    Question question = { .server = server, .over_tcp = over_tcp, .bytes = bytes, .length = length };
    client_run(put_question, &question);
    return question.answer;
}

static Answer
ask_somehow(Server *server, gboolean over_tcp, const char *line, const char *headers, const char *body)
{
    g_autoptr(GString) text = g_string_new(line);
    g_string_append_printf(text, " HTTP/1.1\r\nHost: skep\r\nConnection: close\r\n%s", headers != NULL ? headers : "");
    if (body != NULL && (headers == NULL || strstr(headers, "Content-Type") == NULL))
        g_string_append(text, "Content-Type: application/json\r\n");
    if (body != NULL)
        g_string_append_printf(text, "Content-Length: %" G_GSIZE_FORMAT "\r\n", strlen(body));
    g_string_append_printf(text, "\r\n%s", body != NULL ? body : "");
    return ask_raw(server, over_tcp, text->str, text->len);
}

Answer
ask(Server *server, const char *line, const char *headers, const char *body)
{
    return ask_somehow(server, FALSE, line, headers, body);
}

Answer
ask_tcp(Server *server, const char *line, const char *headers, const char *body)
{
    return ask_somehow(server, TRUE, line, headers, body);
}

void
answer_clear(Answer *self)
{
    g_clear_pointer(&self->head, g_free);
    g_clear_pointer(&self->body, g_free);
}

char *
answer_header(const Answer *self, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(self->head, "\r\n", -1);
    g_autofree char *start = g_strconcat(name, ": ", NULL);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (g_ascii_strncasecmp(lines[i], start, strlen(start)) == 0)
            return g_strdup(lines[i] + strlen(start));
    }
    return NULL;
}

char *
answer_code(const Answer *self)
{
    g_autoptr(json_t) root = sk_json_parse(self->body, self->body_length, "answer", NULL);
    const char *code = json_string_value(json_object_get(json_object_get(root, "error"), "code"));
    const char *message = json_string_value(json_object_get(json_object_get(root, "error"), "message"));
    return message != NULL && *message != '\0' ? g_strdup(code) : NULL;
}
