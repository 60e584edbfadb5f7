/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of backups in repositories. */
#include "model/stored-backup.h"

#include "base/text.h"

static const SkField disk_fields[] = {
    SK_FIELD(SkStoredDisk, target, STRING, "disk", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 16),
    SK_FIELD(SkStoredDisk, size, SIZE, "bytes the guest sees", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkStoredDisk, map, STRING, "object that says where its bytes are", .check = sk_check_sha256, .flags = SK_FIELD_READONLY),
    SK_FIELD(SkStoredDisk, incremental, BOOL, "only what was written since the backup before was read", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkStoredDisk, read, SIZE, "bytes read of it", .flags = SK_FIELD_READONLY),
};
SK_TYPE(sk_stored_disk_type, SkStoredDisk, "StoredDisk", "disk of a backup", disk_fields, "a disk in a backup");

static const SkField file_fields[] = {
    SK_FIELD(SkStoredFile, name, STRING, "what it is", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .check = sk_check_name),
    SK_FIELD(SkStoredFile, size, SIZE, "bytes", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkStoredFile, object, STRING, "object that has it", .check = sk_check_sha256, .flags = SK_FIELD_READONLY),
};
SK_TYPE(sk_stored_file_type, SkStoredFile, "StoredFile", "file of a backup", file_fields, "a small file in a backup: firmware variables, a TPM's state");

static const SkField backup_fields[] = {
    SK_FIELD(SkStoredBackup, name, STRING, "name, for good", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 200),
    SK_FIELD(SkStoredBackup, domain, STRING, "the domain's name then", .check = sk_check_name, .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkStoredBackup, uuid, STRING, "the domain's UUID", .check = sk_check_uuid, .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkStoredBackup, host, STRING, "the host it was made on", .max = 255),
    SK_FIELD(SkStoredBackup, note, TEXT, "what somebody wrote about it", .max = 4096),
    SK_FIELD(SkStoredBackup, created, INT64, "instant that the disks are of, microseconds since the epoch"),
    SK_FIELD(SkStoredBackup, incremental, BOOL, "only what was written since the backup before was read"),
    SK_FIELD(SkStoredBackup, running, BOOL, "the guest ran"),
    SK_FIELD(SkStoredBackup, quiesced, BOOL, "the guest's file systems were frozen at that instant"),
    SK_FIELD(SkStoredBackup, previous, STRING, "the backup that it was made from; it does not need it", .max = 200),
    SK_FIELD(SkStoredBackup, checkpoint, STRING, "checkpoint since which the next one can be incremental", .max = 128),
    SK_FIELD(SkStoredBackup, read, SIZE, "bytes read of the disks"),
    SK_FIELD(SkStoredBackup, written, SIZE, "bytes added to the repository"),
    SK_FIELD(SkStoredBackup, definition, JSON, "the domain's definition"),
    SK_FIELD(SkStoredBackup, disks, LIST, "its disks", .type = &sk_stored_disk_type),
    SK_FIELD(SkStoredBackup, files, LIST, "small files beside them", .type = &sk_stored_file_type),
};
SK_TYPE(sk_stored_backup_type, SkStoredBackup, "StoredBackup", "backup", backup_fields, "a backup in a repository");

static const SkField source_fields[] = {
    SK_FIELD(SkBackupSource, target, STRING, "disk", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 16),
    SK_FIELD(SkBackupSource, socket, STRING, "socket it is offered at by NBD", .check = sk_check_path, .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkBackupSource, export_name, STRING, "name it is offered by", .max = 255),
    SK_FIELD(SkBackupSource, bitmap, STRING, "meta context that tells what was written since the backup before", .max = 255),
};
SK_TYPE(sk_backup_source_type, SkBackupSource, "BackupSource", "source of a backup", source_fields, "a disk as it is read for a backup");

static const SkField order_file_fields[] = {
    SK_FIELD(SkBackupFile, name, STRING, "what it is", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .check = sk_check_name),
    SK_FIELD(SkBackupFile, path, STRING, "where it is", .flags = SK_FIELD_REQUIRED, .check = sk_check_path),
};
SK_TYPE(sk_backup_file_type, SkBackupFile, "BackupFile", "file for a backup", order_file_fields, "a small file that goes into a backup");

static const SkField order_fields[] = {
    SK_FIELD(SkBackupOrder, backup, OPTIONAL, "what is known of it beforehand", .type = &sk_stored_backup_type, .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkBackupOrder, sources, LIST, "disks to read", .type = &sk_backup_source_type),
    SK_FIELD(SkBackupOrder, files, LIST, "files to take along", .type = &sk_backup_file_type),
};
SK_TYPE(sk_backup_order_type, SkBackupOrder, "BackupOrder", "order of a backup", order_fields, "a backup that is to be made");

static const SkField create_fields[] = {
    SK_FIELD(SkStoredBackupCreate, repository, STRING, "repository it goes to", .check = sk_check_name, .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkStoredBackupCreate, note, TEXT, "what to remember about it", .max = 4096),
    SK_FIELD(SkStoredBackupCreate, quiesce, BOOL, "the guest's file systems must be frozen at that instant; else they are if its agent answers"),
    SK_FIELD(SkStoredBackupCreate, full, BOOL, "read all, not only what was written since the backup before"),
};
SK_TYPE(sk_stored_backup_create_type, SkStoredBackupCreate, "StoredBackupCreate", "backup", create_fields, "a backup that is asked for");

SkStoredDisk *
sk_stored_backup_find_disk(const SkStoredBackup *self, const char *target)
{
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        SkStoredDisk *disk = self->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}

SkStoredFile *
sk_stored_backup_find_file(const SkStoredBackup *self, const char *name)
{
    for (guint i = 0; self->files != NULL && i < self->files->len; i++) {
        SkStoredFile *file = self->files->pdata[i];
        if (g_strcmp0(file->name, name) == 0)
            return file;
    }
    return NULL;
}
