/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/switch.h"

/* Processors and memory of a domain, and how much of the host's they may use. Values; any thread. */

typedef enum { SK_CPU_DEFAULT, SK_CPU_HOST_MODEL, SK_CPU_HOST_PASSTHROUGH, SK_CPU_MAXIMUM, SK_CPU_CUSTOM, SK_N_CPU_MODES } SkCpuMode;
typedef enum { SK_CPU_REQUIRE, SK_CPU_DISABLE, SK_CPU_FORCE, SK_CPU_OPTIONAL, SK_CPU_FORBID, SK_N_CPU_POLICIES } SkCpuPolicy;
typedef enum { SK_MATCH_DEFAULT, SK_MATCH_MINIMUM, SK_MATCH_EXACT, SK_MATCH_STRICT, SK_N_CPU_MATCHES } SkCpuMatch;
typedef enum { SK_CHECK_DEFAULT, SK_CHECK_NONE, SK_CHECK_PARTIAL, SK_CHECK_FULL, SK_N_CPU_CHECKS } SkCpuCheck;
typedef enum { SK_FALLBACK_DEFAULT, SK_FALLBACK_ALLOW, SK_FALLBACK_FORBID, SK_N_CPU_FALLBACKS } SkCpuFallback;
typedef enum { SK_CPU_CACHE_EMULATE, SK_CPU_CACHE_PASSTHROUGH, SK_CPU_CACHE_DISABLE, SK_N_CPU_CACHES } SkCpuCacheMode;
typedef enum { SK_PHYS_PASSTHROUGH, SK_PHYS_EMULATE, SK_N_PHYS_MODES } SkPhysMode;

/* -- processors -------------------------------------------------------------------------------------------- */

typedef struct {
    guint current, maximum;         /* maximum 0: the same */
    guint sockets, dies, cores, threads;  /* 0: each vCPU a socket of its own */
    char *cpuset;                   /* "0-3,^2": CPUs of the host that vCPUs may run on; NULL: all */
} SkVcpus;

typedef struct { char *name; gint policy; } SkCpuFeature;

typedef struct {
    gint mode;              /* SkCpuCacheMode */
    guint level;            /* 3, or 0 */
} SkCpuCache;

/* Width of physical addresses. */
typedef struct {
    gint mode;              /* SkPhysMode */
    guint bits;
} SkPhysBits;

typedef struct {
    guint id;
    char *cpus;             /* "0-1,4": vCPUs */
    guint64 memory;         /* bytes */
} SkNumaCell;

typedef struct {
    gint mode;              /* SkCpuMode; DEFAULT: host-model under KVM, max under TCG */
    char *model;            /* mode custom */
    gint match, check, fallback; /* SkCpuMatch, SkCpuCheck, SkCpuFallback */
    gint migratable;        /* SkSwitch; host-passthrough, maximum */
    char *vendor_id;        /* that the guest sees */
    char *vendor;           /* that the host's CPU must have */
    GPtrArray *features;    /* SkCpuFeature */
    SkCpuCache *cache;      /* NULL: the model's */
    SkPhysBits *phys_bits;
    GPtrArray *cells;       /* SkNumaCell */
} SkCpu;

/* -- memory ---------------------------------------------------------------------------------------------------- */

typedef enum { SK_MEMORY_ANONYMOUS, SK_MEMORY_MEMFD, SK_MEMORY_FILE, SK_N_MEMORY_SOURCES } SkMemorySource;

typedef struct {
    guint64 current;        /* bytes: balloon target */
    guint64 maximum;        /* bytes the guest is built with; 0: the same */
    guint64 limit;          /* bytes up to which memory can be plugged in; 0: none */
    guint slots;            /* DIMM slots for that */
    guint64 hugepage_size;  /* 0: no huge pages */
    gboolean locked, shared;
    gint source;            /* SkMemorySource */
    gboolean no_merge;      /* KSM leaves its pages alone */
    gboolean prealloc, discard;
} SkMemory;

/* -- shares of the host -------------------------------------------------------------------------------------------- */

/* Where one thread may run. */
typedef struct {
    guint id;               /* of the vCPU or iothread */
    char *cpuset;
} SkPin;

typedef struct {
    guint shares;           /* weight against other domains; 0: the usual */
    guint64 period, global_period, emulator_period, iothread_period; /* microseconds; 0: the usual */
    gint64 quota, global_quota, emulator_quota, iothread_quota;      /* microseconds of a period; below 0: no limit */
    GPtrArray *vcpu_pins, *iothread_pins; /* SkPin */
    char *emulator_pin;
} SkCpuTune;

typedef enum { SK_NUMA_STRICT, SK_NUMA_PREFERRED, SK_NUMA_INTERLEAVE, SK_N_NUMA_MODES } SkNumaMode;

typedef struct {
    gint mode;              /* SkNumaMode */
    char *nodes;            /* "0-1": nodes of the host */
} SkNumaTune;

typedef struct {
    guint64 hard_limit, soft_limit, swap_limit; /* bytes; 0: none */
} SkMemoryTune;

/* One device of the host under the domain's disks. */
typedef struct {
    char *path;
    guint weight;
    guint64 read_bytes_sec, write_bytes_sec, read_iops_sec, write_iops_sec;
} SkBlockTuneDevice;

typedef struct {
    guint weight;           /* 0: the usual */
    GPtrArray *devices;     /* SkBlockTuneDevice */
} SkBlockTune;

extern const SkEnum sk_cpu_mode_enum, sk_cpu_policy_enum, sk_cpu_match_enum, sk_cpu_check_enum, sk_cpu_fallback_enum, sk_cpu_cache_enum,
    sk_phys_mode_enum, sk_memory_source_enum, sk_numa_mode_enum;
extern const SkType sk_vcpus_type, sk_cpu_feature_type, sk_cpu_cache_type, sk_phys_bits_type, sk_numa_cell_type, sk_cpu_type, sk_memory_type,
    sk_pin_type, sk_cpu_tune_type, sk_numa_tune_type, sk_memory_tune_type, sk_block_tune_device_type, sk_block_tune_type;

/* SkFieldCheck: a list of numbers and ranges as in "0-3,^2,8". */
gboolean sk_check_cpuset(const char *text, const char *what, GError **error);
