/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a snapshot that is asked for will consist of. */
#include <string.h>

#include "base/error.h"
#include "service/backup.h"
#include "service/block-job.h"
#include "service/disk-users.h"
#include "service/domain-launch.h"
#include "service/domain-rights.h"
#include "service/pool.h"
#include "service/snapshot.h"

#define MAX_SNAPSHOTS 1000

/* -- one disk -------------------------------------------------------------------------------------------------- */

static const SkSnapshotWish *
find_wish(const SkSnapshotCreate *body, const SkDisk *disk)
{
    for (guint i = 0; body->disks != NULL && i < body->disks->len; i++) {
        const SkSnapshotWish *wish = body->disks->pdata[i];
        if (g_strcmp0(wish->target, disk->target) == 0 || (disk->path != NULL && g_strcmp0(wish->target, disk->path) == 0))
            return wish;
    }
    return NULL;
}

static gboolean
is_excluded(const SkSnapshotCreate *body, const SkDisk *disk)
{
    return body->exclude != NULL && g_strv_contains((const char *const *) body->exclude, disk->target);
}

/* What was said of this disk, then what is said of all, then what its definition says. */
static SkSnapshotKind
wanted_kind(const SkSnapshotCreate *body, const SkDisk *disk)
{
    const SkSnapshotWish *wish = find_wish(body, disk);
    if (is_excluded(body, disk))
        return SK_SNAPSHOT_LEFT_OUT;
    if (wish != NULL)
        return (SkSnapshotKind) wish->kind;
    if (disk->snapshot == SK_DISK_SNAPSHOT_NO || disk->snapshot == SK_DISK_SNAPSHOT_MANUAL)
        return SK_SNAPSHOT_LEFT_OUT;
    return body->external || disk->snapshot == SK_DISK_SNAPSHOT_EXTERNAL ? SK_SNAPSHOT_EXTERNAL : SK_SNAPSHOT_INTERNAL;
}

static gboolean
fit_raw(const SkSnapshotCreate *body, const SkDisk *disk, SkSnapshotKind *kind, GError **error)
{
    if (*kind != SK_SNAPSHOT_INTERNAL || disk->format == SK_FORMAT_QCOW2)
        return TRUE;
    if (body->raw == SK_RAW_REFUSE)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is raw, which cannot keep a state inside: leave it out (raw: exclude), or convert it to qcow2",
                       disk->target);
    *kind = body->raw == SK_RAW_EXCLUDE ? SK_SNAPSHOT_LEFT_OUT : SK_SNAPSHOT_EXTERNAL;
    return TRUE;
}

/* The disk is on a file that was made for a snapshot. */
static gboolean
is_own(const SkDomain *domain, const SkDisk *disk)
{
    for (guint i = 0; domain->snapshots != NULL && i < domain->snapshots->len; i++) {
        const SkSnapshotDisk *part = sk_snapshot_find_disk(domain->snapshots->pdata[i], disk->target);
        if (part != NULL && part->overlay != NULL && g_strcmp0(part->overlay, disk->path) == 0)
            return TRUE;
    }
    return FALSE;
}

/* "disk.qcow2" of snapshot "one" is "disk.one". Free with g_free(). */
static char *
overlay_name(const SkSnapshot *plan, const SkDisk *disk)
{
    const char *dot = strrchr(disk->path, '.'), *slash = strrchr(disk->path, '/');
    gsize length = dot != NULL && dot > slash + 1 ? (gsize) (dot - disk->path) : strlen(disk->path);
    return g_strdup_printf("%.*s.%s", (gint) length, disk->path, plan->name);
}

static gboolean
plan_overlay(SkSnapshot *plan, const SkSnapshotCreate *body, const SkDisk *disk, SkSnapshotDisk *part, GError **error)
{
    const SkSnapshotWish *wish = find_wish(body, disk);
    if (wish == NULL || wish->overlay == NULL) {
        if (disk->source == SK_SOURCE_BLOCK)
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is on a block device: say which file is to be put over it", disk->target);
        if (body->reuse)
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": say which file that is there is to be put over it", disk->target);
    }
    part->overlay = wish != NULL && wish->overlay != NULL ? g_strdup(wish->overlay) : overlay_name(plan, disk);
    if (*part->overlay != '/')
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": the overlay \"%s\" is not named by a whole path", disk->target, part->overlay);
    return TRUE;
}

