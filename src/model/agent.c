/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of what is asked of guests, and of what they tell. */
#include "model/agent.h"

#include "base/error.h"

#define NEEDED .flags = SK_FIELD_REQUIRED
#define LISTED_MAX 4096     /* entries of a list that a guest gives */

/* -- what a guest tells ------------------------------------------------------------------------------------------------ */

static const SkEnumName part_names[] = { { "users" }, { "os" }, { "timezone" }, { "hostname" }, { "filesystems" }, { "disks" }, { "interfaces" } };
SK_ENUM_TABLE(sk_guest_part_enum, "part", part_names, SK_N_GUEST_PARTS);

static const SkField user_fields[] = {
    SK_FIELD(SkGuestUser, name, STRING, "account"),
    SK_FIELD(SkGuestUser, domain, STRING, "domain of the account (Windows)"),
    SK_FIELD(SkGuestUser, login, UINT64, "when they came, milliseconds since 1970"),
};
SK_TYPE(sk_guest_user_type, SkGuestUser, "GuestUser", "user", user_fields, "somebody who is logged in");

static const SkField os_fields[] = {
    SK_FIELD(SkGuestOs, id, STRING, "short name, such as debian"),
    SK_FIELD(SkGuestOs, name, STRING, "name"),
    SK_FIELD(SkGuestOs, pretty_name, STRING, "name with the version"),
    SK_FIELD(SkGuestOs, version, STRING, "version"),
    SK_FIELD(SkGuestOs, version_id, STRING, "version, as a number"),
    SK_FIELD(SkGuestOs, kernel_release, STRING, "release of its kernel"),
    SK_FIELD(SkGuestOs, kernel_version, STRING, "version of its kernel"),
    SK_FIELD(SkGuestOs, machine, STRING, "processor"),
    SK_FIELD(SkGuestOs, variant, STRING, "edition"),
    SK_FIELD(SkGuestOs, variant_id, STRING, "short name of the edition"),
};
SK_TYPE(sk_guest_os_type, SkGuestOs, "GuestOs", "system", os_fields, "the system that runs in a guest");

static const SkField timezone_fields[] = {
    SK_FIELD(SkGuestTimezone, name, STRING, "name"),
    SK_FIELD(SkGuestTimezone, offset, INT, "seconds east of UTC"),
};
SK_TYPE(sk_guest_timezone_type, SkGuestTimezone, "GuestTimezone", "time zone", timezone_fields, "a guest's time zone");

static const SkField fs_disk_fields[] = {
    SK_FIELD(SkGuestFsDisk, device, STRING, "name in the guest"),
    SK_FIELD(SkGuestFsDisk, serial, STRING, "serial number"),
    SK_FIELD(SkGuestFsDisk, bus, STRING, "bus, as the guest sees it"),
    SK_FIELD(SkGuestFsDisk, target, STRING, "the domain's disk that it is"),
};
SK_TYPE(sk_guest_fs_disk_type, SkGuestFsDisk, "GuestFsDisk", "disk", fs_disk_fields, "a disk that a file system lies on");

static const SkField filesystem_fields[] = {
    SK_FIELD(SkGuestFilesystem, name, STRING, "device in the guest"),
    SK_FIELD(SkGuestFilesystem, mountpoint, STRING, "where it is mounted"),
    SK_FIELD(SkGuestFilesystem, type, STRING, "kind, such as ext4"),
    SK_FIELD(SkGuestFilesystem, total, SIZE, "size", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkGuestFilesystem, used, SIZE, "part in use", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkGuestFilesystem, disks, LIST, "disks it lies on", .type = &sk_guest_fs_disk_type, .max = LISTED_MAX),
};
SK_TYPE(sk_guest_filesystem_type, SkGuestFilesystem, "GuestFilesystem", "file system", filesystem_fields, "a file system mounted in a guest");

