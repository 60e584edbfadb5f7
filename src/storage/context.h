/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * What a caller brings along to work on storage: how to follow it, when to stop,
 * and where the files below an image may lie.  All of it is the caller's and must
 * live until the call returns.
 */

/* How far it is; total 0: not known. step is for people ("downloading"). On the thread that called. */
typedef void (*SkStorageReport)(const char *step, guint64 done, guint64 total, gpointer data);

/* A new volume is whole, at beside, and is about to get the name path: the last chance to note it, or to refuse. */
typedef gboolean (*SkStoragePlacing)(const char *beside, const char *path, gpointer data, GError **error);

typedef struct {
    GCancellable *cancellable;  /* may be NULL */
    const char *const *roots;   /* directories of pools and images: backing files must lie in one; NULL: nowhere */
    SkStorageReport report;     /* may be NULL */
    gpointer data;
    SkStoragePlacing placing;   /* may be NULL; asked by sk_storage_volume_create() */
    gpointer placing_data;
    GBytes *passphrase;         /* of an encrypted volume that is made or changed; NULL: none is needed */
    GBytes *source_passphrase;  /* of the one that is copied */
} SkStorageContext;

/* Calls report, if there is one. context may be NULL. */
void sk_storage_report(const SkStorageContext *context, const char *step, guint64 done, guint64 total);

/* FALSE with CANCELLED ("WHAT was cancelled") once the caller wants no more. context may be NULL. */
gboolean sk_storage_go_on(const SkStorageContext *context, const char *what, GError **error);

G_END_DECLS
