/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of pools, volumes and images. */
#include "model/storage.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName pool_kind_names[] = { { "dir" }, { "fs" }, { "netfs" }, { "logical" } };
static const SkEnumName prealloc_names[] = { { "off" }, { "metadata" }, { "falloc" }, { "full" } };
static const SkEnumName volume_kind_names[] = { { "disk" }, { "iso" }, { "foreign" } };
SK_ENUM_TABLE(sk_pool_kind_enum, "pool kind", pool_kind_names, SK_N_POOL_KINDS);
SK_ENUM_TABLE(sk_prealloc_enum, "preallocation", prealloc_names, SK_N_PREALLOCS);
SK_ENUM_TABLE(sk_volume_kind_enum, "volume kind", volume_kind_names, SK_N_VOLUME_KINDS);

/* -- rules ------------------------------------------------------------------------------------------------------- */

static gboolean
check_octal(const char *text, const char *what, GError **error)
{
    return g_ascii_string_to_unsigned(text, 8, 0, 07777, NULL, NULL) ||
           sk_fail(error, SK_ERROR_INVALID, "%s is \"%.16s\", give an octal mode such as 0711", what, text);
}

static gboolean
check_id(const char *text, const char *what, GError **error)
{
    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, NULL, NULL) ||
           sk_fail(error, SK_ERROR_INVALID, "%s is \"%.16s\", give the number of a user or group", what, text);
}

static gboolean
check_compat(const char *text, const char *what, GError **error)
{
    return g_str_equal(text, "1.1") || g_str_equal(text, "0.10") ||
           sk_fail(error, SK_ERROR_INVALID, "%s is \"%.16s\", give 1.1 or 0.10", what, text);
}

/* What qemu-img makes that is no disk of ours. */
static gboolean
check_foreign(const char *text, const char *what, GError **error)
{
    static const char *const formats[] = { "qed", "vdi", "vmdk", "vpc", NULL };
    return g_strv_contains(formats, text) || sk_fail(error, SK_ERROR_INVALID, "%s is \"%.16s\", give qed, vdi, vmdk or vpc", what, text);
}

/* What goes on a command line of another program, or into a mount option, is short and plain. */
static gboolean
check_plain(const char *text, const char *what, GError **error)
{
    return (*text != '-' && *text != '\0' && strpbrk(text, " ,;'\"\\|&$<>\n") == NULL) ||
           sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", which has characters that are not possible there", what, text);
}

/* What each kind needs, and nothing else. */
static gboolean
check_pool(gconstpointer value, GError **error)
{
    static const struct {
        gboolean host, dir, devices, name, format;
        const char *needs;
    } kinds[SK_N_POOL_KINDS] = {
        [SK_POOL_FS] = { .devices = TRUE, .format = TRUE, .needs = "one device in source.devices" },
        [SK_POOL_NETFS] = { .host = TRUE, .dir = TRUE, .format = TRUE, .needs = "source.host and source.dir" },
        [SK_POOL_LOGICAL] = { .name = TRUE, .devices = TRUE, .format = TRUE, .needs = "source.name, the volume group" },
    };
    static const SkPoolSource none = { 0 };
    const SkPoolSpec *self = value;
    const SkPoolSource *source = self->source != NULL ? self->source : &none;
    gboolean devices = source->devices != NULL && source->devices[0] != NULL;
    if ((!kinds[self->kind].host && source->host != NULL) || (!kinds[self->kind].dir && source->dir != NULL) ||
        (!kinds[self->kind].devices && devices) || (!kinds[self->kind].name && source->name != NULL) ||
        (!kinds[self->kind].format && source->format != NULL))
        return sk_fail(error, SK_ERROR_INVALID, "pool \"%s\": its source has what a pool of kind %s does not", self->name,
                       sk_enum_name(&sk_pool_kind_enum, self->kind));
    if ((self->kind == SK_POOL_FS && !devices) || (self->kind == SK_POOL_NETFS && (source->host == NULL || source->dir == NULL)) ||
        (self->kind == SK_POOL_LOGICAL && source->name == NULL))
        return sk_fail(error, SK_ERROR_INVALID, "pool \"%s\" of kind %s needs %s", self->name,
                       sk_enum_name(&sk_pool_kind_enum, self->kind), kinds[self->kind].needs);
    return self->kind != SK_POOL_FS || source->devices[1] == NULL ||
           sk_fail(error, SK_ERROR_INVALID, "pool \"%s\" of kind fs has one device", self->name);
}

