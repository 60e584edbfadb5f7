/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is the same for every kind of pool: names, sizes, backing, who is in the way. */
#include "storage/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "storage/backend.h"
#include "storage/chain.h"
#include "storage/describe.h"
#include "storage/lock.h"
#include "storage/overlays.h"
#include "storage/qcow2.h"
#include "storage/temp.h"
#include "storage/wipe.h"

#define CAPACITY_MAX (G_GUINT64_CONSTANT(1) << 50)
#define SECTOR_BYTES 512

static const SkPoolBackend *const backends[] = {
    [SK_POOL_DIR] = &sk_pool_backend_dir,
    [SK_POOL_FS] = &sk_pool_backend_fs,
    [SK_POOL_NETFS] = &sk_pool_backend_netfs,
    [SK_POOL_LOGICAL] = &sk_pool_backend_logical,
};
G_STATIC_ASSERT(G_N_ELEMENTS(backends) == SK_N_POOL_KINDS);

static const SkPoolBackend *
backend_of(const SkPoolSpec *spec, GError **error)
{
    if (spec->path == NULL || *spec->path != '/') {
        sk_fail(error, SK_ERROR_INVALID, "storage pool \"%s\" has no path", spec->name);
        return NULL;
    }
    if (spec->kind >= 0 && spec->kind < SK_N_POOL_KINDS)
        return backends[spec->kind];
    sk_fail(error, SK_ERROR_UNSUPPORTED, "storage pool \"%s\" is of a kind that is not known here", spec->name);
    return NULL;
}

static gboolean
not_done(const SkPoolSpec *spec, const char *what, GError **error)
{
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "storage pool \"%s\" is of kind %s, which cannot %s", spec->name,
                   sk_enum_name(&sk_pool_kind_enum, spec->kind), what);
}

/* -- pools --------------------------------------------------------------------------------------------------- */

gboolean
sk_storage_pool_build(const SkPoolSpec *spec, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL && (backend->build == NULL || backend->build(spec, error));
}

gboolean
sk_storage_pool_format(const SkPoolSpec *spec, gboolean overwrite, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL && (backend->format == NULL || backend->format(spec, overwrite, context, error));
}

gboolean
sk_storage_pool_zero(const SkPoolSpec *spec, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL && (backend->zero == NULL || backend->zero(spec, context, error));
}

gboolean
sk_storage_pool_unbuild(const SkPoolSpec *spec, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL && (backend->unbuild == NULL || backend->unbuild(spec, error));
}

gboolean
sk_storage_pool_start(const SkPoolSpec *spec, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL && backend->start(spec, error);
}

gboolean
sk_storage_pool_stop(const SkPoolSpec *spec, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL && (backend->stop == NULL || backend->stop(spec, error));
}

gboolean
sk_storage_pool_stat(const SkPoolSpec *spec, SkPoolStatus *status, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL && backend->stat(spec, status, error);
}

GPtrArray *
sk_storage_pool_sources(gint kind, GError **error)
{
    sk_assert_worker();
    if (backends[kind]->sources != NULL)
        return backends[kind]->sources(error);
    sk_fail(error, SK_ERROR_UNSUPPORTED, "what pools of kind %s could be made of cannot be found out", sk_enum_name(&sk_pool_kind_enum, kind));
    return NULL;
}

/* -- volumes: names, looking -------------------------------------------------------------------------------------- */

/* A name that came from outside; existing files may have others, so looking up is less strict than making. */
static gboolean
name_for_lookup(const char *name, GError **error)
{
    if (*name != '\0' && strchr(name, '/') == NULL && g_utf8_validate(name, -1, NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "a volume's name has no \"/\" in it and is not empty");
}

static gboolean
name_for_new(const char *name, GError **error)
{
    if (!sk_check_name(name, "volume name", error))
        return FALSE;
    if (sk_temp_is_hidden(name))
        return sk_fail(error, SK_ERROR_INVALID, "volume name \"%s\" ends in \".part\", which is kept for uploads", name);
    return TRUE;
}

GPtrArray *
sk_storage_volume_list(const SkPoolSpec *spec, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    return backend != NULL ? backend->list(spec, error) : NULL;
}

GPtrArray *
sk_storage_volume_changed(const SkPoolSpec *spec, GHashTable *known, GError **error)
{
    sk_assert_worker();
    const SkPoolBackend *backend = backend_of(spec, error);
    if (backend == NULL)
        return NULL;
    return backend->changed != NULL ? backend->changed(spec, known, error) : g_ptr_array_new_with_free_func(g_free);
}

SkVolume *
sk_storage_volume_lookup(const SkPoolSpec *spec, const char *name, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    if (backend == NULL || !name_for_lookup(name, error))
        return NULL;
    return backend->lookup(spec, name, error);
}

static void
volume_free(SkVolume *volume)
{
    sk_value_free(&sk_volume_type, volume);
}

typedef SkVolume VolumeOwned;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VolumeOwned, volume_free)

