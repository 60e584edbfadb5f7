/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: figures. */
#include <string.h>

#include "api/libvirt/domain-figures.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "engine/qmp/commands.h"
#include "host/root.h"
#include "host/topology.h"
#include "model/agent.h"
#include "network/netlink/links.h"
#include "service/domain-stats.h"

/* The sampler's pace, and then some. */
#define FRESH_MS 3000

/* -- bulk statistics -------------------------------------------------------------------------------------------------- */

enum { NOWAIT = 0x20000000, BACKING = 0x40000000 };
#define ENFORCE 0x80000000u

/* One domain on its way out: parameters are named "block.0.rd.reqs". */
typedef struct {
    GByteArray *out;
    guint count;
    const SkDomain *domain;
    const SkDomainSpec *spec; /* what runs, or the definition */
    SkDomainStats stats;
    gboolean active;
} Writer;

static void
put_u64(Writer *self, const char *name, guint64 value)
{
    sk_xdr_put_param_u64(self->out, name, value);
    self->count++;
}

static void
put_i32(Writer *self, const char *name, gint value)
{
    sk_xdr_put_param_i32(self->out, name, value);
    self->count++;
}

static void
put_u32(Writer *self, const char *name, guint value)
{
    sk_xdr_put_param_u32(self->out, name, value);
    self->count++;
}

static void
put_str(Writer *self, const char *name, const char *value)
{
    if (value == NULL)
        return;
    sk_xdr_put_param_str(self->out, name, value);
    self->count++;
}

/* "block.0.rd.reqs"; buffer has room for 64. */
static const char *
name_of(char *buffer, const char *group, guint number, const char *member)
{
    g_snprintf(buffer, 64, "%s.%u.%s", group, number, member);
    return buffer;
}

static void
write_state(Writer *self)
{
    put_i32(self, "state.state", sk_lv_state_number(self->domain));
    put_i32(self, "state.reason", sk_lv_reason_number(self->domain));
}

static void
write_cpu(Writer *self)
{
    if (!self->active)
        return;
    put_u64(self, "cpu.time", self->stats.cpu_time);
    put_u64(self, "cpu.user", self->stats.cpu_user);
    put_u64(self, "cpu.system", self->stats.cpu_system);
}

static void
write_balloon(Writer *self)
{
    const SkMemory *memory = &self->spec->memory;
    const SkGuestMemory *guest = self->stats.guest_memory;
    put_u64(self, "balloon.current", (self->active && self->stats.memory_balloon != 0 ? self->stats.memory_balloon : memory->current) / 1024);
    put_u64(self, "balloon.maximum", MAX(memory->maximum, memory->current) / 1024);
    if (!self->active)
        return;
    if (guest != NULL) {
        put_u64(self, "balloon.swap_in", guest->swap_in / 1024);
        put_u64(self, "balloon.swap_out", guest->swap_out / 1024);
        put_u64(self, "balloon.major_fault", guest->major_faults);
        put_u64(self, "balloon.minor_fault", guest->minor_faults);
        put_u64(self, "balloon.unused", guest->unused / 1024);
        put_u64(self, "balloon.available", guest->available / 1024);
        put_u64(self, "balloon.usable", guest->usable / 1024);
        put_u64(self, "balloon.last-update", (guint64) guest->updated);
        put_u64(self, "balloon.disk_caches", guest->disk_caches / 1024);
    }
    put_u64(self, "balloon.rss", self->stats.memory_rss / 1024);
}

static void
write_vcpus(Writer *self)
{
    char name[64];
    const SkVcpus *vcpus = &self->spec->vcpus;
    const GPtrArray *cpus = self->stats.cpus;
    put_u32(self, "vcpu.current", vcpus->current);
    put_u32(self, "vcpu.maximum", MAX(vcpus->maximum, vcpus->current));
    for (guint i = 0; self->active && cpus != NULL && i < cpus->len; i++) {
        const SkVcpuStats *cpu = cpus->pdata[i];
        put_i32(self, name_of(name, "vcpu", cpu->id, "state"), 1);
        put_u64(self, name_of(name, "vcpu", cpu->id, "time"), cpu->time);
    }
}

