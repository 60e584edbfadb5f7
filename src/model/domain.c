/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of a domain's definition, and the rules across its fields. */
#include "model/domain.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName accel_names[] = { { "auto", NULL, "KVM where it can run guests, else TCG" }, { "kvm" }, { "tcg", "qemu" } };
static const SkEnumName cpu_mode_names[] = { { "default", NULL, "host-model under KVM, maximum under TCG" }, { "host-model" },
                                             { "host-passthrough" }, { "maximum" }, { "custom" } };
static const SkEnumName cpu_policy_names[] = { { "require" }, { "disable" } };
static const SkEnumName firmware_names[] = { { "bios" }, { "uefi", "efi" } };
static const SkEnumName clock_names[] = { { "utc" }, { "localtime" }, { "timezone" }, { "variable" } };
static const SkEnumName on_action_names[] = { { "destroy" }, { "restart" }, { "preserve" } };

SK_ENUM_TABLE(sk_accel_enum, "accelerator", accel_names, SK_N_ACCELS);
SK_ENUM_TABLE(sk_cpu_mode_enum, "CPU mode", cpu_mode_names, SK_N_CPU_MODES);
SK_ENUM_TABLE(sk_cpu_policy_enum, "CPU feature policy", cpu_policy_names, SK_N_CPU_POLICIES);
SK_ENUM_TABLE(sk_firmware_enum, "firmware", firmware_names, SK_N_FIRMWARES);
SK_ENUM_TABLE(sk_clock_enum, "clock offset", clock_names, SK_N_CLOCKS);
SK_ENUM_TABLE(sk_on_action_enum, "action", on_action_names, SK_N_ON_ACTIONS);

#define MIB (G_GINT64_CONSTANT(1) << 20)
#define TIB (G_GINT64_CONSTANT(1) << 40)
#define SPARSE .flags = SK_FIELD_SPARSE
#define LIVE .flags = SK_FIELD_LIVE
#define LIVE_SPARSE .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE

/* -- processors and memory --------------------------------------------------------------------------- */

static const SkField vcpus_fields[] = {
    SK_FIELD(SkVcpus, current, UINT, "vCPUs plugged in", .xml = "@current", .def = "1", .min = 1, .max = 512, LIVE),
    SK_FIELD(SkVcpus, maximum, UINT, "vCPUs that can be plugged in, 0 for no more", .xml = ".", .min = 0, .max = 512),
    SK_FIELD(SkVcpus, sockets, UINT, "sockets, 0 for one a vCPU", .xml = "../cpu/topology/@sockets", .min = 0, .max = 512, SPARSE),
    SK_FIELD(SkVcpus, cores, UINT, "cores a socket", .xml = "../cpu/topology/@cores", .min = 0, .max = 512, SPARSE),
    SK_FIELD(SkVcpus, threads, UINT, "threads a core", .xml = "../cpu/topology/@threads", .min = 0, .max = 512, SPARSE),
};

static gboolean
check_vcpus(gconstpointer value, GError **error)
{
    const SkVcpus *self = value;
    guint maximum = MAX(self->maximum, self->current);
    if (self->maximum > 0 && self->current > self->maximum)
        return sk_fail(error, SK_ERROR_INVALID, "current is %u, more than the maximum of %u", self->current, self->maximum);
    if (self->sockets == 0 && self->cores == 0 && self->threads == 0)
        return TRUE;
    guint product = MAX(self->sockets, 1) * MAX(self->cores, 1) * MAX(self->threads, 1);
    if (product != maximum)
        return sk_fail(error, SK_ERROR_INVALID, "topology makes %u vCPUs, but the maximum is %u", product, maximum);
    return TRUE;
}
SK_TYPE(sk_vcpus_type, SkVcpus, "Vcpus", "vcpus", vcpus_fields, "number and topology of vCPUs", .xml = "vcpu", .check = check_vcpus);

