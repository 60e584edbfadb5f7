/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <virtualport> and <vlan>. */
#include "codec/xml/port.h"

gboolean
sk_xml_read_virtualport(SkXmlNode *owner, SkOvsPort **out, GError **error)
{
    SkXmlNode *port = sk_xml_child(owner, "virtualport");
    const char *type = port != NULL ? sk_xml_get(port, "@type") : NULL;
    if (port == NULL)
        return TRUE;
    if (g_strcmp0(type, "openvswitch") != 0)
        return sk_xml_fail(port, error, SK_ERROR_UNSUPPORTED, "virtual ports of type \"%.32s\" are not supported: openvswitch is", type != NULL ? type : "");
    *out = sk_value_new(&sk_ovs_port_type);
    return sk_xml_read_fields(port, &sk_ovs_port_type, *out, error);
}

void
sk_xml_write_virtualport(SkXmlNode *owner, const SkOvsPort *port)
{
    if (port == NULL)
        return;
    SkXmlNode *node = sk_xml_add(owner, "virtualport");
    sk_xml_set(node, "@type", "openvswitch");
    sk_xml_write_fields(node, &sk_ovs_port_type, port);
}

void
sk_xml_settle_vlan(SkVlan *vlan)
{
    if (vlan != NULL && vlan->tags != NULL && vlan->tags->len > 1)
        vlan->trunk = TRUE;
}
