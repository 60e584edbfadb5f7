/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The block nodes below a disk: a file and a format node a layer, opened through descriptor sets. They are made as one
 * tree, so that they go as one: whoever unplugs a disk needs to know its top only, whatever was done to the files below.
 */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/builder.h"

/* Layers a chain may have: as many as the storage trade allows, and fewer than would run into the next disk's sets. */
#define MAX_LAYERS 64

/* -- names and numbers --------------------------------------------------------------------------------------------- */

char *
sk_block_node_name(const SkDisk *disk)
{
    return g_strdup(disk->target);
}

/*
 * Sets are numbered by target, so that plugging needs to know nothing of those in use: four bus letters with up to
 * three letters each, then what is no disk.
 */
static guint64
target_number(const char *target)
{
    static const char *const prefixes[] = { "vd", "hd", "sd", "fd" };
    const guint letters = 26 + 26 * 26 + 26 * 26 * 26;
    if (g_str_equal(target, "cidata") || g_str_equal(target, "nvram"))
        return 4 * letters + (target[0] == 'n');
    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        guint number = 0;
        if (!g_str_has_prefix(target, prefixes[i]))
            continue;
        for (const char *c = target + 2; *c != '\0'; c++)
            number = number * 26 + (guint) (*c - 'a' + 1);
        return i * letters + number;
    }
    return 4 * letters + 2;
}

guint64
sk_block_first_set(const char *target)
{
    return target_number(target) * SK_BLOCK_SETS;
}

/* Of the file of node "TARGET-number". */
static guint64
set_of_number(const char *target, guint number)
{
    return sk_block_first_set(target) + number + 1;
}

static guint64
layer_set(const SkBlockChain *chain, guint layer)
{
    return set_of_number(chain->target, chain->layers->len - layer - 1);
}

/* -- cache -------------------------------------------------------------------------------------------------------------- */

gboolean
sk_disk_cache_is_direct(gint cache)
{
    return cache == SK_CACHE_NONE || cache == SK_CACHE_DIRECTSYNC;
}

gboolean
sk_disk_cache_is_writeback(gint cache)
{
    return cache != SK_CACHE_WRITETHROUGH && cache != SK_CACHE_DIRECTSYNC;
}

static json_t *
cache_object(gint cache)
{
    return json_pack("{s:b,s:b}", "direct", sk_disk_cache_is_direct(cache), "no-flush", cache == SK_CACHE_UNSAFE);
}

/* -- nodes ---------------------------------------------------------------------------------------------------------------- */

static void
add_descriptors(SkBuilder *self, const SkBlockLayer *layer, guint64 set)
{
    g_autofree char *rw = g_strdup_printf("rw:%s", layer->path != NULL ? layer->path : "");
    g_autofree char *ro = g_strdup_printf("ro:%s", layer->path != NULL ? layer->path : "");
    if (layer->fd >= 0)
        sk_builder_fdset(self, set, layer->fd, rw);
    if (layer->fd_ro >= 0)
        sk_builder_fdset(self, set, layer->fd_ro, ro);
    /* To take a medium out nothing is opened, but the set must go. */
    if (layer->fd < 0 && layer->fd_ro < 0)
        sk_builder_fdset(self, set, SK_FD_NONE, NULL);
}

/* What is below the top says nothing of writing: it is as its format node, until a job makes that one writable. */
static json_t *
file_node(const SkBlockLayer *layer, gboolean top, guint64 set, const char *name, const SkBlockOptions *options)
{
    static const char *const ios[SK_N_DISK_IOS] = { [SK_IO_THREADS] = "threads", [SK_IO_NATIVE] = "native", [SK_IO_URING] = "io_uring" };
    g_autofree char *path = g_strdup_printf("/dev/fdset/%" G_GUINT64_FORMAT, set);
    json_t *node = json_pack("{s:s,s:s,s:s,s:s*,s:s,s:o}", "driver", layer->block ? "host_device" : "file", "node-name", name, "filename",
                             path, "aio", ios[options->io], "locking", "on", "cache", cache_object(options->cache));
    if (layer->fd >= 0 && layer->fd_ro >= 0)
        json_object_set_new(node, "auto-read-only", json_true());
    else if (top && layer->fd < 0)
        json_object_set_new(node, "read-only", json_true());
    if (options->unmap)
        json_object_set_new(node, "discard", json_string("unmap"));
    return node;
}

/*
 * The last layer says that nothing is below it: QEMU would otherwise open whatever the image itself names, which is not
 * for a guest's disk to decide. Takes file and below.
 */
