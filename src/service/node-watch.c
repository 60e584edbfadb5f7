/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of the host's devices: the tree is looked at anew when the kernel tells of a change, while somebody listens. */
#include "base/error.h"
#include "host/device-watch.h"
#include "host/node-devices.h"
#include "service/capabilities.h"
#include "service/events.h"
#include "service/service-private.h"

/* Devices come in crowds. */
#define SETTLE_MS 200

struct SkNodeWatch {
    SkService *service;
    SkDeviceWatch *kernel;
    GHashTable *names;      /* as last seen; NULL: not yet */
    guint timer;
    gboolean looking, again;
};

static void
free_devices(gpointer devices)
{
    sk_node_devices_free(devices);
}

static gboolean
run_look(SkJob *job, GError **error)
{
    (void) error;
    job->work = sk_node_devices(NULL);
    return TRUE;
}

static GHashTable *
names_of(const GPtrArray *devices)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < devices->len; i++)
        g_hash_table_add(names, g_strdup(((const SkNodeDevice *) devices->pdata[i])->name));
    return names;
}

static void
tell_those_not_in(SkService *service, GHashTable *these, GHashTable *others, const char *type)
{
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, these);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_autofree char *object = g_strconcat("node-device/", name, NULL);
        if (!g_hash_table_contains(others, name))
            sk_events_emit(service->events, type, object, NULL, NULL);
    }
}

static void look(SkNodeWatch *self);

static void
commit_look(SkJob *job)
{
    SkNodeWatch *self = job->service->node_watch;
    if (self == NULL)
        return;
    g_autoptr(GHashTable) before = self->names;
    self->names = names_of(job->work);
    self->looking = FALSE;
    if (before != NULL) {
        job->service->node_devices_at = 0;
        tell_those_not_in(job->service, before, self->names, "nodedev.deleted");
        tell_those_not_in(job->service, self->names, before, "nodedev.created");
    }
    if (self->again)
        look(self);
}

static const SkJobKind look_job = { .run = run_look, .commit = commit_look, .free_work = free_devices };

static void
look(SkNodeWatch *self)
{
    self->again = self->looking;
    if (self->looking)
        return;
    self->looking = TRUE;
    sk_job_start_quiet(self->service, &look_job, NULL);
}

static gboolean
on_settled(gpointer data)
{
    SkNodeWatch *self = data;
    self->timer = 0;
    look(self);
    return G_SOURCE_REMOVE;
}

static void
on_news(gpointer data)
{
    SkNodeWatch *self = data;
    if (self->timer == 0)
        self->timer = g_timeout_add(SETTLE_MS, on_settled, self);
}

static void
node_watch_free(SkNodeWatch *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->timer, g_source_remove);
    sk_device_watch_free(self->kernel);
    g_clear_pointer(&self->names, g_hash_table_unref);
    g_free(self);
}

void
sk_service_watch_node_devices(SkService *service, gboolean wanted)
{
    g_autoptr(GError) error = NULL;
    if (wanted == (service->node_watch != NULL))
        return;
    if (!wanted) {
        node_watch_free(g_steal_pointer(&service->node_watch));
        return;
    }
    SkNodeWatch *self = service->node_watch = g_new0(SkNodeWatch, 1);
    self->service = service;
    self->kernel = sk_device_watch_new(on_news, self, &error);
    if (self->kernel == NULL)
        g_message("%s: nobody is told when devices come and go", error->message);
    look(self);
}
