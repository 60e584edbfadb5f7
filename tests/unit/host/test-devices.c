/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host devices, firmware and cgroups in made-up trees. */
#include "base/error.h"
#include "host/cgroup.h"
#include "host/devices.h"
#include "host/firmware.h"
#include "tree.h"

/* -- devices ------------------------------------------------------------------------------------------------ */

static void
add_pci(Tree *tree, const char *address, const char *vendor)
{
    g_autofree char *dir = g_strconcat("/sys/bus/pci/devices/", address, NULL);
    g_autofree char *vendor_path = g_strconcat(dir, "/vendor", NULL);
    g_autofree char *device_path = g_strconcat(dir, "/device", NULL);
    g_autofree char *class_path = g_strconcat(dir, "/class", NULL);
    tree_file(tree, vendor_path, vendor);
    tree_file(tree, device_path, "0x1234\n");
    tree_file(tree, class_path, "0x030000\n");
}

static void
add_usb(Tree *tree, const char *name, const char *bus, const char *number, const char *product)
{
    const char *const rows[][2] = { { "busnum", bus }, { "devnum", number }, { "idVendor", "1d6b\n" }, { "idProduct", product } };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat("/sys/bus/usb/devices/", name, "/", rows[i][0], NULL);
        tree_file(tree, path, rows[i][1]);
    }
}

