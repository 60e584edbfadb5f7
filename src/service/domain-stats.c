/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stats.list and domain.stats: a sampler that runs while its figures are wanted. */
#include "service/domain-stats.h"

#include "base/error.h"
#include "engine/qmp/commands.h"
#include "host/proc.h"
#include "network/netlink/links.h"
#include "service/domain.h"

/* Seconds between samples, and how long they go on after the last question. */
#define PERIOD 2
#define WANTED_SECONDS 60

/* -- one round: on a worker for what the kernel knows, by QMP for what only QEMU knows ----------------------- */

typedef struct {
    SkDomain *domain;       /* a reference; not touched by the worker */
    SkQmp *qmp;
    pid_t pid;
    char **taps;
    SkDomainStats stats;
} Sample;

static void
free_sample(gpointer data)
{
    Sample *sample = data;
    g_clear_object(&sample->domain);
    g_clear_object(&sample->qmp);
    g_strfreev(sample->taps);
    g_free(sample);
}

static char **
taps_of(const SkDomainSpec *live)
{
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
        const SkInterface *nic = live->interfaces->pdata[i];
        if (nic->tap != NULL)
            g_ptr_array_add(names, g_strdup(nic->tap));
    }
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(names, FALSE);
}

/* What the host sends to the link is what the guest receives. */
static void
add_links(SkDomainStats *stats, char **taps, const GPtrArray *links)
{
    for (guint i = 0; links != NULL && i < links->len; i++) {
        const SkLink *link = links->pdata[i];
        if (!g_strv_contains((const char *const *) taps, link->name))
            continue;
        stats->net_rx_bytes += link->stats.tx_bytes;
        stats->net_tx_bytes += link->stats.rx_bytes;
        stats->net_rx_packets += link->stats.tx_packets;
        stats->net_tx_packets += link->stats.rx_packets;
    }
}

static gboolean
run(SkJob *job, GError **error)
{
    GPtrArray *samples = job->work;
    g_autoptr(GPtrArray) links = sk_netlink_links(NULL);
    (void) error;
    for (guint i = 0; i < samples->len; i++) {
        Sample *sample = samples->pdata[i];
        SkProcUsage usage = { 0 };
        sk_proc_usage(NULL, sample->pid, &usage);
        sample->stats.time = g_get_real_time();
        sample->stats.cpu_time = usage.cpu_ns;
        sample->stats.memory_rss = usage.rss;
        add_links(&sample->stats, sample->taps, links);
    }
    return TRUE;
}

static void
on_blocks(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    g_autoptr(SkDomain) domain = data;
    (void) qmp;
    if (error != NULL)
        return;
    g_autoptr(GPtrArray) blocks = sk_qmp_parse_block_stats(result);
    SkDomainStats *stats = &domain->stats;
    stats->block_read_bytes = stats->block_write_bytes = stats->block_reads = stats->block_writes = 0;
    for (guint i = 0; blocks != NULL && i < blocks->len; i++) {
        const SkBlockStats *block = blocks->pdata[i];
        stats->block_read_bytes += block->read_bytes;
        stats->block_write_bytes += block->write_bytes;
        stats->block_reads += block->reads;
        stats->block_writes += block->writes;
    }
}

static void
commit(SkJob *job)
{
    GPtrArray *samples = job->work;
    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = samples->pdata[i];
        SkDomainStats *stats = &sample->domain->stats;
        stats->time = sample->stats.time;
        stats->cpu_time = sample->stats.cpu_time;
        stats->memory_rss = sample->stats.memory_rss;
        stats->net_rx_bytes = sample->stats.net_rx_bytes;
        stats->net_tx_bytes = sample->stats.net_tx_bytes;
        stats->net_rx_packets = sample->stats.net_rx_packets;
        stats->net_tx_packets = sample->stats.net_tx_packets;
        if (sample->domain->qmp != NULL)
            sk_qmp_call_async(sample->domain->qmp, "query-blockstats", NULL, 0, on_blocks, g_object_ref(sample->domain));
    }
}

static const SkJobKind sample_job = { .run = run, .commit = commit, .free_work = (GDestroyNotify) g_ptr_array_unref };

static void
take_samples(SkService *self)
{
    GPtrArray *samples = g_ptr_array_new_with_free_func(free_sample);
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        SkDomain *domain = g_tree_node_value(node);
        if (!sk_domain_is_active(domain) || domain->runtime.pid == 0)
            continue;
        Sample *sample = g_new0(Sample, 1);
        sample->domain = g_object_ref(domain);
        sample->pid = (pid_t) domain->runtime.pid;
        sample->taps = taps_of(domain->runtime.live);
        g_ptr_array_add(samples, sample);
    }
    sk_job_start_quiet(self, &sample_job, samples);
}

static gboolean
on_timer(gpointer data)
{
    SkService *self = data;
    if (g_get_monotonic_time() - self->stats_wanted > WANTED_SECONDS * G_USEC_PER_SEC) {
        self->stats_timer = 0;
        return G_SOURCE_REMOVE;
    }
    take_samples(self);
    return G_SOURCE_CONTINUE;
}

/* Somebody asks: samples go on for a while. */
static void
want(SkService *self)
{
    self->stats_wanted = g_get_monotonic_time();
    if (self->stats_timer != 0)
        return;
    self->stats_timer = g_timeout_add_seconds(PERIOD, on_timer, self);
    take_samples(self);
}

/* -- answers --------------------------------------------------------------------------------------------------- */

/* Borrows names. */
static void
fill(const SkDomain *domain, SkDomainStats *out)
{
    const SkDomainSpec *live = domain->runtime.live;
    *out = domain->stats;
    out->name = domain->spec->name;
    out->uuid = domain->spec->uuid;
    out->state = domain->runtime.state;
    out->vcpus = live != NULL ? live->vcpus.current : 0;
    out->memory_assigned = live != NULL ? live->memory.maximum : 0;
    if (out->memory_balloon == 0)
        out->memory_balloon = live != NULL ? live->memory.current : 0;
}

static gboolean
is_active(gconstpointer object, const SkCall *call)
{
    (void) call;
    return sk_domain_is_active(object);
}

static void
write_stats(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    SkDomainStats stats;
    fill(object, &stats);
    sk_json_write(out, &sk_domain_stats_type, &stats, (const char *const *) call->params.fields, 0);
}

gboolean
sk_handle_stats_list(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    want(self);
    sk_list_tree(self, call, self->domains, is_active, write_stats);
    return TRUE;
}

gboolean
sk_handle_domain_stats(SkService *self, SkCall *call, GError **error)
{
    const SkDomain *domain = sk_service_domain(self, call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (!sk_domain_is_active(domain))
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is off: it has no figures", sk_domain_name(domain));
    want(self);
    write_stats(self, call->answer, domain, call);
    return TRUE;
}