static const char *const *
roots_of(const SkStorageContext *context)
{
    return context != NULL ? context->roots : NULL;
}

/* Nothing works on a file whose chain reaches outside, nor on one that is no disk. */
static gboolean
check_volume(const SkVolume *volume, const SkStorageContext *context, GError **error)
{
    g_autoptr(GPtrArray) chain = NULL;
    if (volume->kind == SK_VOLUME_FOREIGN)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" is no disk that can be worked on (%s)", volume->name,
                       volume->foreign_format);
    return volume->encryption != NULL ? sk_storage_open_encrypted_chain(volume->path, volume->format, FALSE, roots_of(context), &chain, error)
                                      : sk_storage_open_chain(volume->path, volume->format, FALSE, roots_of(context), &chain, error);
}

/* Locks the file until the descriptor is closed. */
static gboolean
hold(const char *path, SkLockUse use, SkFd *out_held, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "there is no file \"%s\"", path);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    if (!sk_storage_lock_take(fd, path, use, error))
        return FALSE;
    *out_held = sk_fd_steal(&fd);
    return TRUE;
}

/* -- volumes: making ------------------------------------------------------------------------------------------------- */

/* A path that leads nowhere passes: opening it says so better. */
static gboolean
in_roots(const char *path, const SkStorageContext *context, GError **error)
{
    if (access(path, F_OK) < 0 || sk_storage_path_allowed(path, roots_of(context)))
        return TRUE;
    return sk_fail(error, SK_ERROR_DENIED, "\"%s\" is in no storage pool and no image directory", path);
}

/*
 * Checks the file to lay a volume over and gives its size. out_held keeps it from being removed or written to
 * until the volume over it is there.
 */
static gboolean
check_backing(const SkVolumeCreate *create, const char *path, gint format, const SkStorageContext *context,
              guint64 *out_size, SkFd *out_held, GError **error)
{
    g_autoptr(GPtrArray) chain = NULL;
    if (create->format != SK_FORMAT_QCOW2)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" can be laid over another only as qcow2", create->name);
    if (create->preallocation != SK_PREALLOC_OFF)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" is laid over another; its preallocation must be off", create->name);
    if (!in_roots(path, context, error) ||
        !sk_storage_open_chain(path, format, FALSE, roots_of(context), &chain, error))
        return FALSE;
    const SkChainLayer *top = g_ptr_array_index(chain, 0);
    if (!in_roots(top->path, context, error))
        return FALSE;
    if (chain->len == SK_CHAIN_MAX)
        return sk_fail(error, SK_ERROR_INVALID, "the backing chain of \"%s\" has %d layers already", path, SK_CHAIN_MAX);
    *out_size = top->size;
    return hold(path, SK_LOCK_READ, out_held, error);
}

static gboolean
check_capacity(SkVolumeCreate *create, guint64 backing_size, GError **error)
{
    if (create->capacity == 0)
        create->capacity = (backing_size + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
    if (create->capacity == 0)
        return sk_fail(error, SK_ERROR_INVALID, "the capacity of volume \"%s\" is not given", create->name);
    /* A raw file may hold something else than a disk: a kernel, a seed. */
    if (create->capacity > CAPACITY_MAX || (create->format != SK_FORMAT_RAW && create->capacity % SECTOR_BYTES != 0))
        return sk_fail(error, SK_ERROR_INVALID, "capacity %" G_GUINT64_FORMAT " of volume \"%s\" must be a multiple of 512, at most 1 PiB",
                       create->capacity, create->name);
    if (create->capacity < backing_size)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" must have at least the %" G_GUINT64_FORMAT " bytes of the volume below it",
                       create->name, backing_size);
    return TRUE;
}

