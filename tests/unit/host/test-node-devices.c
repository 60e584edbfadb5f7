/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of devices and the topology, of a host that is a directory. */
#include <string.h>

#include "host/node-devices.h"
#include "host/topology.h"
#include "tree.h"

static const SkNodeDevice *
find(const GPtrArray *devices, const char *name)
{
    for (guint i = 0; i < devices->len; i++) {
        const SkNodeDevice *device = devices->pdata[i];
        if (g_strcmp0(device->name, name) == 0)
            return device;
    }
    return NULL;
}

#define PCI "/sys/devices/pci0000:00/0000:00:1f.2"

static void
test_devices(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_file(tree, PCI "/vendor", "0x8086\n");
    tree_file(tree, PCI "/device", "0x2922\n");
    tree_file(tree, PCI "/class", "0x010601\n");
    tree_file(tree, PCI "/numa_node", "0\n");
    tree_file(tree, "/usr/share/misc/pci.ids", "# list\n1af4  Red Hat\n\t2922  Other\n8086  Intel Corporation\n\t2922  SATA Controller\n");
    tree_link(tree, "/sys/bus/pci/devices/0000:00:1f.2", "../../../devices/pci0000:00/0000:00:1f.2");
    tree_file(tree, PCI "/ata1/host0/target0:0:0/0:0:0:0/type", "5\n");
    tree_file(tree, PCI "/ata1/host0/target0:0:0/0:0:0:0/block/sr0/size", "0\n");
    tree_file(tree, PCI "/ata1/host0/target0:0:0/0:0:0:0/block/sr0/removable", "1\n");
    tree_link(tree, "/sys/bus/scsi/devices/0:0:0:0", "../../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0");
    tree_link(tree, "/sys/class/block/sr0", "../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sr0");
    tree_file(tree, "/sys/class/block/loop0/size", "8\n");
    tree_file(tree, "/sys/devices/virtual/net/br0/address", "52:54:00:00:00:01\n");
    tree_file(tree, "/sys/devices/virtual/net/br0/operstate", "up\n");
    tree_link(tree, "/sys/class/net/br0", "../../devices/virtual/net/br0");

    GPtrArray *devices = sk_node_devices(tree->root);
    const SkNodeDevice *computer = find(devices, "computer"), *pci = find(devices, "pci_0000_00_1f_2"), *net = find(devices, "net_br0_52_54_00_00_00_01");
    const SkNodeDevice *scsi = find(devices, "scsi_0_0_0_0"), *block = find(devices, "block_sr0");
    g_assert_nonnull(computer);
    g_assert_null(computer->parent);
    g_assert_nonnull(pci);
    g_assert_cmpstr(pci->parent, ==, "computer");
    g_assert_cmpstr(pci->vendor_name, ==, "Intel Corporation");
    g_assert_cmpstr(pci->product_name, ==, "SATA Controller");
    g_assert_cmpint(pci->numa_node, ==, 0);
    g_assert_cmpint(pci->iommu_group, ==, -1);
    g_assert_nonnull(scsi);
    g_assert_cmpstr(scsi->parent, ==, "pci_0000_00_1f_2");
    g_assert_cmpstr(scsi->type, ==, "cdrom");
    g_assert_nonnull(block);
    g_assert_cmpstr(block->parent, ==, "scsi_0_0_0_0");
    g_assert_true(block->removable && !block->media);
    g_assert_nonnull(net);
    g_assert_true(net->link_up);
    g_assert_null(find(devices, "block_loop0"));
    sk_node_devices_free(devices);
}

static void
free_node(gpointer node)
{
    sk_value_free(&sk_host_node_type, node);
}

static void
test_topology(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_file(tree, "/sys/devices/system/node/online", "0-1\n");
    for (guint i = 0; i < 2; i++) {
        g_autofree char *list = g_strdup_printf("/sys/devices/system/node/node%u/cpulist", i), *cpus = g_strdup_printf("%u,%u\n", i, i + 2);
        g_autofree char *memory = g_strdup_printf("/sys/devices/system/node/node%u/meminfo", i);
        g_autofree char *huge = g_strdup_printf("/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages", i);
        tree_file(tree, list, cpus);
        tree_file(tree, memory, "Node 0 MemTotal:       1048576 kB\nNode 0 MemFree:         524288 kB\n");
        tree_file(tree, huge, "4\n");
    }
    g_autoptr(GPtrArray) nodes = sk_host_nodes(tree->root);
    g_ptr_array_set_free_func(nodes, free_node);
    g_assert_cmpuint(nodes->len, ==, 2);
    const SkHostNode *second = nodes->pdata[1];
    g_assert_cmpuint(second->memory, ==, 1024ull << 20);
    g_assert_cmpuint(second->cpus->len, ==, 2);
    g_assert_cmpuint(((const SkHostCpu *) second->cpus->pdata[1])->id, ==, 3);
    const SkHostPages *huge = second->pages->pdata[1];
    g_assert_cmpuint(huge->size, ==, 2 << 20);
    g_assert_cmpuint(huge->total, ==, 4);
    SkHostMemory memory;
    g_assert_true(sk_host_memory(tree->root, 1, &memory));
    g_assert_cmpuint(memory.free, ==, 512ull << 20);
}

static void
test_models(void)
{
    g_assert_cmpstr(sk_host_cpu_model("Intel", "fpu avx2 bmi1 bmi2 fma movbe"), ==, "Haswell");
    g_assert_cmpstr(sk_host_cpu_model("AMD", "fpu lm sha_ni avx2 clzero"), ==, "EPYC");
    g_assert_cmpstr(sk_host_cpu_model("Intel", "fpu"), ==, "qemu64");
    g_assert_cmpstr(sk_cpu_model_vendor("EPYC-Rome"), ==, "AMD");
    g_assert_cmpuint(sk_cpu_model_rank("Nehalem"), <, sk_cpu_model_rank("Skylake-Client-IBRS"));
}

gint
main(gint argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TREE_ADD("/node-devices/tree", test_devices);
    TREE_ADD("/topology/nodes", test_topology);
    g_test_add_func("/topology/models", test_models);
    return g_test_run();
}
