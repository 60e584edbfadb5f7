/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <networkport>: a guest's interface as its network has it. */
#include "codec/xml/domain-private.h"

char *
sk_xml_network_port_format(const SkXmlNetworkPort *port)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("networkport");
    sk_xml_set(root, "uuid", port->uuid);
    sk_xml_set(root, "owner/name", port->owner_name);
    sk_xml_set(root, "owner/uuid", port->owner_uuid);
    sk_xml_set(root, "mac/@address", port->nic->mac);
    SkXmlNode *bandwidth = sk_xml_add(root, "bandwidth");
    sk_xml_write_fields(bandwidth, &sk_bandwidth_type, &port->nic->bandwidth);
    if (sk_xml_is_empty(bandwidth))
        sk_xml_remove(bandwidth);
    if (port->bridge != NULL) {
        sk_xml_set(root, "plug/@type", "network");
        sk_xml_set(root, "plug/@bridge", port->bridge);
    }
    return sk_xml_text(root);
}
