/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks in backups, read at any place. */
#include "repository/disk-reader.h"

#include <string.h>

#include "base/error.h"

/* Objects that are kept: 32 windows at most. */
#define KEPT_OBJECTS 32

typedef struct {
    SkRepoId id;
    GByteArray *bytes;
    guint64 used;           /* when last */
} Kept;

struct SkRepoDiskReader {
    SkRepo *repo;
    guint64 size;
    GArray *leaves;         /* SkRepoId */
    guint at;               /* which leaf is loaded */
    SkRepoLeaf *leaf;       /* NULL: none yet */
    Kept kept[KEPT_OBJECTS];
    guint64 clock;
};

SkRepoDiskReader *
sk_repo_disk_reader_new(SkRepo *repo, const SkRepoId *root, guint64 size, GError **error)
{
    GArray *leaves = sk_repo_load_root(repo, root, size, error);
    if (leaves == NULL)
        return NULL;
    SkRepoDiskReader *self = g_new0(SkRepoDiskReader, 1);
    *self = (SkRepoDiskReader){ .repo = repo, .size = size, .leaves = leaves };
    return self;
}

void
sk_repo_disk_reader_free(SkRepoDiskReader *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < KEPT_OBJECTS; i++)
        g_clear_pointer(&self->kept[i].bytes, g_byte_array_unref);
    sk_repo_leaf_free(self->leaf);
    g_array_unref(self->leaves);
    g_free(self);
}

guint64
sk_repo_disk_reader_size(const SkRepoDiskReader *self)
{
    return self->size;
}

static gboolean
turn_to_leaf(SkRepoDiskReader *self, guint index, GError **error)
{
    if (self->leaf != NULL && self->at == index)
        return TRUE;
    SkRepoLeaf *leaf = sk_repo_load_leaf(self->repo, &g_array_index(self->leaves, SkRepoId, index), error);
    if (leaf == NULL)
        return FALSE;
    sk_repo_leaf_free(self->leaf);
    self->leaf = leaf;
    self->at = index;
    return TRUE;
}

/* The pieces of the window that offset lies in; *out is NULL if it has none. */
static gboolean
find_window(SkRepoDiskReader *self, guint64 offset, const GArray **out, GError **error)
{
    if (!turn_to_leaf(self, (guint) (offset / SK_REPO_LEAF_SPAN), error))
        return FALSE;
    *out = self->leaf->windows[offset % SK_REPO_LEAF_SPAN / SK_REPO_WINDOW];
    return TRUE;
}

/* The bytes of a piece, of which there is a cluster for each bit of `stored`. Borrowed, until the next call. */
static const GByteArray *
load_piece(SkRepoDiskReader *self, const SkRepoPiece *piece, GError **error)
{
    Kept *oldest = &self->kept[0];
    for (guint i = 0; i < KEPT_OBJECTS; i++) {
        Kept *kept = &self->kept[i];
        if (kept->bytes != NULL && sk_repo_id_equal(&kept->id, &piece->id)) {
            kept->used = ++self->clock;
            return kept->bytes;
        }
        oldest = kept->used < oldest->used ? kept : oldest;
    }
    GByteArray *bytes = sk_repo_get(self->repo, SK_REPO_DATA, &piece->id, error);
    if (bytes == NULL)
        return NULL;
    g_clear_pointer(&oldest->bytes, g_byte_array_unref);
    *oldest = (Kept){ .id = piece->id, .bytes = bytes, .used = ++self->clock };
    return bytes;
}

/* Copies the part of [offset, offset + length), which lies in one window, that is in this piece. */
static gboolean
copy_piece(SkRepoDiskReader *self, const SkRepoPiece *piece, guint64 offset, guint8 *bytes, gsize length, GError **error)
{
    const guint first = (guint) (offset / SK_REPO_CLUSTER) % SK_REPO_WINDOW_CLUSTERS;
    const guint64 start = offset - offset % SK_REPO_CLUSTER;
    const GByteArray *from = NULL;
    for (guint cluster = first; cluster < SK_REPO_WINDOW_CLUSTERS; cluster++) {
        guint64 begin = start + (guint64) (cluster - first) * SK_REPO_CLUSTER, end = begin + SK_REPO_CLUSTER;
        if (begin >= offset + length)
            break;
        if ((piece->used >> cluster & 1) == 0)
            continue;
        if (from == NULL && (from = load_piece(self, piece, error)) == NULL)
            return FALSE;
        gsize place = (gsize) __builtin_popcount(piece->stored & ((1u << cluster) - 1)) * SK_REPO_CLUSTER;
        guint64 low = MAX(begin, offset), high = MIN(end, offset + length);
        if (place + SK_REPO_CLUSTER > from->len)
            return sk_fail(error, SK_ERROR_IO, "an object of repository \"%s\" has less than the disk's map says", sk_repo_path(self->repo));
        memcpy(bytes + (low - offset), from->data + place + (low - begin), high - low);
    }
    return TRUE;
}

gboolean
sk_repo_disk_read(SkRepoDiskReader *self, guint64 offset, void *bytes, gsize length, GError **error)
{
    g_assert(offset <= self->size && length <= self->size - offset);
    for (gsize done = 0; done < length;) {
        const guint64 at = offset + done;
        const gsize part = MIN(length - done, SK_REPO_WINDOW - at % SK_REPO_WINDOW);
        const GArray *pieces;
        if (!find_window(self, at, &pieces, error))
            return FALSE;
        memset((guint8 *) bytes + done, 0, part);
        for (guint i = 0; pieces != NULL && i < pieces->len; i++)
            if (!copy_piece(self, &g_array_index(pieces, SkRepoPiece, i), at, (guint8 *) bytes + done, part, error))
                return FALSE;
        done += part;
    }
    return TRUE;
}

gboolean
sk_repo_disk_extent(SkRepoDiskReader *self, guint64 offset, guint64 *out_length, gboolean *out_zero, GError **error)
{
    const GArray *pieces;
    guint16 used = 0;
    if (!find_window(self, offset, &pieces, error))
        return FALSE;
    for (guint i = 0; pieces != NULL && i < pieces->len; i++)
        used |= g_array_index(pieces, SkRepoPiece, i).used;
    guint cluster = (guint) (offset / SK_REPO_CLUSTER) % SK_REPO_WINDOW_CLUSTERS;
    *out_zero = (used >> cluster & 1) == 0;
    guint end = cluster + 1;
    while (end < SK_REPO_WINDOW_CLUSTERS && ((used >> end & 1) == 0) == *out_zero)
        end++;
    guint64 stop = offset - offset % SK_REPO_WINDOW + (guint64) end * SK_REPO_CLUSTER;
    *out_length = MIN(stop, self->size) - offset;
    return TRUE;
}
