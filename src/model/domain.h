/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/cloud-init.h"
#include "model/devices.h"
#include "model/disk.h"
#include "model/extras.h"
#include "model/interface.h"
#include "model/platform.h"
#include "model/resources.h"

/*
 * The definition of a domain (SkDomainSpec), what is known of it at the moment
 * (SkDomainStatus), and the rules of its states. Values; any thread.
 */

/* -- definition ------------------------------------------------------------------------------------ */

typedef enum { SK_ACCEL_AUTO, SK_ACCEL_KVM, SK_ACCEL_TCG, SK_N_ACCELS } SkAccel;
typedef enum { SK_ON_DESTROY, SK_ON_RESTART, SK_ON_PRESERVE, SK_N_ON_ACTIONS } SkOnAction;

typedef struct {
    char *name, *uuid, *title, *description;
    char *genid;            /* a UUID that is another whenever the guest goes on from an earlier moment; NULL: it has none to look at */
    char **tags;
    GHashTable *metadata;   /* namespace to text, kept as it came */
    gint accel;             /* SkAccel */
    char *arch;             /* "x86_64" */
    char *machine;          /* "q35", "pc", "microvm", or pinned: "pc-q35-7.2" */
    char *emulator;         /* path of the QEMU binary; NULL: the host's */
    SkVcpus vcpus;
    SkMemory memory;
    SkCpu cpu;
    SkFirmware firmware;
    SkBoot boot;
    SkClock clock;
    SkPower power;
    gint on_poweroff, on_reboot, on_crash; /* SkOnAction */
    SkFeatures features;
    guint iothreads;
    SkCpuTune cpu_tune;
    SkNumaTune *numa_tune;  /* NULL: anywhere */
    SkMemoryTune memory_tune;
    SkBlockTune block_tune;
    GPtrArray *sysinfo, *fw_cfg; /* SkSysinfoEntry, SkFwCfg */
    char **qemu_args;       /* arguments of QEMU's, as they are; administrators only */
    gboolean autostart;
    gboolean exact;         /* only the devices given: a definition that came as libvirt XML */

    GPtrArray *disks, *controllers, *interfaces, *serials, *consoles, *channels, *graphics, *videos, *inputs,
        *rngs, *sounds, *hostdevs, *filesystems, *parallels, *audios, *redirdevs, *hubs, *smartcards, *shmems, *dimms;
    SkBalloon *balloon;     /* NULL: none */
    SkWatchdog *watchdog;
    SkTpm *tpm;
    SkPanic *panic;
    SkVsock *vsock;
    SkIommu *iommu;
    SkCloudInit *cloud_init;
} SkDomainSpec;

extern const SkEnum sk_accel_enum, sk_on_action_enum;
extern const SkType sk_domain_spec_type;

/* Entries by what names them; NULL if there is none. */
SkDisk *sk_domain_spec_find_disk(const SkDomainSpec *self, const char *target);
/* By MAC, alias, tap or, if text is a number, by place. */
SkInterface *sk_domain_spec_find_interface(const SkDomainSpec *self, const char *text);
/* The first VNC display. */
SkGraphics *sk_domain_spec_find_vnc(const SkDomainSpec *self);

/*
 * Fills in what a definition leaves open so that it never changes by itself later: uuid, MACs, disk
 * targets, maxima, and devices: a serial port, VNC, video, balloon, rng, the agent's channel; if it is .exact a
 * balloon only, and video for its graphics. Idempotent.
 */
void sk_domain_spec_complete(SkDomainSpec *self);

/* Whether a guest would not notice that what is at path (of sk_value_diff()) is another than it was started with: saved, or moved to another host. */
gboolean sk_domain_path_is_hidden(const char *path);
/*
 * Whether a guest that runs with live could go on with wanted without noticing: INVALID names the first setting that it would see. Both completed, with
 * addresses.
 */
gboolean sk_domain_spec_check_visible(const SkDomainSpec *live, const SkDomainSpec *wanted, GError **error);

typedef enum { SK_MACHINE_Q35, SK_MACHINE_PC, SK_MACHINE_MICROVM, SK_MACHINE_OTHER } SkMachineFamily;
SkMachineFamily sk_domain_spec_machine_family(const SkDomainSpec *self);
/* Its machine is the same with every QEMU, or none but the one of its name: not "q35" or "pc". */
gboolean sk_domain_spec_is_pinned(const SkDomainSpec *self);
/* Gives its guest, if it looks, another generation: it goes on from an earlier moment, or beside another of the same past. */
void sk_domain_spec_renew_genid(SkDomainSpec *self);

/* -- state ------------------------------------------------------------------------------------------ */

typedef enum {
    SK_DOMAIN_SHUT_OFF, SK_DOMAIN_RUNNING, SK_DOMAIN_PAUSED, SK_DOMAIN_IN_SHUTDOWN,
    SK_DOMAIN_CRASHED, SK_DOMAIN_PMSUSPENDED, SK_N_DOMAIN_STATES
} SkDomainState;

/* Why it is in its state; libvirt's reason numbers are derived from these by the front door. */
typedef enum {
    SK_REASON_UNKNOWN, SK_REASON_BOOTED, SK_REASON_SHUTDOWN, SK_REASON_DESTROYED, SK_REASON_CRASHED,
    SK_REASON_FAILED, SK_REASON_USER, SK_REASON_IO_ERROR, SK_REASON_WATCHDOG, SK_REASON_STARTING,
    SK_REASON_SNAPSHOT, SK_REASON_MIGRATION, SK_REASON_SAVED, SK_REASON_RESTORED, SK_REASON_PANICKED,
    SK_REASON_DAEMON, SK_N_DOMAIN_REASONS
} SkDomainReason;

