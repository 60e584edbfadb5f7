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
/* A QEMU that does not answer holds up nobody for longer. */
#define PATIENCE_MS 1000

/* -- one round: on a worker for what the kernel knows, by QMP for what only QEMU knows ----------------------- */

typedef struct {
    SkStatsDone done;
    gpointer data;
} Waiter;

typedef struct {
    SkService *service;
    guint refs;             /* the job, and each question to a QEMU */
    guint timer;
    GArray *waiters;        /* Waiter */
    GPtrArray *samples;     /* Sample */
    gboolean whole;         /* of all domains */
} Round;

typedef struct {
    SkDomain *domain;       /* a reference; not touched by the worker */
    pid_t pid;
    GPtrArray *nics;        /* SkNicStats: names from the definition, figures from the kernel */
    GArray *cpus;           /* SkProcVcpu */
    SkProcUsage usage;
} Sample;

static void
free_nic(gpointer nic)
{
    sk_value_free(&sk_nic_stats_type, nic);
}

static void
free_sample(gpointer data)
{
    Sample *sample = data;
    g_clear_object(&sample->domain);
    g_clear_pointer(&sample->nics, g_ptr_array_unref);
    g_clear_pointer(&sample->cpus, g_array_unref);
    g_free(sample);
}

static void
answer(Round *round)
{
    g_autoptr(GArray) waiters = g_steal_pointer(&round->waiters);
    round->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
    for (guint i = 0; i < waiters->len; i++) {
        const Waiter *waiter = &g_array_index(waiters, Waiter, i);
        waiter->done(waiter->data);
    }
}

/* The last one that looked at it answers those who wait. */
static void
release(Round *round)
{
    if (--round->refs > 0)
        return;
    SkService *self = round->service;
    g_clear_handle_id(&round->timer, g_source_remove);
    if (round->whole) {
        self->stats_round = NULL;
        self->stats_at = g_get_monotonic_time();
    }
    answer(round);
    g_array_unref(round->waiters);
    g_ptr_array_unref(round->samples);
    g_free(round);
}

static gboolean
on_patience(gpointer data)
{
    Round *round = data;
    round->timer = 0;
    answer(round);
    return G_SOURCE_REMOVE;
}

/* What the host sends to the link is what the guest receives. */
static void
fill_nics(GPtrArray *nics, const GPtrArray *links)
{
    for (guint i = 0; links != NULL && i < links->len; i++) {
        const SkLink *link = links->pdata[i];
        for (guint j = 0; j < nics->len; j++) {
            SkNicStats *nic = nics->pdata[j];
            if (g_strcmp0(nic->link, link->name) != 0)
                continue;
            nic->rx_bytes = link->stats.tx_bytes;
            nic->rx_packets = link->stats.tx_packets;
            nic->rx_errors = link->stats.tx_errors;
            nic->rx_dropped = link->stats.tx_dropped;
            nic->tx_bytes = link->stats.rx_bytes;
            nic->tx_packets = link->stats.rx_packets;
            nic->tx_errors = link->stats.rx_errors;
            nic->tx_dropped = link->stats.rx_dropped;
        }
    }
}

static gboolean
run(SkJob *job, GError **error)
{
    Round *round = job->work;
    g_autoptr(GPtrArray) links = sk_netlink_links(NULL);
    (void) error;
    for (guint i = 0; i < round->samples->len; i++) {
        Sample *sample = round->samples->pdata[i];
        sk_proc_usage(NULL, sample->pid, &sample->usage);
        sample->cpus = sk_proc_vcpus(NULL, sample->pid);
        fill_nics(sample->nics, links);
    }
    return TRUE;
}

/* -- what QEMU tells ---------------------------------------------------------------------------------------------- */

/* A question to one QEMU. */
typedef struct {
    Round *round;
    SkDomain *domain;
} Question;

static void
ask(Round *round, SkDomain *domain, const char *command, json_t *args, SkQmpReply reply)
{
    Question *question = g_new(Question, 1);
    question->round = round;
    question->domain = g_object_ref(domain);
    round->refs++;
    sk_qmp_call_async(domain->qmp, command, args, 0, reply, question);
}