static void
write_nics(Writer *self)
{
    static const struct {
        const char *name;
        gsize offset;
    } rows[] = {
#define ROW(name, member) { name, G_STRUCT_OFFSET(SkNicStats, member) }
        ROW("rx.bytes", rx_bytes), ROW("rx.pkts", rx_packets), ROW("rx.errs", rx_errors), ROW("rx.drop", rx_dropped),
        ROW("tx.bytes", tx_bytes), ROW("tx.pkts", tx_packets), ROW("tx.errs", tx_errors), ROW("tx.drop", tx_dropped),
#undef ROW
    };
    const GPtrArray *nics = self->active ? self->stats.interfaces : NULL;
    char name[64];
    if (!self->active)
        return;
    put_u32(self, "net.count", nics != NULL ? nics->len : 0);
    for (guint i = 0; nics != NULL && i < nics->len; i++) {
        put_str(self, name_of(name, "net", i, "name"), ((const SkNicStats *) nics->pdata[i])->link);
        for (guint j = 0; j < G_N_ELEMENTS(rows); j++)
            put_u64(self, name_of(name, "net", i, rows[j].name), G_STRUCT_MEMBER(guint64, nics->pdata[i], rows[j].offset));
    }
}

static const SkDiskStats *
disk_stats(const SkDomainStats *stats, const char *target)
{
    for (guint i = 0; stats->disks != NULL && i < stats->disks->len; i++) {
        if (g_strcmp0(((const SkDiskStats *) stats->disks->pdata[i])->target, target) == 0)
            return stats->disks->pdata[i];
    }
    return NULL;
}

static void
write_disk(Writer *self, guint i, const SkDiskStats *stats)
{
    static const struct {
        const char *name;
        gsize offset;
    } rows[] = {
#define ROW(name, member) { name, G_STRUCT_OFFSET(SkDiskStats, member) }
        ROW("rd.reqs", reads), ROW("rd.bytes", read_bytes), ROW("rd.times", read_time), ROW("wr.reqs", writes), ROW("wr.bytes", write_bytes),
        ROW("wr.times", write_time), ROW("fl.reqs", flushes), ROW("fl.times", flush_time),
#undef ROW
    };
    char name[64];
    for (guint j = 0; j < G_N_ELEMENTS(rows); j++)
        put_u64(self, name_of(name, "block", i, rows[j].name), G_STRUCT_MEMBER(guint64, stats, rows[j].offset));
    if (stats->capacity == 0)
        return;
    put_u64(self, name_of(name, "block", i, "allocation"), stats->allocation);
    put_u64(self, name_of(name, "block", i, "capacity"), stats->capacity);
    put_u64(self, name_of(name, "block", i, "physical"), stats->allocation);
}

static void
write_blocks(Writer *self)
{
    const GPtrArray *disks = self->spec->disks;
    char name[64];
    put_u32(self, "block.count", disks != NULL ? disks->len : 0);
    for (guint i = 0; disks != NULL && i < disks->len; i++) {
        const SkDisk *disk = disks->pdata[i];
        const SkDiskStats *stats = self->active ? disk_stats(&self->stats, disk->target) : NULL;
        put_str(self, name_of(name, "block", i, "name"), disk->target);
        put_str(self, name_of(name, "block", i, "path"), disk->path);
        if (stats != NULL)
            write_disk(self, i, stats);
    }
}

static void
write_iothreads(Writer *self)
{
    if (self->active && self->spec->iothreads > 0)
        put_u32(self, "iothread.count", self->spec->iothreads);
}

