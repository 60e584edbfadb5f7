/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and checking the layers of a disk. */
#include "storage/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "model/disk.h"
#include "storage/luks.h"
#include "storage/qcow2.h"
#include "storage/temp.h"

static void
layer_free(gpointer data)
{
    SkChainLayer *self = data;
    sk_fd_clear(&self->fd);
    sk_fd_clear(&self->fd_ro);
    g_free(self->path);
    g_free(self);
}

/* TRUE if path is dir or lies in it; both without links. */
static gboolean
lies_in(const char *path, const char *dir)
{
    gsize length = strlen(dir);
    if (g_str_equal(dir, "/"))
        return TRUE;
    return strncmp(path, dir, length) == 0 && path[length] == '/';
}

static gboolean
real_path_allowed(const char *path, const char *const *roots)
{
    for (gsize i = 0; roots != NULL && roots[i] != NULL; i++) {
        g_autofree char *root = realpath(roots[i], NULL);
        if (root != NULL && lies_in(path, root))
            return TRUE;
    }
    return FALSE;
}

gboolean
sk_storage_path_allowed(const char *path, const char *const *roots)
{
    g_autofree char *real = realpath(path, NULL);
    return real != NULL && real_path_allowed(real, roots);
}

char *
sk_storage_backing_path(const char *image, const char *name)
{
    const char *colon = strchr(name, ':');
    const char *slash = strchr(name, '/');
    if (colon != NULL && (slash == NULL || colon < slash))
        return NULL;
    g_autofree char *dir = g_path_get_dirname(image);
    return *name == '/' ? g_strdup(name) : g_build_filename(dir, name, NULL);
}

/* Where an open descriptor really is. NULL if the file has no name any more. */
static char *
path_of(gint fd)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    char *path = g_file_read_link(link, NULL);
    if (path != NULL && *path == '/')
        return path;
    g_free(path);
    return NULL;
}

static gboolean
open_failed(gint errnum, const char *path, GError **error)
{
    if (errnum == ENOENT || errnum == ENOTDIR)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "there is no file \"%s\"", path);
    return sk_fail_errno(error, errnum, "cannot open \"%s\"", path);
}

/*
 * The name is resolved once, without opening what it names: a device or a pipe must not
 * notice that somebody looked. Everything after goes through that descriptor, so that
 * nobody can put another file in its place between the check and the opening.
 */
static gint
pin(const char *path, struct stat *info, char **out_path, GError **error)
{
    g_auto(SkFd) fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, info) < 0) {
        open_failed(errno, path, error);
        return -1;
    }
    if (!S_ISREG(info->st_mode) && !S_ISBLK(info->st_mode)) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is neither a file nor a block device", path);
        return -1;
    }
    g_autofree char *real = path_of(fd);
    if (real == NULL) {
        sk_fail(error, SK_ERROR_NO_VOLUME, "there is no file \"%s\"", path);
        return -1;
    }
    *out_path = g_steal_pointer(&real);
    return sk_fd_steal(&fd);
}

static gint
reopen(gint pinned, const char *path, gint flags, GError **error)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", pinned);
    gint fd = open(link, flags | O_CLOEXEC);
    if (fd < 0)
        sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    return fd;
}

/* -- the walk ----------------------------------------------------------------------------------------- */

/* What it is to be; what is below the top is plain. */
typedef enum { PLAIN, ENCRYPTED, EITHER } Encryption;

typedef struct {
    GPtrArray *layers;
    GArray *seen;               /* struct stat of the layers */
    const char *const *roots;
    Encryption encryption;      /* of the top */
} Walk;

static gboolean
seen_before(Walk *walk, const struct stat *info)
{
    for (guint i = 0; i < walk->seen->len; i++) {
        const struct stat *other = &g_array_index(walk->seen, struct stat, i);
        gboolean same = S_ISBLK(info->st_mode) ? S_ISBLK(other->st_mode) && other->st_rdev == info->st_rdev
                                               : other->st_dev == info->st_dev && other->st_ino == info->st_ino;
        if (same)
            return TRUE;
    }
    return FALSE;
}

