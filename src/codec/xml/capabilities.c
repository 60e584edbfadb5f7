/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <capabilities> and <domainCapabilities>. */
#include <string.h>

#include "codec/xml/node.h"
#include "codec/xml/xml.h"
#include "model/domain.h"

/* -- the host -------------------------------------------------------------------------------------------------------- */

static void
write_pages(SkXmlNode *node, const GPtrArray *pages, gboolean counts)
{
    for (guint i = 0; pages != NULL && i < pages->len; i++) {
        const SkHostPages *size = pages->pdata[i];
        SkXmlNode *element = sk_xml_add(node, "pages");
        sk_xml_set(element, "@unit", "KiB");
        sk_xml_setf(element, "@size", "%" G_GUINT64_FORMAT, size->size / 1024);
        if (counts)
            sk_xml_setf(element, ".", "%" G_GUINT64_FORMAT, size->total);
    }
}

static void
write_host_cpu(SkXmlNode *host, const SkCapabilities *caps)
{
    SkXmlNode *cpu = sk_xml_add(host, "cpu");
    const SkHostNode *first = caps->nodes != NULL && caps->nodes->len > 0 ? caps->nodes->pdata[0] : NULL;
    sk_xml_set(cpu, "arch", caps->arch);
    sk_xml_set(cpu, "model", caps->cpu_model);
    sk_xml_set(cpu, "vendor", caps->cpu_vendor);
    SkXmlNode *topology = sk_xml_add(cpu, "topology");
    sk_xml_setf(topology, "@sockets", "%u", caps->sockets);
    sk_xml_setf(topology, "@dies", "%u", caps->dies);
    sk_xml_setf(topology, "@cores", "%u", caps->cores);
    sk_xml_setf(topology, "@threads", "%u", caps->threads);
    if (first != NULL)
        write_pages(cpu, first->pages, FALSE);
}

static void
write_distances(SkXmlNode *cell, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text != NULL ? text : "", " ", -1);
    guint id = 0;
    for (guint i = 0; words[i] != NULL; i++) {
        if (*words[i] == '\0')
            continue;
        SkXmlNode *sibling = sk_xml_add(sk_xml_need(cell, "distances"), "sibling");
        sk_xml_setf(sibling, "@id", "%u", id++);
        sk_xml_set(sibling, "@value", words[i]);
    }
}

static void
write_cell(SkXmlNode *cells, const SkHostNode *node)
{
    SkXmlNode *cell = sk_xml_add(cells, "cell");
    sk_xml_setf(cell, "@id", "%u", node->id);
    SkXmlNode *memory = sk_xml_add(cell, "memory");
    sk_xml_set(memory, "@unit", "KiB");
    sk_xml_setf(memory, ".", "%" G_GUINT64_FORMAT, node->memory / 1024);
    write_pages(cell, node->pages, TRUE);
    write_distances(cell, node->distances);
    SkXmlNode *cpus = sk_xml_add(cell, "cpus");
    sk_xml_setf(cpus, "@num", "%u", node->cpus != NULL ? node->cpus->len : 0);
    for (guint i = 0; node->cpus != NULL && i < node->cpus->len; i++) {
        const SkHostCpu *from = node->cpus->pdata[i];
        SkXmlNode *cpu = sk_xml_add(cpus, "cpu");
        sk_xml_setf(cpu, "@id", "%u", from->id);
        sk_xml_setf(cpu, "@socket_id", "%u", from->socket);
        sk_xml_setf(cpu, "@die_id", "%u", from->die);
        sk_xml_setf(cpu, "@core_id", "%u", from->core);
        sk_xml_set(cpu, "@siblings", from->siblings);
    }
}

static void
write_host(SkXmlNode *capabilities, const SkCapabilities *caps)
{
    SkXmlNode *host = sk_xml_add(capabilities, "host");
    sk_xml_set(host, "uuid", caps->uuid);
    write_host_cpu(host, caps);
    sk_xml_add(host, "power_management");
    sk_xml_set(host, "iommu/@support", caps->iommu ? "yes" : "no");
    SkXmlNode *migration = sk_xml_add(host, "migration_features");
    sk_xml_add(migration, "live");
    sk_xml_set(migration, "uri_transports/uri_transport", "tcp");
    SkXmlNode *cells = sk_xml_need(host, "topology/cells");
    sk_xml_setf(cells, "@num", "%u", caps->nodes != NULL ? caps->nodes->len : 0);
    for (guint i = 0; caps->nodes != NULL && i < caps->nodes->len; i++)
        write_cell(cells, caps->nodes->pdata[i]);
    /* Each domain's QEMU has a user of its own, and no other label. */
    SkXmlNode *secmodel = sk_xml_add(host, "secmodel");
    sk_xml_set(secmodel, "model", "none");
    sk_xml_set(secmodel, "doi", "0");
}

