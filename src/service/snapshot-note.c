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
    SkSnapshot *snapshot;
} Note;

static const SkField note_fields[] = {
    SK_FIELD(Note, verb, ENUM, "what was being done", .names = &verb_enum),
    SK_FIELD(Note, then, ENUM, "state afterwards", .names = &sk_revert_enum),
    SK_FIELD(Note, snapshot, OPTIONAL, "the snapshot", .type = &sk_snapshot_type),
};
static SK_TYPE(note_type, Note, "SnapshotNote", "note", note_fields, "what was being done with a snapshot");

gboolean
sk_snapshot_note(const SkSnapshotSite *self, SkSnapshotVerb verb, const SkSnapshot *snapshot, gint then, GError **error)
{
    const Note note = { .verb = verb, .then = then, .snapshot = (SkSnapshot *) snapshot };
    g_autofree char *json = sk_json_encode(&note_type, &note, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autoptr(SkRecord) record = sk_record_new("snapshot-note", self->uuid, self->uuid, json);
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

/* -- a snapshot that was being created: it never was ------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference */
    SkSnapshotSite site;
    SkSnapshot *snapshot;
} TakeBack;

static void
free_take_back(gpointer data)
{
    TakeBack *work = data;
    sk_snapshot_site_clear(&work->site);
    g_clear_object(&work->domain);
    sk_value_free(&sk_snapshot_type, work->snapshot);
    g_free(work);
}

static gboolean
prepare_take_back(SkJob *job, GError **error)
{
    TakeBack *work = job->work;
    return sk_snapshot_site_begin(&work->site, job->service, work->domain, error);
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
    if (site->agent != NULL)
        sk_agent_thaw(site->agent, NULL, NULL);
    if (!sk_snapshot_drop_states(site, work->snapshot, error) || !sk_snapshot_drop_files(work->snapshot, error))
        return FALSE;
    sk_snapshot_note_drop(site);
    return TRUE;
}

static void
rollback_take_back(SkJob *job, const GError *error)
{
    const TakeBack *work = job->work;
    g_warning("domain \"%s\": not all of snapshot \"%s\", which was being created, could be taken back: %s", sk_domain_name(work->domain),
              work->snapshot->name, error->message);
}

static const SkJobKind take_back_job = {
    .prepare = prepare_take_back, .run = run_take_back, .rollback = rollback_take_back, .free_work = free_take_back,
};

/* -- at start-up ------------------------------------------------------------------------------------------------------ */

static void
go_on(SkService *self, SkDomain *domain, Note *note)
{
    g_message("domain \"%s\": finishing the %s of snapshot \"%s\"", sk_domain_name(domain), sk_enum_name(&verb_enum, note->verb),
              note->snapshot->name);
    if (note->verb == SK_SNAPSHOT_REVERTING) {
        g_free(domain->torn);
        domain->torn = g_strdup(note->snapshot->name);
        sk_snapshot_revert_by_daemon(domain, g_steal_pointer(&note->snapshot), note->then);
    } else if (note->verb == SK_SNAPSHOT_DELETING) {
        sk_snapshot_delete_by_daemon(domain, g_steal_pointer(&note->snapshot));
    } else {
        TakeBack *work = g_new0(TakeBack, 1);
        work->domain = g_object_ref(domain);
        work->snapshot = g_steal_pointer(&note->snapshot);
        sk_job_start_quiet_for(self, &take_back_job, sk_domain_object(domain), work);
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
            go_on(self, domain, note);
        sk_value_free(&note_type, note);
    }
}