/* In libvirt's whole MiB. */
static void
write_dirty_rate(Writer *self)
{
    const SkDirtyRate *rate = self->stats.dirty_rate;
    if (!self->active)
        return;
    put_i32(self, "dirtyrate.calc_status", rate != NULL ? rate->state : SK_DIRTY_RATE_NONE);
    sk_xdr_put_param_i64(self->out, "dirtyrate.calc_start_time", rate != NULL ? rate->started : 0);
    self->count++;
    put_i32(self, "dirtyrate.calc_period", rate != NULL ? (gint) rate->seconds : 0);
    put_str(self, "dirtyrate.calc_mode", "page-sampling");
    if (rate == NULL || rate->state != SK_DIRTY_RATE_MEASURED)
        return;
    sk_xdr_put_param_i64(self->out, "dirtyrate.megabytes_per_second", (gint64) (rate->rate >> 20));
    self->count++;
}

/* Groups by their bits. No perf events are switched on and no memory bandwidth is watched, so of those there is nothing to tell. */
static const struct {
    guint bit;
    void (*write)(Writer *self);
} groups[] = {
    { 0x1, write_state }, { 0x2, write_cpu }, { 0x4, write_balloon }, { 0x8, write_vcpus }, { 0x10, write_nics }, { 0x20, write_blocks },
    { 0x40, NULL }, { 0x80, write_iothreads }, { 0x100, NULL }, { 0x200, write_dirty_rate }, { 0x400, NULL },
};
#define ALL_GROUPS 0x7ffu

static void
put_stats(GByteArray *out, SkDomain *domain, guint asked)
{
    Writer writer = { .out = out, .domain = domain, .active = sk_domain_is_active(domain) };
    writer.spec = domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    if (writer.active)
        sk_domain_refresh_usage(domain);
    sk_domain_fill_stats(domain, &writer.stats);
    sk_lv_put_domain(out, domain);
    gsize place = sk_xdr_list_begin(out);
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        if ((asked & groups[i].bit) != 0 && groups[i].write != NULL)
            groups[i].write(&writer);
    }
    sk_xdr_list_end(out, place, writer.count);
}

