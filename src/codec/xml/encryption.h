/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/node.h"
#include "model/encryption.h"

/* <encryption>, of disks and of volumes. */

/* What is at the element path, if anything; *out is freed with sk_value_free(). Formats other than luks are refused. */
gboolean sk_xml_read_encryption(SkXmlNode *node, const char *path, SkEncryption **out, GError **error);
/* Adds the element; NULL: nothing is done. */
void sk_xml_write_encryption(SkXmlNode *node, const SkEncryption *encryption);
