/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Sees files come, change and go in directories, whoever does it.  Changes of one file are gathered
 * for a moment and told once; our own half-made files and parts of uploads are not told.
 * Main thread; callbacks come on the main thread, from the main loop.
 */

typedef enum {
    SK_WATCH_CREATED,       /* made or moved in */
    SK_WATCH_CHANGED,       /* closed after writing */
    SK_WATCH_REMOVED,       /* removed or moved out */
    SK_WATCH_GONE,          /* the directory itself; name is NULL */
    SK_WATCH_RESCAN,        /* the directory is back, or events were lost: list it anew; name is NULL */
} SkWatchKind;

/* dir is as it was given to sk_storage_watch_add(). */
typedef void (*SkWatchFunc)(const char *dir, const char *name, SkWatchKind kind, gpointer data);

typedef struct SkWatch SkWatch;

SkWatch *sk_storage_watch_new(SkWatchFunc func, gpointer data, GError **error);

/* Watches a directory; one that is not there is awaited (RESCAN when it comes). Again is fine. */
void sk_storage_watch_add(SkWatch *self, const char *dir);

/* Watches it no more; what was gathered of it is dropped. */
void sk_storage_watch_remove(SkWatch *self, const char *dir);

void sk_storage_watch_free(SkWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkWatch, sk_storage_watch_free)

G_END_DECLS
