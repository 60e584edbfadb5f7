/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/* Small facts of the daemon that must survive it: settings, uids of domains, event revisions. Threads as in store.h. */

/* A setting's text, NULL if it was never set; FALSE only if it could not be read. Free with g_free(). */
gboolean sk_store_get_setting(SkStore *self, const char *key, char **out_text, GError **error);
/* NULL forgets it. */
gboolean sk_store_set_setting(SkStore *self, const char *key, const char *text, GError **error);
void sk_store_set_setting_async(SkStore *self, const char *key, const char *text, SkStoreDone done, gpointer data);

/* The UUID of this installation, made when the database was. Any thread. */
const char *sk_store_instance_id(SkStore *self);

/*
 * The uid that a domain's QEMU runs under: the one it had before, else the lowest free one of
 * the count from base, which is kept before this returns. TOO_MANY if all are taken.
 * Given back by sk_store_batch_free_uid() or sk_store_free_uid().
 */
gboolean sk_store_take_uid(SkStore *self, const char *domain_uuid, guint base, guint count, guint *out_uid, GError **error);
gboolean sk_store_free_uid(SkStore *self, const char *domain_uuid, GError **error);

/*
 * The number of the next event. Greater than any given out before, restarts included (blocks
 * are reserved ahead; a crash skips the rest of one). Never waits. Main thread.
 */
guint64 sk_store_next_revision(SkStore *self);
/* The last one given out, or that would have been. Main thread. */
guint64 sk_store_last_revision(SkStore *self);

G_END_DECLS
