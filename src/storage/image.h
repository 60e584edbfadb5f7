/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/request.h"
#include "model/storage.h"
#include "storage/context.h"

G_BEGIN_DECLS

/*
 * The image directory: "NAME.qcow2" (or "NAME.iso") and beside it "NAME.json", the SkImage.
 * Images are read-only once there (mode 0444).
 *
 * Blocks: workers. context may be NULL.
 */

/*
 * Brings in an image. request->url is an absolute path or a file, http or https URL; whether the
 * caller may read that path or reach that host is the caller's to judge. The steps, each reported:
 * download (by curl; one that breaks off is an IO error and the part is kept, the same request goes on from there),
 * SHA-256, decompression (.gz, .xz, .zst), conversion to qcow2 of anything qemu-img reads,
 * check, fsync, rename.  Refused: what is no disk, encrypted, backed by or reaching for another file,
 * or damaged.
 *
 * consume: request->url is a path of ours (an upload's part) and is gone afterwards, whatever came of it.
 * Gives the SkImage; free with sk_value_free(&sk_image_type, ...). EXISTS if the name is taken.
 */
SkImage *sk_storage_image_import(const char *dir, const SkImageImport *request, gboolean consume,
                                 const SkStorageContext *context, GError **error);

/* Makes dir if need be and removes what a killed daemon left half made; kept parts of downloads stay. */
gboolean sk_storage_image_start(const char *dir, GError **error);

/* All images (SkImage, freed with the array), by name. users is the caller's to fill. */
GPtrArray *sk_storage_image_list(const char *dir, GError **error);

/* One image, or NULL with NO_IMAGE. */
SkImage *sk_storage_image_lookup(const char *dir, const char *name, GError **error);

/* Its SkDiskFormat: qcow2, or raw for an ISO. */
gint sk_storage_image_format(const SkImage *image);

/* Changes what is only said of it (os, default_user); the record is replaced. */
gboolean sk_storage_image_record(const char *dir, const SkImage *image, GError **error);

/* Removes it; IN_USE, naming which, while a process has it open or a file in context->roots is backed by it. */
gboolean sk_storage_image_delete(const char *dir, const char *name, const SkStorageContext *context, GError **error);

G_END_DECLS
