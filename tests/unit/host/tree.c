/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory that stands for a host's root. */
#include "tree.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/thread.h"

void
tree_set_up(Tree *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    sk_thread_init();
    self->root = g_dir_make_tmp("skep-host-XXXXXX", &error);
    g_assert_no_error(error);
}

void
tree_tear_down(Tree *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    sk_fs_remove_tree(self->root, &error);
    g_assert_no_error(error);
    g_free(self->root);
}

static char *
make_parents(Tree *self, const char *path)
{
    char *full = g_strconcat(self->root, path, NULL);
    g_autofree char *parent = g_path_get_dirname(full);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    return full;
}

void
tree_file(Tree *self, const char *path, const char *text)
{
    g_autofree char *full = make_parents(self, path);
    g_autoptr(GError) error = NULL;
    g_file_set_contents(full, text, -1, &error);
    g_assert_no_error(error);
}

void
tree_link(Tree *self, const char *path, const char *target)
{
    g_autofree char *full = make_parents(self, path);
    g_assert_cmpint(symlink(target, full), ==, 0);
}

void
tree_dir(Tree *self, const char *path)
{
    g_autofree char *full = make_parents(self, path);
    g_assert_cmpint(g_mkdir_with_parents(full, 0755), ==, 0);
}
