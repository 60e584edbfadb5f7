/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Live networks: finding them, reads, leases, names of domains. Their jobs are in network-jobs.c. */
#include "service/network.h"

#include <string.h>

#include "base/error.h"
#include "network/dnsmasq.h"
#include "network/leases.h"

void
sk_network_free(gpointer data)
{
    SkNetwork *self = data;
    if (self == NULL)
        return;
    sk_network_unwatch_dnsmasq(self);
    sk_value_free(&sk_network_spec_type, self->spec);
    sk_value_free(&sk_network_spec_type, self->live);
    sk_value_clear(&sk_network_status_type, &self->status);
    g_clear_pointer(&self->leases, g_ptr_array_unref);
    g_free(self);
}

SkNetwork *
sk_service_network(SkService *self, const char *name, GError **error)
{
    SkNetwork *network = g_tree_lookup(self->networks, name);
    if (network == NULL)
        sk_fail(error, SK_ERROR_NO_NETWORK, "there is no network \"%.128s\"", name);
    return network;
}

const SkNetworkSpec *
sk_network_in_force(const SkNetwork *self)
{
    return self->live != NULL ? self->live : self->spec;
}

char *
sk_service_network_bridge(SkService *self, const char *name, GError **error)
{
    const SkNetwork *network = sk_service_network(self, name, error);
    if (network == NULL)
        return NULL;
    if (!network->status.active) {
        sk_fail(error, SK_ERROR_STATE, "network \"%s\" is not active%s%s: start it with `skep net start %s`", name,
                network->status.message != NULL ? ": " : "", network->status.message != NULL ? network->status.message : "", name);
        return NULL;
    }
    if (network->stopping) {
        sk_fail(error, SK_ERROR_STATE, "network \"%s\" is being stopped", name);
        return NULL;
    }
    return g_strdup(network->status.bridge);
}

SkNetworkPaths
sk_service_network_paths(SkService *self)
{
    return (SkNetworkPaths){ .tag = self->tag, .run_dir = self->network_run_dir, .state_dir = self->network_state_dir };
}

/* -- reads ---------------------------------------------------------------------------------------------------- */

guint
sk_network_connected(const SkNetwork *self)
{
    const char *name = self->spec->name;
    guint count = 0;
    for (GTreeNode *node = g_tree_node_first(self->service->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomainSpec *live = ((SkDomain *) g_tree_node_value(node))->runtime.live;
        for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
            const SkInterface *nic = live->interfaces->pdata[i];
            count += nic->kind == SK_NIC_NETWORK && g_strcmp0(nic->network, name) == 0;
        }
    }
    return count;
}

static void
write_network(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    const SkNetwork *network = object;
    g_autofree char *etag = g_strdup_printf("%" G_GUINT64_FORMAT, network->revision);
    SkNetworkView view = { .spec = *network->spec, .status = network->status, .live = network->live, .etag = etag };
    view.status.persistent = network->persistent;
    view.status.pending = network->live != NULL;
    view.status.connected = sk_network_connected(network);
    sk_json_write(out, &sk_network_view_type, &view, (const char *const *) call->params.fields, 0);
}

gboolean
sk_handle_network_list(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    sk_list_tree(self, call, self->networks, NULL, write_network);
    return TRUE;
}

gboolean
sk_handle_network_show(SkService *self, SkCall *call, GError **error)
{
    const SkNetwork *network = sk_service_network(self, call->params.name, error);
    if (network == NULL)
        return FALSE;
    call->etag = g_strdup_printf("%" G_GUINT64_FORMAT, network->revision);
    write_network(self, call->answer, network, call);
    return TRUE;
}

gboolean
sk_handle_network_leases(SkService *self, SkCall *call, GError **error)
{
    const SkNetwork *network = sk_service_network(self, call->params.name, error);
    if (network == NULL)
        return FALSE;
    sk_answer_list(call, &sk_lease_type, network->leases);
    return TRUE;
}

/* -- leases ------------------------------------------------------------------------------------------------------ */

static void
free_address(gpointer address)
{
    sk_value_free(&sk_domain_address_type, address);
}

