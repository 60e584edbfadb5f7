/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/backup.h"
#include "service/repository.h"

/*
 * Backups of domains that go into repositories. What the next one needs to be incremental is nowhere but in two places that tell the
 * truth: the backup in the repository names the checkpoint made with it, and the domain has that checkpoint. A checkpoint of ours that no
 * backup needs goes after each backup; a record tells the next daemon to see to it if this one dies. Main thread unless said otherwise.
 */

/* -- stored-backup-create.c ------------------------------------------------------------------------------------------- */

extern const SkJobKind sk_stored_backup_create_job;
/* The same as a job of the daemon's own: a schedule's. */
SkJob *sk_stored_backup_create_by_daemon(SkDomain *domain, const SkStoredBackupCreate *asked);

/* The newest backup since whose checkpoint, one of those (SkCheckpoint), writes are counted; NULL: none. Any thread. */
const SkStoredBackup *sk_stored_backup_base(const GPtrArray *backups, const GPtrArray *checkpoints, const SkCheckpoint **out_since);

/* -- stored-backup-off.c: a domain that is off; workers ------------------------------------------------------------------ */

/* Its directory for sockets. Free with g_free(). Any thread. */
char *sk_stored_backup_dir(const SkServiceSettings *settings, const char *uuid);

/* Offers the disks of the order, read-only, by qemu-nbd, and has skep-repository read them. NULL on error. */
SkStoredBackup *sk_stored_backup_make_off(const SkSnapshotSite *site, const SkRepositoryPlace *place, SkBackupOrder *order, const SkStoredBackup *base,
                                          const SkCheckpoint *since, const SkStorageContext *context, GError **error);

/* -- stored-backup-tidy.c --------------------------------------------------------------------------------------------------- */

/* What checkpoints for a repository begin with: "skep-1234abcd-". Free with g_free(). Any thread. */
char *sk_stored_backup_prefix(const char *repository);
/* Copies of those that the domain has (SkCheckpoint). */
GPtrArray *sk_stored_backup_checkpoints(const SkDomain *domain, const char *repository);

/* A backup of the domain is about to be made to the repository (UUID). Workers. */
gboolean sk_stored_backup_note(SkStore *store, const char *domain, const char *repository, GError **error);
void sk_stored_backup_note_drop(SkStore *store, const char *domain);

/*
 * Drops the checkpoints that no backup needs, then the note, and then ends the job (may be NULL) with what was made, or why not; both are
 * taken.
 */
void sk_stored_backup_tidy(SkDomain *domain, const char *repository, SkJob *job, SkStoredBackup *made, GError *why);

/* At start-up, after the domains that run are known: jobs in the queues of their domains. */
void sk_service_recover_stored_backups(SkService *self);
