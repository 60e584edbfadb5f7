/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/block-job.h"
#include "model/block-job.h"
#include "service/domain.h"
#include "service/intent.h"
#include "storage/chain.h"

/*
 * Long work on disks of running domains: pull, commit, copy. Each is written down before QEMU hears of it, goes on while the daemon is away,
 * and is brought to its end by whichever daemon is there then. Main thread unless said otherwise.
 */

/* How far it is, as it is written down before the next step is taken. */
typedef enum {
    SK_BLOCK_STARTING,      /* QEMU was told, or was about to be */
    SK_BLOCK_PIVOTING,      /* it is to go over */
    SK_BLOCK_SWITCHED,      /* the definition says so: QEMU, which holds the guest's I/O, is to do it */
    SK_BLOCK_CANCELLING,
    SK_BLOCK_ENDED,         /* what is left is to forget it */
    SK_N_BLOCK_PHASES
} SkBlockPhase;

/* One of a domain: at most one a disk. */
typedef struct {
    char *target;
    gint kind;              /* SkBlockKind */
    gint phase;             /* SkBlockPhase */
    gint then;              /* SkBlockThen */
    SkDisk *old;            /* the disk as it was */
    SkDisk *fresh;          /* after a pivot; NULL: kinds that have none */
    char *base, *top;
    char **writes;          /* files that are written to besides the disk's own */
    char **remove;          /* files to be deleted once it has ended well */
    gboolean made;          /* the copy's file was made for it */
    gboolean gently;        /* cancelled when it was ready: the copy is whole */
    gboolean switched;      /* the definition is the new one */
    guint64 speed;
    char *failure;          /* phase ended: why it failed; NULL: it did not */

    /* What follows is not written down. */
    gint state;             /* SkBlockState */
    guint64 done, total;
    SkJob *job;             /* shows it; NULL: not yet, or cancelled. A reference */
    gboolean settling;      /* a job of ours is about to look at its end */
} SkBlockJob;
extern const SkType sk_block_job_type;

/* "vda-copy": its name in QEMU. Any thread. Free with g_free(). */
char *sk_block_job_id(const SkBlockJob *self);

/* NULL: none. Borrowed. */
SkBlockJob *sk_domain_block_job(const SkDomain *domain, const char *target);
/* STATE if there is one on the disk; target NULL: on any. */
gboolean sk_domain_check_no_block_job(const SkDomain *domain, const char *target, GError **error);
/* What the domain has open for writing is what runs, and what its block jobs write to. */
void sk_domain_reserve_again(SkDomain *domain);

/* QEMU says of a job that it is another now. */
void sk_domain_block_job_changed(SkDomain *domain, const char *id, const char *status);
/* QEMU has ended: so have they. */
void sk_domain_block_jobs_lost(SkDomain *domain);
/* It has begun, or was found: it is watched from now on. */
void sk_domain_add_block_job(SkDomain *domain, SkBlockJob *job);
/* "domain.block-job": status "ready", "completed", "failed", "canceled". */
void sk_domain_tell_block_job(SkDomain *domain, const SkBlockJob *job, const char *status);

/* -- what jobs of ours work with --------------------------------------------------------------------------- */

/* Copies of all that a worker needs. */
typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkStore *store;
    char *name, *uuid, *run_dir;
    SkQmp *qmp;             /* NULL: off */
    SkBlockJob *job;        /* a copy; as it is written down */
    SkDomainSpec *spec;     /* the definition */
    SkDomainSpec *live;     /* NULL: off */
    SkDomainRuntime *runtime;
    SkRecord *record;       /* of the definition, once it is another */
    GPtrArray *chains;      /* SkDiskChain of live, once it has ended; NULL: not yet */
    gboolean persistent;
    guint64 revision;
    char **roots;

    SkPoolSpec *pool;       /* copy: where its file is to be made; NULL: it is there */
    SkVolumeCreate *create;
    SkIntent *intent;
    gboolean shallow, relative, inner;
    gboolean ended;
} SkBlockWork;

/* Fills it for a domain; job is taken. FALSE: QEMU runs, but does not listen. */
gboolean sk_block_work_begin(SkBlockWork *self, SkService *service, SkDomain *domain, SkBlockJob *job, GError **error);
void sk_block_work_free(gpointer self);
/* Writes the job down as it is. Workers. */
gboolean sk_block_work_note(SkBlockWork *self, SkBlockPhase phase, GError **error);
SkRecord *sk_block_work_record(const SkBlockWork *self);
/* Tells a job of ours to be shown for it. */
void sk_block_job_show(SkDomain *domain, SkBlockJob *job);

/*
 * Brings it as far as it goes without being told: work->ended says whether that is its end. Workers. FALSE: what QEMU has could not be found
 * out, or the next step could not be taken; it is tried again later.
 */
gboolean sk_block_settle(SkBlockWork *self, GError **error);
/* Puts what came of it into the domain. */
void sk_block_settled(SkBlockWork *self);

/* -- block-plan.c: the files of a chain (SkChainLayer, the disk's own first) that a job is about; any thread ----------- */

typedef struct {
    guint top, base;
} SkBlockRange;

/* A file of the chain by its path. */
gboolean sk_block_find_layer(const GPtrArray *layers, const SkBlockJob *job, const char *domain, const char *name, guint *out, GError **error);
/* What a commit brings down: from job->top, the disk's own if NULL, into job->base, if NULL the next below (shallow) or the last one. */
gboolean sk_block_find_range(const GPtrArray *layers, const SkBlockJob *job, const char *domain, gboolean shallow, gboolean inner, SkBlockRange *range,
                             GError **error);
/* What a header is to say of the file below. Free with g_free(); NULL on error. */
char *sk_block_name_in_header(gboolean relative, const SkChainLayer *upper, const SkChainLayer *lower, GError **error);

/* Looks, in the domain's queue, how far it has come. */
void sk_domain_look_at_block_job(SkDomain *domain, SkBlockJob *job);
/* Ends it, as a job of the daemon's own. */
void sk_domain_end_block_job(SkDomain *domain, const char *target, gboolean pivot);

/*
 * What is in top, a file of the disk's chain, goes down into base, right below it, while the guest runs; the definitions are the new ones then, and what
 * of it is told to job is how far it is. Workers, in the domain's queue.
 */
gboolean sk_block_commit_now(SkJob *job, SkDomain *domain, const char *target, const char *top, const char *base, GError **error);

extern const SkJobKind sk_disk_pull_job, sk_disk_commit_job, sk_disk_copy_job, sk_disk_job_job, sk_disk_job_change_job, sk_disk_job_end_job,
    sk_disk_content_job, sk_disk_threshold_job;

/* At start-up: loads those that were under way, before the domains that run are taken back, and after that looks at them. */
gboolean sk_service_load_block_jobs(SkService *self, GError **error);
void sk_service_recover_block_jobs(SkService *self);
