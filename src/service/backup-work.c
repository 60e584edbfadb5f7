/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a backup does on workers: its files, its nodes and exports in QEMU, and that nothing of it is left. */
#include <errno.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "engine/qmp/bitmap.h"
#include "service/backup.h"
#include "storage/backup-file.h"

/* -- written down ------------------------------------------------------------------------------------------------- */

static const SkField note_fields[] = {
    SK_FIELD(SkBackupNote, backup, OPTIONAL, "the backup", .type = &sk_backup_type),
    SK_FIELD(SkBackupNote, begun, BOOL, "its jobs run"),
    SK_FIELD(SkBackupNote, stored, BOOL, "it goes into a repository"),
    SK_FIELD(SkBackupNote, checkpoint, OPTIONAL, "checkpoint that was to be made with it", .type = &sk_checkpoint_type),
};
SK_TYPE(sk_backup_note_type, SkBackupNote, "BackupNote", "note", note_fields, "a backup that is under way");

SkRecord *
sk_backup_note_record(const char *uuid, const SkBackupNote *note)
{
    g_autofree char *json = sk_json_encode(&sk_backup_note_type, note, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new("backup", uuid, uuid, json);
}

void
sk_backup_note_drop(const SkSnapshotSite *site)
{
    g_autoptr(GError) error = NULL;
    if (!sk_store_remove(site->store, "backup", site->uuid, &error))
        g_warning("domain \"%s\": %s, continuing", site->name, error->message);
}

/* -- where the disks are -------------------------------------------------------------------------------------------- */

static SkQmpImage *
query_image(const SkSnapshotSite *site, const char *target, GError **error)
{
    const SkDisk *disk = sk_domain_spec_find_disk(site->live, target);
    if (disk == NULL || disk->path == NULL) {
        sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%s\" any more", site->name, target);
        return NULL;
    }
    g_autofree char *real = realpath(disk->path, NULL);
    return sk_qmp_query_image(site->qmp, target, real != NULL ? real : disk->path, error);
}

static SkQmpBackupStep *
new_step(const SkBackup *backup, const SkBackupDisk *disk, const char *node)
{
    SkQmpBackupStep *step = g_new0(SkQmpBackupStep, 1);
    step->target = g_strdup(disk->target);
    step->node = g_strdup(node);
    step->pull = backup->pull;
    if (disk->mode == SK_BACKUP_INCREMENTAL) {
        step->since = g_strdup(disk->bitmap);
        step->map = disk->export_bitmap != NULL ? g_strdup(disk->export_bitmap) : sk_qmp_backup_name(disk->target);
    }
    return step;
}

static gboolean
check_bitmap(const SkQmpImage *image, const SkBackupDisk *disk, GError **error)
{
    const SkQmpBitmap *bitmap = sk_qmp_image_bitmap(image, disk->bitmap);
    if (bitmap == NULL)
        return sk_fail(error, SK_ERROR_STATE, "disk \"%s\" has no bitmap \"%s\", so what was written since checkpoint \"%s\" is not known: delete the checkpoint "
                       "and make a full backup", disk->target, disk->bitmap, disk->incremental);
    return !bitmap->inconsistent ||
           sk_fail(error, SK_ERROR_STATE, "the bitmap \"%s\" of disk \"%s\" is not whole, as QEMU did not end in order: delete checkpoint \"%s\" and make a full "
                   "backup", disk->bitmap, disk->target, disk->incremental);
}

GPtrArray *
sk_backup_steps(const SkSnapshotSite *site, const SkBackup *backup, GArray *out_sizes, GError **error)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(sk_qmp_backup_step_free);
    for (guint i = 0; i < backup->disks->len; i++) {
        const SkBackupDisk *disk = backup->disks->pdata[i];
        g_autoptr(SkQmpImage) image = query_image(site, disk->target, error);
        if (image == NULL || (disk->mode == SK_BACKUP_INCREMENTAL && !check_bitmap(image, disk, error)))
            return NULL;
        if (out_sizes != NULL)
            g_array_append_val(out_sizes, image->size);
        g_ptr_array_add(steps, new_step(backup, disk, image->name));
    }
    return g_steal_pointer(&steps);
}

/* -- files ----------------------------------------------------------------------------------------------------------- */