static const SkField disk_fields[] = {
    SK_FIELD(SkGuestDisk, name, STRING, "device in the guest"),
    SK_FIELD(SkGuestDisk, alias, STRING, "another name of it, as of a logical volume"),
    SK_FIELD(SkGuestDisk, target, STRING, "the domain's disk that it is"),
    SK_FIELD(SkGuestDisk, partition, BOOL, "it is a partition"),
    SK_FIELD(SkGuestDisk, dependencies, STRV, "devices it is part of, or made of"),
};
SK_TYPE(sk_guest_disk_type, SkGuestDisk, "GuestDisk", "disk", disk_fields, "a disk as a guest sees it");

static const SkField address_fields[] = {
    SK_FIELD(SkGuestIp, address, STRING, "IP address"),
    SK_FIELD(SkGuestIp, prefix, UINT, "length of its prefix"),
};
SK_TYPE(sk_guest_ip_type, SkGuestIp, "GuestIp", "address", address_fields, "an address of a guest's interface");

static const SkField interface_fields[] = {
    SK_FIELD(SkGuestInterface, name, STRING, "name in the guest"),
    SK_FIELD(SkGuestInterface, mac, STRING, "MAC address"),
    SK_FIELD(SkGuestInterface, addresses, LIST, "its addresses", .type = &sk_guest_ip_type, .max = LISTED_MAX),
};
SK_TYPE(sk_guest_interface_type, SkGuestInterface, "GuestInterface", "interface", interface_fields, "an interface as a guest sees it");

static const SkField info_fields[] = {
    SK_FIELD(SkGuestInfo, hostname, STRING, "name the guest gives itself"),
    SK_FIELD(SkGuestInfo, os, OPTIONAL, "its system", .type = &sk_guest_os_type),
    SK_FIELD(SkGuestInfo, timezone, OPTIONAL, "its time zone", .type = &sk_guest_timezone_type),
    SK_FIELD(SkGuestInfo, users, LIST, "who is logged in", .type = &sk_guest_user_type, .max = LISTED_MAX),
    SK_FIELD(SkGuestInfo, filesystems, LIST, "mounted file systems", .type = &sk_guest_filesystem_type, .max = LISTED_MAX),
    SK_FIELD(SkGuestInfo, disks, LIST, "disks", .type = &sk_guest_disk_type, .max = LISTED_MAX),
    SK_FIELD(SkGuestInfo, interfaces, LIST, "network interfaces", .type = &sk_guest_interface_type, .max = LISTED_MAX),
};
SK_TYPE(sk_guest_info_type, SkGuestInfo, "GuestInfo", "guest", info_fields, "what a guest tells of itself");

static const SkField vcpu_fields[] = {
    SK_FIELD(SkGuestVcpu, id, UINT, "number"),
    SK_FIELD(SkGuestVcpu, online, BOOL, "the guest uses it"),
    SK_FIELD(SkGuestVcpu, can_offline, BOOL, "the guest can do without it"),
};
SK_TYPE(sk_guest_vcpu_type, SkGuestVcpu, "GuestVcpu", "vCPU", vcpu_fields, "a vCPU as a guest sees it");

static const SkField time_fields[] = {
    SK_FIELD(SkGuestTime, seconds, INT64, "since 1970"),
    SK_FIELD(SkGuestTime, nanoseconds, UINT, "and their parts"),
};
SK_TYPE(sk_guest_time_type, SkGuestTime, "GuestTime", "time", time_fields, "a guest's clock");

static const SkField trimmed_fields[] = {
    SK_FIELD(SkTrimmed, path, STRING, "where the file system is mounted"),
    SK_FIELD(SkTrimmed, trimmed, SIZE, "space given back"),
    SK_FIELD(SkTrimmed, problem, STRING, "why nothing could be given back"),
};
SK_TYPE(sk_trimmed_type, SkTrimmed, "Trimmed", "file system", trimmed_fields, "a file system that was trimmed");

