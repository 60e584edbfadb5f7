/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of what the host can do and has. */
#include "model/capabilities.h"

static const SkField cpu_fields[] = {
    SK_FIELD(SkHostCpu, id, UINT, "number"),
    SK_FIELD(SkHostCpu, socket, UINT, "socket it is in"),
    SK_FIELD(SkHostCpu, die, UINT, "die of the socket"),
    SK_FIELD(SkHostCpu, core, UINT, "core of the die"),
    SK_FIELD(SkHostCpu, siblings, STRING, "CPUs of the same core"),
};
SK_TYPE(sk_host_cpu_type, SkHostCpu, "HostCpu", "CPU", cpu_fields, "a CPU of the host");

static const SkField pages_fields[] = {
    SK_FIELD(SkHostPages, size, UINT64, "bytes of a page"),
    SK_FIELD(SkHostPages, total, UINT64, "pages of this size"),
    SK_FIELD(SkHostPages, free, UINT64, "those that nobody uses"),
};
SK_TYPE(sk_host_pages_type, SkHostPages, "HostPages", "pages", pages_fields, "pages of one size");

static const SkField node_fields[] = {
    SK_FIELD(SkHostNode, id, UINT, "number"),
    SK_FIELD(SkHostNode, memory, SIZE, "memory"),
    SK_FIELD(SkHostNode, memory_free, SIZE, "memory that is free"),
    SK_FIELD(SkHostNode, cpus, LIST, "its CPUs", .type = &sk_host_cpu_type, .max = 8192),
    SK_FIELD(SkHostNode, pages, LIST, "its pages by size", .type = &sk_host_pages_type, .max = 16),
    SK_FIELD(SkHostNode, distances, STRING, "relative costs of reaching the nodes"),
};
SK_TYPE(sk_host_node_type, SkHostNode, "HostNode", "NUMA node", node_fields, "a NUMA node of the host");

