/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/snapshot.h"

/*
 * The file that an external snapshot froze is no state of its own any more: what lies over it goes down into it (one of the files over it; the
 * others get what they need of it first), or it goes itself if nothing does. What all other snapshots, and the guest, see stays the same at
 * every moment, and each step may be done again. Workers.
 */

/*
 * Which overlay will go down into which file: put into the snapshot's disks (NULL: none). Refused where somebody else, or a state inside of
 * an overlay, would be ruined. known: copies of all the domain's snapshots, this one too.
 */
gboolean sk_snapshot_merge_plan(const SkSnapshotSite *site, const GPtrArray *known, SkSnapshot *snapshot, GError **error);

/*
 * Does it. Those of known that name another file now are added to changed, and so is the site's definition (site->record). A guest that runs
 * goes on.
 */
gboolean sk_snapshot_merge(SkJob *job, SkSnapshotSite *site, const GPtrArray *known, const SkSnapshot *snapshot, GPtrArray *changed, GError **error);
