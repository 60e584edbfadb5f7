/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/auth.h"
#include "ops/ops.h"
#include "service/service.h"

G_BEGIN_DECLS

/*
 * The REST front door: /v1 over a Unix socket (peer credentials) and over HTTPS (bearer tokens).
 * It decodes a request by the operation table, gives the call to ops/, and encodes the answer; it
 * knows nothing else. One HTTP daemon driven by the main loop, no threads. Main thread.
 */

typedef struct SkRest SkRest;

/* Where to listen and how much one client may ask for. 0 and NULL are the usual, named in rest.c. */
typedef struct {
    const char *unix_path;      /* socket to make, mode 0660, group skep; NULL: none */
    const char *https_address;  /* "127.0.0.1:8443", "[::]:8443"; port 0: any free one; NULL: none */
    const char *cert_path, *key_path; /* PEM; a self-signed pair is made there if both are missing */
    const gint *unix_fds, *https_fds; /* sockets that listen already (socket activation), or NULL; taken */
    guint n_unix_fds, n_https_fds;
    gint plain_fd;              /* listening TCP socket for HTTP without TLS, for measuring; 0: none */

    guint max_connections, max_connections_client;
    guint requests_second, request_burst;   /* of one client; root on the Unix socket is exempt */
    guint bad_tokens_minute;    /* wrong tokens from one address before it has to wait */
    guint request_time;         /* seconds in which a whole request must have come */
    guint idle_time;            /* seconds a connection may stay without a request, or an answer unread */
    gsize max_body;             /* bytes of a JSON body */
    gsize max_header, max_url;  /* bytes */
    gsize max_message;          /* bytes of a WebSocket message from a client */
    gsize event_buffer;         /* bytes of events kept for a client that does not read */
    guint heartbeat;            /* seconds between pings of event streams and consoles */
} SkRestSettings;

/*
 * Listens and answers from now on. settings is copied. "Port in use" and the like are errors that name the
 * address. The others must outlive it.
 */
SkRest *sk_rest_new(const SkRestSettings *settings, SkOps *ops, SkAuth *auth, SkService *service, GError **error);

/* Closes all connections; calls that still run go on without their client. NULL is fine. */
void sk_rest_free(SkRest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRest, sk_rest_free)

/* The port of the HTTPS address, 0 if there is none. */
guint sk_rest_port(SkRest *self);
/* SHA-256 of the certificate as "AB:CD:...", for people to compare; NULL without HTTPS. */
const char *sk_rest_fingerprint(SkRest *self);

/* The OpenAPI 3.1 document of the operation table, as JSON text. Free with g_free(). Any thread. */
char *sk_rest_openapi(void);

G_END_DECLS
