/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/*
 * What guests tell of themselves through their agent, and what is asked of them or of QEMU's monitor. Texts of a
 * guest's are made fit to show by engine/agent/. Values; any thread.
 */

/* -- what a guest tells ---------------------------------------------------------------------------------------------- */

typedef struct { char *name, *domain; guint64 login; } SkGuestUser; /* login: milliseconds since 1970 */
typedef struct { char *id, *name, *pretty_name, *version, *version_id, *kernel_release, *kernel_version, *machine, *variant, *variant_id; } SkGuestOs;
typedef struct { char *name; gint offset; } SkGuestTimezone;        /* seconds east of UTC */

/* A disk below a file system or a name in the guest. target: ours ("vda"), if it is one of the domain's. */
typedef struct { char *device, *serial, *bus, *target; } SkGuestFsDisk;
typedef struct { char *name, *mountpoint, *type; guint64 total, used; GPtrArray *disks; } SkGuestFilesystem; /* SkGuestFsDisk */
typedef struct { char *name, *alias, *target; gboolean partition; char **dependencies; } SkGuestDisk;
typedef struct { char *address; guint prefix; } SkGuestIp;
typedef struct { char *name, *mac; GPtrArray *addresses; } SkGuestInterface; /* SkGuestIp */

/* Parts are NULL where they were not asked for or the agent does not know them. */
typedef struct {
    char *hostname;
    SkGuestOs *os;
    SkGuestTimezone *timezone;
    GPtrArray *users, *filesystems, *disks, *interfaces;
} SkGuestInfo;

/* Which parts; in the order of libvirt's bits. */
typedef enum { SK_GUEST_USERS, SK_GUEST_OS, SK_GUEST_TIMEZONE, SK_GUEST_HOSTNAME, SK_GUEST_FILESYSTEMS, SK_GUEST_DISKS, SK_GUEST_INTERFACES,
               SK_N_GUEST_PARTS } SkGuestPart;

typedef struct { guint id; gboolean online, can_offline; } SkGuestVcpu;
typedef struct { gint64 seconds; guint nanoseconds; } SkGuestTime;
typedef struct { char *path; guint64 trimmed; char *problem; } SkTrimmed;

/* -- what is asked of it ------------------------------------------------------------------------------------------------ */

typedef enum { SK_CLOCK_FROM_HOST, SK_CLOCK_FROM_RTC, SK_CLOCK_FROM_GIVEN, SK_N_CLOCK_SOURCES } SkClockSource;
typedef struct { gint from; gint64 seconds; guint nanoseconds; } SkAgentClock;
typedef struct { char **mountpoints; } SkAgentFreezeRequest;
typedef struct { guint64 minimum; } SkAgentTrim;
typedef enum { SK_KEYS_REPLACE, SK_KEYS_ADD, SK_KEYS_REMOVE, SK_N_KEYS_CHANGES } SkKeysChange;
typedef struct { char *user; char **keys; gint change; } SkAgentKeys;
typedef struct { char **keys; } SkAuthorizedKeys;
/* vcpus: "0,2-3"; NULL: as many as count are to be online. */
typedef struct { char *vcpus; guint count; gboolean offline; } SkAgentVcpus;
typedef enum { SK_SLEEP_MEMORY, SK_SLEEP_DISK, SK_SLEEP_HYBRID, SK_N_SLEEPS } SkSleep;
typedef struct { gint target; } SkAgentSleep;

/* How an iothread of a running domain waits for work; below 0: left as it is. */
typedef struct { guint id; gint64 poll_max_ns, poll_grow, poll_shrink, thread_pool_min, thread_pool_max; } SkIothreadTuning;

/* How long an agent is waited for. */
#define SK_AGENT_WAIT_MAX 3600          /* seconds */
typedef struct { guint seconds; } SkAgentWait;

/* How long a running guest's writes to its memory are watched. */
typedef struct { guint seconds; } SkDirtyRateRequest;

/* A command of the agent's or of QEMU's own. */
typedef struct { char *command; guint timeout; gboolean forget; } SkAgentCommand;
typedef struct { char *command; gboolean human; } SkMonitorCommand;
typedef struct { char *answer; } SkCommandAnswer;

extern const SkEnum sk_guest_part_enum, sk_clock_source_enum, sk_keys_change_enum, sk_sleep_enum;
extern const SkType sk_guest_user_type, sk_guest_os_type, sk_guest_timezone_type, sk_guest_fs_disk_type, sk_guest_filesystem_type,
    sk_guest_disk_type, sk_guest_ip_type, sk_guest_interface_type, sk_guest_info_type, sk_guest_vcpu_type, sk_guest_time_type,
    sk_trimmed_type, sk_agent_clock_type, sk_agent_freeze_request_type, sk_agent_trim_type, sk_agent_keys_type, sk_authorized_keys_type,
    sk_agent_vcpus_type, sk_agent_sleep_type, sk_agent_wait_type, sk_agent_command_type, sk_monitor_command_type, sk_command_answer_type,
    sk_iothread_tuning_type, sk_dirty_rate_request_type;