/*
 * From here on a guest decides what a raw disk begins with, so what it is must be on record before:
 * afterwards it could make itself look like a qcow2 image with a backing file of its choice.
 */
static void
record_format(gint fd, gint format)
{
    gint recorded;
    if (!sk_temp_recorded_format(fd, &recorded))
        sk_temp_record_format(fd, format);
}

/* Opens one layer; upper is the path of the layer above, NULL for the top. */
static SkChainLayer *
open_layer(Walk *walk, const char *path, gint format, gboolean writable, const char *upper, GError **error)
{
    g_autofree char *real = NULL;
    struct stat info;
    g_auto(SkFd) pinned = pin(path, &info, &real, error);
    if (pinned < 0) {
        if (upper != NULL)
            g_prefix_error(error, "the backing file of \"%s\": ", upper);
        return NULL;
    }
    if (upper != NULL && !real_path_allowed(real, walk->roots)) {
        sk_fail(error, SK_ERROR_DENIED, "\"%s\" says that it is backed by \"%s\", which is in no storage pool and no image "
                "directory", upper, real);
        return NULL;
    }
    if (seen_before(walk, &info)) {
        sk_fail(error, SK_ERROR_INVALID, "the backing chain of \"%s\" is a loop: \"%s\" comes in it twice",
                upper, real);
        return NULL;
    }
    g_auto(SkFd) fd = reopen(pinned, real, writable ? O_RDWR : O_RDONLY, error);
    if (fd < 0)
        return NULL;
    g_auto(SkFd) fd_ro = writable ? reopen(pinned, real, O_RDONLY, error) : SK_FD_NONE;
    if (writable && fd_ro < 0)
        return NULL;

    if (writable && S_ISREG(info.st_mode))
        record_format(fd, format);
    g_array_append_val(walk->seen, info);
    SkChainLayer *layer = g_new0(SkChainLayer, 1);
    layer->fd = sk_fd_steal(&fd);
    layer->fd_ro = sk_fd_steal(&fd_ro);
    layer->format = format;
    layer->path = g_steal_pointer(&real);
    layer->block = S_ISBLK(info.st_mode);
    return layer;
}

gint
sk_storage_layer_for_writing(const SkChainLayer *layer, GError **error)
{
    g_auto(SkFd) fd = reopen(layer->fd, layer->path, O_RDWR, error);
    if (fd >= 0 && !layer->block)
        record_format(fd, layer->format);
    return sk_fd_steal(&fd);
}

/* A raw disk is encrypted if it was made so, whatever it looks like; to be opened so it must look like it. */
static gboolean
check_encryption(const SkChainLayer *layer, const SkImageInfo *info, Encryption wanted, GError **error)
{
    SkEncryption *recorded = layer->format == SK_FORMAT_RAW ? sk_luks_recorded(layer->fd) : NULL;
    gboolean encrypted = info->encrypted || recorded != NULL;
    gboolean luks = layer->format == SK_FORMAT_RAW ? sk_luks_look(layer->fd, NULL) : info->luks;
    sk_value_free(&sk_encryption_type, recorded);
    if (wanted == ENCRYPTED)
        return luks || sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not encrypted with LUKS, but a secret is given for it", layer->path);
    return !encrypted || (wanted == EITHER && luks) || sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" is encrypted: it can be used with its secret only, as the disk of a domain or to be copied",
                                 layer->path);
}

static gboolean
check_header(const SkChainLayer *layer, const SkImageInfo *info, Encryption wanted, GError **error)
{
    if (info->external_data)
        return sk_fail(error, SK_ERROR_DENIED, "\"%s\" keeps its data in another file, which is not allowed", layer->path);
    if (!check_encryption(layer, info, wanted, error))
        return FALSE;
    if (info->corrupt)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is marked as corrupt; mend it with: qemu-img check -r all", layer->path);
    return TRUE;
}

