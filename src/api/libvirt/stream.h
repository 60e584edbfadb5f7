/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/private.h"

/* Streams: bytes one way or both beside the calls of a connection. Main thread. */

/* A STREAM or STREAM_HOLE message of the client. */
void sk_lv_stream_take(SkLvConnection *connection, const SkLvHeader *header, const guint8 *payload, gsize length);
/* The connection has sent all it had: streams may go on. */
void sk_lv_streams_drained(SkLvConnection *connection);
/* The connection has ended, and they with it. */
void sk_lv_streams_end(SkLvConnection *connection);
