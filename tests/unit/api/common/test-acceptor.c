/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accepting connections: many in a turn, none while descriptors have run out. */
#include "api/common/acceptor.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/common/address.h"
#include "base/fs.h"

#define MANY 40                 /* more than are accepted in one turn */

typedef struct {
    char *dir, *path;
    SkAcceptor *acceptor;
    guint arrived;
} Fixture;

static void
on_arrived(gint fd, const struct sockaddr *address, gpointer data)
{
    Fixture *f = data;
    g_assert_cmpint(address->sa_family, ==, AF_UNIX);
    f->arrived++;
    close(fd);
}

static void
setup(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    f->dir = g_dir_make_tmp("skep-acceptor-XXXXXX", &error);
    g_assert_no_error(error);
    f->path = g_build_filename(f->dir, "sock", NULL);
    f->acceptor = sk_acceptor_new_unix(f->path, 0640, getegid(), on_arrived, f, &error);
    g_assert_no_error(error);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    (void) data;
    sk_acceptor_free(f->acceptor);
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
    g_assert_true(sk_fs_remove_tree(f->dir, NULL));
    g_free(f->path);
    g_free(f->dir);
}

static void
wait_arrived(Fixture *f, guint count)
{
    while (f->arrived < count)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(f->arrived, ==, count);
}

static void
test_socket(Fixture *f, gconstpointer data)
{
    struct stat info;
    (void) data;
    g_assert_cmpint(stat(f->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0640);
    g_assert_cmpint(info.st_gid, ==, getegid());
    g_assert_cmpuint(sk_acceptor_port(f->acceptor), ==, 0);
}

static void
test_many(Fixture *f, gconstpointer data)
{
    SkFd clients[MANY];
    (void) data;
    for (guint i = 0; i < MANY; i++)
        clients[i] = sk_fs_connect_unix(f->path, NULL);
    wait_arrived(f, MANY);
    for (guint i = 0; i < MANY; i++)
        sk_fd_clear(&clients[i]);
}

/* Whoever comes while there are no descriptors waits, and the loop does not spin meanwhile. */
static void
test_descriptors(Fixture *f, gconstpointer data)
{
    struct rlimit old;
    g_auto(SkFd) client = sk_fs_connect_unix(f->path, NULL);
    (void) data;
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
    gint next = dup(client);
    close(next);
    const struct rlimit none = { (rlim_t) next, old.rlim_max };
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
    g_assert_true(g_main_context_iteration(NULL, TRUE));
    g_assert_false(g_main_context_iteration(NULL, FALSE));
    g_assert_cmpuint(f->arrived, ==, 0);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
    wait_arrived(f, 1);
}

static void
test_tcp(void)
{
    g_autoptr(GError) error = NULL;
    gint fd = sk_address_listen("127.0.0.1:0", NULL, &error);
    g_assert_no_error(error);
    SkAcceptor *acceptor = sk_acceptor_new(fd, on_arrived, NULL);
    g_assert_cmpuint(sk_acceptor_port(acceptor), !=, 0);
    sk_acceptor_free(acceptor);
}

static void
test_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(sk_acceptor_new_unix("/nowhere/at/all", 0600, (gid_t) -1, on_arrived, NULL, &error));
    g_assert_nonnull(error);
    sk_acceptor_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FLAG_FATAL);     /* there is a warning when descriptors run out */
    g_test_add("/acceptor/socket", Fixture, NULL, setup, test_socket, teardown);
    g_test_add("/acceptor/many", Fixture, NULL, setup, test_many, teardown);
    g_test_add("/acceptor/descriptors", Fixture, NULL, setup, test_descriptors, teardown);
    g_test_add_func("/acceptor/tcp", test_tcp);
    g_test_add_func("/acceptor/refused", test_refused);
    return g_test_run();
}
