/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/node.h"
#include "codec/xml/xml.h"

G_BEGIN_DECLS

/* The parts of a network's XML. Private to codec/xml/. */

gboolean sk_xml_network_read_dns(SkXmlNode *network, SkNetworkSpec *spec, GError **error);
void sk_xml_network_write_dns(SkXmlNode *network, const SkNetworkSpec *spec);
gboolean sk_xml_network_read_ips(SkXmlNode *network, SkNetworkSpec *spec, GError **error);
void sk_xml_network_write_ips(SkXmlNode *network, const SkNetworkSpec *spec);

/* <route>, <virtualport>, <vlan>, <portgroup>, dnsmasq:options: network-ports.c */
gboolean sk_xml_network_read_ports(SkXmlNode *network, SkNetworkSpec *spec, GError **error);
void sk_xml_network_write_ports(SkXmlNode *network, const SkNetworkSpec *spec);
/* One <portgroup>. */
gboolean sk_xml_network_read_group(SkXmlNode *node, SkPortGroup *group, GError **error);
gboolean sk_xml_network_read_routes(SkXmlNode *network, SkNetworkSpec *spec, GError **error);
void sk_xml_network_write_routes(SkXmlNode *network, const SkNetworkSpec *spec);
gboolean sk_xml_network_read_options(SkXmlNode *network, SkNetworkSpec *spec, GError **error);
void sk_xml_network_write_options(SkXmlNode *network, const SkNetworkSpec *spec);

/* "10.1.0.0/16" of an element with address, and prefix or netmask; without either what libvirt takes. Free with g_free(); NULL on error. */
char *sk_xml_network_subnet(SkXmlNode *node, gboolean six, GError **error);
/* TRUE in *six for family ipv6, or for an address of it without a family. */
gboolean sk_xml_network_family(SkXmlNode *node, gboolean *six, GError **error);

/* The children of a name as values of a type, at the end of *list. */
gboolean sk_xml_network_read_list(SkXmlNode *node, const char *element, const SkType *type, GPtrArray **list, guint max, GError **error);
void sk_xml_network_write_list(SkXmlNode *node, const char *element, const SkType *type, const GPtrArray *list);

G_END_DECLS
