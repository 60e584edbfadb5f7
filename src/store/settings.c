/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings, uids of domains, revisions of events. */
#include "store/settings.h"

#include "base/error.h"
#include "base/thread.h"
#include "store/private.h"

/* -- settings --------------------------------------------------------------------------------------------- */

typedef struct {
    char *key, *text;
} Setting;

static void
setting_free(gpointer data)
{
    Setting *self = data;
    g_free(self->key);
    g_free(self->text);
    g_free(self);
}

static gboolean
set_work(SkDb *db, gpointer data, GError **error)
{
    const Setting *setting = data;
    if (setting->text == NULL)
        return sk_db_run(db, error, "DELETE FROM settings WHERE key = ?1", "t", setting->key);
    return sk_db_run(db, error,
                     "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                     "tt", setting->key, setting->text);
}

static gboolean
take_setting(sqlite3_stmt *row, gpointer data, GError **error)
{
    Setting *setting = data;
    (void) error;
    g_free(setting->text);
    setting->text = sk_db_text(row, 0);
    return TRUE;
}

static gboolean
get_work(SkDb *db, gpointer data, GError **error)
{
    Setting *setting = data;
    return sk_db_query(db, take_setting, setting, error, "SELECT value FROM settings WHERE key = ?1", "t", setting->key);
}

gboolean
sk_store_get_setting(SkStore *self, const char *key, char **out_text, GError **error)
{
    Setting setting = { (char *) key, NULL };
    if (!sk_queue_call(self->queue, SK_QUEUE_READ, get_work, &setting, error)) {
        g_free(setting.text);
        return FALSE;
    }
    *out_text = setting.text;
    return TRUE;
}

gboolean
sk_store_set_setting(SkStore *self, const char *key, const char *text, GError **error)
{
    Setting setting = { (char *) key, (char *) text };
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, set_work, &setting, error);
}

void
sk_store_set_setting_async(SkStore *self, const char *key, const char *text, SkStoreDone done, gpointer data)
{
    Setting *setting = g_new(Setting, 1);
    *setting = (Setting){ g_strdup(key), g_strdup(text) };
    sk_queue_send(self->queue, SK_QUEUE_WRITE, set_work, setting, setting_free, done, data);
}

const char *
sk_store_instance_id(SkStore *self)
{
    return self->instance_id;
}

/* -- uids --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *domain;
    gint64 base, count;
    gint64 uid;             /* out; 0: none is free */
} TakeUid;

static gboolean
find_uid(SkDb *db, TakeUid *take, GError **error)
{
    if (!sk_db_number(db, 0, &take->uid, error, "SELECT uid FROM uids WHERE domain = ?1", "t", take->domain))
        return FALSE;
    if (take->uid >= take->base && take->uid < take->base + take->count)
        return TRUE;
    /* The base itself, or the first number after a taken one that is free. */
    return sk_db_number(db, 0, &take->uid, error,
                        "SELECT min(free) FROM (SELECT ?1 AS free UNION ALL SELECT uid + 1 FROM uids WHERE uid >= ?1)"
                        " WHERE free < ?1 + ?2 AND free NOT IN (SELECT uid FROM uids)",
                        "ii", take->base, take->count);
}

static gboolean
take_uid_work(SkDb *db, gpointer data, GError **error)
{
    TakeUid *take = data;
    if (!find_uid(db, take, error))
        return FALSE;
    if (take->uid == 0)
        return sk_fail(error, SK_ERROR_TOO_MANY, "all %d uids for domains from %d on are taken; give a larger range in skepd.conf",
                       (gint) take->count, (gint) take->base);
    sk_db_touch(db, "uid");
    /* A domain whose old uid is outside of the range gets the new one. */
    return sk_db_run(db, error, "INSERT INTO uids (uid, domain) VALUES (?1, ?2) ON CONFLICT (domain) DO UPDATE SET uid = excluded.uid"
                     " WHERE uid != excluded.uid", "it", take->uid, take->domain);
}

gboolean
sk_uid_free_work(SkDb *db, gpointer data, GError **error)
{
    return sk_db_run(db, error, "DELETE FROM uids WHERE domain = ?1", "t", (const char *) data);
}

gboolean
sk_store_take_uid(SkStore *self, const char *domain_uuid, guint base, guint count, guint *out_uid, GError **error)
{
    TakeUid take = { .domain = domain_uuid, .base = base, .count = count };
    g_return_val_if_fail(base > 0, FALSE);
    if (!sk_queue_call(self->queue, SK_QUEUE_WRITE, take_uid_work, &take, error))
        return FALSE;
    *out_uid = (guint) take.uid;
    return TRUE;
}

gboolean
sk_store_free_uid(SkStore *self, const char *domain_uuid, GError **error)
{
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, sk_uid_free_work, (gpointer) domain_uuid, error);
}

/* -- revisions ------------------------------------------------------------------------------------------------ */

/* Enough that reserving the next half never comes too late. */
#define REVISION_BLOCK 65536

/* Shared with a reservation under way, which may end after the store is closed. Main thread. */
struct SkRevisions {
    guint64 last;           /* given out */
    guint64 reserved;       /* on the disk: none above it is given out */
    gboolean asking;
};

static void
set_revision_async(SkStore *self, guint64 revision, SkStoreDone done, gpointer data)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, revision);
    sk_store_set_setting_async(self, "revision", text, done, data);
}

static void
reserved_more(const GError *error, gpointer data)
{
    SkRevisions *revisions = data;
    revisions->asking = FALSE;
    if (error == NULL)
        revisions->reserved += REVISION_BLOCK;
    g_rc_box_release(revisions);
}

guint64
sk_store_next_revision(SkStore *self)
{
    sk_assert_main();
    SkRevisions *revisions = self->revisions;
    revisions->last++;
    gboolean low = revisions->last + REVISION_BLOCK / 2 > revisions->reserved;
    /* While the disk fails, ask again only now and then. */
    if (low && !revisions->asking && revisions->last % 256 == 0) {
        revisions->asking = TRUE;
        set_revision_async(self, revisions->reserved + REVISION_BLOCK, reserved_more, g_rc_box_acquire(revisions));
    }
    return revisions->last;
}

guint64
sk_store_last_revision(SkStore *self)
{
    sk_assert_main();
    return self->revisions->last;
}

/* -- open and close --------------------------------------------------------------------------------------------- */

gboolean
sk_settings_open(SkStore *self, GError **error)
{
    g_autofree char *revision = NULL;
    if (!sk_store_get_setting(self, "instance", &self->instance_id, error) ||
        !sk_store_get_setting(self, "revision", &revision, error))
        return FALSE;
    if (self->instance_id == NULL) {
        self->instance_id = g_uuid_string_random();
        if (!sk_store_set_setting(self, "instance", self->instance_id, error))
            return FALSE;
    }

    guint64 last = revision != NULL ? g_ascii_strtoull(revision, NULL, 10) : 0;
    g_autofree char *reserved = g_strdup_printf("%" G_GUINT64_FORMAT, last + REVISION_BLOCK);
    if (!sk_store_set_setting(self, "revision", reserved, error))
        return FALSE;
    self->revisions = g_rc_box_new(SkRevisions);
    *self->revisions = (SkRevisions){ .last = last, .reserved = last + REVISION_BLOCK };
    return TRUE;
}

void
sk_settings_close(SkStore *self)
{
    if (self->revisions == NULL)
        return;
    set_revision_async(self, self->revisions->last, NULL, NULL);
    g_clear_pointer(&self->revisions, g_rc_box_release);
}
