/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of firmware, boot, clock, power, features and SMBIOS. */
#include "model/platform.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define SPARSE .flags = SK_FIELD_SPARSE
#define SWITCH(S, member, help, xml_) SK_FIELD(S, member, ENUM, help, .xml = xml_, .names = &sk_switch_enum, SPARSE)
#define YES_NO(S, member, help, xml_) SK_FIELD(S, member, ENUM, help, .xml = xml_, .names = &sk_yes_no_enum, SPARSE)

static const SkEnumName switch_names[] = { { "default" }, { "on" }, { "off" } };
static const SkEnumName yes_no_names[] = { { "default" }, { "on", "yes" }, { "off", "no" } };
static const SkEnumName virtio_names[] = { { "virtio" },
                                           { "virtio-transitional", NULL, "old drivers find it too; it sits on the root bus, where it cannot be unplugged" },
                                           { "virtio-non-transitional", NULL, "only drivers of virtio 1.0 find it" } };
SK_ENUM_TABLE(sk_virtio_enum, "virtio model", virtio_names, SK_N_VIRTIOS);
SK_ENUM_TABLE(sk_switch_enum, "switch", switch_names, SK_N_SWITCHES);
SK_ENUM_TABLE(sk_yes_no_enum, "switch", yes_no_names, SK_N_SWITCHES);

/* -- firmware and boot ------------------------------------------------------------------------------------- */

static const SkEnumName firmware_names[] = { { "bios" }, { "uefi", "efi" } };
SK_ENUM_TABLE(sk_firmware_enum, "firmware", firmware_names, SK_N_FIRMWARES);

static const SkField firmware_fields[] = {
    SK_FIELD(SkFirmware, kind, ENUM, "BIOS or UEFI", .xml = "~@firmware", .names = &sk_firmware_enum),
    SK_FIELD(SkFirmware, secure_boot, BOOL, "only signed systems start (UEFI)", .xml = "~loader/@secure", SPARSE),
    SK_FIELD(SkFirmware, loader, STRING, "firmware file; found by itself if not given", .xml = "~loader", .check = sk_check_path),
    SK_FIELD(SkFirmware, nvram_template, STRING, "file the variables start from", .xml = "~nvram/@template", .check = sk_check_path),
    SK_FIELD(SkFirmware, nvram, STRING, "file of the variables; made by itself if not given", .xml = "~nvram", .check = sk_check_path),
    SK_FIELD(SkFirmware, code, STRING, "firmware file it runs with", .xml = "~loader", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkFirmware, variables, STRING, "file its variables are in while it runs", .xml = "~nvram", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkFirmware, variables_template, STRING, "file its variables started from", .xml = "~nvram/@template", .flags = SK_FIELD_READONLY),
};

static gboolean
check_firmware(gconstpointer value, GError **error)
{
    const SkFirmware *self = value;
    if (self->secure_boot && self->kind != SK_FIRMWARE_UEFI)
        return sk_fail(error, SK_ERROR_INVALID, "secure_boot needs kind uefi");
    return TRUE;
}
SK_TYPE(sk_firmware_type, SkFirmware, "Firmware", "firmware", firmware_fields, "the guest's firmware", .xml = "os", .check = check_firmware);

static const SkEnumName smbios_names[] = { { "default" }, { "emulate", NULL, "QEMU's own" }, { "sysinfo", NULL, "what sysinfo gives" } };
SK_ENUM_TABLE(sk_smbios_enum, "SMBIOS mode", smbios_names, SK_N_SMBIOS_MODES);

static gboolean
check_boot_device(const char *text, const char *what, GError **error)
{
    static const char *const devices[] = { "disk", "cdrom", "network", "floppy", NULL };
    if (g_strv_contains(devices, text))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s has \"%.64s\", give disk, cdrom, network or floppy", what, text);
}

