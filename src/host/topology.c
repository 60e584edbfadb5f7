/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUs, NUMA nodes, pages and their figures. */
#include "host/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "host/cpuinfo.h"
#include "host/kvm.h"
#include "host/root.h"

#define NODES "/sys/devices/system/node"
#define CPUS "/sys/devices/system/cpu"
#define CPU_MAX 8192

void
sk_cpu_list_foreach(const char *list, void (*func)(guint cpu, gpointer data), gpointer data)
{
    g_auto(GStrv) parts = g_strsplit(list, ",", -1);
    for (guint i = 0; parts[i] != NULL; i++) {
        char *end = NULL;
        guint64 first = g_ascii_strtoull(parts[i], &end, 10);
        guint64 last = *end == '-' ? g_ascii_strtoull(end + 1, NULL, 10) : first;
        for (guint64 cpu = first; end != parts[i] && cpu <= last && cpu < CPU_MAX; cpu++)
            func((guint) cpu, data);
    }
}

static gint64 G_GNUC_PRINTF(3, 4)
number_at(const char *root, gint64 fallback, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *path = g_strdup_vprintf(format, args);
    va_end(args);
    return sk_host_read_number(root, path, fallback);
}

static char *G_GNUC_PRINTF(2, 3)
text_at(const char *root, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *path = g_strdup_vprintf(format, args);
    va_end(args);
    return sk_host_read(root, path);
}

/* -- nodes ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *root;
    GPtrArray *cpus;
} CpuReader;

static void
add_cpu(guint id, gpointer data)
{
    CpuReader *reader = data;
    SkHostCpu *cpu = sk_value_new(&sk_host_cpu_type);
    cpu->id = id;
    cpu->socket = (guint) MAX(number_at(reader->root, 0, CPUS "/cpu%u/topology/physical_package_id", id), 0);
    cpu->die = (guint) MAX(number_at(reader->root, 0, CPUS "/cpu%u/topology/die_id", id), 0);
    cpu->core = (guint) MAX(number_at(reader->root, id, CPUS "/cpu%u/topology/core_id", id), 0);
    cpu->siblings = text_at(reader->root, CPUS "/cpu%u/topology/thread_siblings_list", id);
    if (cpu->siblings == NULL)
        cpu->siblings = g_strdup_printf("%u", id);
    g_ptr_array_add(reader->cpus, cpu);
}

/* "Node 0 MemTotal:  16 kB", or without the node. */
static guint64
meminfo(const char *text, const char *key)
{
    const char *at = text != NULL ? strstr(text, key) : NULL;
    return at != NULL ? g_ascii_strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

static char *
read_meminfo(const char *root, gint node)
{
    return node >= 0 && sk_host_exists(root, NODES "/node0") ? text_at(root, NODES "/node%d/meminfo", node) : sk_host_read(root, "/proc/meminfo");
}

gboolean
sk_host_memory(const char *root, gint node, SkHostMemory *out)
{
    if (node > 0 && !sk_host_exists(root, NODES "/node0"))
        return FALSE;
    g_autofree char *text = read_meminfo(root, node);
    if (text == NULL)
        return FALSE;
    *out = (SkHostMemory){ .total = meminfo(text, "MemTotal:"), .free = meminfo(text, "MemFree:"), .buffers = meminfo(text, "Buffers:"),
                           .cached = meminfo(text, node >= 0 ? "FilePages:" : "Cached:") };
    return TRUE;
}

static char *
pages_dir(const char *root, gint node)
{
    if (node >= 0 && sk_host_exists(root, NODES "/node0"))
        return g_strdup_printf(NODES "/node%d/hugepages", node);
    return g_strdup("/sys/kernel/mm/hugepages");
}

static SkHostPages *
new_pages(guint64 size, guint64 total, guint64 free)
{
    SkHostPages *pages = sk_value_new(&sk_host_pages_type);
    *pages = (SkHostPages){ .size = size, .total = total, .free = free };
    return pages;
}

static gint
by_size(gconstpointer a, gconstpointer b)
{
    const SkHostPages *one = *(const SkHostPages *const *) a, *other = *(const SkHostPages *const *) b;
    return one->size < other->size ? -1 : one->size > other->size;
}

/* The usual pages are those that the huge ones leave. */
static GPtrArray *
read_pages(const char *root, gint node, guint64 memory, guint64 memory_free)
{
    GPtrArray *list = sk_value_list_new(&sk_host_pages_type);
    g_autofree char *dir_path = pages_dir(root, node), *full = sk_host_path(root, dir_path);
    g_autoptr(GDir) dir = g_dir_open(full, 0, NULL);
    guint64 huge = 0, size = (guint64) sysconf(_SC_PAGESIZE);
    const char *entry;
    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        guint64 kib = g_str_has_prefix(entry, "hugepages-") ? g_ascii_strtoull(entry + strlen("hugepages-"), NULL, 10) : 0;
        if (kib == 0)
            continue;
        guint64 total = (guint64) MAX(number_at(root, 0, "%s/%s/nr_hugepages", dir_path, entry), 0);
        huge += total * kib * 1024;
        g_ptr_array_add(list, new_pages(kib * 1024, total, (guint64) MAX(number_at(root, 0, "%s/%s/free_hugepages", dir_path, entry), 0)));
    }
    g_ptr_array_add(list, new_pages(size, (memory - MIN(huge, memory)) / size, memory_free / size));
    g_ptr_array_sort(list, by_size);
    return list;
}

