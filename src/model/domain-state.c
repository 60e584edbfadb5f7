/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* States of a domain: which may follow which, which verbs are legal when; status, view, figures. */
#include "base/error.h"
#include "model/domain.h"

static const SkEnumName state_names[] = { { "shut off", "shut off" }, { "running" }, { "paused" },
                                          { "in shutdown" }, { "crashed" }, { "pmsuspended" } };
static const SkEnumName reason_names[] = {
    { "unknown" }, { "booted" }, { "shutdown" }, { "destroyed" }, { "crashed" }, { "failed" }, { "user" }, { "io-error" },
    { "watchdog" }, { "starting" }, { "snapshot" }, { "migration" }, { "saved" }, { "restored" }, { "panicked" }, { "daemon" },
};
static const SkEnumName verb_names[] = { { "start" }, { "shut down" }, { "reboot" }, { "reset" }, { "destroy" }, { "suspend" },
                                         { "resume" }, { "change the devices of" }, { "open the console of" },
                                         { "ask the agent of" }, { "rename" }, { "delete" }, { "save" }, { "do that to" }, { "migrate" } };
SK_ENUM_TABLE(sk_domain_state_enum, "domain state", state_names, SK_N_DOMAIN_STATES);
SK_ENUM_TABLE(sk_domain_reason_enum, "reason", reason_names, SK_N_DOMAIN_REASONS);
SK_ENUM_TABLE(sk_domain_verb_enum, "verb", verb_names, SK_N_DOMAIN_VERBS);

/* [from][to]; columns: shut off, running, paused, in shutdown, crashed, pmsuspended */
static const gboolean may_follow[SK_N_DOMAIN_STATES][SK_N_DOMAIN_STATES] = {
    [SK_DOMAIN_SHUT_OFF] = { 1, 1, 1, 0, 0, 0 },
    [SK_DOMAIN_RUNNING] = { 1, 1, 1, 1, 1, 1 },
    [SK_DOMAIN_PAUSED] = { 1, 1, 1, 0, 1, 0 },
    [SK_DOMAIN_IN_SHUTDOWN] = { 1, 1, 1, 1, 1, 0 },
    [SK_DOMAIN_CRASHED] = { 1, 1, 0, 0, 1, 0 },
    [SK_DOMAIN_PMSUSPENDED] = { 1, 1, 0, 0, 1, 1 },
};

/* [verb][state]; columns as above */
static const gboolean may_do[SK_N_DOMAIN_VERBS][SK_N_DOMAIN_STATES] = {
    [SK_VERB_START] = { 1, 0, 0, 0, 0, 0 },
    [SK_VERB_SHUTDOWN] = { 0, 1, 0, 1, 0, 0 },
    [SK_VERB_REBOOT] = { 0, 1, 0, 1, 0, 0 },
    [SK_VERB_RESET] = { 0, 1, 1, 1, 1, 1 },
    [SK_VERB_DESTROY] = { 0, 1, 1, 1, 1, 1 },
    [SK_VERB_SUSPEND] = { 0, 1, 0, 1, 0, 0 },
    [SK_VERB_RESUME] = { 0, 0, 1, 0, 0, 1 },
    [SK_VERB_ATTACH] = { 1, 1, 1, 1, 0, 0 },
    [SK_VERB_CONSOLE] = { 1, 1, 1, 1, 1, 1 },
    [SK_VERB_AGENT] = { 0, 1, 0, 1, 0, 0 },
    [SK_VERB_RENAME] = { 1, 0, 0, 0, 0, 0 },
    [SK_VERB_DELETE] = { 1, 0, 0, 0, 0, 0 },
    [SK_VERB_SAVE] = { 0, 1, 1, 1, 0, 0 },
    [SK_VERB_LIVE] = { 0, 1, 1, 1, 1, 1 },
    [SK_VERB_MIGRATE] = { 0, 1, 1, 1, 0, 0 },
};

gboolean
sk_domain_state_is_active(SkDomainState state)
{
    return state != SK_DOMAIN_SHUT_OFF;
}