static const SkField boot_fields[] = {
    SK_FIELD(SkBoot, order, STRV, "what to boot from, first to last: disk, cdrom, network, floppy", .xml = "~boot/@dev", .max = 4, .check = check_boot_device),
    SK_FIELD(SkBoot, menu, BOOL, "show the boot menu", .xml = "~bootmenu/@enable", SPARSE),
    SK_FIELD(SkBoot, menu_timeout, UINT, "milliseconds the menu waits", .xml = "~bootmenu/@timeout", .min = 0, .max = 65535, SPARSE),
    SK_FIELD(SkBoot, kernel, STRING, "kernel on the host to boot directly", .xml = "kernel", .check = sk_check_path),
    SK_FIELD(SkBoot, initrd, STRING, "its initial ram disk", .xml = "initrd", .check = sk_check_path),
    SK_FIELD(SkBoot, cmdline, STRING, "its command line", .xml = "cmdline", .max = 4096),
    SK_FIELD(SkBoot, smbios, ENUM, "where the guest's SMBIOS data come from", .xml = "smbios/@mode", .names = &sk_smbios_enum, SPARSE),
    YES_NO(SkBoot, bios_serial, "the BIOS's messages on the serial port", "bios/@useserial"),
    SK_FIELD(SkBoot, reboot_timeout, INT, "milliseconds until a guest that finds nothing to boot is reset, -1 for never", .xml = "~bios/@rebootTimeout", .min = -1, .max = 65535, SPARSE),
};

static gboolean
check_boot(gconstpointer value, GError **error)
{
    const SkBoot *self = value;
    if (self->kernel == NULL && (self->initrd != NULL || self->cmdline != NULL))
        return sk_fail(error, SK_ERROR_INVALID, "initrd and cmdline need a kernel");
    return TRUE;
}
SK_TYPE(sk_boot_type, SkBoot, "Boot", "boot", boot_fields, "what the domain boots", .xml = "os", .check = check_boot);

/* -- clock ---------------------------------------------------------------------------------------------------- */

static const SkEnumName clock_names[] = { { "utc" }, { "localtime" }, { "timezone" }, { "variable" } };
static const SkEnumName timer_names[] = { { "rtc" }, { "pit" }, { "hpet" }, { "tsc" }, { "kvmclock" }, { "hypervclock" } };
static const SkEnumName tick_names[] = { { "default" }, { "delay" }, { "catchup" }, { "merge" }, { "discard" } };
static const SkEnumName track_names[] = { { "default" }, { "guest" }, { "wall" } };
SK_ENUM_TABLE(sk_clock_enum, "clock offset", clock_names, SK_N_CLOCKS);
SK_ENUM_TABLE(sk_timer_enum, "timer", timer_names, SK_N_TIMERS);
SK_ENUM_TABLE(sk_tick_enum, "tick policy", tick_names, SK_N_TICKS);
SK_ENUM_TABLE(sk_track_enum, "clock that is followed", track_names, SK_N_TRACKS);

static const SkField timer_fields[] = {
    SK_FIELD(SkTimer, name, ENUM, "which timer", .xml = "@name", .names = &sk_timer_enum, .flags = SK_FIELD_KEY),
    YES_NO(SkTimer, present, "the guest has it", "@present"),
    SK_FIELD(SkTimer, tick_policy, ENUM, "what happens to ticks that the guest missed (rtc, pit)", .xml = "@tickpolicy", .names = &sk_tick_enum, SPARSE),
    SK_FIELD(SkTimer, track, ENUM, "clock that it follows (rtc)", .xml = "@track", .names = &sk_track_enum, SPARSE),
    SK_FIELD(SkTimer, frequency, UINT64, "Hz (tsc)", .xml = "@frequency", SPARSE),
};
SK_TYPE(sk_timer_type, SkTimer, "Timer", "timer", timer_fields, "a timer of the guest", .xml = "timer");

static const SkField clock_fields[] = {
    SK_FIELD(SkClock, offset, ENUM, "what the guest's clock shows", .xml = "@offset", .names = &sk_clock_enum),
    SK_FIELD(SkClock, timezone, STRING, "time zone (offset timezone)", .xml = "@timezone", .max = 64),
    SK_FIELD(SkClock, adjustment, INT64, "seconds off UTC (offset variable)", .xml = "~@adjustment", SPARSE),
    SK_FIELD(SkClock, local_basis, BOOL, "the adjustment is off local time (offset variable)", .xml = "~@basis", SPARSE),
    SK_FIELD(SkClock, timers, LIST, "timers that are not as usual", .xml = "timer", .type = &sk_timer_type, .max = 8, SPARSE),
};

