/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "model/job.h"
#include "service/call.h"
#include "service/service.h"

/*
 * Jobs: changes that run on a worker, one at a time for each object, in the order
 * asked for.
 *
 *   main    prepare   check against live objects, copy what run needs into job->work
 *   worker  run       blocks: trades, QMP, and last of all the store
 *   main    commit    put the result into the live objects; cannot fail
 *
 * prepare runs when the job's turn has come, so it sees what the jobs before it did.
 */

typedef struct SkJob SkJob;
typedef struct SkJobs SkJobs;

typedef struct {
    /* "domain/web1": what it works on; jobs with the same text wait for each other. NULL func: object/name of the call. */
    char *(*object)(SkService *service, SkCall *call);
    const char *queue;                                  /* jobs of this name wait for each other instead; may be NULL */
    gboolean (*prepare)(SkJob *job, GError **error);    /* may be NULL */
    gboolean (*run)(SkJob *job, GError **error);        /* may be NULL */
    void (*commit)(SkJob *job);                         /* may be NULL */
    /* run or prepare failed or it was cancelled: put live objects back. May be NULL. */
    void (*rollback)(SkJob *job, const GError *error);
    GDestroyNotify free_work;                           /* may be NULL */
    gboolean cancellable;
    /* After commit the job goes on until sk_job_end(), without holding its object up. */
    gboolean lingers;
    /* It lingered and was cancelled: let go of it. May be NULL. */
    void (*cancelled)(SkJob *job);
    /* cancelled() sees to it that sk_job_end() comes. */
    gboolean ends_itself;
    /* Does not wait for its turn: destroy and reset must get through. */
    gboolean at_once;
    /* May be done to a domain that is on its way to another host. */
    gboolean while_migrating;
} SkJobKind;

struct SkJob {
    gint refs;              /* atomic */
    SkService *service;
    SkJobInfo info;         /* main */
    const SkJobKind *kind;
    SkCall *call;           /* what asked for it: params, body, patch; answered at most once */
    gpointer work;          /* the kind's own */
    GCancellable *cancellable;
    gboolean promised;      /* a client was told its id before it ended */
    gboolean recorded;      /* FALSE for queries: no event, no record, not in lists */
    gboolean answered;      /* the call was answered with 202 */
    guint wait_timer;
    gboolean committed;
};

SkJobs *sk_jobs_new(SkService *service);
void sk_jobs_free(SkJobs *self);

/* Jobs of a former life that did not end: shown as failed. */
gboolean sk_jobs_load(SkJobs *self, GError **error);

/*
 * Starts a job for a call (taken) and answers it: at the end within params.wait, else at once with the job's id. Where
 * settings->max_jobs are not over it is refused with TOO_MANY, unless its kind is at_once.
 */
void sk_job_start_for_call(SkService *service, SkCall *call, const SkJobKind *kind, gboolean recorded);

/* Starts a job of the daemon's own. work is taken. */
SkJob *sk_job_start(SkService *service, const SkJobKind *kind, const char *operation, const char *object, gpointer work);

/* The same without record, event or queue: the daemon's housekeeping. */
void sk_job_start_quiet(SkService *service, const SkJobKind *kind, gpointer work);
/* The same in the object's queue: changes of it wait until this is over. object is taken. */
void sk_job_start_quiet_for(SkService *service, const SkJobKind *kind, char *object, gpointer work);

SkJob *sk_job_ref(SkJob *self);
void sk_job_unref(SkJob *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkJob, sk_job_unref)

/* Progress, from any thread; fraction -1: unknown; bytes_total 0: does not apply. */
void sk_job_progress(SkJob *self, gdouble fraction, const char *step, guint64 bytes_done, guint64 bytes_total);
/* The same of memory and disks that are moved together. */
typedef struct {
    guint64 done, total;
} SkJobShare;
void sk_job_progress_moving(SkJob *self, const char *step, const SkJobShare *memory, const SkJobShare *disks);

/* Sets the result (JSON; taken). Main: from commit(). */
void sk_job_set_result(SkJob *self, char *json);

/* Ends a job that lingers. Takes error. Main. */
void sk_job_end(SkJob *self, GError *error);

SkJob *sk_jobs_find(SkJobs *self, const char *id);
gboolean sk_job_cancel(SkJob *self, GError **error);

/* The changing job that runs on an object, or NULL. */
SkJob *sk_jobs_running_on(SkJobs *self, const char *object);

/* Newest first, for lists: calls func until it gives FALSE. */
void sk_jobs_foreach(SkJobs *self, gboolean (*func)(const SkJobInfo *info, gpointer data), gpointer data);