gboolean
sk_domain_state_computes(SkDomainState state)
{
    return state == SK_DOMAIN_RUNNING || state == SK_DOMAIN_IN_SHUTDOWN;
}

gboolean
sk_domain_state_can_follow(SkDomainState from, SkDomainState to)
{
    return may_follow[from][to];
}

/* Scripts look for these words of libvirt's drivers, so sentences begin with them. */
static const char *
known_words(SkDomainVerb verb, SkDomainState state)
{
    if (verb == SK_VERB_START)
        return "domain is already running: ";
    return state == SK_DOMAIN_SHUT_OFF ? "domain is not running: " : "";
}

gboolean
sk_domain_verb_check(SkDomainVerb verb, SkDomainState state, const char *name, GError **error)
{
    if (may_do[verb][state])
        return TRUE;
    return sk_fail(error, SK_ERROR_STATE, "%scannot %s domain \"%s\" while it is %s", known_words(verb, state),
                   sk_enum_name(&sk_domain_verb_enum, (gint) verb), name, sk_enum_name(&sk_domain_state_enum, (gint) state));
}

/* -- status, view, figures ----------------------------------------------------------------------------------- */

static const SkField address_fields[] = {
    SK_FIELD(SkDomainAddress, mac, STRING, "MAC address of the interface"),
    SK_FIELD(SkDomainAddress, address, STRING, "IP address"),
    SK_FIELD(SkDomainAddress, network, STRING, "network it is on"),
    SK_FIELD(SkDomainAddress, source, STRING, "lease, agent or static"),
};
SK_TYPE(sk_domain_address_type, SkDomainAddress, "DomainAddress", "address", address_fields, "an address of the guest");

static const SkField status_fields[] = {
    SK_FIELD(SkDomainStatus, state, ENUM, "state", .names = &sk_domain_state_enum),
    SK_FIELD(SkDomainStatus, reason, ENUM, "why it is in that state", .names = &sk_domain_reason_enum),
    SK_FIELD(SkDomainStatus, id, UINT, "number while active", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, pid, UINT, "process of QEMU", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, accel, ENUM, "accelerator in use", .names = &sk_accel_enum, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, qemu_version, STRING, "version of the QEMU it runs on"),
    SK_FIELD(SkDomainStatus, started, INT64, "start, microseconds since 1970", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, changed, INT64, "last change of state, microseconds since 1970", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, pending, STRV, "settings that take effect at the next start"),
    SK_FIELD(SkDomainStatus, addresses, LIST, "addresses of the guest", .type = &sk_domain_address_type),
    SK_FIELD(SkDomainStatus, agent, BOOL, "the guest agent answers", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, taints, STRV, "what was done to it past the daemon, which may not know its effects", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, persistent, BOOL, "is defined; FALSE: gone when it is off"),
    SK_FIELD(SkDomainStatus, saved, BOOL, "its next start goes on from a saved state", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainStatus, job, STRING, "the changing job that runs"),
    SK_FIELD(SkDomainStatus, message, STRING, "the last failure"),
};
SK_TYPE(sk_domain_status_type, SkDomainStatus, "DomainStatus", "domain status", status_fields, "what is known of a domain at the moment");

static const SkField view_fields[] = {
    SK_FIELD(SkDomainView, spec, STRUCT, "definition", .type = &sk_domain_spec_type),
    SK_FIELD(SkDomainView, status, STRUCT, "status", .type = &sk_domain_status_type),
    SK_FIELD(SkDomainView, live, OPTIONAL, "what runs now, with links and sockets; while active", .type = &sk_domain_spec_type),
    SK_FIELD(SkDomainView, etag, STRING, "changes with every change of the definition"),
    SK_FIELD(SkDomainView, created, INT64, "microseconds since 1970"),
    SK_FIELD(SkDomainView, modified, INT64, "microseconds since 1970"),
};
SK_TYPE(sk_domain_view_type, SkDomainView, "DomainView", "domain", view_fields, "a domain: definition and status");

