/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/common/client-limits.h"
#include "api/common/tls.h"
#include "api/libvirt/call.h"
#include "api/libvirt/libvirt.h"
#include "api/libvirt/poll.h"

/* What the files of api/libvirt/ share. Sectioned by the file that implements each part. Main thread. */

struct SkLibvirt {
    SkLibvirtSettings settings;
    SkOps *ops;
    SkAuth *auth;
    SkService *service;
    SkLvPoll *poll;
    GPtrArray *listeners;       /* listener.c */
    SkTls *tls;                 /* NULL: none */
    GQueue handshakes;          /* listener.c: those that are not over */
    SkLimits *limits;
    guint refused;              /* connections that are open only to be told why not */
    GQueue connections;         /* SkLvConnection */
    guint sweep_timer;
    gsize input_memory;         /* unfinished messages of all connections, bytes */
    struct SkLvEvents *events;  /* event.c */
    gboolean check_replies;     /* SKEP_CHECK_REPLIES: decode what is sent */
};

/* -- listener.c: sockets that listen ------------------------------------------------------------------------------ */

gboolean sk_lv_listeners_open(SkLibvirt *self, const SkLibvirtSettings *settings, GError **error);
void sk_lv_listeners_close(SkLibvirt *self);
/* Cuts handshakes that began before then (monotonic). */
void sk_lv_listeners_sweep(SkLibvirt *self, gint64 limit);

/* -- connection.c: a client: framing, limits, what is to be sent --------------------------------------------------- */

/* How a connection came in. */
typedef enum { SK_LV_UNIX, SK_LV_TCP, SK_LV_TLS } SkLvTransport;

/* Fields are read by others, written by connection.c and session.c. */
struct SkLvConnection {
    guint refs;
    SkLibvirt *server;          /* NULL once it is closed */
    gint fd;                    /* -1 once it is closed */
    GList link;                 /* in server->connections */
    SkLvTransport transport;
    SkIdentity who;
    gboolean read_only;         /* by socket or by CONNECT_OPEN */
    gboolean opened;            /* between CONNECT_OPEN and CONNECT_CLOSE */
    gboolean closing;           /* nothing is read any more; it ends when all is sent */
    GError *refused;            /* why its first call is refused; NULL: it is welcome */
    SkLimitsClient *limits;
    gint64 since;               /* monotonic: when it came, or began to close */
    GHashTable *streams;        /* stream.c: serial → SkLvStream; NULL: none yet */

    GByteArray *in;             /* a message's beginning */
    GArray *fds;                /* descriptors that came and are not taken yet */
    GQueue out;                 /* Packet */
    gsize out_bytes;
    guint watched;              /* SkLvPollEvents */
    gboolean parsing;           /* messages are being run: not again from within */
    guint calls;                /* not answered yet */
    guint holds;                /* streams that have no room */
    gboolean resuming;          /* it will go on, from the main loop */
    guint registrations;        /* event.c */
};

/* A client that has come; what it points to is taken. */
typedef struct {
    gint fd;
    SkLvTransport transport;
    SkIdentity who;
    gboolean read_only;
    GError *refused;            /* why its first call is refused; NULL: it is welcome */
    SkLimitsClient *limits;     /* its place; NULL: it has none, as it is refused */
} SkLvArrival;
void sk_lv_connection_new(SkLibvirt *server, const SkLvArrival *arrival);
/* Something is to be looked at now and then. */
void sk_lv_start_sweep(SkLibvirt *server);
SkLvConnection *sk_lv_connection_ref(SkLvConnection *self);
void sk_lv_connection_unref(SkLvConnection *self);
/* Ends it at once; why is for the debug log. */
void sk_lv_connection_close(SkLvConnection *self, const char *why);
/* Reads no more, and ends when all is sent. */
void sk_lv_connection_finish(SkLvConnection *self);
/* Goes on with reading, if nothing holds it up any more. */
void sk_lv_connection_resume(SkLvConnection *self);
/* The same from the main loop, for those in the middle of something. */
void sk_lv_connection_resume_later(SkLvConnection *self);
gboolean sk_lv_connection_is_open(const SkLvConnection *self);

/* -- packets ------------------------------------------------------------------------------------------------------- */

#define SK_LV_HEADER 28u
#define SK_LV_MESSAGE_MAX (32u * 1024 * 1024 + 4)

typedef enum {
    SK_LV_CALL, SK_LV_REPLY, SK_LV_EVENT, SK_LV_STREAM, SK_LV_CALL_FDS, SK_LV_REPLY_FDS, SK_LV_HOLE,
} SkLvType;
typedef enum { SK_LV_OK, SK_LV_ERROR_STATUS, SK_LV_CONTINUE } SkLvStatus;

typedef struct {
    guint32 program, version, procedure, type, serial, status;
} SkLvHeader;

/* An empty packet with room for its header, to put the payload after. */
GByteArray *sk_lv_packet_new(void);
/* Sends a packet (taken) with its descriptors (taken; NULL: none). Dropped if the connection is closed. */
void sk_lv_connection_send(SkLvConnection *self, const SkLvHeader *header, GByteArray *packet, GArray *fds);
/* An error as reply or end of a stream. */
void sk_lv_connection_send_error(SkLvConnection *self, const SkLvHeader *header, SkLvSubsystem subsystem, const GError *error);
/* A message from the server. The client that does not read its events is closed. */
void sk_lv_connection_send_event(SkLvConnection *self, guint32 program, guint32 procedure, GByteArray *packet);

/* -- call.c ---------------------------------------------------------------------------------------------------------- */

/* A whole CALL: runs it. fds are taken. */
void sk_lv_call_run(SkLvConnection *connection, const SkLvHeader *header, const guint8 *payload, gsize length, GArray *fds);

/* -- error.c ---------------------------------------------------------------------------------------------------------- */

/* Errors of the protocol's own, by their number on the wire. */
#define SK_LV_ERROR (sk_lv_error_quark())
GQuark sk_lv_error_quark(void);
typedef enum {
    SK_LV_ERROR_INTERNAL = 1, SK_LV_ERROR_NO_SUPPORT = 3, SK_LV_ERROR_NO_CONNECT = 5, SK_LV_ERROR_READ_ONLY = 29, SK_LV_ERROR_RPC = 39,
    SK_LV_ERROR_AUTH = 45, SK_LV_ERROR_NO_HOSTNAME = 108,
} SkLvErrorCode;
/* As sk_fail(). */
gboolean sk_lv_fail(GError **error, gint code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The error structure at the end of out. */
void sk_lv_put_error(GByteArray *out, SkLvSubsystem subsystem, const GError *error);

/* -- stream.c: what others need of it; stream.h is for handlers ------------------------------------------------------- */

/* A STREAM or STREAM_HOLE message of the client. */
void sk_lv_stream_take(SkLvConnection *connection, const SkLvHeader *header, const guint8 *payload, gsize length);
/* The reply of the call that opened it has gone out. */
void sk_lv_stream_begin(struct SkLvStream *stream);
/* The call failed after all. */
void sk_lv_stream_cancel(struct SkLvStream *stream);
/* There is room for more to be sent. */
void sk_lv_streams_drained(SkLvConnection *connection);
/* The connection has ended, and they with it. */
void sk_lv_streams_end(SkLvConnection *connection);

/* -- event.c ------------------------------------------------------------------------------------------------------------ */

/* A connection has ended: its registrations go. */
void sk_lv_events_forget(SkLibvirt *server, SkLvConnection *connection);
