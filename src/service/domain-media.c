/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* media.insert and media.eject: what is in a cdrom or floppy drive. */
#include "base/error.h"
#include "engine/qmp/commands.h"
#include "service/domain-change.h"
#include "service/domain-device.h"
#include "service/domain-disks.h"
#include "service/pool.h"

/* A guest that keeps its tray locked this long keeps its medium. */
#define TRAY_MS 10000

typedef struct {
    SkDomainChange change;
    SkDisk *old, *fresh;    /* the drive before and after */
    gboolean force, running;
} MediaWork;

static void
free_work(gpointer data)
{
    MediaWork *work = data;
    sk_domain_change_clear(&work->change);
    sk_value_free(&sk_disk_type, work->old);
    sk_value_free(&sk_disk_type, work->fresh);
    g_free(work);
}

static gboolean
find_drive(MediaWork *work, const char *target, GError **error)
{
    const SkDomainChange *change = &work->change;
    const SkDisk *disk = sk_domain_spec_find_disk(change->spec, target);
    if (disk == NULL)
        return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no drive \"%.16s\"", change->spec->name, target);
    if (disk->device == SK_DISK_DISK)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" of domain \"%s\" is a disk: media are for cdrom and floppy drives", target, change->spec->name);
    const SkDisk *running = change->live != NULL ? sk_domain_spec_find_disk(change->live, target) : NULL;
    work->running = running != NULL;
    work->old = sk_value_copy(&sk_disk_type, running != NULL ? running : disk);
    work->fresh = sk_value_copy(&sk_disk_type, work->old);
    g_clear_pointer(&work->fresh->pool, g_free);
    g_clear_pointer(&work->fresh->volume, g_free);
    g_clear_pointer(&work->fresh->path, g_free);
    work->fresh->source = SK_SOURCE_NONE;
    return TRUE;
}

/* The drive of a definition gets what the worker's copy has. */
static void
put_drive(SkDomainSpec *spec, const SkDisk *fresh)
{
    SkDisk *disk = spec != NULL ? sk_domain_spec_find_disk(spec, fresh->target) : NULL;
    if (disk == NULL)
        return;
    g_free(disk->pool);
    g_free(disk->volume);
    g_free(disk->path);
    disk->pool = g_strdup(fresh->pool);
    disk->volume = g_strdup(fresh->volume);
    disk->path = g_strdup(fresh->path);
    disk->source = fresh->source;
    disk->format = fresh->format;
}

/* The medium as such, or the one of a whole drive. Borrows. */
static const SkMedia *
asked_medium(SkJob *job, SkMedia *out)
{
    if (job->call->op->body == &sk_media_type)
        return job->call->body;
    const SkDisk *disk = sk_job_device(job, &sk_disk_type);
    *out = (SkMedia){ .pool = disk->pool, .volume = disk->volume, .path = disk->volume == NULL ? disk->path : NULL, .force = job->call->params.force };
    return out;
}

static gboolean
prepare_insert(SkJob *job, GError **error)
{
    SkMedia asked;
    const SkMedia *media = asked_medium(job, &asked);
    MediaWork *work = job->work = g_new0(MediaWork, 1);
    if (!sk_domain_change_begin(&work->change, job, error) || !find_drive(work, job->call->params.target, error))
        return FALSE;
    work->force = media->force;
    work->fresh->source = media->volume != NULL ? SK_SOURCE_VOLUME : SK_SOURCE_FILE;
    work->fresh->pool = media->volume != NULL ? g_strdup(media->pool != NULL ? media->pool : "default") : NULL;
    work->fresh->volume = g_strdup(media->volume);
    work->fresh->path = g_strdup(media->path);
    if (!sk_service_resolve_disk(job->service, work->fresh, error))
        return FALSE;
    put_drive(work->change.spec, work->fresh);
    put_drive(work->change.live, work->fresh);
    return sk_domain_change_check(&work->change, error);
}

static gboolean
prepare_eject(SkJob *job, GError **error)
{
    MediaWork *work = job->work = g_new0(MediaWork, 1);
    if (!sk_domain_change_begin(&work->change, job, error) || !find_drive(work, job->call->params.target, error))
        return FALSE;
    work->force = job->call->params.force;
    put_drive(work->change.spec, work->fresh);
    put_drive(work->change.live, work->fresh);
    return sk_domain_change_check(&work->change, error);
}

static SkBlockChain *
open_medium(const SkDisk *disk, char **roots, GError **error)
{
    return disk->source != SK_SOURCE_NONE ? sk_launch_open_disk(disk, roots, NULL, error) : NULL;
}

static gboolean
run(SkJob *job, GError **error)
{
    MediaWork *work = job->work;
    SkDomainChange *change = &work->change;
    GError *why = NULL;
    g_autoptr(SkBlockChain) fresh = open_medium(work->fresh, change->roots, &why);
    if (why != NULL) {
        g_propagate_error(error, why);
        return FALSE;
    }
    if (work->running) {
        /* Only the names of the nodes matter of what is taken out. */
        g_autoptr(SkBlockChain) old = NULL;
        if (work->old->source != SK_SOURCE_NONE) {
            old = sk_block_chain_new(work->old->target);
            sk_block_chain_add(old, SK_FD_NONE, SK_FD_NONE, (SkDiskFormat) work->old->format, work->old->path);
        }
        g_autoptr(GPtrArray) steps = sk_plug_media(change->live, work->fresh, old, fresh, work->force, error);
        if (steps == NULL || !sk_domain_change_note(change, error) || !sk_qmp_run_steps(change->qmp, steps, TRAY_MS, error))
            return FALSE;
    }
    return sk_domain_change_keep(change, job, error);
}

static void
commit(SkJob *job)
{
    MediaWork *work = job->work;
    sk_domain_change_commit(&work->change);
}

const SkJobKind sk_media_insert_job = {
    .object = sk_domain_job_object, .prepare = prepare_insert, .run = run, .commit = commit, .free_work = free_work,
};
const SkJobKind sk_media_eject_job = {
    .object = sk_domain_job_object, .prepare = prepare_eject, .run = run, .commit = commit, .free_work = free_work,
};