/* -- guests ------------------------------------------------------------------------------------------------------------ */

static void
write_machine(SkXmlNode *arch, const char *name, const char *canonical, const SkMachineType *machine)
{
    SkXmlNode *node = sk_xml_add(arch, "machine");
    sk_xml_set(node, "@canonical", canonical);
    sk_xml_setf(node, "@maxCpus", "%u", machine->max_cpus);
    if (machine->deprecated)
        sk_xml_set(node, "@deprecated", "yes");
    sk_xml_set(node, ".", name);
}

static gboolean
is_machine(const SkMachineType *machine)
{
    return !g_str_equal(machine->name, "none") && !g_str_has_prefix(machine->name, "x-") && !g_str_equal(machine->name, "xenpv") &&
           !g_str_equal(machine->name, "xenfv") && !g_str_has_prefix(machine->name, "xenfv-");
}

/* The default comes first: clients take that one. */
static void
write_machines(SkXmlNode *arch, const SkCapabilities *caps, gboolean defaults)
{
    for (guint i = 0; caps->machines != NULL && i < caps->machines->len; i++) {
        const SkMachineType *machine = caps->machines->pdata[i];
        if (!is_machine(machine) || machine->is_default != defaults)
            continue;
        write_machine(arch, machine->name, NULL, machine);
        if (machine->alias != NULL)
            write_machine(arch, machine->alias, machine->name, machine);
    }
}

static void
write_guest(SkXmlNode *capabilities, const SkCapabilities *caps, const char *name, const char *bits)
{
    SkXmlNode *guest = sk_xml_add(capabilities, "guest");
    sk_xml_set(guest, "os_type", "hvm");
    SkXmlNode *arch = sk_xml_add(guest, "arch");
    sk_xml_set(arch, "@name", name);
    sk_xml_set(arch, "wordsize", bits);
    sk_xml_set(arch, "emulator", caps->emulator);
    write_machines(arch, caps, TRUE);
    write_machines(arch, caps, FALSE);
    sk_xml_set(sk_xml_add(arch, "domain"), "@type", "qemu");
    if (caps->kvm || caps->takes_kvm)
        sk_xml_set(sk_xml_add(arch, "domain"), "@type", "kvm");
    SkXmlNode *features = sk_xml_add(guest, "features");
    if (g_str_equal(bits, "32")) {
        sk_xml_add(features, "pae");
        sk_xml_add(features, "nonpae");
    }
    SkXmlNode *acpi = sk_xml_add(features, "acpi");
    sk_xml_set(acpi, "@default", "on");
    sk_xml_set(acpi, "@toggle", "yes");
    SkXmlNode *apic = sk_xml_add(features, "apic");
    sk_xml_set(apic, "@default", "on");
    sk_xml_set(apic, "@toggle", "no");
    sk_xml_add(features, "cpuselection");
    sk_xml_add(features, "deviceboot");
    SkXmlNode *snapshot = sk_xml_add(features, "disksnapshot");
    sk_xml_set(snapshot, "@default", "on");
    sk_xml_set(snapshot, "@toggle", "no");
}

char *
sk_xml_capabilities_format(const SkCapabilities *caps)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("capabilities");
    write_host(root, caps);
    write_guest(root, caps, caps->emulator_arch, "64");
    return sk_xml_text(root);
}

/* -- domain capabilities ---------------------------------------------------------------------------------------------------- */

/* <enum name='...'> with values, from a list that ends with NULL. */
static void
write_enum(SkXmlNode *node, const char *name, const char *const *values)
{
    SkXmlNode *element = sk_xml_add(node, "enum");
    sk_xml_set(element, "@name", name);
    for (guint i = 0; values[i] != NULL; i++)
        sk_xml_set(sk_xml_add(element, "value"), ".", values[i]);
}

