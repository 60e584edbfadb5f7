/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/storage.h"
#include "service/service-private.h"
#include "storage/context.h"
#include "storage/watch.h"

/* Live storage pools and what is known of their volumes. Main thread unless said otherwise. */

struct SkPool {
    SkService *service;
    SkPoolSpec *spec;
    SkPoolStatus status;
    gboolean transient;     /* has no record, and goes when it is stopped */
    GTree *volumes;         /* name → SkVolume; kept current by our own changes and by the watch */
    guint64 revision;
};

/* -- finding ---------------------------------------------------------------------------------------------- */

SkPool *sk_service_pool(SkService *self, const char *name, GError **error);
/* The same, but it must be active. */
SkPool *sk_service_active_pool(SkService *self, const char *name, GError **error);
SkVolume *sk_pool_volume(SkPool *self, const char *name, GError **error);
/* The pool's volume of this path, or NULL. */
SkVolume *sk_service_volume_at(SkService *self, const char *path);
/* The pool whose directory is path (an absolute one), or NULL. */
SkPool *sk_service_pool_at(SkService *self, const char *path);
void sk_pool_free(gpointer pool);

/* Directories in which images and their backing files may lie. Free with g_strfreev(). */
char **sk_service_storage_roots(SkService *self);

/* -- used by volume.c, image.c, transfer.c ---------------------------------------------------------------- */

/* Puts a volume (taken) in place of the one with its name, and tells of it. */
void sk_pool_take_volume(SkPool *self, SkVolume *volume);
void sk_pool_forget_volume(SkPool *self, const char *name);
/* The pool's place is gone. */
void sk_pool_forget_all(SkPool *self);
/* The file of that name is looked at, soon: it came, changed or went. */
void sk_pool_look_at(SkPool *self, const char *name);
/* Free space and the like are asked for anew, soon. */
void sk_pool_restat(SkPool *self);

/* A context whose reports go to the job. roots must outlive it. */
SkStorageContext sk_job_storage_context(SkJob *job, char **roots);

/* Loads what is defined; makes "default" the first time. At start-up. */
gboolean sk_service_load_pools(SkService *self, GError **error);
/* Starts those that start with the host. */
void sk_service_start_pools(SkService *self);
/* pool-upkeep.c: from now on, every settings->upkeep_interval. */
void sk_service_start_upkeep(SkService *self);

gboolean sk_handle_pool_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_pool_show(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_volume_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_volume_show(SkService *self, SkCall *call, GError **error);

extern const SkJobKind sk_pool_create_job, sk_pool_delete_job, sk_pool_start_job, sk_pool_stop_job, sk_pool_refresh_job,
    sk_pool_update_job, sk_pool_build_job, sk_pool_erase_job, sk_pool_sources_job;
extern const SkJobKind sk_volume_create_job, sk_volume_clone_job, sk_volume_resize_job, sk_volume_delete_job,
    sk_volume_wipe_job, sk_volume_find_job;