static void
end_question(Question *question)
{
    g_object_unref(question->domain);
    release(question->round);
    g_free(question);
}

static const SkDisk *
disk_of(const SkDomain *domain, const char *alias)
{
    const SkDomainSpec *live = domain->runtime.live;
    for (guint i = 0; live != NULL && live->disks != NULL && i < live->disks->len; i++) {
        const SkDisk *disk = live->disks->pdata[i];
        if (g_strcmp0(disk->alias, alias) == 0)
            return disk;
    }
    return NULL;
}

static SkDiskStats *
find_disk(const GPtrArray *disks, const char *target)
{
    for (guint i = 0; disks != NULL && i < disks->len; i++) {
        if (g_strcmp0(((SkDiskStats *) disks->pdata[i])->target, target) == 0)
            return disks->pdata[i];
    }
    return NULL;
}

static void
free_disk(gpointer disk)
{
    sk_value_free(&sk_disk_stats_type, disk);
}

/* Sizes stay as they were known until QEMU tells them again. */
static void
add_disk(GPtrArray *disks, const SkDomain *domain, const SkBlockStats *block)
{
    const SkDisk *disk = disk_of(domain, block->device);
    if (disk == NULL)
        return;
    const SkDiskStats *old = find_disk(domain->stats.disks, disk->target);
    SkDiskStats *stats = sk_value_new(&sk_disk_stats_type);
    *stats = (SkDiskStats){
        .target = g_strdup(disk->target), .path = g_strdup(disk->path), .read_bytes = block->read_bytes, .write_bytes = block->write_bytes,
        .reads = block->reads, .writes = block->writes, .flushes = block->flushes, .read_time = block->read_ns, .write_time = block->write_ns,
        .flush_time = block->flush_ns, .capacity = old != NULL ? old->capacity : 0, .allocation = old != NULL ? old->allocation : 0,
    };
    g_ptr_array_add(disks, stats);
}

static void
set_list(GPtrArray **place, GPtrArray *list, GDestroyNotify free_entry)
{
    if (*place != NULL) {
        g_ptr_array_set_free_func(*place, free_entry);
        g_ptr_array_unref(*place);
    }
    *place = list;
}

static void
on_blocks(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    Question *question = data;
    SkDomainStats *stats = &question->domain->stats;
    g_autoptr(GPtrArray) blocks = error == NULL ? sk_qmp_parse_block_stats(result) : NULL;
    (void) qmp;
    if (blocks != NULL) {
        GPtrArray *disks = sk_value_list_new(&sk_disk_stats_type);
        stats->block_read_bytes = stats->block_write_bytes = stats->block_reads = stats->block_writes = 0;
        for (guint i = 0; i < blocks->len; i++) {
            const SkBlockStats *block = blocks->pdata[i];
            stats->block_read_bytes += block->read_bytes;
            stats->block_write_bytes += block->write_bytes;
            stats->block_reads += block->reads;
            stats->block_writes += block->writes;
            add_disk(disks, question->domain, block);
        }
        set_list(&stats->disks, disks, free_disk);
    }
    end_question(question);
}

static void
on_sizes(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    Question *question = data;
    const SkDomain *domain = question->domain;
    const SkDomainSpec *live = domain->runtime.live;
    (void) qmp;
    for (guint i = 0; error == NULL && live != NULL && live->disks != NULL && i < live->disks->len; i++) {
        const SkDisk *disk = live->disks->pdata[i];
        SkDiskStats *stats = find_disk(domain->stats.disks, disk->target);
        if (stats != NULL && disk->alias != NULL)
            sk_qmp_parse_block_size(result, disk->alias, &stats->capacity, &stats->allocation);
    }
    end_question(question);
}