static gboolean
has(const SkCapabilities *caps, const char *type)
{
    return caps->types != NULL && g_strv_contains((const char *const *) caps->types, type);
}

/* A value and the type of QEMU's that it takes; NULL: always there. */
typedef struct {
    const char *value, *type;
} Choice;

static void
write_choices(SkXmlNode *node, const char *name, const SkCapabilities *caps, const Choice *choices)
{
    const char *values[16] = { NULL };
    guint count = 0;
    for (; choices->value != NULL && count < G_N_ELEMENTS(values) - 1; choices++) {
        if (choices->type == NULL || has(caps, choices->type))
            values[count++] = choices->value;
    }
    write_enum(node, name, values);
}

static SkXmlNode *
add_supported(SkXmlNode *node, const char *name, gboolean supported)
{
    SkXmlNode *child = sk_xml_add(node, name);
    sk_xml_set(child, "@supported", supported ? "yes" : "no");
    return child;
}

static void
write_os(SkXmlNode *root, const SkCapabilities *caps)
{
    static const char *const types[] = { "rom", "pflash", NULL }, *const yes_no[] = { "yes", "no", NULL }, *const no[] = { "no", NULL };
    static const char *const efi[] = { "efi", NULL }, *const none[] = { NULL };
    SkXmlNode *os = add_supported(root, "os", TRUE);
    write_enum(os, "firmware", caps->loaders != NULL ? efi : none);
    SkXmlNode *loader = add_supported(os, "loader", TRUE);
    for (char **path = caps->loaders; path != NULL && *path != NULL; path++)
        sk_xml_set(sk_xml_add(loader, "value"), ".", *path);
    write_enum(loader, "type", types);
    write_enum(loader, "readonly", yes_no);
    write_enum(loader, "secure", caps->secure_boot ? yes_no : no);
}

static SkXmlNode *
add_mode(SkXmlNode *cpu, const char *name, gboolean supported)
{
    SkXmlNode *mode = sk_xml_add(cpu, "mode");
    sk_xml_set(mode, "@name", name);
    sk_xml_set(mode, "@supported", supported ? "yes" : "no");
    return mode;
}

static void
write_cpu(SkXmlNode *root, const SkCapabilities *caps, gboolean kvm)
{
    static const char *const on_off[] = { "on", "off", NULL };
    SkXmlNode *cpu = sk_xml_add(root, "cpu");
    SkXmlNode *passthrough = add_mode(cpu, "host-passthrough", kvm);
    if (kvm)
        write_enum(passthrough, "hostPassthroughMigratable", on_off);
    write_enum(add_mode(cpu, "maximum", TRUE), "maximumMigratable", on_off);
    SkXmlNode *host = add_mode(cpu, "host-model", TRUE);
    SkXmlNode *model = sk_xml_add(host, "model");
    sk_xml_set(model, "@fallback", "forbid");
    sk_xml_set(model, ".", kvm ? caps->cpu_model : "qemu64");
    if (kvm)
        sk_xml_set(host, "vendor", caps->cpu_vendor);
    SkXmlNode *custom = add_mode(cpu, "custom", TRUE);
    for (guint i = 0; caps->cpu_models != NULL && i < caps->cpu_models->len; i++) {
        const SkCpuModel *from = caps->cpu_models->pdata[i];
        SkXmlNode *node = sk_xml_add(custom, "model");
        sk_xml_set(node, "@usable", caps->kvm != kvm ? "unknown" : from->usable ? "yes" : "no");
        if (from->deprecated)
            sk_xml_set(node, "@deprecated", "yes");
        sk_xml_set(node, "@vendor", from->vendor);
        sk_xml_set(node, ".", from->name);
    }
}

