/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A cgroup of its own for each QEMU, where a v2 tree that we may write to is there; elsewhere
 * (v1, containers, no privileges) every call does nothing. Workers. root: see root.h.
 */

/*
 * Makes the group "skep/<name>" and gives its cgroup.procs path (SkSpawn.cgroup_procs), or NULL
 * if there are no cgroups to use. FALSE only if there are and it failed. Free with g_free().
 */
gboolean sk_cgroup_make(const char *root, const char *name, char **out_procs, GError **error);

/* Removes it once it is empty; not there is fine. */
void sk_cgroup_remove(const char *root, const char *name);

/* Path of the usable v2 tree, or NULL. Free with g_free(). */
char *sk_cgroup_tree(const char *root);

G_END_DECLS
