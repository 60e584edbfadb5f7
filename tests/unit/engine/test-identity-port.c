/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's end of the identity port, before a guest that says this and that. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/identity-port.h"
#include "worker.h"

typedef struct {
    gint listener;
    const char *answer;     /* NULL: hangs up */
    char *heard;
} Guest;

/* Hears one message of four bytes of length and text. */
static gpointer
run_guest(gpointer data)
{
    Guest *guest = data;
    guint32 length = 0;
    g_auto(SkFd) fd = accept(guest->listener, NULL, NULL);
    g_assert_cmpint(recv(fd, &length, sizeof length, MSG_WAITALL), ==, sizeof length);
    length = GUINT32_FROM_LE(length);
    guest->heard = g_malloc0(length + 1);
    g_assert_cmpint(recv(fd, guest->heard, length, MSG_WAITALL), ==, length);
    if (guest->answer != NULL) {
        g_assert_true(sk_fd_write_all(fd, guest->answer, strlen(guest->answer), NULL));
        /* Until the host hangs up. */
        g_assert_cmpint(recv(fd, &length, 1, 0), <=, 0);
    }
    return NULL;
}

typedef struct {
    const char *path, *order, *answer;
    gint timeout_ms;
    gboolean ok;
    GError *error;
} Talk;

static void
talk(gpointer data, gpointer unused)
{
    Talk *self = data;
    (void) unused;
    self->ok = self->order == NULL ? sk_identity_hello(self->path, "web1", self->timeout_ms, &self->error)
                                   : sk_identity_become(self->path, "web1", self->order, self->timeout_ms, &self->error);
}

static Talk
talk_to(const char *answer, const char *order, gint timeout_ms)
{
    g_autofree char *dir = g_dir_make_tmp("skep-identity-XXXXXX", NULL), *path = g_build_filename(dir, "s", NULL);
    Guest guest = { .listener = sk_fs_listen_unix(path, 0600, NULL), .answer = answer };
    Talk result = { .path = path, .order = order, .timeout_ms = timeout_ms };
    GThread *thread = g_thread_new("guest", run_guest, &guest);
    on_worker(talk, &result);
    g_thread_join(thread);
    g_assert_cmpstr(guest.heard, ==, order != NULL ? order : "hello");
    g_free(guest.heard);
    close(guest.listener);
    g_unlink(path);
    g_rmdir(dir);
    return result;
}

static void
test_done(void)
{
    g_assert_true(talk_to("ready\n", NULL, 60000).ok);
    g_assert_true(talk_to("done\n", "seed 00\n", 60000).ok);
    /* What is not installed cannot be told. */
    g_assert_true(talk_to("failed file open: No such file or directory\ndone\n", "seed 00\n", 60000).ok);
}

static void
refused(const char *answer, gint timeout_ms, const char *words)
{
    Talk result = talk_to(answer, "hostname web1\n", timeout_ms);
    g_assert_false(result.ok);
    g_assert_true(sk_error_is(result.error, SK_ERROR_AGENT));
    g_assert_nonnull(strstr(result.error->message, words));
    g_error_free(result.error);
}

static void
test_refused(void)
{
    g_autofree char *long_line = g_strnfill(10000, 'x');
    refused("failed mac no link has this MAC address: No such device\nfailed file rename: \x1b[1m\ndone\n", 60000, "failed mac no link");
    refused("failed hostname sethostname: No such file or directory\ndone\n", 60000, "failed hostname");
    refused(NULL, 60000, "closed the port");
    refused("ready\n", 50, "did not answer in time");
    refused(long_line, 60000, "says too much");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/engine/identity-port/done", test_done);
    g_test_add_func("/engine/identity-port/refused", test_refused);
    return g_test_run();
}
