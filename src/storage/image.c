/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The image directory: what is in it, and the record beside each image. */
#include "storage/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/undo.h"
#include "codec/json/json.h"
#include "storage/chain.h"
#include "storage/image-private.h"
#include "storage/lock.h"
#include "storage/pool.h"
#include "storage/qcow2.h"
#include "storage/temp.h"

#define RECORD_MAX 65536

static const char *const suffixes[] = { ".qcow2", ".iso" };

char *
sk_image_path(const char *dir, const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);
    return g_build_filename(dir, file, NULL);
}

char *
sk_image_find(const char *dir, const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = sk_image_path(dir, name, suffixes[i]);
        struct stat info;
        if (lstat(path, &info) == 0 && S_ISREG(info.st_mode))
            return g_steal_pointer(&path);
    }
    return NULL;
}

gint
sk_image_lock_dir(const char *dir, GError **error)
{
    g_auto(SkFd) fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gint result = fd < 0 ? -1 : flock(fd, LOCK_EX);
    while (fd >= 0 && result < 0 && errno == EINTR)
        result = flock(fd, LOCK_EX);
    if (result < 0) {
        sk_fail_errno(error, errno, "cannot lock the image directory \"%s\"", dir);
        return -1;
    }
    return sk_fd_steal(&fd);
}

gint
sk_storage_image_format(const SkImage *image)
{
    return g_str_has_suffix(image->path, ".iso") ? SK_FORMAT_RAW : SK_FORMAT_QCOW2;
}

gboolean
sk_image_measure(SkImage *image, gint fd, GError **error)
{
    struct stat file;
    g_auto(SkImageInfo) info = { 0 };
    if (!sk_image_read(fd, sk_storage_image_format(image), image->name, &info, error))
        return FALSE;
    image->capacity = info.size;
    if (fstat(fd, &file) == 0)
        image->allocation = (guint64) file.st_blocks * 512;
    return TRUE;
}

gboolean
sk_storage_image_record(const char *dir, const SkImage *image, GError **error)
{
    g_autofree char *path = sk_image_path(dir, image->name, ".json");
    g_autofree char *text = sk_json_encode(&sk_image_type, image, SK_JSON_NO_DEFAULTS);
    return !sk_fault("image/record", error) && sk_fs_write(path, text, -1, 0644, error);
}

static SkImage *
read_record(const char *dir, const char *name)
{
    g_autofree char *path = sk_image_path(dir, name, ".json");
    gsize length = 0;
    g_autofree char *text = sk_fs_read(path, RECORD_MAX, &length, NULL);
    return text != NULL ? sk_json_decode_text(&sk_image_type, text, length, path, NULL) : NULL;
}

/* The file counts; a record that is missing or unreadable leaves only what is said of it unknown. */
SkImage *
sk_storage_image_lookup(const char *dir, const char *name, GError **error)
{
    g_autofree char *path = sk_check_name(name, "image name", NULL) ? sk_image_find(dir, name) : NULL;
    g_auto(SkFd) fd = path != NULL ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : SK_FD_NONE;
    if (fd < 0) {
        sk_fail(error, SK_ERROR_NO_IMAGE, "there is no image \"%s\"", name);
        return NULL;
    }
    SkImage *image = read_record(dir, name);
    if (image == NULL)
        image = sk_value_new(&sk_image_type);
    g_free(image->name);
    g_free(image->path);
    image->name = g_strdup(name);
    image->path = g_steal_pointer(&path);
    if (sk_image_measure(image, fd, error))
        return image;
    sk_value_free(&sk_image_type, image);
    return NULL;
}

static void
image_free(gpointer image)
{
    sk_value_free(&sk_image_type, image);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    const SkImage *const *left = a, *const *right = b;
    return g_strcmp0((*left)->name, (*right)->name);
}

/* The image's name if file is one of this suffix, else NULL. */
static char *
name_of(const char *file, const char *suffix)
{
    gsize length = strlen(file), end = strlen(suffix);
    if (sk_temp_is_hidden(file) || length <= end || !g_str_has_suffix(file, suffix))
        return NULL;
    return g_strndup(file, length - end);
}

GPtrArray *
sk_storage_image_list(const char *dir, GError **error)
{
    g_autoptr(GError) failed = NULL;
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(image_free);
    g_autoptr(GDir) entries = g_dir_open(dir, 0, &failed);
    const char *file;
    if (entries == NULL) {
        sk_fail(error, SK_ERROR_HOST, "cannot list images: %s", failed->message);
        return NULL;
    }
    while ((file = g_dir_read_name(entries)) != NULL) {
        for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
            g_autofree char *name = name_of(file, suffixes[i]);
            SkImage *image = name != NULL ? sk_storage_image_lookup(dir, name, NULL) : NULL;
            if (image != NULL)
                g_ptr_array_add(images, image);
        }
    }
    g_ptr_array_sort(images, by_name);
    return g_steal_pointer(&images);
}

/* A record is written before its image gets its name; a daemon killed in between leaves it alone. */
static void
sweep_records(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *file;
    while (entries != NULL && (file = g_dir_read_name(entries)) != NULL) {
        g_autofree char *name = name_of(file, ".json");
        g_autofree char *image = name != NULL ? sk_image_find(dir, name) : NULL;
        if (name == NULL || image != NULL)
            continue;
        g_autofree char *path = g_build_filename(dir, file, NULL);
        g_debug("removing \"%s\", whose image was never finished", path);
        unlink(path);
    }
}

gboolean
sk_storage_image_start(const char *dir, GError **error)
{
    if (!sk_fs_make_dir(dir, 0711, error))
        return FALSE;
    g_auto(SkFd) lock = sk_image_lock_dir(dir, error);
    if (lock < 0)
        return FALSE;
    sk_temp_sweep(dir);
    sweep_records(dir);
    return TRUE;
}

static gboolean
no_users(const SkImage *image, const SkStorageContext *context, GError **error)
{
    g_autoptr(GPtrArray) users = sk_storage_overlays_of(image->path, context != NULL ? context->roots : NULL);
    if (users->len == 0)
        return TRUE;
    return sk_fail(error, SK_ERROR_IN_USE, "image \"%s\" cannot be deleted: %u volume%s laid over it, the first is \"%s\"",
                   image->name, users->len, users->len == 1 ? " is" : "s are", (char *) g_ptr_array_index(users, 0));
}

static gboolean
remove_image(const char *dir, const SkImage *image, GError **error)
{
    g_autofree char *record = sk_image_path(dir, image->name, ".json");
    g_auto(SkFd) fd = open(image->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", image->path);
    if (!sk_storage_lock_take(fd, image->path, SK_LOCK_REMOVE, error) || sk_fault("image/remove", error))
        return FALSE;
    return sk_fs_remove(image->path, error) && sk_fs_remove(record, error) && sk_fs_sync_dir_of(record, error);
}

gboolean
sk_storage_image_delete(const char *dir, const char *name, const SkStorageContext *context, GError **error)
{
    SkImage *image = sk_storage_image_lookup(dir, name, error);
    if (image == NULL)
        return FALSE;
    g_auto(SkFd) lock = sk_image_lock_dir(dir, error);
    gboolean ok = lock >= 0 && no_users(image, context, error) && remove_image(dir, image, error);
    sk_value_free(&sk_image_type, image);
    return ok;
}