/* -- pools --------------------------------------------------------------------------------------------------------- */

static const SkField pool_source_fields[] = {
    SK_FIELD(SkPoolSource, host, STRING, "netfs: server", .xml = "host/@name", .max = 255, .check = check_plain),
    SK_FIELD(SkPoolSource, dir, STRING, "netfs: directory it exports", .xml = "dir/@path", .check = sk_check_path),
    SK_FIELD(SkPoolSource, devices, STRV, "fs: device with the file system; logical: devices to make the volume group of", .xml = "device/@path", .max = 64, .check = sk_check_path),
    SK_FIELD(SkPoolSource, name, STRING, "logical: volume group", .xml = "name", .max = 127, .check = sk_check_name),
    SK_FIELD(SkPoolSource, format, STRING, "format of the file system; found out if not given", .xml = "~", .max = 16, .check = sk_check_name),
};
SK_TYPE(sk_pool_source_type, SkPoolSource, "PoolSource", "source", pool_source_fields, "what a storage pool is made of");

static const SkField pool_fields[] = {
    SK_FIELD(SkPoolSpec, name, STRING, "name, unique on the host", .xml = "name", .flags = SK_FIELD_REQUIRED, .check = sk_check_name),
    SK_FIELD(SkPoolSpec, uuid, STRING, "UUID; made if not given", .xml = "uuid", .check = sk_check_uuid),
    SK_FIELD(SkPoolSpec, kind, ENUM, "what it is made of", .xml = "@type", .names = &sk_pool_kind_enum),
    SK_FIELD(SkPoolSpec, path, STRING, "directory; made if not there", .xml = "target/path", .check = sk_check_path),
    SK_FIELD(SkPoolSpec, source, OPTIONAL, "what it is made of, unless it is a directory", .xml = "~", .type = &sk_pool_source_type),
    SK_FIELD(SkPoolSpec, mode, STRING, "octal mode of the directory when it is made; 0711 if not given", .xml = "target/permissions/mode", .flags = SK_FIELD_SPARSE, .check = check_octal),
    SK_FIELD(SkPoolSpec, owner, STRING, "number of its owner", .xml = "target/permissions/owner", .flags = SK_FIELD_SPARSE, .check = check_id),
    SK_FIELD(SkPoolSpec, group, STRING, "number of its group", .xml = "target/permissions/group", .flags = SK_FIELD_SPARSE, .check = check_id),
    SK_FIELD(SkPoolSpec, autostart, BOOL, "start with the host", .def = "true"),
    SK_FIELD(SkPoolSpec, metadata, MAP, "other programs' data, kept as it came"),
};
SK_TYPE(sk_pool_spec_type, SkPoolSpec, "Pool", "storage pool", pool_fields, "a storage pool", .xml = "pool", .check = check_pool);

static const SkField pool_status_fields[] = {
    SK_FIELD(SkPoolStatus, active, BOOL, "it can be used"),
    SK_FIELD(SkPoolStatus, transient, BOOL, "it is not defined: gone when it is stopped", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkPoolStatus, capacity, SIZE, "size of the file system"),
    SK_FIELD(SkPoolStatus, allocation, SIZE, "in use on it"),
    SK_FIELD(SkPoolStatus, available, SIZE, "free on it"),
    SK_FIELD(SkPoolStatus, volumes, UINT, "volumes in it"),
    SK_FIELD(SkPoolStatus, message, STRING, "the last failure"),
};
SK_TYPE(sk_pool_status_type, SkPoolStatus, "PoolStatus", "pool status", pool_status_fields, "what is known of a pool at the moment");

