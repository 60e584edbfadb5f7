/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/enum.h"
#include "model/disk.h"

G_BEGIN_DECLS

/*
 * What an image file says of itself: our own reader of headers, bounded and fit
 * for hostile input, so that no list starts a process.
 *
 * Reads with pread(), so the descriptor's place does not matter. Workers.
 */

typedef enum {
    SK_IMAGE_RAW, SK_IMAGE_QCOW2, SK_IMAGE_QCOW, SK_IMAGE_QED, SK_IMAGE_VMDK, SK_IMAGE_VDI, SK_IMAGE_VPC,
    SK_IMAGE_VHDX, SK_IMAGE_DMG, SK_IMAGE_ISO, SK_IMAGE_GZIP, SK_IMAGE_XZ, SK_IMAGE_ZSTD, SK_N_IMAGE_FORMATS
} SkImageFormat;

/* The names are qemu-img's where it knows the format. */
extern const SkEnum sk_image_format_enum;

typedef struct {
    gint format;            /* SkImageFormat */
    guint64 size;           /* bytes a guest sees; for formats we only recognise, the length of the file */
    guint version;          /* qcow2: 2 or 3 */
    guint64 cluster_size;   /* qcow2 */
    gboolean lazy_refcounts, extended_l2; /* qcow2 */
    char *backing_file;     /* as the header has it, NULL: none */
    char *backing_format;   /* as the header has it, NULL: not said */
    gboolean encrypted;
    gboolean luks;          /* qcow2: it is encrypted the way that QEMU still does */
    gboolean external_data; /* its data, or a part of it, is in another file */
    gboolean dirty, corrupt;
    gboolean disk;          /* raw: a partition table or a file system was seen */
} SkImageInfo;

void sk_image_info_clear(SkImageInfo *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkImageInfo, sk_image_info_clear)

/*
 * Looks what fd is, by its magic. Anything unknown is raw, so never ask this about
 * a raw disk that a guest has written to: the guest decides the answer. what names it
 * in messages. out_info is written only on success; clear it.
 */
gboolean sk_image_probe(gint fd, const char *what, SkImageInfo *out_info, GError **error);

/* The same for a disk whose format is known: raw is not looked into, and qcow2 must be qcow2. */
gboolean sk_image_read(gint fd, gint format, const char *what, SkImageInfo *out_info, GError **error);

/*
 * The header of a qcow2 image from memory: head is the start of the file (64 KiB are
 * enough for all that is read), file_size its whole length.
 */
gboolean sk_qcow2_parse(const guint8 *head, gsize length, guint64 file_size, const char *what,
                        SkImageInfo *out_info, GError **error);

/*
 * The same for any format: tail is the last 512 bytes, or NULL. For the fuzz target and
 * sk_image_probe().
 */
gboolean sk_image_parse(const guint8 *head, gsize length, const guint8 *tail, guint64 file_size,
                        const char *what, SkImageInfo *out_info, GError **error);

G_END_DECLS
