/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes passed on between sockets: all of them, in order, however slow the other end is, and the end too. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/relay.h"

#define BIG (3 * 1024 * 1024 + 17)

static void
pair(gint fds[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
}

typedef struct {
    gint fd;
    gsize count;
} Sender;

static char
byte_at(gsize i)
{
    return (char) (i * 31 + i / 251);
}

static gpointer
send_all(gpointer data)
{
    const Sender *self = data;
    g_autofree char *bytes = g_malloc(self->count);
    for (gsize i = 0; i < self->count; i++)
        bytes[i] = byte_at(i);
    g_assert_true(sk_fd_write_all(self->fd, bytes, self->count, NULL));
    shutdown(self->fd, SHUT_WR);
    return NULL;
}

/* Until its end. */
static void
receive(gint fd, gsize count)
{
    char buffer[4096];
    gsize at = 0;
    gssize n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        for (gssize i = 0; i < n; i++)
            g_assert_cmpint(buffer[i], ==, byte_at(at + (gsize) i));
        at += (gsize) n;
    }
    g_assert_cmpint(n, ==, 0);
    g_assert_cmpuint(at, ==, count);
}

static void
test_both_ways(void)
{
    gint left[2], right[2];
    pair(left);
    pair(right);
    g_autoptr(SkRelay) relay = sk_relay_new(SK_FD_NONE, NULL, NULL);
    sk_relay_add(relay, left[1], right[1]);
    Sender there = { left[0], BIG }, back = { right[0], 1000 };
    GThread *threads[] = { g_thread_new("there", send_all, &there), g_thread_new("back", send_all, &back) };
    receive(right[0], BIG);
    receive(left[0], 1000);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    close(left[0]);
    close(right[0]);
}

static gint
reach(gpointer data)
{
    gint *other = data;
    gint fd = *other;
    *other = -1;
    return fd;
}

/* Whoever connects is paired with what is reached, and cut if nothing is. */
static void
test_listener(void)
{
    g_autofree char *dir = g_dir_make_tmp("skep-relay-XXXXXX", NULL), *path = g_build_filename(dir, "r.sock", NULL);
    g_autoptr(GError) error = NULL;
    gint right[2];
    char word[6];
    pair(right);
    gint listener = sk_fs_listen_unix(path, 0600, &error);
    g_assert_no_error(error);
    SkRelay *relay = sk_relay_new(listener, reach, &right[1]);
    g_auto(SkFd) one = sk_fs_connect_unix(path, &error);
    g_assert_no_error(error);
    g_assert_true(sk_fd_write_all(one, "hello\n", 6, NULL));
    g_assert_cmpint(recv(right[0], word, 6, MSG_WAITALL), ==, 6);
    g_assert_true(memcmp(word, "hello\n", 6) == 0);
    g_auto(SkFd) other = sk_fs_connect_unix(path, &error);
    g_assert_no_error(error);
    g_assert_cmpint(recv(other, word, 1, 0), <=, 0);
    sk_relay_free(relay);
    g_assert_cmpint(recv(one, word, 1, 0), <=, 0);
    g_assert_cmpint(recv(right[0], word, 1, 0), ==, 0);
    close(right[0]);
    unlink(path);
    rmdir(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/both-ways", test_both_ways);
    g_test_add_func("/relay/listener", test_listener);
    return g_test_run();
}