static const SkField memory_fields[] = {
    SK_FIELD(SkMemory, current, SIZE, "memory the guest has now (balloon target)", .xml = "../currentMemory", .def = "512M", .min = MIB, .max = 64 * TIB, LIVE),
    SK_FIELD(SkMemory, maximum, SIZE, "memory the guest is built with, 0 for the same", .xml = "../memory", .min = 0, .max = 64 * TIB),
    SK_FIELD(SkMemory, limit, SIZE, "memory that can be plugged in up to, 0 for none", .xml = "../maxMemory", .min = 0, .max = 64 * TIB, SPARSE),
    SK_FIELD(SkMemory, slots, UINT, "DIMM slots to plug into", .xml = "../maxMemory/@slots", .min = 0, .max = 256, SPARSE),
    SK_FIELD(SkMemory, hugepage_size, SIZE, "size of huge pages to use, 0 for none", .xml = "../memoryBacking/hugepages/page/@size", SPARSE),
    SK_FIELD(SkMemory, locked, BOOL, "never swapped out", .xml = "../memoryBacking/locked", SPARSE),
    SK_FIELD(SkMemory, shared, BOOL, "shared mapping (virtiofs needs it)", .xml = "../memoryBacking/access/@mode", SPARSE),
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

static const SkField cpu_fields[] = {
    SK_FIELD(SkCpu, mode, ENUM, "how the CPU model is chosen", .xml = "@mode", .names = &sk_cpu_mode_enum),
    SK_FIELD(SkCpu, model, STRING, "CPU model (mode custom)", .xml = "model", .check = check_cpu_word),
    SK_FIELD(SkCpu, features, LIST, "features on top", .xml = "feature", .type = &sk_cpu_feature_type, .max = 256),
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

/* -- firmware, boot, clock, features --------------------------------------------------------------------- */

static const SkField firmware_fields[] = {
    SK_FIELD(SkFirmware, kind, ENUM, "BIOS or UEFI", .xml = "../@firmware", .names = &sk_firmware_enum),
    SK_FIELD(SkFirmware, secure_boot, BOOL, "only signed systems start (UEFI)", .xml = "../loader/@secure", SPARSE),
    SK_FIELD(SkFirmware, loader, STRING, "firmware file; found by itself if not given", .xml = "../loader", .check = sk_check_path),
    SK_FIELD(SkFirmware, nvram_template, STRING, "file the variables start from", .xml = "../nvram/@template", .check = sk_check_path),
    SK_FIELD(SkFirmware, nvram, STRING, "file of the variables; made by itself if not given", .xml = "../nvram", .check = sk_check_path),
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

static gboolean
check_boot_device(const char *text, const char *what, GError **error)
{
    static const char *const devices[] = { "disk", "cdrom", "network", "floppy", NULL };
    if (g_strv_contains(devices, text))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s has \"%.64s\", give disk, cdrom, network or floppy", what, text);
}

static const SkField boot_fields[] = {
    SK_FIELD(SkBoot, order, STRV, "what to boot from, first to last: disk, cdrom, network, floppy", .xml = "boot/@dev", .max = 4, .check = check_boot_device),
    SK_FIELD(SkBoot, menu, BOOL, "show the boot menu", .xml = "bootmenu/@enable", SPARSE),
    SK_FIELD(SkBoot, menu_timeout, UINT, "milliseconds the menu waits", .xml = "bootmenu/@timeout", .min = 0, .max = 65535, SPARSE),
    SK_FIELD(SkBoot, kernel, STRING, "kernel on the host to boot directly", .xml = "kernel", .check = sk_check_path),
    SK_FIELD(SkBoot, initrd, STRING, "its initial ram disk", .xml = "initrd", .check = sk_check_path),
    SK_FIELD(SkBoot, cmdline, STRING, "its command line", .xml = "cmdline", .max = 4096),
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

static const SkField clock_fields[] = {
    SK_FIELD(SkClock, offset, ENUM, "what the guest's clock shows", .xml = "@offset", .names = &sk_clock_enum),
    SK_FIELD(SkClock, timezone, STRING, "time zone (offset timezone)", .xml = "@timezone", .max = 64),
    SK_FIELD(SkClock, adjustment, INT64, "seconds off UTC (offset variable)", .xml = "@adjustment", SPARSE),
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

static const SkField features_fields[] = {
    SK_FIELD(SkFeatures, acpi, BOOL, "ACPI", .xml = "acpi", .def = "true"),
    SK_FIELD(SkFeatures, apic, BOOL, "APIC", .xml = "apic", .def = "true"),
    SK_FIELD(SkFeatures, hyperv, STRV, "Hyper-V enlightenments: relaxed, vapic, spinlocks, vpindex, runtime, synic, stimer, reset, frequencies, tlbflush, ipi", .xml = "hyperv", .max = 32, .check = check_cpu_word),
    SK_FIELD(SkFeatures, kvm_hidden, BOOL, "hide KVM from the guest", .xml = "kvm/hidden/@state", SPARSE),
    SK_FIELD(SkFeatures, vmport, BOOL, "VMware I/O port", .xml = "vmport/@state", SPARSE),
    SK_FIELD(SkFeatures, smm, BOOL, "system management mode", .xml = "smm/@state", SPARSE),
};
SK_TYPE(sk_features_type, SkFeatures, "Features", "features", features_fields, "hypervisor features", .xml = "features");

/* -- the whole ---------------------------------------------------------------------------------------------- */

static gboolean
check_machine(const char *text, const char *what, GError **error)
{
    static const char *const names[] = { "q35", "pc", "microvm", NULL }, *const versioned[] = { "pc-q35-", "pc-i440fx-" };
    if (g_strv_contains(names, text))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(versioned); i++) {
        const char *version = g_str_has_prefix(text, versioned[i]) ? text + strlen(versioned[i]) : "";
        if (*version != '\0' && version[strspn(version, "0123456789.")] == '\0')
            return TRUE;
    }
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a machine: give q35, pc, microvm or a version of them such as pc-q35-7.2", what, text);
}

#define LIST(member, type_, help, ...) SK_FIELD(SkDomainSpec, member, LIST, help, .type = &type_, __VA_ARGS__)
#define PART(member, type_, help, ...) SK_FIELD(SkDomainSpec, member, STRUCT, help, .type = &type_, __VA_ARGS__)
#define MAYBE(member, type_, help, ...) SK_FIELD(SkDomainSpec, member, OPTIONAL, help, .type = &type_, __VA_ARGS__)

static const SkField spec_fields[] = {
    SK_FIELD(SkDomainSpec, name, STRING, "name, unique on the host", .xml = "name", .flags = SK_FIELD_REQUIRED, .check = sk_check_name),
    SK_FIELD(SkDomainSpec, uuid, STRING, "UUID; made if not given", .xml = "uuid", .check = sk_check_uuid),
    SK_FIELD(SkDomainSpec, title, STRING, "one line for people", .xml = "title", .max = 256, LIVE),
    SK_FIELD(SkDomainSpec, description, TEXT, "notes", .xml = "description", .max = 65536, LIVE),
    SK_FIELD(SkDomainSpec, tags, STRV, "words to filter by", .max = 64, .check = sk_check_name, LIVE),
    SK_FIELD(SkDomainSpec, metadata, MAP, "other programs' data, kept as it came", .xml = "metadata", LIVE),
    SK_FIELD(SkDomainSpec, accel, ENUM, "accelerator", .xml = "@type", .names = &sk_accel_enum),
    SK_FIELD(SkDomainSpec, arch, STRING, "architecture", .xml = "os/type/@arch", .def = "x86_64", .max = 32),
    SK_FIELD(SkDomainSpec, machine, STRING, "machine: q35, pc, microvm, or a version of them", .xml = "os/type/@machine", .def = "q35", .check = check_machine),
    SK_FIELD(SkDomainSpec, emulator, STRING, "QEMU binary; the host's if not given", .xml = "devices/emulator", .check = sk_check_path),
    PART(vcpus, sk_vcpus_type, "vCPUs", .xml = "vcpu", LIVE),
    PART(memory, sk_memory_type, "memory", .xml = "memory", LIVE),
    PART(cpu, sk_cpu_type, "CPU model", .xml = "cpu"),
    PART(firmware, sk_firmware_type, "firmware", .xml = "os"),
    PART(boot, sk_boot_type, "boot", .xml = "os"),
    PART(clock, sk_clock_type, "clock", .xml = "clock"),
    SK_FIELD(SkDomainSpec, on_poweroff, ENUM, "when the guest powers off", .xml = "on_poweroff", .names = &sk_on_action_enum, .def = "destroy", LIVE),
    SK_FIELD(SkDomainSpec, on_reboot, ENUM, "when the guest reboots", .xml = "on_reboot", .names = &sk_on_action_enum, .def = "restart"),
    SK_FIELD(SkDomainSpec, on_crash, ENUM, "when the guest crashes", .xml = "on_crash", .names = &sk_on_action_enum, .def = "destroy"),
    PART(features, sk_features_type, "features", .xml = "features"),
    SK_FIELD(SkDomainSpec, iothreads, UINT, "I/O threads for disks", .xml = "iothreads", .min = 0, .max = 64, SPARSE),
    SK_FIELD(SkDomainSpec, autostart, BOOL, "start with the host", LIVE),
    SK_FIELD(SkDomainSpec, exact, BOOL, "only the devices that are given; the usual ones are not added", SPARSE),
    LIST(disks, sk_disk_type, "disks", .xml = "devices/disk", .max = 256, LIVE),
    LIST(controllers, sk_controller_type, "controllers beyond the usual ones", .xml = "devices/controller", .max = 64),
    LIST(interfaces, sk_interface_type, "network interfaces", .xml = "devices/interface", .max = 64, LIVE),
    LIST(serials, sk_serial_type, "serial ports", .xml = "devices/serial", .max = 4),
    LIST(consoles, sk_console_type, "virtio consoles", .xml = "devices/console", .max = 16),
    LIST(channels, sk_channel_type, "channels", .xml = "devices/channel", .max = 16),
    LIST(graphics, sk_graphics_type, "graphical consoles", .xml = "devices/graphics", .max = 2),
    LIST(videos, sk_video_type, "video cards", .xml = "devices/video", .max = 4),
    LIST(inputs, sk_input_type, "input devices", .xml = "devices/input", .max = 16),
    LIST(rngs, sk_rng_type, "random number generators", .xml = "devices/rng", .max = 4),
    LIST(sounds, sk_sound_type, "sound cards", .xml = "devices/sound", .max = 4),
    LIST(hostdevs, sk_hostdev_type, "host devices", .xml = "devices/hostdev", .max = 32),
    LIST(filesystems, sk_filesystem_type, "shared directories", .xml = "devices/filesystem", .max = 16),
    MAYBE(balloon, sk_balloon_type, "memory balloon", .xml = "devices/memballoon"),
    MAYBE(watchdog, sk_watchdog_type, "watchdog", .xml = "devices/watchdog"),
    MAYBE(tpm, sk_tpm_type, "TPM", .xml = "devices/tpm"),
    MAYBE(panic, sk_panic_type, "panic device", .xml = "devices/panic"),
    MAYBE(vsock, sk_vsock_type, "vsock", .xml = "devices/vsock"),
    MAYBE(cloud_init, sk_cloud_init_type, "cloud-init settings"),
};

static gboolean
check_disks(const SkDomainSpec *self, GError **error)
{
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        const SkDisk *disk = self->disks->pdata[i];
        if (disk->target != NULL && sk_domain_spec_find_disk(self, disk->target) != disk)
            return sk_fail(error, SK_ERROR_INVALID, "two disks have the target \"%s\"", disk->target);
        if (disk->iothread > self->iothreads)
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" asks for iothread %u, but iothreads is %u",
                           disk->target ? disk->target : "?", disk->iothread, self->iothreads);
    }
    return TRUE;
}

static gboolean
check_interfaces(const SkDomainSpec *self, GError **error)
{
    for (guint i = 0; self->interfaces != NULL && i < self->interfaces->len; i++) {
        const SkInterface *nic = self->interfaces->pdata[i];
        for (guint j = 0; nic->mac != NULL && j < i; j++) {
            const SkInterface *other = self->interfaces->pdata[j];
            if (other->mac != NULL && g_ascii_strcasecmp(nic->mac, other->mac) == 0)
                return sk_fail(error, SK_ERROR_INVALID, "two interfaces have the MAC address \"%s\"", nic->mac);
        }
    }
    return TRUE;
}

static gboolean
check_spec(gconstpointer value, GError **error)
{
    const SkDomainSpec *self = value;
    if (!check_disks(self, error) || !check_interfaces(self, error))
        return FALSE;
    if (sk_domain_spec_machine_family(self) == SK_MACHINE_MICROVM) {
        if (self->firmware.kind == SK_FIRMWARE_UEFI)
            return sk_fail(error, SK_ERROR_INVALID, "machine microvm has no UEFI: give firmware bios or machine q35");
        if (self->boot.kernel == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "machine microvm needs boot.kernel");
        if (self->hostdevs != NULL && self->hostdevs->len > 0)
            return sk_fail(error, SK_ERROR_INVALID, "machine microvm has no PCI bus for host devices");
    }
    if (self->firmware.secure_boot && sk_domain_spec_machine_family(self) != SK_MACHINE_Q35)
        return sk_fail(error, SK_ERROR_INVALID, "secure boot needs machine q35");
    if (!g_str_equal(self->arch ? self->arch : "", "x86_64"))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "architecture \"%s\" is not supported here: give x86_64", self->arch ? self->arch : "");
    return TRUE;
}

