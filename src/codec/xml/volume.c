/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <volume> */
#include <string.h>

#include "codec/xml/encryption.h"
#include "codec/xml/storage-private.h"

/* -- reading ------------------------------------------------------------------------------------------------------- */

static gboolean
read_format(SkXmlNode *node, SkVolumeCreate *create, GError **error)
{
    static const char *const others[] = { "qed", "vdi", "vmdk", "vpc", NULL };
    const char *format = sk_xml_get(node, "target/format/@type");
    create->format = SK_FORMAT_RAW;
    /* An ISO is a file like any other when it is made. */
    if (format == NULL || g_str_equal(format, "luks") || g_str_equal(format, "iso") || g_str_equal(format, "unknown"))
        return TRUE;
    if (sk_enum_parse(&sk_disk_format_enum, format, &create->format, NULL))
        return TRUE;
    if (!g_strv_contains(others, format))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "volumes of format \"%.32s\" are not made here: give qcow2, raw, qed, vdi, vmdk or vpc", format);
    create->options.foreign_format = g_strdup(format);
    return TRUE;
}

/* Without an allocation a raw volume has all its space at once; 0 is a sparse one. */
static gboolean
read_sizes(SkXmlNode *node, SkVolumeCreate *create, GError **error)
{
    guint64 allocation = G_MAXUINT64;
    if (!sk_xml_get_size(node, "capacity", "bytes", &create->capacity, error) ||
        !sk_xml_get_size(node, "allocation", "bytes", &allocation, error))
        return FALSE;
    sk_xml_ignore(node, "physical");
    if (create->format == SK_FORMAT_RAW && create->options.foreign_format == NULL)
        create->allocation = MIN(allocation, create->capacity);
    else if (create->capacity % 512 != 0)
        create->capacity += 512 - create->capacity % 512;
    return TRUE;
}

static const SkXmlRefusal refused[] = {
    { "source/device", "where in a volume group a volume lies is LVM's choice" },
};

static gboolean
read_options(SkXmlNode *node, SkVolumeOptions *options, GError **error)
{
    SkXmlNode *target = sk_xml_child(node, "target");
    if (target == NULL)
        return TRUE;
    if (!sk_xml_read_encryption(target, "encryption", &options->encryption, error))
        return FALSE;
    sk_xml_get_string(target, "compat", &options->compat);
    sk_xml_get_string(target, "permissions/mode", &options->mode);
    sk_xml_get_string(target, "permissions/owner", &options->owner);
    sk_xml_get_string(target, "permissions/group", &options->group);
    options->nocow = sk_xml_has(target, "nocow");
    options->lazy_refcounts = sk_xml_has(target, "features/lazy_refcounts");
    options->extended_l2 = sk_xml_has(target, "features/extended_l2");
    if (!sk_xml_get_size(target, "clusterSize", "bytes", &options->cluster_size, error))
        return FALSE;
    sk_xml_child(target, "features");
    if (g_strcmp0(options->owner, "-1") == 0)
        g_clear_pointer(&options->owner, g_free);
    if (g_strcmp0(options->group, "-1") == 0)
        g_clear_pointer(&options->group, g_free);
    return TRUE;
}

/* Of a raw file nothing of this is true; clients send on what they were shown of another volume. */
static void
drop_qcow2_options(SkVolumeCreate *create)
{
    if (create->format == SK_FORMAT_QCOW2)
        return;
    g_clear_pointer(&create->options.compat, g_free);
    create->options.cluster_size = 0;
    create->options.lazy_refcounts = create->options.extended_l2 = FALSE;
}

static gboolean
read_backing(SkXmlNode *node, char **out, GError **error)
{
    SkXmlNode *backing = sk_xml_child(node, "backingStore");
    if (backing == NULL)
        return TRUE;
    const char *path = sk_xml_get(backing, "path");
    /* Its format is what it is recorded to be; the rest is its own. */
    sk_xml_ignore(backing, "format");
    sk_xml_ignore(backing, "permissions");
    sk_xml_ignore(backing, "timestamps");
    if (path == NULL)
        return sk_xml_fail(backing, error, SK_ERROR_XML, "the element <path> is missing");
    *out = g_strdup(path);
    return TRUE;
}

