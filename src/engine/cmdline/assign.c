/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Aliases and guest addresses: what is given is checked and kept, what is open gets a free place. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/address.h"
#include "engine/launch.h"

typedef struct {
    SkDomainSpec *spec;
    SkMachineFamily machine;
    GArray *slots;          /* SkSlot */
    GHashTable *taken;      /* address to what is there */
} Plan;

/* -- one address ------------------------------------------------------------------------------------------ */

static gboolean
is_taken(const Plan *self, const SkAddress *address)
{
    g_autofree char *text = sk_address_format(address);
    return g_hash_table_contains(self->taken, text);
}

static gboolean
take(Plan *self, const SkAddress *address, const char *what, GError **error)
{
    g_autofree char *text = sk_address_format(address);
    const char *other = g_hash_table_lookup(self->taken, text);
    if (other != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s and %s have the same address \"%s\": give one of them another", other, what, text);
    g_hash_table_insert(self->taken, g_steal_pointer(&text), g_strdup(what));
    return TRUE;
}

/* Gives a slot its place for good. */
static gboolean
settle(Plan *self, SkSlot *slot, const SkAddress *address, GError **error)
{
    if (!take(self, address, slot->what, error))
        return FALSE;
    *slot->address = sk_address_format(address);
    return TRUE;
}

/* -- PCI ------------------------------------------------------------------------------------------------------ */

static gboolean
is_pci(SkPlace place)
{
    return place == SK_PLACE_PORT || place == SK_PLACE_ROOT || place == SK_PLACE_VGA;
}

/* A controller that opens a bus of 32 slots, not a port for one device. */
static gboolean
is_bridge(const SkController *controller)
{
    return controller != NULL && controller->model != NULL && strstr(controller->model, "port") == NULL;
}

static gboolean
slot_is_free(const Plan *self, SkAddress address)
{
    for (address.parts[3] = 0; address.parts[3] < 8; address.parts[3]++) {
        if (is_taken(self, &address))
            return FALSE;
    }
    return TRUE;
}

/* The chipset's own slots: the host bridge, and the bridge to ISA with what hangs on it. */
static gboolean
is_chipset(const Plan *self, const SkAddress *address)
{
    guint slot = address->parts[2];
    return address->parts[1] == 0 && (slot == 0 || slot == (self->machine == SK_MACHINE_Q35 ? 0x1f : 0x01));
}

static gboolean
check_pci(const Plan *self, const SkSlot *slot, const SkAddress *address, GError **error)
{
    guint bus = address->parts[1];
    const SkController *controller = sk_pci_find_controller(self->spec, bus);
    const char *text = *slot->address;

    if (is_chipset(self, address) && slot->type != &sk_controller_type)
        return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%s\" belongs to the chipset", slot->what, text);
    if (bus == 0)
        return TRUE;
    if (self->machine == SK_MACHINE_PC && controller == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%s\" is on PCI bus %u, but the machine has only bus 0", slot->what,
                       text, bus);
    if (controller == NULL && bus > SK_PCI_PORTS)
        return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%s\" is on PCI bus %u, the last is %u", slot->what, text, bus,
                       SK_PCI_PORTS);
    if (address->parts[2] != 0 && !is_bridge(controller))
        return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%s\" is not on a port: a PCIe port has only slot 00", slot->what, text);
    return TRUE;
}

/* The first free slot of bus 0 from first to last. */
static gboolean
place_on_root(Plan *self, guint first, guint last, SkAddress *out)
{
    guint ports = self->machine == SK_MACHINE_Q35 ? sk_pci_port_slot(self->spec) : G_MAXUINT;
    for (guint i = first; i <= last; i++) {
        if (i >= ports && i - ports < SK_PCI_PORT_SLOTS)
            continue;
        *out = (SkAddress){ .kind = SK_ADDRESS_PCI, .parts = { 0, 0, i, 0 } };
        if (slot_is_free(self, *out))
            return TRUE;
    }
    return FALSE;
}

static gboolean
place_on_port(Plan *self, SkAddress *out)
{
    for (guint bus = 1; bus <= SK_PCI_PORTS; bus++) {
        *out = (SkAddress){ .kind = SK_ADDRESS_PCI, .parts = { 0, bus, 0, 0 } };
        if (slot_is_free(self, *out) && !is_bridge(sk_pci_find_controller(self->spec, bus)))
            return TRUE;
    }
    return FALSE;
}

