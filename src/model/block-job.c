/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of long work on disks. */
#include "model/block-job.h"

#include "base/error.h"
#include "base/text.h"

static const SkEnumName kind_names[] = {
    { "pull", "what is below goes up into the disk's file" }, { "copy", "the disk is kept the same in another file" },
    { "commit", "files between go down into the base" }, { "active-commit", "what the guest writes to goes down into the base" },
    { "backup", "the disk as it was is written elsewhere" },
};
const SkEnum sk_block_kind_enum = { .what = "block job", .names = kind_names, .count = SK_N_BLOCK_KINDS };
G_STATIC_ASSERT(G_N_ELEMENTS(kind_names) == SK_N_BLOCK_KINDS);

static const SkEnumName state_names[] = { { "running", "under way" }, { "ready", "waits to be told how to end" }, { "ending", "comes to its end" } };
const SkEnum sk_block_state_enum = { .what = "state", .names = state_names, .count = SK_N_BLOCK_STATES };
G_STATIC_ASSERT(G_N_ELEMENTS(state_names) == SK_N_BLOCK_STATES);

static const SkEnumName then_names[] = { { "wait", "wait to be told" }, { "pivot", "go over to the other file" }, { "finish", "stay, leaving a whole copy" } };
const SkEnum sk_block_then_enum = { .what = "end", .names = then_names, .count = SK_N_BLOCK_THENS };
G_STATIC_ASSERT(G_N_ELEMENTS(then_names) == SK_N_BLOCK_THENS);

gboolean
sk_block_kind_waits(gint kind)
{
    return kind == SK_BLOCK_COPY || kind == SK_BLOCK_ACTIVE_COMMIT;
}

static const SkField info_fields[] = {
    SK_FIELD(SkBlockJobInfo, target, STRING, "disk", .flags = SK_FIELD_KEY),
    SK_FIELD(SkBlockJobInfo, kind, ENUM, "what is done", .names = &sk_block_kind_enum),
    SK_FIELD(SkBlockJobInfo, state, ENUM, "how far it is", .names = &sk_block_state_enum),
    SK_FIELD(SkBlockJobInfo, path, STRING, "the disk's file when it began"),
    SK_FIELD(SkBlockJobInfo, base, STRING, "lowest file of it", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBlockJobInfo, top, STRING, "topmost file of it", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBlockJobInfo, destination, STRING, "file that the disk is on after a pivot", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkBlockJobInfo, done, UINT64, "bytes done"),
    SK_FIELD(SkBlockJobInfo, total, UINT64, "bytes to do; grows while the guest writes"),
    SK_FIELD(SkBlockJobInfo, speed, UINT64, "bytes a second at most; 0: no limit"),
    SK_FIELD(SkBlockJobInfo, job, STRING, "id among the jobs", .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_block_job_info_type, SkBlockJobInfo, "BlockJob", "block job", info_fields, "long work on a disk");

#define SPEED(S) SK_FIELD(S, speed, SIZE, "bytes a second at most; 0: no limit", .max = G_MAXINT64)
#define FILE_OF_CHAIN(S, member, help) SK_FIELD(S, member, STRING, help ": a path, or vda[2]: the file with that number, counted from the disk's own (1) at the start", .max = 4096)
#define RELATIVE(S) SK_FIELD(S, relative, BOOL, "the file that is left over another names it by its place beside it")

static const SkField pull_fields[] = {
    FILE_OF_CHAIN(SkDiskPull, base, "what stays below (left out: nothing)"),
    RELATIVE(SkDiskPull),
    SPEED(SkDiskPull),
};
SK_TYPE(sk_disk_pull_type, SkDiskPull, "DiskPull", "pull", pull_fields, "what is below a disk's file goes into it");

static const SkField commit_fields[] = {
    FILE_OF_CHAIN(SkDiskCommit, base, "where to (left out: the lowest)"),
    FILE_OF_CHAIN(SkDiskCommit, top, "topmost file (left out: what the guest writes to)"),
    SK_FIELD(SkDiskCommit, shallow, BOOL, "base is the file right below top"),
    SK_FIELD(SkDiskCommit, inner, BOOL, "top must not be what the guest writes to"),
    SK_FIELD(SkDiskCommit, remove, BOOL, "delete the files that are not needed any more"),
    RELATIVE(SkDiskCommit),
    SPEED(SkDiskCommit),
    SK_FIELD(SkDiskCommit, then, ENUM, "what is done once both have the same", .names = &sk_block_then_enum),
};
SK_TYPE(sk_disk_commit_type, SkDiskCommit, "DiskCommit", "commit", commit_fields, "a disk's files go down into one of them");

static const SkField copy_fields[] = {
    SK_FIELD(SkDiskCopy, pool, STRING, "pool of the volume", .check = sk_check_name),
    SK_FIELD(SkDiskCopy, volume, STRING, "volume to copy to", .check = sk_check_name),
    SK_FIELD(SkDiskCopy, path, STRING, "file or block device to copy to", .check = sk_check_path),
    SK_FIELD(SkDiskCopy, format, ENUM, "format of the copy", .names = &sk_disk_format_enum),
    SK_FIELD(SkDiskCopy, same_format, BOOL, "in the disk's own format"),
    SK_FIELD(SkDiskCopy, shallow, BOOL, "only what the topmost file has: those below are shared"),
    SK_FIELD(SkDiskCopy, reuse, BOOL, "the file or volume is there already"),
    SPEED(SkDiskCopy),
    SK_FIELD(SkDiskCopy, then, ENUM, "what is done once both have the same", .names = &sk_block_then_enum),
};
static gboolean
check_copy(gconstpointer value, GError **error)
{
    const SkDiskCopy *self = value;
    return (self->path != NULL) != (self->volume != NULL) || sk_fail(error, SK_ERROR_INVALID, "give either a volume or a path to copy to");
}
SK_TYPE(sk_disk_copy_type, SkDiskCopy, "DiskCopy", "copy", copy_fields, "a copy of a disk that is kept the same", .check = check_copy);

static const SkField change_fields[] = { SPEED(SkDiskJobChange) };
SK_TYPE(sk_disk_job_change_type, SkDiskJobChange, "DiskJobChange", "block job", change_fields, "a change of work on a disk");

static const SkField end_fields[] = {
    SK_FIELD(SkDiskJobEnd, pivot, BOOL, "the disk goes over to the copy, or to the base"),
    SK_FIELD(SkDiskJobEnd, no_wait, BOOL, "do not wait for its end"),
};
SK_TYPE(sk_disk_job_end_type, SkDiskJobEnd, "DiskJobEnd", "block job", end_fields, "the end of work on a disk");

static const SkField threshold_fields[] = { SK_FIELD(SkDiskThreshold, bytes, SIZE, "length of the file to be told at; 0: no more", .max = G_MAXINT64) };
SK_TYPE(sk_disk_threshold_type, SkDiskThreshold, "DiskThreshold", "threshold", threshold_fields, "a length of a disk's file to be told at");
