/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A scripted peer for line protocols (QMP, the guest agent): a thread at the
 * other end of a socket that does its steps in order.
 */

typedef enum {
    PEER_SEND,      /* text as it is */
    PEER_EXPECT,    /* reads a line and checks that text is in it; remembers its "id" */
    PEER_REPLY,     /* text with "@" replaced by the remembered id, and a newline */
    PEER_BYTES,     /* count times the letter in text[0], no newline */
    PEER_EVENTS,    /* count events of name text */
    PEER_FD,        /* a descriptor must have come with the last line; text is written to it */
    PEER_EOF,       /* closes */
    PEER_NEXT,      /* listening: waits until the client hangs up; what follows is the next connection's */
} PeerVerb;

typedef struct {
    PeerVerb verb;
    const char *text;
    guint count;
} PeerStep;

#define PEER_GREETING                                                                                       \
    { PEER_SEND, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "        \
                 "\"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}\r\n" },                              \
        { PEER_EXPECT, "qmp_capabilities" }, { PEER_REPLY, "{\"return\": {}, \"id\": @}" }

typedef struct Peer Peer;

/* Starts a peer; after its last step it reads and drops until the other side closes. *out_fd is ours. */
Peer *peer_start(const PeerStep *steps, guint n_steps, gint *out_fd);

/* Starts a peer behind a listening Unix socket at path. */
Peer *peer_listen(const char *path, const PeerStep *steps, guint n_steps);

/* Waits for its end; every step must have been done. */
void peer_finish(Peer *peer);