static SkHostNode *
read_node(const char *root, gint id, const char *cpus)
{
    SkHostNode *node = sk_value_new(&sk_host_node_type);
    CpuReader reader = { .root = root, .cpus = sk_value_list_new(&sk_host_cpu_type) };
    SkHostMemory memory = { 0 };
    sk_host_memory(root, id, &memory);
    node->id = (guint) MAX(id, 0);
    node->memory = memory.total;
    node->memory_free = memory.free;
    node->cpus = reader.cpus;
    sk_cpu_list_foreach(cpus, add_cpu, &reader);
    node->pages = read_pages(root, id, memory.total, memory.free);
    node->distances = text_at(root, NODES "/node%d/distance", id);
    return node;
}

typedef struct {
    const char *root;
    GPtrArray *nodes;
} NodeReader;

static void
add_node(guint id, gpointer data)
{
    NodeReader *reader = data;
    g_autofree char *cpus = text_at(reader->root, NODES "/node%u/cpulist", id);
    g_ptr_array_add(reader->nodes, read_node(reader->root, (gint) id, cpus != NULL ? cpus : ""));
}

GPtrArray *
sk_host_nodes(const char *root)
{
    NodeReader reader = { .root = root, .nodes = sk_value_list_new(&sk_host_node_type) };
    g_autofree char *online = sk_host_read(root, NODES "/online");
    if (online != NULL && sk_host_exists(root, NODES "/node0"))
        sk_cpu_list_foreach(online, add_node, &reader);
    if (reader.nodes->len > 0)
        return reader.nodes;
    g_autofree char *cpus = sk_host_read(root, CPUS "/online");
    g_ptr_array_add(reader.nodes, read_node(root, -1, cpus != NULL ? cpus : "0"));
    return reader.nodes;
}

/* -- the CPU ---------------------------------------------------------------------------------------------------------- */

