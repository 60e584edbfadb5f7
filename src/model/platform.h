/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/switch.h"

/* The machine below a guest's devices: firmware, boot, clock, power, features, SMBIOS. Values; any thread. */

typedef enum { SK_FIRMWARE_BIOS, SK_FIRMWARE_UEFI, SK_N_FIRMWARES } SkFirmwareKind;
typedef enum { SK_CLOCK_UTC, SK_CLOCK_LOCALTIME, SK_CLOCK_TIMEZONE, SK_CLOCK_VARIABLE, SK_N_CLOCKS } SkClockOffset;

typedef struct {
    gint kind;              /* SkFirmwareKind */
    gboolean secure_boot;
    char *loader, *nvram_template, *nvram; /* paths; NULL: found / made by us */
    char *code, *variables, *variables_template; /* what was found and made, while it runs */
} SkFirmware;

/* Where what the guest's firmware tells of the machine comes from. */
typedef enum { SK_SMBIOS_DEFAULT, SK_SMBIOS_EMULATE, SK_SMBIOS_SYSINFO, SK_N_SMBIOS_MODES } SkSmbiosMode;

typedef struct {
    char **order;           /* "disk", "cdrom", "network", "floppy" */
    gboolean menu;
    guint menu_timeout;     /* milliseconds */
    char *kernel, *initrd, *cmdline; /* direct kernel boot: paths on the host */
    gint smbios;            /* SkSmbiosMode */
    gint bios_serial;       /* SkSwitch: the firmware's messages on the serial port */
    gint reboot_timeout;    /* milliseconds until a guest that cannot boot is reset, -1: never; 0: QEMU's default */
} SkBoot;

/* -- clock ---------------------------------------------------------------------------------------------- */

typedef enum { SK_TIMER_RTC, SK_TIMER_PIT, SK_TIMER_HPET, SK_TIMER_TSC, SK_TIMER_KVMCLOCK, SK_TIMER_HYPERVCLOCK, SK_N_TIMERS } SkTimerName;
typedef enum { SK_TICK_DEFAULT, SK_TICK_DELAY, SK_TICK_CATCHUP, SK_TICK_MERGE, SK_TICK_DISCARD, SK_N_TICKS } SkTickPolicy;
typedef enum { SK_TRACK_DEFAULT, SK_TRACK_GUEST, SK_TRACK_WALL, SK_N_TRACKS } SkTimerTrack;

typedef struct {
    gint name;              /* SkTimerName */
    gint present;           /* SkSwitch */
    gint tick_policy;       /* SkTickPolicy: what happens to ticks the guest did not take */
    gint track;             /* SkTimerTrack; rtc */
    guint64 frequency;      /* Hz; tsc */
} SkTimer;

typedef struct {
    gint offset;            /* SkClockOffset */
    char *timezone;
    gint64 adjustment;      /* seconds, offset variable */
    gboolean local_basis;   /* the adjustment is off local time, not UTC */
    GPtrArray *timers;      /* SkTimer */
} SkClock;

/* -- power and features ----------------------------------------------------------------------------------- */

typedef struct {
    gint suspend_memory, suspend_disk; /* SkSwitch: ACPI S3 and S4 */
} SkPower;

typedef enum { SK_IOAPIC_DEFAULT, SK_IOAPIC_QEMU, SK_IOAPIC_KVM, SK_N_IOAPICS } SkIoapicDriver;

typedef struct {
    gboolean acpi, apic;
    gint eoi;               /* SkSwitch: paravirtual end of interrupt */
    char **hyperv;          /* enlightenments: "relaxed", "vapic", "spinlocks" ... */
    guint hyperv_spinlocks; /* tries before the hypervisor is told; 0: the usual */
    char *hyperv_vendor;    /* vendor id that the guest sees */
    gboolean hyperv_direct; /* stimer: interrupts without a message */
    gboolean hyperv_passthrough;
    gboolean kvm_hidden, vmport, smm;
    guint64 smm_tseg;       /* bytes; 0: QEMU's default */
    gint kvm_dedicated, kvm_poll; /* SkSwitch */
    gint pv_spinlock, pmu;  /* SkSwitch */
    gint ioapic;            /* SkIoapicDriver */
    gint vmcoreinfo;        /* SkSwitch */
} SkFeatures;

/* -- SMBIOS and fw_cfg ---------------------------------------------------------------------------------------- */

typedef enum { SK_SYSINFO_BIOS, SK_SYSINFO_SYSTEM, SK_SYSINFO_BASE_BOARD, SK_SYSINFO_CHASSIS, SK_SYSINFO_OEM, SK_N_SYSINFO_BLOCKS } SkSysinfoBlock;

typedef struct {
    gint block;             /* SkSysinfoBlock */
    guint index;            /* of several base boards */
    char *name;             /* "vendor", "serial" ...; NULL in OEM strings */
    char *value;
} SkSysinfoEntry;

/* A file of QEMU's firmware configuration, which guests read. */
typedef struct {
    char *name;             /* "opt/com.example/name" */
    char *value, *file;     /* one of them */
} SkFwCfg;

/* The entry of a timer, or NULL. */
const SkTimer *sk_clock_find_timer(const SkClock *self, SkTimerName name);

extern const SkEnum sk_firmware_enum, sk_clock_enum, sk_smbios_enum, sk_timer_enum, sk_tick_enum, sk_track_enum, sk_ioapic_enum, sk_sysinfo_block_enum;
extern const SkType sk_firmware_type, sk_boot_type, sk_timer_type, sk_clock_type, sk_power_type, sk_features_type, sk_sysinfo_entry_type, sk_fw_cfg_type;