static json_t *
format_node(const SkBlockLayer *layer, const char *secret, gboolean top, const char *name, json_t *file, json_t *below, const SkBlockOptions *options)
{
    const char *driver = layer->format == SK_FORMAT_QCOW2 ? "qcow2" : layer->encrypted ? "luks" : "raw";
    json_t *node = json_pack("{s:s,s:s,s:b,s:o,s:o}", "driver", driver, "node-name", name,
                             "read-only", !top || options->read_only, "cache", cache_object(options->cache), "file", file);
    if (options->unmap)
        json_object_set_new(node, "discard", json_string("unmap"));
    if (top && options->detect_zeroes)
        json_object_set_new(node, "detect-zeroes", json_string(options->unmap ? "unmap" : "on"));
    if (layer->format == SK_FORMAT_QCOW2)
        json_object_set_new(node, "backing", below != NULL ? below : json_null());
    if (layer->encrypted && layer->format == SK_FORMAT_QCOW2)
        json_object_set_new(node, "encrypt", json_pack("{s:s,s:s}", "format", "luks", "key-secret", secret));
    else if (layer->encrypted)
        json_object_set_new(node, "key-secret", json_string(secret));
    return node;
}

/*
 * The passphrase as an object that the node names: from a descriptor at a start, over the monitor in a plug, and never in an
 * argument. A detach knows it by name only.
 */
static gboolean
add_secret(SkBuilder *self, const SkBlockLayer *layer, const char *secret, GError **error)
{
    if (!layer->encrypted)
        return TRUE;
    if (self->steps == NULL) {
        g_autofree char *file = layer->passphrase_fd >= 0 ? sk_builder_fd_path(self, layer->passphrase_fd) : NULL;
        return file != NULL ? sk_builder_object(self, json_pack("{s:s,s:s,s:s}", "qom-type", "secret", "id", secret, "file", file), error)
                            : sk_fail(error, SK_ERROR_INTERNAL, "the passphrase of \"%s\" was not handed over", layer->path);
    }
    gsize length = 0;
    const guchar *bytes = layer->passphrase != NULL ? g_bytes_get_data(layer->passphrase, &length) : NULL;
    g_autofree char *text = g_base64_encode(bytes != NULL ? bytes : (const guchar *) "", length);
    return sk_builder_object(self, json_pack("{s:s,s:s,s:s,s:s}", "qom-type", "secret", "id", secret, "format", "base64", "data", text), error);
}

char *
sk_block_secret_name(const char *target)
{
    return g_strconcat(target, "-secret", NULL);
}

static gboolean
check_chain(const SkBuilder *self, const SkBlockChain *chain, const SkBlockOptions *options, const char *what, GError **error)
{
    guint count = chain->layers->len;
    if (count == 0 || count > MAX_LAYERS)
        return sk_fail(error, SK_ERROR_INVALID, "%s has a chain of %u files, at least 1 and at most %u will do", what, count, MAX_LAYERS);
    for (guint i = 0; i < count; i++) {
        const SkBlockLayer *layer = chain->layers->pdata[i];
        if (layer->format != SK_FORMAT_QCOW2 && i + 1 < count)
            return sk_fail(error, SK_ERROR_INVALID, "%s: \"%s\" is raw, which has no backing file, but one follows it", what, layer->path);
        if (self->steps == NULL && layer->fd < 0 && layer->fd_ro < 0)
            return sk_fail(error, SK_ERROR_INTERNAL, "%s: \"%s\" was not opened", what, layer->path);
        if (self->steps == NULL && i == 0 && !options->read_only && layer->fd < 0)
            return sk_fail(error, SK_ERROR_INVALID, "%s: \"%s\" is open for reading only; make the disk read_only", what, layer->path);
    }
    return TRUE;
}

json_t *
sk_build_chain(SkBuilder *self, const SkBlockChain *chain, const char *name, const SkBlockOptions *options, const char *what, GError **error)
{
    json_t *below = NULL;
    if (!check_chain(self, chain, options, what, error))
        return NULL;
    for (guint i = chain->layers->len; i > 0; i--) {
        const SkBlockLayer *layer = chain->layers->pdata[i - 1];
        gboolean top = i == 1;
        g_autofree char *counted = g_strdup_printf("%s-%u", chain->target, chain->layers->len - i);
        g_autofree char *file_name = g_strconcat(counted, "-file", NULL);
        guint64 set = layer_set(chain, i - 1);
        g_autofree char *secret = sk_block_secret_name(chain->target);
        add_descriptors(self, layer, set);
        if (!add_secret(self, layer, secret, error)) {
            json_decref(below);
            return NULL;
        }
        json_t *file = file_node(layer, top, set, file_name, options);
        below = format_node(layer, secret, top, top && name != NULL ? name : counted, file, below, options);
    }
    return below;
}

gboolean
sk_build_layer(SkBuilder *self, const SkBlockLayer *layer, const char *target, guint number, const char *below, const SkBlockOptions *options,
               GError **error)
{
    g_autofree char *name = g_strdup_printf("%s-%u", target, number);
    g_autofree char *file_name = g_strconcat(name, "-file", NULL);
    guint64 set = set_of_number(target, number);
    add_descriptors(self, layer, set);
    json_t *file = file_node(layer, TRUE, set, file_name, options);
    return sk_builder_blockdev(self, format_node(layer, NULL, TRUE, name, file, below != NULL ? json_string(below) : NULL, options), error);
}

void
sk_build_chain_removal(SkBuilder *self, const char *target)
{
    for (guint64 i = 1; i <= MAX_LAYERS; i++)
        sk_builder_fdset(self, sk_block_first_set(target) + i, SK_FD_NONE, NULL);
}
