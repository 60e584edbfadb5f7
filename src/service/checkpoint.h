/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/checkpoint.h"
#include "service/snapshot.h"

/*
 * Checkpoints of domains: each is a bitmap in every one of its disks' qcow2 files, which has what was written since, from its making to
 * its deletion. All of them go on at once, so that any can be deleted without touching another. Main thread unless said otherwise.
 */

/* -- checkpoint.c: what is known of them ----------------------------------------------------------------------- */

gboolean sk_service_load_checkpoints(SkService *self, GError **error);

/* By name; NO_CHECKPOINT. Borrowed. */
SkCheckpoint *sk_domain_checkpoint(const SkDomain *self, const char *name, GError **error);
/* NULL: none. Borrowed. */
SkCheckpoint *sk_domain_current_checkpoint(const SkDomain *self);
/* TRUE if it is the earlier one itself or came after it. */
gboolean sk_checkpoint_came_after(const SkDomain *domain, const SkCheckpoint *self, const SkCheckpoint *earlier);

/* Takes the place of the one with its id, or is added; taken. */
void sk_domain_put_checkpoint(SkDomain *self, SkCheckpoint *checkpoint);
void sk_domain_forget_checkpoint(SkDomain *self, const char *id);
void sk_domain_tell_checkpoints(SkDomain *self, const char *event, const char *name);
/* STATE if it has any: what (a gerund phrase) would make them wrong. */
gboolean sk_domain_check_no_checkpoints(const SkDomain *self, const char *what, GError **error);

/* As a record for the store. Any thread. */
SkRecord *sk_checkpoint_record(const char *domain_uuid, const SkCheckpoint *self);
/* In a batch that removes the domain, or its definition. */
void sk_checkpoints_remove_records(const char *const *ids, SkStoreBatch *batch);
/* The ids of a domain's checkpoints (GStrv, may be empty). */
char **sk_domain_checkpoint_ids(const SkDomain *self);

gboolean sk_handle_checkpoint_list(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_checkpoint_show_job, sk_checkpoint_redefine_job;

/* -- checkpoint-bitmaps.c: what is in the disks; workers --------------------------------------------------------- */

/*
 * Of a domain that runs: where its bitmaps are to be (SkQmpBitmapStep). Refused: a disk that cannot keep one, a name that its
 * image has already. NULL on error.
 */
GPtrArray *sk_checkpoint_steps(const SkSnapshotSite *site, const SkCheckpoint *checkpoint, GError **error);
/* The same of one that is off. */
gboolean sk_checkpoint_check_free(const SkCheckpoint *checkpoint, GError **error);
/* Drops what the images have of it; what is not there is fine. */
gboolean sk_checkpoint_drop_bitmaps(const SkSnapshotSite *site, const SkCheckpoint *checkpoint, GError **error);
/* Fails, naming the disk, unless all its bitmaps are there and whole. Fills in how much was written since, of a domain that runs. */
gboolean sk_checkpoint_look(const SkSnapshotSite *site, SkCheckpoint *checkpoint, gboolean strict, GError **error);

/* -- checkpoint-create.c --------------------------------------------------------------------------------------------- */

/* One that is asked for: name, disks, definition. NULL if it cannot be. Free with sk_value_free(). */
SkCheckpoint *sk_checkpoint_plan(SkDomain *domain, const SkCheckpointCreate *body, GError **error);
/* Puts it, and the one before it, which is current no more, into the batch that makes it true. Workers. */
void sk_checkpoint_keep(const char *uuid, const SkCheckpoint *checkpoint, SkCheckpoint *parent, SkStoreBatch *batch);
/* Then into the live domain; both (parent may be NULL) are taken. */
void sk_checkpoint_take(SkDomain *domain, SkCheckpoint *checkpoint, SkCheckpoint *parent);

extern const SkJobKind sk_checkpoint_create_job, sk_checkpoint_delete_job;

/* -- checkpoint-note.c: what is under way, written down ---------------------------------------------------------- */

/* Whatever was being done, its bitmaps go: one that was being created never was, one that was being deleted is gone. Workers. */
gboolean sk_checkpoint_note(const SkSnapshotSite *site, const SkCheckpoint *checkpoint, GError **error);
void sk_checkpoint_note_settle(const SkSnapshotSite *site, SkStoreBatch *batch);
void sk_checkpoint_note_drop(const SkSnapshotSite *site);
/* At start-up, after the domains that run are known: jobs in the queues of their domains. */
void sk_service_recover_checkpoints(SkService *self);

/* What a former daemon began to delete, or to create; checkpoint is taken. */
void sk_checkpoint_delete_by_daemon(SkDomain *domain, SkCheckpoint *checkpoint);
