/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Redirected USB devices, hubs, smartcards, shared memory, the IOMMU. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/builder.h"

/* -- USB ----------------------------------------------------------------------------------------------------------- */

static gboolean
build_redirdev(SkBuilder *self, const SkRedirdev *redirdev, GError **error)
{
    g_autofree char *chardev = g_strconcat("char", redirdev->alias, NULL);
    if (redirdev->kind == SK_REDIR_SPICEVMC) {
        if (!sk_builder_spice_chardev(self, "USB redirection", redirdev->alias, "usbredir", error))
            return FALSE;
    } else if (!sk_builder_connect_chardev(self, "USB redirection", redirdev->alias, redirdev->path, redirdev->host, error)) {
        return FALSE;
    }
    json_t *device = json_pack("{s:s,s:s,s:s}", "driver", "usb-redir", "id", redirdev->alias, "chardev", chardev);
    if (redirdev->boot_order > 0)
        json_object_set_new(device, "bootindex", json_integer(redirdev->boot_order));
    return sk_builder_usb(self, device, redirdev->address, error);
}

gboolean
sk_build_redirdevs(SkBuilder *self, GError **error)
{
    const GPtrArray *list = self->spec->redirdevs;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (!build_redirdev(self, list->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_build_hubs(SkBuilder *self, GError **error)
{
    const GPtrArray *list = self->spec->hubs;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const SkHub *hub = list->pdata[i];
        if (!sk_builder_usb(self, json_pack("{s:s,s:s}", "driver", "usb-hub", "id", hub->alias), hub->address, error))
            return FALSE;
    }
    return TRUE;
}

/* A reader of its own for each card. */
static gboolean
build_smartcard(SkBuilder *self, const SkSmartcard *card, GError **error)
{
    g_autofree char *reader = g_strconcat("ccid-", card->alias, NULL), *bus = g_strconcat(reader, ".0", NULL);
    g_autofree char *chardev = g_strconcat("char", card->alias, NULL);
    gboolean viewer = card->kind == SK_SMARTCARD_PASSTHROUGH;
    if (!sk_builder_usb(self, json_pack("{s:s,s:s}", "driver", "usb-ccid", "id", reader), card->address, error) ||
        (viewer && !sk_builder_spice_chardev(self, "smartcard", card->alias, "smartcard", error)))
        return FALSE;
    json_t *device = json_pack("{s:s,s:s,s:s}", "driver", viewer ? "ccid-card-passthru" : "ccid-card-emulated", "id", card->alias, "bus", bus);
    if (viewer)
        json_object_set_new(device, "chardev", json_string(chardev));
    else
        json_object_set_new(device, "backend", json_string("nss-emulated"));
    return sk_builder_device(self, device, error);
}

gboolean
sk_build_smartcards(SkBuilder *self, GError **error)
{
    const GPtrArray *list = self->spec->smartcards;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (!build_smartcard(self, list->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* -- shared memory --------------------------------------------------------------------------------------------------- */

static gboolean
build_shmem(SkBuilder *self, const SkShmem *shmem, GError **error)
{
    g_autofree char *backend = g_strconcat("shmmem-", shmem->alias, NULL), *chardev = g_strconcat("char", shmem->alias, NULL);
    json_t *device;
    if (shmem->model == SK_SHMEM_PLAIN) {
        g_autofree char *path = g_strconcat("/dev/shm/", shmem->name, NULL);
        guint64 size = shmem->size > 0 ? shmem->size : 4 << 20;
        if (!sk_builder_object(self, json_pack("{s:s,s:s,s:s,s:I,s:b}", "qom-type", "memory-backend-file", "id", backend, "mem-path", path, "size",
                                               (json_int_t) size, "share", 1), error))
            return FALSE;
        device = json_pack("{s:s,s:s,s:s}", "driver", "ivshmem-plain", "id", shmem->alias, "memdev", backend);
    } else {
        if (!sk_builder_connect_chardev(self, "shared memory", shmem->alias, shmem->path, NULL, error))
            return FALSE;
        device = json_pack("{s:s,s:s,s:s}", "driver", "ivshmem-doorbell", "id", shmem->alias, "chardev", chardev);
        if (shmem->vectors > 0)
            json_object_set_new(device, "vectors", json_integer(shmem->vectors));
    }
    if (shmem->role != SK_SHMEM_ROLE_DEFAULT)
        json_object_set_new(device, "master", json_string(shmem->role == SK_SHMEM_MASTER ? "on" : "off"));
    return sk_builder_pci(self, device, shmem->address, error);
}

gboolean
sk_build_shmems(SkBuilder *self, GError **error)
{
    const GPtrArray *list = self->spec->shmems;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (!build_shmem(self, list->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* -- the IOMMU ---------------------------------------------------------------------------------------------------------- */

/* For properties that may be "auto" too. */
static void
set_switch(json_t *device, const char *key, gint value)
{
    if (value != SK_SWITCH_DEFAULT)
        json_object_set_new(device, key, json_string(value == SK_SWITCH_ON ? "on" : "off"));
}

gboolean
sk_build_iommu(SkBuilder *self, GError **error)
{
    const SkIommu *iommu = self->spec->iommu;
    if (iommu == NULL)
        return TRUE;
    if (self->machine != SK_MACHINE_Q35)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "an IOMMU needs machine q35, domain \"%s\" has \"%s\"", self->spec->name, self->spec->machine);
    if (iommu->model == SK_IOMMU_VIRTIO)
        return sk_builder_pci(self, json_pack("{s:s,s:s}", "driver", "virtio-iommu-pci", "id", iommu->alias), iommu->address, error);
    json_t *device = json_pack("{s:s,s:s}", "driver", "intel-iommu", "id", iommu->alias);
    set_switch(device, "intremap", iommu->interrupt_remapping);
    sk_builder_switch(device, "caching-mode", iommu->caching_mode);
    set_switch(device, "eim", iommu->eim);
    sk_builder_switch(device, "device-iotlb", iommu->iotlb);
    if (iommu->address_bits > 0)
        json_object_set_new(device, "aw-bits", json_integer(iommu->address_bits));
    return sk_builder_device(self, device, error);
}
