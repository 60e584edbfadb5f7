/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <disk> */
#include <string.h>

#include "codec/xml/domain-private.h"
#include "codec/xml/encryption.h"

/* -- reading ----------------------------------------------------------------------------------------------------- */

/* A name without a bus tells it. */
static void
guess_bus(SkXmlNode *node, SkDisk *disk)
{
    static const struct {
        const char *prefix;
        SkDiskBus bus;
    } rows[] = { { "vd", SK_BUS_VIRTIO }, { "sd", SK_BUS_SCSI }, { "hd", SK_BUS_IDE }, { "fd", SK_BUS_FDC } };
    if (sk_xml_has(node, "target/@bus") || disk->target == NULL)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_str_has_prefix(disk->target, rows[i].prefix))
            disk->bus = (gint) rows[i].bus;
    }
}

/* Where each type of source has its name. */
static gboolean
read_source(SkXmlNode *node, SkDisk *disk, GError **error)
{
    const char *type = sk_xml_get(node, "@type");
    if (type == NULL)
        type = "file";
    if (g_str_equal(type, "volume")) {
        disk->source = SK_SOURCE_VOLUME;
        sk_xml_get_string(node, "source/@pool", &disk->pool);
        sk_xml_get_string(node, "source/@volume", &disk->volume);
    } else if (g_str_equal(type, "file") || g_str_equal(type, "block")) {
        gboolean block = g_str_equal(type, "block");
        disk->source = block ? SK_SOURCE_BLOCK : SK_SOURCE_FILE;
        sk_xml_get_string(node, block ? "source/@dev" : "source/@file", &disk->path);
    } else {
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "disk type \"%.32s\" is not supported: give file, block or volume%s", type,
                           g_str_equal(type, "network") ? "; mount or import what is on another host" : "");
    }
    /* A drive whose medium is named "" is empty. */
    if (disk->device != SK_DISK_DISK && disk->path != NULL && disk->path[0] == '\0')
        g_clear_pointer(&disk->path, g_free);
    if (disk->path == NULL && disk->volume == NULL)
        disk->source = SK_SOURCE_NONE;
    /* Numbers that libvirt gives to the files of a chain while it runs. */
    sk_xml_ignore(node, "source/@index");
    return TRUE;
}

/* A client that says nothing of discards wants none passed on; ours do. */
static gboolean
read_discard(SkXmlNode *node, SkDisk *disk, GError **error)
{
    if (disk->device == SK_DISK_DISK && !sk_xml_has(node, "driver/@discard"))
        disk->discard = SK_DISCARD_IGNORE;
    return sk_xml_get_enum(node, "driver/@discard", &sk_disk_discard_enum, &disk->discard, error);
}

static gboolean
read_driver(SkXmlNode *node, SkDisk *disk, GError **error)
{
    const char *zeroes = sk_xml_get(node, "driver/@detect_zeroes");
    const char *format = sk_xml_get(node, "driver/@type");
    /* What libvirt takes an image for that says nothing. */
    disk->format = SK_FORMAT_RAW;
    if (format != NULL && !sk_xml_enum_parse(&sk_disk_format_enum, format, "disk/driver/@type", &disk->format, error))
        return FALSE;
    if (zeroes != NULL && !g_str_equal(zeroes, "on") && !g_str_equal(zeroes, "off") && !g_str_equal(zeroes, "unmap"))
        return sk_xml_fail(node, error, SK_ERROR_XML, "detect_zeroes is \"%.32s\", give off, on or unmap", zeroes);
    if (!sk_xml_get_bool(node, "driver/@copy_on_read", &disk->copy_on_read, error) || !read_discard(node, disk, error))
        return FALSE;
    disk->detect_zeroes = zeroes != NULL && !g_str_equal(zeroes, "off");
    sk_xml_is(node, "driver/@name", "qemu");
    return TRUE;
}

static gboolean
read_tray(SkXmlNode *node, SkDisk *disk, GError **error)
{
    const char *tray = sk_xml_get(node, "target/@tray");
    if (tray != NULL && !g_str_equal(tray, "open") && !g_str_equal(tray, "closed"))
        return sk_xml_fail(node, error, SK_ERROR_XML, "tray is \"%.32s\", give open or closed", tray);
    disk->tray_open = g_strcmp0(tray, "open") == 0;
    return TRUE;
}

/* What a disk of libvirt's can be and ours cannot. */
static const SkXmlRefusal refused[] = {
    { "transient", "a disk that forgets what was written is not supported: make a volume over an image" },
    { "auth", "storage that is reached over the network with a password is not supported as a disk's source" },
    { "source/auth", "storage that is reached over the network with a password is not supported as a disk's source" },
    { "source/slices", "a part of a file as a disk is not supported" },
    { "source/reservations", "persistent reservations are not supported" },
};

static gboolean
read_disk(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkDisk *disk = value;
    guess_bus(node, disk);
    /* The chain is what the images themselves say; jobs on it are not a part of a definition. */
    sk_xml_ignore(node, "backingStore");
    sk_xml_ignore(node, "mirror");
    if (!sk_xml_refuse(node, refused, G_N_ELEMENTS(refused), error))
        return FALSE;
    SkXmlNode *source = sk_xml_child(node, "source");
    return (source == NULL || sk_xml_read_labels(source, error)) && sk_xml_read_encryption(node, "encryption", &disk->encryption, error) &&
           sk_xml_read_encryption(node, "source/encryption", &disk->encryption, error) && read_source(node, disk, error) &&
           read_driver(node, disk, error) && read_tray(node, disk, error);
}