/* Newest first: a CPU is of the first model whose features it has. */
static const struct {
    const char *model, *vendor, *features;
} models[] = {
    { "SapphireRapids", "Intel", "avx512_bf16 amx_tile avx512_vnni" },
    { "Icelake-Server", "Intel", "avx512f avx512_vbmi2 vaes gfni" },
    { "Cooperlake", "Intel", "avx512f avx512_bf16 avx512_vnni" },
    { "Cascadelake-Server", "Intel", "avx512f avx512bw avx512_vnni" },
    { "Skylake-Server", "Intel", "avx512f avx512bw avx512dq" },
    { "Skylake-Client", "Intel", "avx2 clflushopt xsavec adx rdseed" },
    { "Broadwell", "Intel", "avx2 adx rdseed smap" },
    { "Haswell", "Intel", "avx2 bmi1 bmi2 fma movbe" },
    { "IvyBridge", "Intel", "avx f16c rdrand fsgsbase" },
    { "SandyBridge", "Intel", "avx aes xsave pclmulqdq" },
    { "Westmere", "Intel", "sse4_2 aes pclmulqdq" },
    { "Nehalem", "Intel", "sse4_2 popcnt" },
    { "Penryn", "Intel", "sse4_1 cx16" },
    { "Conroe", "Intel", "ssse3 lm" },
    { "EPYC-Milan", "AMD", "vaes pku clwb rdpid" },
    { "EPYC-Rome", "AMD", "clwb rdpid wbnoinvd" },
    { "EPYC", "AMD", "sha_ni avx2 clzero" },
    { "Opteron_G5", "AMD", "tbm fma f16c" },
    { "Opteron_G4", "AMD", "xop avx fma4" },
    { "Opteron_G3", "AMD", "sse4a popcnt abm" },
    { "Opteron_G2", "AMD", "cx16 rdtscp" },
    { "Opteron_G1", "AMD", "lm nx" },
};

static gboolean
has_all(const char *flags, const char *wanted)
{
    g_auto(GStrv) words = g_strsplit(wanted, " ", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        if (!sk_words_have(flags, words[i]))
            return FALSE;
    }
    return TRUE;
}

const char *
sk_host_cpu_model(const char *vendor, const char *flags)
{
    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        if (g_strcmp0(models[i].vendor, vendor) == 0 && has_all(flags, models[i].features))
            return models[i].model;
    }
    return "qemu64";
}

guint
sk_cpu_model_rank(const char *model)
{
    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        if (g_str_has_prefix(model, models[i].model))
            return (guint) G_N_ELEMENTS(models) - i;
    }
    return 0;
}

const char *
sk_cpu_model_vendor(const char *model)
{
    static const struct {
        const char *prefix, *vendor;
    } others[] = { { "Snowridge", "Intel" }, { "Denverton", "Intel" }, { "KnightsMill", "Intel" }, { "core2duo", "Intel" }, { "coreduo", "Intel" },
                   { "n270", "Intel" }, { "pentium", "Intel" }, { "486", "Intel" }, { "athlon", "AMD" }, { "phenom", "AMD" }, { "Icelake", "Intel" },
                   { "Dhyana", "Hygon" } };
    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        if (g_str_has_prefix(model, models[i].model))
            return models[i].vendor;
    }
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        if (g_str_has_prefix(model, others[i].prefix))
            return others[i].vendor;
    }
    return "unknown";
}

guint
sk_host_mhz(const char *root)
{
    g_autofree char *cpuinfo = sk_host_read(root, "/proc/cpuinfo");
    g_autofree char *mhz = cpuinfo != NULL ? sk_cpuinfo_get(cpuinfo, "cpu MHz") : NULL;
    if (mhz != NULL)
        return (guint) g_ascii_strtod(mhz, NULL);
    return (guint) (MAX(number_at(root, 0, CPUS "/cpu0/cpufreq/cpuinfo_max_freq"), 0) / 1000);
}

/* -- map of CPUs -------------------------------------------------------------------------------------------------------- */

typedef struct {
    guint8 *map;
    guint count, highest;
} MapMaker;

static void
set_bit(guint cpu, gpointer data)
{
    MapMaker *maker = data;
    if (maker->map != NULL)
        maker->map[cpu / 8] |= (guint8) (1 << cpu % 8);
    maker->count++;
    maker->highest = MAX(maker->highest, cpu);
}