/* Nothing but a size is asked of those. */
static gboolean
check_other_format(const SkVolumeCreate *create, const char *backing_path, GError **error)
{
    const char *what = backing_path != NULL ? "is laid over another" : create->preallocation != SK_PREALLOC_OFF ? "has its space taken at once"
                       : create->options.encryption != NULL ? "is encrypted" : NULL;
    return what == NULL || sk_fail(error, SK_ERROR_UNSUPPORTED, "a volume of format %s, such as \"%s\", never %s here: give qcow2",
                                   create->options.foreign_format, create->name, what);
}

static gboolean
check_create(SkVolumeCreate *create, const char *backing_path, gint backing_format, const SkStorageContext *context,
             SkFd *out_held, GError **error)
{
    guint64 backing_size = 0;
    if (!name_for_new(create->name, error))
        return FALSE;
    if (create->options.foreign_format != NULL && !check_other_format(create, backing_path, error))
        return FALSE;
    if (backing_path != NULL && !check_backing(create, backing_path, backing_format, context, &backing_size, out_held, error))
        return FALSE;
    if (create->format == SK_FORMAT_RAW && create->preallocation == SK_PREALLOC_METADATA)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" is raw: its preallocation is off, falloc or full", create->name);
    return check_capacity(create, backing_size, error);
}

SkVolume *
sk_storage_volume_create(const SkPoolSpec *spec, const SkVolumeCreate *create, const char *backing_path,
                         gint backing_format, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    const SkPoolBackend *backend = backend_of(spec, error);
    SkVolumeCreate checked = *create;
    g_auto(SkFd) held = SK_FD_NONE;
    if (backend == NULL || !check_create(&checked, backing_path, backing_format, context, &held, error))
        return NULL;
    if (!backend->create(spec, &checked, backing_path, backing_format, context, error))
        return NULL;
    return backend->lookup(spec, create->name, error);
}

/* A file of another format must stand alone: qemu-img would follow whatever names are in it. */
static gboolean
check_foreign(const SkVolume *source, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    g_auto(SkFd) fd = open(source->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", source->path);
    if (!sk_image_probe(fd, source->name, &info, error))
        return FALSE;
    if (info.format == SK_IMAGE_RAW || info.format == SK_IMAGE_QCOW2 || info.format >= SK_IMAGE_ISO)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" is no disk that can be worked on (%s)", source->name, source->foreign_format);
    return (info.backing_file == NULL && !info.external_data && !info.encrypted) ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" (%s) is encrypted or reaches for another file, so it is not copied", source->name,
                   source->foreign_format);
}

static gboolean
check_source(const SkVolume *source, const SkStorageContext *context, GError **error)
{
    return source->kind == SK_VOLUME_FOREIGN ? check_foreign(source, error) : check_volume(source, context, error);
}

static gboolean
copy_volume(const SkPoolSpec *spec, const SkPoolBackend *backend, const SkVolume *source, const SkVolumeCreate *create,
            const SkStorageContext *context, GError **error)
{
    SkVolumeCreate checked = *create;
    if (backend->copy == NULL)
        return not_done(spec, "copy volumes", error);
    if (create->options.foreign_format != NULL && !check_other_format(create, NULL, error))
        return FALSE;
    if (create->options.foreign_format != NULL && create->capacity > source->capacity)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "a copy of format %s, such as \"%s\", is as large as what it is made of", create->options.foreign_format,
                       create->name);
    if (!name_for_new(create->name, error) || !check_source(source, context, error) ||
        !sk_storage_lock_check(source->path, SK_LOCK_READ, error))
        return FALSE;
    checked.capacity = MAX(create->capacity, source->capacity);
    return backend->copy(spec, source, &checked, context, error);
}

SkVolume *
sk_storage_volume_clone(const SkPoolSpec *spec, const SkVolume *source, const SkVolumeCreate *create, gboolean linked,
                        const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    const SkPoolBackend *backend = backend_of(spec, error);
    if (backend == NULL)
        return NULL;
    if (linked)
        return sk_storage_volume_create(spec, create, source->path, source->format, context, error);
    return copy_volume(spec, backend, source, create, context, error) ? backend->lookup(spec, create->name, error) : NULL;
}

/* -- volumes: changing -------------------------------------------------------------------------------------------------- */

