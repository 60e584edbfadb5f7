/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "repository/repository.h"

G_BEGIN_DECLS

/*
 * The map of a disk: which objects its bytes are in. A disk is cut into windows of 16 clusters of 64 KiB. A full backup makes one object
 * of a window, an incremental one an object of the clusters that changed; so a window may lie in several, and clusters of none are
 * zeros. Leaves of 256 windows are objects too: what has not changed is shared between backups. Any thread.
 */

#define SK_REPO_CLUSTER (64u * 1024)
#define SK_REPO_WINDOW_CLUSTERS 16u
#define SK_REPO_WINDOW (SK_REPO_CLUSTER * SK_REPO_WINDOW_CLUSTERS)
#define SK_REPO_LEAF_WINDOWS 256u
#define SK_REPO_LEAF_SPAN ((guint64) SK_REPO_WINDOW * SK_REPO_LEAF_WINDOWS)
/* 16 TiB: the root stays one object. */
#define SK_REPO_DISK_MAX ((guint64) 1 << 44)

/* Clusters of a window that an object has. It has those of `stored`, one after the other; `used` are those that no later one replaced. */
typedef struct {
    SkRepoId id;
    guint16 stored, used;
} SkRepoPiece;

typedef struct {
    GArray *windows[SK_REPO_LEAF_WINDOWS];  /* of SkRepoPiece; NULL: zeros */
} SkRepoLeaf;

SkRepoLeaf *sk_repo_leaf_new(void);
void sk_repo_leaf_free(SkRepoLeaf *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRepoLeaf, sk_repo_leaf_free)

/* From now on the window's clusters of `changed` are those of id that has `stored` of them, or zeros; id is NULL if all are. */
void sk_repo_leaf_change(SkRepoLeaf *self, guint window, guint16 changed, const SkRepoId *id, guint16 stored);

GByteArray *sk_repo_leaf_encode(const SkRepoLeaf *self);
/* IO if it is none; what is for messages. */
SkRepoLeaf *sk_repo_leaf_decode(const guint8 *bytes, gsize length, const char *what, GError **error);

/* How many leaves a disk of so many bytes has. */
guint sk_repo_leaf_count(guint64 size);

/* The names of a disk's leaves (SkRepoId), one of zeros alone being all zeros. NULL if the object is not there, damaged, or of another size. */
GArray *sk_repo_load_root(SkRepo *repo, const SkRepoId *root, guint64 size, GError **error);
SkRepoLeaf *sk_repo_load_leaf(SkRepo *repo, const SkRepoId *id, GError **error);
gboolean sk_repo_save_root(SkRepo *repo, const GArray *leaves, SkRepoId *out, GError **error);
/* A leaf of zeros alone is no object. */
gboolean sk_repo_save_leaf(SkRepo *repo, const SkRepoLeaf *leaf, SkRepoId *out, GError **error);

G_END_DECLS