/* The seed of cloud-init has the last slot of a pc for itself (sk_build_seed()). */
static gboolean
place_pci(Plan *self, SkSlot *slot, GError **error)
{
    gboolean q35 = self->machine == SK_MACHINE_Q35;
    guint vga = q35 ? 0x01 : 0x02;
    SkAddress address;
    gboolean found = slot->place == SK_PLACE_VGA && place_on_root(self, vga, vga, &address);

    if (!found && slot->place == SK_PLACE_PORT && q35)
        found = place_on_port(self, &address);
    else if (!found)
        found = place_on_root(self, q35 ? 0x02 : 0x03, 0x1e, &address) || (q35 && place_on_port(self, &address));
    if (!found)
        return sk_fail(error, SK_ERROR_INVALID, "%s: no PCI slot is free%s", slot->what,
                       slot->type == &sk_disk_type ? "; more disks fit on the scsi bus" : "");
    return settle(self, slot, &address, error);
}

/* Root ports have places of their own, which a given address may not use. */
static gboolean
take_ports(Plan *self, GError **error)
{
    if (self->machine != SK_MACHINE_Q35)
        return TRUE;
    guint count = sk_pci_port_count(self->spec);
    for (guint bus = 1; bus <= count + 1; bus++) {
        const SkController *controller = sk_pci_find_controller(self->spec, bus);
        if (controller != NULL && controller->address != NULL)
            continue;
        g_autofree char *what = g_strdup_printf("PCIe root port %u", bus);
        SkAddress place = sk_pci_port_place(self->spec, bus);
        if (!take(self, &place, what, error))
            return FALSE;
    }
    return TRUE;
}

/* -- drives ------------------------------------------------------------------------------------------------------ */

/* How disk controllers are laid out: drive addresses go through the buses of one, then its units, then the next one. */
typedef struct {
    SkControllerKind controller;
    guint buses, units, most; /* most: controllers a machine can have */
} DriveBus;

static const DriveBus drive_buses[SK_N_DISK_BUSES] = {
    [SK_BUS_SCSI] = { SK_CONTROLLER_SCSI, 1, 256, 16 },
    [SK_BUS_SATA] = { SK_CONTROLLER_SATA, 1, 6, 16 },
    [SK_BUS_IDE] = { SK_CONTROLLER_IDE, 2, 2, 1 },
    [SK_BUS_FDC] = { SK_CONTROLLER_FDC, 1, 2, 1 },
};

static gboolean
check_drive(const Plan *self, const SkSlot *slot, const SkAddress *address, GError **error)
{
    const SkDisk *disk = slot->value;
    const DriveBus *bus = &drive_buses[disk->bus];
    const guint *parts = address->parts;
    gboolean scsi = disk->bus == SK_BUS_SCSI;
    if (parts[0] < bus->most && parts[1] < bus->buses && (scsi || (parts[2] == 0 && parts[3] < bus->units)))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%s\" is not on the %s bus, which has %u controllers with %u units",
                   slot->what, *slot->address, sk_enum_name(&sk_disk_bus_enum, disk->bus), bus->most, bus->buses * bus->units);
}

static gboolean
place_drive(Plan *self, SkSlot *slot, GError **error)
{
    const SkDisk *disk = slot->value;
    const DriveBus *bus = &drive_buses[disk->bus];
    guint per_controller = bus->buses * bus->units;

    for (guint i = 0; i < bus->most * per_controller; i++) {
        guint rest = i % per_controller;
        SkAddress address = { SK_ADDRESS_DRIVE, { i / per_controller, rest / bus->units, 0, rest % bus->units } };
        if (!is_taken(self, &address))
            return settle(self, slot, &address, error);
    }
    return sk_fail(error, SK_ERROR_INVALID, "%s: the %s bus is full, it takes %u", slot->what,
                   sk_enum_name(&sk_disk_bus_enum, disk->bus), bus->most * per_controller);
}

/* Different buses have drive addresses of their own: 0:0:0:1 of scsi and of sata are two places. */
static gboolean
same_space(const SkSlot *a, const SkSlot *b)
{
    return a->place != SK_PLACE_DRIVE || ((const SkDisk *) a->value)->bus == ((const SkDisk *) b->value)->bus;
}

/* -- USB and virtio serial ports ------------------------------------------------------------------------------------ */

