/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/disk.h"

/* Storage pools, volumes and images. Values; any thread. */

typedef enum { SK_POOL_DIR, SK_POOL_FS, SK_POOL_NETFS, SK_POOL_LOGICAL, SK_N_POOL_KINDS } SkPoolKind;

/* What a pool is made of that is no directory. */
typedef struct {
    char *host;             /* netfs: server */
    char *dir;              /* netfs: what it exports */
    char **devices;         /* fs: the one with the file system; logical: those to make the group of */
    char *name;             /* logical: volume group */
    char *format;           /* of the file system; NULL: found out */
} SkPoolSource;

typedef struct {
    char *name, *uuid;
    gint kind;              /* SkPoolKind */
    char *path;             /* where its volumes are; NULL: a directory under the daemon's own */
    SkPoolSource *source;   /* NULL: kind dir */
    char *mode;             /* octal, of the directory when it is made; NULL: 0711 */
    char *owner, *group;    /* numbers; NULL: root */
    gboolean autostart;
    GHashTable *metadata;
} SkPoolSpec;

typedef struct {
    gboolean active;
    gboolean transient;     /* not defined: gone when it is stopped */
    guint64 capacity, allocation, available; /* bytes, of the file system below */
    guint volumes;
    char *message;
} SkPoolStatus;

typedef struct {
    SkPoolSpec spec;
    SkPoolStatus status;
    char *etag;
} SkPoolView;

typedef enum { SK_PREALLOC_OFF, SK_PREALLOC_METADATA, SK_PREALLOC_FALLOC, SK_PREALLOC_FULL, SK_N_PREALLOCS } SkPrealloc;

/* What a file in a pool is. Only qcow2 and raw are disks of domains; others can be imported. */
typedef enum { SK_VOLUME_DISK, SK_VOLUME_ISO, SK_VOLUME_FOREIGN, SK_N_VOLUME_KINDS } SkVolumeKind;

typedef struct {
    char *name;             /* file name in the pool */
    char *pool;
    gint kind;              /* SkVolumeKind */
    gint format;            /* SkDiskFormat */
    char *foreign_format;   /* kind foreign: "vmdk" ... */
    char *path;             /* full path; also libvirt's volume key */
    guint64 capacity;       /* bytes the guest sees */
    guint64 allocation;     /* bytes on the disk */
    char *backing_path;     /* the next of the chain, full path; NULL: none */
    gint backing_format;
    gint64 modified;        /* microseconds since the epoch */
    char **used_by;         /* domains that have it in their definition */
    gboolean image;         /* it is an image */
    gboolean block;         /* a block device, not a file */
    guint64 physical;       /* bytes the file is long */
    guint64 cluster_size;   /* qcow2 */
    char *compat;           /* qcow2: "1.1" or "0.10" */
    gboolean lazy_refcounts, extended_l2; /* qcow2 */
    SkEncryption *encryption; /* NULL: it is not encrypted */
    char *mode;             /* octal */
    guint owner, group;
    gint64 accessed, changed, born; /* as modified; 0: not known */
} SkVolume;

/* How a file is to be: what is not given is as usual. */
typedef struct {
    char *compat;           /* qcow2: "1.1", "0.10" */
    guint64 cluster_size;   /* qcow2 */
    gboolean lazy_refcounts, extended_l2; /* qcow2 */
    char *mode;             /* octal */
    char *owner, *group;    /* numbers */
    SkEncryption *encryption; /* NULL: none */
    char *foreign_format;   /* "vmdk", "vdi", "vpc", "qed": instead of the format, for other programs */
    gboolean nocow;         /* btrfs: written in place */
} SkVolumeOptions;

/* What to make. */
typedef struct {
    char *name;
    guint64 capacity;
    gint format;            /* SkDiskFormat */
    gint preallocation;     /* SkPrealloc */
    guint64 allocation;     /* raw: bytes to take at once */
    SkVolumeOptions options;
    char *backing_volume;   /* name in the same pool, or a path in another of ours */
    char *backing_pool;
} SkVolumeCreate;

/* An image: a volume of the image pool that domains are made from. Read-only once there. */
typedef struct {
    char *name;
    char *path;
    guint64 capacity, allocation;
    char *os;               /* "debian-12", "" if unknown */
    char *default_user;     /* the account its cloud-init makes */
    char *source;           /* where it came from: URL or path */
    char *sha256;           /* of what was imported, before conversion */
    char *original_format;
    gint64 created;         /* microseconds since the epoch */
    guint users;            /* volumes backed by it */
} SkImage;

extern const SkEnum sk_pool_kind_enum, sk_prealloc_enum, sk_volume_kind_enum;
extern const SkType sk_pool_spec_type, sk_pool_status_type, sk_pool_view_type, sk_pool_source_type, sk_volume_type, sk_volume_create_type, sk_volume_options_type, sk_image_type;
