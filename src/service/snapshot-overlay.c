/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Overlays: a disk's state of the moment stays in its file, and what comes later goes into one that is put over it. From the instant that
 * QEMU writes to them there is no way back but a commit, so that what was begun is brought to its end.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/qmp/block-nodes.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/snapshot.h"
#include "service/block-job.h"
#include "service/disk-chains.h"
#include "service/domain-note.h"
#include "service/pool.h"
#include "service/snapshot.h"
#include "storage/chain.h"
#include "storage/snapshot.h"

/* The n-th disk that has an overlay; NULL: there are no more. */
static const SkSnapshotDisk *
overlay_at(const SkSnapshot *snapshot, guint n)
{
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_EXTERNAL && n-- == 0)
            return disk;
    }
    return NULL;
}

gboolean
sk_snapshot_has_overlays(const SkSnapshot *snapshot)
{
    return overlay_at(snapshot, 0) != NULL;
}

/* -- files --------------------------------------------------------------------------------------------------------- */

static gboolean
check_reused(const SkSnapshotSite *self, const SkSnapshotDisk *disk, GError **error)
{
    g_autoptr(GPtrArray) layers = NULL, below = NULL;
    const char *const *roots = (const char *const *) self->roots;
    if (!sk_storage_open_chain(disk->overlay, SK_FORMAT_QCOW2, FALSE, roots, &layers, error) ||
        !sk_storage_open_chain(disk->path, disk->format, FALSE, roots, &below, error))
        return FALSE;
    const SkChainLayer *own = below->pdata[0], *named = layers->len > 1 ? layers->pdata[1] : NULL;
    return (named != NULL && g_str_equal(named->path, own->path)) ||
           sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not laid over \"%s\", the file of disk \"%s\"", disk->overlay, disk->path, disk->target);
}

gboolean
sk_snapshot_check_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot, GError **error)
{
    const SkSnapshotDisk *disk;
    for (guint n = 0; (disk = overlay_at(snapshot, n)) != NULL; n++) {
        if (self->reuse && !check_reused(self, disk, error))
            return FALSE;
        if (!self->reuse && access(disk->overlay, F_OK) == 0)
            return sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\" already, where the overlay of disk \"%s\" would be: give another, or have it reused",
                           disk->overlay, disk->target);
    }
    return TRUE;
}

gboolean
sk_snapshot_make_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot, GError **error)
{
    if (self->reuse)
        return TRUE;
    const SkSnapshotDisk *disk;
    for (guint n = 0; (disk = overlay_at(snapshot, n)) != NULL; n++) {
        g_autoptr(GPtrArray) layers = NULL;
        if (!sk_storage_open_chain(disk->path, disk->format, FALSE, (const char *const *) self->roots, &layers, error))
            return FALSE;
        const SkChainLayer *own = layers->pdata[0];
        if (!sk_storage_path_allowed(own->path, (const char *const *) self->roots))
            return sk_fail(error, SK_ERROR_DENIED, "\"%s\", the file of disk \"%s\", is in no storage pool, so nothing can be laid over it", own->path,
                           disk->target);
        if (!sk_storage_make_overlay(disk->overlay, own->path, disk->format, own->size, error) || sk_fault("snapshot-create/overlay", error))
            return FALSE;
    }
    return TRUE;
}

void
sk_snapshot_drop_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot)
{
    const SkSnapshotDisk *disk;
    for (guint n = 0; (disk = overlay_at(snapshot, n)) != NULL; n++) {
        if (self->qmp != NULL && sk_qmp_is_open(self->qmp))
            sk_qmp_tidy_disk(self->qmp, disk->target);
        if (!self->reuse)
            sk_fs_remove(disk->overlay, NULL);
    }
}

/* -- QEMU ---------------------------------------------------------------------------------------------------------------- */

static const SkBlockNode *
node_of(const GPtrArray *nodes, const char *path)
{
    g_autofree char *real = realpath(path, NULL);
    return real != NULL ? sk_block_nodes_find(nodes, real) : NULL;
}

static gboolean
plug(const SkSnapshotSite *self, const SkSnapshotDisk *disk, GArray *steps, GPtrArray *kept, GError **error)
{
    const SkDisk *running = sk_domain_spec_find_disk(self->live, disk->target);
    g_autoptr(GPtrArray) nodes = sk_qmp_query_nodes(self->qmp, disk->target, error), layers = NULL;
    const SkBlockNode *top = nodes != NULL ? node_of(nodes, disk->path) : NULL;
    if (nodes == NULL)
        return FALSE;
    if (top == NULL)
        return sk_fail(error, SK_ERROR_STATE, "\"%s\" is not what QEMU has open for disk \"%s\"", disk->path, disk->target);
    if (!sk_storage_open_chain(disk->overlay, SK_FORMAT_QCOW2, TRUE, (const char *const *) self->roots, &layers, error))
        return FALSE;
    const SkChainLayer *opened = layers->pdata[0];
    const SkBlockLayer layer = { .fd = opened->fd, .fd_ro = SK_FD_NONE, .format = SK_FORMAT_QCOW2, .path = opened->path };
    guint number = sk_block_nodes_free_number(nodes);
    g_autoptr(GPtrArray) plugging = sk_plug_layer(self->live, running, &layer, number, NULL, error);
    if (plugging == NULL || !sk_qmp_run_steps(self->qmp, plugging, 0, error))
        return FALSE;
    SkQmpSnapshotStep step = { .node = g_strdup(top->name), .overlay = g_strdup_printf("%s-%u", disk->target, number) };
    g_ptr_array_add(kept, step.node);
    g_ptr_array_add(kept, step.overlay);
    g_array_append_val(steps, step);
    return TRUE;
}

