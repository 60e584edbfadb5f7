/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Importing an image, step by step: fetch, checksum, unpack, judge, make, check, record, place.
 * Only the last step makes it visible, and whatever was made up to a failure goes again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/undo.h"
#include "storage/copy.h"
#include "storage/decompress.h"
#include "storage/download.h"
#include "storage/image-private.h"
#include "storage/qcow2.h"
#include "storage/temp.h"
#include "storage/tool.h"

#define IMAGE_MODE 0444

typedef struct {
    const char *dir;
    const SkImageImport *request;
    const SkStorageContext *context;
    gboolean consume;
    SkImage *image;             /* what is being made */
    SkFd source;                /* what was given, or downloaded, or unpacked */
    char *source_path;
    gboolean own;               /* the source is ours, in dir: it may become the image itself */
    char *part;                 /* a finished download, to be removed at the end */
    SkTempFile *unpacked, *made;
} Import;

static void
import_clear(Import *self)
{
    if (self->part != NULL)
        unlink(self->part);
    if (self->consume)
        unlink(self->request->url);
    sk_fd_clear(&self->source);
    sk_temp_free(self->unpacked);
    sk_temp_free(self->made);
    sk_value_free(&sk_image_type, self->image);
    g_free(self->source_path);
    g_free(self->part);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Import, import_clear)

static const char *
name_of(const Import *self)
{
    return self->request->name;
}

/* -- fetch ------------------------------------------------------------------------------------------------- */

static gboolean
open_local(Import *self, const char *path, GError **error)
{
    struct stat info;
    self->source = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (self->source < 0 && errno == ENOENT)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "there is no file \"%s\" to import", path);
    if (self->source < 0 || fstat(self->source, &info) < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    if (!S_ISREG(info.st_mode))
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no regular file", path);
    self->source_path = g_strdup(path);
    g_autofree char *parent = g_path_get_dirname(path);
    self->own = self->consume && g_str_equal(parent, self->dir);
    return TRUE;
}

/* The part's name holds a digest of the URL: another URL never goes on where this one stopped. */
static gboolean
fetch_remote(Import *self, const char *url, GError **error)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, url, -1);
    g_autofree char *file = g_strdup_printf(".skep-part-%.32s-%.16s", name_of(self), digest);
    g_autofree char *part = g_build_filename(self->dir, file, NULL);
    if (!sk_download(url, part, self->context, &self->source, error))
        return FALSE;
    self->source_path = g_strdup(part);
    self->part = g_steal_pointer(&part);
    self->own = TRUE;
    return TRUE;
}

