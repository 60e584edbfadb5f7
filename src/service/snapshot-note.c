/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is under way with a domain's snapshots, and what the next daemon makes of it. */
#include <string.h>

#include "base/error.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/migrate.h"
#include "service/snapshot.h"

static const SkEnumName verb_names[] = { { "create" }, { "revert" }, { "delete" } };
G_STATIC_ASSERT(G_N_ELEMENTS(verb_names) == SK_N_SNAPSHOT_VERBS);
static const SkEnum verb_enum = { .what = "verb", .names = verb_names, .count = SK_N_SNAPSHOT_VERBS };

typedef struct {
    gint verb;              /* SkSnapshotVerb */
    gint then;              /* SkRevertState */
    gboolean reuse, forget; /* create: overlays that were there before; no snapshot is kept */
    SkSnapshot *snapshot;
    char **remove;          /* revert: files that nobody needs then */
} Note;

static const SkField note_fields[] = {
    SK_FIELD(Note, verb, ENUM, "what was being done", .names = &verb_enum),
    SK_FIELD(Note, then, ENUM, "state afterwards", .names = &sk_revert_enum),
    SK_FIELD(Note, reuse, BOOL, "overlays were there before"),
    SK_FIELD(Note, forget, BOOL, "no snapshot is kept"),
    SK_FIELD(Note, snapshot, OPTIONAL, "the snapshot", .type = &sk_snapshot_type),
    SK_FIELD(Note, remove, STRV, "files that nobody needs afterwards"),
};
static SK_TYPE(note_type, Note, "SnapshotNote", "note", note_fields, "what was being done with a snapshot");

SkRecord *
sk_snapshot_note_record(const SkSnapshotSite *self, SkSnapshotVerb verb, const SkSnapshot *snapshot, gint then)
{
    const Note note = { .verb = verb, .then = then, .reuse = self->reuse, .forget = self->forget, .snapshot = (SkSnapshot *) snapshot,
                        .remove = self->remove };
    g_autofree char *json = sk_json_encode(&note_type, &note, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new("snapshot-note", self->uuid, self->uuid, json);
}

gboolean
sk_snapshot_note(const SkSnapshotSite *self, SkSnapshotVerb verb, const SkSnapshot *snapshot, gint then, GError **error)
{
    g_autoptr(SkRecord) record = sk_snapshot_note_record(self, verb, snapshot, then);
    return sk_store_put(self->store, record, error);
}

void
sk_snapshot_note_settle(const SkSnapshotSite *self, SkStoreBatch *batch)
{
    sk_store_batch_remove(batch, "snapshot-note", self->uuid);
}

void
sk_snapshot_note_drop(const SkSnapshotSite *self)
{
    g_autoptr(GError) error = NULL;
    if (!sk_store_remove(self->store, "snapshot-note", self->uuid, &error))
        g_warning("domain \"%s\": %s, continuing", self->name, error->message);
}

/* -- a snapshot that was being created: it never was, unless QEMU writes to its overlays ------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference */
    SkSnapshotSite site;
    SkSnapshot *snapshot;
    SkSnapshot *parent;     /* current until then; NULL: none */
    gboolean reuse, forget, taken;
} TakeBack;

static void
free_take_back(gpointer data)
{
    TakeBack *work = data;
    sk_snapshot_site_clear(&work->site);
    g_clear_object(&work->domain);
    sk_value_free(&sk_snapshot_type, work->snapshot);
    sk_value_free(&sk_snapshot_type, work->parent);
    g_free(work);
}

static gboolean
prepare_take_back(SkJob *job, GError **error)
{
    TakeBack *work = job->work;
    if (!sk_snapshot_site_begin(&work->site, job->service, work->domain, error))
        return FALSE;
    work->site.reuse = work->reuse;
    work->site.forget = work->forget;
    work->parent = sk_value_copy(&sk_snapshot_type, sk_domain_current_snapshot(work->domain));
    return TRUE;
}

/* Nobody knows whether all of the memory was written: the disks alone are kept. */
static gboolean
forget_memory(SkSnapshot *snapshot, GError **error)
{
    if (snapshot->memory == NULL)
        return TRUE;
    if (!sk_fs_remove(snapshot->memory, error))
        return FALSE;
    g_message("snapshot \"%s\" is kept without the memory, which was not saved to its end", snapshot->name);
    g_clear_pointer(&snapshot->memory, g_free);
    snapshot->memory_given = FALSE;
    snapshot->memory_bytes = 0;
    return TRUE;
}

