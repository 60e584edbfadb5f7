/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of running disks. */
#include "model/disk-chain.h"

#include <string.h>

static const SkField layer_fields[] = {
    SK_FIELD(SkDiskLayer, index, UINT, "number"),
    SK_FIELD(SkDiskLayer, path, STRING, "file"),
    SK_FIELD(SkDiskLayer, format, ENUM, "format", .names = &sk_disk_format_enum),
    SK_FIELD(SkDiskLayer, block, BOOL, "a block device"),
};
SK_TYPE(sk_disk_layer_type, SkDiskLayer, "DiskLayer", "file of a disk", layer_fields, "a file of a running disk");

static const SkField chain_fields[] = {
    SK_FIELD(SkDiskChain, target, STRING, "disk"),
    SK_FIELD(SkDiskChain, path, STRING, "its own file"),
    SK_FIELD(SkDiskChain, last, UINT, "highest number"),
    SK_FIELD(SkDiskChain, layers, LIST, "files", .type = &sk_disk_layer_type),
};
SK_TYPE(sk_disk_chain_type, SkDiskChain, "DiskChain", "files of a disk", chain_fields, "the files of a running disk");

const SkDiskChain *
sk_disk_chains_find(const GPtrArray *chains, const SkDisk *disk)
{
    for (guint i = 0; chains != NULL && i < chains->len; i++) {
        const SkDiskChain *chain = chains->pdata[i];
        if (g_strcmp0(chain->target, disk->target) == 0)
            return g_strcmp0(chain->path, disk->path) == 0 ? chain : NULL;
    }
    return NULL;
}

static guint
known_index(const SkDiskChain *known, const char *path)
{
    for (guint i = 0; known != NULL && known->layers != NULL && i < known->layers->len; i++) {
        const SkDiskLayer *layer = known->layers->pdata[i];
        if (g_strcmp0(layer->path, path) == 0)
            return layer->index;
    }
    return 0;
}

void
sk_disk_chain_add(SkDiskChain *self, const SkDiskChain *known, const char *path, gint format, gboolean block)
{
    if (self->layers == NULL)
        self->layers = g_ptr_array_new();
    if (known != NULL)
        self->last = MAX(self->last, known->last);
    guint index = known_index(known, path);
    SkDiskLayer *layer = sk_value_new(&sk_disk_layer_type);
    layer->index = index != 0 ? index : ++self->last;
    layer->path = g_strdup(path);
    layer->format = format;
    layer->block = block;
    g_ptr_array_add(self->layers, layer);
}

/* "vda[2]"; 0: it is no such name. */
static guint
read_index(const char *target, const char *name)
{
    gsize length = strlen(target);
    if (strncmp(name, target, length) != 0 || name[length] != '[' || !g_ascii_isdigit(name[length + 1]))
        return 0;
    char *end;
    guint64 index = g_ascii_strtoull(name + length + 1, &end, 10);
    return g_str_equal(end, "]") && index <= G_MAXUINT ? (guint) index : 0;
}

char *
sk_disk_chain_name(const SkDiskChain *self, const char *name)
{
    guint index = self != NULL && name != NULL ? read_index(self->target, name) : 0;
    for (guint i = 0; index != 0 && self->layers != NULL && i < self->layers->len; i++) {
        const SkDiskLayer *layer = self->layers->pdata[i];
        if (layer->index == index)
            return g_strdup(layer->path);
    }
    return g_strdup(name);
}
