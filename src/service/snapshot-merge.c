/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* External snapshots go: what lies over their files goes down. */
#include "service/snapshot-merge.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "service/block-job.h"
#include "service/pool.h"
#include "service/snapshot-files.h"
#include "storage/chain.h"
#include "storage/snapshot.h"

/* -- what is to be done ------------------------------------------------------------------------------------------- */

/* A state inside of a file has what it did not write from the files below: they must stay what they are. */
static gboolean
check_no_states(const GPtrArray *known, const SkSnapshot *snapshot, const char *path, GError **error)
{
    g_auto(GStrv) names = sk_storage_snapshot_names(path, error);
    if (names == NULL)
        return FALSE;
    if (*names == NULL)
        return TRUE;
    for (guint i = 0; i < known->len; i++) {
        const SkSnapshot *other = known->pdata[i];
        if (g_strv_contains((const char *const *) names, other->tag))
            return sk_fail(error, SK_ERROR_IN_USE, "snapshot \"%s\" cannot be deleted before \"%s\", whose state is inside of \"%s\", which lies over its file",
                           snapshot->name, other->name, path);
    }
    return sk_fail(error, SK_ERROR_IN_USE, "snapshot \"%s\" cannot be deleted: \"%s\", which lies over its file, has a state \"%s\" inside; drop it with "
                   "qemu-img snapshot -d", snapshot->name, path, *names);
}

static gboolean
check_strangers(const SkSnapshotSite *site, const SkSnapshotFiles *files, const SkSnapshot *snapshot, const char *path, GError **error)
{
    g_autofree char *stranger = sk_snapshot_files_stranger(files, site, path);
    if (stranger != NULL)
        return sk_fail(error, SK_ERROR_IN_USE, "snapshot \"%s\" cannot be deleted: \"%s\" is laid over its file \"%s\" and would be ruined; delete that, or make it "
                       "whole (qemu-img rebase)", snapshot->name, stranger, path);
    g_autofree char *user = sk_snapshot_other_user(site, path);
    return user == NULL || sk_fail(error, SK_ERROR_IN_USE, "snapshot \"%s\" cannot be deleted: domain \"%s\" has a disk on \"%s\"", snapshot->name, user, path);
}

/* What runs goes before what is only kept: it is the one that need not be copied. */
static const char *
choose(const SkSnapshotFiles *files, const SkSnapshotFiles *now, const GPtrArray *over)
{
    for (guint i = 0; i < over->len; i++) {
        if (g_hash_table_contains(files->live, over->pdata[i]))
            return over->pdata[i];
    }
    for (guint i = 0; i < over->len; i++) {
        if (sk_snapshot_files_has(now, over->pdata[i]))
            return over->pdata[i];
    }
    return over->len > 0 ? over->pdata[0] : NULL;
}

/* Somebody else is on the very file: a snapshot that was made in it since, or the disk itself. */
static gboolean
is_shared(const SkSnapshotFiles *files, const char *path)
{
    return g_hash_table_contains(files->ends, path);
}