/* Those the client named, as far as they are still there; none named: all that its flags let through. */
static void
put_all(SkLvCall *call)
{
    guint flags = sk_lv_uint(call, "flags") & ~(NOWAIT | BACKING | ENFORCE), asked = sk_lv_uint(call, "stats"), count = 0;
    const SkXdrValue *named = sk_lv_value(call, "doms");
    gsize place = sk_xdr_list_begin(call->out);
    if (asked == 0)
        asked = ALL_GROUPS;
    for (guint i = 0; i < named->count; i++) {
        SkXdrRecord item = sk_xdr_item(&call->args, "doms", i);
        g_autofree char *uuid = sk_xdr_uuid(&item, "uuid");
        SkDomain *domain = g_hash_table_lookup(call->service->domains_by_uuid, uuid);
        if (domain == NULL || !sk_lv_domain_passes(domain, flags))
            continue;
        put_stats(call->out, domain, asked);
        count++;
    }
    GTree *domains = call->service->domains;
    for (GTreeNode *node = named->count == 0 ? g_tree_node_first(domains) : NULL; node != NULL; node = g_tree_node_next(node)) {
        SkDomain *domain = g_tree_node_value(node);
        if (!sk_lv_domain_passes(domain, flags))
            continue;
        put_stats(call->out, domain, asked);
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
}

static void
on_all(gpointer data)
{
    put_all(data);
    sk_lv_reply(data, NULL);
}

static gboolean
get_all_domain_stats(SkLvCall *call, GError **error)
{
    guint asked = sk_lv_uint(call, "stats"), flags = sk_lv_uint(call, "flags");
    if (!sk_lv_check_flags(call, 0xff | NOWAIT | BACKING | ENFORCE, error))
        return FALSE;
    if ((asked & ~ALL_GROUPS) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "there is no group of statistics 0x%x", asked & ~ALL_GROUPS);
    if ((flags & ENFORCE) != 0 && (asked & (0x40 | 0x400)) != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "statistics of perf and vm are not kept");
    gboolean sampled = asked == 0 || (asked & (0x4 | 0x8 | 0x10 | 0x20 | 0x200)) != 0;
    sk_lv_later(call);
    if (sampled && (flags & NOWAIT) == 0)
        sk_service_stats_wait(call->service, NULL, FRESH_MS, on_all, call);
    else
        on_all(call);
    return TRUE;
}

/* -- one domain, asked anew ---------------------------------------------------------------------------------------------- */

/* The domain may have ended while it was asked. */
static void
finish(SkLvCall *call, gboolean (*put)(SkLvCall *call, const SkDomain *domain, GError **error))
{
    GError *error = NULL;
    const SkDomain *domain = sk_lv_active_domain(call, "dom", &error);
    if (domain != NULL)
        put(call, domain, &error);
    sk_lv_reply(call, error);
}

static gboolean
ask(SkLvCall *call, SkStatsDone done, GError **error)
{
    SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    sk_lv_later(call);
    sk_service_stats_wait(call->service, domain, 0, done, call);
    return TRUE;
}

/* A disk by its target or its image; "" is all of them together. */
static gboolean
find_disk(const SkLvCall *call, const SkDomain *domain, SkDiskStats *out, GError **error)
{
    const char *path = sk_lv_str(call, "path");
    const SkDomainSpec *live = domain->runtime.live;
    *out = (SkDiskStats){ 0 };
    for (guint i = 0; domain->stats.disks != NULL && i < domain->stats.disks->len; i++) {
        const SkDiskStats *one = domain->stats.disks->pdata[i];
        if (*path != '\0' && (g_strcmp0(one->target, path) == 0 || g_strcmp0(one->path, path) == 0)) {
            *out = *one;
            return TRUE;
        }
        out->read_bytes += one->read_bytes;
        out->write_bytes += one->write_bytes;
        out->reads += one->reads;
        out->writes += one->writes;
        out->flushes += one->flushes;
        out->read_time += one->read_time;
        out->write_time += one->write_time;
        out->flush_time += one->flush_time;
    }
    if (*path == '\0')
        return TRUE;
    if (live != NULL && sk_domain_spec_find_disk(live, path) != NULL)
        return sk_fail(error, SK_ERROR_HOST, "QEMU of domain \"%s\" does not tell of disk '%.64s'", sk_domain_name(domain), path);
    return sk_fail(error, SK_ERROR_INVALID, "invalid path: %.256s is no disk of domain \"%s\"", path, sk_domain_name(domain));
}

static gboolean
put_block_stats(SkLvCall *call, const SkDomain *domain, GError **error)
{
    SkDiskStats disk;
    if (!find_disk(call, domain, &disk, error))
        return FALSE;
    sk_xdr_put_i64(call->out, (gint64) disk.reads);
    sk_xdr_put_i64(call->out, (gint64) disk.read_bytes);
    sk_xdr_put_i64(call->out, (gint64) disk.writes);
    sk_xdr_put_i64(call->out, (gint64) disk.write_bytes);
    sk_xdr_put_i64(call->out, -1);
    return TRUE;
}

static void
on_block_stats(gpointer call)
{
    finish(call, put_block_stats);
}

static gboolean
block_stats(SkLvCall *call, GError **error)
{
    return ask(call, on_block_stats, error);
}

/* Names that clients know. */
static const struct {
    const char *name;
    gsize offset;
} block_rows[] = {
#define ROW(name, member) { name, G_STRUCT_OFFSET(SkDiskStats, member) }
    ROW("rd_operations", reads), ROW("rd_bytes", read_bytes), ROW("rd_total_times", read_time), ROW("wr_operations", writes),
    ROW("wr_bytes", write_bytes), ROW("wr_total_times", write_time), ROW("flush_operations", flushes), ROW("flush_total_times", flush_time),
#undef ROW
};

static gboolean
put_block_params(SkLvCall *call, const SkDomain *domain, GError **error)
{
    SkDiskStats disk;
    guint wanted = (guint) MAX(sk_lv_int(call, "nparams"), 0), count = MIN(wanted, G_N_ELEMENTS(block_rows));
    if (!find_disk(call, domain, &disk, error))
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++)
        sk_xdr_put_param_i64(call->out, block_rows[i].name, (gint64) G_STRUCT_MEMBER(guint64, &disk, block_rows[i].offset));
    sk_xdr_list_end(call->out, place, count);
    sk_xdr_put_i32(call->out, wanted == 0 ? (gint) G_N_ELEMENTS(block_rows) : (gint) count);
    return TRUE;
}

