/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <pool> and <storagepoolCapabilities> */
#include "codec/xml/node.h"
#include "codec/xml/storage-private.h"

/* Formats of file systems that a pool can be mounted from. */
static const char *const fs_formats[] = { "auto", "ext2", "ext3", "ext4", "iso9660", "udf", "vfat", "xfs", NULL };
static const char *const netfs_formats[] = { "auto", "nfs", NULL };
static const char *const logical_formats[] = { "unknown", "lvm2", NULL };
static const char *const file_formats[] = { "raw", "qcow2", "qed", "vdi", "vmdk", "vpc", NULL };
static const char *const raw_formats[] = { "raw", NULL };

/* The kinds that we have, in the order of SkPoolKind. The first format is what libvirt shows where none was given. */
static const struct {
    const char *const *sources;
    const char *const *volumes;
} kinds[SK_N_POOL_KINDS] = {
    [SK_POOL_DIR] = { NULL, file_formats },
    [SK_POOL_FS] = { fs_formats, file_formats },
    [SK_POOL_NETFS] = { netfs_formats, file_formats },
    [SK_POOL_LOGICAL] = { logical_formats, raw_formats },
};

#define BY_PATH "give domains its devices by their paths, or make a pool of type logical or fs of one"
#define BY_MOUNT "mount it, and make a pool of type dir of a directory in it"
/* Those of libvirt's that we do not, and what does instead. */
static const struct {
    const char *type, *instead;
} refused[] = {
    { "disk", "give domains its partitions by their paths, or make a pool of type logical or fs of one" },
    { "gluster", BY_MOUNT },
    { "iscsi", "log in (iscsiadm), and " BY_PATH },
    { "iscsi-direct", "log in (iscsiadm), and " BY_PATH },
    { "mpath", BY_PATH },
    { "rbd", "map it (rbd map), and " BY_PATH },
    { "scsi", BY_PATH },
    { "sheepdog", "make a pool of type dir, fs, netfs or logical" },
    { "vstorage", BY_MOUNT },
    { "zfs", "make a pool of type dir of a data set's directory" },
};

/* -- reading ------------------------------------------------------------------------------------------------------- */

static gboolean
read_kind(SkXmlNode *node, SkPoolSpec *spec, GError **error)
{
    const char *type = sk_xml_get(node, "@type");
    if (type == NULL)
        return sk_xml_fail(node, error, SK_ERROR_XML, "the attribute type is missing");
    if (sk_enum_parse(&sk_pool_kind_enum, type, &spec->kind, NULL))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (g_str_equal(type, refused[i].type))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "storage pools of type \"%s\" are not supported: %s", type, refused[i].instead);
    }
    return sk_xml_fail(node, error, SK_ERROR_XML, "unknown storage pool type %.32s", type);
}

static gboolean
read_format(SkXmlNode *source, SkPoolSpec *spec, GError **error)
{
    const char *const *formats = kinds[spec->kind].sources;
    const char *format = sk_xml_get(source, "format/@type");
    if (format == NULL || formats == NULL)
        return TRUE;
    if (!g_strv_contains(formats, format))
        return sk_xml_fail(source, error, SK_ERROR_UNSUPPORTED, "the format \"%.32s\" is not supported in a pool of type %s", format,
                           sk_enum_name(&sk_pool_kind_enum, spec->kind));
    /* The first says "whatever is there". */
    if (!g_str_equal(format, formats[0]))
        spec->source->format = g_strdup(format);
    return TRUE;
}

static gboolean
read_source(SkXmlNode *node, SkPoolSpec *spec, GError **error)
{
    SkXmlNode *source = sk_xml_child(node, "source");
    /* Who made the storage changes nothing. */
    if (source != NULL) {
        sk_xml_ignore(source, "vendor");
        sk_xml_ignore(source, "product");
    }
    /* virt-manager and virsh write an empty one for a directory. */
    if (source == NULL || spec->kind == SK_POOL_DIR)
        return TRUE;
    spec->source = sk_value_new(&sk_pool_source_type);
    return sk_xml_read_fields(source, &sk_pool_source_type, spec->source, error) && read_format(source, spec, error);
}

/* libvirt has -1 for "as it happens", and the name of a logical pool where its group has none. */
static void
complete(SkPoolSpec *spec)
{
    if (g_strcmp0(spec->owner, "-1") == 0)
        g_clear_pointer(&spec->owner, g_free);
    if (g_strcmp0(spec->group, "-1") == 0)
        g_clear_pointer(&spec->group, g_free);
    if (spec->kind != SK_POOL_LOGICAL)
        return;
    if (spec->source == NULL)
        spec->source = sk_value_new(&sk_pool_source_type);
    if (spec->source->name == NULL)
        spec->source->name = g_strdup(spec->name);
    else if (spec->name == NULL)
        spec->name = g_strdup(spec->source->name);
    if (spec->path == NULL && spec->source->name != NULL)
        spec->path = g_build_filename("/dev", spec->source->name, NULL);
}

static void
ignore_what_is_measured(SkXmlNode *node)
{
    static const char *const paths[] = { "capacity", "allocation", "available", "target/permissions/label" };
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
        sk_xml_ignore(node, paths[i]);
}

