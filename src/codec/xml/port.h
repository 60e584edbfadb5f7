/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/node.h"
#include "model/vlan.h"

G_BEGIN_DECLS

/* <virtualport> and <vlan>, which interfaces, networks and port groups have. Private to codec/xml/. */

/* Only that of Open vSwitch; the others are refused by name. */
gboolean sk_xml_read_virtualport(SkXmlNode *owner, SkOvsPort **out, GError **error);
void sk_xml_write_virtualport(SkXmlNode *owner, const SkOvsPort *port);

/* <vlan> as a field table reads it; what libvirt takes for granted is filled in. vlan may be NULL. */
void sk_xml_settle_vlan(SkVlan *vlan);

G_END_DECLS
