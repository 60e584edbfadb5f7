/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of pools, volumes and images. */
#include "model/storage.h"

#include "base/error.h"
#include "base/text.h"

static const SkEnumName pool_kind_names[] = { { "dir" } };
static const SkEnumName prealloc_names[] = { { "off" }, { "metadata" }, { "falloc" }, { "full" } };
static const SkEnumName volume_kind_names[] = { { "disk" }, { "iso" }, { "foreign" } };
SK_ENUM_TABLE(sk_pool_kind_enum, "pool kind", pool_kind_names, SK_N_POOL_KINDS);
SK_ENUM_TABLE(sk_prealloc_enum, "preallocation", prealloc_names, SK_N_PREALLOCS);
SK_ENUM_TABLE(sk_volume_kind_enum, "volume kind", volume_kind_names, SK_N_VOLUME_KINDS);

static const SkField pool_fields[] = {
    SK_FIELD(SkPoolSpec, name, STRING, "name, unique on the host", .xml = "name", .flags = SK_FIELD_REQUIRED, .check = sk_check_name),
    SK_FIELD(SkPoolSpec, uuid, STRING, "UUID; made if not given", .xml = "uuid", .check = sk_check_uuid),
    SK_FIELD(SkPoolSpec, kind, ENUM, "what it is made of", .xml = "@type", .names = &sk_pool_kind_enum),
    SK_FIELD(SkPoolSpec, path, STRING, "directory; made if not there", .xml = "target/path", .check = sk_check_path),
    SK_FIELD(SkPoolSpec, autostart, BOOL, "start with the host", .def = "true"),
    SK_FIELD(SkPoolSpec, metadata, MAP, "other programs' data, kept as it came"),
};
SK_TYPE(sk_pool_spec_type, SkPoolSpec, "Pool", "storage pool", pool_fields, "a storage pool", .xml = "pool");

static const SkField pool_status_fields[] = {
    SK_FIELD(SkPoolStatus, active, BOOL, "it can be used"),
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
};
SK_TYPE(sk_volume_type, SkVolume, "Volume", "volume", volume_fields, "a volume", .xml = "volume");

static const SkField volume_create_fields[] = {
    SK_FIELD(SkVolumeCreate, name, STRING, "file name in the pool", .flags = SK_FIELD_REQUIRED, .check = sk_check_name),
    SK_FIELD(SkVolumeCreate, capacity, SIZE, "size the guest sees; that of the volume below if not given", .min = 512, .max = G_GINT64_CONSTANT(1) << 50, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeCreate, format, ENUM, "format", .names = &sk_disk_format_enum),
    SK_FIELD(SkVolumeCreate, preallocation, ENUM, "space taken at once", .names = &sk_prealloc_enum),
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
