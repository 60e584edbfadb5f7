/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * What one client may use: connections, requests a second, wrong tokens a minute. A client is an
 * IPv4 address, an IPv6 /64, or a user of the Unix socket. Main thread.
 */

typedef struct SkLimits SkLimits;
typedef struct SkLimitsClient SkLimitsClient;

typedef struct {
    guint max_connections, max_connections_client;
    guint requests_second, request_burst;
    guint bad_tokens_minute;
} SkLimitsSettings;

SkLimits *sk_limits_new(const SkLimitsSettings *settings);
/* All connections have been given back. */
void sk_limits_free(SkLimits *self);

/* Places beyond max_connections, for who is exempt: clients cannot lock the administrator of the host out. */
#define SK_LIMITS_RESERVE 16

/*
 * Takes a place for a connection of the client called key; NULL if there is none left, for it or for all.
 * exempt: root on the Unix socket; it has no limit but the total of connections.
 */
SkLimitsClient *sk_limits_connect(SkLimits *self, const char *key, gboolean exempt);
void sk_limits_disconnect(SkLimits *self, SkLimitsClient *client);

/* FALSE: too many requests; out_seconds is when to come again. */
gboolean sk_limits_request(SkLimits *self, SkLimitsClient *client, guint *out_seconds);
/* The client came with a wrong token. FALSE: too many of those. */
gboolean sk_limits_bad_token(SkLimits *self, SkLimitsClient *client, guint *out_seconds);

/* Forgets clients that are gone and owe nothing. To be called now and then. */
void sk_limits_sweep(SkLimits *self);

guint sk_limits_connections(const SkLimits *self);

G_END_DECLS
