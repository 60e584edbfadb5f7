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

/* The children of a name as values of a type, at the end of *list. */
gboolean sk_xml_network_read_list(SkXmlNode *node, const char *element, const SkType *type, GPtrArray **list, guint max, GError **error);
void sk_xml_network_write_list(SkXmlNode *node, const char *element, const SkType *type, const GPtrArray *list);

G_END_DECLS
