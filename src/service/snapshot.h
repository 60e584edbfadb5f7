/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent.h"
#include "model/snapshot.h"
#include "service/domain.h"

/*
 * Snapshots of domains: made, gone back to, deleted. docs/architecture.md ("Snapshots") says what is kept where. Main thread unless
 * said otherwise.
 */

/* -- snapshot.c: what is known of them ----------------------------------------------------------------------- */

gboolean sk_service_load_snapshots(SkService *self, GError **error);

/* By name; NO_SNAPSHOT. Borrowed. */
SkSnapshot *sk_domain_snapshot(const SkDomain *self, const char *name, GError **error);
/* NULL: none. Borrowed. */
SkSnapshot *sk_domain_current_snapshot(const SkDomain *self);
/* TRUE if it is ancestor itself or grew out of it. */
gboolean sk_snapshot_grew_out_of(const SkDomain *domain, const SkSnapshot *self, const SkSnapshot *ancestor);

/* Takes the place of the one with its id, or is added; taken. */
void sk_domain_put_snapshot(SkDomain *self, SkSnapshot *snapshot);
void sk_domain_forget_snapshot(SkDomain *self, const char *id);
/* Tells everybody that something of its snapshots is another. */
void sk_domain_tell_snapshots(SkDomain *self, const char *event, const char *name);

/* As a record for the store. Any thread. */
SkRecord *sk_snapshot_record(const char *domain_uuid, const SkSnapshot *self);
/* In a batch that removes the domain. */
void sk_snapshots_remove_records(const char *const *ids, SkStoreBatch *batch);
/* The ids of a domain's snapshots (GStrv, may be empty). */
char **sk_domain_snapshot_ids(const SkDomain *self);

/* Directory of what a domain's snapshots have outside of images. Free with g_free(). */
char *sk_domain_snapshot_dir(const SkServiceSettings *settings, const char *uuid);