static void
add_address(GPtrArray *addresses, const char *mac, const char *address, const char *network)
{
    SkDomainAddress *entry = g_new0(SkDomainAddress, 1);
    entry->mac = g_strdup(mac);
    entry->address = g_strdup(address);
    entry->network = g_strdup(network);
    entry->source = g_strdup("lease");
    g_ptr_array_add(addresses, entry);
}

/* Whose interface a lease belongs to. */
static void
name_domain(SkLease *lease, const SkInterface *nic, const char *domain)
{
    if (lease->mac != NULL && g_ascii_strcasecmp(lease->mac, nic->mac) == 0) {
        g_free(lease->domain);
        lease->domain = g_strdup(domain);
    }
}

void
sk_domain_find_addresses(SkDomain *self)
{
    const SkDomainSpec *spec = self->runtime.live;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_address);
    for (guint i = 0; spec != NULL && spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        const SkInterface *nic = spec->interfaces->pdata[i];
        const SkNetwork *network = nic->network != NULL ? g_tree_lookup(self->service->networks, nic->network) : NULL;
        for (guint j = 0; network != NULL && network->leases != NULL && j < network->leases->len; j++) {
            SkLease *lease = network->leases->pdata[j];
            name_domain(lease, nic, sk_domain_name(self));
            if (lease->mac != NULL && g_ascii_strcasecmp(lease->mac, nic->mac) == 0)
                add_address(found, nic->mac, lease->ip, nic->network);
        }
    }
    guint old = self->addresses != NULL ? self->addresses->len : 0;
    gboolean same = old == found->len;
    for (guint i = 0; same && i < found->len; i++)
        same = sk_value_equal(&sk_domain_address_type, found->pdata[i], self->addresses->pdata[i]);
    if (same)
        return;
    g_clear_pointer(&self->addresses, g_ptr_array_unref);
    self->addresses = g_steal_pointer(&found);
    g_autofree char *object = sk_domain_object(self);
    sk_domain_touch(self);
    sk_service_hosts_changed(self->service);
    sk_events_emit(self->service->events, "domain.addresses", object, self->spec->uuid, NULL);
}

static void
on_leases(const char *name, GPtrArray *leases, gpointer data)
{
    SkService *self = data;
    SkNetwork *network = g_tree_lookup(self->networks, name);
    if (network == NULL) {
        g_ptr_array_unref(leases);
        return;
    }
    g_clear_pointer(&network->leases, g_ptr_array_unref);
    network->leases = leases;
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        SkDomain *domain = g_tree_node_value(node);
        if (domain->runtime.live != NULL)
            sk_domain_find_addresses(domain);
    }
    g_autofree char *object = g_strconcat("network/", name, NULL);
    sk_events_emit(self->events, "network.leases", object, network->spec->uuid, NULL);
}

void
sk_network_watch_leases(SkNetwork *self, const char *path)
{
    SkService *service = self->service;
    g_autoptr(GError) error = NULL;
    if (service->lease_watch == NULL)
        service->lease_watch = sk_lease_watch_new(on_leases, service, &error);
    if (service->lease_watch == NULL || !sk_lease_watch_add(service->lease_watch, self->spec->name, path, &error))
        g_warning("leases of network \"%s\" are not seen: %s, continuing", self->spec->name, error->message);
}

/* -- names of domains ---------------------------------------------------------------------------------------------- */

/* The records of one domain on one network. */
typedef struct {
    char *network, *dns_domain;
    GArray *records;        /* SkDnsRecord, strings owned */
} Names;

typedef struct {
    char *owner;            /* UUID */
    SkNetworkPaths paths;
    GPtrArray *networks;    /* Names */
    gboolean release;       /* the guest does not run: leases of interfaces it has no more are free */
} DnsWork;

static void
free_names(gpointer data)
{
    Names *names = data;
    for (guint i = 0; i < names->records->len; i++) {
        SkDnsRecord *record = &g_array_index(names->records, SkDnsRecord, i);
        g_free((char *) record->name);
        g_free((char *) record->mac);
        g_free((char *) record->ipv4);
        g_free((char *) record->ipv6);
    }
    g_array_unref(names->records);
    g_free(names->network);
    g_free(names->dns_domain);
    g_free(names);
}