static gboolean
no_overlays(const SkVolume *volume, const char *verb, const SkStorageContext *context, GError **error)
{
    g_autoptr(GPtrArray) overlays = sk_storage_overlays_of(volume->path, roots_of(context));
    if (overlays->len == 0)
        return TRUE;
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < MIN(overlays->len, 5); i++)
        g_string_append_printf(names, "%s\"%s\"", i > 0 ? ", " : "", (char *) g_ptr_array_index(overlays, i));
    if (overlays->len > 5)
        g_string_append_printf(names, " and %u more", overlays->len - 5);
    return sk_fail(error, SK_ERROR_IN_USE, "volume \"%s\" cannot be %s: it is below %s", volume->name, verb, names->str);
}

static gboolean
check_resize(const SkVolume *volume, guint64 capacity, guint flags, const SkStorageContext *context, GError **error)
{
    if (capacity == 0 || capacity > CAPACITY_MAX || capacity % SECTOR_BYTES != 0)
        return sk_fail(error, SK_ERROR_INVALID, "size %" G_GUINT64_FORMAT " of volume \"%s\" must be a multiple of 512, at most 1 PiB",
                       capacity, volume->name);
    if (capacity < volume->capacity && (flags & SK_RESIZE_SHRINK) == 0)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" has %" G_GUINT64_FORMAT " bytes; making it smaller cuts off what is at "
                       "its end and must be asked for (shrink)", volume->name, volume->capacity);
    if (capacity < volume->capacity && (flags & SK_RESIZE_ALLOCATE) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" becomes smaller, for which no space can be taken", volume->name);
    if (volume->kind == SK_VOLUME_ISO)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" is an ISO, whose size cannot change", volume->name);
    if (capacity < volume->capacity && !no_overlays(volume, "made smaller", context, error))
        return FALSE;
    return check_volume(volume, context, error) && sk_storage_lock_check(volume->path, SK_LOCK_WRITE, error);
}

gboolean
sk_storage_volume_resize(const SkPoolSpec *spec, const char *name, guint64 capacity, guint flags,
                         const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    const SkPoolBackend *backend = backend_of(spec, error);
    g_autoptr(VolumeOwned) volume = backend != NULL ? sk_storage_volume_lookup(spec, name, error) : NULL;
    if (volume == NULL)
        return FALSE;
    if (backend->resize == NULL)
        return not_done(spec, "change the size of volumes", error);
    return check_resize(volume, capacity, flags, context, error) &&
           backend->resize(spec, volume, capacity, flags, context, error);
}

static SkVolume *
find_to_overwrite(const SkPoolSpec *spec, const char *name, const char *verb, const SkStorageContext *context, GError **error)
{
    g_autoptr(VolumeOwned) volume = sk_storage_volume_lookup(spec, name, error);
    if (volume == NULL || !no_overlays(volume, verb, context, error))
        return NULL;
    return g_steal_pointer(&volume);
}

gboolean
sk_storage_volume_wipe(const SkPoolSpec *spec, const char *name, gint algorithm, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    g_autoptr(VolumeOwned) volume = find_to_overwrite(spec, name, "wiped", context, error);
    return volume != NULL && sk_storage_wipe(volume, algorithm, TRUE, context, error);
}

gboolean
sk_storage_volume_zero(const SkPoolSpec *spec, const char *name, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    g_autoptr(VolumeOwned) volume = find_to_overwrite(spec, name, "deleted", context, error);
    return volume != NULL && sk_storage_wipe(volume, SK_WIPE_ZERO, FALSE, context, error);
}

SkStoragePatch *
sk_storage_volume_patch(const SkPoolSpec *spec, const char *name, guint64 offset, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    g_autoptr(VolumeOwned) volume = find_to_overwrite(spec, name, "written into", context, error);
    return volume != NULL ? sk_storage_patch_open(volume->path, offset, error) : NULL;
}

/* The lock comes before the look for overlays: none can be laid over it any more while that is held. */
gboolean
sk_storage_volume_delete(const SkPoolSpec *spec, const char *name, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    g_auto(SkFd) held = SK_FD_NONE;
    const SkPoolBackend *backend = backend_of(spec, error);
    g_autoptr(VolumeOwned) volume = backend != NULL ? sk_storage_volume_lookup(spec, name, error) : NULL;
    return volume != NULL && hold(volume->path, SK_LOCK_REMOVE, &held, error) &&
           no_overlays(volume, "deleted", context, error) && backend->remove(spec, volume, error);
}

/* -- volumes: all of a pool ------------------------------------------------------------------------------------------------ */