static gboolean
has_internal_only(const GPtrArray *known, const SkSnapshot *but, const SkSnapshotSite *site, const char *target, const char *path)
{
    const SkDomainSpec *const specs[] = { site->spec, site->live };
    for (guint i = 0; i < known->len; i++) {
        const SkSnapshot *other = known->pdata[i];
        const SkSnapshotDisk *disk = other != but ? sk_snapshot_find_disk(other, target) : NULL;
        g_autofree char *real = disk != NULL && disk->path != NULL && disk->kind == SK_SNAPSHOT_EXTERNAL ? sk_snapshot_real(disk->path) : NULL;
        if (g_strcmp0(real, path) == 0)
            return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        const SkDisk *disk = specs[i] != NULL ? sk_domain_spec_find_disk(specs[i], target) : NULL;
        g_autofree char *real = disk != NULL && disk->path != NULL ? sk_snapshot_real(disk->path) : NULL;
        if (g_strcmp0(real, path) == 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
plan_disk(const SkSnapshotSite *site, const GPtrArray *known, const SkSnapshot *snapshot, SkSnapshotDisk *disk, GError **error)
{
    g_auto(SkSnapshotFiles) files = { 0 }, now = { 0 };
    g_autoptr(GPtrArray) nothing = g_ptr_array_new();
    g_autofree char *path = sk_snapshot_real(disk->path);
    if (!sk_snapshot_files_find(&files, site, known, snapshot, disk->target, TRUE, error) ||
        !sk_snapshot_files_find(&now, site, nothing, NULL, disk->target, TRUE, error))
        return FALSE;
    g_clear_pointer(&disk->overlay, g_free);
    /* One that the disk itself is on again was committed by hand: there is nothing left of it. */
    if (is_shared(&files, path) && !has_internal_only(known, snapshot, site, disk->target, path))
        return TRUE;
    g_autoptr(GPtrArray) over = sk_snapshot_files_over(&files, path);
    if (over->len == 0 && !disk->own)
        return TRUE;
    if (!check_strangers(site, &files, snapshot, path, error))
        return FALSE;
    g_autoptr(GStrvBuilder) part = g_strv_builder_new();
    disk->overlay = g_strdup(choose(&files, &now, over));
    for (guint i = 0; i < over->len; i++) {
        if (!check_no_states(known, snapshot, over->pdata[i], error))
            return FALSE;
        if (!g_str_equal(over->pdata[i], disk->overlay))
            g_strv_builder_add(part, over->pdata[i]);
    }
    g_strfreev(disk->part);
    disk->part = g_strv_builder_end(part);
    return disk->overlay == NULL || check_strangers(site, &files, snapshot, disk->overlay, error);
}

/* QEMU has a lock on what it has open, and drops states only of the file that it writes to. */
static gboolean
check_reach(const SkSnapshotSite *site, const SkSnapshot *snapshot, const SkSnapshotDisk *disk, GError **error)
{
    g_auto(SkSnapshotFiles) files = { 0 };
    g_autoptr(GPtrArray) nothing = g_ptr_array_new();
    g_autofree char *node = sk_snapshot_site_node(site, disk->path), *path = sk_snapshot_real(disk->path);
    if (site->live == NULL || node != NULL)
        return TRUE;
    if (!sk_snapshot_files_find(&files, site, nothing, NULL, disk->target, TRUE, error))
        return FALSE;
    return !g_hash_table_contains(files.live, path) ||
           sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" cannot be deleted while domain \"%s\" runs: its state is inside of \"%s\", which is below what the "
                   "guest writes to; switch it off, or delete the external snapshots above first", snapshot->name, site->name, disk->path);
}

gboolean
sk_snapshot_merge_plan(const SkSnapshotSite *site, const GPtrArray *known, SkSnapshot *snapshot, GError **error)
{
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->path == NULL)
            continue;
        if (disk->kind == SK_SNAPSHOT_INTERNAL && !check_reach(site, snapshot, disk, error))
            return FALSE;
        if (disk->kind == SK_SNAPSHOT_EXTERNAL && !plan_disk(site, known, snapshot, disk, error))
            return FALSE;
    }
    return TRUE;
}

/* -- doing it ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkJob *job;
    SkSnapshotSite *site;
    const GPtrArray *known;
    const SkSnapshot *snapshot;
    const SkSnapshotDisk *disk;
    char *path, *overlay;   /* without links; overlay NULL: nothing lies over it */
    SkStorageContext context;
} Merge;

static void
merge_clear(Merge *self)
{
    g_free(self->path);
    g_free(self->overlay);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Merge, merge_clear)

static gboolean
find_files(const Merge *self, SkSnapshotFiles *out, GError **error)
{
    return sk_snapshot_files_find(out, self->site, self->known, self->snapshot, self->disk->target, TRUE, error);
}

static gint
format_below(const Merge *self, const char *below, GError **error)
{
    g_autoptr(GPtrArray) layers = NULL;
    if (!sk_storage_open_chain(self->path, self->disk->format, FALSE, (const char *const *) self->site->roots, &layers, error))
        return -1;
    const SkChainLayer *layer = layers->len > 1 ? layers->pdata[1] : NULL;
    return layer != NULL && g_str_equal(layer->path, below) ? layer->format : SK_FORMAT_QCOW2;
}

