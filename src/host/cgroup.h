/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"

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

/*
 * What of a definition's limits needs a controller that this host has not: UNSUPPORTED naming it. Shares of the CPU are not counted: the
 * scheduler has priorities too. Any thread.
 */
gboolean sk_cgroup_check(const char *root, const SkDomainSpec *spec, GError **error);

/*
 * Moves a process into the group "skep/<name>", which is made if need be, and sets what it may use of the host; what spec leaves open is as usual
 * again. Memory that the process has already stays counted where it was. old: what ran before, or NULL.
 */
gboolean sk_cgroup_limit(const char *root, const char *name, guint pid, const SkDomainSpec *spec, const SkDomainSpec *old, GError **error);

/* One thread of it, below a group of its own ("vcpu0"): microseconds of each period; quota below 1: no limit; period 0: the usual. */
gboolean sk_cgroup_limit_thread(const char *root, const char *name, const char *part, guint thread, guint64 period, gint64 quota, GError **error);

/* Removes it, with the groups of its threads, once it is empty; not there is fine. */
void sk_cgroup_remove(const char *root, const char *name);

/* Path of the usable v2 tree, or NULL. Free with g_free(). */
char *sk_cgroup_tree(const char *root);

G_END_DECLS
