/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * Jobs on a running guest's disks: begun, watched, ended. They never go by themselves (auto-dismiss off), so that whoever was away finds
 * out how they ended, and those that put another file in the place of the disk wait before they do (auto-finalize off): the guest's I/O
 * stands still from "pending" on, and both files have the same in them, until sk_qmp_job_finalize(). All block: workers only, unless said
 * otherwise.
 */

/* As query-jobs calls them, in order. */
typedef enum {
    SK_QMP_JOB_UNDEFINED, SK_QMP_JOB_CREATED, SK_QMP_JOB_RUNNING, SK_QMP_JOB_PAUSED, SK_QMP_JOB_READY, SK_QMP_JOB_STANDBY, SK_QMP_JOB_WAITING,
    SK_QMP_JOB_PENDING, SK_QMP_JOB_ABORTING, SK_QMP_JOB_CONCLUDED, SK_QMP_JOB_NULL, SK_N_QMP_JOB_STATES
} SkQmpJobStatus;

typedef struct {
    char *id;
    char *type;             /* QEMU's word: "stream", "commit", "mirror", "backup" ... */
    SkQmpJobStatus status;
    guint64 done, total;    /* bytes; total grows while the guest writes */
    guint64 speed;          /* bytes a second; 0: no limit */
    char *error;            /* how it failed; NULL: it did not, yet */
} SkQmpJob;

/* -- the names of disks' jobs: "vda-copy" ------------------------------------------------------------------------ */

/* The part before the last '-', the disk's target; NULL if the id is none of ours. Free with g_free(). Any thread. */
char *sk_qmp_job_target(const char *id);

/* -- begin -------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *id;
    guint64 speed;          /* bytes a second; 0: no limit */
} SkQmpJobStart;

/* Everything between the node and base goes into the node; base NULL: all that is below. base_path: what its header is to say then. */
gboolean sk_qmp_job_stream(SkQmp *self, const SkQmpJobStart *start, const char *node, const char *base, const char *base_path, GError **error);

/*
 * What is in top, and between it and base, goes into base. disk is the disk's root node. base_path: what the header of the file over top
 * is to say then; NULL: top is what the guest writes to, and the job waits, ready, until it is completed or cancelled.
 */
gboolean sk_qmp_job_commit(SkQmp *self, const SkQmpJobStart *start, const char *disk, const char *top, const char *base, const char *base_path,
                           GError **error);

/*
 * Copies what the disk's root node has, from now on kept the same, to target, which takes the place of node when it is completed. shallow: only what the
 * topmost file has, not those below.
 */
gboolean sk_qmp_job_mirror(SkQmp *self, const SkQmpJobStart *start, const char *disk, const char *node, const char *target, gboolean shallow,
                           GError **error);

/* -- while it runs ---------------------------------------------------------------------------------------------- */

/* All jobs (SkQmpJob, freed with the array). */
GPtrArray *sk_qmp_query_jobs(SkQmp *self, GError **error);
/* One of them; NULL: there is none, with *error set if QEMU did not answer. Free with sk_qmp_job_free(). */
SkQmpJob *sk_qmp_query_job(SkQmp *self, const char *id, GError **error);
/* The answers to query-jobs and query-block-jobs (may be NULL) as SkQmpJob. Any thread. */
GPtrArray *sk_qmp_parse_jobs(json_t *jobs, json_t *block_jobs);
/* By QEMU's word; UNDEFINED if there is no such. Any thread. */
SkQmpJobStatus sk_qmp_job_status(const char *word);
void sk_qmp_job_free(SkQmpJob *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkQmpJob, sk_qmp_job_free)

gboolean sk_qmp_job_set_speed(SkQmp *self, const char *id, guint64 speed, GError **error);

/*
 * Waits until the job is at least so far (PENDING, CONCLUDED ...) and gives it as it is then. NULL with an error if there is no such job, or
 * TIMEOUT.
 */
SkQmpJob *sk_qmp_job_await(SkQmp *self, const char *id, SkQmpJobStatus status, gint timeout_ms, GError **error);

/* -- end ------------------------------------------------------------------------------------------------------------ */

/* A job that is ready goes on to its end: PENDING, then, finalized, CONCLUDED. */
gboolean sk_qmp_job_complete(SkQmp *self, const char *id, GError **error);
gboolean sk_qmp_job_finalize(SkQmp *self, const char *id, GError **error);
/* Ends it without its effect. gently: a copy that is ready is left whole, and the job becomes PENDING as if it were completed. */
gboolean sk_qmp_job_cancel(SkQmp *self, const char *id, gboolean gently, GError **error);
/* One that is concluded is forgotten; none is fine. */
gboolean sk_qmp_job_dismiss(SkQmp *self, const char *id, GError **error);

G_END_DECLS
