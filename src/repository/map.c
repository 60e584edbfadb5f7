/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps of disks: leaves, and roots over them. */
#include "repository/map.h"

#include <string.h>

#include "base/error.h"

/* As it is in a leaf: name, what is stored, what is used of it. */
#define PIECE_BYTES (sizeof(SkRepoId) + 4)

static const SkRepoId no_id;

SkRepoLeaf *
sk_repo_leaf_new(void)
{
    return g_new0(SkRepoLeaf, 1);
}

void
sk_repo_leaf_free(SkRepoLeaf *self)
{
    for (guint i = 0; self != NULL && i < SK_REPO_LEAF_WINDOWS; i++)
        g_clear_pointer(&self->windows[i], g_array_unref);
    g_free(self);
}

/* What is replaced is used no more; a piece of which nothing is used is gone. */
static void
forget(GArray *pieces, guint16 changed)
{
    for (guint i = pieces->len; i-- > 0;) {
        SkRepoPiece *piece = &g_array_index(pieces, SkRepoPiece, i);
        piece->used &= (guint16) ~changed;
        if (piece->used == 0)
            g_array_remove_index(pieces, i);
    }
}

void
sk_repo_leaf_change(SkRepoLeaf *self, guint window, guint16 changed, const SkRepoId *id, guint16 stored)
{
    GArray **pieces = &self->windows[window];
    if (*pieces != NULL)
        forget(*pieces, changed);
    if (id != NULL) {
        const SkRepoPiece piece = { .id = *id, .stored = stored, .used = stored };
        if (*pieces == NULL)
            *pieces = g_array_new(FALSE, FALSE, sizeof(SkRepoPiece));
        g_array_append_val(*pieces, piece);
    }
    if (*pieces != NULL && (*pieces)->len == 0)
        g_clear_pointer(pieces, g_array_unref);
}

/* -- as bytes --------------------------------------------------------------------------------------------------------------- */

static void
put_u16(GByteArray *out, guint16 value)
{
    const guint8 bytes[2] = { (guint8) value, (guint8) (value >> 8) };
    g_byte_array_append(out, bytes, sizeof bytes);
}

static guint16
get_u16(const guint8 *bytes)
{
    return (guint16) (bytes[0] | bytes[1] << 8);
}

GByteArray *
sk_repo_leaf_encode(const SkRepoLeaf *self)
{
    GByteArray *out = g_byte_array_new();
    for (guint i = 0; i < SK_REPO_LEAF_WINDOWS; i++) {
        const GArray *pieces = self->windows[i];
        const guint8 count = pieces != NULL ? (guint8) pieces->len : 0;
        g_byte_array_append(out, &count, 1);
        for (guint k = 0; k < count; k++) {
            const SkRepoPiece *piece = &g_array_index(pieces, SkRepoPiece, k);
            g_byte_array_append(out, piece->id.bytes, sizeof piece->id.bytes);
            put_u16(out, piece->stored);
            put_u16(out, piece->used);
        }
    }
    return out;
}

/* The pieces of one window; no cluster lies in two, and each has some use. FALSE if that is not so. */
static gboolean
decode_window(const guint8 *bytes, guint count, GArray **out)
{
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(SkRepoPiece));
    guint16 taken = 0;
    for (guint i = 0; i < count; i++, bytes += PIECE_BYTES) {
        SkRepoPiece piece = { .stored = get_u16(bytes + sizeof(SkRepoId)), .used = get_u16(bytes + sizeof(SkRepoId) + 2) };
        memcpy(piece.id.bytes, bytes, sizeof piece.id.bytes);
        if (piece.used == 0 || (piece.used & ~piece.stored) != 0 || (piece.used & taken) != 0)
            return FALSE;
        taken |= piece.used;
        g_array_append_val(pieces, piece);
    }
    *out = g_steal_pointer(&pieces);
    return TRUE;
}

SkRepoLeaf *
sk_repo_leaf_decode(const guint8 *bytes, gsize length, const char *what, GError **error)
{
    g_autoptr(SkRepoLeaf) leaf = sk_repo_leaf_new();
    gsize at = 0;
    gboolean is_right = TRUE;
    for (guint i = 0; is_right && i < SK_REPO_LEAF_WINDOWS; i++) {
        guint count = at < length ? bytes[at++] : SK_REPO_WINDOW_CLUSTERS + 1;
        is_right = count <= SK_REPO_WINDOW_CLUSTERS && length - at >= count * PIECE_BYTES &&
                   (count == 0 || decode_window(bytes + at, count, &leaf->windows[i]));
        at += is_right ? count * PIECE_BYTES : 0;
    }
    if (is_right && at == length)
        return g_steal_pointer(&leaf);
    sk_fail(error, SK_ERROR_IO, "%s is not a leaf of a disk's map", what);
    return NULL;
}

/* -- in a repository ------------------------------------------------------------------------------------------------------------- */

guint
sk_repo_leaf_count(guint64 size)
{
    return (guint) ((size + SK_REPO_LEAF_SPAN - 1) / SK_REPO_LEAF_SPAN);
}

GArray *
sk_repo_load_root(SkRepo *repo, const SkRepoId *root, guint64 size, GError **error)
{
    g_autoptr(GByteArray) bytes = sk_repo_get(repo, SK_REPO_ROOT, root, error);
    if (bytes == NULL)
        return NULL;
    if (size > SK_REPO_DISK_MAX || bytes->len != sk_repo_leaf_count(size) * sizeof(SkRepoId)) {
        sk_fail(error, SK_ERROR_IO, "the map of a disk in repository \"%s\" is not one of a disk of %" G_GUINT64_FORMAT " bytes",
                sk_repo_path(repo), size);
        return NULL;
    }
    GArray *leaves = g_array_new(FALSE, FALSE, sizeof(SkRepoId));
    return g_array_append_vals(leaves, bytes->data, bytes->len / sizeof(SkRepoId));
}

SkRepoLeaf *
sk_repo_load_leaf(SkRepo *repo, const SkRepoId *id, GError **error)
{
    if (sk_repo_id_equal(id, &no_id))
        return sk_repo_leaf_new();
    g_autoptr(GByteArray) bytes = sk_repo_get(repo, SK_REPO_LEAF, id, error);
    g_autofree char *what = g_strdup_printf("an object of repository \"%s\"", sk_repo_path(repo));
    return bytes == NULL ? NULL : sk_repo_leaf_decode(bytes->data, bytes->len, what, error);
}

gboolean
sk_repo_save_root(SkRepo *repo, const GArray *leaves, SkRepoId *out, GError **error)
{
    return sk_repo_put(repo, SK_REPO_ROOT, leaves->data, leaves->len * sizeof(SkRepoId), out, error);
}

gboolean
sk_repo_save_leaf(SkRepo *repo, const SkRepoLeaf *leaf, SkRepoId *out, GError **error)
{
    g_autoptr(GByteArray) bytes = sk_repo_leaf_encode(leaf);
    if (bytes->len > SK_REPO_LEAF_WINDOWS)
        return sk_repo_put(repo, SK_REPO_LEAF, bytes->data, bytes->len, out, error);
    *out = no_id;
    return TRUE;
}
