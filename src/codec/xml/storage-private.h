/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/node.h"
#include "codec/xml/storage.h"

/* Shared by pool.c, volume.c and secret.c. */

/* An element with a number of bytes, and the unit. */
void sk_xml_set_bytes(SkXmlNode *node, const char *path, guint64 bytes);
