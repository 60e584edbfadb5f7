/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors and memory. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/cmdline/builder.h"

/* -- CPU model -------------------------------------------------------------------------------------------------- */

/* The definition's word and QEMU's flags; some make sense only with others. */
static const struct {
    const char *name, *flags;
} hyperv[] = {
    { "relaxed", "hv-relaxed=on" },
    { "vapic", "hv-vapic=on" },
    { "spinlocks", "hv-spinlocks" },
    { "vpindex", "hv-vpindex=on" },
    { "runtime", "hv-runtime=on" },
    { "synic", "hv-synic=on" },
    { "stimer", "hv-time=on,hv-stimer=on" },
    { "reset", "hv-reset=on" },
    { "frequencies", "hv-frequencies=on" },
    { "tlbflush", "hv-tlbflush=on" },
    { "ipi", "hv-ipi=on" },
    { "time", "hv-time=on" },
    { "vendor_id", "hv-vendor-id" },
    { "reenlightenment", "hv-reenlightenment=on" },
    { "evmcs", "hv-evmcs=on" },
    { "avic", "hv-avic=on" },
};

static const char *
hyperv_flags(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(hyperv); i++) {
        if (g_str_equal(hyperv[i].name, name))
            return hyperv[i].flags;
    }
    return NULL;
}

/* Under TCG the flags would mean nothing; the words are checked all the same. */
static gboolean
add_hyperv(const SkBuilder *self, GString *text, GError **error)
{
    const SkFeatures *features = &self->spec->features;
    char **names = features->hyperv;
    if (self->kvm && features->hyperv_passthrough)
        g_string_append(text, ",hv-passthrough=on");
    for (guint i = 0; names != NULL && names[i] != NULL; i++) {
        const char *flags = hyperv_flags(names[i]);
        if (flags == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "hyperv \"%s\" is not an enlightenment: give relaxed, vapic, spinlocks, vpindex, "
                           "runtime, synic, stimer, reset, vendor_id, frequencies, reenlightenment, tlbflush, ipi, evmcs, avic or time", names[i]);
        if (!self->kvm)
            continue;
        g_string_append_printf(text, ",%s", flags);
        if (g_str_equal(names[i], "spinlocks"))
            g_string_append_printf(text, "=0x%x", features->hyperv_spinlocks > 0 ? features->hyperv_spinlocks : 0x1fff);
        if (g_str_equal(names[i], "vendor_id"))
            g_string_append_printf(text, "=%s", features->hyperv_vendor != NULL ? features->hyperv_vendor : "none");
        if (g_str_equal(names[i], "stimer") && features->hyperv_direct)
            g_string_append(text, ",hv-stimer-direct=on");
    }
    return TRUE;
}

static const char *
cpu_model(const SkBuilder *self)
{
    const SkCpu *cpu = &self->spec->cpu;
    switch (cpu->mode) {
    case SK_CPU_CUSTOM:
        return cpu->model;
    case SK_CPU_MAXIMUM:
        return "max";
    case SK_CPU_HOST_PASSTHROUGH:
        if (!self->kvm)
            return "max";
        return cpu->migratable == SK_SWITCH_ON ? "host,migratable=on" : "host,migratable=off";
    default:
        return self->kvm ? "host,migratable=on" : "max";
    }
}

static void
add_details(GString *text, const SkCpu *cpu)
{
    if (cpu->vendor_id != NULL)
        g_string_append_printf(text, ",vendor=%s", cpu->vendor_id);
    /* Only the host's own model knows the first of them. */
    if (cpu->cache != NULL && cpu->cache->mode == SK_CPU_CACHE_PASSTHROUGH)
        g_string_append(text, ",host-cache-info=on,l3-cache=off");
    else if (cpu->cache != NULL)
        g_string_append_printf(text, ",l3-cache=%s", cpu->cache->mode == SK_CPU_CACHE_EMULATE ? "on" : "off");
    if (cpu->phys_bits != NULL && cpu->phys_bits->mode == SK_PHYS_PASSTHROUGH)
        g_string_append(text, ",host-phys-bits=on");
    else if (cpu->phys_bits != NULL && cpu->phys_bits->bits > 0)
        g_string_append_printf(text, ",phys-bits=%u", cpu->phys_bits->bits);
}

