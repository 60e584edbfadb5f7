/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a backup that is asked for will consist of. */
#include "base/error.h"
#include "service/backup.h"
#include "service/domain-rights.h"

static gboolean
can_be_copied(const SkDisk *disk)
{
    return disk->device == SK_DISK_DISK && disk->source != SK_SOURCE_NONE && disk->path != NULL;
}

/* Since when; NULL: all is copied. */
static const char *
since_of(const SkBackup *asked, const SkBackupDisk *wish)
{
    if (wish != NULL && wish->mode == SK_BACKUP_FULL)
        return NULL;
    return wish != NULL && wish->incremental != NULL ? wish->incremental : asked->incremental;
}

static gboolean
plan_since(SkBackupDisk *part, const SkDomain *domain, const char *since, GError **error)
{
    part->mode = since != NULL ? SK_BACKUP_INCREMENTAL : SK_BACKUP_FULL;
    g_free(part->incremental);
    part->incremental = g_strdup(since);
    if (since == NULL)
        return TRUE;
    const SkCheckpoint *checkpoint = sk_domain_checkpoint(domain, since, error);
    if (checkpoint == NULL)
        return FALSE;
    const SkCheckpointDisk *counted = sk_checkpoint_find_disk(checkpoint, part->target);
    if (counted == NULL || counted->kind != SK_CHECKPOINT_BITMAP || counted->bitmap == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" has no part in checkpoint \"%s\", so what was written since is not known: copy it full, or leave it out",
                       part->target, since);
    part->bitmap = g_strdup(counted->bitmap);
    return TRUE;
}

/* Beside the disk; what keeps what the guest overwrites on a device is among the daemon's own files. */
static gboolean
plan_file(SkJob *job, SkBackupDisk *part, const SkBackup *asked, const SkDomain *domain, const SkDisk *disk, const char *suffix, GError **error)
{
    if (part->file == NULL && disk->source == SK_SOURCE_BLOCK && !asked->pull)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is a device, so there is no place beside it: say where it is to be copied to", disk->target);
    if (part->file == NULL && asked->reuse)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": say which file is there already", disk->target);
    if (part->file == NULL && disk->source == SK_SOURCE_BLOCK)
        part->file = g_strdup_printf("%s/save/%s-%s.scratch", job->service->settings->lib_dir, domain->spec->uuid, disk->target);
    else if (part->file == NULL)
        part->file = g_strdup_printf("%s.%s", disk->path, suffix);
    else if (!sk_domain_check_path(job->service, job->call, "disks.file", part->file, error))
        return FALSE;
    part->made = !asked->reuse && !part->device;
    if (part->format == SK_FORMAT_RAW && part->mode == SK_BACKUP_INCREMENTAL && !asked->reuse)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": a new raw file cannot tell what was copied and what not: give qcow2, or a raw file of an earlier backup "
                       "that is to be used as it is (reuse)", disk->target);
    return TRUE;
}

static gboolean
plan_disk(SkJob *job, SkBackup *plan, const SkBackup *asked, const SkDomain *domain, const SkDisk *disk, const char *suffix, GError **error)
{
    const SkBackupDisk *wish = sk_backup_find_disk(asked, disk->target);
    gboolean all = asked->disks == NULL || asked->disks->len == 0;
    if (all ? !can_be_copied(disk) || !sk_disk_is_writable(disk) : wish == NULL || wish->left_out)
        return TRUE;
    if (!can_be_copied(disk))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is a drive or empty, so there is nothing to copy: leave it out", disk->target);
    if (disk->encryption != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is encrypted, and what a backup keeps of it would not be: leave it out, and copy its volume "
                       "while the domain is off", disk->target);
    SkBackupDisk *part = wish != NULL ? sk_value_copy(&sk_backup_disk_type, wish) : sk_value_new(&sk_backup_disk_type);
    g_ptr_array_add(plan->disks, part);
    if (part->target == NULL)
        part->target = g_strdup(disk->target);
    g_clear_pointer(&part->bitmap, g_free);
    if (plan->pull && part->export_name == NULL)
        part->export_name = g_strdup(disk->target);
    if (!plan_since(part, domain, since_of(asked, wish), error))
        return FALSE;
    if (plan->pull && part->mode == SK_BACKUP_INCREMENTAL && part->export_bitmap == NULL)
        part->export_bitmap = sk_qmp_backup_name(part->target);
    return plan_file(job, part, asked, domain, disk, suffix, error);
}

static gboolean
check_named(const SkDomainSpec *spec, const SkBackup *asked, GError **error)
{
    for (guint i = 0; asked->disks != NULL && i < asked->disks->len; i++) {
        const SkBackupDisk *wish = asked->disks->pdata[i];
        if (sk_domain_spec_find_disk(spec, wish->target) == NULL)
            return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%s\"", spec->name, wish->target);
        if (sk_backup_find_disk(asked, wish->target) != wish)
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is named twice", wish->target);
    }
    return TRUE;
}

/* Whoever reaches the socket reads the disks. */
static gboolean
check_server(SkJob *job, const SkBackupServer *server, GError **error)
{
    if (server == NULL)
        return TRUE;
    if (server->transport == SK_BACKUP_UNIX)
        return sk_domain_check_path(job->service, job->call, "server.socket", server->socket, error);
    return job->call->who.role >= SK_ROLE_ADMIN ||
           sk_fail(error, SK_ERROR_DENIED, "a backup on TCP can be read by all who reach \"%s\", so it takes an administrator: give a Unix socket", server->host);
}

static gboolean
plan_all(SkJob *job, SkBackup *plan, const SkBackup *asked, const SkDomain *domain, const char *suffix, GError **error)
{
    const GPtrArray *disks = domain->runtime.live->disks;
    for (guint i = 0; disks != NULL && i < disks->len; i++) {
        if (!plan_disk(job, plan, asked, domain, disks->pdata[i], suffix, error))
            return FALSE;
    }
    return plan->disks->len > 0 || sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no disk that would have a part in the backup", sk_domain_name(domain));
}

SkBackup *
sk_backup_plan(SkJob *job, SkDomain *domain, const SkBackup *asked, const char *checkpoint, GError **error)
{
    g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT, g_get_real_time() / G_USEC_PER_SEC);
    if (!check_named(domain->runtime.live, asked, error) || !check_server(job, asked->server, error))
        return NULL;
    SkBackup *plan = sk_value_new(&sk_backup_type);
    plan->pull = asked->pull;
    plan->reuse = asked->reuse;
    plan->incremental = g_strdup(asked->incremental);
    plan->server = sk_value_copy(&sk_backup_server_type, asked->server);
    plan->disks = sk_value_list_new(&sk_backup_disk_type);
    if (plan_all(job, plan, asked, domain, checkpoint != NULL ? checkpoint : now, error))
        return plan;
    sk_value_free(&sk_backup_type, plan);
    return NULL;
}