static gboolean
check_clock(gconstpointer value, GError **error)
{
    const SkClock *self = value;
    if ((self->offset == SK_CLOCK_TIMEZONE) == (self->timezone != NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "offset timezone and timezone go together: both or none");
}
SK_TYPE(sk_clock_type, SkClock, "Clock", "clock", clock_fields, "the guest's clock", .xml = "clock", .check = check_clock);

const SkTimer *
sk_clock_find_timer(const SkClock *self, SkTimerName name)
{
    for (guint i = 0; self->timers != NULL && i < self->timers->len; i++) {
        const SkTimer *timer = self->timers->pdata[i];
        if (timer->name == (gint) name)
            return timer;
    }
    return NULL;
}

/* -- power and features ------------------------------------------------------------------------------------------ */

static const SkField power_fields[] = {
    YES_NO(SkPower, suspend_memory, "the guest may suspend to memory (S3)", "suspend-to-mem/@enabled"),
    YES_NO(SkPower, suspend_disk, "the guest may suspend to disk (S4)", "suspend-to-disk/@enabled"),
};
SK_TYPE(sk_power_type, SkPower, "Power", "power", power_fields, "power management", .xml = "pm");

static const SkEnumName ioapic_names[] = { { "default" }, { "qemu" }, { "kvm" } };
SK_ENUM_TABLE(sk_ioapic_enum, "I/O APIC driver", ioapic_names, SK_N_IOAPICS);

static gboolean
check_word(const char *text, const char *what, GError **error)
{
    if (g_regex_match_simple("^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\\z", text, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a word of letters and digits", what, text);
}

static const SkField features_fields[] = {
    SK_FIELD(SkFeatures, acpi, BOOL, "ACPI", .xml = "~acpi", .def = "true"),
    SK_FIELD(SkFeatures, apic, BOOL, "APIC", .xml = "~apic", .def = "true"),
    SWITCH(SkFeatures, eoi, "paravirtual end of interrupt", "apic/@eoi"),
    SK_FIELD(SkFeatures, hyperv, STRV, "Hyper-V enlightenments: relaxed, vapic, spinlocks, vpindex, runtime, synic, stimer, reset, vendor_id, frequencies, reenlightenment, tlbflush, ipi, evmcs, avic, time", .xml = "~hyperv", .max = 32, .check = check_word),
    SK_FIELD(SkFeatures, hyperv_spinlocks, UINT, "tries before a Hyper-V guest gives way, 0 for 8191", .xml = "~hyperv/spinlocks/@retries", .min = 4095, .max = G_MAXUINT, SPARSE),
    SK_FIELD(SkFeatures, hyperv_vendor, STRING, "vendor id of Hyper-V that the guest sees (vendor_id)", .xml = "~hyperv/vendor_id/@value", .max = 12, .check = check_word),
    SK_FIELD(SkFeatures, hyperv_direct, BOOL, "synthetic timers interrupt directly (stimer)", .xml = "~hyperv/stimer/direct/@state", SPARSE),
    SK_FIELD(SkFeatures, hyperv_passthrough, BOOL, "all enlightenments that the host has", .xml = "~hyperv/@mode", SPARSE),
    SK_FIELD(SkFeatures, kvm_hidden, BOOL, "hide KVM from the guest", .xml = "~kvm/hidden/@state", SPARSE),
    SWITCH(SkFeatures, kvm_dedicated, "tell the guest that its vCPUs have CPUs of their own", "kvm/hint-dedicated/@state"),
    SWITCH(SkFeatures, kvm_poll, "let the guest control polling before halts", "kvm/poll-control/@state"),
    SK_FIELD(SkFeatures, vmport, BOOL, "VMware I/O port", .xml = "~vmport/@state", SPARSE),
    SK_FIELD(SkFeatures, smm, BOOL, "system management mode", .xml = "~smm/@state", SPARSE),
    SK_FIELD(SkFeatures, smm_tseg, SIZE, "memory for it, 0 for the usual", .xml = "~smm/tseg", SPARSE),
    SWITCH(SkFeatures, pv_spinlock, "paravirtual spinlocks", "pvspinlock/@state"),
    SWITCH(SkFeatures, pmu, "performance counters", "pmu/@state"),
    SK_FIELD(SkFeatures, ioapic, ENUM, "who emulates the I/O APIC", .xml = "ioapic/@driver", .names = &sk_ioapic_enum, SPARSE),
    SWITCH(SkFeatures, vmcoreinfo, "the guest can say where its crash data are", "vmcoreinfo/@state"),
};
SK_TYPE(sk_features_type, SkFeatures, "Features", "features", features_fields, "hypervisor features", .xml = "features");

/* -- SMBIOS and fw_cfg ------------------------------------------------------------------------------------------------ */

static const SkEnumName block_names[] = { { "bios" }, { "system" }, { "base-board", "baseBoard" }, { "chassis" }, { "oem-strings", "oemStrings" } };
SK_ENUM_TABLE(sk_sysinfo_block_enum, "SMBIOS block", block_names, SK_N_SYSINFO_BLOCKS);

static const SkField sysinfo_fields[] = {
    SK_FIELD(SkSysinfoEntry, block, ENUM, "part of the machine", .names = &sk_sysinfo_block_enum),
    SK_FIELD(SkSysinfoEntry, index, UINT, "number of the base board", .min = 0, .max = 15, SPARSE),
    SK_FIELD(SkSysinfoEntry, name, STRING, "what: vendor, manufacturer, product, version, serial, asset, uuid, sku, family, location, date, release", .check = check_word),
    SK_FIELD(SkSysinfoEntry, value, STRING, "text", .max = 1024),
};

static gboolean
check_sysinfo(gconstpointer value, GError **error)
{
    static const char *const names[SK_N_SYSINFO_BLOCKS] = {
        [SK_SYSINFO_BIOS] = " vendor version date release ",
        [SK_SYSINFO_SYSTEM] = " manufacturer product version serial uuid sku family ",
        [SK_SYSINFO_BASE_BOARD] = " manufacturer product version serial asset location ",
        [SK_SYSINFO_CHASSIS] = " manufacturer version serial asset sku ",
        [SK_SYSINFO_OEM] = " ",
    };
    const SkSysinfoEntry *self = value;
    g_autofree char *word = g_strdup_printf(" %s ", self->name != NULL ? self->name : "");
    if (self->value == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "value is missing");
    if (self->block == SK_SYSINFO_OEM ? self->name == NULL : self->name != NULL && strstr(names[self->block], word) != NULL)
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "name \"%s\" is none of block %s, which has:%s", self->name != NULL ? self->name : "",
                   sk_enum_name(&sk_sysinfo_block_enum, self->block), self->block == SK_SYSINFO_OEM ? " no names" : names[self->block]);
}
SK_TYPE(sk_sysinfo_entry_type, SkSysinfoEntry, "SysinfoEntry", "SMBIOS entry", sysinfo_fields, "what the guest's firmware tells of the machine", .check = check_sysinfo);

/* QEMU's own names are not for definitions. */
static gboolean
check_fw_cfg_name(const char *text, const char *what, GError **error)
{
    if (g_regex_match_simple("^opt/[A-Za-z0-9_./-]{1,51}\\z", text, 0, 0) && !g_str_has_prefix(text, "opt/ovmf/") &&
        !g_str_has_prefix(text, "opt/org.qemu/"))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" must be like opt/com.example/name", what, text);
}

static const SkField fw_cfg_fields[] = {
    SK_FIELD(SkFwCfg, name, STRING, "name the guest reads it by", .xml = "@name", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = check_fw_cfg_name),
    SK_FIELD(SkFwCfg, value, STRING, "text", .xml = "~.", .max = 1024),
    SK_FIELD(SkFwCfg, file, STRING, "file with the data, instead", .xml = "@file", .check = sk_check_path),
};

static gboolean
check_fw_cfg(gconstpointer value, GError **error)
{
    const SkFwCfg *self = value;
    if ((self->value != NULL) != (self->file != NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "give value or file, one of them");
}
SK_TYPE(sk_fw_cfg_type, SkFwCfg, "FwCfg", "fw_cfg entry", fw_cfg_fields, "data for the guest's firmware", .xml = "entry", .check = check_fw_cfg);
