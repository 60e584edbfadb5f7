/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/switch.h"

/* Rarer devices: USB redirection and hubs, smartcards, audio, shared memory, DIMMs, the IOMMU. Values; any thread. */

typedef enum { SK_REDIR_SPICEVMC, SK_REDIR_TCP, SK_REDIR_UNIX, SK_N_REDIR_KINDS } SkRedirKind;
typedef struct {
    gint kind;              /* SkRedirKind: who brings the USB device */
    char *path, *host;      /* unix: socket to connect to; tcp: "address:port" */
    guint boot_order;
    char *alias, *address;
} SkRedirdev;

typedef struct {
    char *alias, *address;
} SkHub;

typedef enum { SK_SMARTCARD_PASSTHROUGH, SK_SMARTCARD_HOST, SK_N_SMARTCARD_KINDS } SkSmartcardKind;
typedef struct {
    gint kind;              /* SkSmartcardKind; passthrough: the viewer's card, over SPICE */
    char *alias, *address;
} SkSmartcard;

typedef enum { SK_AUDIO_NONE, SK_AUDIO_SPICE, SK_N_AUDIO_KINDS } SkAudioKind;
typedef struct {
    guint id;               /* sound cards name it */
    gint kind;              /* SkAudioKind */
} SkAudio;

typedef enum { SK_SHMEM_PLAIN, SK_SHMEM_DOORBELL, SK_N_SHMEM_MODELS } SkShmemModel;
typedef enum { SK_SHMEM_ROLE_DEFAULT, SK_SHMEM_MASTER, SK_SHMEM_PEER, SK_N_SHMEM_ROLES } SkShmemRole;
typedef struct {
    char *name;             /* of the segment on the host */
    gint model, role;
    guint64 size;           /* bytes; plain */
    char *path;             /* doorbell: socket of the ivshmem server */
    guint vectors;          /* doorbell: interrupts */
    char *alias, *address;
} SkShmem;

typedef struct {
    guint64 size;           /* bytes */
    gint node;              /* NUMA node of the guest, -1: none */
    char *alias, *address;  /* "dimm:0" */
} SkDimm;

typedef enum { SK_IOMMU_INTEL, SK_IOMMU_VIRTIO, SK_N_IOMMU_MODELS } SkIommuModel;
typedef struct {
    gint model;
    gint interrupt_remapping, caching_mode, eim, iotlb; /* SkSwitch */
    guint address_bits;     /* 39 or 48; 0: QEMU's default */
    char *alias, *address;
} SkIommu;

extern const SkEnum sk_redir_kind_enum, sk_smartcard_kind_enum, sk_audio_kind_enum, sk_shmem_model_enum, sk_shmem_role_enum, sk_iommu_model_enum;
extern const SkType sk_redirdev_type, sk_hub_type, sk_smartcard_type, sk_audio_type, sk_shmem_type, sk_dimm_type, sk_iommu_type;
