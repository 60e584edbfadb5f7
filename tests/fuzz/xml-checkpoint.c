/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the XML of a checkpoint or a backup: parse, show, parse again; and as a request for one. */
#include "codec/xml/checkpoint.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_same(const char *text, const char *again, const GError *error)
{
    if (g_strcmp0(text, again) != 0)
        g_error("not the same again: %s: %s", error != NULL ? error->message : "", text);
}

static void
try_checkpoint(const char *data, gssize size)
{
    const SkXmlOptions options = { .flags = SK_XML_SECURE };
    g_autoptr(GError) error = NULL;
    sk_value_free(&sk_checkpoint_create_type, sk_xml_checkpoint_parse_request(data, size, NULL));
    SkCheckpoint *checkpoint = sk_xml_checkpoint_parse(data, size, NULL);
    if (checkpoint == NULL)
        return;
    g_autofree char *text = sk_xml_checkpoint_format(checkpoint, FALSE, &options);
    SkCheckpoint *again = sk_xml_checkpoint_parse(text, -1, &error);
    g_autofree char *text_again = again != NULL ? sk_xml_checkpoint_format(again, FALSE, &options) : NULL;
    check_same(text, text_again, error);
    sk_value_free(&sk_checkpoint_type, checkpoint);
    sk_value_free(&sk_checkpoint_type, again);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    try_checkpoint((const char *) data, (gssize) size);
    SkBackup *backup = sk_xml_backup_parse((const char *) data, (gssize) size, NULL);
    if (backup == NULL)
        return 0;
    g_autofree char *text = sk_xml_backup_format(backup);
    SkBackup *again = sk_xml_backup_parse(text, -1, &error);
    g_autofree char *text_again = again != NULL ? sk_xml_backup_format(again) : NULL;
    check_same(text, text_again, error);
    sk_value_free(&sk_backup_type, backup);
    sk_value_free(&sk_backup_type, again);
    return 0;
}