/* Bus 0 has as many ports as its controller's model (see sk_build_controllers()). */
static guint
usb_ports(const Plan *self)
{
    for (guint i = 0; self->spec->controllers != NULL && i < self->spec->controllers->len; i++) {
        const SkController *controller = self->spec->controllers->pdata[i];
        if (controller->kind == SK_CONTROLLER_USB && controller->index == 0 && controller->model != NULL &&
            strstr(controller->model, "xhci") == NULL)
            return strstr(controller->model, "uhci") != NULL ? 2 : 6;
    }
    return 15;
}

/* The place of that number on the first bus of its kind. */
static SkAddress
numbered(SkPlace place, guint number)
{
    if (place == SK_PLACE_USB)
        return (SkAddress){ SK_ADDRESS_USB, { 0, number } };
    return place == SK_PLACE_DIMM ? (SkAddress){ SK_ADDRESS_DIMM, { number } } : (SkAddress){ SK_ADDRESS_VIRTIO_SERIAL, { 0, 0, number } };
}

static gboolean
place_numbered(Plan *self, SkSlot *slot, GError **error)
{
    gboolean usb = slot->place == SK_PLACE_USB, dimm = slot->place == SK_PLACE_DIMM;
    guint last = usb ? usb_ports(self) : dimm ? 255 : 30;
    /* Port 0 of virtio-serial is for a console: guests take it for one. */
    guint first = dimm || slot->type == &sk_console_type ? 0 : 1;

    for (guint number = first; number <= last; number++) {
        SkAddress address = numbered(slot->place, number);
        if (!is_taken(self, &address))
            return settle(self, slot, &address, error);
    }
    return sk_fail(error, SK_ERROR_INVALID, "%s: no %s is free, there are %u", slot->what, usb ? "USB port" : dimm ? "DIMM slot" : "virtio serial port", last);
}

/* -- controllers ------------------------------------------------------------------------------------------------------ */

static gboolean
has_controller(const SkDomainSpec *spec, SkControllerKind kind, guint index)
{
    for (guint i = 0; spec->controllers != NULL && i < spec->controllers->len; i++) {
        const SkController *controller = spec->controllers->pdata[i];
        if (controller->kind == (gint) kind && controller->index == index)
            return TRUE;
    }
    return FALSE;
}

/* What the chipset brings along needs no entry. */
static gboolean
is_builtin(const Plan *self, SkControllerKind kind, guint index)
{
    if (self->machine == SK_MACHINE_Q35)
        return kind == SK_CONTROLLER_SATA && index == 0;
    return self->machine == SK_MACHINE_PC && (kind == SK_CONTROLLER_IDE || kind == SK_CONTROLLER_FDC);
}

static gboolean
need_controller(Plan *self, const SkSlot *slot, SkControllerKind kind, guint index, GError **error)
{
    SkDomainSpec *spec = self->spec;
    gboolean microvm = self->machine == SK_MACHINE_MICROVM;

    if (is_builtin(self, kind, index) || has_controller(spec, kind, index))
        return TRUE;
    if (kind == SK_CONTROLLER_IDE)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s: machine \"%s\" has no IDE controller: give bus sata or machine pc", slot->what,
                       spec->machine);
    if (microvm && kind != SK_CONTROLLER_SCSI && kind != SK_CONTROLLER_VIRTIO_SERIAL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s: machine \"microvm\" has no %s controller: give a virtio device",
                       slot->what, sk_enum_name(&sk_controller_enum, kind));
    SkController *controller = sk_value_new(&sk_controller_type);
    controller->kind = kind;
    controller->index = index;
    if (spec->controllers == NULL)
        spec->controllers = sk_value_list_new(&sk_controller_type);
    g_ptr_array_add(spec->controllers, controller);
    return TRUE;
}