static void
on_block_params(gpointer call)
{
    finish(call, put_block_params);
}

static gboolean
block_stats_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 4, error) && ask(call, on_block_params, error);
}

/* -- disks: sizes, errors ---------------------------------------------------------------------------------------------------- */

static gboolean
put_block_info(SkLvCall *call, const SkDomain *domain, GError **error)
{
    SkDiskStats disk;
    if (!find_disk(call, domain, &disk, error))
        return FALSE;
    if (disk.capacity == 0)
        return sk_fail(error, SK_ERROR_INVALID, "disk '%.64s' has no medium", sk_lv_str(call, "path"));
    sk_xdr_put_u64(call->out, disk.allocation);
    sk_xdr_put_u64(call->out, disk.capacity);
    sk_xdr_put_u64(call->out, disk.allocation);
    return TRUE;
}

static void
on_block_info(gpointer call)
{
    finish(call, put_block_info);
}

static const SkDisk *
disk_of(const SkDomainSpec *spec, const char *path)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        if (g_strcmp0(disk->target, path) == 0 || (disk->path != NULL && g_strcmp0(disk->path, path) == 0))
            return disk;
    }
    return NULL;
}

/* Of one that is off, what is known of its volume. */
static gboolean
put_volume_info(SkLvCall *call, const SkDomain *domain, GError **error)
{
    const char *path = sk_lv_str(call, "path");
    const SkDisk *disk = disk_of(domain->spec, path);
    if (disk == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "invalid path: %.256s is no disk of domain \"%s\"", path, sk_domain_name(domain));
    const SkVolume *volume = disk->path != NULL ? sk_service_volume_at(call->service, disk->path) : NULL;
    if (volume != NULL) {
        sk_xdr_put_u64(call->out, volume->allocation);
        sk_xdr_put_u64(call->out, volume->capacity);
        sk_xdr_put_u64(call->out, volume->allocation);
        return TRUE;
    }
    return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is off, and disk '%.64s' is no volume of a pool", sk_domain_name(domain), disk->target);
}

gboolean
sk_lv_get_block_info(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    return sk_domain_is_active(domain) ? ask(call, on_block_info, error) : put_volume_info(call, domain, error);
}

enum { DISK_UNKNOWN_ERROR = 1, DISK_NO_SPACE = 2 };

static void
on_disk_states(SkQmp *qmp, json_t *result, const GError *failure, gpointer data)
{
    SkLvCall *call = data;
    g_autoptr(GError) error = NULL;
    const SkDomain *domain = failure == NULL ? sk_lv_active_domain(call, "dom", &error) : NULL;
    const GPtrArray *disks = domain != NULL ? domain->runtime.live->disks : NULL;
    guint count = 0, max = sk_lv_uint(call, "maxerrors");
    (void) qmp;
    if (domain == NULL) {
        sk_lv_reply(call, failure != NULL ? g_error_copy(failure) : g_steal_pointer(&error));
        return;
    }
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; disks != NULL && i < disks->len && count < MIN(max, 256); i++) {
        const SkDisk *disk = disks->pdata[i];
        const char *state = sk_qmp_parse_disk_state(result, disk->alias);
        gint number = g_strcmp0(state, "nospace") == 0 ? DISK_NO_SPACE : g_strcmp0(state, "failed") == 0 ? DISK_UNKNOWN_ERROR : 0;
        if (number == 0)
            continue;
        sk_xdr_put_str(call->out, disk->target);
        sk_xdr_put_i32(call->out, number);
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
    sk_xdr_put_i32(call->out, (gint) (max == 0 && disks != NULL ? disks->len : count));
    sk_lv_reply(call, NULL);
}

