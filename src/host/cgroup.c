/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control groups of domains, version 2 only. */
#include "host/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "host/root.h"

#define TREE "/sys/fs/cgroup"

char *
sk_cgroup_tree(const char *root)
{
    g_autofree char *tree = sk_host_path(root, TREE);
    g_autofree char *controllers = sk_host_read(root, TREE "/cgroup.controllers");
    if (controllers == NULL || !sk_words_have(controllers, "memory") || access(tree, W_OK) < 0)
        return NULL;
    return g_steal_pointer(&tree);
}

/* Hands controllers down to a group's children. A kernel without one of them is no reason to fail. */
static void
enable_controllers(const char *group)
{
    static const char *const wanted[] = { "+cpu", "+memory", "+io", "+pids", "+cpuset" };
    g_autofree char *path = g_build_filename(group, "cgroup.subtree_control", NULL);
    g_auto(SkFd) fd = open(path, O_WRONLY | O_CLOEXEC);
    for (guint i = 0; fd >= 0 && i < G_N_ELEMENTS(wanted); i++) {
        if (write(fd, wanted[i], strlen(wanted[i])) < 0)
            g_debug("cgroup: %s not enabled in \"%s\"", wanted[i], group);
    }
}

static gboolean
make_group(const char *path, GError **error)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return sk_fail_errno(error, errno, "cannot make the cgroup \"%s\"", path);
    return TRUE;
}

gboolean
sk_cgroup_make(const char *root, const char *name, char **out_procs, GError **error)
{
    g_autofree char *tree = sk_cgroup_tree(root);
    *out_procs = NULL;
    if (tree == NULL)
        return TRUE;
    g_autofree char *parent = g_build_filename(tree, "skep", NULL);
    g_autofree char *group = g_build_filename(parent, name, NULL);
    enable_controllers(tree);
    if (!make_group(parent, error))
        return FALSE;
    enable_controllers(parent);
    if (!make_group(group, error))
        return FALSE;
    *out_procs = g_build_filename(group, "cgroup.procs", NULL);
    return TRUE;
}

static void
remove_parts(const char *group)
{
    g_autoptr(GDir) dir = g_dir_open(group, 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *part = g_build_filename(group, name, NULL);
        if (g_file_test(part, G_FILE_TEST_IS_DIR) && rmdir(part) < 0)
            g_debug("cgroup: \"%s\" stays: %s", part, g_strerror(errno));
    }
}

void
sk_cgroup_remove(const char *root, const char *name)
{
    g_autofree char *tree = sk_cgroup_tree(root);
    if (tree == NULL)
        return;
    g_autofree char *group = g_build_filename(tree, "skep", name, NULL);
    remove_parts(group);
    if (rmdir(group) < 0 && errno != ENOENT)
        g_debug("cgroup: \"%s\" stays: %s", group, g_strerror(errno));
}
