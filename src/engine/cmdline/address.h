/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"

G_BEGIN_DECLS

/*
 * Guest addresses as they stand in a definition, and the fixed plan of each
 * machine's buses. Values; any thread.
 */

typedef enum { SK_ADDRESS_PCI, SK_ADDRESS_DRIVE, SK_ADDRESS_USB, SK_ADDRESS_VIRTIO_SERIAL, SK_ADDRESS_DIMM, SK_N_ADDRESSES } SkAddressKind;

/* PCI: bus, slot, function. DRIVE: controller, bus, target, unit. USB: bus, port. VIRTIO_SERIAL: controller, bus, port. DIMM: slot. */
typedef struct {
    SkAddressKind kind;
    guint parts[4];         /* PCI: domain, bus, slot, function; the others in the order above */
} SkAddress;

/* "pci:0000:01:00.0" and so on; what names the device in the INVALID error. */
gboolean sk_address_parse(const char *text, const char *what, SkAddress *out, GError **error);
/* Free with g_free(). */
char *sk_address_format(const SkAddress *self);

/* -- the PCI plan ------------------------------------------------------------------------------------------ */

/*
 * q35: bus 0 is the root complex, bus N root port N, one device each; devices that are never plugged while running
 * sit on bus 0 itself, where they cost no port. Eight slots of bus 0 hold the ports. One port more than the
 * definition can use is the seed's (sk_build_seed()). pc: all on bus 0, which takes hot-plug.
 */
#define SK_PCI_PORTS       63
#define SK_PCI_PORT_SLOTS  8
#define SK_PCI_SPARE_PORTS 4

/* The first of the slots for ports; definitions from elsewhere have ports of their own where ours usually are. */
guint sk_pci_port_slot(const SkDomainSpec *spec);

/* How many root ports a q35 gets: enough for the highest bus in use and SK_PCI_SPARE_PORTS free ones. */
guint sk_pci_port_count(const SkDomainSpec *spec);
/* The controller entry of PCI bus number, if the definition has one. */
const SkController *sk_pci_find_controller(const SkDomainSpec *spec, guint bus);
/* Where root port number sits on bus 0. */
SkAddress sk_pci_port_place(const SkDomainSpec *spec, guint bus);

/* -- all devices of a definition ---------------------------------------------------------------------------- */

/* What kind of place a device needs. */
typedef enum {
    SK_PLACE_NONE,          /* none, or a fixed one of the machine's own */
    SK_PLACE_PORT,          /* PCI, can be plugged while running */
    SK_PLACE_ROOT,          /* PCI, there from the start */
    SK_PLACE_VGA,           /* PCI, the first video card */
    SK_PLACE_DRIVE,         /* unit of a disk controller */
    SK_PLACE_USB,
    SK_PLACE_VIRTIO_SERIAL,
    SK_PLACE_DIMM,
} SkPlace;

typedef struct {
    char *what;             /* "disk \"vda\"": for messages */
    const char *prefix;     /* of the alias; NULL: made from the address */
    gint number;            /* of the alias; -1: the first free one */
    SkPlace place;
    gpointer value;         /* SkDisk ... */
    const SkType *type;
    char **alias, **address; /* address NULL: it has none */
} SkSlot;

/* Every device with an alias, controllers first, in the definition's order. GArray of SkSlot, which frees what it owns. */
GArray *sk_slots_collect(SkDomainSpec *spec);

G_END_DECLS