static const SkField keys_fields[] = { SK_FIELD(SkAuthorizedKeys, keys, STRV, "one a line of the file", .max = LISTED_MAX) };
SK_TYPE(sk_authorized_keys_type, SkAuthorizedKeys, "AuthorizedKeys", "keys", keys_fields, "keys that let an account of a guest in");

/* -- what is asked of it --------------------------------------------------------------------------------------------------- */

static const SkEnumName clock_names[] = { { "host", NULL, "the host's time" }, { "rtc", NULL, "the time of the machine's own clock" },
                                          { "given", NULL, "the time that is given" } };
SK_ENUM_TABLE(sk_clock_source_enum, "clock", clock_names, SK_N_CLOCK_SOURCES);
static const SkField clock_fields[] = {
    SK_FIELD(SkAgentClock, from, ENUM, "what it is set from", .names = &sk_clock_source_enum),
    SK_FIELD(SkAgentClock, seconds, INT64, "given: since 1970", .min = 0, .max = G_MAXINT64 / 1000000000 - 1),
    SK_FIELD(SkAgentClock, nanoseconds, UINT, "given: and their parts", .min = 0, .max = 999999999),
};
SK_TYPE(sk_agent_clock_type, SkAgentClock, "AgentClock", "clock", clock_fields, "how a guest's clock is set");

static const SkField freeze_fields[] = {
    SK_FIELD(SkAgentFreezeRequest, mountpoints, STRV, "where they are mounted; all if none is given", .max = 256),
};
SK_TYPE(sk_agent_freeze_request_type, SkAgentFreezeRequest, "AgentFreezeRequest", "freeze", freeze_fields, "file systems to freeze");

static const SkField trim_fields[] = { SK_FIELD(SkAgentTrim, minimum, SIZE, "free stretches shorter than this are left alone") };
SK_TYPE(sk_agent_trim_type, SkAgentTrim, "AgentTrim", "trim", trim_fields, "how a guest's file systems are trimmed");

static gboolean
check_key(const char *text, const char *what, GError **error)
{
    return *text != '\0' || sk_fail(error, SK_ERROR_INVALID, "%s is empty, give a line of an authorized_keys file", what);
}
static const SkEnumName keys_change_names[] = { { "replace", NULL, "they are all there is" }, { "add", NULL, "they are added" },
                                                { "remove", NULL, "they are taken away" } };
SK_ENUM_TABLE(sk_keys_change_enum, "change", keys_change_names, SK_N_KEYS_CHANGES);
static const SkField agent_keys_fields[] = {
    SK_FIELD(SkAgentKeys, user, STRING, "account in the guest", NEEDED, .max = 32),
    SK_FIELD(SkAgentKeys, keys, STRV, "public keys", .max = 2048, .check = check_key),
    SK_FIELD(SkAgentKeys, change, ENUM, "what is done with them", .names = &sk_keys_change_enum),
};
SK_TYPE(sk_agent_keys_type, SkAgentKeys, "AgentKeys", "keys", agent_keys_fields, "keys to let an account of a guest in by");

static gboolean
check_vcpus(gconstpointer value, GError **error)
{
    const SkAgentVcpus *self = value;
    return (self->vcpus != NULL) != (self->count > 0) ||
           sk_fail(error, SK_ERROR_INVALID, "give vcpus, such as 0,2-3, or how many are to be online");
}
static const SkField agent_vcpus_fields[] = {
    SK_FIELD(SkAgentVcpus, vcpus, STRING, "numbers of vCPUs, such as 0,2-3", .max = 1024),
    SK_FIELD(SkAgentVcpus, count, UINT, "how many are to be online", .min = 0, .max = 4096),
    SK_FIELD(SkAgentVcpus, offline, BOOL, "the guest does without them; else it uses them"),
};
SK_TYPE(sk_agent_vcpus_type, SkAgentVcpus, "AgentVcpus", "vCPUs", agent_vcpus_fields, "vCPUs that a guest is to use or not", .check = check_vcpus);