gboolean
sk_snapshot_plug_overlays(const SkSnapshotSite *self, const SkSnapshot *snapshot, GArray *steps, GPtrArray *kept, GError **error)
{
    const SkSnapshotDisk *disk;
    for (guint n = 0; (disk = overlay_at(snapshot, n)) != NULL; n++) {
        if (!plug(self, disk, steps, kept, error))
            return FALSE;
    }
    return TRUE;
}

/* One that is open is unused as long as it is over nothing. */
static gboolean
is_used(const SkSnapshotSite *self, const SkSnapshotDisk *disk, gboolean *out, GError **error)
{
    g_autoptr(GPtrArray) nodes = sk_qmp_query_nodes(self->qmp, disk->target, error);
    if (nodes == NULL)
        return FALSE;
    sk_qmp_tidy_disk(self->qmp, disk->target);
    g_autoptr(GPtrArray) left = sk_qmp_query_nodes(self->qmp, disk->target, error);
    *out = left != NULL && node_of(left, disk->overlay) != NULL;
    return left != NULL;
}

gboolean
sk_snapshot_overlays_taken(const SkSnapshotSite *self, const SkSnapshot *snapshot, gboolean *out, GError **error)
{
    *out = FALSE;
    if (!sk_snapshot_has_overlays(snapshot) || snapshot->state == SK_DOMAIN_SHUT_OFF)
        return TRUE;
    if (self->qmp != NULL)
        return is_used(self, overlay_at(snapshot, 0), out, error);
    /* It has ended: what it wrote last may be in them. An overlay that nobody wrote to is the same as the file below. */
    *out = TRUE;
    const SkSnapshotDisk *disk;
    for (guint n = 0; (disk = overlay_at(snapshot, n)) != NULL; n++)
        *out = *out && access(disk->overlay, F_OK) == 0;
    return TRUE;
}

/* -- definitions ----------------------------------------------------------------------------------------------------------- */

gboolean
sk_snapshot_move_disk(SkDomainSpec *spec, const char *target, const char *from, const char *to, gint format)
{
    SkDisk *disk = spec != NULL ? sk_domain_spec_find_disk(spec, target) : NULL;
    if (disk == NULL || g_strcmp0(disk->path, from) != 0)
        return FALSE;
    g_autofree char *old = g_path_get_dirname(from), *now = g_path_get_dirname(to), *path = g_strdup(to);
    gboolean same_pool = disk->source == SK_SOURCE_VOLUME && g_str_equal(old, now);
    if (!same_pool)
        g_clear_pointer(&disk->pool, g_free);
    g_free(disk->volume);
    disk->volume = same_pool ? g_path_get_basename(to) : NULL;
    disk->source = same_pool ? SK_SOURCE_VOLUME : g_str_has_prefix(to, "/dev/") ? SK_SOURCE_BLOCK : SK_SOURCE_FILE;
    g_free(disk->path);
    disk->path = g_steal_pointer(&path);
    disk->format = format;
    return TRUE;
}

static gboolean
move(SkDomainSpec *spec, const SkSnapshotDisk *from)
{
    return sk_snapshot_move_disk(spec, from->target, from->path, from->overlay, SK_FORMAT_QCOW2);
}

void
sk_snapshot_site_record(SkSnapshotSite *self)
{
    sk_record_free(self->record);
    self->record = sk_domain_record(self->spec, self->persistent);
    /* What a put alone would say: changes of one domain wait for each other. */
    self->record->revision = ++self->revision;
    self->record->modified = g_get_real_time();
}

SkRecord *
sk_snapshot_switch(SkSnapshotSite *self, const SkSnapshot *snapshot)
{
    gboolean moved = FALSE;
    const SkSnapshotDisk *disk;
    for (guint n = 0; (disk = overlay_at(snapshot, n)) != NULL; n++) {
        moved |= move(self->spec, disk);
        move(self->live, disk);
    }
    if (moved && self->record == NULL)
        sk_snapshot_site_record(self);
    return self->record;
}

gboolean
sk_snapshot_note_live(SkSnapshotSite *self, GError **error)
{
    if (self->live == NULL)
        return TRUE;
    sk_disk_chains_free(self->chains);
    self->chains = sk_disk_chains_look(self->domain, self->runtime->chains, self->live, NULL);
    return sk_domain_note_change(self->run_dir, self->runtime, self->live, error);
}

void
sk_snapshot_look_at(SkService *service, const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path), *name = g_path_get_basename(path);
    SkPool *pool = sk_service_pool_at(service, dir);
    if (pool != NULL)
        sk_pool_look_at(pool, name);
}

void
sk_snapshot_switched(SkSnapshotSite *self, const SkSnapshot *snapshot)
{
    SkDomain *domain = self->domain;
    if (self->live != NULL && domain->runtime.live != NULL) {
        sk_domain_set_live(domain, g_steal_pointer(&self->live));
        sk_domain_set_chains(domain, g_steal_pointer(&self->chains));
        domain->runtime.change = self->runtime->change;
        sk_domain_save_runtime(domain);
        sk_domain_touch(domain);
        sk_domain_reserve_again(domain);
    }
    if (self->record != NULL && self->spec != NULL)
        sk_domain_set_spec(domain, g_steal_pointer(&self->spec), self->record->revision, self->record->modified);
    const SkSnapshotDisk *disk;
    for (guint n = 0; (disk = overlay_at(snapshot, n)) != NULL; n++)
        sk_snapshot_look_at(domain->service, disk->overlay);
}
