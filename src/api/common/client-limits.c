/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Token buckets and connection counts of clients. */
#include "api/common/client-limits.h"

/* More addresses than this are not remembered at once: those that are gone are forgotten early. */
#define MAX_CLIENTS 10000

/* A bucket fills with time up to its size; each use takes one out. */
typedef struct {
    gdouble level;
    gint64 time;            /* monotonic */
} Bucket;

struct SkLimitsClient {
    char *key;
    guint connections;
    gboolean exempt;
    Bucket requests, bad_tokens;
};

struct SkLimits {
    SkLimitsSettings settings;
    GHashTable *clients;
    guint connections;
};

static void
free_client(gpointer data)
{
    SkLimitsClient *client = data;
    g_free(client->key);
    g_free(client);
}

SkLimits *
sk_limits_new(const SkLimitsSettings *settings)
{
    SkLimits *self = g_new0(SkLimits, 1);
    self->settings = *settings;
    self->clients = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_client);
    return self;
}

void
sk_limits_free(SkLimits *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->clients);
    g_free(self);
}

static gdouble
level_at(const Bucket *bucket, gdouble per_second, gdouble size, gint64 now)
{
    gdouble level = bucket->level + (gdouble) (now - bucket->time) / G_USEC_PER_SEC * per_second;
    return MIN(size, level);
}

static gboolean
take(Bucket *bucket, gdouble per_second, gdouble size, guint *out_seconds)
{
    gint64 now = g_get_monotonic_time();
    bucket->level = level_at(bucket, per_second, size, now);
    bucket->time = now;
    if (bucket->level >= 1) {
        bucket->level -= 1;
        return TRUE;
    }
    *out_seconds = 1 + (guint) ((1 - bucket->level) / per_second);
    return FALSE;
}

static SkLimitsClient *
new_client(SkLimits *self, const char *key)
{
    SkLimitsClient *client = g_new0(SkLimitsClient, 1);
    client->key = g_strdup(key);
    client->requests.level = self->settings.request_burst;
    client->bad_tokens.level = self->settings.bad_tokens_minute;
    client->requests.time = client->bad_tokens.time = g_get_monotonic_time();
    g_hash_table_insert(self->clients, client->key, client);
    return client;
}

SkLimitsClient *
sk_limits_connect(SkLimits *self, const char *key, gboolean exempt)
{
    SkLimitsClient *client = g_hash_table_lookup(self->clients, key);
    if (self->connections >= self->settings.max_connections + (exempt ? SK_LIMITS_RESERVE : 0))
        return NULL;
    if (client == NULL)
        client = new_client(self, key);
    client->exempt = exempt;
    if (!exempt && client->connections >= self->settings.max_connections_client)
        return NULL;
    client->connections++;
    self->connections++;
    return client;
}

void
sk_limits_disconnect(SkLimits *self, SkLimitsClient *client)
{
    g_assert(client->connections > 0);
    client->connections--;
    self->connections--;
    if (client->connections == 0 && g_hash_table_size(self->clients) > MAX_CLIENTS)
        g_hash_table_remove(self->clients, client->key);
}

gboolean
sk_limits_request(SkLimits *self, SkLimitsClient *client, guint *out_seconds)
{
    return client->exempt ||
           take(&client->requests, self->settings.requests_second, self->settings.request_burst, out_seconds);
}

gboolean
sk_limits_bad_token(SkLimits *self, SkLimitsClient *client, guint *out_seconds)
{
    return take(&client->bad_tokens, self->settings.bad_tokens_minute / 60.0, self->settings.bad_tokens_minute,
                out_seconds);
}

static gboolean
owes_nothing(gpointer key, gpointer value, gpointer data)
{
    const SkLimits *self = data;
    const SkLimitsClient *client = value;
    const SkLimitsSettings *settings = &self->settings;
    gint64 now = g_get_monotonic_time();
    (void) key;
    return client->connections == 0 &&
           level_at(&client->requests, settings->requests_second, settings->request_burst, now) >=
               settings->request_burst &&
           level_at(&client->bad_tokens, settings->bad_tokens_minute / 60.0, settings->bad_tokens_minute, now) >=
               settings->bad_tokens_minute;
}

void
sk_limits_sweep(SkLimits *self)
{
    g_hash_table_foreach_remove(self->clients, owes_nothing, self);
}

guint
sk_limits_connections(const SkLimits *self)
{
    return self->connections;
}
