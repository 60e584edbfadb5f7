/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

G_BEGIN_DECLS

/*
 * Streams: bytes one way or both beside the calls of a connection. A handler of a procedure with SK_LV_DOWN or SK_LV_UP opens
 * one when it has succeeded; it lives until end() is called. Main thread; callbacks come on it too.
 *
 *   to the client     room(), then sk_lv_stream_send() until it says FALSE, room() again ... sk_lv_stream_eof()
 *   from the client   data() ...; what cannot be taken at once: sk_lv_stream_hold(TRUE), and FALSE when it is done
 *   end               the client says it is done: finish(), and sk_lv_stream_finish() now or later; or it aborts, or its
 *                     connection breaks: end() alone; or we fail: sk_lv_stream_fail()
 */

typedef struct SkLvStream SkLvStream;

typedef struct {
    /* Bytes of the client's, borrowed; FALSE fails the stream. NULL: the client must not send. */
    gboolean (*data)(SkLvStream *self, const guint8 *bytes, gsize length, GError **error);
    /* So many zeros of the client's. NULL: holes are not understood. */
    gboolean (*hole)(SkLvStream *self, guint64 length, GError **error);
    /* Sending is possible: after the reply has gone out, and when there is room again. May be NULL. */
    void (*room)(SkLvStream *self);
    /* The client has sent or read all: to be answered by sk_lv_stream_finish(). NULL: all is well. */
    void (*finish)(SkLvStream *self);
    /* The stream is over, in whatever way: free what belongs to it. completed: in good order. */
    void (*end)(SkLvStream *self, gboolean completed);
} SkLvStreamFuncs;

/* Opens a stream for a call that succeeds; funcs is kept. NULL: the connection has too many, or is gone. */
SkLvStream *sk_lv_stream_open(SkLvCall *call, const SkLvStreamFuncs *funcs, gpointer data, GError **error);
gpointer sk_lv_stream_data(SkLvStream *self);

/* Takes all bytes (in pieces as clients like them); FALSE: then wait for room(). */
gboolean sk_lv_stream_send(SkLvStream *self, const void *bytes, gsize length);
/* Only if the client asked for holes in the opening call's flags. FALSE as above. */
gboolean sk_lv_stream_send_hole(SkLvStream *self, guint64 length);
/* No more will be sent. The client answers with finish(). */
void sk_lv_stream_eof(SkLvStream *self);
/* Ends it with an error (taken); end() is called. */
void sk_lv_stream_fail(SkLvStream *self, GError *error);
/* Answers finish(); error (taken) NULL: all is well. end() is called. */
void sk_lv_stream_finish(SkLvStream *self, GError *error);
/* TRUE: what the client sends waits until FALSE, when it is delivered before this returns, as far as it is taken. */
void sk_lv_stream_hold(SkLvStream *self, gboolean hold);

G_END_DECLS