static void
test_pci(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    add_pci(tree, "0000:02:00.0", "0x8086\n");
    add_pci(tree, "0000:01:00.0", "0x10de\n");
    tree_link(tree, "/sys/bus/pci/devices/0000:01:00.0/driver", "../../../../bus/pci/drivers/vfio-pci");
    tree_link(tree, "/sys/bus/pci/devices/0000:01:00.0/iommu_group", "../../../kernel/iommu_groups/17");

    g_autoptr(GPtrArray) devices = sk_host_devices(tree->root, SK_HOSTDEV_PCI);
    g_assert_cmpuint(devices->len, ==, 2);
    const SkHostDevice *first = devices->pdata[0], *second = devices->pdata[1];
    g_assert_cmpstr(first->address, ==, "0000:01:00.0");
    g_assert_cmphex(first->vendor, ==, 0x10de);
    g_assert_cmphex(first->pci_class, ==, 0x030000);
    g_assert_cmpstr(first->driver, ==, "vfio-pci");
    g_assert_cmpint(first->iommu_group, ==, 17);
    g_assert_null(second->driver);
    g_assert_cmpint(second->iommu_group, ==, -1);

    g_autoptr(SkHostDevice) found = sk_host_device_find(tree->root, SK_HOSTDEV_PCI, "0000:02:00.0", &error);
    g_assert_no_error(error);
    g_assert_cmphex(found->vendor, ==, 0x8086);
    g_assert_null(sk_host_device_find(tree->root, SK_HOSTDEV_PCI, "0000:03:00.0", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_DEVICE);
    g_assert_cmpstr(error->message, ==, "the host has no pci device \"0000:03:00.0\"");
}

static void
test_usb(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    add_usb(tree, "usb1", "1\n", "1\n", "0002\n");
    add_usb(tree, "1-4", "1\n", "4\n", "0104\n");
    add_usb(tree, "2-1", "2\n", "3\n", "0002\n");
    tree_file(tree, "/sys/bus/usb/devices/1-4/product", "Card Reader\n");
    tree_file(tree, "/sys/bus/usb/devices/1-4:1.0/bInterfaceNumber", "00\n");

    g_autoptr(GPtrArray) devices = sk_host_devices(tree->root, SK_HOSTDEV_USB);
    g_assert_cmpuint(devices->len, ==, 3);
    g_autoptr(SkHostDevice) reader = sk_host_device_find(tree->root, SK_HOSTDEV_USB, "1D6B:0104", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(reader->address, ==, "1.4");
    g_assert_cmpstr(reader->name, ==, "Card Reader");
    g_assert_cmpstr(reader->node, ==, "/dev/bus/usb/001/004");
    g_autoptr(SkHostDevice) by_place = sk_host_device_find(tree->root, SK_HOSTDEV_USB, "2.3", &error);
    g_assert_no_error(error);
    g_assert_cmphex(by_place->product, ==, 2);
    g_assert_null(sk_host_device_find(tree->root, SK_HOSTDEV_USB, "1d6b:0002", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==, "the host has several usb devices \"1d6b:0002\", at 1.1 and 2.3; give one of these");
}

static void
test_none(Tree *tree, gconstpointer data)
{
    (void) data;
    g_autoptr(GPtrArray) devices = sk_host_devices(tree->root, SK_HOSTDEV_PCI);
    g_assert_cmpuint(devices->len, ==, 0);
}

/* -- firmware ------------------------------------------------------------------------------------------------ */

static void
add_descriptor(Tree *tree, const char *path, const char *code, const char *features)
{
    g_autofree char *text = g_strdup_printf(
        "{\"interface-types\":[\"uefi\"],\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"%s\",\"format\":\"raw\"},"
        "\"nvram-template\":{\"filename\":\"/fw/vars.fd\",\"format\":\"qcow2\"}},"
        "\"targets\":[{\"architecture\":\"x86_64\",\"machines\":[\"pc-q35-*\"]}],\"features\":[%s]}",
        code, features);
    tree_file(tree, path, text);
}

static void
test_firmware(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    tree_file(tree, "/fw/vars.fd", "");
    tree_file(tree, "/fw/secure.fd", "");
    tree_file(tree, "/fw/plain.fd", "");
    tree_file(tree, "/fw/own.fd", "");
    add_descriptor(tree, "/usr/share/qemu/firmware/10-gone.json", "/fw/gone.fd", "");
    tree_file(tree, "/usr/share/qemu/firmware/20-bad.json", "{\"mapping\":[");
    tree_file(tree, "/usr/share/qemu/firmware/21-odd.json", "[1,{\"targets\":7}]");
    add_descriptor(tree, "/usr/share/qemu/firmware/40-secure.json", "/fw/secure.fd", "\"secure-boot\",\"enrolled-keys\",\"requires-smm\"");
    add_descriptor(tree, "/usr/share/qemu/firmware/60-plain.json", "/fw/plain.fd", "\"acpi-s3\"");

    g_autoptr(SkUefi) plain = sk_uefi_find(tree->root, "x86_64", "q35", FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(plain->code, "/fw/plain.fd"));
    g_assert_cmpstr(plain->code_format, ==, "raw");
    g_assert_cmpstr(plain->vars_format, ==, "qcow2");
    g_assert_false(plain->needs_smm);
    g_autoptr(SkUefi) secure = sk_uefi_find(tree->root, "x86_64", "pc-q35-7.2", TRUE, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(secure->code, "/fw/secure.fd"));
    g_assert_true(secure->needs_smm && secure->secure_boot);

    /* The administrator's file of the same name comes before the packaged one. */
    add_descriptor(tree, "/etc/qemu/firmware/60-plain.json", "/fw/own.fd", "");
    g_autoptr(SkUefi) own = sk_uefi_find(tree->root, "x86_64", "q35", FALSE, &error);
    g_assert_true(g_str_has_suffix(own->code, "/fw/own.fd"));

    g_assert_null(sk_uefi_find(tree->root, "x86_64", "pc", FALSE, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_assert_cmpstr(error->message, ==,
                    "there is no UEFI firmware for x86_64 machines of type \"pc\" on this host; install the package ovmf");
}

static void
test_firmware_known(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    tree_file(tree, "/usr/share/OVMF/OVMF_CODE_4M.fd", "");
    g_assert_null(sk_uefi_find(tree->root, "x86_64", "q35", FALSE, NULL));
    tree_file(tree, "/usr/share/OVMF/OVMF_VARS_4M.fd", "");
    g_autoptr(SkUefi) plain = sk_uefi_find(tree->root, "x86_64", "q35", FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(plain->vars_format, ==, "raw");
    g_assert_null(sk_uefi_find(tree->root, "x86_64", "q35", TRUE, NULL));
}

/* -- cgroups --------------------------------------------------------------------------------------------------- */

static void
test_cgroup(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *procs = NULL;
    (void) data;

    /* No tree: nothing is made and nothing fails. */
    g_assert_true(sk_cgroup_make(tree->root, "web1", &procs, &error));
    g_assert_null(procs);
    sk_cgroup_remove(tree->root, "web1");

    /* A hybrid host: the v2 tree has no controllers. */
    tree_file(tree, "/sys/fs/cgroup/cgroup.controllers", "\n");
    g_assert_true(sk_cgroup_make(tree->root, "web1", &procs, &error));
    g_assert_null(procs);

    tree_file(tree, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    tree_file(tree, "/sys/fs/cgroup/cgroup.subtree_control", "");
    g_assert_true(sk_cgroup_make(tree->root, "web1", &procs, &error));
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(procs, "/sys/fs/cgroup/skep/web1/cgroup.procs"));
    g_autofree char *group = g_path_get_dirname(procs);
    g_assert_true(g_file_test(group, G_FILE_TEST_IS_DIR));
    sk_cgroup_remove(tree->root, "web1");
    g_assert_false(g_file_test(group, G_FILE_TEST_EXISTS));
}

static void
assert_file(Tree *tree, const char *name, const char *expected)
{
    g_autofree char *path = g_strconcat(tree->root, "/sys/fs/cgroup/skep/", name, NULL);
    g_autofree char *text = NULL;
    g_file_get_contents(path, &text, NULL, NULL);
    g_assert_cmpstr(text, ==, expected);
}

/* The files of a group, which a kernel would have made with it. */
static void
make_files(Tree *tree)
{
    static const char *const files[] = { "cgroup.procs", "cgroup.subtree_control", "cpu.weight", "cpu.max", "memory.max", "memory.high", "memory.swap.max",
                                         "vcpu0/cgroup.type", "vcpu0/cpu.max", "vcpu0/cgroup.threads" };
    tree_file(tree, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory pids\n");
    tree_file(tree, "/sys/fs/cgroup/cgroup.subtree_control", "");
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strconcat("/sys/fs/cgroup/skep/u/", files[i], NULL);
        tree_file(tree, path, "");
    }
}

static void
test_cgroup_limits(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    (void) data;
    spec->name = g_strdup("web1");
    /* Shares are a matter of the scheduler too; a limit is not. */
    spec->cpu_tune.shares = 2048;
    g_assert_true(sk_cgroup_check(tree->root, spec, &error));
    spec->memory_tune.hard_limit = 1 << 30;
    g_assert_false(sk_cgroup_check(tree->root, spec, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "domain \"web1\" has memory_tune.hard_limit"));
    g_clear_error(&error);

    make_files(tree);
    spec->memory_tune.swap_limit = 3u << 29;
    spec->cpu_tune.global_quota = 20000;
    g_assert_true(sk_cgroup_limit(tree->root, "u", 7, spec, NULL, &error));
    g_assert_no_error(error);
    assert_file(tree, "u/cgroup.procs", "7");
    assert_file(tree, "u/cpu.weight", "200");
    assert_file(tree, "u/cpu.max", "20000 100000");
    assert_file(tree, "u/memory.max", "1073741824");
    assert_file(tree, "u/memory.high", "max");
    assert_file(tree, "u/memory.swap.max", "536870912");
    g_assert_true(sk_cgroup_limit_thread(tree->root, "u", "vcpu0", 8, 50000, 25000, &error));
    assert_file(tree, "u/vcpu0/cgroup.type", "threaded");
    assert_file(tree, "u/vcpu0/cpu.max", "25000 50000");
    assert_file(tree, "u/vcpu0/cgroup.threads", "8");
    assert_file(tree, "u/cgroup.subtree_control", "+cpu");

    /* A controller that this host has not. */
    spec->block_tune.weight = 100;
    g_assert_false(sk_cgroup_check(tree->root, spec, &error));
    g_assert_nonnull(strstr(error->message, "the controller \"io\""));
    sk_value_free(&sk_domain_spec_type, spec);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TREE_ADD("/devices/pci", test_pci);
    TREE_ADD("/devices/usb", test_usb);
    TREE_ADD("/devices/none", test_none);
    TREE_ADD("/firmware/descriptors", test_firmware);
    TREE_ADD("/firmware/known", test_firmware_known);
    TREE_ADD("/cgroup", test_cgroup);
    TREE_ADD("/cgroup/limits", test_cgroup_limits);
    return g_test_run();
}
