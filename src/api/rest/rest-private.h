/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>
#include <sys/socket.h>

#include "api/common/client-limits.h"
#include "api/rest/rest.h"
#include "api/rest/route.h"
#include "api/common/tls.h"

/* What the files of api/rest/ share. Sectioned by the file that implements each part. Main thread. */

typedef struct SkRestConnection SkRestConnection;
typedef struct SkRestRequest SkRestRequest;

struct SkRest {
    SkRestSettings settings;    /* the usual filled in; its strings are not kept */
    SkOps *ops;
    SkAuth *auth;
    SkService *service;

    struct MHD_Daemon *http;
    GSource *http_source;       /* http-source.c */
    SkRoutes *routes;
    SkLimits *limits;
    char *openapi;              /* the document, made when it is first asked for */
    char *openapi_etag;

    GPtrArray *listeners;       /* listener.c */
    SkTls *tls;                 /* NULL: no HTTPS */
    guint port;

    GQueue connections;         /* connection.c: all SkRestConnections */
    GHashTable *arriving;       /* descriptor given to MHD → connection it has not told of yet */
    guint sweep_timer;
    gboolean closing;
};

/* -- http-source.c: MHD's epoll descriptor in the main loop ------------------------------------------- */

GSource *sk_http_source_new(struct MHD_Daemon *http);
/* To be called after each resume and end of an upgrade: MHD does not ask to be run for those. */
void sk_http_source_kick(GSource *source);

/* -- listener.c: sockets that listen -------------------------------------------------------------------- */

gboolean sk_listeners_open(SkRest *self, const SkRestSettings *settings, GError **error);
void sk_listeners_close(SkRest *self);

/* -- connection.c: one client's connection --------------------------------------------------------------- */

typedef enum {
    SK_REST_WAITS,          /* for a request, or the rest of it */
    SK_REST_UPLOADS,        /* takes a body that may be long: it has to advance */
    SK_REST_WORKS,          /* on the answer */
} SkRestPhase;

struct SkRestConnection {
    SkRest *rest;
    GList link;             /* in rest->connections */
    SkLimitsClient *client;
    gint fd;                /* MHD's, once it has it; else -1 */
    SkTlsLink *tls_link;    /* while the handshake goes on */
    gboolean is_unix, encrypted;
    char *from;             /* "unix:4711", "192.0.2.7:40112" */
    SkIdentity peer;        /* Unix socket: who */
    GError *refused;        /* Unix socket: why this peer may not */
    SkRestPhase phase;
    gint64 since;           /* monotonic: when the phase began */
    guint64 received, received_mark; /* bytes of an upload, and at since */
    SkRestRequest *request; /* the present one, or NULL */
};

/* A socket was accepted; fd is taken. */
void sk_rest_connection_new(SkRest *rest, gint fd, const struct sockaddr *address, gboolean is_unix, gboolean encrypted);
void sk_rest_connection_phase(SkRestConnection *self, SkRestPhase phase);
/* MHD tells of its connections. */
void sk_rest_on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code);
/* Ends all of them, for sk_rest_free(). */
void sk_rest_connections_close(SkRest *rest);

/* -- request.c: one request -------------------------------------------------------------------------------- */

typedef struct SkRestStreamKind SkRestStreamKind;

struct SkRestRequest {
    SkRest *rest;
    SkRestConnection *connection;
    struct MHD_Connection *mhd;
    char *uri;              /* as it came */
    SkRouteMatch match;
    gboolean head;          /* the method is HEAD */
    gboolean begun;         /* the head has been looked at */
    gboolean ended;         /* the body has come */
    gboolean suspended;
    GByteArray *body;       /* JSON body so far, or NULL */
    SkCall *call;           /* ours, until it is dispatched */
    gboolean dispatched;    /* call is the dispatcher's, and not answered yet */
    struct MHD_Response *response; /* ready to be sent, or NULL */
    guint refusal;          /* status of an error of the head; 0: the error's own */
    guint retry_after;      /* seconds, for TOO_MANY; 0: 1 */
    guint status;
    gboolean refused;       /* an error was sent into the middle of the body; the rest is dropped */
    guint64 dropped;        /* bytes of it */
    const SkRestStreamKind *kind; /* mode STREAM */
    gpointer stream;        /* its own */
};

/* A stream operation: how the front door takes the connection over. */
struct SkRestStreamKind {
    /* The call has its parameters and the right is judged: answers, or makes request->stream. */
    gboolean (*begin)(SkRestRequest *request, GError **error);
    /* Body: a piece of it; FALSE ends the request with the error. May be NULL: no body is taken. */
    gboolean (*piece)(SkRestRequest *request, const void *bytes, gsize length, GError **error);
    /* Body: it has all come; answers now or later. */
    void (*finish)(SkRestRequest *request);
    /* The request is over, or the client gone: free the stream. */
    void (*end)(SkRestRequest *request);
    /* The server ends, or the right to the stream: let go of the connection, and say why. May be NULL. */
    void (*close)(SkRestRequest *request, const char *why);
};

void *sk_rest_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result sk_rest_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *data, size_t *size, void **context);
void sk_rest_on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code);
void sk_rest_request_free(SkRestRequest *self);

/* MHD leaves the connection alone until sk_rest_request_resume(). */
void sk_rest_request_suspend(SkRestRequest *self);
void sk_rest_request_resume(SkRestRequest *self);
/* A header of the request, NULL if it is not there. */
const char *sk_rest_request_header(SkRestRequest *self, const char *name);

/* -- answer.c: responses ------------------------------------------------------------------------------------- */

/* Each makes request->response and status, and lets the request go on if it was suspended. */
void sk_rest_answer_error(SkRestRequest *request, guint status, const GError *error); /* status 0: the error's own */
void sk_rest_answer_call(SkRestRequest *request, SkCall *call, const GError *error);
void sk_rest_answer_text(SkRestRequest *request, guint status, const char *type, char *text, gsize length); /* takes text */
void sk_rest_answer_response(SkRestRequest *request, guint status, struct MHD_Response *response); /* takes response */
gboolean sk_rest_answer_upload_offset(SkRestRequest *request, GError **error); /* how far the upload came, to HEAD */
/* Headers every response has. */
void sk_rest_add_headers(struct MHD_Response *response, const char *content_type);
/* {"error":{"code":...,"message":...}}; free with g_free(). */
char *sk_rest_error_text(const GError *error);
/* An error while the body is still coming, which MHD cannot send: written straight to the socket. */
void sk_rest_refuse_midway(SkRestRequest *request, const GError *error);

/* -- stream kinds ------------------------------------------------------------------------------------------------ */

extern const SkRestStreamKind sk_rest_events_kind;     /* events.c */
extern const SkRestStreamKind sk_rest_console_kind;    /* console.c */
extern const SkRestStreamKind sk_rest_upload_kind;     /* upload.c */
extern const SkRestStreamKind sk_rest_download_kind;   /* download.c */
