/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of the rarer devices. */
#include "model/extras.h"

#include "base/error.h"
#include "base/text.h"

#define SPARSE .flags = SK_FIELD_SPARSE
#define ALIAS(S) SK_FIELD(S, alias, STRING, "device id in QEMU", .xml = "~alias/@name", .flags = SK_FIELD_READONLY, .given = "ua-")
#define ADDRESS(S) SK_FIELD(S, address, STRING, "guest address of the device", .max = 64, .flags = SK_FIELD_STICKY)
#define SWITCH(S, member, help, xml_) SK_FIELD(S, member, ENUM, help, .xml = xml_, .names = &sk_switch_enum, SPARSE)

/* -- USB --------------------------------------------------------------------------------------------------- */

static const SkEnumName redir_names[] = { { "spicevmc" }, { "tcp" }, { "unix" } };
SK_ENUM_TABLE(sk_redir_kind_enum, "USB redirection", redir_names, SK_N_REDIR_KINDS);

static const SkField redirdev_fields[] = {
    SK_FIELD(SkRedirdev, kind, ENUM, "who brings the device: a SPICE viewer, or a usbredir server", .xml = "@type", .names = &sk_redir_kind_enum),
    SK_FIELD(SkRedirdev, path, STRING, "socket to connect to (unix)", .xml = "~source/@path", .check = sk_check_path),
    SK_FIELD(SkRedirdev, host, STRING, "address:port to connect to (tcp)", .xml = "~source/@host", .max = 64),
    SK_FIELD(SkRedirdev, boot_order, UINT, "place in the boot order, 0 for none", .xml = "boot/@order", .min = 0, .max = 64, SPARSE),
    ALIAS(SkRedirdev), ADDRESS(SkRedirdev),
};

