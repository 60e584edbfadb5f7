/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams. */
#include "api/libvirt/stream.h"

void
sk_lv_stream_take(SkLvConnection *connection, const SkLvHeader *header, const guint8 *payload, gsize length)
{
    (void) connection, (void) header, (void) payload, (void) length;
}

void
sk_lv_streams_drained(SkLvConnection *connection)
{
    (void) connection;
}

void
sk_lv_streams_end(SkLvConnection *connection)
{
    (void) connection;
}
