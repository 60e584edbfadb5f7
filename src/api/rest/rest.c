/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server: settings, start and end. */
#include "api/rest/rest-private.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"

#define MHD_MEMORY (48 * 1024)  /* of a connection: header and buffers */

/* What is meant where a setting is 0. */
static void
fill_in(SkRestSettings *settings)
{
#define USUAL(member, value) settings->member = settings->member != 0 ? settings->member : (value)
    USUAL(max_connections, 512);
    USUAL(max_connections_client, 64);
    USUAL(requests_second, 2000);
    USUAL(request_burst, 2 * settings->requests_second);
    USUAL(bad_tokens_minute, 10);
    USUAL(request_time, 30);
    USUAL(idle_time, 120);
    USUAL(max_body, 4 * 1024 * 1024);
    USUAL(max_header, 16 * 1024);
    USUAL(max_url, 8 * 1024);
    USUAL(max_message, 64 * 1024);
    USUAL(event_buffer, 1024 * 1024);
    USUAL(heartbeat, 20);
#undef USUAL
}

/* MHD's own words are about clients that break off or break the protocol. */
static void
on_log(void *cls, const char *format, va_list args)
{
    /* On Unix sockets it complains of TCP options twice an answer: too often to write it out first. */
    if (g_str_has_prefix(format, "Setting %s option") || g_str_has_prefix(format, "Failed to push"))
        return;
    g_autofree char *text = g_strdup_vprintf(format, args);
    g_debug("http: %s", g_strchomp(text));
}

/* Paths and queries are decoded by route.c, strictly. */
static size_t
leave_encoded(void *cls, struct MHD_Connection *mhd, char *text)
{
    return strlen(text);
}

static gboolean
start_http(SkRest *self, GError **error)
{
    guint flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_TURBO | MHD_USE_ERROR_LOG;
    self->http = MHD_start_daemon(flags, 0, NULL, NULL, sk_rest_on_request, self,
                                  MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
                                  MHD_OPTION_CONNECTION_LIMIT, self->settings.max_connections + SK_LIMITS_RESERVE,
                                  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) MHD_MEMORY,
                                  MHD_OPTION_CONNECTION_TIMEOUT, self->settings.idle_time,
                                  MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                  MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
                                  MHD_OPTION_URI_LOG_CALLBACK, sk_rest_on_uri, self,
                                  MHD_OPTION_NOTIFY_CONNECTION, sk_rest_on_connection, self,
                                  MHD_OPTION_NOTIFY_COMPLETED, sk_rest_on_completed, self,
                                  MHD_OPTION_END);
    if (self->http == NULL)
        return sk_fail(error, SK_ERROR_HOST, "cannot start the HTTP server");
    self->http_source = sk_http_source_new(self->http);
    return TRUE;
}

SkRest *
sk_rest_new(const SkRestSettings *settings, SkOps *ops, SkAuth *auth, SkService *service, GError **error)
{
    sk_assert_main();
    g_autoptr(SkRest) self = g_new0(SkRest, 1);
    self->settings = *settings;
    fill_in(&self->settings);
    self->ops = ops;
    self->auth = auth;
    self->service = service;
    self->routes = sk_routes_new();
    self->arriving = g_hash_table_new(NULL, NULL);
    const SkLimitsSettings limits = {
        .max_connections = self->settings.max_connections, .max_connections_client = self->settings.max_connections_client,
        .requests_second = self->settings.requests_second, .request_burst = self->settings.request_burst,
        .bad_tokens_minute = self->settings.bad_tokens_minute,
    };
    self->limits = sk_limits_new(&limits);
    if (!start_http(self, error) || !sk_listeners_open(self, settings, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
sk_rest_free(SkRest *self)
{
    if (self == NULL)
        return;
    self->closing = TRUE;
    sk_listeners_close(self);
    g_clear_handle_id(&self->sweep_timer, g_source_remove);
    if (self->http != NULL) {
        sk_rest_connections_close(self);
        MHD_run(self->http);
        g_source_destroy(self->http_source);
        g_source_unref(self->http_source);
        MHD_stop_daemon(self->http);
    }
    sk_tls_free(self->tls);
    sk_limits_free(self->limits);
    g_clear_pointer(&self->arriving, g_hash_table_unref);
    sk_routes_free(self->routes);
    g_free(self->openapi);
    g_free(self->openapi_etag);
    g_free(self);
}

guint
sk_rest_port(SkRest *self)
{
    return self->port;
}

const char *
sk_rest_fingerprint(SkRest *self)
{
    return self->tls != NULL ? sk_tls_fingerprint(self->tls) : NULL;
}
