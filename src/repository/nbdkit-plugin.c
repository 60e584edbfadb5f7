/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk of a backup as a block device for whoever speaks NBD: restores, mounts and guests that boot from a backup read through
 * this. nbdkit --readonly …/nbdkit-skep-plugin.so repository=DIR key-file=FILE backup=NAME disk=TARGET
 */
#define NBDKIT_API_VERSION 2
#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS
#include <nbdkit-plugin.h>

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "repository/backup-maker.h"
#include "repository/disk-reader.h"

#define KEY_MAX 1024

static struct {
    char *repository, *key_file, *backup, *disk;
    SkRepo *repo;
    SkRepoDiskReader *reader;
} place;

static const struct {
    const char *key;
    char **value;
    gboolean is_path;
} settings[] = {
    { "repository", &place.repository, TRUE },
    { "key-file", &place.key_file, TRUE },
    { "backup", &place.backup, FALSE },
    { "disk", &place.disk, FALSE },
};

static int
fail(const GError *error)
{
    nbdkit_error("%s", error->message);
    return -1;
}

static int
plugin_config(const char *key, const char *value)
{
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        if (strcmp(settings[i].key, key) == 0) {
            g_free(*settings[i].value);
            /* nbdkit leaves its directory when it goes into the background. */
            *settings[i].value = settings[i].is_path ? g_canonicalize_filename(value, NULL) : g_strdup(value);
            return 0;
        }
    nbdkit_error("unknown parameter \"%s\": give repository, key-file, backup and disk", key);
    return -1;
}

static gboolean
open_disk(GError **error)
{
    SkRepoId root;
    g_autofree char *name = sk_repo_find_backup(place.repo, place.backup, error);
    SkStoredBackup *backup = name != NULL ? sk_repo_load_backup(place.repo, name, error) : NULL;
    if (backup == NULL)
        return FALSE;
    const SkStoredDisk *disk = sk_stored_backup_find_disk(backup, place.disk);
    if (disk == NULL || disk->map == NULL || !sk_repo_id_parse(disk->map, &root))
        sk_fail(error, SK_ERROR_NOT_FOUND, "backup \"%s\" has no disk \"%s\"", place.backup, place.disk);
    else
        place.reader = sk_repo_disk_reader_new(place.repo, &root, disk->size, error);
    sk_value_free(&sk_stored_backup_type, backup);
    return place.reader != NULL;
}

/* The key's file may be a descriptor that is gone later: all is opened before nbdkit serves. */
static int
plugin_get_ready(void)
{
    g_autoptr(GError) error = NULL;
    gsize length;
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        if (*settings[i].value == NULL) {
            nbdkit_error("parameter \"%s\" is missing", settings[i].key);
            return -1;
        }
    char *key = sk_fs_read(place.key_file, KEY_MAX, &length, &error);
    place.repo = key != NULL ? sk_repo_open(place.repository, key, &error) : NULL;
    sk_repo_key_free(key);
    return place.repo != NULL && sk_repo_lock(place.repo, FALSE, &error) && open_disk(&error) ? 0 : fail(error);
}

static void *
plugin_open(int readonly)
{
    (void) readonly;
    return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t
plugin_get_size(void *handle)
{
    (void) handle;
    return (int64_t) sk_repo_disk_reader_size(place.reader);
}

static int
plugin_pread(void *handle, void *bytes, uint32_t count, uint64_t offset, uint32_t flags)
{
    g_autoptr(GError) error = NULL;
    (void) handle;
    (void) flags;
    return sk_repo_disk_read(place.reader, offset, bytes, count, &error) ? 0 : fail(error);
}

static int
plugin_can_extents(void *handle)
{
    (void) handle;
    return 1;
}

static int
plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags, struct nbdkit_extents *extents)
{
    const guint64 end = offset + count;
    (void) handle;
    for (guint64 length; offset < end; offset += length) {
        g_autoptr(GError) error = NULL;
        gboolean is_zero;
        if (!sk_repo_disk_extent(place.reader, offset, &length, &is_zero, &error))
            return fail(error);
        if (nbdkit_add_extent(extents, offset, length, is_zero ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0) < 0)
            return -1;
        if ((flags & NBDKIT_FLAG_REQ_ONE) != 0)
            break;
    }
    return 0;
}

/* Several clients read the same: what is never written to is the same for all. */
static int
plugin_can_multi_conn(void *handle)
{
    (void) handle;
    return 1;
}

static void
plugin_unload(void)
{
    sk_repo_disk_reader_free(place.reader);
    sk_repo_free(place.repo);
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        g_free(*settings[i].value);
}

static struct nbdkit_plugin plugin = {
    .name = "skep",
    .longname = "Skep backup repository",
    .description = "a disk of a backup in a repository of Skep",
    .version = "1",
    .config = plugin_config,
    .config_help = "repository=DIR key-file=FILE backup=NAME disk=TARGET",
    .get_ready = plugin_get_ready,
    .open = plugin_open,
    .get_size = plugin_get_size,
    .can_extents = plugin_can_extents,
    .can_multi_conn = plugin_can_multi_conn,
    .pread = plugin_pread,
    .extents = plugin_extents,
    .unload = plugin_unload,
};
NBDKIT_REGISTER_PLUGIN(plugin)
