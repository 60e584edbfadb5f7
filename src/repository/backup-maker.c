/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backups in a repository. */
#include "repository/backup-maker.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "codec/json/json.h"
#include "repository/disk-writer.h"
#include "repository/nbd-source.h"

/* Firmware variables and the state of a TPM are much smaller. */
#define FILE_MAX (16u * 1024 * 1024)

/* What goes on for all disks of a backup. */
typedef struct {
    SkRepo *repo;
    SkRepoProgress progress;
    gpointer data;
    guint64 done, total;
} Work;

/* Free with g_free(). */
static char *
id_text(const SkRepoId *id)
{
    char *text = g_malloc(2 * sizeof id->bytes + 1);
    sk_repo_id_format(id, text);
    return text;
}

/* -- disks ------------------------------------------------------------------------------------------------------------ */

/* Reads one window, and gives it to the writer. What is zeros is only told if it may have been something else. */
static gboolean
take_window(SkNbdSource *source, SkRepoDiskWriter *writer, guint64 offset, guint16 changed, guint16 zero, gboolean has_base, SkStoredDisk *disk,
            GError **error)
{
    const guint16 wanted = (guint16) (changed & ~zero);
    guint64 read = 0;
    if (changed == 0 || (wanted == 0 && !has_base))
        return TRUE;
    g_autofree guint8 *bytes = wanted != 0 ? g_malloc0(SK_REPO_WINDOW) : NULL;
    if (bytes != NULL && !sk_nbd_source_read(source, offset, wanted, bytes, &read, error))
        return FALSE;
    disk->read += read;
    return sk_repo_disk_put(writer, offset, changed, g_steal_pointer(&bytes), error);
}

static gboolean
take_span(Work *work, SkNbdSource *source, SkRepoDiskWriter *writer, guint64 start, gboolean has_base, SkStoredDisk *disk, GError **error)
{
    SkNbdSpan span;
    if (!sk_nbd_source_look(source, start, &span, error))
        return FALSE;
    for (guint i = 0; i < SK_REPO_LEAF_WINDOWS; i++) {
        const guint64 offset = start + (guint64) i * SK_REPO_WINDOW;
        if (offset >= disk->size)
            break;
        if (!take_window(source, writer, offset, span.changed[i], span.zero[i], has_base, disk, error))
            return FALSE;
        work->done += MIN(SK_REPO_WINDOW, disk->size - offset);
        work->progress(work->done, work->total, work->data);
    }
    return !sk_fault("repository/span", error);
}

/* The map of the same disk in the backup before; FALSE if there is none. */
static gboolean
find_base(const SkStoredBackup *previous, const char *target, SkRepoId *out, guint64 *out_size)
{
    const SkStoredDisk *before = previous != NULL ? sk_stored_backup_find_disk(previous, target) : NULL;
    if (before == NULL || before->map == NULL || !sk_repo_id_parse(before->map, out))
        return FALSE;
    *out_size = before->size;
    return TRUE;
}

static gboolean
take_disk(Work *work, const SkBackupSource *from, const SkStoredBackup *previous, SkStoredDisk *disk, GError **error)
{
    SkRepoId base, root;
    guint64 base_size = 0;
    gboolean has_base = from->bitmap != NULL && find_base(previous, from->target, &base, &base_size);
    if (from->bitmap != NULL && !has_base)
        return sk_fail(error, SK_ERROR_STATE, "disk \"%s\" is not in the backup before, so that not all of it would be in this one", from->target);
    g_autoptr(SkNbdSource) source = sk_nbd_source_open(from, error);
    if (source == NULL)
        return FALSE;
    disk->size = sk_nbd_source_size(source);
    disk->incremental = has_base;
    g_autoptr(SkRepoDiskWriter) writer = sk_repo_disk_writer_new(work->repo, disk->size, has_base ? &base : NULL, base_size, error);
    if (writer == NULL)
        return FALSE;
    for (guint64 start = 0; start < disk->size; start += SK_REPO_LEAF_SPAN)
        if (!take_span(work, source, writer, start, has_base, disk, error))
            return FALSE;
    if (!sk_repo_disk_end(writer, &root, error))
        return FALSE;
    disk->map = id_text(&root);
    return TRUE;
}

/* Disks are asked for their sizes before any is read, so that progress tells the truth. */
static gboolean
sum_sizes(Work *work, const SkBackupOrder *order, GError **error)
{
    for (guint i = 0; order->sources != NULL && i < order->sources->len; i++) {
        g_autoptr(SkNbdSource) source = sk_nbd_source_open(order->sources->pdata[i], error);
        if (source == NULL)
            return FALSE;
        work->total += sk_nbd_source_size(source);
    }
    return TRUE;
}

