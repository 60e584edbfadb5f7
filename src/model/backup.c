/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of backups. */
#include "model/backup.h"

#include "base/error.h"
#include "base/text.h"

static const SkEnumName transport_names[] = { { "unix" }, { "tcp" } };
SK_ENUM_TABLE(sk_backup_transport_enum, "transport", transport_names, SK_N_BACKUP_TRANSPORTS);
static const SkEnumName mode_names[] = { { "as all" }, { "full" }, { "incremental" } };
SK_ENUM_TABLE(sk_backup_mode_enum, "mode", mode_names, SK_N_BACKUP_MODES);

static const SkField server_fields[] = {
    SK_FIELD(SkBackupServer, transport, ENUM, "how it is reached", .names = &sk_backup_transport_enum),
    SK_FIELD(SkBackupServer, socket, STRING, "unix: path of the socket", .check = sk_check_path),
    SK_FIELD(SkBackupServer, host, STRING, "tcp: address to listen on", .max = 255),
    SK_FIELD(SkBackupServer, port, UINT, "tcp: port, 0 for any that is free", .min = 0, .max = 65535),
};

static gboolean
check_server(gconstpointer value, GError **error)
{
    const SkBackupServer *self = value;
    if (self->transport == SK_BACKUP_UNIX && self->socket == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "the backup is to be offered on a Unix socket: give its path");
    return self->transport != SK_BACKUP_TCP || self->host != NULL ||
           sk_fail(error, SK_ERROR_INVALID, "the backup is to be offered on TCP: give the address to listen on");
}

SK_TYPE(sk_backup_server_type, SkBackupServer, "BackupServer", "server", server_fields, "where the disks of a backup are offered, by NBD", .check = check_server);

static const SkField disk_fields[] = {
    SK_FIELD(SkBackupDisk, target, STRING, "disk", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 16),
    SK_FIELD(SkBackupDisk, left_out, BOOL, "it has no part in the backup", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackupDisk, mode, ENUM, "what is copied", .names = &sk_backup_mode_enum),
    SK_FIELD(SkBackupDisk, incremental, STRING, "checkpoint since which", .check = sk_check_checkpoint_name, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackupDisk, file, STRING, "push: file to write; pull: file for what the guest overwrites meanwhile", .check = sk_check_path),
    SK_FIELD(SkBackupDisk, device, BOOL, "that file is a block device", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackupDisk, format, ENUM, "format of that file", .names = &sk_disk_format_enum),
    SK_FIELD(SkBackupDisk, export_name, STRING, "pull: name it is offered by; the disk's if not given", .max = 255, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackupDisk, export_bitmap, STRING, "pull, incremental: name of the map of what was written; backup-DISK if not given", .max = 255,
             .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackupDisk, made, BOOL, "the file was made for the backup", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackupDisk, bitmap, STRING, "what counts since the checkpoint", .check = sk_check_checkpoint_name, .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_backup_disk_type, SkBackupDisk, "BackupDisk", "disk of a backup", disk_fields, "what a disk's part in a backup is");

/* What contradicts itself is told before anything is opened. */
static gboolean
check_backup(gconstpointer value, GError **error)
{
    const SkBackup *self = value;
    if (self->pull && self->server == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "a backup for others to read (pull) needs a server: say where it is to listen");
    if (!self->pull && self->server != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "a backup that is written to files (push) has no server");
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        const SkBackupDisk *disk = self->disks->pdata[i];
        if (!self->pull && (disk->export_name != NULL || disk->export_bitmap != NULL))
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": only a backup for others to read (pull) has export names", disk->target);
        if (self->pull && disk->format != SK_FORMAT_QCOW2)
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": the file for what the guest overwrites is qcow2", disk->target);
        if (disk->mode == SK_BACKUP_INCREMENTAL && disk->incremental == NULL && self->incremental == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is to be copied incrementally: say since which checkpoint", disk->target);
    }
    return TRUE;
}

static const SkField fields[] = {
    SK_FIELD(SkBackup, pull, BOOL, "offer the disks for others to read, instead of writing them to files"),
    SK_FIELD(SkBackup, incremental, STRING, "only what was written since this checkpoint", .check = sk_check_checkpoint_name, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackup, reuse, BOOL, "the files are there already, in the format that is given", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBackup, server, OPTIONAL, "pull: where they are offered", .type = &sk_backup_server_type),
    SK_FIELD(SkBackup, disks, LIST, "disks that have a part in it; all that can if not given", .type = &sk_backup_disk_type),
    SK_FIELD(SkBackup, checkpoint, OPTIONAL, "checkpoint to make at the same instant", .type = &sk_checkpoint_create_type),
};
SK_TYPE(sk_backup_type, SkBackup, "Backup", "backup", fields, "a copy of a running domain's disks as they were at one instant", .check = check_backup);

SkBackupDisk *
sk_backup_find_disk(const SkBackup *self, const char *target)
{
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        SkBackupDisk *disk = self->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}