static gboolean
need_controller_of(Plan *self, const SkSlot *slot, const SkAddress *address, GError **error)
{
    switch (slot->place) {
    case SK_PLACE_DRIVE:
        return need_controller(self, slot, drive_buses[((const SkDisk *) slot->value)->bus].controller, address->parts[0], error);
    case SK_PLACE_USB:
        return need_controller(self, slot, SK_CONTROLLER_USB, address->parts[0], error);
    case SK_PLACE_VIRTIO_SERIAL:
        return need_controller(self, slot, SK_CONTROLLER_VIRTIO_SERIAL, address->parts[0], error);
    default:
        return TRUE;
    }
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

/* The kind of address a place has. */
static SkAddressKind
kind_of(SkPlace place)
{
    switch (place) {
    case SK_PLACE_DRIVE:
        return SK_ADDRESS_DRIVE;
    case SK_PLACE_USB:
        return SK_ADDRESS_USB;
    case SK_PLACE_VIRTIO_SERIAL:
        return SK_ADDRESS_VIRTIO_SERIAL;
    case SK_PLACE_DIMM:
        return SK_ADDRESS_DIMM;
    default:
        return SK_ADDRESS_PCI;
    }
}

static gboolean
check_given(Plan *self, const SkSlot *slot, SkAddress *out, GError **error)
{
    if (!sk_address_parse(*slot->address, slot->what, out, error))
        return FALSE;
    if (out->kind != kind_of(slot->place)) {
        static const char *const kinds[SK_N_ADDRESSES] = { "pci", "drive", "usb", "virtio-serial", "dimm" };
        return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%s\" is of the wrong kind, it needs %s:...", slot->what,
                       *slot->address, kinds[kind_of(slot->place)]);
    }
    if (slot->place == SK_PLACE_DRIVE)
        return check_drive(self, slot, out, error);
    return !is_pci(slot->place) || check_pci(self, slot, out, error);
}

/* A slot that is to have an address; PCI controllers without one follow the plan of the ports. */
static gboolean
is_placed(const SkSlot *slot)
{
    return slot->place != SK_PLACE_NONE;
}

static void
recollect(Plan *self)
{
    if (self->slots != NULL)
        g_array_unref(self->slots);
    self->slots = sk_slots_collect(self->spec);
}

