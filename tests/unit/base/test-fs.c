/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: atomic writes, removal of trees, sockets with long paths. */
#include "base/fs.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

typedef struct {
    char *dir;
} Fixture;

static void
set_up(Fixture *self, gconstpointer data)
{
    (void) data;
    self->dir = g_dir_make_tmp("skep-fs-XXXXXX", NULL);
    g_assert_nonnull(self->dir);
}

static void
tear_down(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    sk_fs_remove_tree(self->dir, &error);
    g_assert_no_error(error);
    g_free(self->dir);
}

/* dir/name; free with g_free(). */
static char *
at(Fixture *self, const char *name)
{
    return g_build_filename(self->dir, name, NULL);
}

static guint
count_entries(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint count = 0;
    while (g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

static void
test_write(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = at(self, "file");
    struct stat is;
    gsize length;
    (void) data;
    g_assert_true(sk_fs_write(path, "one", -1, 0600, &error));
    g_assert_true(sk_fs_write(path, "a\0b", 3, 0644, &error));
    g_assert_no_error(error);
    g_autofree char *text = sk_fs_read(path, 3, &length, &error);
    g_assert_cmpmem(text, length, "a\0b", 3);
    g_assert_cmpint(stat(path, &is), ==, 0);
    g_assert_cmpint(is.st_mode & 0777, ==, 0644);
    g_assert_null(sk_fs_read(path, 2, &length, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TOO_LARGE);
    g_assert_cmpuint(count_entries(self->dir), ==, 1);
}

/* A pipe in a file's place does not hold its reader up; what is no file of a disk but reads as one does read. */
static void
test_read_odd(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = at(self, "pipe");
    (void) data;
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_null(sk_fs_read(path, 100, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_assert_nonnull(strstr(error->message, "pipe"));
    g_autofree char *self_name = sk_fs_read("/proc/self/comm", 100, NULL, NULL);
    g_assert_nonnull(self_name);
}

/* A write that cannot end in its place leaves the old and nothing beside. */
static void
test_write_fails(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = at(self, "is-a-directory");
    g_autofree char *inside = g_build_filename(path, "x", NULL);
    g_autofree char *nowhere = at(self, "none/x");
    (void) data;
    g_assert_true(sk_fs_make_dir(path, 0700, &error));
    g_assert_true(sk_fs_write(inside, "x", -1, 0600, &error));
    g_assert_false(sk_fs_write(path, "text", -1, 0600, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_assert_cmpuint(count_entries(self->dir), ==, 1);
    g_clear_error(&error);
    g_assert_false(sk_fs_write(nowhere, "text", -1, 0600, &error));
    g_assert_nonnull(strstr(error->message, nowhere));
}

static void
test_make_dir(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *deep = at(self, "a/b/c");
    g_autofree char *file = at(self, "file");
    struct stat is;
    (void) data;
    g_assert_true(sk_fs_make_dir(deep, 0700, &error));
    g_assert_true(sk_fs_make_dir(deep, 0700, &error));
    g_assert_cmpint(stat(deep, &is), ==, 0);
    g_assert_cmpint(is.st_mode & 0777, ==, 0700);
    g_assert_true(sk_fs_write(file, "", -1, 0600, &error));
    g_assert_false(sk_fs_make_dir(file, 0700, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
}

static void
test_remove_tree(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *outside = at(self, "outside");
    g_autofree char *kept = at(self, "outside/kept");
    g_autofree char *tree = at(self, "tree");
    g_autofree char *deep = at(self, "tree/a/b");
    g_autofree char *file = at(self, "tree/a/file");
    g_autofree char *link_in = at(self, "tree/a/link");
    g_autofree char *link_top = at(self, "link");
    (void) data;
    g_assert_true(sk_fs_make_dir(outside, 0700, &error));
    g_assert_true(sk_fs_write(kept, "", -1, 0600, &error));
    g_assert_true(sk_fs_make_dir(deep, 0700, &error));
    g_assert_true(sk_fs_write(file, "", -1, 0400, &error));
    g_assert_cmpint(symlink(outside, link_in), ==, 0);
    g_assert_cmpint(symlink(outside, link_top), ==, 0);

    g_assert_true(sk_fs_remove_tree(tree, &error));
    g_assert_false(g_file_test(tree, G_FILE_TEST_EXISTS));
    g_assert_true(sk_fs_remove_tree(link_top, &error));
    g_assert_false(g_file_test(link_top, G_FILE_TEST_IS_SYMLINK));
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
    g_assert_true(sk_fs_remove_tree(tree, &error));
    g_assert_true(sk_fs_remove(tree, &error));
    g_assert_no_error(error);
}

/* -- sockets --------------------------------------------------------------------------------------------------- */

static void
talk(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) listening = sk_fs_listen_unix(path, 0600, &error);
    g_assert_no_error(error);
    g_auto(SkFd) client = sk_fs_connect_unix(path, &error);
    g_assert_no_error(error);
    g_auto(SkFd) server = accept(listening, NULL, NULL);
    char byte = 0;
    struct stat is;
    g_assert_true(sk_fd_write_all(client, "x", 1, &error));
    g_assert_cmpint(read(server, &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'x');
    g_assert_cmpint(stat(path, &is), ==, 0);
    g_assert_cmpint(is.st_mode & 0777, ==, 0600);
}

static void
test_sockets(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *part = g_strnfill(120, 'd');
    g_autofree char *dir = at(self, part);
    g_autofree char *short_path = at(self, "s");
    g_autofree char *long_path = g_build_filename(dir, "sock", NULL);
    g_autofree char *name = g_strnfill(120, 'n');
    g_autofree char *long_name = at(self, name);
    (void) data;
    g_assert_true(sk_fs_make_dir(dir, 0700, &error));
    talk(short_path);
    talk(short_path);
    talk(long_path);
    talk(long_path);
    g_assert_cmpint(sk_fs_listen_unix(long_name, 0600, &error), ==, -1);
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    g_clear_error(&error);

    /* A file that is no socket does not give way. */
    g_autofree char *file = at(self, "file");
    g_assert_true(sk_fs_write(file, "precious", -1, 0600, &error));
    g_assert_cmpint(sk_fs_listen_unix(file, 0600, &error), ==, -1);
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_clear_error(&error);
    g_autofree char *text = sk_fs_read(file, 100, NULL, &error);
    g_assert_cmpstr(text, ==, "precious");
    g_assert_cmpint(sk_fs_connect_unix(file, &error), ==, -1);
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
}

static void
test_fd(Fixture *self, gconstpointer data)
{
    (void) data;
    (void) self;
    SkFd fd = dup(0);
    gint taken = sk_fd_steal(&fd);
    g_assert_cmpint(fd, ==, SK_FD_NONE);
    sk_fd_clear(&fd);
    g_assert_cmpint(write(taken, "", 0), ==, write(0, "", 0));
    sk_fd_clear(&taken);
    g_assert_cmpint(taken, ==, SK_FD_NONE);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/fs/write", test_write);
    ADD("/fs/read-odd", test_read_odd);
    ADD("/fs/write-fails", test_write_fails);
    ADD("/fs/make-dir", test_make_dir);
    ADD("/fs/remove-tree", test_remove_tree);
    ADD("/fs/sockets", test_sockets);
    ADD("/fs/fd", test_fd);
    return g_test_run();
}