static const SkField pool_view_fields[] = {
    SK_FIELD(SkPoolView, spec, STRUCT, "definition", .type = &sk_pool_spec_type),
    SK_FIELD(SkPoolView, status, STRUCT, "status", .type = &sk_pool_status_type),
    SK_FIELD(SkPoolView, etag, STRING, "changes with every change of the definition"),
};
SK_TYPE(sk_pool_view_type, SkPoolView, "PoolView", "storage pool", pool_view_fields, "a storage pool: definition and status");

static const SkField volume_fields[] = {
    SK_FIELD(SkVolume, name, STRING, "file name in the pool", .xml = "name"),
    SK_FIELD(SkVolume, pool, STRING, "pool"),
    SK_FIELD(SkVolume, kind, ENUM, "what it is", .names = &sk_volume_kind_enum),
    SK_FIELD(SkVolume, format, ENUM, "format", .xml = "target/format/@type", .names = &sk_disk_format_enum),
    SK_FIELD(SkVolume, foreign_format, STRING, "format of a foreign file"),
    SK_FIELD(SkVolume, path, STRING, "full path", .xml = "target/path"),
    SK_FIELD(SkVolume, capacity, SIZE, "size the guest sees", .xml = "capacity"),
    SK_FIELD(SkVolume, allocation, SIZE, "size on the disk", .xml = "allocation"),
    SK_FIELD(SkVolume, backing_path, STRING, "the volume below", .xml = "backingStore/path"),
    SK_FIELD(SkVolume, backing_format, ENUM, "format of the volume below", .xml = "backingStore/format/@type", .names = &sk_disk_format_enum),
    SK_FIELD(SkVolume, modified, INT64, "last change, microseconds since 1970"),
    SK_FIELD(SkVolume, used_by, STRV, "domains that have it in their definition"),
    SK_FIELD(SkVolume, image, BOOL, "it is an image"),
    SK_FIELD(SkVolume, block, BOOL, "it is a block device", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolume, physical, SIZE, "length of the file", .xml = "physical"),
    SK_FIELD(SkVolume, cluster_size, SIZE, "cluster size of qcow2", .xml = "target/clusterSize", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolume, compat, STRING, "version of qcow2", .xml = "target/compat", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolume, lazy_refcounts, BOOL, "qcow2 updates its reference counts late", .xml = "target/features/lazy_refcounts", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolume, extended_l2, BOOL, "qcow2 has parts of clusters", .xml = "target/features/extended_l2", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolume, encryption, OPTIONAL, "it is encrypted (LUKS), and with which secret if that is known", .xml = "~", .type = &sk_encryption_type, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolume, mode, STRING, "octal mode of the file", .xml = "target/permissions/mode"),
    SK_FIELD(SkVolume, owner, UINT, "number of its owner", .xml = "target/permissions/owner"),
    SK_FIELD(SkVolume, group, UINT, "number of its group", .xml = "target/permissions/group"),
    SK_FIELD(SkVolume, accessed, INT64, "last read, microseconds since 1970", .xml = "~"),
    SK_FIELD(SkVolume, changed, INT64, "last change of the file's name, owner or mode, microseconds since 1970", .xml = "~"),
    SK_FIELD(SkVolume, born, INT64, "when it was made, microseconds since 1970; 0 if not known", .xml = "~"),
};
SK_TYPE(sk_volume_type, SkVolume, "Volume", "volume", volume_fields, "a volume", .xml = "volume");

