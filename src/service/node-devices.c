/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* node.devices and what is done with them; node.pages. */
#include "host/node-devices.h"

#include <stdio.h>

#include "base/error.h"
#include "host/topology.h"
#include "host/vfio.h"
#include "service/capabilities.h"
#include "service/domain.h"

/* Clients ask for each device of a list: for that long the list is good. */
#define FRESH_US (2 * G_USEC_PER_SEC)

/* -- list --------------------------------------------------------------------------------------------------------------- */

static void
free_devices(gpointer devices)
{
    sk_node_devices_free(devices);
}

static gboolean
run_list(SkJob *job, GError **error)
{
    (void) error;
    job->work = sk_node_devices(NULL);
    return TRUE;
}

static void
commit_list(SkJob *job)
{
    SkService *self = job->service;
    sk_node_devices_free(self->node_devices);
    self->node_devices = g_steal_pointer(&job->work);
    self->node_devices_at = g_get_monotonic_time();
    sk_answer_list(job->call, &sk_node_device_type, self->node_devices);
}

const SkJobKind sk_node_devices_job = { .run = run_list, .commit = commit_list, .free_work = free_devices };

gboolean
sk_service_node_devices_are_fresh(const SkService *self)
{
    return self->node_devices != NULL && g_get_monotonic_time() - self->node_devices_at < FRESH_US;
}

static const SkNodeDevice *
find(const GPtrArray *devices, const char *name)
{
    for (guint i = 0; devices != NULL && i < devices->len; i++) {
        const SkNodeDevice *device = devices->pdata[i];
        if (g_str_equal(device->name, name))
            return device;
    }
    return NULL;
}

static gboolean
no_device(const char *name, GError **error)
{
    return sk_fail(error, SK_ERROR_NO_NODE_DEVICE, "no node device with matching name '%.128s'", name);
}

const SkNodeDevice *
sk_service_node_device(SkService *self, const char *name, GError **error)
{
    const SkNodeDevice *device = find(self->node_devices, name);
    if (device == NULL)
        no_device(name, error);
    return device;
}

/* -- verbs ---------------------------------------------------------------------------------------------------------------- */

static char *
device_object(SkService *service, SkCall *call)
{
    (void) service;
    return g_strconcat("node-device/", call->params.id, NULL);
}

static char *
pci_address(const SkNodeDevice *device)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", device->domain, device->bus, device->slot, device->function);
}

/* What a running guest has is not taken from it. */
static gboolean
check_free(SkService *self, const char *address, GError **error)
{
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomain *domain = g_tree_node_value(node);
        const SkDomainSpec *live = domain->runtime.live;
        for (guint i = 0; live != NULL && live->hostdevs != NULL && i < live->hostdevs->len; i++) {
            const SkHostdev *device = live->hostdevs->pdata[i];
            if (device->kind == SK_HOSTDEV_PCI && g_strcmp0(device->host, address) == 0)
                return sk_fail(error, SK_ERROR_IN_USE, "device \"%s\" is in use: domain \"%s\" has it", address, sk_domain_name(domain));
        }
    }
    return TRUE;
}

static gboolean
find_pci(SkJob *job, char **out_address, GError **error)
{
    const char *name = job->call->params.id;
    GPtrArray *devices = sk_node_devices(NULL);
    const SkNodeDevice *device = find(devices, name);
    gboolean ok = device != NULL ? device->kind == SK_NODEDEV_PCI || sk_fail(error, SK_ERROR_UNSUPPORTED, "device \"%s\" is no PCI device", name)
                                 : no_device(name, error);
    if (ok)
        *out_address = pci_address(device);
    sk_node_devices_free(devices);
    return ok;
}

/* By the address in its name, as the list may be old. */
static gboolean
prepare_verb(SkJob *job, GError **error)
{
    guint domain, bus, slot, function;
    if (sscanf(job->call->params.id, "pci_%x_%x_%x_%x", &domain, &bus, &slot, &function) != 4)
        return TRUE;
    const SkNodeDevice device = { .domain = domain, .bus = bus, .slot = slot, .function = function };
    g_autofree char *address = pci_address(&device);
    return check_free(job->service, address, error);
}

static gboolean
run_detach(SkJob *job, GError **error)
{
    g_autofree char *address = NULL;
    gboolean bound;
    return find_pci(job, &address, error) && sk_host_vfio_bind(NULL, address, &bound, error);
}

static gboolean
run_reattach(SkJob *job, GError **error)
{
    g_autofree char *address = NULL;
    return find_pci(job, &address, error) && sk_host_vfio_release(NULL, address, error);
}

static gboolean
run_reset(SkJob *job, GError **error)
{
    g_autofree char *address = NULL;
    return find_pci(job, &address, error) && sk_node_device_reset(NULL, address, error);
}

static void
commit_verb(SkJob *job)
{
    job->service->node_devices_at = 0;
    sk_node_devices_free(g_steal_pointer(&job->service->node_devices));
}

const SkJobKind sk_node_device_detach_job = { .object = device_object, .prepare = prepare_verb, .run = run_detach, .commit = commit_verb };
const SkJobKind sk_node_device_reattach_job = { .object = device_object, .prepare = prepare_verb, .run = run_reattach, .commit = commit_verb };
const SkJobKind sk_node_device_reset_job = { .object = device_object, .prepare = prepare_verb, .run = run_reset, .commit = commit_verb };

/* -- pages ------------------------------------------------------------------------------------------------------------------ */

static char *
node_object(SkService *service, SkCall *call)
{
    (void) service, (void) call;
    return g_strdup("node");
}

static gboolean
run_pages(SkJob *job, GError **error)
{
    const SkPageRequest *body = job->call->body;
    return sk_host_set_pages(NULL, body->node, body->size, body->count, body->add, error);
}

const SkJobKind sk_node_pages_job = { .object = node_object, .run = run_pages };
