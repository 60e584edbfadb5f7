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
} SkSnapshotSite;

/* STATE if it is active and QEMU does not listen. */
gboolean sk_snapshot_site_begin(SkSnapshotSite *self, SkService *service, SkDomain *domain, GError **error);
void sk_snapshot_site_clear(SkSnapshotSite *self);

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
/* In the batch that makes it true. */
void sk_snapshot_note_settle(const SkSnapshotSite *self, SkStoreBatch *batch);
void sk_snapshot_note_drop(const SkSnapshotSite *self);

/* At start-up, after the domains that run are known: jobs in the queues of their domains. */
void sk_service_recover_snapshots(SkService *self);

/* -- snapshot-plan.c ------------------------------------------------------------------------------------------------ */

/* A snapshot that is asked for: name, disks, files, definitions. NULL if it cannot be. */
SkSnapshot *sk_snapshot_plan(SkJob *job, SkDomain *domain, const SkSnapshotCreate *body, GError **error);

/* -- jobs ------------------------------------------------------------------------------------------------------------ */

extern const SkJobKind sk_snapshot_create_job, sk_snapshot_revert_job, sk_snapshot_delete_job;

/* What a former daemon began; snapshot is taken. */
void sk_snapshot_revert_by_daemon(SkDomain *domain, SkSnapshot *snapshot, gint then);
void sk_snapshot_delete_by_daemon(SkDomain *domain, SkSnapshot *snapshot);