static gboolean
plan_disk(SkSnapshot *plan, const SkDomain *domain, const SkSnapshotCreate *body, const SkDisk *disk, GError **error)
{
    gboolean has_part = disk->device == SK_DISK_DISK && sk_disk_is_writable(disk) && disk->path != NULL && disk->source != SK_SOURCE_NONE;
    SkSnapshotKind kind = has_part ? wanted_kind(body, disk) : SK_SNAPSHOT_LEFT_OUT;
    if (kind != SK_SNAPSHOT_LEFT_OUT && disk->encryption != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is encrypted, and snapshots of it are not supported: exclude it", disk->target);
    if (!fit_raw(body, disk, &kind, error))
        return FALSE;
    if (kind != SK_SNAPSHOT_LEFT_OUT && disk->shareable)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is shareable, so its state cannot be kept: exclude it", disk->target);
    SkSnapshotDisk *part = sk_value_new(&sk_snapshot_disk_type);
    if (plan->disks == NULL)
        plan->disks = sk_value_list_new(&sk_snapshot_disk_type);
    g_ptr_array_add(plan->disks, part);
    part->target = g_strdup(disk->target);
    part->kind = kind;
    part->format = disk->format;
    part->path = g_strdup(disk->path);
    part->own = kind == SK_SNAPSHOT_EXTERNAL && is_own(domain, disk);
    return kind != SK_SNAPSHOT_EXTERNAL || plan_overlay(plan, body, disk, part, error);
}

/* By target, or by its file. */
static const SkDisk *
find_disk(const SkDomainSpec *spec, const char *name)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        if (g_strcmp0(disk->target, name) == 0 || (disk->path != NULL && g_strcmp0(disk->path, name) == 0))
            return disk;
    }
    return NULL;
}

/* A disk that is named must be there. */
static gboolean
check_targets(const SkDomainSpec *spec, const SkSnapshotCreate *body, GError **error)
{
    for (guint i = 0; body->exclude != NULL && body->exclude[i] != NULL; i++) {
        if (sk_domain_spec_find_disk(spec, body->exclude[i]) == NULL)
            return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%s\" to exclude", spec->name, body->exclude[i]);
    }
    for (guint i = 0; body->disks != NULL && i < body->disks->len; i++) {
        const char *target = ((const SkSnapshotWish *) body->disks->pdata[i])->target;
        if (find_disk(spec, target) == NULL)
            return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%s\"", spec->name, target);
    }
    return TRUE;
}