static void
write_devices(SkXmlNode *root, const SkCapabilities *caps, gboolean q35)
{
    static const Choice video[] = { { "vga", "VGA" }, { "cirrus", "cirrus-vga" }, { "qxl", "qxl-vga" }, { "virtio", "virtio-vga" }, { "none", NULL },
                                    { "bochs", "bochs-display" }, { "ramfb", "ramfb" }, { NULL } };
    static const Choice graphics[] = { { "vnc", NULL }, { "spice", "spice" }, { NULL } };
    static const Choice tpm[] = { { "tpm-tis", "tpm-tis" }, { "tpm-crb", "tpm-crb" }, { NULL } };
    static const Choice filesystem[] = { { "path", "virtio-9p-pci" }, { "virtiofs", "vhost-user-fs-pci" }, { NULL } };
    static const Choice bus[] = { { "fdc", "isa-fdc" }, { "scsi", NULL }, { "virtio", NULL }, { "usb", NULL }, { "sata", NULL }, { NULL } };
    static const Choice bus_pc[] = { { "ide", NULL }, { "fdc", "isa-fdc" }, { "scsi", NULL }, { "virtio", NULL }, { "usb", NULL }, { "sata", NULL }, { NULL } };
    static const char *const disk_device[] = { "disk", "cdrom", "floppy", NULL };
    static const char *const disk_model[] = { "virtio", "virtio-transitional", "virtio-non-transitional", NULL };
    static const char *const hostdev_mode[] = { "subsystem", NULL }, *const policy[] = { "default", "mandatory", "requisite", "optional", NULL };
    static const char *const subsystem[] = { "usb", "pci", NULL }, *const none[] = { NULL }, *const pci[] = { "default", "vfio", NULL };
    static const char *const rng_model[] = { "virtio", NULL }, *const rng_backend[] = { "random", "builtin", NULL };
    static const char *const emulator[] = { "emulator", NULL }, *const versions[] = { "1.2", "2.0", NULL };
    static const char *const channels[] = { "pty", "unix", NULL };
    SkXmlNode *devices = sk_xml_add(root, "devices");
    SkXmlNode *disk = add_supported(devices, "disk", TRUE);
    write_enum(disk, "diskDevice", disk_device);
    write_choices(disk, "bus", caps, q35 ? bus : bus_pc);
    write_enum(disk, "model", disk_model);
    write_choices(add_supported(devices, "graphics", TRUE), "type", caps, graphics);
    write_choices(add_supported(devices, "video", TRUE), "modelType", caps, video);
    SkXmlNode *hostdev = add_supported(devices, "hostdev", TRUE);
    write_enum(hostdev, "mode", hostdev_mode);
    write_enum(hostdev, "startupPolicy", policy);
    write_enum(hostdev, "subsysType", subsystem);
    write_enum(hostdev, "capsType", none);
    write_enum(hostdev, "pciBackend", caps->iommu && has(caps, "vfio-pci") ? pci : none);
    SkXmlNode *rng = add_supported(devices, "rng", TRUE);
    write_enum(rng, "model", rng_model);
    write_enum(rng, "backendModel", rng_backend);
    write_choices(add_supported(devices, "filesystem", TRUE), "driverType", caps, filesystem);
    gboolean can_tpm = has(caps, "swtpm");
    SkXmlNode *node = add_supported(devices, "tpm", can_tpm);
    if (can_tpm) {
        write_choices(node, "model", caps, tpm);
        write_enum(node, "backendModel", emulator);
        write_enum(node, "backendVersion", versions);
    }
    write_enum(add_supported(devices, "redirdev", has(caps, "usb-redir")), "bus", has(caps, "usb-redir") ? (const char *const[]){ "usb", NULL } : none);
    write_enum(add_supported(devices, "channel", TRUE), "type", channels);
}

static void
write_features(SkXmlNode *root, const SkCapabilities *caps)
{
    SkXmlNode *features = sk_xml_add(root, "features");
    add_supported(features, "gic", FALSE);
    add_supported(features, "vmcoreinfo", has(caps, "vmcoreinfo"));
    add_supported(features, "genid", has(caps, "vmgenid"));
    add_supported(features, "backingStoreInput", TRUE);
    add_supported(features, "backup", FALSE);
    add_supported(features, "sev", FALSE);
    add_supported(features, "sgx", FALSE);
}

static const SkMachineType *
find_machine(const SkCapabilities *caps, const char *name)
{
    for (guint i = 0; caps->machines != NULL && i < caps->machines->len; i++) {
        const SkMachineType *machine = caps->machines->pdata[i];
        if (name == NULL ? machine->is_default : g_str_equal(machine->name, name) || g_strcmp0(machine->alias, name) == 0)
            return machine;
    }
    return NULL;
}

