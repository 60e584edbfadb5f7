/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See site.h. */
#include "site.h"

#include <string.h>

#include "base/fs.h"
#include "codec/json/json.h"

void
site_set_up(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    self->dir = g_dir_make_tmp("skep-repository-XXXXXX", &error);
    g_assert_no_error(error);
    self->path = g_build_filename(self->dir, "repo", NULL);
    self->key = sk_repo_key_new();
    sk_repo_init(self->path, self->key, &error);
    g_assert_no_error(error);
    site_reopen(self);
}

void
site_reopen(Site *self)
{
    g_autoptr(GError) error = NULL;
    sk_repo_free(self->repo);
    self->repo = sk_repo_open(self->path, self->key, &error);
    g_assert_no_error(error);
}

void
site_tear_down(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    sk_repo_free(self->repo);
    sk_fs_remove_tree(self->dir, &error);
    g_assert_no_error(error);
    sk_repo_key_free(self->key);
    g_free(self->path);
    g_free(self->dir);
}

guint8 *
site_noise(gsize length, guint seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    guint8 *bytes = g_malloc(length);
    for (gsize i = 0; i + 4 <= length; i += 4) {
        guint32 number = g_rand_int(rand);
        memcpy(bytes + i, &number, 4);
    }
    return bytes;
}

SkRepoId
site_put_disk(Site *self, const guint8 *bytes, guint64 length, const guint16 *changed, const SkRepoId *base)
{
    g_autoptr(GError) error = NULL;
    SkRepoId map;
    g_autoptr(SkRepoDiskWriter) writer = sk_repo_disk_writer_new(self->repo, length, base, length, &error);
    g_assert_no_error(error);
    for (guint64 at = 0, i = 0; at < length; at += SK_REPO_WINDOW, i++) {
        guint8 *window = g_malloc0(SK_REPO_WINDOW);
        memcpy(window, bytes + at, MIN(SK_REPO_WINDOW, length - at));
        if (changed == NULL || changed[i] != 0)
            sk_repo_disk_put(writer, at, changed != NULL ? changed[i] : G_MAXUINT16, window, &error);
        else
            g_free(window);
        g_assert_no_error(error);
    }
    sk_repo_disk_end(writer, &map, &error);
    g_assert_no_error(error);
    return map;
}

void
site_assert_disk(Site *self, const SkRepoId *map, const guint8 *bytes, guint64 length)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *read = g_malloc(length);
    g_autoptr(SkRepoDiskReader) reader = sk_repo_disk_reader_new(self->repo, map, length, &error);
    g_assert_no_error(error);
    sk_repo_disk_read(reader, 0, read, length, &error);
    g_assert_no_error(error);
    g_assert_true(memcmp(read, bytes, length) == 0);
}

void
site_keep(Site *self, const char *name, gint64 hours, const SkRepoId *map, guint64 length)
{
    g_autoptr(GError) error = NULL;
    char hex[65];
    SkStoredBackup *backup = sk_value_new(&sk_stored_backup_type);
    SkStoredDisk *disk = sk_value_new(&sk_stored_disk_type);
    sk_repo_id_format(map, hex);
    disk->target = g_strdup("vda");
    disk->size = length;
    disk->map = g_strdup(hex);
    backup->name = g_strdup_printf("%s/%s", SITE_UUID, name);
    backup->uuid = g_strdup(SITE_UUID);
    backup->domain = g_strdup("web1");
    backup->created = hours * 3600 * G_USEC_PER_SEC;
    backup->disks = sk_value_list_new(&sk_stored_disk_type);
    g_ptr_array_add(backup->disks, disk);
    g_autofree char *text = sk_json_encode(&sk_stored_backup_type, backup, 0);
    sk_repo_write_backup(self->repo, backup->name, text, &error);
    g_assert_no_error(error);
    sk_value_free(&sk_stored_backup_type, backup);
}

static gboolean
count_one(const SkRepoId *id, guint64 bytes, gpointer data, GError **error)
{
    (void) id;
    (void) error;
    g_assert_cmpuint(bytes, >, 0);
    ++*(guint *) data;
    return TRUE;
}

guint
site_count_objects(Site *self)
{
    guint count = 0;
    g_assert_true(sk_repo_each(self->repo, count_one, &count, NULL));
    return count;
}

char *
site_object_file(Site *self, const SkRepoId *id)
{
    char hex[65];
    sk_repo_id_format(id, hex);
    return g_strdup_printf("%s/objects/%.2s/%s", self->path, hex, hex + 2);
}
