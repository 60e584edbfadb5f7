/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of checkpoints. */
#include "model/checkpoint.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName kind_names[] = { { "bitmap" }, { "left out", "no" } };
SK_ENUM_TABLE(sk_checkpoint_kind_enum, "part in a checkpoint", kind_names, SK_N_CHECKPOINT_KINDS);

gboolean
sk_check_checkpoint_name(const char *text, const char *what, GError **error)
{
    static const char others[] = "_-.";
    gboolean ok = *text != '\0' && *text != '.' && strlen(text) <= 128;
    for (const char *c = text; ok && *c != '\0'; c++)
        ok = g_ascii_isalnum(*c) || strchr(others, *c) != NULL;
    return ok || sk_fail(error, SK_ERROR_INVALID, "%s is \"%.128s\": give 1 to 128 letters, digits, \"_\", \"-\" or \".\", with no dot at the beginning",
                         what, text);
}

static const SkField disk_fields[] = {
    SK_FIELD(SkCheckpointDisk, target, STRING, "disk", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 16),
    SK_FIELD(SkCheckpointDisk, kind, ENUM, "its part", .names = &sk_checkpoint_kind_enum),
    SK_FIELD(SkCheckpointDisk, bitmap, STRING, "bitmap inside the file", .check = sk_check_checkpoint_name, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkCheckpointDisk, path, STRING, "file that has the bitmap", .check = sk_check_path, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkCheckpointDisk, size, UINT64, "bytes written since", .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_checkpoint_disk_type, SkCheckpointDisk, "CheckpointDisk", "disk of a checkpoint", disk_fields, "where is kept what was written to a disk");

static const SkField fields[] = {
    SK_FIELD(SkCheckpoint, name, STRING, "name", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .check = sk_check_checkpoint_name),
    SK_FIELD(SkCheckpoint, id, STRING, "UUID", .check = sk_check_uuid),
    SK_FIELD(SkCheckpoint, description, TEXT, "what it is for", .max = 4096, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkCheckpoint, parent, STRING, "checkpoint before it", .check = sk_check_checkpoint_name, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkCheckpoint, created, INT64, "when, microseconds since 1970"),
    SK_FIELD(SkCheckpoint, current, BOOL, "the next one comes after it"),
    SK_FIELD(SkCheckpoint, disks, LIST, "disks", .type = &sk_checkpoint_disk_type),
    SK_FIELD(SkCheckpoint, definition, OPTIONAL, "definition then", .type = &sk_domain_spec_type),
};
SK_TYPE(sk_checkpoint_type, SkCheckpoint, "Checkpoint", "checkpoint", fields, "a moment from which on a domain's disks keep account of what is written");

static const SkField wish_fields[] = {
    SK_FIELD(SkCheckpointWish, target, STRING, "disk, or its file", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 4096),
    SK_FIELD(SkCheckpointWish, kind, ENUM, "its part", .names = &sk_checkpoint_kind_enum),
    SK_FIELD(SkCheckpointWish, bitmap, STRING, "name of the bitmap; the checkpoint's if not given", .check = sk_check_checkpoint_name),
};
SK_TYPE(sk_checkpoint_wish_type, SkCheckpointWish, "CheckpointWish", "disk of a checkpoint", wish_fields, "what a disk's part in a checkpoint is to be");

static const SkField create_fields[] = {
    SK_FIELD(SkCheckpointCreate, name, STRING, "name; the time if not given", .check = sk_check_checkpoint_name),
    SK_FIELD(SkCheckpointCreate, description, TEXT, "what it is for", .max = 4096),
    SK_FIELD(SkCheckpointCreate, quiesce, BOOL, "freeze the guest's file systems for the moment"),
    SK_FIELD(SkCheckpointCreate, disks, LIST, "disks that have a part in it; all that can if not given", .type = &sk_checkpoint_wish_type),
};
SK_TYPE(sk_checkpoint_create_type, SkCheckpointCreate, "CheckpointCreate", "checkpoint", create_fields, "a checkpoint to make");

SkCheckpointDisk *
sk_checkpoint_find_disk(const SkCheckpoint *self, const char *target)
{
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        SkCheckpointDisk *disk = self->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}