/* The others get what they see of it into themselves. */
static gboolean
part_from_others(const Merge *self, const SkSnapshotFiles *files, GError **error)
{
    char *const *others = self->disk->part;
    const char *below = g_hash_table_lookup(files->below, self->path);
    gint format = below != NULL ? format_below(self, below, error) : SK_FORMAT_QCOW2;
    if (format < 0)
        return FALSE;
    for (guint i = 0; others != NULL && others[i] != NULL; i++) {
        if (!sk_snapshot_files_is_over(files, others[i], self->path))
            continue;
        if (!sk_storage_rebase(others[i], below, format, FALSE, &self->context, error) || sk_fault("snapshot-merge/part", error))
            return FALSE;
    }
    return TRUE;
}

static void
refresh(gpointer data)
{
    sk_snapshot_site_refresh(data);
}

static gboolean
commit(const Merge *self, const SkSnapshotFiles *files, GError **error)
{
    /* Nobody names it any more: it went down before. */
    if (!sk_snapshot_files_has(files, self->overlay))
        return TRUE;
    if (!sk_snapshot_files_is_over(files, self->overlay, self->path))
        return sk_fail(error, SK_ERROR_STATE, "\"%s\" is not laid over \"%s\" any more: somebody else changed the chain of disk \"%s\"", self->overlay, self->path,
                       self->disk->target);
    if (g_hash_table_contains(files->live, self->overlay)) {
        gboolean ok = sk_block_commit_now(self->job, self->site->domain, self->disk->target, self->overlay, self->path, error);
        sk_main_call(refresh, self->site);
        return ok && !sk_fault("snapshot-merge/commit", error);
    }
    /* What runs has the file below open, but not this one: QEMU was done before the daemon came back. */
    if (g_hash_table_contains(files->live, self->path))
        return TRUE;
    return sk_storage_commit_overlay(self->overlay, &self->context, error) && !sk_fault("snapshot-merge/commit", error);
}

