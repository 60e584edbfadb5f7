/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fs.h"
#include "store/queue.h"

G_BEGIN_DECLS

/* What the files of store/ share. */

typedef struct SkRevisions SkRevisions;

struct SkStore {
    SkQueue *queue;
    SkFd lock;              /* held while we live: one daemon a database */
    char *path;
    char *instance_id;
    SkRevisions *revisions;
};

/* Adds a change to a batch, which takes data. */
void sk_store_batch_add(SkStoreBatch *self, SkQueueWork work, gpointer data, GDestroyNotify free_data);

/* settings.c: instance id and revisions, read when the store opens and written when it closes. */
gboolean sk_settings_open(SkStore *self, GError **error);
void sk_settings_close(SkStore *self);

/* Frees the uid of a domain; data is its UUID. */
gboolean sk_uid_free_work(SkDb *db, gpointer data, GError **error);

G_END_DECLS
