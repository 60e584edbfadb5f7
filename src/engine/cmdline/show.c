/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the machine has beyond the definition's words: the controllers that come by themselves. */
#include <string.h>

#include "engine/cmdline/address.h"
#include "engine/launch.h"

static SkController *
find(const SkDomainSpec *spec, SkControllerKind kind, guint index)
{
    for (guint i = 0; spec->controllers != NULL && i < spec->controllers->len; i++) {
        SkController *controller = spec->controllers->pdata[i];
        if (controller->kind == (gint) kind && controller->index == index)
            return controller;
    }
    return NULL;
}

static SkController *
need(SkDomainSpec *spec, SkControllerKind kind, guint index, const char *alias)
{
    SkController *controller = find(spec, kind, index);
    if (controller != NULL)
        return controller;
    controller = sk_value_new(&sk_controller_type);
    controller->kind = (gint) kind;
    controller->index = index;
    controller->alias = g_strdup(alias);
    if (spec->controllers == NULL)
        spec->controllers = sk_value_list_new(&sk_controller_type);
    g_ptr_array_add(spec->controllers, controller);
    return controller;
}

static gboolean
is_port(const SkController *controller)
{
    return controller->model == NULL || g_str_equal(controller->model, "pcie-root-port");
}

/* With the place and the numbers that sk_build_port() gives each. */
static void
show_ports(SkDomainSpec *out, const SkDomainSpec *spec)
{
    guint count = sk_pci_port_count(spec);
    for (guint bus = 1; bus <= count; bus++) {
        SkAddress place = sk_pci_port_place(spec, bus);
        g_autofree char *alias = g_strdup_printf("pci.%u", bus);
        SkController *port = need(out, SK_CONTROLLER_PCI, bus, alias);
        if (!is_port(port))
            continue;
        if (port->model == NULL)
            port->model = g_strdup("pcie-root-port");
        if (port->address == NULL)
            port->address = sk_address_format(&place);
        port->chassis = port->chassis > 0 ? port->chassis : bus;
        port->port = port->port > 0 ? port->port : bus;
    }
}

/* Disk controllers of the chipset that something is on; their places are fixed. */
static void
show_chipset(SkDomainSpec *out, SkMachineFamily machine)
{
    gboolean q35 = machine == SK_MACHINE_Q35;
    for (guint i = 0; out->disks != NULL && i < out->disks->len; i++) {
        const SkDisk *disk = out->disks->pdata[i];
        gboolean first = disk->address == NULL || g_str_has_prefix(disk->address, "drive:0:");
        SkController *controller = NULL;
        if (disk->bus == (q35 ? SK_BUS_SATA : SK_BUS_IDE) && first)
            controller = need(out, q35 ? SK_CONTROLLER_SATA : SK_CONTROLLER_IDE, 0, q35 ? "sata0" : "ide0");
        if (controller != NULL && controller->address == NULL)
            controller->address = g_strdup(q35 ? "pci:0000:00:1f.2" : "pci:0000:00:01.1");
        if (disk->bus == SK_BUS_FDC && !q35)
            need(out, SK_CONTROLLER_FDC, 0, "fdc0");
    }
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    const SkController *one = *(SkController *const *) a, *other = *(SkController *const *) b;
    if (one->kind != other->kind)
        return one->kind - other->kind;
    return one->index == other->index ? 0 : one->index < other->index ? -1 : 1;
}

SkDomainSpec *
sk_engine_show(const SkDomainSpec *spec)
{
    SkDomainSpec *out = sk_value_copy(&sk_domain_spec_type, spec);
    SkMachineFamily machine = sk_domain_spec_machine_family(spec);
    if (machine == SK_MACHINE_Q35)
        show_ports(out, spec);
    if (machine == SK_MACHINE_Q35 || machine == SK_MACHINE_PC)
        show_chipset(out, machine);
    if (out->controllers != NULL)
        g_ptr_array_sort(out->controllers, compare);
    return out;
}

/* -- the way back ---------------------------------------------------------------------------------------------------------- */

/* The model's usual name may stand there or not; aliases are given anew. */
static gboolean
is_same(const SkController *a, const SkController *b)
{
    SkController one = *a, other = *b;
    one.alias = other.alias = NULL;
    return sk_value_equal(&sk_controller_type, &one, &other);
}

/* What old has itself comes back as it was there; NULL: it has none. */
static SkController *
original(const SkDomainSpec *old, const SkDomainSpec *shown, const SkController *controller, gboolean *out_added)
{
    const SkController *show = find(shown, (SkControllerKind) controller->kind, controller->index);
    const SkController *own = find(old, (SkControllerKind) controller->kind, controller->index);
    *out_added = show != NULL && own == NULL && is_same(show, controller);
    return show != NULL && own != NULL && is_same(show, controller) ? sk_value_copy(&sk_controller_type, own) : NULL;
}

/* Showing sorts them: those that are in old too come in old's order again, before the others. */
static void
restore_order(const SkDomainSpec *old, SkDomainSpec *spec)
{
    GPtrArray *from = spec->controllers, *to = sk_value_list_new(&sk_controller_type);
    for (guint i = 0; old->controllers != NULL && i < old->controllers->len; i++) {
        for (guint j = 0; j < from->len; j++) {
            if (!is_same(old->controllers->pdata[i], from->pdata[j]))
                continue;
            g_ptr_array_add(to, g_ptr_array_remove_index(from, j));
            break;
        }
    }
    for (guint i = 0; i < from->len; i++)
        g_ptr_array_add(to, from->pdata[i]);
    g_ptr_array_unref(from);
    spec->controllers = to;
}

/* A screen that listens where no address was given is shown with the one it has then. */
static void
hide_addresses(const SkDomainSpec *old, SkDomainSpec *spec)
{
    guint count = old->graphics != NULL && spec->graphics != NULL ? MIN(old->graphics->len, spec->graphics->len) : 0;
    for (guint i = 0; i < count; i++) {
        const SkGraphics *own = old->graphics->pdata[i];
        SkGraphics *graphics = spec->graphics->pdata[i];
        if (own->kind == graphics->kind && own->host == NULL && g_strcmp0(graphics->host, "127.0.0.1") == 0)
            g_clear_pointer(&graphics->host, g_free);
    }
}

void
sk_engine_hide(const SkDomainSpec *old, SkDomainSpec *spec)
{
    SkDomainSpec *shown = sk_engine_show(old);
    hide_addresses(old, spec);
    for (guint i = spec->controllers != NULL ? spec->controllers->len : 0; i > 0; i--) {
        gboolean added;
        SkController *controller = spec->controllers->pdata[i - 1], *own = original(old, shown, controller, &added);
        if (own != NULL)
            spec->controllers->pdata[i - 1] = own;
        else if (added)
            g_ptr_array_remove_index(spec->controllers, i - 1);
        if (own != NULL || added)
            sk_value_free(&sk_controller_type, controller);
    }
    if (spec->controllers != NULL)
        restore_order(old, spec);
    sk_value_free(&sk_domain_spec_type, shown);
}
