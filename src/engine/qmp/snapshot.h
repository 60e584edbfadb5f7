/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * States of a running guest's disks, kept inside of their qcow2 files, and overlays put over them: all at one instant. Nodes are the
 * topmost ones (sk_block_node_name(), "nvram"). All block: workers only.
 */

typedef struct {
    char *node;             /* internal: topmost node; overlay: the node that is to be under it */
    char *overlay;          /* node to be put over it, added before; NULL: a state inside */
} SkQmpSnapshotStep;

/* One transaction: either all of it is done, or nothing. name: of the states. */
gboolean sk_qmp_snapshot_take(SkQmp *self, const SkQmpSnapshotStep *steps, guint n_steps, const char *name, GError **error);

/* Drops a state inside of a node's file; one that is not there is fine. */
gboolean sk_qmp_snapshot_drop(SkQmp *self, const char *node, const char *name, GError **error);

G_END_DECLS
