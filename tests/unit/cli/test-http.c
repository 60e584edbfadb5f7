/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heads, and whole answers over a Unix socket whose other side is a script. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/http.h"

#define HEAD(text) text, sizeof(text) - 1

static void
test_head(void)
{
    SkHttpHead head;
    g_autoptr(GError) error = NULL;
    g_assert_true(sk_http_parse_head(HEAD("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nETag:  \"a\" "), &head, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(head.status, ==, 200);
    g_assert_cmpint(head.length, ==, 12);
    g_assert_cmpstr(g_hash_table_lookup(head.headers, "etag"), ==, "\"a\"");
    g_assert_false(head.chunked || head.close);
    sk_http_head_clear(&head);
}

static void
test_bad_heads(void)
{
    static const char *const bad[] = { "", "SSH-2.0-OpenSSH", "HTTP/1.1", "HTTP/1.1 abc", "HTTP/1.1 99 x", "HTTP/1.1 200 OK\r\nno colon",
                                       "HTTP/1.1 200 OK\r\n: x", "HTTP/1.1 200 OK\r\nContent-Length: -1",
                                       "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999" };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        SkHttpHead head;
        g_autoptr(GError) error = NULL;
        g_assert_false(sk_http_parse_head(bad[i], strlen(bad[i]), &head, &error));
        g_assert_true(sk_error_is(error, SK_ERROR_IO));
        g_assert_null(head.headers);
    }
}

/* -- whole answers -------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *const *answers; /* one a request; NULL ends; "" closes the connection */
    gint listener;
    GThread *thread;
    char *dir, *path;
} Peer;

/* Answers each request head with the next text; a new connection goes on with the list. */
static gpointer
run_peer(gpointer data)
{
    Peer *self = data;
    guint next = 0;
    while (self->answers[next] != NULL) {
        g_auto(SkFd) fd = accept(self->listener, NULL, NULL);
        char head[8192];
        gsize have = 0;
        gssize n;
        while (self->answers[next] != NULL && (n = read(fd, head + have, sizeof head - 1 - have)) > 0) {
            have += (gsize) n;
            head[have] = '\0';
            if (strstr(head, "\r\n\r\n") == NULL)
                continue;
            have = 0;
            const char *answer = self->answers[next++];
            if (*answer == '\0')
                break;
            g_assert_true(sk_fd_write_all(fd, answer, strlen(answer), NULL));
        }
    }
    return NULL;
}

static void
peer_start(Peer *self, const char *const *answers)
{
    self->answers = answers;
    self->dir = g_dir_make_tmp("skep-http-XXXXXX", NULL);
    self->path = g_build_filename(self->dir, "sock", NULL);
    self->listener = sk_fs_listen_unix(self->path, 0600, NULL);
    g_assert_cmpint(self->listener, >=, 0);
    self->thread = g_thread_new("peer", run_peer, self);
}

static void
peer_stop(Peer *self)
{
    g_thread_join(self->thread);
    close(self->listener);
    g_unlink(self->path);
    g_rmdir(self->dir);
    g_free(self->path);
    g_free(self->dir);
}

static char *
ask(SkHttp *http, GError **error)
{
    SkHttpRequest request = { .method = "GET", .path = "/" };
    g_autoptr(SkHttpAnswer) answer = sk_http_ask(http, &request, error);
    return answer != NULL ? g_strdup_printf("%u %s", answer->head.status, answer->body->str) : NULL;
}

static void
expect(SkHttp *http, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = ask(http, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, wanted);
}

static void
test_answers(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "",     /* the kept connection is closed without an answer: asked again on a new one */
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nagain",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
        NULL,
    };
    Peer peer = { 0 };
    peer_start(&peer, answers);
    SkTarget target = { .socket = peer.path };
    g_autoptr(SkHttp) http = sk_http_new(&target);
    expect(http, "200 hello");
    expect(http, "404 ");
    expect(http, "200 hello world");
    expect(http, "204 ");
    expect(http, "200 again");
    expect(http, "200 end");
    g_clear_pointer(&http, sk_http_free);
    peer_stop(&peer);
}

static void
test_broken_answers(void)
{
    static const char *const broken[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    };
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        const char *const answers[] = { broken[i], NULL };
        Peer peer = { 0 };
        peer_start(&peer, answers);
        SkTarget target = { .socket = peer.path };
        g_autoptr(SkHttp) http = sk_http_new(&target);
        g_autoptr(GError) error = NULL;
        g_autofree char *text = ask(http, &error);
        g_assert_null(text);
        g_assert_true(sk_error_is(error, SK_ERROR_IO));
        g_clear_pointer(&http, sk_http_free);
        peer_stop(&peer);
    }
}

static void
test_nobody(void)
{
    SkTarget target = { .socket = (char *) "/nonexistent/skep.sock" };
    g_autoptr(SkHttp) http = sk_http_new(&target);
    g_autoptr(GError) error = NULL;
    g_assert_null(ask(http, &error));
    g_assert_true(sk_error_is(error, SK_ERROR_UNREACHABLE));
    g_assert_nonnull(strstr(error->message, "/nonexistent/skep.sock"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/http/head", test_head);
    g_test_add_func("/cli/http/bad-heads", test_bad_heads);
    g_test_add_func("/cli/http/answers", test_answers);
    g_test_add_func("/cli/http/broken-answers", test_broken_answers);
    g_test_add_func("/cli/http/nobody", test_nobody);
    return g_test_run();
}
