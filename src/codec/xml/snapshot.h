/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/xml.h"
#include "model/snapshot.h"

G_BEGIN_DECLS

/* <domainsnapshot>, as xml.h says of all. Any thread. */

/*
 * What a snapshot that is asked for is to be. What only tells of one that was made (state, time, definitions) is passed over, so
 * that the XML of one can be given to make another. out_memory (may be NULL): FALSE if it says that no memory is to be kept.
 */
SkSnapshotCreate *sk_xml_snapshot_parse_request(const char *text, gssize length, gboolean *out_memory, GError **error);

/* One that was made, to be known again. Where the images' states are is left open. */
SkSnapshot *sk_xml_snapshot_parse(const char *text, gssize length, GError **error);

/* options as for domains. Free with g_free(). */
char *sk_xml_snapshot_format(const SkSnapshot *snapshot, const SkXmlOptions *options);

G_END_DECLS