/* Fields as they stand, but what permissions may say before complete() has looked at it. */
static gboolean
read_pool(SkXmlNode *node, SkPoolSpec *spec, GError **error)
{
    if (!read_kind(node, spec, error))
        return FALSE;
    sk_xml_get_string(node, "name", &spec->name);
    sk_xml_get_string(node, "uuid", &spec->uuid);
    sk_xml_get_string(node, "target/path", &spec->path);
    sk_xml_get_string(node, "target/permissions/mode", &spec->mode);
    sk_xml_get_string(node, "target/permissions/owner", &spec->owner);
    sk_xml_get_string(node, "target/permissions/group", &spec->group);
    ignore_what_is_measured(node);
    if (!read_source(node, spec, error))
        return FALSE;
    complete(spec);
    spec->autostart = FALSE;
    if (spec->kind != SK_POOL_LOGICAL && spec->path == NULL)
        return sk_xml_fail(node, error, SK_ERROR_XML, "missing storage pool target path");
    return sk_xml_check_read(node, error) && sk_xml_check_value(&sk_pool_spec_type, spec, "pool", error);
}

SkPoolSpec *
sk_xml_pool_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) node = sk_xml_parse(text, length, "pool XML", "pool", error);
    SkPoolSpec *spec = sk_value_new(&sk_pool_spec_type);
    if (node != NULL && read_pool(node, spec, error))
        return spec;
    sk_value_free(&sk_pool_spec_type, spec);
    return NULL;
}

/* -- writing ---------------------------------------------------------------------------------------------------------- */

void
sk_xml_set_bytes(SkXmlNode *node, const char *path, guint64 bytes)
{
    g_autofree char *unit = g_strconcat(path, "/@unit", NULL);
    sk_xml_set(node, unit, "bytes");
    sk_xml_setf(node, path, "%" G_GUINT64_FORMAT, bytes);
}

static void
write_source(SkXmlNode *above, gint kind, const SkPoolSource *source)
{
    SkXmlNode *node = sk_xml_add(above, "source");
    const char *const *formats = kinds[kind].sources;
    sk_xml_write_fields(node, &sk_pool_source_type, source);
    if (formats != NULL)
        sk_xml_set(node, "format/@type", source->format != NULL ? source->format : formats[0]);
}

char *
sk_xml_pool_sources_format(gint kind, const GPtrArray *sources)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("sources");
    for (guint i = 0; i < sources->len; i++)
        write_source(root, kind, sources->pdata[i]);
    return sk_xml_text(root);
}

char *
sk_xml_pool_format(const SkPoolSpec *spec, const SkPoolStatus *status)
{
    static const SkPoolSource none = { 0 };
    g_autoptr(SkXmlNode) pool = sk_xml_new("pool");
    sk_xml_set(pool, "@type", sk_enum_name(&sk_pool_kind_enum, spec->kind));
    sk_xml_set(pool, "name", spec->name);
    sk_xml_set(pool, "uuid", spec->uuid);
    sk_xml_set_bytes(pool, "capacity", status != NULL ? status->capacity : 0);
    sk_xml_set_bytes(pool, "allocation", status != NULL ? status->allocation : 0);
    sk_xml_set_bytes(pool, "available", status != NULL ? status->available : 0);
    write_source(pool, spec->kind, spec->source != NULL ? spec->source : &none);
    sk_xml_set(pool, "target/path", spec->path);
    sk_xml_set(pool, "target/permissions/mode", spec->mode);
    sk_xml_set(pool, "target/permissions/owner", spec->owner);
    sk_xml_set(pool, "target/permissions/group", spec->group);
    return sk_xml_text(pool);
}

/* -- capabilities -------------------------------------------------------------------------------------------------------- */

static void
write_formats(SkXmlNode *options, const char *kind, const char *const *formats)
{
    sk_xml_set(options, "defaultFormat/@type", formats[0]);
    SkXmlNode *names = sk_xml_add(options, "enum");
    sk_xml_set(names, "@name", kind);
    for (guint i = 0; formats[i] != NULL; i++)
        sk_xml_set(sk_xml_add(names, "value"), ".", formats[i]);
}

static void
write_kind(SkXmlNode *root, gint kind)
{
    SkXmlNode *pool = sk_xml_add(root, "pool");
    sk_xml_set(pool, "@type", sk_enum_name(&sk_pool_kind_enum, kind));
    sk_xml_set(pool, "@supported", "yes");
    if (kinds[kind].sources != NULL)
        write_formats(sk_xml_add(pool, "poolOptions"), "sourceFormatType", kinds[kind].sources);
    if (kinds[kind].volumes != NULL)
        write_formats(sk_xml_add(pool, "volOptions"), "targetFormatType", kinds[kind].volumes);
}

char *
sk_xml_pool_capabilities(void)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("storagepoolCapabilities");
    for (gint kind = 0; kind < SK_N_POOL_KINDS; kind++)
        write_kind(root, kind);
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        SkXmlNode *pool = sk_xml_add(root, "pool");
        sk_xml_set(pool, "@type", refused[i].type);
        sk_xml_set(pool, "@supported", "no");
    }
    return sk_xml_text(root);
}
