/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any JSON as what QEMU answers of its disks and jobs: {"query-block": ..., "query-jobs": ..., "device": ..., "target": ..., "path": ...}. */
#include "codec/json/json.h"
#include "engine/qmp/bitmap.h"
#include "engine/qmp/block-job.h"
#include "engine/qmp/block-nodes.h"
#include "engine/qmp/commands.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static const char *
text_of(json_t *all, const char *key, const char *other)
{
    const char *text = json_string_value(json_object_get(all, key));
    return text != NULL ? text : other;
}

static void
try_disks(json_t *all)
{
    json_t *nodes = json_object_get(all, "query-named-block-nodes"), *sets = json_object_get(all, "query-fdsets");
    const char *target = text_of(all, "target", "vda");
    g_autoptr(GPtrArray) list = sk_qmp_parse_nodes(nodes, sets, target);
    SkQmpImage *image = sk_qmp_parse_image(nodes, sets, target, text_of(all, "path", "/a"));
    if (image != NULL && image->name == NULL)
        g_error("an image without a name");
    sk_qmp_image_free(image);
}

static void
try_drives(json_t *all)
{
    guint64 capacity, allocation;
    json_t *block = json_object_get(all, "query-block");
    const char *device = text_of(all, "device", "vda");
    sk_qmp_parse_disk_state(block, device);
    if (sk_qmp_parse_block_size(block, device, &capacity, &allocation) && block == NULL)
        g_error("a size of nothing");
    g_autoptr(GPtrArray) stats = sk_qmp_parse_block_stats(json_object_get(all, "query-blockstats"));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(json_t) all = sk_json_parse((const char *) data, size, "input", NULL);
    if (!json_is_object(all))
        return 0;
    try_disks(all);
    try_drives(all);
    g_autoptr(GPtrArray) jobs = sk_qmp_parse_jobs(json_object_get(all, "query-jobs"), json_object_get(all, "query-block-jobs"));
    return 0;
}
