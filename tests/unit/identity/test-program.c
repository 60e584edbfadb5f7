/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program itself, over a terminal pair in place of a virtio port. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/spawn.h"

static const char *program;

typedef struct {
    char *root;
    gint host;              /* the other end of its port */
    pid_t pid;
    SkFd pidfd;
} Guest;

static void
start(Guest *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct termios raw;
    (void) data;
    self->root = g_dir_make_tmp("skep-identity-XXXXXX", NULL);
    g_autofree char *etc = g_build_filename(self->root, "etc", NULL);
    g_assert_true(sk_fs_make_dir(etc, 0755, NULL));
    self->host = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(self->host, >=, 0);
    g_assert_true(grantpt(self->host) == 0 && unlockpt(self->host) == 0 && tcgetattr(self->host, &raw) == 0);
    cfmakeraw(&raw);
    g_assert_cmpint(tcsetattr(self->host, TCSANOW, &raw), ==, 0);
    const char *const argv[] = { program, ptsname(self->host), self->root, NULL };
    sk_spawn(&(SkSpawn){ .argv = argv }, &self->pid, &self->pidfd, &error);
    g_assert_no_error(error);
}

static void
stop(Guest *self, gconstpointer data)
{
    (void) data;
    sk_fd_clear(&self->pidfd);
    close(self->host);
    sk_fs_remove_tree(self->root, NULL);
    g_free(self->root);
}

static void
tell(Guest *self, const char *text)
{
    gsize length = strlen(text);
    const guint8 head[4] = { (guint8) length, (guint8) (length >> 8), (guint8) (length >> 16), 0 };
    g_assert_true(sk_fd_write_all(self->host, head, sizeof head, NULL) && sk_fd_write_all(self->host, text, length, NULL));
}

/* Up to a line that is this. */
static char *
hear(Guest *self, const char *last)
{
    GString *all = g_string_new(NULL);
    char byte;
    while (!g_str_has_suffix(all->str, last)) {
        g_assert_cmpint(read(self->host, &byte, 1), ==, 1);
        g_string_append_c(all, byte);
    }
    return g_string_free(all, FALSE);
}

static gint
wait_end(Guest *self)
{
    g_autoptr(GError) error = NULL;
    gint status = -1;
    sk_spawn_wait(self->pid, self->pidfd, -1, &status, &error);
    g_assert_no_error(error);
    return status;
}

static void
test_become(Guest *self, gconstpointer data)
{
    (void) data;
    tell(self, "hello");
    g_autofree char *ready = hear(self, "ready\n");
    tell(self, "hostname dev1\nmachine-id 00112233445566778899aabbccddeeff\n");
    g_autofree char *done = hear(self, "done\n");
    g_assert_cmpstr(done, ==, "done\n");
    g_assert_cmpint(wait_end(self), ==, 0);
    g_autofree char *name = g_build_filename(self->root, "etc/hostname", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(name, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "dev1\n");
}

/* Each step that was not done is told, and the others are done. */
static void
test_failures(Guest *self, gconstpointer data)
{
    (void) data;
    tell(self, "machine-id 00\nfile 0600 /nowhere/x 00\nnonsense\nhostname dev2\n");
    g_autofree char *answer = hear(self, "done\n");
    g_assert_nonnull(strstr(answer, "failed machine-id"));
    g_assert_nonnull(strstr(answer, "failed file open: No such file"));
    g_assert_nonnull(strstr(answer, "failed line unknown"));
    g_assert_cmpint(wait_end(self), ==, 0);
    g_autofree char *name = g_build_filename(self->root, "etc/hostname", NULL);
    g_assert_true(g_file_test(name, G_FILE_TEST_EXISTS));
}

/* A length that cannot be ends it: what follows would be nonsense. */
static void
test_length(Guest *self, gconstpointer data)
{
    const guint8 head[4] = { 0xff, 0xff, 0xff, 0x7f };
    (void) data;
    g_assert_true(sk_fd_write_all(self->host, head, sizeof head, NULL));
    g_assert_cmpint(wait_end(self), !=, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    program = argv[1];
    g_test_add("/identity/program/become", Guest, NULL, start, test_become, stop);
    g_test_add("/identity/program/failures", Guest, NULL, start, test_failures, stop);
    g_test_add("/identity/program/length", Guest, NULL, start, test_length, stop);
    return g_test_run();
}