static gboolean
check_redirdev(gconstpointer value, GError **error)
{
    const SkRedirdev *self = value;
    if ((self->kind == SK_REDIR_UNIX) == (self->path != NULL) && (self->kind == SK_REDIR_TCP) == (self->host != NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "kind unix needs path, kind tcp needs host, and nothing else has them");
}
SK_TYPE(sk_redirdev_type, SkRedirdev, "Redirdev", "USB redirection", redirdev_fields, "a USB device brought from elsewhere", .xml = "redirdev", .check = check_redirdev);

static const SkField hub_fields[] = { ALIAS(SkHub), ADDRESS(SkHub) };
SK_TYPE(sk_hub_type, SkHub, "Hub", "USB hub", hub_fields, "a USB hub of 8 ports", .xml = "hub");

static const SkEnumName smartcard_names[] = { { "passthrough", NULL, "the SPICE viewer's" }, { "host" } };
SK_ENUM_TABLE(sk_smartcard_kind_enum, "smartcard", smartcard_names, SK_N_SMARTCARD_KINDS);
static const SkField smartcard_fields[] = {
    SK_FIELD(SkSmartcard, kind, ENUM, "whose card it is", .xml = "@mode", .names = &sk_smartcard_kind_enum),
    ALIAS(SkSmartcard), ADDRESS(SkSmartcard),
};
SK_TYPE(sk_smartcard_type, SkSmartcard, "Smartcard", "smartcard", smartcard_fields, "a smartcard reader with a card", .xml = "smartcard");

/* -- audio ----------------------------------------------------------------------------------------------------- */

static const SkEnumName audio_names[] = { { "none", NULL, "played to nobody" }, { "spice", NULL, "played to the SPICE viewer" } };
SK_ENUM_TABLE(sk_audio_kind_enum, "audio backend", audio_names, SK_N_AUDIO_KINDS);
static const SkField audio_fields[] = {
    SK_FIELD(SkAudio, id, UINT, "number that sound cards name it by", .xml = "@id", .def = "1", .min = 1, .max = 64, .flags = SK_FIELD_KEY),
    SK_FIELD(SkAudio, kind, ENUM, "who hears it", .xml = "@type", .names = &sk_audio_kind_enum),
};
SK_TYPE(sk_audio_type, SkAudio, "Audio", "audio backend", audio_fields, "where sound cards play to", .xml = "audio");

/* -- memory ------------------------------------------------------------------------------------------------------ */

static const SkEnumName shmem_names[] = { { "plain", "ivshmem-plain" }, { "doorbell", "ivshmem-doorbell" } };
static const SkEnumName role_names[] = { { "default" }, { "master" }, { "peer" } };
SK_ENUM_TABLE(sk_shmem_model_enum, "shared memory model", shmem_names, SK_N_SHMEM_MODELS);
SK_ENUM_TABLE(sk_shmem_role_enum, "shared memory role", role_names, SK_N_SHMEM_ROLES);
static const SkField shmem_fields[] = {
    SK_FIELD(SkShmem, name, STRING, "name of the segment on the host", .xml = "@name", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = sk_check_name),
    SK_FIELD(SkShmem, role, ENUM, "whether the segment goes along when the domain migrates", .xml = "@role", .names = &sk_shmem_role_enum, SPARSE),
    SK_FIELD(SkShmem, model, ENUM, "memory alone, or with interrupts", .xml = "model/@type", .names = &sk_shmem_model_enum),
    SK_FIELD(SkShmem, size, SIZE, "size (plain)", .xml = "~size", .min = 4096, .max = G_GINT64_CONSTANT(1) << 40, SPARSE),
    SK_FIELD(SkShmem, path, STRING, "socket of the ivshmem server (doorbell)", .xml = "server/@path", .check = sk_check_path),
    SK_FIELD(SkShmem, vectors, UINT, "interrupts (doorbell)", .xml = "msi/@vectors", .min = 1, .max = 64, SPARSE),
    ALIAS(SkShmem), ADDRESS(SkShmem),
};

static gboolean
check_shmem(gconstpointer value, GError **error)
{
    const SkShmem *self = value;
    if (self->model == SK_SHMEM_PLAIN && (self->path != NULL || self->vectors > 0))
        return sk_fail(error, SK_ERROR_INVALID, "path and vectors are for model doorbell");
    if (self->model == SK_SHMEM_DOORBELL && self->path == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "path is missing: model doorbell needs the socket of a server");
    if (self->size & (self->size - 1))
        return sk_fail(error, SK_ERROR_INVALID, "size is not a power of two");
    return TRUE;
}
SK_TYPE(sk_shmem_type, SkShmem, "Shmem", "shared memory", shmem_fields, "memory shared with other domains of the host", .xml = "shmem", .check = check_shmem);

static const SkField dimm_fields[] = {
    SK_FIELD(SkDimm, size, SIZE, "memory", .xml = "target/size|unit", .min = 1024 * 1024, .max = G_GINT64_CONSTANT(1) << 44, .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkDimm, node, INT, "NUMA node of the guest, -1 for none", .xml = "~target/node", .def = "-1", .min = -1, .max = 127),
    ALIAS(SkDimm), ADDRESS(SkDimm),
};
SK_TYPE(sk_dimm_type, SkDimm, "Dimm", "DIMM", dimm_fields, "memory in a slot", .xml = "memory");

/* -- IOMMU --------------------------------------------------------------------------------------------------------- */

static const SkEnumName iommu_names[] = { { "intel" }, { "virtio" } };
SK_ENUM_TABLE(sk_iommu_model_enum, "IOMMU model", iommu_names, SK_N_IOMMU_MODELS);
static const SkField iommu_fields[] = {
    SK_FIELD(SkIommu, model, ENUM, "model", .xml = "@model", .names = &sk_iommu_model_enum),
    SWITCH(SkIommu, interrupt_remapping, "interrupts are remapped (intel)", "driver/@intremap"),
    SWITCH(SkIommu, caching_mode, "the guest's kernel tells of changes: for devices of the host (intel)", "driver/@caching_mode"),
    SWITCH(SkIommu, eim, "extended interrupts: for more than 255 vCPUs (intel)", "driver/@eim"),
    SWITCH(SkIommu, iotlb, "vhost devices keep translations (intel)", "driver/@iotlb"),
    SK_FIELD(SkIommu, address_bits, UINT, "39 or 48, 0 for the usual (intel)", .xml = "driver/@aw_bits", .min = 39, .max = 48, SPARSE),
    ALIAS(SkIommu), ADDRESS(SkIommu),
};
SK_TYPE(sk_iommu_type, SkIommu, "Iommu", "IOMMU", iommu_fields, "translates the addresses of devices", .xml = "iommu");