static gboolean
open_file(const SkSnapshotSite *site, const SkBackup *backup, const SkBackupDisk *disk, const SkQmpBackupStep *step, guint64 bytes, GError **error)
{
    g_auto(SkFd) fd = disk->made ? sk_storage_backup_make(disk->file, disk->format, bytes, error)
                                 : sk_storage_backup_open(disk->file, disk->format, bytes, disk->device, !backup->reuse, error);
    return fd >= 0 && !sk_fault("backup/file", error) &&
           sk_qmp_backup_open(site->qmp, disk->target, fd, sk_enum_name(&sk_disk_format_enum, disk->format), backup->pull ? step->node : NULL, disk->device,
                              error);
}

gboolean
sk_backup_open_files(const SkSnapshotSite *site, const SkBackup *backup, const GPtrArray *steps, const GArray *sizes, GError **error)
{
    for (guint i = 0; i < backup->disks->len; i++) {
        const SkBackupDisk *disk = backup->disks->pdata[i];
        if (!open_file(site, backup, disk, steps->pdata[i], g_array_index(sizes, guint64, i), error)) {
            g_prefix_error(error, "disk \"%s\": ", disk->target);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
sk_backup_remove_files(const SkBackup *backup, GError **error)
{
    struct stat info;
    const char *socket = backup->server != NULL ? backup->server->socket : NULL;
    for (guint i = 0; i < backup->disks->len; i++) {
        const SkBackupDisk *disk = backup->disks->pdata[i];
        if (disk->made && !sk_fs_remove(disk->file, error))
            return FALSE;
    }
    return socket == NULL || lstat(socket, &info) < 0 || !S_ISSOCK(info.st_mode) || sk_fs_remove(socket, error);
}

/* -- offered by NBD ----------------------------------------------------------------------------------------------- */

static gint
listen_tcp(SkBackupServer *server, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GSocketConnectable) connectable = g_network_address_new(server->host, (guint16) server->port);
    g_autoptr(GSocketAddressEnumerator) addresses = g_socket_connectable_enumerate(connectable);
    g_autoptr(GSocketAddress) address = g_socket_address_enumerator_next(addresses, NULL, &why);
    g_autoptr(GSocket) socket = address != NULL ? g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &why) : NULL;
    g_autoptr(GSocketAddress) bound = socket != NULL && g_socket_bind(socket, address, TRUE, &why) && g_socket_listen(socket, &why)
                                          ? g_socket_get_local_address(socket, &why) : NULL;
    if (bound == NULL) {
        sk_fail(error, SK_ERROR_HOST, "cannot listen on \"%s\", port %u: %s", server->host, server->port, why != NULL ? why->message : "there is no such address");
        return -1;
    }
    server->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
    gint fd = dup(g_socket_get_fd(socket));
    if (fd < 0)
        sk_fail_errno(error, errno, "cannot listen on \"%s\"", server->host);
    return fd;
}

static gint
listen_unix(const SkBackupServer *server, GError **error)
{
    if (g_file_test(server->socket, G_FILE_TEST_EXISTS)) {
        sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\", where the backup would be offered: remove it", server->socket);
        return -1;
    }
    return sk_fs_listen_unix(server->socket, 0600, error);
}

gboolean
sk_backup_offer(const SkSnapshotSite *site, SkBackup *backup, const GPtrArray *steps, GError **error)
{
    g_auto(SkFd) fd = backup->server->transport == SK_BACKUP_TCP ? listen_tcp(backup->server, error) : listen_unix(backup->server, error);
    if (fd < 0 || !sk_qmp_nbd_start(site->qmp, fd, error))
        return FALSE;
    for (guint i = 0; i < backup->disks->len; i++) {
        const SkBackupDisk *disk = backup->disks->pdata[i];
        if (!sk_qmp_backup_export(site->qmp, steps->pdata[i], disk->export_name, error))
            return FALSE;
    }
    return TRUE;
}

/* -- the end ----------------------------------------------------------------------------------------------------------- */

gboolean
sk_backup_clear(const SkSnapshotSite *site, const SkBackup *backup, GError **error)
{
    gboolean ok = TRUE;
    if (site->qmp == NULL || !sk_qmp_is_open(site->qmp))
        return TRUE;
    if (backup->pull && !sk_qmp_nbd_stop(site->qmp, error))
        return FALSE;
    for (guint i = 0; i < backup->disks->len; i++) {
        const SkBackupDisk *disk = backup->disks->pdata[i];
        g_autoptr(SkQmpImage) image = query_image(site, disk->target, NULL);
        SkQmpBackupStep *step = new_step(backup, disk, image != NULL ? image->name : disk->target);
        /* The others are cleared all the same. */
        if (!sk_qmp_backup_clear(site->qmp, step, ok ? error : NULL))
            ok = FALSE;
        sk_qmp_backup_step_free(step);
    }
    return ok;
}