guint8 *
sk_host_cpu_map(const char *root, guint *out_possible, guint *out_online)
{
    g_autofree char *present = sk_host_read(root, CPUS "/present"), *online = sk_host_read(root, CPUS "/online");
    MapMaker possible = { 0 }, maker = { .map = g_malloc0(CPU_MAX / 8) };
    sk_cpu_list_foreach(present != NULL ? present : "0", set_bit, &possible);
    sk_cpu_list_foreach(online != NULL ? online : "0", set_bit, &maker);
    *out_possible = MAX(possible.highest, maker.highest) + 1;
    *out_online = maker.count;
    return maker.map;
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

/* One that the firmware or the system has; it never changes while the system is the same. */
static char *
host_uuid(const char *root)
{
    g_autofree char *uuid = sk_host_read(root, "/sys/class/dmi/id/product_uuid");
    if (uuid != NULL && g_uuid_string_is_valid(uuid))
        return g_ascii_strdown(uuid, -1);
    g_autofree char *id = sk_host_read(root, "/etc/machine-id");
    if (id == NULL || strlen(id) < 32) {
        g_free(id);
        g_autofree char *name = sk_host_read(root, "/proc/sys/kernel/hostname");
        id = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name != NULL ? name : "", -1);
    }
    return g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
}

static void
fill_counts(SkCapabilities *out)
{
    g_autoptr(GHashTable) sockets = g_hash_table_new(NULL, NULL), dies = g_hash_table_new(NULL, NULL), cores = g_hash_table_new(NULL, NULL);
    guint cpus = 0;
    for (guint i = 0; i < out->nodes->len; i++) {
        const SkHostNode *node = out->nodes->pdata[i];
        for (guint j = 0; j < node->cpus->len; j++, cpus++) {
            const SkHostCpu *cpu = node->cpus->pdata[j];
            g_hash_table_add(sockets, GUINT_TO_POINTER(cpu->socket + 1));
            g_hash_table_add(dies, GUINT_TO_POINTER((cpu->socket << 8 | cpu->die) + 1));
            g_hash_table_add(cores, GUINT_TO_POINTER((cpu->socket << 24 | cpu->die << 16 | cpu->core) + 1));
        }
    }
    out->sockets = MAX(g_hash_table_size(sockets), 1);
    out->dies = MAX(g_hash_table_size(dies) / out->sockets, 1);
    out->cores = MAX(g_hash_table_size(cores) / (out->sockets * out->dies), 1);
    out->threads = MAX(cpus / (out->sockets * out->dies * out->cores), 1);
}

static gboolean
has_iommu(const char *root)
{
    g_autofree char *path = sk_host_path(root, "/sys/kernel/iommu_groups");
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    return dir != NULL && g_dir_read_name(dir) != NULL;
}

void
sk_host_fill_capabilities(const char *root, SkCapabilities *out)
{
    g_autofree char *read = sk_host_read(root, "/proc/cpuinfo");
    const char *cpuinfo = read != NULL ? read : "";
    g_autofree char *vendor = sk_cpuinfo_get(cpuinfo, "vendor_id"), *flags = sk_cpuinfo_get(cpuinfo, "flags");
    g_autoptr(SkKvm) kvm = sk_kvm_probe(root);
    out->uuid = host_uuid(root);
    out->cpu_vendor = g_strdup(g_strcmp0(vendor, "AuthenticAMD") == 0 ? "AMD" : g_strcmp0(vendor, "HygonGenuine") == 0 ? "Hygon" : "Intel");
    out->cpu_model = g_strdup(sk_host_cpu_model(g_str_equal(out->cpu_vendor, "Hygon") ? "AMD" : out->cpu_vendor, flags != NULL ? flags : ""));
    out->cpu_features = flags != NULL && *flags != '\0' ? g_strsplit(flags, " ", -1) : NULL;
    out->mhz = sk_host_mhz(root);
    out->nodes = sk_host_nodes(root);
    out->iommu = has_iommu(root);
    out->kvm = kvm->accel == SK_ACCEL_KVM;
    fill_counts(out);
}

/* -- figures ---------------------------------------------------------------------------------------------------------------- */