/* The idiom of two calls: how many there could be, then those there are, as QEMU knows them now. */
gboolean
sk_lv_get_disk_errors(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (domain->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(domain));
    sk_qmp_call_async(domain->qmp, "query-block", NULL, 0, on_disk_states, call);
    return sk_lv_later(call);
}

/* -- interfaces ------------------------------------------------------------------------------------------------------------------ */

/* By link or MAC address; one question to the kernel, so that it is as of now. */
static gboolean
interface_stats(SkLvCall *call, GError **error)
{
    const char *device = sk_lv_str(call, "device");
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    const SkInterface *nic = sk_domain_spec_find_interface(domain->runtime.live, device);
    g_autofree SkLink *link = nic != NULL && nic->tap != NULL ? sk_netlink_link(nic->tap, NULL) : NULL;
    if (link == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "invalid path, '%.64s' is not a known interface of domain \"%s\"", device, sk_domain_name(domain));
    const SkLinkStats *stats = &link->stats;
    const guint64 figures[] = { stats->tx_bytes, stats->tx_packets, stats->tx_errors, stats->tx_dropped,
                                stats->rx_bytes, stats->rx_packets, stats->rx_errors, stats->rx_dropped };
    for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
        sk_xdr_put_i64(call->out, (gint64) figures[i]);
    return TRUE;
}

/* -- memory ------------------------------------------------------------------------------------------------------------------------ */

enum { SWAP_IN, SWAP_OUT, MAJOR_FAULT, MINOR_FAULT, UNUSED, AVAILABLE, ACTUAL, RSS, USABLE, LAST_UPDATE, DISK_CACHES, HUGE_ALLOC, HUGE_FAIL };

typedef struct {
    GByteArray *out;
    guint count, max;
} TagWriter;

static void
put_tag(TagWriter *self, gint tag, guint64 value)
{
    if (self->count == self->max)
        return;
    sk_xdr_put_i32(self->out, tag);
    sk_xdr_put_u64(self->out, value);
    self->count++;
}

static gboolean
put_memory_stats(SkLvCall *call, const SkDomain *domain, GError **error)
{
    TagWriter writer = { .out = call->out, .max = MIN(sk_lv_uint(call, "maxStats"), 1024) };
    const SkGuestMemory *guest = domain->stats.guest_memory;
    SkDomainStats stats;
    (void) error;
    sk_domain_fill_stats(domain, &stats);
    gsize place = sk_xdr_list_begin(call->out);
    put_tag(&writer, ACTUAL, stats.memory_balloon / 1024);
    if (guest != NULL) {
        put_tag(&writer, SWAP_IN, guest->swap_in / 1024);
        put_tag(&writer, SWAP_OUT, guest->swap_out / 1024);
        put_tag(&writer, MAJOR_FAULT, guest->major_faults);
        put_tag(&writer, MINOR_FAULT, guest->minor_faults);
        put_tag(&writer, UNUSED, guest->unused / 1024);
        put_tag(&writer, AVAILABLE, guest->available / 1024);
        put_tag(&writer, USABLE, guest->usable / 1024);
        put_tag(&writer, LAST_UPDATE, (guint64) guest->updated);
        put_tag(&writer, DISK_CACHES, guest->disk_caches / 1024);
        put_tag(&writer, HUGE_ALLOC, guest->huge_allocated);
        put_tag(&writer, HUGE_FAIL, guest->huge_failed);
    }
    put_tag(&writer, RSS, stats.memory_rss / 1024);
    sk_xdr_list_end(call->out, place, writer.count);
    return TRUE;
}

static void
on_memory_stats(gpointer call)
{
    finish(call, put_memory_stats);
}

static gboolean
memory_stats(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && ask(call, on_memory_stats, error);
}

/* -- CPUs ----------------------------------------------------------------------------------------------------------------------------- */

