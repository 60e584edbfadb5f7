/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's marks: what we see of others', and what others see of ours. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "place.h"
#include "storage/lock.h"
#include "storage/pool.h"

typedef struct {
    SkLockUse held, wanted;
    gboolean allowed;
} Pair;

static const Pair pairs[] = {
    { SK_LOCK_READ, SK_LOCK_READ, TRUE },    { SK_LOCK_READ, SK_LOCK_WRITE, FALSE }, { SK_LOCK_READ, SK_LOCK_REMOVE, FALSE },
    { SK_LOCK_WRITE, SK_LOCK_READ, FALSE },  { SK_LOCK_WRITE, SK_LOCK_WRITE, FALSE }, { SK_LOCK_WRITE, SK_LOCK_REMOVE, FALSE },
};

static void
test_pairs(Place *place, gconstpointer data)
{
    const char *path = place_path(place, "disk");
    (void) data;
    place_write_disk(path, 4096, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(SkFd) holder = open(path, O_RDWR | O_CLOEXEC);
        g_auto(SkFd) other = open(path, O_RDWR | O_CLOEXEC);
        sk_storage_lock_take(holder, path, pairs[i].held, &error);
        g_assert_no_error(error);
        g_assert_cmpint(sk_storage_lock_check(path, pairs[i].wanted, NULL), ==, pairs[i].allowed);
        g_assert_cmpint(sk_storage_lock_take(other, path, pairs[i].wanted, &error), ==, pairs[i].allowed);
        if (!pairs[i].allowed)
            g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
        /* A refusal leaves no marks: the holder may still do what it does. */
        sk_fd_clear(&holder);
        sk_fd_clear(&other);
        g_assert_true(sk_storage_lock_check(path, SK_LOCK_REMOVE, NULL));
    }
}

/* qemu-io with the image open for writing, until told to end. */
static pid_t
start_qemu_io(const char *path, gint *out_in, SkFd *out_pidfd)
{
    const char *const argv[] = { "qemu-io", "-f", "raw", path, NULL };
    gint in[2], out[2];
    char ready;
    pid_t pid;
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(pipe2(in, O_CLOEXEC), ==, 0);
    g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
    SkSpawn spawn = { .argv = argv, .in = in[0], .out = out[1], .err = out[1] };
    sk_spawn(&spawn, &pid, out_pidfd, &error);
    g_assert_no_error(error);
    close(in[0]);
    close(out[1]);
    /* Its answer to a command tells that the image is open. */
    g_assert_cmpint(write(in[1], "length\n", 7), ==, 7);
    g_assert_cmpint(read(out[0], &ready, 1), ==, 1);
    for (char seen = ready; seen != '4';)
        g_assert_cmpint(read(out[0], &seen, 1), ==, 1);
    close(out[0]);
    *out_in = in[1];
    return pid;
}

static void
test_qemu_holds(Place *place, gconstpointer data)
{
    const char *path = place_path(place, "disk");
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) pidfd = SK_FD_NONE;
    gint in;
    (void) data;
    if (!place_has("qemu-io"))
        return;
    place_write_disk(path, 4 << 20, 1);
    pid_t pid = start_qemu_io(path, &in, &pidfd);
    g_autofree char *who = g_strdup_printf("qemu-io, process %d", pid);

    g_assert_false(sk_storage_lock_check(path, SK_LOCK_WRITE, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_assert_nonnull(strstr(error->message, who));
    g_clear_error(&error);
    g_assert_false(sk_storage_volume_delete(&place->spec, "disk", NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_clear_error(&error);
    g_assert_false(sk_storage_volume_resize(&place->spec, "disk", 8 << 20, FALSE, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_clear_error(&error);
    g_assert_null(sk_storage_volume_download(&place->spec, "disk", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_clear_error(&error);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));

    close(in);
    sk_spawn_wait(pid, pidfd, -1, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(sk_storage_lock_check(path, SK_LOCK_REMOVE, &error));
}

static void
test_we_hold(Place *place, gconstpointer data)
{
    const char *path = place_path(place, "disk");
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    place_write_disk(path, 4 << 20, 1);
    g_auto(SkFd) fd = open(path, O_RDWR | O_CLOEXEC);
    sk_storage_lock_take(fd, path, SK_LOCK_WRITE, &error);
    g_assert_no_error(error);
    const char *const argv[] = { "qemu-img", "resize", "-f", "raw", path, "8M", NULL };
    g_assert_false(sk_run(argv, NULL, NULL, &error));
    g_assert_nonnull(strstr(error->message, "lock"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/lock/pairs", Place, NULL, place_set_up, test_pairs, place_tear_down);
    g_test_add("/storage/lock/qemu-holds", Place, NULL, place_set_up, test_qemu_holds, place_tear_down);
    g_test_add("/storage/lock/we-hold", Place, NULL, place_set_up, test_we_hold, place_tear_down);
    return g_test_run();
}