static const SkField volume_options_fields[] = {
    SK_FIELD(SkVolumeOptions, compat, STRING, "version of qcow2: 1.1 or 0.10", .xml = "compat", .flags = SK_FIELD_SPARSE, .check = check_compat),
    SK_FIELD(SkVolumeOptions, cluster_size, SIZE, "cluster size of qcow2", .xml = "~", .flags = SK_FIELD_SPARSE, .min = 512, .max = 2 * 1024 * 1024),
    SK_FIELD(SkVolumeOptions, lazy_refcounts, BOOL, "qcow2: update reference counts late", .xml = "features/lazy_refcounts", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeOptions, extended_l2, BOOL, "qcow2: keep parts of clusters", .xml = "features/extended_l2", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeOptions, encryption, OPTIONAL, "encrypt it (LUKS), with this secret", .xml = "~", .type = &sk_encryption_type, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeOptions, foreign_format, STRING, "a format for other programs, instead of the format: vmdk, vdi, vpc, qed; no disk of a domain", .xml = "~", .flags = SK_FIELD_SPARSE, .check = check_foreign),
    SK_FIELD(SkVolumeOptions, nocow, BOOL, "btrfs: write in place; without effect on other file systems", .xml = "nocow", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeOptions, mode, STRING, "octal mode of the file; 0600 if not given", .xml = "permissions/mode", .flags = SK_FIELD_SPARSE, .check = check_octal),
    SK_FIELD(SkVolumeOptions, owner, STRING, "number of its owner", .xml = "permissions/owner", .flags = SK_FIELD_SPARSE, .check = check_id),
    SK_FIELD(SkVolumeOptions, group, STRING, "number of its group", .xml = "permissions/group", .flags = SK_FIELD_SPARSE, .check = check_id),
};
SK_TYPE(sk_volume_options_type, SkVolumeOptions, "VolumeOptions", "options", volume_options_fields, "how the file of a volume is to be");

static const SkField volume_create_fields[] = {
    SK_FIELD(SkVolumeCreate, name, STRING, "file name in the pool", .flags = SK_FIELD_REQUIRED, .check = sk_check_name),
    SK_FIELD(SkVolumeCreate, capacity, SIZE, "size the guest sees; that of the volume below if not given", .min = 512, .max = G_GINT64_CONSTANT(1) << 50, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeCreate, format, ENUM, "format", .names = &sk_disk_format_enum),
    SK_FIELD(SkVolumeCreate, preallocation, ENUM, "space taken at once", .names = &sk_prealloc_enum),
    SK_FIELD(SkVolumeCreate, allocation, SIZE, "raw: space taken at once", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeCreate, options, STRUCT, "how the file is to be", .type = &sk_volume_options_type, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeCreate, backing_volume, STRING, "volume to lay it over", .check = sk_check_name),
    SK_FIELD(SkVolumeCreate, backing_pool, STRING, "pool of that volume; the same if not given", .check = sk_check_name),
};
SK_TYPE(sk_volume_create_type, SkVolumeCreate, "VolumeCreate", "volume", volume_create_fields, "a volume to make");

static const SkField image_fields[] = {
    SK_FIELD(SkImage, name, STRING, "name"),
    SK_FIELD(SkImage, path, STRING, "full path"),
    SK_FIELD(SkImage, capacity, SIZE, "size the guest sees"),
    SK_FIELD(SkImage, allocation, SIZE, "size on the disk"),
    SK_FIELD(SkImage, os, STRING, "operating system"),
    SK_FIELD(SkImage, default_user, STRING, "account its cloud-init makes"),
    SK_FIELD(SkImage, source, STRING, "where it came from"),
    SK_FIELD(SkImage, sha256, STRING, "SHA-256 of what was imported"),
    SK_FIELD(SkImage, original_format, STRING, "format it had"),
    SK_FIELD(SkImage, created, INT64, "microseconds since 1970"),
    SK_FIELD(SkImage, users, UINT, "volumes laid over it"),
};
SK_TYPE(sk_image_type, SkImage, "Image", "image", image_fields, "an image to make domains from");
