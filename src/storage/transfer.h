/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "storage/context.h"

G_BEGIN_DECLS

/*
 * Moving image files in and out, piece by piece.  An upload goes to "NAME.part" and gets its
 * name only when it is complete and in order, so a client that vanishes leaves nothing
 * but the part, at which it can go on.
 *
 * One worker at a time per object (not always the same one).
 */

typedef struct SkStorageWriter SkStorageWriter;
typedef struct SkStorageReader SkStorageReader;
typedef struct SkStoragePatch SkStoragePatch;

/*
 * Opens "NAME.part" in dir. offset 0 begins anew; else it must be exactly as long as what is
 * there (CHANGED says what is right). IN_USE if another upload to this name is running,
 * EXISTS if dir has name already.
 */
SkStorageWriter *sk_storage_writer_open(const char *dir, const char *name, guint64 offset, GError **error);

/* Adds bytes at the end; blocks of zeros become holes. On NO_SPACE what was written before stays. */
gboolean sk_storage_writer_write(SkStorageWriter *self, const void *data, gsize length, GError **error);

/* Bytes in the part so far. */
guint64 sk_storage_writer_offset(const SkStorageWriter *self);

/*
 * Complete: checks what came (qcow2 whose backing lies outside context->roots, encrypted or with an
 * external data file is refused and the part removed), fsyncs, renames to the name. Frees self in any case.
 */
gboolean sk_storage_writer_finish(SkStorageWriter *self, const SkStorageContext *context, GError **error);

/*
 * Complete, but to be imported: fsyncs and gives the path of the part, for
 * sk_storage_image_import() with consume. Frees self in any case. Free the path with g_free().
 */
char *sk_storage_writer_finish_part(SkStorageWriter *self, GError **error);

/* Stops here: the part stays for going on later, or goes too if keep is FALSE. Frees. NULL is fine. */
void sk_storage_writer_abort(SkStorageWriter *self, gboolean keep);

/*
 * Removes parts of uploads and downloads in dir that nobody has touched for so many seconds and nobody is
 * working on. Workers, or start-up.
 */
void sk_storage_sweep_parts(const char *dir, guint seconds);

/* The file at path as it is; must be a regular file or block device. IN_USE while somebody writes to it. */
SkStorageReader *sk_storage_reader_open(const char *path, GError **error);

/* Length in bytes. */
guint64 sk_storage_reader_size(const SkStorageReader *self);

/* At most length bytes from offset; fewer only at the end, none past it. NULL on error. */
GBytes *sk_storage_reader_read(SkStorageReader *self, guint64 offset, gsize length, GError **error);

/*
 * Whether there is a hole at offset, and for how many bytes that is so; at the end: 0 bytes, no hole. A file system that
 * knows of none has none.
 */
gboolean sk_storage_reader_extent(SkStorageReader *self, guint64 offset, gboolean *out_hole, guint64 *out_length, GError **error);

void sk_storage_reader_free(SkStorageReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkStorageReader, sk_storage_reader_free)

/* -- into a file that is there ---------------------------------------------------------------------------------- */

/* Opens path (not followed if it is a link) to write from offset on; its lock is held until it is freed. */
SkStoragePatch *sk_storage_patch_open(const char *path, guint64 offset, GError **error);
/* Writes at the place where it stands. A file grows; a block device does not. */
gboolean sk_storage_patch_write(SkStoragePatch *self, const void *data, gsize length, GError **error);
/* So many zeros: as a hole, where the file system can. */
gboolean sk_storage_patch_hole(SkStoragePatch *self, guint64 length, GError **error);
/*
 * All has come: fsync. Where the file's beginning was written, what it is now is found out and recorded, by the rules for
 * an upload: a qcow2 image that reaches for what it may not have is refused, and stays what the file was before.
 */
gboolean sk_storage_patch_finish(SkStoragePatch *self, const SkStorageContext *context, GError **error);
void sk_storage_patch_free(SkStoragePatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkStoragePatch, sk_storage_patch_free)

G_END_DECLS