static const SkEnumName sleep_names[] = { { "memory", NULL, "until it is woken, with its memory powered" }, { "disk", NULL, "off, with its memory on its disk" },
                                          { "hybrid", NULL, "both" } };
SK_ENUM_TABLE(sk_sleep_enum, "target", sleep_names, SK_N_SLEEPS);
static const SkField sleep_fields[] = { SK_FIELD(SkAgentSleep, target, ENUM, "where its memory is kept", .names = &sk_sleep_enum) };
SK_TYPE(sk_agent_sleep_type, SkAgentSleep, "AgentSleep", "sleep", sleep_fields, "how a guest sleeps");

static const SkField wait_fields[] = {
    SK_FIELD(SkAgentWait, seconds, UINT, "for each answer, 0 for the usual 5", .min = 0, .max = SK_AGENT_WAIT_MAX),
};
SK_TYPE(sk_agent_wait_type, SkAgentWait, "AgentWait", "wait", wait_fields, "how long a guest agent is waited for");

static const SkField agent_command_fields[] = {
    SK_FIELD(SkAgentCommand, command, TEXT, "JSON, such as {\"execute\":\"guest-info\"}", NEEDED, .max = 4 * 1024 * 1024),
    SK_FIELD(SkAgentCommand, timeout, UINT, "seconds to wait for the answer, 0 for the usual", .min = 0, .max = SK_AGENT_WAIT_MAX),
    SK_FIELD(SkAgentCommand, forget, BOOL, "do not wait for an answer"),
};
SK_TYPE(sk_agent_command_type, SkAgentCommand, "AgentCommand", "command", agent_command_fields, "a command of the agent's own");

#define TUNING(member, help_) SK_FIELD(SkIothreadTuning, member, INT64, help_ "; -1: left as it is", .def = "-1", .min = -1, .max = G_MAXINT64)
static const SkField iothread_tuning_fields[] = {
    SK_FIELD(SkIothreadTuning, id, UINT, "number of the iothread", NEEDED, .min = 1, .max = 64),
    TUNING(poll_max_ns, "nanoseconds it looks for work before it sleeps, 0 for none"),
    TUNING(poll_grow, "what that time grows by, 0 for the usual"),
    TUNING(poll_shrink, "what it shrinks by, 0 for the usual"),
    TUNING(thread_pool_min, "threads kept for work that blocks"),
    TUNING(thread_pool_max, "threads at most"),
};
SK_TYPE(sk_iothread_tuning_type, SkIothreadTuning, "IothreadTuning", "iothread", iothread_tuning_fields, "how an iothread of a running domain waits for work");

static const SkField dirty_rate_request_fields[] = {
    SK_FIELD(SkDirtyRateRequest, seconds, UINT, "seconds to watch", .def = "1", .min = 1, .max = 60),
};
SK_TYPE(sk_dirty_rate_request_type, SkDirtyRateRequest, "DirtyRateRequest", "measurement", dirty_rate_request_fields, "how long the writes of a guest are watched");

static const SkField monitor_command_fields[] = {
    SK_FIELD(SkMonitorCommand, command, TEXT, "JSON, such as {\"execute\":\"query-status\"}, or a line for people", NEEDED, .max = 4 * 1024 * 1024),
    SK_FIELD(SkMonitorCommand, human, BOOL, "it is a line of the monitor for people, such as info block"),
};
SK_TYPE(sk_monitor_command_type, SkMonitorCommand, "MonitorCommand", "command", monitor_command_fields, "a command of QEMU's own");

static const SkField answer_fields[] = { SK_FIELD(SkCommandAnswer, answer, TEXT, "the answer as it came") };
SK_TYPE(sk_command_answer_type, SkCommandAnswer, "CommandAnswer", "answer", answer_fields, "what was answered to a command");