typedef struct {
    GHashTable *by_path;    /* path to SkVolume */
    GError **error;
} Outside;

static gboolean
is_outside(const char *path, const char *backing, gpointer data)
{
    const Outside *outside = data;
    const SkVolume *below = g_hash_table_lookup(outside->by_path, backing);
    return below == NULL ||
           sk_fail(outside->error, SK_ERROR_IN_USE, "volume \"%s\" cannot be deleted: it is below \"%s\"", below->name, path);
}

/* No file of another root is backed by one of these (path to SkVolume). */
static gboolean
none_outside(const SkPoolSpec *spec, GHashTable *by_path, const char *root, GError **error)
{
    Outside outside = { by_path, error };
    return g_str_equal(root, spec->path) || sk_overlays_foreach(root, is_outside, &outside);
}

/* How many layers of the pool's own are below it. */
static guint
depth_of(GHashTable *by_path, const SkVolume *volume)
{
    guint depth = 0;
    while (volume != NULL && volume->backing_path != NULL && depth < SK_CHAIN_MAX) {
        volume = g_hash_table_lookup(by_path, volume->backing_path);
        depth++;
    }
    return depth;
}

static gint
deepest_first(gconstpointer a, gconstpointer b, gpointer by_path)
{
    const SkVolume *const *left = a, *const *right = b;
    return (gint) depth_of(by_path, *right) - (gint) depth_of(by_path, *left);
}

/* Nobody has one of them open, and nobody outside needs one. by_path gets them all. */
static gboolean
check_all(const SkPoolSpec *spec, GPtrArray *volumes, GHashTable *by_path, const SkStorageContext *context, GError **error)
{
    const char *const *roots = roots_of(context);
    for (guint i = 0; i < volumes->len; i++) {
        SkVolume *volume = g_ptr_array_index(volumes, i);
        g_autofree char *real = realpath(volume->path, NULL);
        if (real != NULL) {     /* as overlays name it */
            g_free(volume->path);
            volume->path = g_steal_pointer(&real);
        }
        g_hash_table_insert(by_path, volume->path, volume);
        if (!sk_storage_lock_check(volume->path, SK_LOCK_REMOVE, error))
            return FALSE;
    }
    for (guint i = 0; roots != NULL && roots[i] != NULL; i++) {
        if (!none_outside(spec, by_path, roots[i], error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_storage_volume_delete_all(const SkPoolSpec *spec, const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    const SkPoolBackend *backend = backend_of(spec, error);
    g_autoptr(GPtrArray) volumes = backend != NULL ? backend->list(spec, error) : NULL;
    g_autoptr(GHashTable) by_path = g_hash_table_new(g_str_hash, g_str_equal);
    if (volumes == NULL || !check_all(spec, volumes, by_path, context, error))
        return FALSE;
    g_ptr_array_sort_with_data(volumes, deepest_first, by_path);
    for (guint i = 0; i < volumes->len; i++) {
        const SkVolume *volume = g_ptr_array_index(volumes, i);
        g_auto(SkFd) held = SK_FD_NONE;
        if (!hold(volume->path, SK_LOCK_REMOVE, &held, error) || !backend->remove(spec, volume, error))
            return FALSE;
    }
    return TRUE;
}

/* -- volumes: moving ----------------------------------------------------------------------------------------------------- */

SkStorageWriter *
sk_storage_volume_upload(const SkPoolSpec *spec, const char *name, guint64 offset, GError **error)
{
    const SkPoolBackend *backend = backend_of(spec, error);
    if (backend == NULL || !name_for_new(name, error))
        return NULL;
    if (backend->upload == NULL) {
        not_done(spec, "take uploads", error);
        return NULL;
    }
    return backend->upload(spec, name, offset, error);
}

guint64
sk_storage_upload_offset(const char *dir, const char *name)
{
    g_autofree char *part = g_strdup_printf("%s/%s.part", dir, name);
    struct stat info;
    return lstat(part, &info) == 0 && S_ISREG(info.st_mode) ? (guint64) info.st_size : 0;
}

SkStorageReader *
sk_storage_volume_download(const SkPoolSpec *spec, const char *name, GError **error)
{
    g_autoptr(VolumeOwned) volume = sk_storage_volume_lookup(spec, name, error);
    return volume != NULL ? sk_storage_reader_open(volume->path, error) : NULL;
}