/* Of all CPUs of the host together: which of them did the work the kernel does not count by process. */
static gboolean
get_cpu_stats(SkLvCall *call, GError **error)
{
    guint wanted = sk_lv_uint(call, "nparams"), count = MIN(wanted, 3);
    gint start = sk_lv_int(call, "start_cpu");
    SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    if (start >= 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "CPU time by CPU of the host is not counted: ask for the total");
    sk_domain_refresh_usage(domain);
    const SkDomainStats *stats = &domain->stats;
    const char *const names[] = { "cpu_time", "user_time", "system_time" };
    const guint64 times[] = { stats->cpu_time, stats->cpu_user, stats->cpu_system };
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++)
        sk_xdr_put_param_u64(call->out, names[i], times[i]);
    sk_xdr_list_end(call->out, place, count);
    sk_xdr_put_i32(call->out, wanted == 0 ? 3 : (gint) count);
    return TRUE;
}

/* Bit n % 8 of byte n / 8; at most as many as the client has room for. */
typedef struct {
    guint8 *bytes;
    gsize length;
} CpuMap;

static void
set_cpu(guint cpu, gpointer data)
{
    CpuMap *map = data;
    if (cpu / 8 < map->length)
        map->bytes[cpu / 8] |= (guint8) (1 << cpu % 8);
}

static void
clear_cpu(guint cpu, gpointer data)
{
    CpuMap *map = data;
    if (cpu / 8 < map->length)
        map->bytes[cpu / 8] &= (guint8) ~(1 << cpu % 8);
}

/* "0-3,^2" */
static void
fill_map(CpuMap *map, const char *list)
{
    g_auto(GStrv) parts = g_strsplit(list, ",", -1);
    sk_cpu_list_foreach(list, set_cpu, map);
    for (guint i = 0; parts[i] != NULL; i++) {
        if (*parts[i] == '^')
            sk_cpu_list_foreach(parts[i] + 1, clear_cpu, map);
    }
}

static const char *
pin_of(const SkDomainSpec *spec, guint vcpu)
{
    const GPtrArray *pins = spec->cpu_tune.vcpu_pins;
    for (guint i = 0; pins != NULL && i < pins->len; i++) {
        const SkPin *pin = pins->pdata[i];
        if (pin->id == vcpu)
            return pin->cpuset;
    }
    return spec->vcpus.cpuset;
}

/* Where its vCPUs may run. */
static void
put_cpu_maps(GByteArray *out, const SkDomainSpec *spec, guint count, gsize length)
{
    g_autofree guint8 *bytes = g_malloc0(count * length + 1);
    g_autofree char *online = sk_host_read(NULL, "/sys/devices/system/cpu/online");
    for (guint i = 0; i < count; i++) {
        CpuMap map = { bytes + i * length, length };
        const char *pinned = pin_of(spec, i);
        fill_map(&map, pinned != NULL ? pinned : online != NULL ? online : "0");
    }
    sk_xdr_put_bytes(out, bytes, count * length);
}

static gboolean
put_vcpus(SkLvCall *call, const SkDomain *domain, GError **error)
{
    const GPtrArray *cpus = domain->stats.cpus;
    gsize length = (gsize) CLAMP(sk_lv_int(call, "maplen"), 0, 2048);
    guint count = MIN(cpus != NULL ? cpus->len : 0, (guint) CLAMP(sk_lv_int(call, "maxinfo"), 0, 4096));
    (void) error;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++) {
        const SkVcpuStats *cpu = cpus->pdata[i];
        sk_xdr_put_u32(call->out, cpu->id);
        sk_xdr_put_i32(call->out, 1);
        sk_xdr_put_u64(call->out, cpu->time);
        sk_xdr_put_i32(call->out, cpu->cpu);
    }
    sk_xdr_list_end(call->out, place, count);
    put_cpu_maps(call->out, domain->runtime.live, count, length);
    return TRUE;
}

static void
on_vcpus(gpointer call)
{
    finish(call, put_vcpus);
}

gboolean
sk_lv_get_vcpus(SkLvCall *call, GError **error)
{
    return ask(call, on_vcpus, error);
}