SK_TYPE(sk_domain_spec_type, SkDomainSpec, "Domain", "domain", spec_fields, "a virtual machine's definition", .xml = "domain", .check = check_spec);

SkMachineFamily
sk_domain_spec_machine_family(const SkDomainSpec *self)
{
    const char *machine = self->machine != NULL ? self->machine : "q35";
    if (g_str_equal(machine, "microvm"))
        return SK_MACHINE_MICROVM;
    if (g_str_equal(machine, "q35") || g_str_has_prefix(machine, "pc-q35"))
        return SK_MACHINE_Q35;
    if (g_str_equal(machine, "pc") || g_str_has_prefix(machine, "pc-i440fx"))
        return SK_MACHINE_PC;
    return SK_MACHINE_OTHER;
}

SkDisk *
sk_domain_spec_find_disk(const SkDomainSpec *self, const char *target)
{
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        SkDisk *disk = self->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}

SkInterface *
sk_domain_spec_find_interface(const SkDomainSpec *self, const char *text)
{
    guint64 place;
    gboolean is_number = g_ascii_string_to_unsigned(text, 10, 0, 1024, &place, NULL);
    for (guint i = 0; self->interfaces != NULL && i < self->interfaces->len; i++) {
        SkInterface *nic = self->interfaces->pdata[i];
        if ((nic->mac != NULL && g_ascii_strcasecmp(nic->mac, text) == 0) || g_strcmp0(nic->alias, text) == 0 ||
            g_strcmp0(nic->tap, text) == 0 || (is_number && place == i))
            return nic;
    }
    return NULL;
}

SkGraphics *
sk_domain_spec_find_vnc(const SkDomainSpec *self)
{
    for (guint i = 0; self->graphics != NULL && i < self->graphics->len; i++) {
        SkGraphics *graphics = self->graphics->pdata[i];
        if (graphics->kind == SK_GRAPHICS_VNC)
            return graphics;
    }
    return NULL;
}
