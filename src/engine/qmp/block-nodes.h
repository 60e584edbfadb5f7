/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * The nodes of a running disk: which file each stands for, whatever jobs and snapshots did to them since the start. A disk's root, which the
 * device sees, has its target as name; a file's node is "TARGET-N", and what it reads "TARGET-N-file". All block: workers only.
 */

typedef struct {
    char *name;             /* "vda-2" */
    guint number;           /* 2 */
    char *path;             /* of the file, as it was told to QEMU */
    gboolean read_only;
    guint64 set;            /* its descriptors */
} SkBlockNode;

/* All of a disk's (SkBlockNode, freed with the array), in the order of their numbers. */
GPtrArray *sk_qmp_query_nodes(SkQmp *self, const char *target, GError **error);
/* The answers to query-named-block-nodes and query-fdsets as that. Any thread. */
GPtrArray *sk_qmp_parse_nodes(json_t *nodes, json_t *sets, const char *target);

/* The one with that file; NULL: none. Borrowed. Any thread. */
const SkBlockNode *sk_block_nodes_find(const GPtrArray *nodes, const char *path);
/* The first number that no node has. Any thread. */
guint sk_block_nodes_free_number(const GPtrArray *nodes);

/* Lets QEMU write to a file that it had opened for reading only, once a job asks for that. fd, open for both, stays the caller's. */
gboolean sk_qmp_let_write(SkQmp *self, const SkBlockNode *node, gint fd, GError **error);

/*
 * Takes away what of a disk's nodes and descriptors nobody needs any more: what jobs and snapshots added stays in QEMU
 * otherwise until its end. What is in use stays, so it may be called at any time.
 */
void sk_qmp_tidy_disk(SkQmp *self, const char *target);

G_END_DECLS
