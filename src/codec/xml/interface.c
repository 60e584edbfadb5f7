/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <interface> */
#include <string.h>

#include "codec/xml/domain-private.h"

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
read_interface(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkInterface *nic = value;
    if (!sk_xml_has(node, "@type"))
        return sk_xml_fail(node, error, SK_ERROR_INVALID, "the attribute \"type\" is missing");
    /* libvirt's choice on this architecture for who chooses nothing. */
    if (!sk_xml_has(node, "model/@type"))
        nic->model = SK_NIC_RTL8139;
    /* Names that the daemon makes up itself come back in XML of running domains. */
    const char *target = sk_xml_get(node, "target/@dev");
    static const char *const own[] = { "vnet", "vif", "macvtap", "macvlan", "skt", "skm" };
    for (guint i = 0; target != NULL && i < G_N_ELEMENTS(own); i++)
        target = g_str_has_prefix(target, own[i]) ? NULL : target;
    if (target != NULL)
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "the link's name on the host (\"%.32s\") cannot be chosen: leave out <target>", target);
    ignore_live(node, nic);
    return sk_xml_get_enum(node, "link/@state", &sk_link_state_enum, &nic->link, error) &&
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
    if (nic->kind == SK_NIC_DIRECT)
        sk_xml_set_enum(node, "source/@mode", &sk_direct_mode_enum, nic->mode);
    if (nic->link == SK_LINK_DOWN)
        sk_xml_set(node, "link/@state", "down");
    if (nic->forwards != NULL)
        sk_xml_set(node, "backend/@type", "passt");
    write_forwards(node, nic);
    if (sk_xml_is_live(writer) && nic->tap != NULL)
        sk_xml_set(node, "target/@dev", nic->tap);
}

const SkXmlFamily sk_xml_interface_families[] = {
    { "interface", "interfaces", &sk_interface_type, read_interface, write_interface, NULL },
    { NULL },
};
