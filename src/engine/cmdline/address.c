/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guest addresses as text, and the plan of the PCI buses. */
#include "engine/cmdline/address.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

typedef struct {
    const char *prefix;
    const char *separators; /* between the parts */
    gint base;              /* of the numbers */
    guint max[4];
    const char *example;
} Shape;

static const Shape shapes[SK_N_ADDRESSES] = {
    [SK_ADDRESS_PCI] = { "pci", "::.", 16, { 0, 255, 31, 7 }, "pci:0000:01:00.0" },
    [SK_ADDRESS_DRIVE] = { "drive", ":::", 10, { 255, 1, 255, 16383 }, "drive:0:0:0:1" },
    [SK_ADDRESS_USB] = { "usb", ":", 10, { 0, 15 }, "usb:0:1" },
    [SK_ADDRESS_VIRTIO_SERIAL] = { "virtio-serial", "::", 10, { 255, 0, 30 }, "virtio-serial:0:0:1" },
    [SK_ADDRESS_DIMM] = { "dimm", "", 10, { 255 }, "dimm:0" },
};

/* The numbers after the prefix; each at most eight digits. */
static gboolean
parse_parts(const Shape *shape, const char *text, SkAddress *out)
{
    gsize n_parts = strlen(shape->separators) + 1;
    for (gsize i = 0; i < n_parts; i++) {
        gsize digits = 0;
        while (shape->base == 16 ? g_ascii_isxdigit(text[digits]) : g_ascii_isdigit(text[digits]))
            digits++;
        if (digits == 0 || digits > 8 || text[digits] != shape->separators[i])
            return FALSE;
        guint64 number = g_ascii_strtoull(text, NULL, shape->base);
        if (number > shape->max[i])
            return FALSE;
        out->parts[i] = (guint) number;
        text += digits + 1;
    }
    return TRUE;
}

gboolean
sk_address_parse(const char *text, const char *what, SkAddress *out, GError **error)
{
    for (guint i = 0; i < SK_N_ADDRESSES; i++) {
        gsize length = strlen(shapes[i].prefix);
        if (!g_str_has_prefix(text, shapes[i].prefix) || text[length] != ':')
            continue;
        SkAddress found = { .kind = i };
        if (!parse_parts(&shapes[i], text + length + 1, &found))
            return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%.64s\" is not one: give it as in %s", what, text,
                           shapes[i].example);
        *out = found;
        return TRUE;
    }
    return sk_fail(error, SK_ERROR_INVALID, "%s: address \"%.64s\" is not one: give pci:..., drive:..., usb:..., virtio-serial:... or dimm:...",
                   what, text);
}

char *
sk_address_format(const SkAddress *self)
{
    const guint *p = self->parts;
    switch (self->kind) {
    case SK_ADDRESS_PCI:
        return g_strdup_printf("pci:%04x:%02x:%02x.%x", p[0], p[1], p[2], p[3]);
    case SK_ADDRESS_DRIVE:
        return g_strdup_printf("drive:%u:%u:%u:%u", p[0], p[1], p[2], p[3]);
    case SK_ADDRESS_USB:
        return g_strdup_printf("usb:%u:%u", p[0], p[1]);
    case SK_ADDRESS_DIMM:
        return g_strdup_printf("dimm:%u", p[0]);
    default:
        return g_strdup_printf("virtio-serial:%u:%u:%u", p[0], p[1], p[2]);
    }
}

/* -- the PCI plan ----------------------------------------------------------------------------------------- */

const SkController *
sk_pci_find_controller(const SkDomainSpec *spec, guint bus)
{
    for (guint i = 0; spec->controllers != NULL && i < spec->controllers->len; i++) {
        const SkController *controller = spec->controllers->pdata[i];
        if (controller->kind == SK_CONTROLLER_PCI && controller->index == bus)
            return controller;
    }
    return NULL;
}

guint
sk_pci_port_slot(const SkDomainSpec *spec)
{
    for (guint i = 0; spec->controllers != NULL && i < spec->controllers->len; i++) {
        const SkController *controller = spec->controllers->pdata[i];
        if (controller->kind == SK_CONTROLLER_PCI && controller->index > 0 && controller->address != NULL)
            return 0x10;
    }
    return 0x02;
}

SkAddress
sk_pci_port_place(const SkDomainSpec *spec, guint bus)
{
    const SkController *controller = sk_pci_find_controller(spec, bus);
    SkAddress place = { .kind = SK_ADDRESS_PCI };
    if (controller != NULL && controller->address != NULL && sk_address_parse(controller->address, "", &place, NULL))
        return place;
    place.parts[2] = sk_pci_port_slot(spec) + (bus - 1) / 8;
    place.parts[3] = (bus - 1) % 8;
    return place;
}

/* Marks the PCI buses that devices sit on. */
static void
mark_buses(const SkDomainSpec *spec, gboolean used[256])
{
    /* Collecting does not change the definition; the slots only could. */
    g_autoptr(GArray) slots = sk_slots_collect((SkDomainSpec *) spec);
    for (guint i = 0; i < slots->len; i++) {
        const SkSlot *slot = &g_array_index(slots, SkSlot, i);
        SkAddress address;
        if (slot->address != NULL && *slot->address != NULL &&
            sk_address_parse(*slot->address, slot->what, &address, NULL) && address.kind == SK_ADDRESS_PCI)
            used[address.parts[1]] = TRUE;
    }
}

guint
sk_pci_port_count(const SkDomainSpec *spec)
{
    gboolean used[256] = { FALSE };
    guint highest = 0, taken = 0;

    mark_buses(spec, used);
    for (guint bus = 1; bus <= SK_PCI_PORTS; bus++) {
        taken += used[bus];
        if (used[bus] || sk_pci_find_controller(spec, bus) != NULL)
            highest = bus;
    }
    return MIN(MAX(highest, taken + SK_PCI_SPARE_PORTS), SK_PCI_PORTS);
}