/* Addresses of the slots that pass filter: the given ones first, so that no free place is one of them. */
static gboolean
place_slots(Plan *self, gboolean (*filter)(const SkSlot *slot), const SkSlot *space, GError **error)
{
    for (guint i = 0; i < self->slots->len; i++) {
        SkSlot *slot = &g_array_index(self->slots, SkSlot, i);
        SkAddress address;
        if (!filter(slot) || *slot->address == NULL || (space != NULL && !same_space(slot, space)))
            continue;
        if (!check_given(self, slot, &address, error) || !take(self, &address, slot->what, error))
            return FALSE;
    }
    for (guint i = 0; i < self->slots->len; i++) {
        SkSlot *slot = &g_array_index(self->slots, SkSlot, i);
        if (!filter(slot) || *slot->address != NULL || (space != NULL && !same_space(slot, space)))
            continue;
        gboolean ok = is_pci(slot->place) ? place_pci(self, slot, error)
                      : slot->place == SK_PLACE_DRIVE ? place_drive(self, slot, error)
                                                      : place_numbered(self, slot, error);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_pci_slot(const SkSlot *slot)
{
    return is_pci(slot->place);
}

static gboolean
is_drive_slot(const SkSlot *slot)
{
    return slot->place == SK_PLACE_DRIVE;
}

static gboolean
is_numbered_slot(const SkSlot *slot)
{
    return slot->place == SK_PLACE_USB || slot->place == SK_PLACE_VIRTIO_SERIAL || slot->place == SK_PLACE_DIMM;
}

/* Each disk bus is a space of its own. */
static gboolean
place_drives(Plan *self, GError **error)
{
    gboolean done[SK_N_DISK_BUSES] = { FALSE };
    for (guint i = 0; i < self->slots->len; i++) {
        const SkSlot *slot = &g_array_index(self->slots, SkSlot, i);
        if (!is_drive_slot(slot) || done[((const SkDisk *) slot->value)->bus])
            continue;
        done[((const SkDisk *) slot->value)->bus] = TRUE;
        g_hash_table_remove_all(self->taken);
        if (!place_slots(self, is_drive_slot, slot, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
add_controllers(Plan *self, GError **error)
{
    for (guint i = 0; i < self->slots->len; i++) {
        const SkSlot *slot = &g_array_index(self->slots, SkSlot, i);
        SkAddress address;
        if (is_pci(slot->place) || !is_placed(slot))
            continue;
        if (!sk_address_parse(*slot->address, slot->what, &address, error) || !need_controller_of(self, slot, &address, error))
            return FALSE;
    }
    return TRUE;
}

/* Bridges and ports that were given an address take part like devices. */
static gboolean
take_bridges(Plan *self, GError **error)
{
    for (guint i = 0; self->spec->controllers != NULL && i < self->spec->controllers->len; i++) {
        const SkController *controller = self->spec->controllers->pdata[i];
        SkAddress address;
        if (controller->kind != SK_CONTROLLER_PCI || controller->index == 0 || controller->address == NULL)
            continue;
        g_autofree char *what = g_strdup_printf("PCI controller %u", controller->index);
        if (!sk_address_parse(controller->address, what, &address, error) || !take(self, &address, what, error))
            return FALSE;
        if (address.kind != SK_ADDRESS_PCI || address.parts[1] >= controller->index)
            return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%s\" is not on a PCI bus of a lower number", what, controller->address);
    }
    return TRUE;
}

/* The others get a slot of bus 0 that no device has: left to QEMU, they would take one of those. */
static gboolean
place_bridges(Plan *self, GError **error)
{
    for (guint i = 0; self->spec->controllers != NULL && i < self->spec->controllers->len; i++) {
        SkController *controller = self->spec->controllers->pdata[i];
        SkAddress address;
        if (controller->kind != SK_CONTROLLER_PCI || controller->index == 0 || controller->address != NULL || !is_bridge(controller))
            continue;
        g_autofree char *what = g_strdup_printf("PCI controller %u", controller->index);
        if (!place_on_root(self, self->machine == SK_MACHINE_Q35 ? 0x02 : 0x03, 0x1e, &address))
            return sk_fail(error, SK_ERROR_INVALID, "%s: no slot of PCI bus 0 is free", what);
        if (!take(self, &address, what, error))
            return FALSE;
        controller->address = sk_address_format(&address);
    }
    return TRUE;
}

static gboolean
place_all(Plan *self, GError **error)
{
    if (!place_drives(self, error))
        return FALSE;
    g_hash_table_remove_all(self->taken);
    if (!place_slots(self, is_numbered_slot, NULL, error) || !add_controllers(self, error))
        return FALSE;
    recollect(self);
    g_hash_table_remove_all(self->taken);
    return take_bridges(self, error) && place_slots(self, is_pci_slot, NULL, error) && place_bridges(self, error) && take_ports(self, error);
}

/* -- aliases ---------------------------------------------------------------------------------------------------------------- */

/* libvirt's name of a drive: controller, bus, for scsi the target, unit. */
static char *
drive_alias(const SkSlot *slot)
{
    const SkDisk *disk = slot->value;
    SkAddress address;
    if (!sk_address_parse(disk->address, slot->what, &address, NULL))
        return g_strdup(disk->target);
    const guint *p = address.parts;
    const char *bus = sk_enum_name(&sk_disk_bus_enum, disk->bus);
    if (disk->bus == SK_BUS_SCSI)
        return g_strdup_printf("%s%u-%u-%u-%u", bus, p[0], p[1], p[2], p[3]);
    return g_strdup_printf("%s%u-%u-%u", bus, p[0], p[1], p[3]);
}

static char *
free_alias(const SkSlot *slot, GHashTable *used)
{
    if (slot->prefix == NULL)
        return drive_alias(slot);
    if (slot->number >= 0)
        return g_strdup_printf("%s%d", slot->prefix, slot->number);
    for (guint i = 0;; i++) {
        char *alias = g_strdup_printf("%s%u", slot->prefix, i);
        if (!g_hash_table_contains(used, alias))
            return alias;
        g_free(alias);
    }
}

static gboolean
name_all(Plan *self, GError **error)
{
    g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
    /* The given ones first, so that no new one is made equal to them. */
    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < self->slots->len; i++) {
            SkSlot *slot = &g_array_index(self->slots, SkSlot, i);
            if ((pass == 0) != (*slot->alias != NULL))
                continue;
            if (*slot->alias == NULL)
                *slot->alias = free_alias(slot, used);
            if (!g_hash_table_add(used, *slot->alias))
                return sk_fail(error, SK_ERROR_INVALID, "%s: the alias \"%s\" is another device's too", slot->what, *slot->alias);
        }
    }
    return TRUE;
}

gboolean
sk_engine_assign(SkDomainSpec *spec, GError **error)
{
    Plan self = { .spec = spec, .machine = sk_domain_spec_machine_family(spec) };
    if (self.machine == SK_MACHINE_OTHER)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"%s\" is not supported: give q35, pc or microvm", spec->machine);
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self.taken = taken;
    recollect(&self);
    gboolean ok = place_all(&self, error) && name_all(&self, error);
    g_array_unref(self.slots);
    return ok;
}