gboolean sk_handle_snapshot_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_snapshot_show(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_snapshot_diff(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_snapshot_change_job, sk_snapshot_redefine_job;

/* -- what their jobs work with -------------------------------------------------------------------------------- */

/* Copies of all that a worker needs of a domain. */
typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkStore *store;
    const SkServiceSettings *settings;
    char *name, *uuid;
    SkDomainSpec *live;     /* NULL: off */
    SkQmp *qmp;             /* NULL: off */
    SkQemuProcess *process;
    SkAgent *agent;         /* NULL: none answers */

    /* Overlays: snapshot-overlay.c. */
    SkDomainSpec *spec;     /* the definition, to be */
    SkDomainRuntime *runtime; /* for the note of what runs */
    SkRecord *record;       /* of the definition, once it is another */
    GPtrArray *chains;      /* SkDiskChain of live, once overlays are over its disks; NULL: as they are */
    char *run_dir;
    char **roots;
    guint64 revision;
    gboolean persistent;
    gboolean reuse;         /* the files were there before */
    gboolean forget;        /* no snapshot is kept */
    gboolean switched;      /* QEMU writes to the overlays */
    char **remove;          /* a revert's: files that nobody needs then */
} SkSnapshotSite;

/* STATE if it is active and QEMU does not listen. */
gboolean sk_snapshot_site_begin(SkSnapshotSite *self, SkService *service, SkDomain *domain, GError **error);
void sk_snapshot_site_clear(SkSnapshotSite *self);
/* What a former daemon may have frozen, if the guest's agent is there. Workers. */
void sk_snapshot_site_thaw(const SkSnapshotSite *self);
/* Takes the definitions anew, after somebody else changed them. Main. */
void sk_snapshot_site_refresh(SkSnapshotSite *self);
/* self->record becomes that of self->spec, which is another now. Any thread. */
void sk_snapshot_site_record(SkSnapshotSite *self);
/* Copies of all that the domain has (SkSnapshot, freed with the array). Main. */
GPtrArray *sk_domain_copy_snapshots(const SkDomain *domain);

/* The topmost node of the running domain's disk with that file; NULL: nothing that runs has it. Free. Workers. */
char *sk_snapshot_site_node(const SkSnapshotSite *self, const char *path);
/* Drops what the images have of a snapshot; what is not there is fine. Workers. */
gboolean sk_snapshot_drop_states(const SkSnapshotSite *self, const SkSnapshot *snapshot, GError **error);
/* Removes its memory and the TPM's state. Workers. */
gboolean sk_snapshot_drop_files(const SkSnapshot *snapshot, GError **error);

/* -- snapshot-note.c: what is under way, written down ------------------------------------------------------------ */

typedef enum { SK_SNAPSHOT_CREATING, SK_SNAPSHOT_REVERTING, SK_SNAPSHOT_DELETING, SK_N_SNAPSHOT_VERBS } SkSnapshotVerb;

/*
 * One a domain: the next daemon takes back what was being created, and brings to its end what was being reverted or deleted. Workers.
 */
gboolean sk_snapshot_note(const SkSnapshotSite *self, SkSnapshotVerb verb, const SkSnapshot *snapshot, gint then, GError **error);
/* The same for a batch. Free with sk_record_free(). */
SkRecord *sk_snapshot_note_record(const SkSnapshotSite *self, SkSnapshotVerb verb, const SkSnapshot *snapshot, gint then);
/* In the batch that makes it true. */
void sk_snapshot_note_settle(const SkSnapshotSite *self, SkStoreBatch *batch);
void sk_snapshot_note_drop(const SkSnapshotSite *self);

/* At start-up, after the domains that run are known: jobs in the queues of their domains. */
void sk_service_recover_snapshots(SkService *self);

/* -- snapshot-overlay.c: disks whose state is kept in their file as it was, with an overlay over it ---------------- */

gboolean sk_snapshot_has_overlays(const SkSnapshot *snapshot);
/* Before anything is done: files that are to be made are not there, those that are to be used fit. Workers. */
gboolean sk_snapshot_check_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot, GError **error);
/* Makes the files. Workers. */
gboolean sk_snapshot_make_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot, GError **error);
/* Gives the files to QEMU, and adds steps (SkQmpSnapshotStep) to put them over the disks; their texts go into kept. Workers. */
gboolean sk_snapshot_plug_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot, GArray *steps, GPtrArray *kept, GError **error);
/* Whether what runs writes to them; of one that runs no more: whether it may have. Workers. */
gboolean sk_snapshot_overlays_taken(const SkSnapshotSite *self, const SkSnapshot *snapshot, gboolean *out, GError **error);
/* The disks of both definitions go over to them; the definition's record, to be put into a batch, if it is another. Any thread. */
SkRecord *sk_snapshot_switch(SkSnapshotSite *self, const SkSnapshot *snapshot);
/* What runs is noted for the next daemon. Workers. */
gboolean sk_snapshot_note_live(SkSnapshotSite *self, GError **error);
/* They were not taken: takes away files and nodes. Workers. */
void sk_snapshot_drop_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot);
/* The disk, if it is on the one file, is on the other. TRUE: it is now. Any thread. */
gboolean sk_snapshot_move_disk(SkDomainSpec *spec, const char *target, const char *from, const char *to, gint format);
/* The pool in whose directory the file lies, if any, looks at it: it came, changed or went. Main. */
void sk_snapshot_look_at(SkService *service, const char *path);
/* Puts both definitions into the domain, and looks at the files. Main. */
void sk_snapshot_switched(SkSnapshotSite *self, const SkSnapshot *snapshot);
/* What was begun, and cannot be taken back, is brought to its end as a job of the daemon's own. snapshot is copied. Main. */
void sk_snapshot_finish_by_daemon(SkDomain *domain, const SkSnapshot *snapshot, gboolean reuse, gboolean forget);

/* -- snapshot-plan.c ------------------------------------------------------------------------------------------------ */

/* A snapshot that is asked for: name, disks, files, definitions. NULL if it cannot be. */
SkSnapshot *sk_snapshot_plan(SkJob *job, SkDomain *domain, const SkSnapshotCreate *body, GError **error);

/* -- jobs ------------------------------------------------------------------------------------------------------------ */

extern const SkJobKind sk_snapshot_create_job, sk_snapshot_revert_job, sk_snapshot_delete_job;

/* What a former daemon began; snapshot and remove are taken. */
void sk_snapshot_revert_by_daemon(SkDomain *domain, SkSnapshot *snapshot, gint then, char **remove);
/* Once no block job of the domain is under way. */
void sk_snapshot_delete_by_daemon(SkDomain *domain, SkSnapshot *snapshot);
/* A block job of the domain has ended: a deletion that waits for it goes on. */
void sk_domain_go_on_deleting(SkDomain *domain);