static const SkField disk_stats_fields[] = {
    SK_FIELD(SkDiskStats, target, STRING, "target"),
    SK_FIELD(SkDiskStats, path, STRING, "image"),
    SK_FIELD(SkDiskStats, read_bytes, UINT64, "bytes read"),
    SK_FIELD(SkDiskStats, write_bytes, UINT64, "bytes written"),
    SK_FIELD(SkDiskStats, reads, UINT64, "read operations"),
    SK_FIELD(SkDiskStats, writes, UINT64, "write operations"),
    SK_FIELD(SkDiskStats, flushes, UINT64, "flushes"),
    SK_FIELD(SkDiskStats, read_time, UINT64, "time that reads took, nanoseconds"),
    SK_FIELD(SkDiskStats, write_time, UINT64, "time that writes took, nanoseconds"),
    SK_FIELD(SkDiskStats, flush_time, UINT64, "time that flushes took, nanoseconds"),
    SK_FIELD(SkDiskStats, capacity, UINT64, "bytes that the guest sees"),
    SK_FIELD(SkDiskStats, allocation, UINT64, "bytes that the image takes up"),
};
SK_TYPE(sk_disk_stats_type, SkDiskStats, "DiskStats", "disk statistics", disk_stats_fields, "figures of a disk");

static const SkField nic_stats_fields[] = {
    SK_FIELD(SkNicStats, mac, STRING, "MAC address"),
    SK_FIELD(SkNicStats, link, STRING, "link on the host"),
    SK_FIELD(SkNicStats, rx_bytes, UINT64, "bytes received by the guest"),
    SK_FIELD(SkNicStats, rx_packets, UINT64, "packets received"),
    SK_FIELD(SkNicStats, rx_errors, UINT64, "errors in receiving"),
    SK_FIELD(SkNicStats, rx_dropped, UINT64, "packets lost on the way to the guest"),
    SK_FIELD(SkNicStats, tx_bytes, UINT64, "bytes sent by the guest"),
    SK_FIELD(SkNicStats, tx_packets, UINT64, "packets sent"),
    SK_FIELD(SkNicStats, tx_errors, UINT64, "errors in sending"),
    SK_FIELD(SkNicStats, tx_dropped, UINT64, "packets lost on the way from the guest"),
};
SK_TYPE(sk_nic_stats_type, SkNicStats, "NicStats", "interface statistics", nic_stats_fields, "figures of an interface");

static const SkField vcpu_stats_fields[] = {
    SK_FIELD(SkVcpuStats, id, UINT, "number"),
    SK_FIELD(SkVcpuStats, running, BOOL, "it computes; else it waits"),
    SK_FIELD(SkVcpuStats, time, UINT64, "CPU time used, nanoseconds"),
    SK_FIELD(SkVcpuStats, cpu, INT, "CPU of the host where it ran last, -1: not known"),
};
SK_TYPE(sk_vcpu_stats_type, SkVcpuStats, "VcpuStats", "vCPU statistics", vcpu_stats_fields, "figures of a vCPU");

static const SkField guest_memory_fields[] = {
    SK_FIELD(SkGuestMemory, updated, INT64, "when the guest told, seconds since 1970"),
    SK_FIELD(SkGuestMemory, swap_in, UINT64, "bytes swapped in"),
    SK_FIELD(SkGuestMemory, swap_out, UINT64, "bytes swapped out"),
    SK_FIELD(SkGuestMemory, major_faults, UINT64, "page faults that read from a disk"),
    SK_FIELD(SkGuestMemory, minor_faults, UINT64, "other page faults"),
    SK_FIELD(SkGuestMemory, unused, UINT64, "bytes that nothing uses"),
    SK_FIELD(SkGuestMemory, available, UINT64, "bytes the guest's system has"),
    SK_FIELD(SkGuestMemory, usable, UINT64, "bytes that can be had without swapping"),
    SK_FIELD(SkGuestMemory, disk_caches, UINT64, "bytes of caches"),
    SK_FIELD(SkGuestMemory, huge_allocated, UINT64, "huge pages allocated"),
    SK_FIELD(SkGuestMemory, huge_failed, UINT64, "huge pages that could not be had"),
};
SK_TYPE(sk_guest_memory_type, SkGuestMemory, "GuestMemory", "guest memory", guest_memory_fields, "what a guest tells of its memory");

