/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The daemon's database: one SQLite file, one thread of its own.  Every call is queued
 * to that thread; all that is queued while a commit runs goes into the next one, so many
 * changes at once cost few fsyncs.  What was answered without an error is on the disk.
 *
 * Calls with a GError wait for the disk: workers, or main before its loop runs (asserted).
 * Calls named _async never wait: any thread; callbacks come on the main thread.  All calls
 * take effect in the order they were made.
 *
 * A full, read-only or broken disk fails the change with a clear error and changes nothing;
 * the store stays usable.
 */

typedef struct SkStore SkStore;

/*
 * Opens or makes the database, updating an older schema (a copy is kept beside it first).
 * A file that is damaged, not ours, newer than this program or held by another daemon is an
 * error and is not touched. Main thread, after sk_thread_init().
 */
SkStore *sk_store_open(const char *path, GError **error);

/* Finishes what is queued and closes. Callbacks still to come are posted. NULL is fine. Main thread. */
void sk_store_close(SkStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkStore, sk_store_close)

/* Called when an _async change is on the disk, or with what went wrong. Main thread. */
typedef void (*SkStoreDone)(const GError *error, gpointer data);

/* Transactions committed since it was opened: for metrics and tests. Any thread. */
guint sk_store_commits(SkStore *self);

/* -- records ---------------------------------------------------------------------------------------- */

/*
 * An object as it is kept.  (kind, uuid) and (kind, name) are unique; names that are only
 * unique inside something else are made so by the caller ("pool/volume").
 */
typedef struct {
    char *kind;             /* "domain", "network", "pool", "image" ... */
    char *uuid, *name;
    char *spec;             /* JSON: what was asked for */
    char *state;            /* JSON: what must survive a restart; NULL in a put: keep what is there */
    guint64 revision;       /* counts the puts of this object */
    gint64 created, modified; /* microseconds since the epoch; set by the store */
} SkRecord;

SkRecord *sk_record_new(const char *kind, const char *uuid, const char *name, const char *spec);
void sk_record_free(SkRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRecord, sk_record_free)

/* All records of a kind in the order of their names, as an array that frees its SkRecords. */
gboolean sk_store_load(SkStore *self, const char *kind, GPtrArray **out_records, GError **error);

/*
 * Inserts or replaces by (kind, uuid); revision, created and modified are filled in on success.
 * A name another object of the kind has is EXISTS.
 */
gboolean sk_store_put(SkStore *self, SkRecord *record, GError **error);
/* The record is copied. done may be NULL. */
void sk_store_put_async(SkStore *self, const SkRecord *record, SkStoreDone done, gpointer data);

/*
 * Replaces the state of an object that is there. Not waited for and not forced to the disk: a
 * power cut may lose the last ones, never tear one.
 */
void sk_store_put_state(SkStore *self, const char *kind, const char *uuid, const char *state_json);

/* Removes a record; one that is not there is fine. */
gboolean sk_store_remove(SkStore *self, const char *kind, const char *uuid, GError **error);
void sk_store_remove_async(SkStore *self, const char *kind, const char *uuid, SkStoreDone done, gpointer data);

/* Gives an object another name, in its spec's "name" too. NOT_FOUND, or EXISTS if the name is taken. */
gboolean sk_store_rename(SkStore *self, const char *kind, const char *uuid, const char *name, GError **error);

/* -- several changes in one transaction --------------------------------------------------------------- */

/* Changes that happen together or not at all. Filled on one thread; arguments are copied. */
typedef struct SkStoreBatch SkStoreBatch;

SkStoreBatch *sk_store_batch_new(void);
void sk_store_batch_free(SkStoreBatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkStoreBatch, sk_store_batch_free)

void sk_store_batch_put(SkStoreBatch *self, const SkRecord *record);
void sk_store_batch_put_state(SkStoreBatch *self, const char *kind, const char *uuid, const char *state_json);
void sk_store_batch_remove(SkStoreBatch *self, const char *kind, const char *uuid);
void sk_store_batch_rename(SkStoreBatch *self, const char *kind, const char *uuid, const char *name);
/* Gives back the uid of a domain that is being deleted (store/settings.h). */
void sk_store_batch_free_uid(SkStoreBatch *self, const char *domain_uuid);

/* Takes the batch, and waits. */
gboolean sk_store_commit(SkStore *self, SkStoreBatch *batch, GError **error);
/* Takes the batch. done may be NULL. */
void sk_store_commit_async(SkStore *self, SkStoreBatch *batch, SkStoreDone done, gpointer data);

G_END_DECLS
