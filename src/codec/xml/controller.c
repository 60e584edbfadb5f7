/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <controller> */
#include <string.h>

#include "codec/xml/domain-private.h"

/* Not yet numbered: libvirt numbers controllers by themselves where a client does not. */
#define OPEN G_MAXUINT

/* -- numbers --------------------------------------------------------------------------------------------------------- */

static gboolean
is_root(const SkController *controller)
{
    return controller->kind == SK_CONTROLLER_PCI && controller->model != NULL &&
           (g_str_equal(controller->model, "pcie-root") || g_str_equal(controller->model, "pci-root"));
}

/* UHCI controllers share the number of the EHCI one whose slow devices they serve. */
static gboolean
is_companion(const SkController *controller)
{
    return controller->kind == SK_CONTROLLER_USB && controller->model != NULL && g_str_has_prefix(controller->model, "ich9-uhci");
}

static guint
free_number(const SkDomainSpec *spec, const SkController *of)
{
    guint first = of->kind == SK_CONTROLLER_PCI ? 1 : 0;
    for (guint number = first;; number++) {
        gboolean taken = FALSE;
        for (guint i = 0; spec != NULL && spec->controllers != NULL && i < spec->controllers->len; i++) {
            const SkController *other = spec->controllers->pdata[i];
            taken = taken || (other != of && other->kind == of->kind && other->index == number);
        }
        if (!taken)
            return number;
    }
}

/* The number of the last USB controller that is no companion. */
static guint
master_number(const SkDomainSpec *spec, const SkController *of)
{
    guint number = 0;
    for (guint i = 0; spec != NULL && spec->controllers != NULL && spec->controllers->pdata[i] != of; i++) {
        const SkController *other = spec->controllers->pdata[i];
        if (other->kind == SK_CONTROLLER_USB && !is_companion(other) && other->index != OPEN)
            number = other->index;
    }
    return number;
}

static void
number(SkController *controller, const SkDomainSpec *spec)
{
    if (controller->index != OPEN)
        return;
    if (is_root(controller))
        controller->index = 0;
    else
        controller->index = is_companion(controller) ? master_number(spec, controller) : free_number(spec, controller);
}

/* The root buses are the machine's own and stand in no definition of ours. */
static void
drop_roots(GPtrArray *controllers)
{
    for (guint i = controllers->len; i > 0; i--) {
        SkController *controller = controllers->pdata[i - 1];
        if (is_root(controller) && controller->index == 0)
            sk_value_free(&sk_controller_type, g_ptr_array_remove_index(controllers, i - 1));
    }
}

gboolean
sk_xml_number_controllers(SkDomainSpec *spec, GError **error)
{
    if (spec->controllers == NULL)
        return TRUE;
    for (guint i = 0; i < spec->controllers->len; i++)
        number(spec->controllers->pdata[i], spec);
    drop_roots(spec->controllers);
    for (guint i = 0; i < spec->controllers->len; i++) {
        const SkController *controller = spec->controllers->pdata[i];
        if (controller->kind == SK_CONTROLLER_PCI && controller->index == 0)
            return sk_fail(error, SK_ERROR_XML, "PCI controller 0 is the root bus of the machine, it cannot be of model \"%s\"",
                           controller->model != NULL ? controller->model : "");
    }
    return TRUE;
}

/* -- reading and writing ------------------------------------------------------------------------------------------------ */

/* Where the number of its slot stands. */
static const char *
chassis_path(const SkController *controller)
{
    return g_strcmp0(controller->model, "pci-bridge") == 0 ? "target/@chassisNr" : "target/@chassis";
}

static gboolean
read_controller(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkController *controller = value;
    gboolean within = spec != NULL && spec->controllers != NULL && g_ptr_array_find(spec->controllers, controller, NULL);
    guint first = 0;
    if (!sk_xml_has(node, "@index"))
        controller->index = OPEN;
    if (!sk_xml_get_uint(node, "master/@startport", 15, &first, error) ||
        !sk_xml_get_uint(node, chassis_path(controller), 255, &controller->chassis, error))
        return FALSE;
    if (sk_xml_has(node, "master/@startport"))
        controller->master = (gint) first;
    /* What of QEMU's devices a model is. */
    if (controller->kind == SK_CONTROLLER_PCI)
        sk_xml_ignore(node, "model/@name");
    /* Numbers of a whole definition are given when all are there. */
    if (!within)
        number(controller, spec);
    return TRUE;
}

/* QEMU's devices behind the models of PCI controllers, where they have other names. */
static const char *
device_of(const char *model)
{
    if (g_str_equal(model, "dmi-to-pci-bridge"))
        return "i82801b11-bridge";
    return g_str_equal(model, "pcie-to-pci-bridge") ? "pcie-pci-bridge" : model;
}

static void
write_controller(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkController *controller = value;
    sk_xml_set_uint(node, chassis_path(controller), controller->chassis);
    sk_xml_write_fields(node, &sk_controller_type, value);
    if (controller->kind == SK_CONTROLLER_PCI && controller->model != NULL)
        sk_xml_set(node, "model/@name", device_of(controller->model));
    if (controller->master >= 0)
        sk_xml_setf(node, "master/@startport", "%d", controller->master);
}

void
sk_xml_write_root_controller(SkXmlNode *devices, const SkXmlWriter *writer)
{
    SkMachineFamily machine = sk_domain_spec_machine_family(writer->spec);
    if (machine != SK_MACHINE_Q35 && machine != SK_MACHINE_PC)
        return;
    SkXmlNode *node = sk_xml_add(devices, "controller");
    sk_xml_set(node, "@type", "pci");
    sk_xml_set(node, "@index", "0");
    sk_xml_set(node, "@model", machine == SK_MACHINE_Q35 ? "pcie-root" : "pci-root");
    if (sk_xml_is_live(writer))
        sk_xml_set(node, "alias/@name", machine == SK_MACHINE_Q35 ? "pcie.0" : "pci.0");
}

const SkXmlFamily sk_xml_controller_families[] = {
    { "controller", "controllers", &sk_controller_type, read_controller, write_controller, NULL },
    { NULL },
};
