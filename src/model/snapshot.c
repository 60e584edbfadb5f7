/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of snapshots. */
#include "model/snapshot.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName kind_names[] = { { "left out", "no" }, { "internal" }, { "external" } };
SK_ENUM_TABLE(sk_snapshot_kind_enum, "kind of snapshot", kind_names, SK_N_SNAPSHOT_KINDS);
static const SkEnumName raw_names[] = { { "refuse" }, { "exclude" }, { "overlay" } };
SK_ENUM_TABLE(sk_raw_disks_enum, "raw disks", raw_names, SK_N_RAWS);
static const SkEnumName quiesce_names[] = { { "auto" }, { "yes" }, { "no" } };
SK_ENUM_TABLE(sk_quiesce_enum, "quiesce", quiesce_names, SK_N_QUIESCES);
static const SkEnumName revert_names[] = { { "as it was" }, { "running" }, { "paused" }, { "off" } };
SK_ENUM_TABLE(sk_revert_enum, "state", revert_names, SK_N_REVERTS);

/* Files are named after some of them, and the path of a request ends with them. */
static gboolean
check_snapshot_name(const char *text, const char *what, GError **error)
{
    if (*text == '\0' || *text == '.' || strlen(text) > 128)
        return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.128s\": give 1 to 128 characters that do not begin with a dot", what, text);
    return strchr(text, '/') == NULL || sk_fail(error, SK_ERROR_INVALID, "%s is \"%s\": a slash cannot be in it", what, text);
}