static const SkField machine_fields[] = {
    SK_FIELD(SkMachineType, name, STRING, "name"),
    SK_FIELD(SkMachineType, alias, STRING, "shorter name"),
    SK_FIELD(SkMachineType, max_cpus, UINT, "vCPUs at most"),
    SK_FIELD(SkMachineType, is_default, BOOL, "QEMU's default", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkMachineType, deprecated, BOOL, "will go", .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_machine_type_type, SkMachineType, "MachineType", "machine type", machine_fields, "a machine type of QEMU");

static const SkField model_fields[] = {
    SK_FIELD(SkCpuModel, name, STRING, "name"),
    SK_FIELD(SkCpuModel, vendor, STRING, "whose CPUs it is of"),
    SK_FIELD(SkCpuModel, usable, BOOL, "all of it can be had on this host"),
    SK_FIELD(SkCpuModel, deprecated, BOOL, "will go", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkCpuModel, missing, STRV, "features of it that the host lacks"),
};
SK_TYPE(sk_cpu_model_type, SkCpuModel, "CpuModel", "CPU model", model_fields, "a CPU model of QEMU");

static const SkField capability_fields[] = {
    SK_FIELD(SkCapabilities, uuid, STRING, "UUID of the host"),
    SK_FIELD(SkCapabilities, arch, STRING, "architecture"),
    SK_FIELD(SkCapabilities, cpu_model, STRING, "CPU model of QEMU that is nearest"),
    SK_FIELD(SkCapabilities, cpu_vendor, STRING, "who made the CPU"),
    SK_FIELD(SkCapabilities, cpu_features, STRV, "what the CPU has", .max = 1024),
    SK_FIELD(SkCapabilities, sockets, UINT, "sockets"),
    SK_FIELD(SkCapabilities, dies, UINT, "dies a socket"),
    SK_FIELD(SkCapabilities, cores, UINT, "cores a die"),
    SK_FIELD(SkCapabilities, threads, UINT, "threads a core"),
    SK_FIELD(SkCapabilities, mhz, UINT, "clock of the CPUs, MHz; 0: not known"),
    SK_FIELD(SkCapabilities, nodes, LIST, "NUMA nodes", .type = &sk_host_node_type, .max = 1024),
    SK_FIELD(SkCapabilities, iommu, BOOL, "devices can be given to guests"),
    SK_FIELD(SkCapabilities, kvm, BOOL, "KVM works"),
    SK_FIELD(SkCapabilities, emulator, STRING, "QEMU binary"),
    SK_FIELD(SkCapabilities, version, STRING, "its version"),
    SK_FIELD(SkCapabilities, emulator_arch, STRING, "architecture of its guests"),
    SK_FIELD(SkCapabilities, types, STRV, "devices and objects it has, of those that matter", .max = 256),
    SK_FIELD(SkCapabilities, loaders, STRV, "UEFI images", .max = 64),
    SK_FIELD(SkCapabilities, secure_boot, BOOL, "one of them can do Secure Boot"),
    SK_FIELD(SkCapabilities, machines, LIST, "machine types", .type = &sk_machine_type_type, .max = 1024),
    SK_FIELD(SkCapabilities, cpu_models, LIST, "CPU models", .type = &sk_cpu_model_type, .max = 1024),
};
SK_TYPE(sk_capabilities_type, SkCapabilities, "Capabilities", "capabilities", capability_fields, "what the host and its QEMU can do");

static const SkField page_fields[] = {
    SK_FIELD(SkPageRequest, node, INT, "NUMA node, -1: wherever there is room", .def = "-1", .min = -1, .max = 1023),
    SK_FIELD(SkPageRequest, size, UINT, "KiB of a page", .flags = SK_FIELD_REQUIRED, .min = 4, .max = 1 << 24),
    SK_FIELD(SkPageRequest, count, UINT64, "pages", .flags = SK_FIELD_REQUIRED, .max = 1 << 30),
    SK_FIELD(SkPageRequest, add, BOOL, "beside those that are there; else in their place"),
};
SK_TYPE(sk_page_request_type, SkPageRequest, "PageRequest", "request for pages", page_fields, "huge pages to set aside");

/* -- devices of the host --------------------------------------------------------------------------------------- */

static const SkEnumName kind_names[] = {
    { "system" }, { "pci" }, { "usb-device", "usb_device" }, { "usb" }, { "net" }, { "scsi-host", "scsi_host" },
    { "scsi-target", "scsi_target" }, { "scsi" }, { "storage" }, { "drm" }, { "mdev" },
};
SK_ENUM_TABLE(sk_node_device_enum, "kind of device", kind_names, SK_N_NODEDEV_KINDS);

#define ROW(member, KIND, help) SK_FIELD(SkNodeDevice, member, KIND, help, .flags = SK_FIELD_SPARSE)
static const SkField device_fields[] = {
    SK_FIELD(SkNodeDevice, name, STRING, "name"),
    SK_FIELD(SkNodeDevice, parent, STRING, "name of the device it hangs on"),
    SK_FIELD(SkNodeDevice, kind, ENUM, "what it is", .names = &sk_node_device_enum),
    SK_FIELD(SkNodeDevice, path, STRING, "place below /sys"),
    ROW(driver, STRING, "driver it is bound to"),
    ROW(node, STRING, "file in /dev"),
    ROW(links, STRV, "further names in /dev"),
    ROW(domain, UINT, "PCI domain"),
    ROW(bus, UINT, "bus"),
    ROW(slot, UINT, "PCI slot"),
    ROW(function, UINT, "PCI function"),
    ROW(device, UINT, "number on the USB bus"),
    ROW(pci_class, UINT, "PCI class"),
    ROW(vendor, UINT, "number of the vendor"),
    ROW(product, UINT, "number of the product"),
    ROW(vendor_name, STRING, "vendor"),
    ROW(product_name, STRING, "product"),
    SK_FIELD(SkNodeDevice, iommu_group, INT, "IOMMU group, -1: none"),
    SK_FIELD(SkNodeDevice, numa_node, INT, "NUMA node, -1: none"),
    ROW(group, STRV, "addresses of the devices in its IOMMU group"),
    ROW(usb_number, UINT, "number of the USB interface"),
    ROW(usb_class, UINT, "USB class"),
    ROW(usb_subclass, UINT, "USB subclass"),
    ROW(usb_protocol, UINT, "USB protocol"),
    ROW(interface, STRING, "link"),
    ROW(mac, STRING, "MAC address"),
    ROW(link_up, BOOL, "the link is up"),
    ROW(wireless, BOOL, "the link is wireless"),
    ROW(speed, UINT, "Mbit/s"),
    ROW(host, UINT, "SCSI host"),
    ROW(channel, UINT, "SCSI channel"),
    ROW(target, UINT, "SCSI target"),
    ROW(lun, UINT, "SCSI unit"),
    ROW(type, STRING, "disk, cdrom, ..."),
    ROW(model, STRING, "model"),
    ROW(serial, STRING, "serial number"),
    ROW(storage_bus, STRING, "bus of the disk"),
    ROW(size, UINT64, "bytes"),
    ROW(block_size, UINT64, "bytes of a block"),
    ROW(removable, BOOL, "the medium can be taken out"),
    ROW(media, BOOL, "there is a medium in it"),
    ROW(uuid, STRING, "UUID of a mediated device"),
    ROW(mdev_type, STRING, "type of a mediated device"),
    ROW(hardware_vendor, STRING, "vendor of the machine"),
    ROW(hardware_version, STRING, "version of the machine"),
    ROW(hardware_serial, STRING, "serial number of the machine"),
    ROW(hardware_uuid, STRING, "UUID of the machine"),
    ROW(firmware_vendor, STRING, "vendor of the firmware"),
    ROW(firmware_version, STRING, "version of the firmware"),
    ROW(firmware_date, STRING, "date of the firmware"),
};
#undef ROW
SK_TYPE(sk_node_device_type, SkNodeDevice, "NodeDevice", "node device", device_fields, "a device of the host");
