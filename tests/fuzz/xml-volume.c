/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the XML of a volume to make: what is taken must be fit to be made. */
#include "codec/xml/storage.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    SkVolumeCreate create = { 0 };
    g_autofree char *backing = NULL;
    if (!sk_xml_volume_parse((const char *) data, (gssize) size, &create, &backing, NULL))
        return 0;
    if (!sk_value_check(&sk_volume_create_type, &create, NULL, NULL) || create.allocation > create.capacity)
        g_error("a volume that cannot be made was taken");
    sk_value_clear(&sk_volume_create_type, &create);
    return 0;
}