static const SkField disk_fields[] = {
    SK_FIELD(SkSnapshotDisk, target, STRING, "disk", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 16),
    SK_FIELD(SkSnapshotDisk, kind, ENUM, "where its state is", .names = &sk_snapshot_kind_enum),
    SK_FIELD(SkSnapshotDisk, path, STRING, "file that has it", .check = sk_check_path),
    SK_FIELD(SkSnapshotDisk, format, ENUM, "format of that file", .names = &sk_disk_format_enum),
    SK_FIELD(SkSnapshotDisk, overlay, STRING, "file that was made over it", .check = sk_check_path, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshotDisk, part, STRV, "other files over it, which get what they see of it", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshotDisk, own, BOOL, "that file was made for a snapshot, and goes with the last that needs it", .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_snapshot_disk_type, SkSnapshotDisk, "SnapshotDisk", "disk of a snapshot", disk_fields, "the state of one disk");

static const SkField fields[] = {
    SK_FIELD(SkSnapshot, name, STRING, "name", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .check = check_snapshot_name),
    SK_FIELD(SkSnapshot, id, STRING, "UUID", .check = sk_check_uuid),
    SK_FIELD(SkSnapshot, tag, STRING, "name of the state inside of images", .check = check_snapshot_name),
    SK_FIELD(SkSnapshot, description, TEXT, "what it is for", .max = 4096, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshot, parent, STRING, "snapshot it grew out of", .check = check_snapshot_name, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshot, created, INT64, "when, microseconds since 1970"),
    SK_FIELD(SkSnapshot, state, ENUM, "state of the domain then", .names = &sk_domain_state_enum),
    SK_FIELD(SkSnapshot, current, BOOL, "what the disks have now grew out of it"),
    SK_FIELD(SkSnapshot, frozen, BOOL, "the guest's file systems were frozen"),
    SK_FIELD(SkSnapshot, doomed, BOOL, "its deletion was begun, so it is of no use: delete it", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshot, memory, STRING, "file with the guest's memory", .check = sk_check_path, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshot, memory_given, BOOL, "that file was named by who asked for it", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshot, memory_bytes, UINT64, "size of that file"),
    SK_FIELD(SkSnapshot, nvram, STRING, "file with the firmware variables", .check = sk_check_path, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshot, tpm, STRING, "directory with the TPM's state", .check = sk_check_path, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkSnapshot, disks, LIST, "disks", .type = &sk_snapshot_disk_type),
    SK_FIELD(SkSnapshot, definition, OPTIONAL, "what ran, or would have run", .type = &sk_domain_spec_type),
    SK_FIELD(SkSnapshot, inactive, OPTIONAL, "definition then, if another ran", .type = &sk_domain_spec_type),
};
SK_TYPE(sk_snapshot_type, SkSnapshot, "Snapshot", "snapshot", fields, "a domain as it was at one moment");

static const SkField wish_fields[] = {
    SK_FIELD(SkSnapshotWish, target, STRING, "disk, or its file", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 4096),
    SK_FIELD(SkSnapshotWish, kind, ENUM, "where its state is to be", .names = &sk_snapshot_kind_enum),
    SK_FIELD(SkSnapshotWish, overlay, STRING, "external: file to make over it", .check = sk_check_path),
};
SK_TYPE(sk_snapshot_wish_type, SkSnapshotWish, "SnapshotWish", "disk of a snapshot", wish_fields, "what a disk's part in a snapshot is to be");

static const SkField create_fields[] = {
    SK_FIELD(SkSnapshotCreate, name, STRING, "name; the time if not given", .check = check_snapshot_name),
    SK_FIELD(SkSnapshotCreate, description, TEXT, "what it is for", .max = 4096),
    SK_FIELD(SkSnapshotCreate, memory, BOOL, "the guest's memory too"),
    SK_FIELD(SkSnapshotCreate, memory_path, STRING, "file for the memory; the daemon's own if not given", .check = sk_check_path),
    SK_FIELD(SkSnapshotCreate, quiesce, ENUM, "freeze the guest's file systems: auto if its agent answers", .names = &sk_quiesce_enum),
    SK_FIELD(SkSnapshotCreate, raw, ENUM, "what is done with raw disks", .names = &sk_raw_disks_enum),
    SK_FIELD(SkSnapshotCreate, exclude, STRV, "disks to leave out", .max = 64),
    SK_FIELD(SkSnapshotCreate, external, BOOL, "make overlays of all disks"),
    SK_FIELD(SkSnapshotCreate, reuse, BOOL, "external: the overlays are there already"),
    SK_FIELD(SkSnapshotCreate, disks, LIST, "single disks", .type = &sk_snapshot_wish_type),
    SK_FIELD(SkSnapshotCreate, forget, BOOL, "keep no snapshot, only make overlays"),
    SK_FIELD(SkSnapshotCreate, halt, BOOL, "switch the domain off in the same moment"),
};
SK_TYPE(sk_snapshot_create_type, SkSnapshotCreate, "SnapshotCreate", "snapshot", create_fields, "a snapshot to make");

static const SkField revert_fields[] = {
    SK_FIELD(SkSnapshotRevert, then, ENUM, "state of the domain afterwards", .names = &sk_revert_enum),
    SK_FIELD(SkSnapshotRevert, fresh_nvram, BOOL, "with firmware variables as new"),
};
SK_TYPE(sk_snapshot_revert_type, SkSnapshotRevert, "SnapshotRevert", "revert", revert_fields, "how to go back to a snapshot");

static const SkField change_fields[] = {
    SK_FIELD(SkSnapshotChange, name, STRING, "name", .check = check_snapshot_name),
    SK_FIELD(SkSnapshotChange, description, TEXT, "what it is for", .max = 4096),
};
SK_TYPE(sk_snapshot_change_type, SkSnapshotChange, "SnapshotChange", "snapshot", change_fields, "what can be changed of a snapshot");

static const SkField diff_fields[] = {
    SK_FIELD(SkSnapshotDiff, name, STRING, "snapshot"),
    SK_FIELD(SkSnapshotDiff, definition, STRV, "what differs in the definition"),
    SK_FIELD(SkSnapshotDiff, disks, STRV, "disks that would not go back, or are there no more"),
    SK_FIELD(SkSnapshotDiff, memory_bytes, UINT64, "bytes of memory kept"),
};
SK_TYPE(sk_snapshot_diff_type, SkSnapshotDiff, "SnapshotDiff", "difference", diff_fields, "how a domain differs from a snapshot of it");

SkSnapshotDisk *
sk_snapshot_find_disk(const SkSnapshot *self, const char *target)
{
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        SkSnapshotDisk *disk = self->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}

gboolean
sk_snapshot_is_external(const SkSnapshot *self)
{
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        if (((const SkSnapshotDisk *) self->disks->pdata[i])->kind == SK_SNAPSHOT_EXTERNAL)
            return TRUE;
    }
    return FALSE;
}
