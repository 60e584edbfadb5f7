/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* States inside of qcow2 files, read by ourselves, made and applied by qemu-img. */
#include "storage/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "base/undo.h"
#include "model/disk.h"
#include "storage/bytes.h"
#include "storage/temp.h"
#include "storage/tool.h"

/* QEMU's own limits. */
#define MAX_STATES 65536
#define MAX_TABLE (64 * 1024 * 1024)
#define FIXED_BYTES 40
#define HEAD_BYTES 72
#define MAX_DIR_FILE (16 * 1024 * 1024)

/* -- reading -------------------------------------------------------------------------------------------------- */

/* One entry: fixed part, more of it, id, name, and room to the next multiple of eight. */
static gboolean
parse_entry(const guint8 *table, gsize length, gsize *at, char **out_name)
{
    const guint8 *entry = table + *at;
    gsize left = length - *at;
    if (left < FIXED_BYTES)
        return FALSE;
    guint id_bytes = entry[12] * 256u + entry[13], name_bytes = entry[14] * 256u + entry[15];
    guint64 more = sk_be32(entry + 36), whole = FIXED_BYTES + more + id_bytes + name_bytes;
    if (whole > left)
        return FALSE;
    *out_name = g_utf8_make_valid((const char *) entry + FIXED_BYTES + more + id_bytes, (gssize) name_bytes);
    *at += MIN(left, (gsize) ((whole + 7) / 8 * 8));
    return TRUE;
}

char **
sk_qcow2_parse_snapshots(const guint8 *table, gsize length, guint count, const char *what, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    gsize at = 0;
    for (guint i = 0; i < count; i++) {
        char *name = NULL;
        if (!parse_entry(table, length, &at, &name)) {
            sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a damaged qcow2 image: its table of snapshots is cut", what);
            return NULL;
        }
        g_ptr_array_add(names, name);
    }
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_steal(names, NULL);
}

char **
sk_storage_snapshot_names(const char *path, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    guint8 head[HEAD_BYTES];
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot open \"%s\"", path);
        return NULL;
    }
    if (pread(fd, head, sizeof head, 0) != (gssize) sizeof head || memcmp(head, "QFI\xfb", 4) != 0) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no qcow2 image", path);
        return NULL;
    }
    guint count = sk_be32(head + 60);
    if (count == 0)
        return g_new0(char *, 1);
    guint64 bytes = MIN((guint64) count * 1024 + 65536, (guint64) MAX_TABLE);
    g_autofree guint8 *table = g_malloc(bytes);
    gssize got = pread(fd, table, bytes, (off_t) MIN(sk_be64(head + 64), (guint64) G_MAXINT64));
    if (count > MAX_STATES || got < 0) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a damaged qcow2 image: it tells of %u snapshots", path, count);
        return NULL;
    }
    return sk_qcow2_parse_snapshots(table, (gsize) got, count, path, error);
}

/* -- changing ----------------------------------------------------------------------------------------------------- */

static gboolean
run(const char *verb, const char *name, const char *path, const char *step, const SkStorageContext *context, GError **error)
{
    const char *const argv[] = { "qemu-img", "snapshot", verb, name, path, NULL };
    sk_assert_worker();
    return sk_tool_qemu_img(argv, path, step, context, error);
}

gboolean
sk_storage_snapshot_create(const char *path, const char *name, const SkStorageContext *context, GError **error)
{
    return run("-c", name, path, "keeping the state of", context, error);
}

gboolean
sk_storage_snapshot_apply(const char *path, const char *name, const SkStorageContext *context, GError **error)
{
    return run("-a", name, path, "reverting", context, error);
}

gboolean
sk_storage_snapshot_delete(const char *path, const char *name, const SkStorageContext *context, GError **error)
{
    if (access(path, F_OK) != 0)
        return TRUE;
    g_auto(GStrv) names = sk_storage_snapshot_names(path, error);
    if (names == NULL)
        return FALSE;
    return !g_strv_contains((const char *const *) names, name) || run("-d", name, path, "dropping a state of", context, error);
}

