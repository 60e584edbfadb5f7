/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * Dirty bitmaps: what a running guest's disks keep account of. They belong to the node of the image itself, not to the filters
 * above it. All block, but where said: workers only.
 */

typedef struct {
    char *name;
    guint64 bytes;          /* written since */
    gboolean persistent;    /* it is kept in the image when QEMU ends */
    gboolean inconsistent;  /* QEMU did not end in order: it can only be removed */
} SkQmpBitmap;

/* The node of a disk's image. */
typedef struct {
    char *name;
    char *driver;           /* "qcow2", "raw" */
    guint64 size;           /* bytes the guest sees */
    GPtrArray *bitmaps;     /* SkQmpBitmap */
} SkQmpImage;

void sk_qmp_image_free(SkQmpImage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkQmpImage, sk_qmp_image_free)

/* By name; NULL: none. */
const SkQmpBitmap *sk_qmp_image_bitmap(const SkQmpImage *self, const char *name);

/* The topmost image of a disk: target as in the definition, path of the file that is written to. NO_DEVICE if there is none. */
SkQmpImage *sk_qmp_query_image(SkQmp *self, const char *target, const char *path, GError **error);
/* The same from the answers to query-named-block-nodes and query-fdsets. Any thread. */
SkQmpImage *sk_qmp_parse_image(json_t *nodes, json_t *sets, const char *target, const char *path);

/* A bitmap that is to be on a node from an instant on. */
typedef struct { char *node, *bitmap; } SkQmpBitmapStep;

/* Begins to keep account, persistently: all of it at one instant, or nothing. */
gboolean sk_qmp_bitmaps_add(SkQmp *self, const GPtrArray *steps, GError **error);
void sk_qmp_bitmap_step_free(gpointer step);
/* Adds the same to the actions of a transaction. */
void sk_qmp_bitmaps_add_to(json_t *actions, const GPtrArray *steps);

/* Removes a bitmap; one that is not there is fine. */
gboolean sk_qmp_bitmap_remove(SkQmp *self, const char *node, const char *name, GError **error);

G_END_DECLS
