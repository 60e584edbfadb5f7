/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/xml.h"
#include "model/backup.h"

G_BEGIN_DECLS

/* <domaincheckpoint> and <domainbackup>, as xml.h says of all. Any thread. */

/*
 * What a checkpoint that is asked for is to be. What only tells of one that was made (time, parent, definition) is passed over, so
 * that the XML of one can be given to make another.
 */
SkCheckpointCreate *sk_xml_checkpoint_parse_request(const char *text, gssize length, GError **error);

/* One that was made, to be known again. Where the images are is left open. */
SkCheckpoint *sk_xml_checkpoint_parse(const char *text, gssize length, GError **error);

/* options as for domains; sizes: with what was written since. Free with g_free(). */
char *sk_xml_checkpoint_format(const SkCheckpoint *checkpoint, gboolean sizes, const SkXmlOptions *options);

/* A backup that is asked for, without a checkpoint. */
SkBackup *sk_xml_backup_parse(const char *text, gssize length, GError **error);
char *sk_xml_backup_format(const SkBackup *backup);

G_END_DECLS
