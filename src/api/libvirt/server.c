/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server: settings, start and end. */
#include "api/libvirt/event.h"
#include "api/libvirt/send.h"
#include "base/thread.h"

SkLibvirt *
sk_libvirt_new(const SkLibvirtSettings *settings, SkOps *ops, SkAuth *auth, SkService *service, GError **error)
{
    sk_assert_main();
    g_autoptr(SkLibvirt) self = g_new0(SkLibvirt, 1);
    self->settings = *settings;
    const SkLimitsSettings limits = {
        .max_connections = settings->max_connections != 0 ? settings->max_connections : 5000,
        .max_connections_client = settings->max_connections_client != 0 ? settings->max_connections_client : 500,
    };
    self->limits = sk_limits_new(&limits);
    self->ops = ops;
    self->auth = auth;
    self->service = service;
    sk_lv_events_init(self);
    self->check_replies = g_getenv("SKEP_CHECK_REPLIES") != NULL;
    self->poll = sk_lv_poll_new(sk_lv_connection_on_events, error);
    if (self->poll == NULL || !sk_lv_listeners_open(self, settings, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
sk_libvirt_free(SkLibvirt *self)
{
    if (self == NULL)
        return;
    sk_lv_listeners_close(self);
    g_clear_handle_id(&self->sweep_timer, g_source_remove);
    while (self->connections.head != NULL)
        sk_lv_connection_close(self->connections.head->data, "the daemon ends");
    sk_lv_events_end(self);
    sk_lv_poll_free(self->poll);
    sk_tls_free(self->tls);
    sk_limits_free(self->limits);
    g_free(self);
}