static gboolean
fetch(Import *self, GError **error)
{
    const char *url = self->request->url;
    if (*url == '/') {
        self->image->source = g_strdup(url);
        return open_local(self, url, error);
    }
    self->image->source = sk_download_public_url(url);
    if (g_ascii_strncasecmp(url, "file:", 5) == 0) {
        g_autofree char *path = g_filename_from_uri(url, NULL, NULL);
        if (path == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no proper file URL; file:///PATH would be", url);
        return open_local(self, path, error);
    }
    if (g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://"))
        return fetch_remote(self, url, error);
    return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is neither an absolute path nor a file, http or https URL", url);
}

/* -- checksum, unpack ------------------------------------------------------------------------------------------ */

static gboolean
verify(Import *self, GError **error)
{
    const char *wanted = self->request->sha256;
    if (sk_fault("image/checksum", error))
        return FALSE;
    self->image->sha256 = sk_copy_sha256(self->source, name_of(self), self->context, error);
    if (self->image->sha256 == NULL)
        return FALSE;
    if (wanted == NULL || *wanted == '\0' || g_ascii_strcasecmp(wanted, self->image->sha256) == 0)
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "the SHA-256 of \"%s\" is \"%s\", not \"%s\"", self->image->source,
                   self->image->sha256, wanted);
}

static gboolean
is_compressed(gint format)
{
    return format == SK_IMAGE_GZIP || format == SK_IMAGE_XZ || format == SK_IMAGE_ZSTD;
}

/* Where the finished image will be; the suffix is settled before anything is made. */
static char *
target_of(const Import *self, gint format)
{
    return sk_image_path(self->dir, name_of(self), format == SK_IMAGE_ISO ? ".iso" : ".qcow2");
}

static gboolean
unpack(Import *self, SkImageInfo *info, GError **error)
{
    g_autofree char *target = target_of(self, SK_IMAGE_QCOW2);
    g_autofree char *packing = g_strdup(sk_enum_name(&sk_image_format_enum, info->format));
    self->unpacked = sk_temp_new(target, error);
    if (self->unpacked == NULL ||
        !sk_decompress(self->source, self->unpacked->fd, name_of(self), self->context, error))
        return FALSE;
    sk_image_info_clear(info);
    if (!sk_image_probe(self->unpacked->fd, name_of(self), info, error))
        return FALSE;
    self->image->original_format = g_strdup_printf("%s.%s", sk_enum_name(&sk_image_format_enum, info->format), packing);
    sk_fd_clear(&self->source);
    self->source = fcntl(self->unpacked->fd, F_DUPFD_CLOEXEC, 3);
    g_free(self->source_path);
    self->source_path = g_strdup(self->unpacked->path);
    self->own = TRUE;
    return self->source >= 0 || sk_fail_errno(error, errno, "cannot read image \"%s\"", name_of(self));
}

/* -- judge ---------------------------------------------------------------------------------------------------------- */

static gboolean
stands_alone(const Import *self, const SkImageInfo *info, GError **error)
{
    const char *name = name_of(self);
    if (info->external_data)
        return sk_fail(error, SK_ERROR_DENIED, "image \"%s\" keeps its data in another file, which an image may not", name);
    if (info->backing_file != NULL)
        return sk_fail(error, SK_ERROR_DENIED, "image \"%s\" is backed by another file (\"%s\"), which an image may not be; "
                       "make one of both first with qemu-img convert", name, info->backing_file);
    return TRUE;
}

static gboolean
judge(const Import *self, const SkImageInfo *info, GError **error)
{
    const char *name = name_of(self);
    if (!stands_alone(self, info, error))
        return FALSE;
    if (info->encrypted)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "image \"%s\" is encrypted, which is not supported", name);
    if (info->corrupt)
        return sk_fail(error, SK_ERROR_INVALID, "image \"%s\" is marked as corrupt", name);
    if (is_compressed(info->format))
        return sk_fail(error, SK_ERROR_INVALID, "image \"%s\" is compressed more than once", name);
    if (info->size == 0 || (info->format == SK_IMAGE_RAW && !info->disk))
        return sk_fail(error, SK_ERROR_INVALID, "image \"%s\" is no disk image: no known format, partition table or file system "
                       "was found in it", name);
    return TRUE;
}

/* -- make ------------------------------------------------------------------------------------------------------------- */

static gboolean
can_be_kept(const SkImageInfo *info)
{
    return info->format == SK_IMAGE_ISO || (info->format == SK_IMAGE_QCOW2 && !info->dirty);
}

/* An image that is right as it is: the source itself if it is ours, else a copy. */
static gboolean
keep(Import *self, GError **error)
{
    if (self->own)
        return TRUE;
    self->made = sk_temp_new(self->image->path, error);
    return self->made != NULL &&
           sk_copy_file(self->source, self->made->fd, name_of(self), "copying", self->context, error);
}

static gboolean
convert(Import *self, const SkImageInfo *info, GError **error)
{
    const char *format = sk_enum_name(&sk_image_format_enum, info->format);
    self->made = sk_temp_new(self->image->path, error);
    return self->made != NULL && sk_tool_convert(self->source_path, format, TRUE, self->made->path, SK_FORMAT_QCOW2, NULL,
                                                 name_of(self), self->context, error);
}

/* What was made, or is kept. */
static gint
result_fd(const Import *self)
{
    return self->made != NULL ? self->made->fd : self->source;
}

static const char *
result_path(const Import *self)
{
    return self->made != NULL ? self->made->path : self->source_path;
}