static gboolean
read_volume(SkXmlNode *node, SkVolumeCreate *create, char **out_backing, GError **error)
{
    static const char *const not_theirs[] = { "@type", "key", "source", "target/path", "target/timestamps", "target/permissions/label" };
    sk_xml_get_string(node, "name", &create->name);
    if (create->name == NULL)
        return sk_xml_fail(node, error, SK_ERROR_XML, "missing volume name element");
    if (!sk_xml_refuse(node, refused, G_N_ELEMENTS(refused), error) || !read_format(node, create, error) || !read_sizes(node, create, error) ||
        !read_options(node, &create->options, error) || !read_backing(node, out_backing, error))
        return FALSE;
    drop_qcow2_options(create);
    for (guint i = 0; i < G_N_ELEMENTS(not_theirs); i++)
        sk_xml_ignore(node, not_theirs[i]);
    return sk_xml_check_read(node, error) && sk_xml_check_value(&sk_volume_create_type, create, "volume", error);
}

gboolean
sk_xml_volume_parse(const char *text, gssize length, SkVolumeCreate *out, char **out_backing, GError **error)
{
    g_autoptr(SkXmlNode) node = sk_xml_parse(text, length, "volume XML", "volume", error);
    g_autofree char *backing = NULL;
    sk_value_init(&sk_volume_create_type, out);
    if (node != NULL && read_volume(node, out, &backing, error)) {
        *out_backing = g_steal_pointer(&backing);
        return TRUE;
    }
    sk_value_clear(&sk_volume_create_type, out);
    return FALSE;
}

/* -- writing ---------------------------------------------------------------------------------------------------------- */

static const char *
format_of(const SkVolume *volume)
{
    static const char *const known[] = { "raw", "qcow", "qed", "vmdk", "vdi", "vpc", "dmg", NULL };
    if (volume->kind == SK_VOLUME_ISO)
        return "iso";
    if (volume->kind == SK_VOLUME_DISK)
        return sk_enum_name(&sk_disk_format_enum, volume->format);
    /* Anything else is a file to libvirt. */
    return volume->foreign_format != NULL && g_strv_contains(known, volume->foreign_format) ? volume->foreign_format : "raw";
}

static void
write_time(SkXmlNode *node, const char *path, gint64 time)
{
    if (time > 0)
        sk_xml_setf(node, path, "%" G_GINT64_FORMAT ".%06" G_GINT64_FORMAT "000", time / G_USEC_PER_SEC, time % G_USEC_PER_SEC);
}

static void
write_file(SkXmlNode *node, const SkVolume *volume)
{
    sk_xml_set(node, "format/@type", format_of(volume));
    if (volume->mode == NULL)
        return;
    sk_xml_set(node, "permissions/mode", volume->mode);
    sk_xml_setf(node, "permissions/owner", "%u", volume->owner);
    sk_xml_setf(node, "permissions/group", "%u", volume->group);
    write_time(node, "timestamps/atime", volume->accessed);
    write_time(node, "timestamps/mtime", volume->modified);
    write_time(node, "timestamps/ctime", volume->changed);
    write_time(node, "timestamps/btime", volume->born);
}

static void
write_qcow2(SkXmlNode *target, const SkVolume *volume)
{
    if (volume->compat == NULL)
        return;
    sk_xml_set(target, "compat", volume->compat);
    sk_xml_set(target, "clusterSize/@unit", "B");
    sk_xml_setf(target, "clusterSize", "%" G_GUINT64_FORMAT, volume->cluster_size);
    if (volume->lazy_refcounts)
        sk_xml_need(target, "features/lazy_refcounts");
    if (volume->extended_l2)
        sk_xml_need(target, "features/extended_l2");
}

static void
write_backing(SkXmlNode *root, const SkVolume *volume, const SkVolume *backing)
{
    if (volume->backing_path == NULL)
        return;
    sk_xml_set(root, "backingStore/path", volume->backing_path);
    if (backing != NULL)
        write_file(sk_xml_need(root, "backingStore"), backing);
    else
        sk_xml_set(root, "backingStore/format/@type", sk_enum_name(&sk_disk_format_enum, volume->backing_format));
}

char *
sk_xml_volume_format(const SkVolume *volume, const SkVolume *backing)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("volume");
    sk_xml_set(root, "@type", volume->block ? "block" : "file");
    sk_xml_set(root, "name", volume->name);
    sk_xml_set(root, "key", volume->path);
    sk_xml_set_bytes(root, "capacity", volume->capacity);
    sk_xml_set_bytes(root, "allocation", volume->allocation);
    sk_xml_set_bytes(root, "physical", volume->physical);
    SkXmlNode *target = sk_xml_add(root, "target");
    sk_xml_set(target, "path", volume->path);
    write_file(target, volume);
    sk_xml_write_encryption(target, volume->encryption);
    write_qcow2(target, volume);
    write_backing(root, volume, backing);
    return sk_xml_text(root);
}