static gboolean
take_disks(Work *work, const SkBackupOrder *order, const SkStoredBackup *previous, GError **error)
{
    SkStoredBackup *backup = order->backup;
    for (guint i = 0; order->sources != NULL && i < order->sources->len; i++) {
        const SkBackupSource *from = order->sources->pdata[i];
        SkStoredDisk *disk = sk_value_new(&sk_stored_disk_type);
        disk->target = g_strdup(from->target);
        g_ptr_array_add(backup->disks, disk);
        if (!take_disk(work, from, previous, disk, error))
            return FALSE;
        backup->read += disk->read;
        backup->incremental |= disk->incremental;
    }
    return TRUE;
}

/* -- small files --------------------------------------------------------------------------------------------------------- */

static gboolean
take_file(SkRepo *repo, const SkBackupFile *from, SkStoredFile *file, GError **error)
{
    SkRepoId id;
    gsize length;
    g_autofree char *bytes = sk_fs_read(from->path, FILE_MAX, &length, error);
    if (bytes == NULL || !sk_repo_put(repo, SK_REPO_FILE, bytes, length, &id, error))
        return FALSE;
    file->size = length;
    file->object = id_text(&id);
    return TRUE;
}

static gboolean
take_files(SkRepo *repo, const SkBackupOrder *order, GError **error)
{
    for (guint i = 0; order->files != NULL && i < order->files->len; i++) {
        const SkBackupFile *from = order->files->pdata[i];
        SkStoredFile *file = sk_value_new(&sk_stored_file_type);
        file->name = g_strdup(from->name);
        g_ptr_array_add(order->backup->files, file);
        if (!take_file(repo, from, file, error))
            return FALSE;
    }
    return TRUE;
}

/* -- whole backups ----------------------------------------------------------------------------------------------------------- */

static void
empty_list(GPtrArray **list, const SkType *type)
{
    for (guint i = 0; *list != NULL && i < (*list)->len; i++)
        sk_value_free(type, (*list)->pdata[i]);
    g_clear_pointer(list, g_ptr_array_unref);
    *list = sk_value_list_new(type);
}

static gboolean
keep(SkRepo *repo, SkStoredBackup *backup, GError **error)
{
    backup->written = sk_repo_written(repo);
    g_autofree char *text = sk_json_encode(&sk_stored_backup_type, backup, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_repo_write_backup(repo, backup->name, text, error);
}

gboolean
sk_repo_make_backup(SkRepo *repo, SkBackupOrder *order, SkRepoProgress progress, gpointer data, GError **error)
{
    SkStoredBackup *backup = order->backup, *previous = NULL;
    Work work = { .repo = repo, .progress = progress, .data = data };
    empty_list(&backup->disks, &sk_stored_disk_type);
    empty_list(&backup->files, &sk_stored_file_type);
    if (backup->previous != NULL && (previous = sk_repo_load_backup(repo, backup->previous, error)) == NULL)
        return FALSE;
    gboolean is_made = take_files(repo, order, error) && sum_sizes(&work, order, error) && take_disks(&work, order, previous, error) &&
                       keep(repo, backup, error);
    if (previous != NULL)
        sk_value_free(&sk_stored_backup_type, previous);
    return is_made;
}

SkStoredBackup *
sk_repo_load_backup(SkRepo *repo, const char *name, GError **error)
{
    g_autofree char *text = sk_repo_read_backup(repo, name, error);
    SkStoredBackup *backup = text == NULL ? NULL : sk_json_decode_text(&sk_stored_backup_type, text, strlen(text), "the backup", error);
    if (text != NULL && backup == NULL)
        g_prefix_error(error, "backup \"%s\" of repository \"%s\" is damaged: ", name, sk_repo_path(repo));
    return backup;
}

static gboolean
is_of(const SkStoredBackup *backup, const char *domain)
{
    return domain == NULL || g_strcmp0(backup->uuid, domain) == 0 || g_strcmp0(backup->domain, domain) == 0;
}

static gint
by_time(gconstpointer a, gconstpointer b)
{
    const SkStoredBackup *x = *(SkStoredBackup *const *) a, *y = *(SkStoredBackup *const *) b;
    return x->created != y->created ? (x->created > y->created ? 1 : -1) : g_strcmp0(x->name, y->name);
}

static void
free_backup(gpointer backup)
{
    sk_value_free(&sk_stored_backup_type, backup);
}

GPtrArray *
sk_repo_load_backups(SkRepo *repo, const char *domain, GPtrArray *out_damaged, GError **error)
{
    g_autoptr(GPtrArray) names = sk_repo_backup_names(repo, error);
    GPtrArray *backups = names != NULL ? g_ptr_array_new_with_free_func(free_backup) : NULL;
    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autoptr(GError) why = NULL;
        SkStoredBackup *backup = sk_repo_load_backup(repo, names->pdata[i], &why);
        if (backup == NULL && out_damaged != NULL)
            g_ptr_array_add(out_damaged, g_strdup(why->message));
        else if (backup != NULL && is_of(backup, domain))
            g_ptr_array_add(backups, backup);
        else if (backup != NULL)
            free_backup(backup);
    }
    if (backups != NULL)
        g_ptr_array_sort(backups, by_time);
    return backups;
}
