/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI ports and bridges, and the controllers of disks, USB and virtio serial ports. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/builder.h"

/* A model: its name in a definition (libvirt's too) and QEMU's device. NULL name: the usual one. */
typedef struct {
    SkControllerKind kind;
    const char *name, *driver;
} Model;

static const Model models[] = {
    { SK_CONTROLLER_SCSI, "virtio-scsi", "virtio-scsi" },
    { SK_CONTROLLER_SCSI, "virtio-transitional", "virtio-scsi" },
    { SK_CONTROLLER_SCSI, "virtio-non-transitional", "virtio-scsi" },
    { SK_CONTROLLER_SCSI, "lsilogic", "lsi53c895a" },
    { SK_CONTROLLER_SCSI, "lsisas1068", "mptsas1068" },
    { SK_CONTROLLER_SCSI, "lsisas1078", "megasas" },
    { SK_CONTROLLER_SCSI, "vmpvscsi", "pvscsi" },
    { SK_CONTROLLER_SATA, "ahci", "ich9-ahci" },
    { SK_CONTROLLER_USB, "qemu-xhci", "qemu-xhci" },
    { SK_CONTROLLER_USB, "nec-xhci", "nec-usb-xhci" },
    { SK_CONTROLLER_USB, "piix3-uhci", "piix3-usb-uhci" },
    { SK_CONTROLLER_USB, "piix4-uhci", "piix4-usb-uhci" },
    { SK_CONTROLLER_USB, "ehci", "usb-ehci" },
    { SK_CONTROLLER_USB, "vt82c686b-uhci", "vt82c686b-usb-uhci" },
    { SK_CONTROLLER_USB, "pci-ohci", "pci-ohci" },
    { SK_CONTROLLER_USB, "ich9-ehci1", "ich9-usb-ehci1" },
    { SK_CONTROLLER_USB, "ich9-uhci1", "ich9-usb-uhci1" },
    { SK_CONTROLLER_USB, "ich9-uhci2", "ich9-usb-uhci2" },
    { SK_CONTROLLER_USB, "ich9-uhci3", "ich9-usb-uhci3" },
    { SK_CONTROLLER_USB, "none", "none" },
    { SK_CONTROLLER_FDC, "isa-fdc", "isa-fdc" },
    { SK_CONTROLLER_VIRTIO_SERIAL, "virtio-serial", "virtio-serial" },
    { SK_CONTROLLER_PCI, "pcie-root-port", "pcie-root-port" },
    { SK_CONTROLLER_PCI, "pcie-to-pci-bridge", "pcie-pci-bridge" },
    { SK_CONTROLLER_PCI, "dmi-to-pci-bridge", "i82801b11-bridge" },
    { SK_CONTROLLER_PCI, "pci-bridge", "pci-bridge" },
};

/* NULL if the model is not one of the kind. */
static const char *
driver_of(const SkController *self)
{
    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        const Model *model = &models[i];
        if (model->kind != (SkControllerKind) self->kind)
            continue;
        if (self->model == NULL || g_str_equal(self->model, model->name) || g_str_equal(self->model, model->driver))
            return model->driver;
    }
    return NULL;
}

/* -- PCI -------------------------------------------------------------------------------------------------------- */

gboolean
sk_build_port(SkBuilder *self, guint bus, GError **error)
{
    SkAddress place = sk_pci_port_place(self->spec, bus);
    g_autofree char *id = g_strdup_printf("pci.%u", bus), *address = sk_address_format(&place);
    const SkController *given = sk_pci_find_controller(self->spec, bus);
    guint chassis = given != NULL && given->chassis > 0 ? given->chassis : bus, number = given != NULL && given->port > 0 ? given->port : bus;
    json_t *port = json_pack("{s:s,s:s,s:i,s:i}", "driver", "pcie-root-port", "id", id, "chassis", (int) chassis, "port", (int) number);
    if (given != NULL && given->hotplug == SK_SWITCH_OFF)
        json_object_set_new(port, "hotplug", json_false());
    if (place.parts[3] == 0)
        json_object_set_new(port, "multifunction", json_true());
    return sk_builder_pci(self, port, address, error);
}

/* A bridge that the definition names, on its place. */
static gboolean
build_bridge(SkBuilder *self, const SkController *controller, const char *driver, GError **error)
{
    g_autofree char *id = g_strdup_printf("pci.%u", controller->index);
    json_t *bridge = json_pack("{s:s,s:s}", "driver", driver, "id", id);
    if (g_str_equal(driver, "pci-bridge"))
        json_object_set_new(bridge, "chassis_nr", json_integer(controller->chassis > 0 ? controller->chassis : controller->index));
    return sk_builder_pci(self, bridge, controller->address, error);
}

static gboolean
build_pci(SkBuilder *self, GError **error)
{
    guint ports = self->machine == SK_MACHINE_Q35 ? sk_pci_port_count(self->spec) : 0;

    for (guint bus = 1; bus < 256; bus++) {
        const SkController *controller = sk_pci_find_controller(self->spec, bus);
        const char *driver = controller != NULL ? driver_of(controller) : "pcie-root-port";
        if (driver == NULL || (controller != NULL && self->machine == SK_MACHINE_MICROVM))
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "PCI controller %u: model \"%s\" is not supported on machine \"%s\"", bus,
                           controller->model != NULL ? controller->model : "", self->spec->machine);
        gboolean port = g_str_equal(driver, "pcie-root-port");
        if (port && controller != NULL && self->machine == SK_MACHINE_PC)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "PCI controller %u: machine \"%s\" has no PCIe ports: give model pci-bridge", bus,
                           self->spec->machine);
        if (port && bus <= ports && !sk_build_port(self, bus, error))
            return FALSE;
        if (!port && !build_bridge(self, controller, driver, error))
            return FALSE;
    }
    return TRUE;
}