/* The balloon driver's own figures; -1 is what a guest does not tell. */
static void
on_guest(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    static const struct {
        const char *key;
        gsize offset;
    } rows[] = {
#define ROW(key, member) { key, G_STRUCT_OFFSET(SkGuestMemory, member) }
        ROW("stat-swap-in", swap_in), ROW("stat-swap-out", swap_out), ROW("stat-major-faults", major_faults),
        ROW("stat-minor-faults", minor_faults), ROW("stat-free-memory", unused), ROW("stat-total-memory", available),
        ROW("stat-available-memory", usable), ROW("stat-disk-caches", disk_caches), ROW("stat-htlb-pgalloc", huge_allocated),
        ROW("stat-htlb-pgfail", huge_failed),
#undef ROW
    };
    Question *question = data;
    SkDomainStats *stats = &question->domain->stats;
    gint64 updated = error == NULL ? json_integer_value(json_object_get(result, "last-update")) : 0;
    json_t *figures = json_object_get(result, "stats");
    (void) qmp;
    if (updated > 0) {
        if (stats->guest_memory == NULL)
            stats->guest_memory = sk_value_new(&sk_guest_memory_type);
        stats->guest_memory->updated = updated;
        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
            json_int_t figure = json_integer_value(json_object_get(figures, rows[i].key));
            G_STRUCT_MEMBER(guint64, stats->guest_memory, rows[i].offset) = (guint64) MAX(figure, 0);
        }
    }
    end_question(question);
}

/* Of one that was asked for: until it is there. */
static void
on_dirty_rate(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    Question *question = data;
    SkDirtyRate *rate = question->domain->stats.dirty_rate;
    (void) qmp;
    if (error == NULL && rate != NULL && g_strcmp0(json_string_value(json_object_get(result, "status")), "measured") == 0) {
        rate->state = SK_DIRTY_RATE_MEASURED;
        rate->rate = (guint64) MAX(json_integer_value(json_object_get(result, "dirty-rate")), 0) << 20;
    }
    end_question(question);
}

static void
ask_qemu(Round *round, SkDomain *domain)
{
    const SkBalloon *balloon = domain->runtime.live != NULL ? domain->runtime.live->balloon : NULL;
    ask(round, domain, "query-blockstats", NULL, on_blocks);
    ask(round, domain, "query-block", NULL, on_sizes);
    if (domain->stats.dirty_rate != NULL && domain->stats.dirty_rate->state == SK_DIRTY_RATE_MEASURING)
        ask(round, domain, "query-dirty-rate", NULL, on_dirty_rate);
    if (balloon == NULL || balloon->model == SK_BALLOON_NONE || balloon->stats_period == 0 || balloon->alias == NULL)
        return;
    json_t *args = json_pack("{s:s+, s:s}", "path", "/machine/peripheral/", balloon->alias, "property", "guest-stats");
    ask(round, domain, "qom-get", args, on_guest);
}

/* -- a round's end and beginning ------------------------------------------------------------------------------------ */

static void
take_cpus(SkDomainStats *stats, const GArray *cpus)
{
    GPtrArray *list = sk_value_list_new(&sk_vcpu_stats_type);
    for (guint i = 0; i < cpus->len; i++) {
        const SkProcVcpu *cpu = &g_array_index(cpus, SkProcVcpu, i);
        SkVcpuStats *vcpu = sk_value_new(&sk_vcpu_stats_type);
        *vcpu = (SkVcpuStats){ .id = cpu->id, .running = cpu->running, .time = cpu->cpu_ns, .cpu = cpu->cpu };
        g_ptr_array_add(list, vcpu);
    }
    set_list(&stats->cpus, list, g_free);
}

static void
take_nics(SkDomainStats *stats, GPtrArray *nics)
{
    stats->net_rx_bytes = stats->net_tx_bytes = stats->net_rx_packets = stats->net_tx_packets = 0;
    for (guint i = 0; i < nics->len; i++) {
        const SkNicStats *nic = nics->pdata[i];
        stats->net_rx_bytes += nic->rx_bytes;
        stats->net_tx_bytes += nic->tx_bytes;
        stats->net_rx_packets += nic->rx_packets;
        stats->net_tx_packets += nic->tx_packets;
    }
    /* From now on the value frees them. */
    g_ptr_array_set_free_func(nics, NULL);
    set_list(&stats->interfaces, nics, free_nic);
}

static void
take_usage(SkDomainStats *stats, const SkProcUsage *usage)
{
    stats->time = g_get_real_time();
    stats->cpu_time = usage->cpu_ns;
    stats->cpu_user = usage->user_ns;
    stats->cpu_system = usage->system_ns;
    stats->memory_rss = usage->rss;
}