static void
free_dns_work(gpointer data)
{
    DnsWork *work = data;
    g_ptr_array_unref(work->networks);
    g_free(work->owner);
    g_free(work);
}

/* The name a domain has in DNS: what its guest calls itself, else the domain's own, made fit. */
char *
sk_domain_dns_name(const SkDomainSpec *spec)
{
    const char *wanted = spec->cloud_init != NULL && spec->cloud_init->hostname != NULL ? spec->cloud_init->hostname : spec->name;
    g_autofree char *name = g_ascii_strdown(wanted, 63);
    for (char *c = name; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c))
            *c = '-';
    }
    gsize length = strlen(name);
    while (length > 0 && name[length - 1] == '-')
        name[--length] = '\0';
    return g_steal_pointer(&name);
}

static void
add_records(Names *names, const SkDomainSpec *spec)
{
    for (guint i = 0; spec != NULL && spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        const SkInterface *nic = spec->interfaces->pdata[i];
        if (nic->kind != SK_NIC_NETWORK || g_strcmp0(nic->network, names->network) != 0)
            continue;
        const SkDnsRecord record = { .name = sk_domain_dns_name(spec), .mac = g_strdup(nic->mac), .ipv4 = g_strdup(nic->ipv4), .ipv6 = g_strdup(nic->ipv6) };
        g_array_append_val(names->records, record);
    }
}

static gboolean
run_dns(SkJob *job, GError **error)
{
    DnsWork *work = job->work;
    (void) error;
    for (guint i = 0; i < work->networks->len; i++) {
        const Names *names = work->networks->pdata[i];
        g_autoptr(GError) why = NULL;
        if (work->release)
            sk_dnsmasq_record_release(names->network, &work->paths, work->owner,
                                      (const SkDnsRecord *) (gpointer) names->records->data, names->records->len);
        if (!sk_dnsmasq_record_set(names->network, names->dns_domain, &work->paths, work->owner,
                                   (const SkDnsRecord *) (gpointer) names->records->data, names->records->len, &why))
            g_warning("%s, continuing", why->message);
    }
    return TRUE;
}

static const SkJobKind dns_job = { .queue = "dns", .run = run_dns, .free_work = free_dns_work };

static gboolean
has_network(const SkDomainSpec *spec)
{
    for (guint i = 0; spec != NULL && spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        const SkInterface *nic = spec->interfaces->pdata[i];
        if (nic->kind == SK_NIC_NETWORK)
            return TRUE;
    }
    return FALSE;
}

gboolean
sk_domain_wants_name(const SkDomain *domain)
{
    return has_network(domain->spec) || has_network(domain->runtime.live);
}

void
sk_service_dns_changed(SkService *self, SkDomain *domain)
{
    if (self->settings->session || g_tree_nnodes(self->networks) == 0)
        return;
    gboolean defined = g_hash_table_lookup(self->domains_by_uuid, domain->spec->uuid) == domain;
    if (!domain->named && !sk_domain_wants_name(domain))
        return;
    domain->named = defined && sk_domain_wants_name(domain);
    DnsWork *work = g_new0(DnsWork, 1);
    work->owner = g_strdup(domain->spec->uuid);
    work->paths = sk_service_network_paths(self);
    work->release = !sk_domain_is_active(domain);
    work->networks = g_ptr_array_new_with_free_func(free_names);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetworkSpec *spec = sk_network_in_force(g_tree_node_value(node));
        if (!sk_dnsmasq_wanted(spec))
            continue;
        Names *names = g_new0(Names, 1);
        names->network = g_strdup(spec->name);
        names->dns_domain = g_strdup(spec->domain);
        names->records = g_array_new(FALSE, FALSE, sizeof(SkDnsRecord));
        add_records(names, defined ? domain->spec : NULL);
        g_ptr_array_add(work->networks, names);
    }
    sk_job_start_quiet(self, &dns_job, work);
    sk_service_hosts_changed(self);
}
