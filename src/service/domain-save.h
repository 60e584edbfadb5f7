/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/*
 * The state of a running domain in a file, and back. Without a path it is the domain's managed save, which its next
 * start goes on from; with one it is the asker's.
 */
extern const SkJobKind sk_domain_save_job, sk_domain_restore_job, sk_domain_drop_saved_job, sk_saved_show_job, sk_saved_change_job;

/* Takes a guest's state out of a saved file into a QEMU that waits for it. Workers. */
gboolean sk_save_receive(SkQmp *qmp, const char *path, GError **error);

/*
 * Another definition in the place of the one that was saved: of the same domain, and the same to its guest; INVALID otherwise. What given leaves out that
 * is known is kept. Any thread.
 */
gboolean sk_saved_change_definition(SkSaved *self, const SkDomainSpec *given, GError **error);

/* Where a managed save is put while its guest goes on from it. Free with g_free(). */
char *sk_saved_used_path(const char *path);

/* Finds the domain's managed save, if it has one. At start-up, after its runtime is known. */
void sk_domain_find_saved(SkDomain *self);

/* Puts what a job held back in its place after the daemon died in the middle of one. Workers. */
void sk_domain_let_go(SkQmp *qmp);
