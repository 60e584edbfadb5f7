/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/retention.h"
#include "repository/backup-maker.h"

G_BEGIN_DECLS

/* Looking after a repository: whether all is there and right, and what may go. Block; one thread. */

typedef struct {
    guint64 backups, objects, bytes;    /* looked at */
    GPtrArray *damaged;                 /* sentences: which backup, which disk, what is wrong */
} SkRepoReport;
void sk_repo_report_clear(SkRepoReport *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkRepoReport, sk_repo_report_clear)

/*
 * Opens every object that backups consist of, each once; name: of one backup; NULL: of all. FALSE only if it could not be looked at: what is
 * damaged is in the report.
 */
gboolean sk_repo_verify(SkRepo *repo, const char *name, SkRepoProgress progress, gpointer data, SkRepoReport *out, GError **error);

/* What retention would remove of a domain's backups (each domain by itself; domain NULL: of all): their names. */
GPtrArray *sk_repo_plan_prune(SkRepo *repo, const char *domain, const SkRetention *keep, GError **error);

typedef struct { guint64 objects, bytes; } SkRepoFreed;

/*
 * Removes objects that no backup needs. The repository is locked alone. A backup that cannot be read makes it stop: it is not known what it needs.
 */
gboolean sk_repo_collect(SkRepo *repo, SkRepoFreed *out, GError **error);

G_END_DECLS