char *
sk_xml_domain_capabilities_format(const SkCapabilities *caps, const char *machine_name, gboolean kvm, GError **error)
{
    static const Choice sources[] = { { "file", "memory-backend-file" }, { "anonymous", NULL }, { "memfd", "memory-backend-memfd" }, { NULL } };
    const SkMachineType *machine = find_machine(caps, machine_name);
    if (machine == NULL) {
        sk_fail(error, SK_ERROR_INVALID, "the machine '%.64s' is not supported by emulator '%s'", machine_name != NULL ? machine_name : "", caps->emulator);
        return NULL;
    }
    g_autoptr(SkXmlNode) root = sk_xml_new("domainCapabilities");
    sk_xml_set(root, "path", caps->emulator);
    sk_xml_set(root, "domain", kvm ? "kvm" : "qemu");
    sk_xml_set(root, "machine", machine->name);
    sk_xml_set(root, "arch", caps->emulator_arch);
    sk_xml_setf(sk_xml_add(root, "vcpu"), "@max", "%u", MIN(machine->max_cpus, 512));
    add_supported(root, "iothreads", has(caps, "iothread"));
    write_os(root, caps);
    write_cpu(root, caps, kvm);
    write_choices(add_supported(root, "memoryBacking", TRUE), "sourceType", caps, sources);
    write_devices(root, caps, strstr(machine->name, "q35") != NULL);
    write_features(root, caps);
    return sk_xml_text(root);
}

/* -- CPUs that are compared ---------------------------------------------------------------------------------------------------- */

/* Beside the model only features matter; a whole <capabilities> or <domainCapabilities> has one in it. */
static SkXmlNode *
find_cpu(SkXmlNode *root)
{
    if (g_str_equal(sk_xml_name(root), "cpu"))
        return root;
    if (g_str_equal(sk_xml_name(root), "capabilities"))
        return sk_xml_at(root, "host/cpu");
    if (g_str_equal(sk_xml_name(root), "domain"))
        return sk_xml_at(root, "cpu");
    SkXmlNode *cpu = g_str_equal(sk_xml_name(root), "domainCapabilities") ? sk_xml_child(root, "cpu") : NULL;
    for (SkXmlNode *mode = cpu != NULL ? sk_xml_child(cpu, "mode") : NULL; mode != NULL; mode = sk_xml_next(mode)) {
        if (g_strcmp0(sk_xml_get(mode, "@name"), "host-model") == 0)
            return mode;
    }
    return NULL;
}

gboolean
sk_xml_cpu_parse(const char *text, char **out_model, char ***out_features, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, -1, "CPU XML", NULL, error);
    if (root == NULL)
        return FALSE;
    SkXmlNode *cpu = find_cpu(root);
    const char *model = cpu != NULL ? sk_xml_get(cpu, "model") : NULL;
    if (model == NULL)
        return sk_xml_fail(root, error, SK_ERROR_XML, "there is no <cpu> with a <model> in it");
    g_autoptr(GPtrArray) features = g_ptr_array_new_with_free_func(g_free);
    for (SkXmlNode *node = sk_xml_child(cpu, "feature"); node != NULL; node = sk_xml_next(node)) {
        const char *policy = sk_xml_get(node, "@policy"), *name = sk_xml_get(node, "@name");
        if (name != NULL && (policy == NULL || g_str_equal(policy, "require") || g_str_equal(policy, "force")))
            g_ptr_array_add(features, g_strdup(name));
    }
    g_ptr_array_add(features, NULL);
    *out_model = g_strstrip(g_strdup(model));
    *out_features = (char **) g_ptr_array_steal(features, NULL);
    return TRUE;
}

char *
sk_xml_cpu_format(const char *model, const char *vendor, const char *const *features)
{
    g_autoptr(SkXmlNode) cpu = sk_xml_new("cpu");
    sk_xml_set(cpu, "@mode", "custom");
    sk_xml_set(cpu, "@match", "exact");
    SkXmlNode *node = sk_xml_add(cpu, "model");
    sk_xml_set(node, "@fallback", "forbid");
    sk_xml_set(node, ".", model);
    if (vendor != NULL && !g_str_equal(vendor, "unknown"))
        sk_xml_set(cpu, "vendor", vendor);
    for (guint i = 0; features != NULL && features[i] != NULL; i++) {
        SkXmlNode *feature = sk_xml_add(cpu, "feature");
        sk_xml_set(feature, "@policy", "require");
        sk_xml_set(feature, "@name", features[i]);
    }
    return sk_xml_text(cpu);
}