/* -- how fast memory changes ------------------------------------------------------------------------------------------------ */

/* Pages are sampled; QEMU's other ways, by a bitmap or KVM's ring, slow the guest. */
static gboolean
start_dirty_rate(SkLvCall *call, GError **error)
{
    gint seconds = sk_lv_int(call, "seconds");
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (seconds < 1 || seconds > 60)
        return sk_fail(error, SK_ERROR_INVALID, "memory is watched for 1 to 60 seconds, not %d", seconds);
    SkDirtyRateRequest *body = sk_value_new(&sk_dirty_rate_request_type);
    body->seconds = (guint) seconds;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_DIRTY_RATE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body;
    return sk_lv_dispatch(call, op, NULL);
}

/* -- a look into memory ---------------------------------------------------------------------------------------------------------- */

enum { PEEK_VIRTUAL = 1, PEEK_PHYSICAL = 2 };

static gboolean
put_memory(SkLvCall *call, SkCall *op, GError **error)
{
    (void) error;
    sk_xdr_put_bytes(call->out, op->answer->str, op->answer->len);
    return TRUE;
}

static gboolean
peek_memory(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), size = sk_lv_uint(call, "size");
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, PEEK_VIRTUAL | PEEK_PHYSICAL, error))
        return FALSE;
    if (flags == 0 || flags == (PEEK_VIRTUAL | PEEK_PHYSICAL) || size == 0 || size > 4 * 1024 * 1024)
        return sk_fail(error, SK_ERROR_INVALID, "give virtual or physical, and at most 4 MiB");
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_MEMORY);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.offset = sk_lv_uint64(call, "offset");
    op->params.size = size;
    op->params.virtual = (flags & PEEK_VIRTUAL) != 0;
    return sk_lv_dispatch(call, op, put_memory);
}

static const SkLvProcedure rows[] = {
    { 64, "DOMAIN_BLOCK_STATS", "dom path:str", "rd_req:i64 rd_bytes:i64 wr_req:i64 wr_bytes:i64 errs:i64", SK_OP_DOMAIN_STATS, block_stats },
    { 65, "DOMAIN_INTERFACE_STATS", "dom device:str", "rx_bytes:i64 rx_packets:i64 rx_errs:i64 rx_drop:i64 tx_bytes:i64 tx_packets:i64 tx_errs:i64 tx_drop:i64",
      SK_OP_DOMAIN_STATS, interface_stats },
    { 104, "DOMAIN_MEMORY_PEEK", "dom offset:u64 size:u32 flags", "buffer:bytes<4194304>", SK_OP_DOMAIN_MEMORY, peek_memory },
    { 159, "DOMAIN_MEMORY_STATS", "dom maxStats:u32 flags", "stats:{tag:i32 val:u64}<1024>", SK_OP_DOMAIN_STATS, memory_stats },
    { 243, "DOMAIN_BLOCK_STATS_FLAGS", "dom path:str nparams:i32 flags", "params:tp<16> nparams:i32", SK_OP_DOMAIN_STATS, block_stats_flags },
    { 262, "DOMAIN_GET_CPU_STATS", "dom nparams:u32 start_cpu:i32 ncpus:u32 flags", "params:tp<2048> nparams:i32", SK_OP_DOMAIN_STATS, get_cpu_stats,
      .lacks = "figures by CPU of the host: control groups of version 2 keep none" },
    { 344, "CONNECT_GET_ALL_DOMAIN_STATS", "doms:dom<16384> stats:u32 flags", "retStats:{dom params:tp<262144>}<16384>", SK_OP_STATS_LIST, get_all_domain_stats,
      .lacks = "groups perf and vm" },
    { 427, "DOMAIN_START_DIRTY_RATE_CALC", "dom seconds:i32 flags", "", SK_OP_DOMAIN_DIRTY_RATE, start_dirty_rate },
};
SK_LV_FAMILY(sk_lv_domain_stats_family, "Domain: figures", QEMU, rows);
