/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/job.h"
#include "store/store.h"

G_BEGIN_DECLS

/* Jobs as they are kept: the last 1,000 that have ended, and all that have not. Threads as in store.h. */

#define SK_STORE_JOBS_KEPT 1000

/*
 * Jobs at start, oldest first, as arrays that free their SkJobInfos. out_interrupted are those
 * that were queued or running when the daemon ended, with the state they had: the caller takes
 * them up again or saves them as failed.
 */
gboolean sk_store_load_jobs(SkStore *self, GPtrArray **out_ended, GPtrArray **out_interrupted, GError **error);

/* Inserts or replaces by id. The job is copied. done may be NULL. */
void sk_store_job_save_async(SkStore *self, const SkJobInfo *job, SkStoreDone done, gpointer data);
gboolean sk_store_job_save(SkStore *self, const SkJobInfo *job, GError **error);

/* The same, but not forced to the disk: progress and steps. */
void sk_store_job_note(SkStore *self, const SkJobInfo *job);

/* As part of a batch: the object's change and the job's end together. */
void sk_store_batch_job(SkStoreBatch *self, const SkJobInfo *job);

G_END_DECLS
