/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <interface> */
#include <string.h>

#include "codec/xml/domain-private.h"
#include "codec/xml/port.h"

/* -- reading ------------------------------------------------------------------------------------------------------ */

/* What libvirt tells of a running interface, and what a client may send back. */
static void
ignore_live(SkXmlNode *node, const SkInterface *nic)
{
    if (nic->kind == SK_NIC_NETWORK) {
        sk_xml_ignore(node, "source/@portid");
        sk_xml_ignore(node, "source/@bridge");
    }
    /* Where SLIRP or passt would listen is not chosen by a definition. */
    if (nic->kind == SK_NIC_USER)
        sk_xml_is(node, "backend/@type", "passt");
}

/* <portForward> as "tcp:2222:22" */
static gboolean
read_forward(SkXmlNode *node, GPtrArray *out, GError **error)
{
    const char *protocol = sk_xml_get(node, "@proto");
    for (SkXmlNode *range = sk_xml_child(node, "range"); range != NULL; range = sk_xml_next(range)) {
        guint start = 0, to = 0;
        if (!sk_xml_get_uint(range, "@start", 65535, &start, error) || !sk_xml_get_uint(range, "@to", 65535, &to, error))
            return FALSE;
        g_ptr_array_add(out, g_strdup_printf("%s:%u:%u", protocol != NULL ? protocol : "tcp", start, to > 0 ? to : start));
    }
    return TRUE;
}

static gboolean
read_forwards(SkXmlNode *node, SkInterface *nic, GError **error)
{
    g_autoptr(GPtrArray) forwards = g_ptr_array_new_with_free_func(g_free);
    for (SkXmlNode *child = sk_xml_child(node, "portForward"); child != NULL; child = sk_xml_next(child)) {
        if (!read_forward(child, forwards, error))
            return FALSE;
    }
    if (forwards->len == 0)
        return TRUE;
    g_ptr_array_add(forwards, NULL);
    nic->forwards = (char **) g_ptr_array_steal(forwards, NULL);
    return TRUE;
}

static gboolean
read_rom(SkXmlNode *node, SkInterface *nic, GError **error)
{
    gboolean on = TRUE;
    if (!sk_xml_get_bool(node, "rom/@enabled", &on, error) || !sk_xml_get_bool(node, "rom/@bar", &on, error))
        return FALSE;
    if (sk_xml_has(node, "rom/@enabled") || sk_xml_has(node, "rom/@bar"))
        nic->rom = on ? SK_SWITCH_ON : SK_SWITCH_OFF;
    return TRUE;
}

/* What would change which packets pass, or how, is never left out in silence. */
static const SkXmlRefusal refused[] = {
    { "filterref", "network filters are not offered: rules of your own (nft, on the guest's link) or a network of its own keep a guest apart" },
    { "script", "scripts that set up a link are not run: give <target dev='...' managed='no'/> and make the link before" },
    { "downscript", "scripts that take a link down are not run: do it when the domain has stopped" },
    { "coalesce", "coalescing of packets is not supported" },
    { "teaming", "teams of interfaces are not supported" },
};

/* Names that the daemon makes up itself come back in XML of running domains; a link that somebody else makes keeps its own. */
static gboolean
read_target(SkXmlNode *node, SkInterface *nic, GError **error)
{
    static const char *const own[] = { "vnet", "vif", "macvtap", "macvlan", "skt", "skm" };
    gboolean managed = TRUE;
    const char *target = sk_xml_get(node, "target/@dev");
    if (!sk_xml_get_bool(node, "target/@managed", &managed, error))
        return FALSE;
    nic->existing = !managed;
    for (guint i = 0; target != NULL && managed && i < G_N_ELEMENTS(own); i++)
        target = g_str_has_prefix(target, own[i]) ? NULL : target;
    nic->link_name = g_strdup(target);
    return TRUE;
}

static gboolean
read_interface(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkInterface *nic = value;
    if (!sk_xml_has(node, "@type"))
        return sk_xml_fail(node, error, SK_ERROR_XML, "the attribute \"type\" is missing");
    /* libvirt's choice on this architecture for who chooses nothing. */
    if (!sk_xml_has(node, "model/@type"))
        nic->model = SK_NIC_RTL8139;
    const char *driver = sk_xml_get(node, "driver/@name");
    if (driver != NULL && !g_str_equal(driver, "vhost") && !g_str_equal(driver, "qemu"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "driver \"%.32s\" is not supported: give vhost or qemu", driver);
    nic->vhost = driver == NULL ? SK_SWITCH_DEFAULT : g_str_equal(driver, "vhost") ? SK_SWITCH_ON : SK_SWITCH_OFF;
    if (!read_rom(node, nic, error) || !read_target(node, nic, error) || !sk_xml_read_virtualport(node, &nic->openvswitch, error))
        return FALSE;
    sk_xml_settle_vlan(nic->vlan);
    ignore_live(node, nic);
    sk_xml_is(node, "@trustGuestRxFilters", "no");
    /* vagrant-libvirt writes what is so anyway. */
    static const char *const off[] = { "driver/@iommu", "driver/@ats", "driver/@packed" };
    for (guint i = 0; i < G_N_ELEMENTS(off); i++)
        sk_xml_is(node, off[i], "off");
    return sk_xml_refuse(node, refused, G_N_ELEMENTS(refused), error) && sk_xml_get_enum(node, "link/@state", &sk_link_state_enum, &nic->link, error) &&
           sk_xml_get_enum(node, "source/@mode", &sk_direct_mode_enum, &nic->mode, error) && read_forwards(node, nic, error);
}

/* -- writing ---------------------------------------------------------------------------------------------------------- */

static void
write_forwards(SkXmlNode *node, const SkInterface *nic)
{
    for (guint i = 0; nic->forwards != NULL && nic->forwards[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(nic->forwards[i], ":", 3);
        SkXmlNode *forward = sk_xml_add(node, "portForward");
        sk_xml_set(forward, "@proto", parts[0]);
        sk_xml_set(forward, "range/@start", parts[1]);
        sk_xml_set(forward, "range/@to", parts[2]);
    }
}

static void
write_interface(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkInterface *nic = value;
    sk_xml_write_fields(node, &sk_interface_type, value);
    if (nic->kind == SK_NIC_DIRECT)
        sk_xml_set_enum(node, "source/@mode", &sk_direct_mode_enum, nic->mode);
    if (nic->link == SK_LINK_DOWN)
        sk_xml_set(node, "link/@state", "down");
    if (nic->forwards != NULL)
        sk_xml_set(node, "backend/@type", "passt");
    write_forwards(node, nic);
    sk_xml_write_virtualport(node, nic->openvswitch);
    if (nic->vhost != SK_SWITCH_DEFAULT)
        sk_xml_set(node, "driver/@name", nic->vhost == SK_SWITCH_ON ? "vhost" : "qemu");
    if (nic->rom != SK_SWITCH_DEFAULT)
        sk_xml_set(node, "rom/@enabled", nic->rom == SK_SWITCH_ON ? "yes" : "no");
    sk_xml_set(node, "target/@dev", sk_xml_is_live(writer) && nic->tap != NULL ? nic->tap : nic->link_name);
    if (nic->existing)
        sk_xml_set(node, "target/@managed", "no");
}

const SkXmlFamily sk_xml_interface_families[] = {
    { "interface", "interfaces", &sk_interface_type, read_interface, write_interface, NULL },
    { NULL },
};