/* -- the others --------------------------------------------------------------------------------------------------- */

/* The number of the iothread that the disks of a SCSI controller ask for; they share the controller's. */
static guint
scsi_iothread(const SkDomainSpec *spec, guint index)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        SkAddress address;
        if (disk->bus == SK_BUS_SCSI && disk->iothread > 0 && disk->address != NULL &&
            sk_address_parse(disk->address, "", &address, NULL) && address.parts[0] == index)
            return disk->iothread;
    }
    return 0;
}

static void
add_scsi_details(const SkBuilder *self, const SkController *controller, json_t *device)
{
    const struct {
        const char *key;
        guint value;
    } rows[] = { { "num_queues", controller->queues }, { "cmd_per_lun", controller->cmd_per_lun }, { "max_sectors", controller->max_sectors } };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].value > 0)
            json_object_set_new(device, rows[i].key, json_integer(rows[i].value));
    }
    sk_builder_queues(self, device, "num_queues");
    sk_builder_switch(device, "ioeventfd", controller->ioeventfd);
}

static void
add_details(SkBuilder *self, const SkController *controller, const char *driver, json_t *device)
{
    guint iothread = controller->kind == SK_CONTROLLER_SCSI ? scsi_iothread(self->spec, controller->index) : 0;
    if (controller->kind == SK_CONTROLLER_SCSI && controller->iothread > 0)
        iothread = controller->iothread;
    if (controller->master >= 0) {
        g_autofree char *bus = g_strdup_printf("usb%u.0", controller->index);
        json_object_set_new(device, "masterbus", json_string(bus));
        json_object_set_new(device, "firstport", json_integer(controller->master));
    }
    if (strstr(driver, "virtio-scsi") != NULL)
        add_scsi_details(self, controller, device);
    if (strstr(driver, "xhci") != NULL) {
        /* As many ports of each speed as QEMU has, so that port numbers never run out by default. */
        json_object_set_new(device, "p2", json_integer(controller->ports > 0 ? MIN(controller->ports, 15) : 15));
        json_object_set_new(device, "p3", json_integer(controller->ports > 0 ? MIN(controller->ports, 15) : 15));
    }
    if (controller->kind == SK_CONTROLLER_VIRTIO_SERIAL && controller->ports > 0)
        json_object_set_new(device, "max_ports", json_integer(MIN(controller->ports, 31)));
    if (iothread > 0 && strstr(driver, "virtio-scsi") != NULL) {
        g_autofree char *thread = g_strdup_printf("iothread%u", iothread);
        json_object_set_new(device, "iothread", json_string(thread));
    }
}

/* What the chipset brings along. */
static gboolean
is_builtin(const SkBuilder *self, const SkController *controller)
{
    if (controller->kind == SK_CONTROLLER_PCI || controller->kind == SK_CONTROLLER_IDE)
        return TRUE;
    if (controller->kind == SK_CONTROLLER_USB && g_strcmp0(controller->model, "none") == 0)
        return TRUE;
    if (self->machine == SK_MACHINE_Q35)
        return controller->kind == SK_CONTROLLER_SATA && controller->index == 0;
    return self->machine == SK_MACHINE_PC && controller->kind == SK_CONTROLLER_FDC;
}

gboolean
sk_build_controller(SkBuilder *self, const SkController *controller, GError **error)
{
    const char *driver = driver_of(controller);
    if (is_builtin(self, controller))
        return TRUE;
    if (driver == NULL || (controller->kind == SK_CONTROLLER_FDC && controller->index > 0))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "controller \"%s\": model \"%s\" is not supported", controller->alias,
                       controller->model != NULL ? controller->model : "");
    g_autofree char *virtio = g_str_has_prefix(driver, "virtio-") ? sk_builder_virtio(self, driver) : NULL;
    json_t *device = json_pack("{s:s,s:s}", "driver", virtio != NULL ? virtio : driver, "id", controller->alias);
    add_details(self, controller, driver, device);
    if (controller->kind == SK_CONTROLLER_FDC)
        return sk_builder_device(self, device, error);
    if (virtio == NULL && self->machine == SK_MACHINE_MICROVM) {
        json_decref(device);
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "controller \"%s\": machine \"microvm\" has no PCI bus", controller->alias);
    }
    return sk_builder_pci(self, device, controller->address, error);
}

gboolean
sk_build_controllers(SkBuilder *self, GError **error)
{
    const GPtrArray *controllers = self->spec->controllers;
    for (guint i = 1; i <= self->spec->iothreads; i++) {
        g_autofree char *id = g_strdup_printf("iothread%u", i);
        if (!sk_builder_object(self, json_pack("{s:s,s:s}", "qom-type", "iothread", "id", id), error))
            return FALSE;
    }
    if (!build_pci(self, error))
        return FALSE;
    for (guint i = 0; controllers != NULL && i < controllers->len; i++) {
        if (!sk_build_controller(self, controllers->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_build_one_controller(SkBuilder *self, GError **error)
{
    return sk_build_controller(self, self->spec->controllers->pdata[0], error);
}