/* -- directories ------------------------------------------------------------------------------------------------------ */

static gboolean
copy_file(const char *from, const char *to, GError **error)
{
    struct stat info;
    gsize length = 0;
    if (lstat(from, &info) < 0)
        return sk_fail_errno(error, errno, "cannot read \"%s\"", from);
    if (!S_ISREG(info.st_mode))
        return TRUE;
    g_autofree char *data = sk_fs_read(from, MAX_DIR_FILE, &length, error);
    if (data == NULL || !sk_fs_write(to, data, (gssize) length, info.st_mode & 0777, error))
        return FALSE;
    return chown(to, info.st_uid, info.st_gid) == 0 || geteuid() != 0 || sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", to, info.st_uid);
}

static gboolean
copy_tree(const char *source, const char *target, GError **error)
{
    struct stat info;
    g_autoptr(GDir) dir = g_dir_open(source, 0, error);
    const char *name;
    if (dir == NULL)
        return FALSE;
    if (stat(source, &info) < 0 || !sk_fs_make_dir(target, info.st_mode & 0777, error))
        return FALSE;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *from = g_build_filename(source, name, NULL);
        g_autofree char *to = g_build_filename(target, name, NULL);
        gboolean below = g_file_test(from, G_FILE_TEST_IS_DIR) && !g_file_test(from, G_FILE_TEST_IS_SYMLINK);
        if (below ? !copy_tree(from, to, error) : !copy_file(from, to, error))
            return FALSE;
    }
    return chown(target, info.st_uid, info.st_gid) == 0 || geteuid() != 0 ||
           sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", target, info.st_uid);
}

gboolean
sk_storage_copy_dir(const char *source, const char *target, GError **error)
{
    g_autofree char *beside = g_strconcat(target, ".part", NULL);
    sk_assert_worker();
    if (!sk_fs_remove_tree(beside, error) || !copy_tree(source, beside, error) || !sk_fs_remove_tree(target, error))
        return FALSE;
    if (rename(beside, target) < 0)
        return sk_fail_errno(error, errno, "cannot make \"%s\"", target);
    return sk_fs_sync_dir_of(target, error);
}

/* -- overlays ----------------------------------------------------------------------------------------------------- */

#define OVERLAY_MODE 0600

gboolean
sk_storage_make_overlay(const char *path, const char *backing, gint format, guint64 size, GError **error)
{
    g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT, size);
    g_autoptr(SkTempFile) temp = sk_temp_new(path, error);
    if (temp == NULL)
        return FALSE;
    const char *const argv[] = { "qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", sk_enum_name(&sk_disk_format_enum, format),
                                 temp->path, bytes, NULL };
    if (!sk_tool_qemu_img(argv, path, "creating", NULL, error))
        return FALSE;
    sk_temp_record_format(temp->fd, SK_FORMAT_QCOW2);
    return sk_temp_commit(temp, OVERLAY_MODE, error);
}

gboolean
sk_storage_commit_overlay(const char *path, const SkStorageContext *context, GError **error)
{
    const char *const argv[] = { "qemu-img", "commit", "-p", "-d", "-f", "qcow2", path, NULL };
    sk_assert_worker();
    return sk_tool_qemu_img(argv, path, "committing", context, error);
}

gboolean
sk_storage_rebase(const char *path, const char *backing, gint format, gboolean header_only, const SkStorageContext *context, GError **error)
{
    const char *const over[] = { "-b", backing, "-F", sk_enum_name(&sk_disk_format_enum, format), path, NULL }, *const alone[] = { "-b", "", path, NULL };
    const char *const *rest = backing != NULL ? over : alone;
    const char *argv[12] = { "qemu-img", "rebase", "-p", "-f", "qcow2" };
    gsize n = 5;
    sk_assert_worker();
    if (header_only)
        argv[n++] = "-u";
    for (gsize i = 0; rest[i] != NULL; i++)
        argv[n++] = rest[i];
    return sk_tool_qemu_img(argv, path, "rebasing", context, error);
}