static void
commit(SkJob *job)
{
    Round *round = job->work;
    for (guint i = 0; i < round->samples->len; i++) {
        Sample *sample = round->samples->pdata[i];
        /* It may have ended since. */
        if (!sk_domain_is_active(sample->domain) || (pid_t) sample->domain->runtime.pid != sample->pid)
            continue;
        SkDomainStats *stats = &sample->domain->stats;
        take_usage(stats, &sample->usage);
        take_cpus(stats, sample->cpus);
        take_nics(stats, g_steal_pointer(&sample->nics));
        if (sample->domain->qmp != NULL)
            ask_qemu(round, sample->domain);
    }
}

static void
free_round(gpointer round)
{
    release(round);
}

static const SkJobKind sample_job = { .run = run, .commit = commit, .free_work = free_round };

static GPtrArray *
nics_of(const SkDomainSpec *live)
{
    GPtrArray *nics = sk_value_list_new(&sk_nic_stats_type);
    for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
        const SkInterface *nic = live->interfaces->pdata[i];
        if (nic->tap == NULL)
            continue;
        SkNicStats *stats = sk_value_new(&sk_nic_stats_type);
        stats->mac = g_strdup(nic->mac);
        stats->link = g_strdup(nic->tap);
        g_ptr_array_add(nics, stats);
    }
    g_ptr_array_set_free_func(nics, free_nic);
    return nics;
}

static void
add_sample(Round *round, SkDomain *domain)
{
    if (!sk_domain_is_active(domain) || domain->runtime.pid == 0)
        return;
    Sample *sample = g_new0(Sample, 1);
    sample->domain = g_object_ref(domain);
    sample->pid = (pid_t) domain->runtime.pid;
    sample->nics = nics_of(domain->runtime.live);
    g_ptr_array_add(round->samples, sample);
}

/* only NULL: all of them. */
static Round *
start_round(SkService *self, SkDomain *only)
{
    Round *round = g_new0(Round, 1);
    round->service = self;
    round->refs = 1;
    round->whole = only == NULL;
    round->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
    round->samples = g_ptr_array_new_with_free_func(free_sample);
    if (only != NULL)
        add_sample(round, only);
    for (GTreeNode *node = only == NULL ? g_tree_node_first(self->domains) : NULL; node != NULL; node = g_tree_node_next(node))
        add_sample(round, g_tree_node_value(node));
    if (round->whole)
        self->stats_round = round;
    return round;
}

static void
take_samples(SkService *self)
{
    if (self->stats_round == NULL)
        sk_job_start_quiet(self, &sample_job, start_round(self, NULL));
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

void
sk_service_stats_wait(SkService *self, SkDomain *only, guint max_age_ms, SkStatsDone done, gpointer data)
{
    const Waiter waiter = { .done = done, .data = data };
    if (only == NULL)
        want(self);
    gboolean fresh = self->stats_at != 0 && g_get_monotonic_time() - self->stats_at <= max_age_ms * G_GINT64_CONSTANT(1000);
    if (only == NULL && fresh) {
        done(data);
        return;
    }
    Round *round = only == NULL ? self->stats_round : NULL;
    gboolean new_one = round == NULL;
    if (new_one)
        round = start_round(self, only);
    g_array_append_val(round->waiters, waiter);
    if (round->timer == 0)
        round->timer = g_timeout_add(PATIENCE_MS, on_patience, round);
    if (new_one)
        sk_job_start_quiet(self, &sample_job, round);
}

/* -- answers --------------------------------------------------------------------------------------------------- */

void
sk_domain_fill_stats(const SkDomain *domain, SkDomainStats *out)
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

void
sk_domain_refresh_usage(SkDomain *domain)
{
    SkProcUsage usage;
    if (domain->runtime.pid != 0 && sk_proc_usage(NULL, (pid_t) domain->runtime.pid, &usage))
        take_usage(&domain->stats, &usage);
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
    (void) self;
    sk_domain_fill_stats(object, &stats);
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
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" has no figures", sk_domain_name(domain));
    want(self);
    write_stats(self, call->answer, domain, call);
    return TRUE;
}
