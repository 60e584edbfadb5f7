/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the small documents that calls take besides definitions: where a copy goes to, a CPU to be compared. */
#include "codec/xml/xml.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    gboolean has_format = FALSE;
    g_autofree char *text = g_strndup((const char *) data, size), *model = NULL;
    g_auto(GStrv) features = NULL;
    g_autoptr(GError) error = NULL;
    SkDisk *target = sk_xml_copy_target_parse((const char *) data, (gssize) size, &has_format, &error);
    if ((target != NULL) == (error != NULL))
        g_error("an answer and an error do not fit together");
    sk_value_free(&sk_disk_type, target);
    g_clear_error(&error);
    if (sk_xml_cpu_parse(text, &model, &features, &error) != (error == NULL))
        g_error("an answer and an error do not fit together");
    return 0;
}