/* A source that is not ours may have changed since it was judged, so the copy is judged again. */
static gboolean
check_result(Import *self, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    if (!sk_image_measure(self->image, result_fd(self), error))
        return FALSE;
    if (sk_storage_image_format(self->image) == SK_FORMAT_RAW)
        return TRUE;
    return sk_image_read(result_fd(self), SK_FORMAT_QCOW2, name_of(self), &info, error) && judge(self, &info, error) &&
           sk_tool_check_qcow2(result_path(self), name_of(self), self->context, error);
}

static gboolean
make(Import *self, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    if (!sk_image_probe(self->source, name_of(self), &info, error))
        return FALSE;
    if (is_compressed(info.format) && !unpack(self, &info, error))
        return FALSE;
    if (!judge(self, &info, error))
        return FALSE;
    if (self->image->original_format == NULL)
        self->image->original_format = g_strdup(sk_enum_name(&sk_image_format_enum, info.format));
    self->image->path = target_of(self, info.format);
    gboolean made = can_be_kept(&info) ? keep(self, error) : convert(self, &info, error);
    return made && check_result(self, error);
}

/* -- record and place --------------------------------------------------------------------------------------------------- */

static gboolean
place(Import *self, GError **error)
{
    if (self->made != NULL)
        return sk_temp_commit(self->made, IMAGE_MODE, error);
    if (fchmod(self->source, IMAGE_MODE) < 0)
        return sk_fail_errno(error, errno, "cannot set the mode of image \"%s\"", name_of(self));
    return sk_temp_place(self->source, self->source_path, self->image->path, error);
}

static void
remove_record(gpointer path)
{
    unlink(path);
}

static gboolean
check_free(const Import *self, GError **error)
{
    g_autofree char *there = sk_image_find(self->dir, name_of(self));
    return there == NULL || sk_fail(error, SK_ERROR_EXISTS, "there is an image \"%s\" already", name_of(self));
}

/* Another import of the same name may have ended first; then the record there is not ours. */
static gboolean
record_and_place(Import *self, GError **error)
{
    g_autoptr(SkUndo) undo = sk_undo_new();
    g_auto(SkFd) lock = sk_image_lock_dir(self->dir, error);
    if (lock < 0 || !check_free(self, error))
        return FALSE;
    self->image->created = g_get_real_time();
    sk_undo_push(undo, "image record", remove_record, sk_image_path(self->dir, name_of(self), ".json"), g_free);
    if (!sk_storage_image_record(self->dir, self->image, error) || !place(self, error))
        return FALSE;
    sk_undo_disarm(undo);
    return TRUE;
}

static gboolean
check_request(const Import *self, GError **error)
{
    if (!sk_check_name(name_of(self), "image name", error))
        return FALSE;
    return check_free(self, error) && sk_fs_make_dir(self->dir, 0711, error);
}

/* The account that the cloud images of a distribution make, by the beginning of the image's name; NULL: not known. */
static const char *
usual_user(const char *name)
{
    static const struct { const char *begins, *user; } table[] = {
        { "debian", "debian" }, { "ubuntu", "ubuntu" }, { "fedora", "fedora" },       { "centos", "cloud-user" }, { "rhel", "cloud-user" },
        { "rocky", "rocky" },   { "alma", "almalinux" }, { "opensuse", "opensuse" }, { "alpine", "alpine" },     { "arch", "arch" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (g_ascii_strncasecmp(name, table[i].begins, strlen(table[i].begins)) == 0)
            return table[i].user;
    }
    return NULL;
}

SkImage *
sk_storage_image_import(const char *dir, const SkImageImport *request, gboolean consume,
                        const SkStorageContext *context, GError **error)
{
    sk_assert_worker();
    g_auto(Import) self = { .dir = dir, .request = request, .context = context, .consume = consume, .source = SK_FD_NONE };
    self.image = sk_value_new(&sk_image_type);
    self.image->name = g_strdup(request->name);
    self.image->os = g_strdup(request->os);
    self.image->default_user = g_strdup(request->default_user != NULL ? request->default_user : usual_user(name_of(&self)));

    if (!check_request(&self, error) || !fetch(&self, error) || !verify(&self, error) || !make(&self, error) ||
        !record_and_place(&self, error))
        return NULL;
    return g_steal_pointer(&self.image);
}