static const SkEnumName dirty_rate_names[] = { { "none" }, { "measuring" }, { "measured" } };
SK_ENUM_TABLE(sk_dirty_rate_enum, "measurement", dirty_rate_names, SK_N_DIRTY_RATES);

static const SkField dirty_rate_fields[] = {
    SK_FIELD(SkDirtyRate, state, ENUM, "how far the measurement is", .names = &sk_dirty_rate_enum),
    SK_FIELD(SkDirtyRate, started, INT64, "when it began, seconds since 1970"),
    SK_FIELD(SkDirtyRate, seconds, UINT, "seconds it takes"),
    SK_FIELD(SkDirtyRate, rate, UINT64, "bytes of memory that the guest wrote to a second"),
};
SK_TYPE(sk_dirty_rate_type, SkDirtyRate, "DirtyRate", "dirty rate", dirty_rate_fields, "how fast a guest writes to its memory");

static const SkField stats_fields[] = {
    SK_FIELD(SkDomainStats, name, STRING, "domain"),
    SK_FIELD(SkDomainStats, uuid, STRING, "UUID"),
    SK_FIELD(SkDomainStats, state, ENUM, "state", .names = &sk_domain_state_enum),
    SK_FIELD(SkDomainStats, time, INT64, "when taken, microseconds since 1970"),
    SK_FIELD(SkDomainStats, cpu_time, UINT64, "CPU time used, nanoseconds"),
    SK_FIELD(SkDomainStats, cpu_user, UINT64, "part of it outside the kernel"),
    SK_FIELD(SkDomainStats, cpu_system, UINT64, "part of it in the kernel"),
    SK_FIELD(SkDomainStats, vcpus, UINT, "vCPUs"),
    SK_FIELD(SkDomainStats, memory_assigned, SIZE, "memory the guest has"),
    SK_FIELD(SkDomainStats, memory_rss, SIZE, "memory of the host in use"),
    SK_FIELD(SkDomainStats, memory_balloon, SIZE, "memory left to the guest by the balloon"),
    SK_FIELD(SkDomainStats, block_read_bytes, UINT64, "bytes read from disks"),
    SK_FIELD(SkDomainStats, block_write_bytes, UINT64, "bytes written to disks"),
    SK_FIELD(SkDomainStats, block_reads, UINT64, "read operations"),
    SK_FIELD(SkDomainStats, block_writes, UINT64, "write operations"),
    SK_FIELD(SkDomainStats, net_rx_bytes, UINT64, "bytes received by the guest"),
    SK_FIELD(SkDomainStats, net_tx_bytes, UINT64, "bytes sent by the guest"),
    SK_FIELD(SkDomainStats, net_rx_packets, UINT64, "packets received by the guest"),
    SK_FIELD(SkDomainStats, net_tx_packets, UINT64, "packets sent by the guest"),
    SK_FIELD(SkDomainStats, disks, LIST, "by disk", .type = &sk_disk_stats_type),
    SK_FIELD(SkDomainStats, interfaces, LIST, "by interface", .type = &sk_nic_stats_type),
    SK_FIELD(SkDomainStats, cpus, LIST, "by vCPU", .type = &sk_vcpu_stats_type, .max = 1024),
    SK_FIELD(SkDomainStats, guest_memory, OPTIONAL, "what the guest tells of its memory", .type = &sk_guest_memory_type),
    SK_FIELD(SkDomainStats, dirty_rate, OPTIONAL, "the last measurement of how fast it writes to its memory", .type = &sk_dirty_rate_type),
};
SK_TYPE(sk_domain_stats_type, SkDomainStats, "DomainStats", "domain statistics", stats_fields, "a running domain's figures; counters since its start");
