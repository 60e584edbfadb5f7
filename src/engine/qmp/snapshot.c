/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots by QMP. */
#include "engine/qmp/snapshot.h"

#include <string.h>

#include "base/error.h"

static json_t *
action_of(const SkQmpSnapshotStep *step, const char *name)
{
    if (step->overlay == NULL)
        return json_pack("{s:s,s:{s:s,s:s}}", "type", "blockdev-snapshot-internal-sync", "data", "device", step->node, "name", name);
    return json_pack("{s:s,s:{s:s,s:s}}", "type", "blockdev-snapshot", "data", "node", step->node, "overlay", step->overlay);
}

gboolean
sk_qmp_snapshot_take(SkQmp *self, const SkQmpSnapshotStep *steps, guint n_steps, const char *name, GError **error)
{
    json_t *actions = json_array();
    for (guint i = 0; i < n_steps; i++)
        json_array_append_new(actions, action_of(&steps[i], name));
    return sk_qmp_run(self, "transaction", json_pack("{s:o}", "actions", actions), error);
}

gboolean
sk_qmp_snapshot_drop(SkQmp *self, const char *node, const char *name, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (sk_qmp_run(self, "blockdev-snapshot-delete-internal-sync", json_pack("{s:s,s:s}", "device", node, "name", name), &why))
        return TRUE;
    if (strstr(why->message, "does not exist on device") != NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}
