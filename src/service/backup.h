/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/backup.h"
#include "model/backup.h"
#include "service/checkpoint.h"

/*
 * Backups of running domains. What is begun is written down with the files that were made for it: the next daemon goes on watching
 * it, or takes back what did not come to begin. Main thread unless said otherwise.
 */

/* -- backup.c: the one that is under way ---------------------------------------------------------------------------- */

typedef struct SkDomainBackup SkDomainBackup;

/* NULL: none. Borrowed. */
const SkBackup *sk_domain_backup(const SkDomain *self);
/* The job that ends with it; NULL: none. Borrowed. */
SkJob *sk_domain_backup_job(const SkDomain *self);
/* STATE if there is one: what (a gerund phrase) has to wait. */
gboolean sk_domain_check_no_backup(const SkDomain *self, const char *what, GError **error);

/* It is over, and nothing is left of it; why (taken) is NULL if it did not fail. */
typedef void (*SkBackupOver)(SkJob *job, GError *why, gpointer data);

/* It has begun; backup is taken. job lingers until its end, which over, if there is one, sees to. */
void sk_domain_backup_begun(SkDomain *self, SkBackup *backup, SkJob *job, SkBackupOver over, gpointer data);
/* Something happened to one of QEMU's jobs. */
void sk_domain_backup_event(SkDomain *self, const SkQmpEvent *event);
/* QEMU has ended. */
void sk_domain_backup_lost(SkDomain *self);
/* The job was cancelled: a pull is done then, a push is given up. */
void sk_domain_backup_cancel(SkDomain *self);

/* The daemon ends; it goes on in QEMU. */
void sk_domain_backup_forget(SkDomain *self);

gboolean sk_handle_backup_show(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_backup_begin_job, sk_backup_end_job;

/* At start-up, after the domains that run are known: jobs in the queues of their domains. */
void sk_service_recover_backups(SkService *self);

/* -- backup-begin.c --------------------------------------------------------------------------------------------------- */

/* A backup that is being begun: as backup.begin does it, or for a repository. */
typedef struct {
    SkSnapshotSite site;
    SkBackup *backup;
    SkCheckpoint *checkpoint; /* to be made with it; NULL: none */
    SkCheckpoint *parent;   /* current until then; NULL: none */
    GArray *sizes;          /* guint64: bytes of its disks */
    gboolean quiesce;       /* file systems are frozen, or it fails */
    gboolean try_quiesce;   /* they are frozen if that can be done */
    gboolean stored;        /* it ends with the daemon, with whom its reader ends */
    gboolean frozen, noted;
    gboolean quiesced;      /* they were frozen at the instant */
} SkBackupBegin;

gboolean sk_backup_begin_prepare(SkBackupBegin *self, SkJob *job, SkDomain *domain, const SkBackup *asked, GError **error);
/* Workers. It has begun, or nothing is left of it. */
gboolean sk_backup_begin_run(SkBackupBegin *self, GError **error);
void sk_backup_begin_commit(SkBackupBegin *self, SkJob *job, SkBackupOver over, gpointer data);
void sk_backup_begin_clear(SkBackupBegin *self);

/* -- backup-plan.c ---------------------------------------------------------------------------------------------------- */

/* What is asked for with all that was left open filled in, and only the disks that have a part in it. NULL if it cannot be. */
SkBackup *sk_backup_plan(SkJob *job, SkDomain *domain, const SkBackup *asked, const char *checkpoint, GError **error);

/* -- backup-work.c: workers ---------------------------------------------------------------------------------------- */

/* As it is kept. */
typedef struct {
    SkBackup *backup;
    gboolean begun;
    gboolean stored;        /* read by this daemon's skep-repository: it does not outlive it */
    SkCheckpoint *checkpoint; /* not begun: the one that was to be made with it; NULL: none */
} SkBackupNote;
extern const SkType sk_backup_note_type;

SkRecord *sk_backup_note_record(const char *uuid, const SkBackupNote *note);
void sk_backup_note_drop(const SkSnapshotSite *site);

/*
 * Where its disks are in QEMU (SkQmpBackupStep), and how many bytes each has (guint64; may be NULL). A checkpoint's bitmap that is missing or
 * not whole is STATE. NULL on error.
 */
GPtrArray *sk_backup_steps(const SkSnapshotSite *site, const SkBackup *backup, GArray *out_sizes, GError **error);
/* Makes or opens the files, and gives them to QEMU. What was done of it is for sk_backup_clear() and sk_backup_remove_files(). */
gboolean sk_backup_open_files(const SkSnapshotSite *site, const SkBackup *backup, const GPtrArray *steps, const GArray *sizes, GError **error);
/* The disks are offered by NBD; a port that was left open is filled in. */
gboolean sk_backup_offer(const SkSnapshotSite *site, SkBackup *backup, const GPtrArray *steps, GError **error);
/* Takes away what it has in QEMU. */
gboolean sk_backup_clear(const SkSnapshotSite *site, const SkBackup *backup, GError **error);
/* Removes the files that were made for it, and its socket. */
gboolean sk_backup_remove_files(const SkBackup *backup, GError **error);