/* Flags that the definition has elsewhere. What is KVM's means nothing without it. */
static void
add_switches(const SkBuilder *self, GString *text)
{
    const SkFeatures *features = &self->spec->features;
    const SkTimer *kvmclock = sk_clock_find_timer(&self->spec->clock, SK_TIMER_KVMCLOCK);
    const SkTimer *hypervclock = sk_clock_find_timer(&self->spec->clock, SK_TIMER_HYPERVCLOCK);
    const SkTimer *tsc = sk_clock_find_timer(&self->spec->clock, SK_TIMER_TSC);
    const struct {
        const char *flag;
        gint value;         /* SkSwitch */
        gboolean tcg;       /* means something under TCG too */
    } rows[] = {
        { "pmu", features->pmu, TRUE },
        { "kvm-pv-eoi", features->eoi, FALSE },
        { "kvm-pv-unhalt", features->pv_spinlock, FALSE },
        { "kvm-hint-dedicated", features->kvm_dedicated, FALSE },
        { "kvm-poll-control", features->kvm_poll, FALSE },
        { "kvmclock", kvmclock != NULL ? kvmclock->present : SK_SWITCH_DEFAULT, FALSE },
        { "hv-time", hypervclock != NULL ? hypervclock->present : SK_SWITCH_DEFAULT, FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].value != SK_SWITCH_DEFAULT && (self->kvm || rows[i].tcg))
            g_string_append_printf(text, ",%s=%s", rows[i].flag, rows[i].value == SK_SWITCH_ON ? "on" : "off");
    }
    if (tsc != NULL && tsc->frequency > 0)
        g_string_append_printf(text, ",tsc-frequency=%" G_GUINT64_FORMAT, tsc->frequency);
}

static gboolean
add_model(SkBuilder *self, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    const SkCpu *cpu = &spec->cpu;

    /* Who asked for KVM and fell back to TCG gets what comes nearest to the host's CPU. */
    if (cpu->mode == SK_CPU_HOST_PASSTHROUGH && !self->kvm && spec->accel != SK_ACCEL_KVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "CPU mode host-passthrough of domain \"%s\" needs KVM: give default or maximum", spec->name);
    g_autoptr(GString) text = g_string_new(cpu_model(self));
    for (guint i = 0; cpu->features != NULL && i < cpu->features->len; i++) {
        const SkCpuFeature *feature = cpu->features->pdata[i];
        gboolean off = feature->policy == SK_CPU_DISABLE || feature->policy == SK_CPU_FORBID;
        g_string_append_printf(text, ",%s=%s", feature->name, off ? "off" : "on");
    }
    add_details(text, cpu);
    if (!spec->features.apic)
        g_string_append(text, ",apic=off");
    if (spec->features.kvm_hidden && self->kvm)
        g_string_append(text, ",kvm=off");
    add_switches(self, text);
    if (!add_hyperv(self, text, error))
        return FALSE;
    sk_builder_arg(self, "-cpu", g_strdup(text->str));
    return TRUE;
}

gboolean
sk_build_cpu(SkBuilder *self, GError **error)
{
    const SkVcpus *vcpus = &self->spec->vcpus;
    guint maximum = MAX(vcpus->maximum, vcpus->current);
    guint cores = MAX(vcpus->cores, 1), threads = MAX(vcpus->threads, 1), dies = MAX(vcpus->dies, 1);
    guint sockets = vcpus->sockets > 0 ? vcpus->sockets : MAX(maximum / (dies * cores * threads), 1);
    g_autofree char *die_text = dies > 1 ? g_strdup_printf("dies=%u,", dies) : g_strdup("");
    guint most = self->machine == SK_MACHINE_Q35 || self->machine == SK_MACHINE_MICROVM ? 288 : 255;

    if (maximum > most)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" has up to %u vCPUs, machine \"%s\" takes %u", self->spec->name,
                       maximum, self->spec->machine, most);
    sk_builder_arg(self, "-smp", g_strdup_printf("cpus=%u,maxcpus=%u,sockets=%u,%scores=%u,threads=%u", vcpus->current, maximum, sockets,
                                                 die_text, cores, threads));
    return add_model(self, error);
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

/* virtiofsd reads the guest's memory, so it must be shared with it. */
static gboolean
is_shared(const SkDomainSpec *spec)
{
    for (guint i = 0; spec->filesystems != NULL && i < spec->filesystems->len; i++) {
        if (((const SkFilesystem *) spec->filesystems->pdata[i])->kind == SK_FS_VIRTIOFS)
            return TRUE;
    }
    return spec->memory.shared;
}

/* "0-1,3" as an array of numbers. */
static json_t *
node_list(const char *text)
{
    json_t *list = json_array();
    g_auto(GStrv) ranges = g_strsplit(text, ",", -1);
    for (guint i = 0; ranges[i] != NULL; i++) {
        const char *dash = strchr(ranges[i], '-');
        guint64 first = g_ascii_strtoull(ranges[i], NULL, 10), last = dash != NULL ? g_ascii_strtoull(dash + 1, NULL, 10) : first;
        for (guint64 node = first; node <= last && node < 1024; node++)
            json_array_append_new(list, json_integer((json_int_t) node));
    }
    return list;
}

