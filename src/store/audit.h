/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/* Who changed what: the last 100,000 entries. Threads as in store.h. */

#define SK_STORE_AUDIT_KEPT 100000

typedef struct {
    gint64 id;              /* grows; 0 in an append */
    gint64 time;            /* microseconds since the epoch; 0 in an append: now */
    char *user;             /* "root", "token:ci" */
    char *from;             /* "unix:1234" (pid), "192.0.2.7:40112" */
    char *operation;        /* "domain.start" */
    char *object;           /* "domain/web1" */
    char *result;           /* "ok" or the error's name */
    char *message;          /* the error's sentence, or NULL */
} SkAuditEntry;

void sk_audit_entry_free(SkAuditEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkAuditEntry, sk_audit_entry_free)

/* Appends a copy. Never waits; on the disk with the next commit. */
void sk_store_audit(SkStore *self, const SkAuditEntry *entry);

/* What to find; members that are 0 or NULL do not narrow it. */
typedef struct {
    gint64 before_id;       /* paging: only older entries than this one */
    gint64 since, until;    /* microseconds */
    const char *user, *operation, *object;
    guint limit;            /* 0: 100; at most 10,000 */
} SkAuditQuery;

/* Newest first, as an array that frees its SkAuditEntries. */
gboolean sk_store_audit_query(SkStore *self, const SkAuditQuery *query, GPtrArray **out_entries, GError **error);

G_END_DECLS