static gboolean
plan_disks(SkSnapshot *plan, const SkDomain *domain, const SkDomainSpec *spec, const SkSnapshotCreate *body, GError **error)
{
    if (!check_targets(spec, body, error))
        return FALSE;
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        if (!plan_disk(plan, domain, body, spec->disks->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* -- name and files ------------------------------------------------------------------------------------------------ */

/* One of a name that was used before, and renamed, is still in the images under it. */
static gboolean
is_tag_taken(const SkDomain *domain, const char *tag)
{
    for (guint i = 0; domain->snapshots != NULL && i < domain->snapshots->len; i++) {
        if (g_str_equal(((const SkSnapshot *) domain->snapshots->pdata[i])->tag, tag))
            return TRUE;
    }
    return FALSE;
}

static gboolean
plan_name(SkSnapshot *plan, const SkDomain *domain, const SkSnapshotCreate *body, GError **error)
{
    gint64 second = g_get_real_time() / G_USEC_PER_SEC;
    plan->created = g_get_real_time();
    plan->name = g_strdup(body->name);
    if (plan->name == NULL) {
        do {
            g_free(plan->name);
            plan->name = g_strdup_printf("%" G_GINT64_FORMAT, second++);
        } while (sk_domain_snapshot(domain, plan->name, NULL) != NULL || is_tag_taken(domain, plan->name));
    }
    if (sk_domain_snapshot(domain, plan->name, NULL) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has a snapshot \"%s\" already", sk_domain_name(domain), plan->name);
    plan->id = g_uuid_string_random();
    plan->tag = is_tag_taken(domain, plan->name) ? g_strdup_printf("%.64s-%.8s", plan->name, plan->id) : g_strdup(plan->name);
    return TRUE;
}

static void
plan_files(SkSnapshot *plan, const SkServiceSettings *settings, const SkDomainSpec *spec, const SkSnapshotCreate *body)
{
    g_autofree char *dir = sk_domain_snapshot_dir(settings, spec->uuid);
    plan->memory_given = body->memory && body->memory_path != NULL;
    if (body->memory)
        plan->memory = body->memory_path != NULL ? g_strdup(body->memory_path) : g_strdup_printf("%s/%s.memory", dir, plan->tag);
    if (spec->firmware.kind == SK_FIRMWARE_UEFI)
        plan->nvram = spec->firmware.nvram != NULL ? g_strdup(spec->firmware.nvram) : sk_domain_nvram_path(settings, spec->uuid);
    if (spec->tpm != NULL)
        plan->tpm = g_strdup_printf("%s/%s.tpm", dir, plan->tag);
}

static gboolean
check(SkJob *job, const SkDomain *domain, const SkSnapshotCreate *body, GError **error)
{
    const char *name = sk_domain_name(domain);
    SkDomainState state = sk_domain_state(domain);
    if (!domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is transient, so its snapshots would be lost with it: define it first", name);
    if (domain->torn != NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was being reverted to \"%s\", which came not to its end: revert it again", name, domain->torn);
    if (domain->unfinished != NULL)
        return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" of domain \"%s\" is being deleted: wait for its end", domain->unfinished->name, name);
    if (state != SK_DOMAIN_SHUT_OFF && !sk_domain_state_computes(state) && state != SK_DOMAIN_PAUSED)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is %s: a snapshot can be made of one that is running, paused or off", name,
                       sk_enum_name(&sk_domain_state_enum, state));
    if (body->memory && state == SK_DOMAIN_SHUT_OFF)
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" has no memory to keep", name);
    if (body->forget && body->memory && body->memory_path == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "the memory of domain \"%s\" would be kept in a file that nobody knows of: give memory_path", name);
    if (body->quiesce == SK_QUIESCE_YES && !sk_domain_state_computes(state))
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is %s, so its guest agent cannot freeze anything", name, sk_enum_name(&sk_domain_state_enum, state));
    if (body->quiesce == SK_QUIESCE_YES && !domain->agent)
        return sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" does not answer, so its file systems cannot be frozen", name);
    if (domain->snapshots != NULL && domain->snapshots->len >= MAX_SNAPSHOTS)
        return sk_fail(error, SK_ERROR_TOO_MANY, "domain \"%s\" has %u snapshots, and more are not kept: delete some", name, MAX_SNAPSHOTS);
    if (body->memory && !sk_domain_check_no_backup(domain, "a snapshot with memory", error))
        return FALSE;
    return sk_domain_check_path(job->service, job->call, "memory_path", body->memory_path, error);
}

/* Overlays are the asker's to name, and nobody else's. */
static gboolean
check_overlays(SkJob *job, const SkDomain *domain, const SkSnapshot *plan, GError **error)
{
    for (guint i = 0; plan->disks != NULL && i < plan->disks->len; i++) {
        const SkSnapshotDisk *disk = plan->disks->pdata[i];
        if (disk->kind != SK_SNAPSHOT_EXTERNAL)
            continue;
        const char *user = sk_service_user_of_path(job->service, disk->overlay);
        if (user != NULL)
            return sk_fail(error, SK_ERROR_IN_USE, "\"%s\" is a disk of domain \"%s\": give another file for disk \"%s\"", disk->overlay, user, disk->target);
        if (!sk_domain_check_path(job->service, job->call, "overlay", disk->overlay, error) ||
            !sk_domain_check_no_block_job(domain, disk->target, error))
            return FALSE;
    }
    return TRUE;
}

SkSnapshot *
sk_snapshot_plan(SkJob *job, SkDomain *domain, const SkSnapshotCreate *body, GError **error)
{
    gboolean active = sk_domain_is_active(domain);
    const SkDomainSpec *spec = active ? domain->runtime.live : domain->spec;
    const SkSnapshot *parent = sk_domain_current_snapshot(domain);
    if (!check(job, domain, body, error))
        return NULL;
    SkSnapshot *plan = sk_value_new(&sk_snapshot_type);
    if (!plan_name(plan, domain, body, error) || !plan_disks(plan, domain, spec, body, error) || !check_overlays(job, domain, plan, error)) {
        sk_value_free(&sk_snapshot_type, plan);
        return NULL;
    }
    plan_files(plan, job->service->settings, spec, body);
    plan->description = g_strdup(body->description);
    plan->parent = g_strdup(parent != NULL ? parent->name : NULL);
    plan->state = sk_domain_state(domain);
    plan->current = TRUE;
    plan->definition = sk_value_copy(&sk_domain_spec_type, spec);
    if (active && !sk_value_equal(&sk_domain_spec_type, spec, domain->spec))
        plan->inactive = sk_value_copy(&sk_domain_spec_type, domain->spec);
    return plan;
}