static gboolean
backing_format(const SkChainLayer *layer, const SkImageInfo *info, gint *out_format, GError **error)
{
    if (info->backing_format == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" does not record the format of its backing file \"%s\"; say it with: "
                       "qemu-img rebase -u -F FORMAT -b FILE", layer->path, info->backing_file);
    if (!sk_enum_parse(&sk_disk_format_enum, info->backing_format, out_format, NULL))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "the backing file of \"%s\" has the format \"%s\"; it must be qcow2 or raw",
                       layer->path, info->backing_format);
    return TRUE;
}

/*
 * Looks into the newest layer. *out_next is the path below and *out_format its format, or NULL at the end.
 */
static gboolean
look_below(SkChainLayer *layer, Encryption wanted, char **out_next, gint *out_format, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    if (!sk_image_read(layer->fd, layer->format, layer->path, &info, error) || !check_header(layer, &info, wanted, error))
        return FALSE;
    layer->size = info.size;
    *out_next = NULL;
    if (info.backing_file == NULL)
        return TRUE;
    if (!backing_format(layer, &info, out_format, error))
        return FALSE;
    *out_next = sk_storage_backing_path(layer->path, info.backing_file);
    return *out_next != NULL ||
           sk_fail(error, SK_ERROR_DENIED, "\"%s\" says that it is backed by \"%s\", which is no path of a file", layer->path,
                   info.backing_file);
}

static gboolean
walk_down(Walk *walk, const char *path, gint format, gboolean writable, GError **error)
{
    g_autofree char *next = g_strdup(path);
    const char *upper = NULL;
    while (next != NULL) {
        if (walk->layers->len == SK_CHAIN_MAX)
            return sk_fail(error, SK_ERROR_INVALID, "the backing chain of \"%s\" has more than %d layers", path, SK_CHAIN_MAX);
        SkChainLayer *layer = open_layer(walk, next, format, writable && upper == NULL, upper, error);
        if (layer == NULL)
            return FALSE;
        g_ptr_array_add(walk->layers, layer);
        upper = layer->path;
        g_clear_pointer(&next, g_free);
        if (!look_below(layer, walk->layers->len == 1 ? walk->encryption : PLAIN, &next, &format, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
open_chain(const char *path, gint format, gboolean writable, Encryption encryption, const char *const *roots, GPtrArray **out_chain, GError **error)
{
    g_autoptr(GPtrArray) layers = g_ptr_array_new_with_free_func(layer_free);
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(struct stat));
    Walk walk = { .layers = layers, .seen = seen, .roots = roots, .encryption = encryption };
    if (!walk_down(&walk, path, format, writable, error))
        return FALSE;
    *out_chain = g_steal_pointer(&layers);
    return TRUE;
}

gboolean
sk_storage_open_chain(const char *path, gint format, gboolean writable, const char *const *roots, GPtrArray **out_chain, GError **error)
{
    return open_chain(path, format, writable, PLAIN, roots, out_chain, error);
}

gboolean
sk_storage_open_encrypted_chain(const char *path, gint format, gboolean writable, const char *const *roots, GPtrArray **out_chain,
                                GError **error)
{
    return open_chain(path, format, writable, ENCRYPTED, roots, out_chain, error);
}

char **
sk_storage_backing_chain(const char *path, gint format, const char *const *roots, GError **error)
{
    g_autoptr(GPtrArray) chain = NULL;
    if (!open_chain(path, format, FALSE, EITHER, roots, &chain, error))
        return NULL;
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    for (guint i = 1; i < chain->len; i++)
        g_strv_builder_add(paths, ((SkChainLayer *) g_ptr_array_index(chain, i))->path);
    return g_strv_builder_end(paths);
}
