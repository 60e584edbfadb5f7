/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of processors, memory and shares of the host. */
#include "model/resources.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define MIB (G_GINT64_CONSTANT(1) << 20)
#define TIB (G_GINT64_CONSTANT(1) << 40)
#define SPARSE .flags = SK_FIELD_SPARSE
#define LIVE .flags = SK_FIELD_LIVE

gboolean
sk_check_cpuset(const char *text, const char *what, GError **error)
{
    if (strlen(text) <= 512 && g_regex_match_simple("^\\^?[0-9]{1,4}(-[0-9]{1,4})?(,\\^?[0-9]{1,4}(-[0-9]{1,4})?)*\\z", text, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a list of numbers and ranges such as 0-3,^2,8", what, text);
}

/* -- vCPUs ---------------------------------------------------------------------------------------------------- */

static const SkField vcpus_fields[] = {
    SK_FIELD(SkVcpus, current, UINT, "vCPUs plugged in", .xml = "~@current", .def = "1", .min = 1, .max = 512, LIVE),
    SK_FIELD(SkVcpus, maximum, UINT, "vCPUs that can be plugged in, 0 for no more", .xml = "~.", .min = 0, .max = 512),
    SK_FIELD(SkVcpus, sockets, UINT, "sockets, 0 for one a vCPU", .xml = "~cpu/topology/@sockets", .min = 0, .max = 512, SPARSE),
    SK_FIELD(SkVcpus, dies, UINT, "dies a socket", .xml = "~cpu/topology/@dies", .min = 0, .max = 512, SPARSE),
    SK_FIELD(SkVcpus, cores, UINT, "cores a socket or die", .xml = "~cpu/topology/@cores", .min = 0, .max = 512, SPARSE),
    SK_FIELD(SkVcpus, threads, UINT, "threads a core", .xml = "~cpu/topology/@threads", .min = 0, .max = 512, SPARSE),
    SK_FIELD(SkVcpus, cpuset, STRING, "CPUs of the host that vCPUs may run on, as in 0-3,^2", .xml = "~@cpuset", .check = sk_check_cpuset, SPARSE),
};

static gboolean
check_vcpus(gconstpointer value, GError **error)
{
    const SkVcpus *self = value;
    guint maximum = MAX(self->maximum, self->current);
    if (self->maximum > 0 && self->current > self->maximum)
        return sk_fail(error, SK_ERROR_INVALID, "current is %u, more than the maximum of %u", self->current, self->maximum);
    if (self->sockets == 0 && self->dies == 0 && self->cores == 0 && self->threads == 0)
        return TRUE;
    guint64 product = (guint64) MAX(self->sockets, 1) * MAX(self->dies, 1) * MAX(self->cores, 1) * MAX(self->threads, 1);
    if (product != maximum)
        return sk_fail(error, SK_ERROR_INVALID, "topology makes %" G_GUINT64_FORMAT " vCPUs, but the maximum is %u", product, maximum);
    return TRUE;
}
SK_TYPE(sk_vcpus_type, SkVcpus, "Vcpus", "vcpus", vcpus_fields, "number and topology of vCPUs", .xml = "vcpu", .check = check_vcpus);

/* -- memory ------------------------------------------------------------------------------------------------------ */

static const SkEnumName memory_source_names[] = { { "anonymous" }, { "memfd" }, { "file", NULL, "as memfd here: there is no file to be seen" } };
SK_ENUM_TABLE(sk_memory_source_enum, "memory source", memory_source_names, SK_N_MEMORY_SOURCES);

static const SkField memory_fields[] = {
    SK_FIELD(SkMemory, current, SIZE, "memory the guest has now (balloon target)", .xml = "~currentMemory", .def = "512M", .min = MIB, .max = 64 * TIB, LIVE),
    SK_FIELD(SkMemory, maximum, SIZE, "memory the guest is built with, 0 for the same", .xml = "~memory", .min = 0, .max = 64 * TIB),
    SK_FIELD(SkMemory, limit, SIZE, "memory that can be plugged in up to, 0 for none", .xml = "~maxMemory", .min = 0, .max = 64 * TIB, SPARSE),
    SK_FIELD(SkMemory, slots, UINT, "DIMM slots to plug into", .xml = "~maxMemory/@slots", .min = 0, .max = 256, SPARSE),
    SK_FIELD(SkMemory, hugepage_size, SIZE, "size of huge pages to use, 0 for none", .xml = "~hugepages/page/@size", SPARSE),
    SK_FIELD(SkMemory, locked, BOOL, "never swapped out", .xml = "locked", SPARSE),
    SK_FIELD(SkMemory, shared, BOOL, "shared mapping (virtiofs needs it)", .xml = "~access/@mode", SPARSE),
    SK_FIELD(SkMemory, source, ENUM, "what it is mapped from", .xml = "source/@type", .names = &sk_memory_source_enum, SPARSE),
    SK_FIELD(SkMemory, no_merge, BOOL, "the host does not share equal pages", .xml = "nosharepages", SPARSE),
    SK_FIELD(SkMemory, prealloc, BOOL, "all of it is taken at start", .xml = "~allocation/@mode", SPARSE),
    SK_FIELD(SkMemory, discard, BOOL, "its content is thrown away at the end rather than written", .xml = "discard", SPARSE),
};

static gboolean
check_memory(gconstpointer value, GError **error)
{
    const SkMemory *self = value;
    if (self->maximum > 0 && self->current > self->maximum)
        return sk_fail(error, SK_ERROR_INVALID, "current is %" G_GUINT64_FORMAT ", more than the maximum of %" G_GUINT64_FORMAT, self->current, self->maximum);
    if (self->limit > 0 && self->limit < MAX(self->maximum, self->current))
        return sk_fail(error, SK_ERROR_INVALID, "limit is below the maximum");
    if ((self->limit > 0) != (self->slots > 0))
        return sk_fail(error, SK_ERROR_INVALID, "limit and slots go together: both or none");
    if (self->hugepage_size & (self->hugepage_size - 1))
        return sk_fail(error, SK_ERROR_INVALID, "hugepage_size is not a power of two, give 2M or 1G");
    return TRUE;
}
SK_TYPE(sk_memory_type, SkMemory, "Memory", "memory", memory_fields, "memory of a domain", .xml = "memory", .check = check_memory);

/* -- CPU model ----------------------------------------------------------------------------------------------------- */

static const SkEnumName cpu_mode_names[] = { { "default", NULL, "host-model under KVM, maximum under TCG" }, { "host-model" },
                                             { "host-passthrough" }, { "maximum" }, { "custom" } };
static const SkEnumName cpu_policy_names[] = { { "require" }, { "disable" }, { "force" }, { "optional" }, { "forbid" } };
static const SkEnumName match_names[] = { { "default" }, { "minimum" }, { "exact" }, { "strict" } };
static const SkEnumName check_names[] = { { "default" }, { "none" }, { "partial" }, { "full" } };
static const SkEnumName fallback_names[] = { { "default" }, { "allow" }, { "forbid" } };
static const SkEnumName cache_names[] = { { "emulate" }, { "passthrough" }, { "disable" } };
static const SkEnumName phys_names[] = { { "passthrough" }, { "emulate" } };
SK_ENUM_TABLE(sk_cpu_mode_enum, "CPU mode", cpu_mode_names, SK_N_CPU_MODES);
SK_ENUM_TABLE(sk_cpu_policy_enum, "CPU feature policy", cpu_policy_names, SK_N_CPU_POLICIES);
SK_ENUM_TABLE(sk_cpu_match_enum, "CPU match", match_names, SK_N_CPU_MATCHES);
SK_ENUM_TABLE(sk_cpu_check_enum, "CPU check", check_names, SK_N_CPU_CHECKS);
SK_ENUM_TABLE(sk_cpu_fallback_enum, "CPU fallback", fallback_names, SK_N_CPU_FALLBACKS);
SK_ENUM_TABLE(sk_cpu_cache_enum, "CPU cache mode", cache_names, SK_N_CPU_CACHES);
SK_ENUM_TABLE(sk_phys_mode_enum, "address width mode", phys_names, SK_N_PHYS_MODES);

static gboolean
check_cpu_word(const char *text, const char *what, GError **error)
{
    if (g_regex_match_simple("^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\\z", text, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a CPU model or feature", what, text);
}

static const SkField cpu_feature_fields[] = {
    SK_FIELD(SkCpuFeature, name, STRING, "feature flag", .xml = "@name", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = check_cpu_word),
    SK_FIELD(SkCpuFeature, policy, ENUM, "wanted or not", .xml = "@policy", .names = &sk_cpu_policy_enum),
};
SK_TYPE(sk_cpu_feature_type, SkCpuFeature, "CpuFeature", "CPU feature", cpu_feature_fields, "a CPU feature", .xml = "feature");

static const SkField cpu_cache_fields[] = {
    SK_FIELD(SkCpuCache, level, UINT, "3, or 0", .xml = "@level", .min = 0, .max = 3, SPARSE),
    SK_FIELD(SkCpuCache, mode, ENUM, "what the guest sees of the CPU's cache", .xml = "@mode", .names = &sk_cpu_cache_enum),
};
SK_TYPE(sk_cpu_cache_type, SkCpuCache, "CpuCache", "CPU cache", cpu_cache_fields, "the cache that the guest sees", .xml = "cache");

static const SkField phys_bits_fields[] = {
    SK_FIELD(SkPhysBits, mode, ENUM, "the host's, or bits", .xml = "@mode", .names = &sk_phys_mode_enum),
    SK_FIELD(SkPhysBits, bits, UINT, "bits of a physical address (mode emulate)", .xml = "@bits", .min = 32, .max = 52, SPARSE),
};
SK_TYPE(sk_phys_bits_type, SkPhysBits, "PhysBits", "address width", phys_bits_fields, "width of physical addresses", .xml = "maxphysaddr");

static const SkField numa_cell_fields[] = {
    SK_FIELD(SkNumaCell, id, UINT, "number of the node", .xml = "@id", .min = 0, .max = 127, .flags = SK_FIELD_KEY),
    SK_FIELD(SkNumaCell, cpus, STRING, "its vCPUs, as in 0-1,4", .xml = "@cpus", .check = sk_check_cpuset),
    SK_FIELD(SkNumaCell, memory, SIZE, "its memory", .xml = "~@memory", .min = MIB, .max = 64 * TIB),
};
SK_TYPE(sk_numa_cell_type, SkNumaCell, "NumaCell", "NUMA node", numa_cell_fields, "a NUMA node of the guest", .xml = "cell");

static const SkField cpu_fields[] = {
    SK_FIELD(SkCpu, mode, ENUM, "how the CPU model is chosen", .xml = "@mode", .names = &sk_cpu_mode_enum),
    SK_FIELD(SkCpu, match, ENUM, "how the host must match", .xml = "@match", .names = &sk_cpu_match_enum, SPARSE),
    SK_FIELD(SkCpu, check, ENUM, "how that is checked", .xml = "@check", .names = &sk_cpu_check_enum, SPARSE),
    SK_FIELD(SkCpu, migratable, ENUM, "without features that cannot migrate", .xml = "@migratable", .names = &sk_switch_enum, SPARSE),
    SK_FIELD(SkCpu, model, STRING, "CPU model (mode custom)", .xml = "model", .check = check_cpu_word),
    SK_FIELD(SkCpu, fallback, ENUM, "may a near model be taken", .xml = "~model/@fallback", .names = &sk_cpu_fallback_enum, SPARSE),
    SK_FIELD(SkCpu, vendor_id, STRING, "vendor id that the guest sees, 12 characters", .xml = "model/@vendor_id", .min = 12, .max = 12, .check = check_cpu_word),
    SK_FIELD(SkCpu, vendor, STRING, "vendor that the host's CPU must have", .xml = "vendor", .check = check_cpu_word),
    SK_FIELD(SkCpu, cache, OPTIONAL, "cache that the guest sees", .xml = "cache", .type = &sk_cpu_cache_type),
    SK_FIELD(SkCpu, phys_bits, OPTIONAL, "width of physical addresses", .xml = "maxphysaddr", .type = &sk_phys_bits_type),
    SK_FIELD(SkCpu, features, LIST, "features on top", .xml = "feature", .type = &sk_cpu_feature_type, .max = 256),
    SK_FIELD(SkCpu, cells, LIST, "NUMA nodes of the guest", .xml = "~numa/cell", .type = &sk_numa_cell_type, .max = 64, SPARSE),
};

static gboolean
check_cpu(gconstpointer value, GError **error)
{
    const SkCpu *self = value;
    if ((self->mode == SK_CPU_CUSTOM) == (self->model != NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "mode custom and model go together: both or none");
}
SK_TYPE(sk_cpu_type, SkCpu, "Cpu", "cpu", cpu_fields, "the CPU the guest sees", .xml = "cpu", .check = check_cpu);

/* -- shares of the host ----------------------------------------------------------------------------------------------- */

static const SkField pin_fields[] = {
    SK_FIELD(SkPin, id, UINT, "number of the vCPU or iothread", .xml = "~@vcpu", .min = 0, .max = 511, .flags = SK_FIELD_KEY),
    SK_FIELD(SkPin, cpuset, STRING, "CPUs of the host it may run on", .xml = "@cpuset", .flags = SK_FIELD_REQUIRED, .check = sk_check_cpuset),
};
SK_TYPE(sk_pin_type, SkPin, "Pin", "pin", pin_fields, "where a thread may run", .xml = "vcpupin");

#define PERIOD(member, help, xml_) SK_FIELD(SkCpuTune, member, UINT64, help, .xml = xml_, .min = 1000, .max = 1000000, SPARSE)
#define QUOTA(member, help, xml_) SK_FIELD(SkCpuTune, member, INT64, help, .xml = xml_, .min = -1, .max = G_GINT64_CONSTANT(17592186044415), SPARSE)

static const SkField cpu_tune_fields[] = {
    SK_FIELD(SkCpuTune, shares, UINT, "weight against other domains, 0 for the usual", .xml = "shares", .min = 2, .max = 262144, SPARSE),
    PERIOD(period, "microseconds of a vCPU's period", "period"),
    QUOTA(quota, "microseconds each vCPU may run in it, below 0 for all", "quota"),
    PERIOD(global_period, "microseconds of the domain's period", "global_period"),
    QUOTA(global_quota, "microseconds the domain may run in it", "global_quota"),
    PERIOD(emulator_period, "microseconds of QEMU's own threads' period", "emulator_period"),
    QUOTA(emulator_quota, "microseconds they may run in it", "emulator_quota"),
    PERIOD(iothread_period, "microseconds of an iothread's period", "iothread_period"),
    QUOTA(iothread_quota, "microseconds each may run in it", "iothread_quota"),
    SK_FIELD(SkCpuTune, vcpu_pins, LIST, "where vCPUs may run", .xml = "~vcpupin", .type = &sk_pin_type, .max = 512, SPARSE),
    SK_FIELD(SkCpuTune, emulator_pin, STRING, "where QEMU's own threads may run", .xml = "emulatorpin/@cpuset", .check = sk_check_cpuset, SPARSE),
    SK_FIELD(SkCpuTune, iothread_pins, LIST, "where iothreads may run", .xml = "~iothreadpin", .type = &sk_pin_type, .max = 64, SPARSE),
};
SK_TYPE(sk_cpu_tune_type, SkCpuTune, "CpuTune", "CPU tuning", cpu_tune_fields, "how much of the host's CPUs", .xml = "cputune");

static const SkEnumName numa_mode_names[] = { { "strict" }, { "preferred" }, { "interleave" } };
SK_ENUM_TABLE(sk_numa_mode_enum, "NUMA mode", numa_mode_names, SK_N_NUMA_MODES);

static const SkField numa_tune_fields[] = {
    SK_FIELD(SkNumaTune, mode, ENUM, "how the nodes are used", .xml = "memory/@mode", .names = &sk_numa_mode_enum),
    SK_FIELD(SkNumaTune, nodes, STRING, "nodes of the host that memory comes from", .xml = "memory/@nodeset", .check = sk_check_cpuset, .flags = SK_FIELD_REQUIRED),
};
SK_TYPE(sk_numa_tune_type, SkNumaTune, "NumaTune", "NUMA tuning", numa_tune_fields, "where on the host memory comes from", .xml = "numatune");

static const SkField memory_tune_fields[] = {
    SK_FIELD(SkMemoryTune, hard_limit, SIZE, "memory of the host that QEMU may use, 0 for no limit", .xml = "hard_limit|unit", SPARSE),
    SK_FIELD(SkMemoryTune, soft_limit, SIZE, "the same when the host is short of it", .xml = "soft_limit|unit", SPARSE),
    SK_FIELD(SkMemoryTune, swap_limit, SIZE, "memory and swap together", .xml = "swap_hard_limit|unit", SPARSE),
};
SK_TYPE(sk_memory_tune_type, SkMemoryTune, "MemoryTune", "memory tuning", memory_tune_fields, "how much of the host's memory", .xml = "memtune");

static const SkField block_device_fields[] = {
    SK_FIELD(SkBlockTuneDevice, path, STRING, "block device of the host", .xml = "path", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = sk_check_path),
    SK_FIELD(SkBlockTuneDevice, weight, UINT, "weight against other domains", .xml = "weight", .min = 10, .max = 1000, SPARSE),
    SK_FIELD(SkBlockTuneDevice, read_bytes_sec, SIZE, "bytes a second, reading", .xml = "read_bytes_sec", SPARSE),
    SK_FIELD(SkBlockTuneDevice, write_bytes_sec, SIZE, "bytes a second, writing", .xml = "write_bytes_sec", SPARSE),
    SK_FIELD(SkBlockTuneDevice, read_iops_sec, UINT64, "reads a second", .xml = "read_iops_sec", SPARSE),
    SK_FIELD(SkBlockTuneDevice, write_iops_sec, UINT64, "writes a second", .xml = "write_iops_sec", SPARSE),
};
SK_TYPE(sk_block_tune_device_type, SkBlockTuneDevice, "BlockTuneDevice", "block device", block_device_fields, "a block device of the host", .xml = "device");

static const SkField block_tune_fields[] = {
    SK_FIELD(SkBlockTune, weight, UINT, "weight against other domains, 0 for the usual", .xml = "weight", .min = 10, .max = 1000, SPARSE),
    SK_FIELD(SkBlockTune, devices, LIST, "devices of the host", .xml = "device", .type = &sk_block_tune_device_type, .max = 32, SPARSE),
};
SK_TYPE(sk_block_tune_type, SkBlockTune, "BlockTune", "block tuning", block_tune_fields, "how much of the host's block I/O", .xml = "blkiotune");