gboolean
sk_host_cpu_times(const char *root, gint cpu, SkHostCpuTimes *out)
{
    g_autofree char *text = sk_host_read(root, "/proc/stat");
    g_autofree char *key = cpu < 0 ? g_strdup("cpu ") : g_strdup_printf("\ncpu%d ", cpu);
    const char *at = text != NULL ? strstr(text, key) : NULL;
    guint64 ticks[7] = { 0 }, ns = 1000000000ull / (guint64) sysconf(_SC_CLK_TCK);
    if (at == NULL)
        return FALSE;
    char *next = (char *) at + strlen(key);
    for (guint i = 0; i < G_N_ELEMENTS(ticks); i++)
        ticks[i] = g_ascii_strtoull(next, &next, 10);
    /* user nice system idle iowait irq softirq */
    *out = (SkHostCpuTimes){ .user = (ticks[0] + ticks[1]) * ns, .kernel = ticks[2] * ns, .idle = ticks[3] * ns, .iowait = ticks[4] * ns,
                             .interrupts = (ticks[5] + ticks[6]) * ns };
    return TRUE;
}

gboolean
sk_host_free_pages(const char *root, gint node, guint kib, guint64 *out_free)
{
    SkHostMemory memory;
    guint size = (guint) (sysconf(_SC_PAGESIZE) / 1024);
    if (kib == size) {
        if (!sk_host_memory(root, node, &memory))
            return FALSE;
        *out_free = memory.free / (size * 1024);
        return TRUE;
    }
    g_autofree char *dir = pages_dir(root, node);
    gint64 free = number_at(root, -1, "%s/hugepages-%ukB/free_hugepages", dir, kib);
    *out_free = (guint64) MAX(free, 0);
    return free >= 0;
}

static gboolean
write_number(const char *root, const char *path, guint64 value, GError **error)
{
    char text[32];
    g_autofree char *full = sk_host_path(root, path);
    g_auto(SkFd) fd = open(full, O_WRONLY | O_CLOEXEC | O_TRUNC);
    gint length = g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, value);
    if (fd < 0 || write(fd, text, (gsize) length) < 0)
        return sk_fail_errno(error, errno, "cannot write %s to \"%s\"", text, full);
    return TRUE;
}

gboolean
sk_host_set_pages(const char *root, gint node, guint kib, guint64 count, gboolean add, GError **error)
{
    g_autofree char *dir = pages_dir(root, node);
    g_autofree char *path = g_strdup_printf("%s/hugepages-%ukB/nr_hugepages", dir, kib);
    gint64 now = sk_host_read_number(root, path, -1);
    if (now < 0)
        return sk_fail(error, SK_ERROR_INVALID, "the host has no pages of %u KiB that could be set aside", kib);
    guint64 wanted = count + (add ? (guint64) now : 0);
    if (!write_number(root, path, wanted, error))
        return FALSE;
    guint64 got = (guint64) MAX(sk_host_read_number(root, path, 0), 0);
    return got >= wanted || sk_fail(error, SK_ERROR_HOST, "only %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " pages of %u KiB could be set aside", got, wanted, kib);
}

/* -- page merging --------------------------------------------------------------------------------------------------------- */

const SkKsmParameter sk_ksm_parameters[] = {
    { "shm_pages_to_scan", "pages_to_scan", TRUE, FALSE },   { "shm_sleep_millisecs", "sleep_millisecs", TRUE, FALSE },
    { "shm_pages_shared", "pages_shared", FALSE, TRUE },     { "shm_pages_sharing", "pages_sharing", FALSE, TRUE },
    { "shm_pages_unshared", "pages_unshared", FALSE, TRUE }, { "shm_pages_volatile", "pages_volatile", FALSE, TRUE },
    { "shm_full_scans", "full_scans", FALSE, TRUE },         { "shm_merge_across_nodes", "merge_across_nodes", TRUE, FALSE },
};
const guint sk_n_ksm_parameters = G_N_ELEMENTS(sk_ksm_parameters);

gboolean
sk_host_ksm_get(const char *root, const SkKsmParameter *parameter, guint64 *out)
{
    gint64 value = number_at(root, -1, "/sys/kernel/mm/ksm/%s", parameter->file);
    *out = (guint64) MAX(value, 0);
    return value >= 0;
}

gboolean
sk_host_ksm_set(const char *root, const SkKsmParameter *parameter, guint64 value, GError **error)
{
    g_autofree char *path = g_strdup_printf("/sys/kernel/mm/ksm/%s", parameter->file);
    return write_number(root, path, value, error);
}
