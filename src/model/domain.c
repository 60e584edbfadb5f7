/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of a domain's definition, and the rules across its fields. */
#include "model/domain.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName accel_names[] = { { "auto", NULL, "KVM where it can run guests, else TCG" }, { "kvm" }, { "tcg", "qemu" } };
static const SkEnumName on_action_names[] = { { "destroy" }, { "restart" }, { "preserve" } };

SK_ENUM_TABLE(sk_accel_enum, "accelerator", accel_names, SK_N_ACCELS);
SK_ENUM_TABLE(sk_on_action_enum, "action", on_action_names, SK_N_ON_ACTIONS);

#define SPARSE .flags = SK_FIELD_SPARSE
#define LIVE .flags = SK_FIELD_LIVE
#define LIVE_SPARSE .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE

/* -- the whole ---------------------------------------------------------------------------------------------- */

static gboolean
check_genid(const char *text, const char *what, GError **error)
{
    return g_str_equal(text, "auto") || sk_check_uuid(text, what, error);
}

static gboolean
check_machine(const char *text, const char *what, GError **error)
{
    static const char *const names[] = { "q35", "pc", "microvm", NULL }, *const versioned[] = { "pc-q35-", "pc-i440fx-" };
    if (g_strv_contains(names, text))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(versioned); i++) {
        const char *version = g_str_has_prefix(text, versioned[i]) ? text + strlen(versioned[i]) : "";
        /* Distributions have their own: "rhel9.2.0", "noble-v2". */
        if (g_ascii_isalnum(*version) && version[strspn(version, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0')
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
    SK_FIELD(SkDomainSpec, genid, STRING, "generation by which a guest learns that it went back or was copied: a UUID, or auto for a new one", .xml = "genid", .check = check_genid, SPARSE),
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
    PART(power, sk_power_type, "power management", .xml = "pm", SPARSE),
    SK_FIELD(SkDomainSpec, on_poweroff, ENUM, "when the guest powers off", .xml = "on_poweroff", .names = &sk_on_action_enum, .def = "destroy", LIVE),
    SK_FIELD(SkDomainSpec, on_reboot, ENUM, "when the guest reboots", .xml = "on_reboot", .names = &sk_on_action_enum, .def = "restart", LIVE),
    SK_FIELD(SkDomainSpec, on_crash, ENUM, "when the guest crashes", .xml = "on_crash", .names = &sk_on_action_enum, .def = "destroy", LIVE),
    PART(features, sk_features_type, "features", .xml = "features"),
    SK_FIELD(SkDomainSpec, iothreads, UINT, "I/O threads for disks", .xml = "iothreads", .min = 0, .max = 64, LIVE_SPARSE),
    PART(cpu_tune, sk_cpu_tune_type, "how much of the host's CPUs", .xml = "cputune", SPARSE),
    MAYBE(numa_tune, sk_numa_tune_type, "where on the host memory comes from", .xml = "numatune", SPARSE),
    PART(memory_tune, sk_memory_tune_type, "how much of the host's memory", .xml = "memtune", SPARSE),
    PART(block_tune, sk_block_tune_type, "how much of the host's block I/O", .xml = "blkiotune", SPARSE),
    LIST(sysinfo, sk_sysinfo_entry_type, "what the guest's firmware tells of the machine", .xml = "sysinfo", .max = 64, SPARSE),
    LIST(fw_cfg, sk_fw_cfg_type, "data for the guest's firmware", .xml = "sysinfo", .max = 16, SPARSE),
    SK_FIELD(SkDomainSpec, qemu_args, STRV, "arguments for QEMU, as they are; for administrators, and at their risk", .xml = "qemu:commandline", .max = 128, SPARSE),
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
    LIST(parallels, sk_parallel_type, "parallel ports", .xml = "devices/parallel", .max = 3, SPARSE),
    LIST(audios, sk_audio_type, "where sound cards play to", .xml = "devices/audio", .max = 4, SPARSE),
    LIST(redirdevs, sk_redirdev_type, "USB devices brought from elsewhere", .xml = "devices/redirdev", .max = 16, SPARSE),
    LIST(hubs, sk_hub_type, "USB hubs", .xml = "devices/hub", .max = 8, SPARSE),
    LIST(smartcards, sk_smartcard_type, "smartcards", .xml = "devices/smartcard", .max = 4, SPARSE),
    LIST(shmems, sk_shmem_type, "memory shared with other domains", .xml = "devices/shmem", .max = 8, SPARSE),
    LIST(dimms, sk_dimm_type, "memory in slots", .xml = "devices/memory", .max = 64, SPARSE),
    MAYBE(balloon, sk_balloon_type, "memory balloon", .xml = "devices/memballoon"),
    MAYBE(watchdog, sk_watchdog_type, "watchdog", .xml = "devices/watchdog"),
    MAYBE(tpm, sk_tpm_type, "TPM", .xml = "devices/tpm"),
    MAYBE(panic, sk_panic_type, "panic device", .xml = "devices/panic"),
    MAYBE(vsock, sk_vsock_type, "vsock", .xml = "devices/vsock"),
    MAYBE(iommu, sk_iommu_type, "IOMMU", .xml = "devices/iommu", SPARSE),
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

/* QEMU takes each place in the boot order once. */
static gboolean
check_boot_orders(const SkDomainSpec *self, GError **error)
{
    guint64 seen[2] = { 0 };
    const struct {
        const GPtrArray *list;
        gsize offset;
    } lists[] = { { self->disks, G_STRUCT_OFFSET(SkDisk, boot_order) }, { self->interfaces, G_STRUCT_OFFSET(SkInterface, boot_order) },
                  { self->hostdevs, G_STRUCT_OFFSET(SkHostdev, boot_order) } };
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (guint j = 0; lists[i].list != NULL && j < lists[i].list->len; j++) {
            guint order = *(guint *) G_STRUCT_MEMBER_P(lists[i].list->pdata[j], lists[i].offset);
            if (order == 0 || order > 127)
                continue;
            if (seen[order / 64] & (G_GUINT64_CONSTANT(1) << order % 64))
                return sk_fail(error, SK_ERROR_INVALID, "two devices have the boot_order %u", order);
            seen[order / 64] |= G_GUINT64_CONSTANT(1) << order % 64;
        }
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
    if (!check_disks(self, error) || !check_boot_orders(self, error) || !check_interfaces(self, error))
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

gboolean
sk_domain_spec_is_pinned(const SkDomainSpec *self)
{
    return self->machine != NULL && !g_str_equal(self->machine, "q35") && !g_str_equal(self->machine, "pc");
}

void
sk_domain_spec_renew_genid(SkDomainSpec *self)
{
    if (self->genid == NULL)
        return;
    g_free(self->genid);
    self->genid = g_uuid_string_random();
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