/* Verbs whose legality depends on the state. */
typedef enum {
    SK_VERB_START, SK_VERB_SHUTDOWN, SK_VERB_REBOOT, SK_VERB_RESET, SK_VERB_DESTROY, SK_VERB_SUSPEND,
    SK_VERB_RESUME, SK_VERB_ATTACH, SK_VERB_CONSOLE, SK_VERB_AGENT, SK_VERB_RENAME, SK_VERB_DELETE, SK_VERB_SAVE, SK_VERB_LIVE, SK_VERB_MIGRATE, SK_N_DOMAIN_VERBS
} SkDomainVerb;

extern const SkEnum sk_domain_state_enum, sk_domain_reason_enum, sk_domain_verb_enum;

gboolean sk_domain_state_is_active(SkDomainState state);
/* Its guest computes, if perhaps on its way to an end that it was asked for. */
gboolean sk_domain_state_computes(SkDomainState state);
gboolean sk_domain_state_can_follow(SkDomainState from, SkDomainState to);
/* STATE error that names the domain, its state and the verb if it is not legal now. */
gboolean sk_domain_verb_check(SkDomainVerb verb, SkDomainState state, const char *name, GError **error);

/* An address of a guest's interface and where we know it from. */
typedef struct {
    char *mac, *address, *network, *source; /* source: "lease", "agent", "static" */
} SkDomainAddress;

typedef struct {
    gint state, reason;     /* SkDomainState, SkDomainReason */
    guint id;               /* libvirt's number while active, 0 otherwise */
    guint pid;
    gint accel;             /* SkAccel in use while active */
    char *qemu_version;
    gint64 started;         /* microseconds since the epoch; 0 when off */
    gint64 changed;         /* of the last state change */
    char **pending;         /* paths of settings that take effect at the next start */
    GPtrArray *addresses;   /* SkDomainAddress */
    gboolean agent;         /* the guest agent answered lately */
    char **taints;          /* what was done to it past the daemon: "custom-monitor" */
    gboolean persistent;    /* it is defined; FALSE: gone when it is off */
    gboolean saved;         /* its next start goes on from a saved state */
    char *job;              /* id of the changing job that runs, or NULL */
    char *message;          /* last failure, in a sentence, until the next start */
} SkDomainStatus;

/* What list and show give: the definition and the status side by side. */
typedef struct {
    SkDomainSpec spec;      /* keys of the definition are at the top level in JSON: see api docs */
    SkDomainStatus status;
    SkDomainSpec *live;     /* what QEMU runs with, links and sockets included; NULL when off */
    char *etag;
    gint64 created, modified;
} SkDomainView;

/* Figures of one disk, interface and vCPU; counters since the domain's start, times in nanoseconds. */
typedef struct {
    char *target, *path;
    guint64 read_bytes, write_bytes, reads, writes, flushes;
    guint64 read_time, write_time, flush_time;
    guint64 capacity, allocation; /* bytes: what the guest sees, what the image takes up */
} SkDiskStats;

typedef struct {
    char *mac, *link;
    guint64 rx_bytes, rx_packets, rx_errors, rx_dropped; /* from the guest's side */
    guint64 tx_bytes, tx_packets, tx_errors, tx_dropped;
} SkNicStats;

typedef struct {
    guint id;
    gboolean running;       /* FALSE: it waits */
    guint64 time;
    gint cpu;               /* of the host, where it ran last; -1: not known */
} SkVcpuStats;

/* What the guest's balloon driver tells of its memory; bytes. */
typedef struct {
    gint64 updated;         /* seconds since 1970 */
    guint64 swap_in, swap_out, major_faults, minor_faults, unused, available, usable, disk_caches, huge_allocated, huge_failed;
} SkGuestMemory;

typedef enum { SK_DIRTY_RATE_NONE, SK_DIRTY_RATE_MEASURING, SK_DIRTY_RATE_MEASURED, SK_N_DIRTY_RATES } SkDirtyRateState;

/* How fast a guest writes to its memory, from a measurement that was asked for. */
typedef struct {
    gint state;
    gint64 started;         /* seconds since 1970 */
    guint seconds;          /* it takes */
    guint64 rate;           /* bytes a second */
} SkDirtyRate;

/* One running domain's figures. Counters are since its start. */
typedef struct {
    char *name, *uuid;
    gint state;
    gint64 time;                            /* when taken, microseconds since the epoch */
    guint64 cpu_time, cpu_user, cpu_system; /* nanoseconds, all vCPUs and QEMU's threads */
    guint vcpus;
    guint64 memory_assigned, memory_rss, memory_balloon; /* bytes */
    guint64 block_read_bytes, block_write_bytes, block_reads, block_writes;
    guint64 net_rx_bytes, net_tx_bytes, net_rx_packets, net_tx_packets; /* from the guest's side */
    GPtrArray *disks, *interfaces, *cpus;   /* SkDiskStats, SkNicStats, SkVcpuStats; NULL: none */
    SkGuestMemory *guest_memory;            /* NULL: the guest does not tell */
    SkDirtyRate *dirty_rate;                /* NULL: never asked for */
} SkDomainStats;

extern const SkType sk_domain_address_type, sk_domain_status_type, sk_domain_view_type, sk_domain_stats_type, sk_disk_stats_type,
    sk_nic_stats_type, sk_vcpu_stats_type, sk_dirty_rate_type, sk_guest_memory_type;