/* As the creation would have ended. */
static gboolean
finish_creation(TakeBack *work, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    const SkRecord *definition = sk_snapshot_switch(&work->site, work->snapshot);
    g_autoptr(SkRecord) record = sk_snapshot_record(work->site.uuid, work->snapshot), parent = NULL;
    if (definition != NULL)
        sk_store_batch_put(batch, definition);
    if (!work->forget)
        sk_store_batch_put(batch, record);
    if (work->parent != NULL && !work->forget) {
        work->parent->current = FALSE;
        parent = sk_snapshot_record(work->site.uuid, work->parent);
        sk_store_batch_put(batch, parent);
    }
    sk_snapshot_note_settle(&work->site, batch);
    if (sk_fault("snapshot-create/finish", error) || !sk_snapshot_note_live(&work->site, error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    return sk_store_commit(work->site.store, batch, error);
}

/* Ends what moves the guest's memory. The disks of a paused one whose memory was moved are closed until it goes on, if only for an instant. */
static gboolean
settle(SkQmp *qmp, GError **error)
{
    SkQmpStatus status;
    sk_qmp_migrate_cancel(qmp);
    if (!sk_qmp_query_status(qmp, &status, error))
        return FALSE;
    return !g_str_equal(status.status, "postmigrate") || (sk_qmp_do(qmp, SK_QMP_CONT, error) && sk_qmp_do(qmp, SK_QMP_STOP, error));
}

static gboolean
run_take_back(SkJob *job, GError **error)
{
    TakeBack *work = job->work;
    const SkSnapshotSite *site = &work->site;
    if (site->qmp != NULL && !settle(site->qmp, error))
        return FALSE;
    sk_snapshot_site_thaw(site);
    if (!sk_snapshot_overlays_taken(site, work->snapshot, &work->taken, error))
        return FALSE;
    if (work->taken)
        return forget_memory(work->snapshot, error) && finish_creation(work, error);
    sk_snapshot_drop_overlays(site, work->snapshot);
    if (!sk_snapshot_drop_states(site, work->snapshot, error) || !sk_snapshot_drop_files(work->snapshot, error))
        return FALSE;
    sk_snapshot_note_drop(site);
    return TRUE;
}

static void
commit_take_back(SkJob *job)
{
    TakeBack *work = job->work;
    if (!work->taken)
        return;
    sk_snapshot_switched(&work->site, work->snapshot);
    if (work->forget)
        return;
    g_autofree char *name = g_strdup(work->snapshot->name);
    if (work->parent != NULL)
        sk_domain_put_snapshot(work->domain, g_steal_pointer(&work->parent));
    sk_domain_put_snapshot(work->domain, g_steal_pointer(&work->snapshot));
    sk_domain_tell_snapshots(work->domain, "snapshot.created", name);
}

static void
rollback_take_back(SkJob *job, const GError *error)
{
    const TakeBack *work = job->work;
    g_warning("domain \"%s\": snapshot \"%s\", which was being created, could not be taken back, or finished: %s", sk_domain_name(work->domain),
              work->snapshot->name, error->message);
}

static const SkJobKind take_back_job = {
    .prepare = prepare_take_back, .run = run_take_back, .commit = commit_take_back, .rollback = rollback_take_back, .free_work = free_take_back,
};

void
sk_snapshot_finish_by_daemon(SkDomain *domain, const SkSnapshot *snapshot, gboolean reuse, gboolean forget)
{
    TakeBack *work = g_new0(TakeBack, 1);
    work->domain = g_object_ref(domain);
    work->snapshot = sk_value_copy(&sk_snapshot_type, snapshot);
    work->reuse = reuse;
    work->forget = forget;
    sk_job_start_quiet_for(domain->service, &take_back_job, sk_domain_object(domain), work);
}

/* -- at start-up ------------------------------------------------------------------------------------------------------ */

static void
go_on(SkDomain *domain, Note *note)
{
    g_message("domain \"%s\": finishing the %s of snapshot \"%s\"", sk_domain_name(domain), sk_enum_name(&verb_enum, note->verb),
              note->snapshot->name);
    if (note->verb == SK_SNAPSHOT_REVERTING) {
        g_free(domain->torn);
        domain->torn = g_strdup(note->snapshot->name);
        sk_snapshot_revert_by_daemon(domain, g_steal_pointer(&note->snapshot), note->then, g_steal_pointer(&note->remove));
    } else if (note->verb == SK_SNAPSHOT_DELETING) {
        sk_snapshot_delete_by_daemon(domain, g_steal_pointer(&note->snapshot));
    } else {
        sk_snapshot_finish_by_daemon(domain, note->snapshot, note->reuse, note->forget);
    }
}

void
sk_service_recover_snapshots(SkService *self)
{
    g_autoptr(GPtrArray) records = NULL;
    g_autoptr(GError) error = NULL;
    if (!sk_store_load(self->store, "snapshot-note", &records, &error)) {
        g_warning("%s, continuing", error->message);
        return;
    }
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, record->uuid);
        Note *note = sk_json_decode_text(&note_type, record->spec, strlen(record->spec), "note", NULL);
        if (domain != NULL && note != NULL && note->snapshot != NULL)
            go_on(domain, note);
        sk_value_free(&note_type, note);
    }
}
