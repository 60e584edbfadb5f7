/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event ring and its subscribers. */
#include "service/events.h"

#include <string.h>

#include "base/thread.h"
#include "service/service-private.h"
#include "store/settings.h"

#define KEPT 4096

struct SkSubscription {
    SkEventFunc func;
    gpointer data;
    char *match;
    gboolean ended;         /* unsubscribed while events are being told */
};

struct SkEvents {
    SkStore *store;
    GQueue ring;            /* SkEvent, oldest first */
    GPtrArray *subscriptions;
    guint64 last;
    guint telling;          /* depth of emit: subscriptions are removed when it is back to 0 */
};

static void
free_event(gpointer event)
{
    sk_value_free(&sk_event_type, event);
}

static void
free_subscription(gpointer data)
{
    SkSubscription *subscription = data;
    g_free(subscription->match);
    g_free(subscription);
}

SkEvents *
sk_events_new(SkStore *store)
{
    SkEvents *self = g_new0(SkEvents, 1);
    self->store = store;
    self->last = sk_store_last_revision(store);
    self->subscriptions = g_ptr_array_new_with_free_func(free_subscription);
    return self;
}

void
sk_events_free(SkEvents *self)
{
    if (self == NULL)
        return;
    g_queue_clear_full(&self->ring, free_event);
    g_ptr_array_unref(self->subscriptions);
    g_free(self);
}

static gboolean
wanted(const SkSubscription *subscription, const SkEvent *event)
{
    return subscription->match == NULL || g_str_has_prefix(event->type, subscription->match) ||
           (event->object != NULL && g_str_has_prefix(event->object, subscription->match));
}

static void
drop_ended(SkEvents *self)
{
    for (guint i = self->subscriptions->len; i > 0; i--) {
        SkSubscription *subscription = self->subscriptions->pdata[i - 1];
        if (subscription->ended)
            g_ptr_array_remove_index(self->subscriptions, i - 1);
    }
}

void
sk_events_emit(SkEvents *self, const char *type, const char *object, const char *uuid, char *data)
{
    sk_assert_main();
    SkEvent *event = g_new0(SkEvent, 1);
    event->revision = self->last = sk_store_next_revision(self->store);
    event->time = g_get_real_time();
    event->type = g_strdup(type);
    event->object = g_strdup(object);
    event->uuid = g_strdup(uuid);
    event->data = data;
    g_queue_push_tail(&self->ring, event);
    if (self->ring.length > KEPT)
        free_event(g_queue_pop_head(&self->ring));

    self->telling++;
    for (guint i = 0; i < self->subscriptions->len; i++) {
        SkSubscription *subscription = self->subscriptions->pdata[i];
        if (!subscription->ended && wanted(subscription, event))
            subscription->func(event, subscription->data);
    }
    if (--self->telling == 0)
        drop_ended(self);
}

SkSubscription *
sk_service_subscribe(SkService *service, guint64 since, const char *match, SkEventFunc func, gpointer data, gboolean *out_gap)
{
    SkEvents *self = service->events;
    SkSubscription *subscription = g_new0(SkSubscription, 1);
    const SkEvent *oldest = g_queue_peek_head(&self->ring);

    subscription->func = func;
    subscription->data = data;
    subscription->match = g_strdup(match);
    g_ptr_array_add(self->subscriptions, subscription);
    *out_gap = since > 0 && since != self->last && (since > self->last || oldest == NULL || oldest->revision > since + 1);
    for (GList *at = since > 0 ? self->ring.head : NULL; at != NULL && !subscription->ended; at = at->next) {
        const SkEvent *event = at->data;
        if (event->revision > since && wanted(subscription, event))
            func(event, data);
    }
    return subscription;
}

void
sk_service_unsubscribe(SkService *service, SkSubscription *subscription)
{
    if (subscription == NULL)
        return;
    subscription->ended = TRUE;
    if (service->events->telling == 0)
        drop_ended(service->events);
}

guint64
sk_service_revision(SkService *service)
{
    return service->events->last;
}