json_t *
sk_memory_backend(const SkDomainSpec *spec, const char *id, guint64 size)
{
    const SkMemory *memory = &spec->memory;
    static const char *const policies[SK_N_NUMA_MODES] = { "bind", "preferred", "interleave" };
    gboolean huge = memory->hugepage_size > 0, shared = is_shared(spec), memfd = huge || shared || memory->source != SK_MEMORY_ANONYMOUS;
    json_t *backend = json_pack("{s:s,s:s,s:I}", "qom-type", memfd ? "memory-backend-memfd" : "memory-backend-ram", "id", id, "size",
                                (json_int_t) size);
    if (shared)
        json_object_set_new(backend, "share", json_true());
    else if (memfd)
        json_object_set_new(backend, "share", json_false());
    if (huge) {
        json_object_set_new(backend, "hugetlb", json_true());
        json_object_set_new(backend, "hugetlbsize", json_integer((json_int_t) memory->hugepage_size));
    }
    if (huge || memory->locked || memory->prealloc)
        json_object_set_new(backend, "prealloc", json_true());
    if (spec->numa_tune != NULL) {
        json_object_set_new(backend, "host-nodes", node_list(spec->numa_tune->nodes));
        json_object_set_new(backend, "policy", json_string(policies[spec->numa_tune->mode]));
    }
    return backend;
}

/* -- NUMA nodes of the guest ------------------------------------------------------------------------------------------ */

static gboolean
build_cell(SkBuilder *self, const SkNumaCell *cell, GError **error)
{
    g_autofree char *id = g_strdup_printf("ram-node%u", cell->id);
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) ranges = g_strsplit(cell->cpus != NULL ? cell->cpus : "", ",", -1);
    g_string_append_printf(text, "node,nodeid=%u,memdev=%s", cell->id, id);
    for (guint i = 0; ranges[i] != NULL; i++) {
        if (*ranges[i] == '^')
            return sk_fail(error, SK_ERROR_INVALID, "NUMA node %u: cpus \"%s\" leaves out some: name those that are in it", cell->id, cell->cpus);
        g_string_append_printf(text, ",cpus=%s", ranges[i]);
    }
    if (!sk_builder_object(self, sk_memory_backend(self->spec, id, cell->memory), error))
        return FALSE;
    sk_builder_arg(self, "-numa", g_strdup(text->str));
    return TRUE;
}

static gboolean
build_cells(SkBuilder *self, const GPtrArray *cells, guint64 size, GError **error)
{
    guint64 sum = 0;
    for (guint i = 0; i < cells->len; i++)
        sum += ((const SkNumaCell *) cells->pdata[i])->memory;
    if (sum != size)
        return sk_fail(error, SK_ERROR_INVALID, "the NUMA nodes of domain \"%s\" have %" G_GUINT64_FORMAT " bytes, its memory has %" G_GUINT64_FORMAT,
                       self->spec->name, sum, size);
    for (guint i = 0; i < cells->len; i++) {
        if (!build_cell(self, cells->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* A template's: QEMU opens it again by the descriptor's name. */
static json_t *
memory_file(SkBuilder *self, guint64 size)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", sk_builder_pass_fd(self, self->launch->memory_fd));
    return json_pack("{s:s,s:s,s:s,s:I,s:b}", "qom-type", "memory-backend-file", "id", "mem", "mem-path", path, "size", (json_int_t) size, "share",
                     self->launch->memory_kept);
}

gboolean
sk_build_memory(SkBuilder *self, GError **error)
{
    const SkMemory *memory = &self->spec->memory;
    guint64 size = MAX(memory->maximum, memory->current), unit = MAX(memory->hugepage_size, 4096);
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "size=%" G_GUINT64_FORMAT "k", size / 1024);
    if (memory->limit > size)
        g_string_append_printf(text, ",slots=%u,maxmem=%" G_GUINT64_FORMAT "k", memory->slots, memory->limit / 1024);
    sk_builder_arg(self, "-m", g_string_free(text, FALSE));
    if (size % unit != 0 || memory->limit % unit != 0) {
        g_autofree char *have = sk_size_format(size), *step = sk_size_format(unit);
        return sk_fail(error, SK_ERROR_INVALID, "memory of domain \"%s\" is %s, it and its limit must be whole pages of %s", self->spec->name,
                       have, step);
    }
    if (memory->limit > size && self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"microvm\" takes no more memory while running: leave out limit and slots");
    if (memory->locked)
        sk_builder_arg(self, "-overcommit", g_strdup("mem-lock=on"));
    if (self->spec->cpu.cells != NULL && self->spec->cpu.cells->len > 0)
        return build_cells(self, self->spec->cpu.cells, size, error);
    return sk_builder_object(self, self->launch->memory_fd >= 0 ? memory_file(self, size) : sk_memory_backend(self->spec, "mem", size), error);
}