/* -- where a copy goes -------------------------------------------------------------------------------------------------- */

SkDisk *
sk_xml_copy_target_parse(const char *text, gssize length, gboolean *out_format, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, length, "disk XML", "disk", error);
    if (root == NULL)
        return NULL;
    *out_format = sk_xml_has(root, "driver/@type");
    sk_xml_ignore(root, "target");
    sk_xml_ignore(root, "@device");
    SkDisk *disk = sk_value_new(&sk_disk_type);
    if (read_disk(root, disk, NULL, error) && sk_xml_check_read(root, error)) {
        if (disk->source != SK_SOURCE_NONE)
            return disk;
        sk_xml_fail(root, error, SK_ERROR_INVALID, "a copy needs a <source>: where it goes to");
    }
    sk_value_free(&sk_disk_type, disk);
    return NULL;
}

/* -- writing --------------------------------------------------------------------------------------------------------- */

static void
write_source(SkXmlNode *node, const SkDisk *disk)
{
    if (disk->source == SK_SOURCE_VOLUME) {
        sk_xml_set(node, "source/@pool", disk->pool);
        sk_xml_set(node, "source/@volume", disk->volume);
    } else if (disk->path != NULL) {
        sk_xml_set(node, disk->source == SK_SOURCE_BLOCK ? "source/@dev" : "source/@file", disk->path);
    }
}

/* type, source and, below a disk's own, format of a file. */
static void
write_layer(SkXmlNode *node, const char *path, gint format, gboolean block)
{
    sk_xml_set(node, "@type", block ? "block" : "file");
    sk_xml_set(sk_xml_need(node, "format"), "@type", sk_xml_enum_name(&sk_disk_format_enum, format));
    sk_xml_set(sk_xml_need(node, "source"), block ? "@dev" : "@file", path);
}

/* Each file has the next below it inside; an empty one says that there are no more. */
static void
write_chain(SkXmlNode *node, const SkDisk *disk, const SkXmlWriter *writer)
{
    const SkDiskChain *chain = disk->source != SK_SOURCE_NONE ? sk_disk_chains_find(writer->options.chains, disk) : NULL;
    if (chain == NULL || chain->layers == NULL || chain->layers->len == 0)
        return;
    sk_xml_set_uint(node, "source/@index", ((const SkDiskLayer *) chain->layers->pdata[0])->index);
    SkXmlNode *below = sk_xml_add(node, "backingStore");
    for (guint i = 1; i < chain->layers->len; i++) {
        const SkDiskLayer *layer = chain->layers->pdata[i];
        sk_xml_set_uint(below, "@index", layer->index);
        write_layer(below, layer->path, layer->format, layer->block);
        below = sk_xml_add(below, "backingStore");
    }
}

static void
write_mirror(SkXmlNode *node, const SkDisk *disk, const SkXmlWriter *writer)
{
    const GPtrArray *mirrors = writer->options.mirrors;
    for (guint i = 0; mirrors != NULL && i < mirrors->len; i++) {
        const SkDiskMirror *mirror = mirrors->pdata[i];
        if (g_strcmp0(mirror->target, disk->target) != 0 || mirror->disk->path == NULL)
            continue;
        SkXmlNode *at = sk_xml_add(node, "mirror");
        write_layer(at, mirror->disk->path, mirror->disk->format, mirror->disk->source == SK_SOURCE_BLOCK);
        sk_xml_set(at, "@job", mirror->commit ? "active-commit" : "copy");
        sk_xml_set(at, "@ready", mirror->ready);
    }
}

static void
write_disk(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkDisk *disk = value;
    static const char *const types[SK_N_DISK_SOURCES] = { "volume", "file", "block", "file" };
    sk_xml_set(node, "@type", types[disk->source]);
    sk_xml_set(node, "driver/@name", "qemu");
    sk_xml_set_enum(node, "driver/@type", &sk_disk_format_enum, disk->format);
    write_source(node, disk);
    if (disk->encryption != NULL && disk->source != SK_SOURCE_NONE)
        sk_xml_write_encryption(sk_xml_need(node, "source"), disk->encryption);
    write_chain(node, disk, writer);
    write_mirror(node, disk, writer);
    sk_xml_write_fields(node, &sk_disk_type, value);
    if (disk->discard == SK_DISCARD_UNMAP && disk->device == SK_DISK_DISK)
        sk_xml_set(node, "driver/@discard", "unmap");
    if (disk->detect_zeroes)
        sk_xml_set(node, "driver/@detect_zeroes", disk->discard == SK_DISCARD_UNMAP ? "unmap" : "on");
    if (disk->copy_on_read)
        sk_xml_set(node, "driver/@copy_on_read", "on");
    if (disk->tray_open)
        sk_xml_set(node, "target/@tray", "open");
}

const SkXmlFamily sk_xml_disk_families[] = {
    { "disk", "disks", &sk_disk_type, read_disk, write_disk, NULL },
    { NULL },
};