/* What lies over the overlay lies over the file now. What runs was told by QEMU. */
static gboolean
lay_over(const Merge *self, const SkSnapshotFiles *files, GError **error)
{
    g_autoptr(GPtrArray) over = sk_snapshot_files_over(files, self->overlay);
    for (guint i = 0; i < over->len; i++) {
        if (!sk_storage_rebase(over->pdata[i], self->path, self->disk->format, TRUE, &self->context, error) || sk_fault("snapshot-merge/header", error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
go_down(const Merge *self, GError **error)
{
    g_auto(SkSnapshotFiles) before = { 0 }, after = { 0 };
    if (!find_files(self, &before, error) || !part_from_others(self, &before, error) || !commit(self, &before, error) ||
        !find_files(self, &after, error) || !lay_over(self, &after, error) || !sk_fs_remove(self->overlay, error))
        return FALSE;
    return !sk_fault("snapshot-merge/removed", error);
}

/* -- and what names the files ------------------------------------------------------------------------------------------- */

static gboolean
is_file(const char *path, const char *real)
{
    g_autofree char *there = path != NULL ? sk_snapshot_real(path) : NULL;
    return g_strcmp0(there, real) == 0;
}

static gboolean
rename_in_spec(const Merge *self, SkDomainSpec *spec)
{
    const SkDisk *disk = spec != NULL ? sk_domain_spec_find_disk(spec, self->disk->target) : NULL;
    if (disk == NULL || !is_file(disk->path, self->overlay))
        return FALSE;
    g_autofree char *from = g_strdup(disk->path);
    return sk_snapshot_move_disk(spec, self->disk->target, from, self->disk->path, self->disk->format);
}

static gboolean
rename_in_snapshot(const Merge *self, SkSnapshot *snapshot)
{
    SkSnapshotDisk *disk = sk_snapshot_find_disk(snapshot, self->disk->target);
    gboolean named = rename_in_spec(self, snapshot->definition);
    named |= rename_in_spec(self, snapshot->inactive);
    if (disk == NULL || !is_file(disk->path, self->overlay))
        return named;
    g_free(disk->path);
    disk->path = g_strdup(self->disk->path);
    disk->format = self->disk->format;
    disk->own = self->disk->own;
    return TRUE;
}

/* The overlay of a file that is ours is found again by the snapshot it lies over, so that a revert takes it away. */
static gboolean
inherit(const Merge *self, SkSnapshot *snapshot)
{
    SkSnapshotDisk *disk = g_strcmp0(snapshot->name, self->snapshot->parent) == 0 ? sk_snapshot_find_disk(snapshot, self->disk->target) : NULL;
    if (disk == NULL || !self->disk->own || disk->kind != SK_SNAPSHOT_EXTERNAL || g_strcmp0(disk->overlay, self->disk->path) == 0)
        return FALSE;
    g_free(disk->overlay);
    disk->overlay = g_strdup(self->disk->path);
    return TRUE;
}

static void
rename_everywhere(const Merge *self, GPtrArray *changed)
{
    gboolean moved = rename_in_spec(self, self->site->spec);
    rename_in_spec(self, self->site->live);
    if (moved)
        sk_snapshot_site_record(self->site);
    for (guint i = 0; i < self->known->len; i++) {
        SkSnapshot *other = self->known->pdata[i];
        if (other == self->snapshot)
            continue;
        gboolean named = rename_in_snapshot(self, other);
        named |= moved && inherit(self, other);
        if (named && !g_ptr_array_find(changed, other, NULL))
            g_ptr_array_add(changed, other);
    }
}

/* -- one disk ---------------------------------------------------------------------------------------------------------------- */

/* A file of ours that no state is in any more. */
static gboolean
remove_unneeded(const Merge *self, GError **error)
{
    g_auto(SkSnapshotFiles) files = { 0 };
    if (!self->disk->own)
        return TRUE;
    if (!find_files(self, &files, error))
        return FALSE;
    g_autofree char *stranger = sk_snapshot_files_stranger(&files, self->site, self->path), *user = sk_snapshot_other_user(self->site, self->path);
    if (sk_snapshot_files_has(&files, self->path) || stranger != NULL || user != NULL)
        return TRUE;
    return sk_fs_remove(self->disk->path, error) && !sk_fault("snapshot-merge/leaf", error);
}

typedef struct {
    SkService *service;
    const char *paths[2];
} Looking;

static void
look(gpointer data)
{
    const Looking *self = data;
    for (guint i = 0; i < G_N_ELEMENTS(self->paths); i++) {
        if (self->paths[i] != NULL)
            sk_snapshot_look_at(self->service, self->paths[i]);
    }
}

static gboolean
merge_disk(SkJob *job, SkSnapshotSite *site, const GPtrArray *known, const SkSnapshot *snapshot, const SkSnapshotDisk *disk, GPtrArray *changed,
           GError **error)
{
    g_auto(Merge) merge = { .job = job, .site = site, .known = known, .snapshot = snapshot, .disk = disk, .path = sk_snapshot_real(disk->path),
                            .overlay = disk->overlay != NULL ? sk_snapshot_real(disk->overlay) : NULL,
                            .context = sk_job_storage_context(job, site->roots) };
    if (merge.overlay != NULL && access(merge.overlay, F_OK) == 0 && !go_down(&merge, error))
        return FALSE;
    if (merge.overlay != NULL)
        rename_everywhere(&merge, changed);
    if (!remove_unneeded(&merge, error))
        return FALSE;
    Looking looking = { .service = site->domain->service, .paths = { disk->path, disk->overlay } };
    sk_main_call(look, &looking);
    return TRUE;
}

gboolean
sk_snapshot_merge(SkJob *job, SkSnapshotSite *site, const GPtrArray *known, const SkSnapshot *snapshot, GPtrArray *changed, GError **error)
{
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_EXTERNAL && disk->path != NULL && !merge_disk(job, site, known, snapshot, disk, changed, error))
            return FALSE;
    }
    return TRUE;
}
