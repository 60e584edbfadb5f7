/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* node.capabilities: the host's half and QEMU's half. */
#include "service/capabilities.h"

#include "base/error.h"
#include "engine/caps.h"
#include "host/firmware.h"
#include "host/topology.h"
#include "service/emulator.h"
#include "service/service-private.h"

/* After the daemon's start: first those are answered who have waited for it, and what runs is found again. */
#define PROBE_DELAY_MS 200

typedef struct {
    char *binary, *cache_dir, *arch;
    SkCapabilities *found;
} CapabilityWork;

static void
free_work(gpointer data)
{
    CapabilityWork *work = data;
    g_free(work->binary);
    g_free(work->cache_dir);
    g_free(work->arch);
    sk_value_free(&sk_capabilities_type, work->found);
    g_free(work);
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkService *self = job->service;
    CapabilityWork *work = job->work = g_new0(CapabilityWork, 1);
    (void) error;
    work->binary = g_strdup(self->node.qemu_path != NULL ? self->node.qemu_path : "qemu-system-x86_64");
    work->cache_dir = g_build_filename(self->settings->lib_dir, "cache", NULL);
    work->arch = g_strdup(self->node.arch);
    return TRUE;
}

/* -- QEMU's half ---------------------------------------------------------------------------------------------------- */

/* Devices and objects that clients choose by. */
static const char *const wanted_types[] = {
    "VGA", "cirrus-vga", "qxl-vga", "virtio-vga", "bochs-display", "ramfb", "vhost-user-fs-pci", "virtio-9p-pci", "memory-backend-memfd",
    "memory-backend-file", "tpm-crb", "tpm-tis", "virtio-rng-pci", "vfio-pci", "usb-host", "usb-redir", "virtio-blk-pci", "virtio-scsi-pci",
    "ich9-ahci", "ide-hd", "usb-storage", "isa-fdc", "vmcoreinfo", "vmgenid", "iothread", "virtio-serial-pci", "spicevmc",
};

static void
add_machines(SkCapabilities *out, const GPtrArray *machines)
{
    out->machines = sk_value_list_new(&sk_machine_type_type);
    for (guint i = 0; i < machines->len; i++) {
        const SkQemuMachine *from = machines->pdata[i];
        SkMachineType *machine = sk_value_new(&sk_machine_type_type);
        *machine = (SkMachineType){ .name = g_strdup(from->name), .alias = g_strdup(from->alias), .max_cpus = from->max_cpus,
                                    .is_default = from->is_default, .deprecated = from->deprecated };
        g_ptr_array_add(out->machines, machine);
    }
}

/* "host" and "max" are modes, not models; "-v1" is an older spelling of the same. */
static gboolean
is_model(const char *name)
{
    return !g_str_equal(name, "host") && !g_str_equal(name, "max") && !g_str_equal(name, "base") && !g_regex_match_simple("-v[0-9]+$", name, 0, 0);
}

static void
add_cpus(SkCapabilities *out, const GPtrArray *cpus)
{
    out->cpu_models = sk_value_list_new(&sk_cpu_model_type);
    for (guint i = 0; i < cpus->len; i++) {
        const SkQemuCpu *from = cpus->pdata[i];
        if (!is_model(from->name))
            continue;
        SkCpuModel *model = sk_value_new(&sk_cpu_model_type);
        *model = (SkCpuModel){ .name = g_strdup(from->name), .vendor = g_strdup(sk_cpu_model_vendor(from->name)), .usable = from->missing == NULL,
                               .deprecated = from->deprecated, .missing = g_strdupv(from->missing) };
        g_ptr_array_add(out->cpu_models, model);
    }
}

static void
add_types(SkCapabilities *out, const SkQemuCaps *caps)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < G_N_ELEMENTS(wanted_types); i++) {
        if (sk_qemu_caps_has(caps, wanted_types[i]))
            g_ptr_array_add(types, g_strdup(wanted_types[i]));
    }
    if (sk_qemu_caps_has_option(caps, "spice"))
        g_ptr_array_add(types, g_strdup("spice"));
    g_autofree char *swtpm = g_find_program_in_path("swtpm");
    if (swtpm != NULL)
        g_ptr_array_add(types, g_strdup("swtpm"));
    g_ptr_array_add(types, NULL);
    out->types = (char **) g_ptr_array_steal(types, NULL);
}

static void
add_loaders(SkCapabilities *out)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (gint secure = 0; secure <= 1; secure++) {
        g_autoptr(SkUefi) uefi = sk_uefi_find(NULL, out->emulator_arch, "q35", secure, NULL);
        if (uefi == NULL)
            continue;
        g_ptr_array_add(paths, g_strdup(uefi->code));
        out->secure_boot = out->secure_boot || uefi->secure_boot;
    }
    if (paths->len == 0)
        return;
    g_ptr_array_add(paths, NULL);
    out->loaders = (char **) g_ptr_array_steal(paths, NULL);
}

static gboolean
run(SkJob *job, GError **error)
{
    CapabilityWork *work = job->work;
    g_autoptr(SkQemuCaps) caps = sk_qemu_caps_get(work->binary, work->cache_dir, error);
    if (caps == NULL)
        return FALSE;
    SkCapabilities *found = work->found = sk_value_new(&sk_capabilities_type);
    sk_host_fill_capabilities(NULL, found);
    found->takes_kvm = found->kvm || job->service->settings->kvm_fallback;
    found->arch = g_strdup(work->arch);
    found->emulator = g_strdup(sk_qemu_caps_binary(caps));
    found->version = g_strdup(sk_qemu_caps_version(caps));
    found->emulator_arch = g_strdup(sk_qemu_caps_arch(caps));
    add_machines(found, sk_qemu_caps_machines(caps));
    add_cpus(found, sk_qemu_caps_cpus(caps));
    add_types(found, caps);
    add_loaders(found);
    return TRUE;
}

static void
commit(SkJob *job)
{
    CapabilityWork *work = job->work;
    SkService *self = job->service;
    sk_value_free(&sk_capabilities_type, self->capabilities);
    self->capabilities = g_steal_pointer(&work->found);
    sk_answer_value(job->call, &sk_capabilities_type, self->capabilities);
}

const SkJobKind sk_node_capabilities_job = { .prepare = prepare, .run = run, .commit = commit, .free_work = free_work };

/* -- at start-up ------------------------------------------------------------------------------------------------------ */

static void
on_emulator(SkQemuCaps *caps, const GError *error, gpointer data)
{
    (void) caps, (void) data;
    if (error != NULL)
        g_warning("%s, continuing: no domain can be started", error->message);
}

static gboolean
ask(gpointer data)
{
    SkService *self = data;
    self->probe_timer = 0;
    sk_service_ask_emulator(self, NULL, on_emulator, NULL);
    return G_SOURCE_REMOVE;
}

void
sk_service_probe_emulator(SkService *self)
{
    self->probe_timer = g_timeout_add(PROBE_DELAY_MS, ask, self);
}
