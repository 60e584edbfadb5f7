/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/job.h"
#include "store/store.h"

G_BEGIN_DECLS

/* Who changed what: the last 100,000 entries. Threads as in store.h. */

#define SK_STORE_AUDIT_KEPT 100000

/* Appends a copy. Never waits; on the disk with the next commit. */
void sk_store_audit(SkStore *self, const SkAuditEntry *entry);

/* What to find; members that are 0 or NULL do not narrow it. */
typedef struct {
    gint64 before_id;       /* paging: only older entries than this one */
    gint64 since, until;    /* microseconds */
    const char *user, *operation, *object;
    guint limit;            /* 0: 100; at most 10,001 */
} SkAuditQuery;

/* Newest first, as an array that frees its SkAuditEntries. */
gboolean sk_store_audit_query(SkStore *self, const SkAuditQuery *query, GPtrArray **out_entries, GError **error);

G_END_DECLS
