/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Giving PCI devices to vfio-pci, in made-up trees: no kernel acts on what is written there. */
#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "host/root.h"
#include "host/vfio.h"
#include "tree.h"

#define DEVICE "0000:01:00.0"
#define MATE   "0000:01:00.1"

static char *
device_path(const char *address, const char *attribute)
{
    return g_strconcat("/sys/bus/pci/devices/", address, "/", attribute, NULL);
}

static void
set_attribute(Tree *tree, const char *address, const char *attribute, const char *text)
{
    g_autofree char *path = device_path(address, attribute);
    tree_file(tree, path, text);
}

static void
set_link(Tree *tree, const char *address, const char *attribute, const char *target)
{
    g_autofree char *path = device_path(address, attribute);
    tree_link(tree, path, target);
}

static void
add_device(Tree *tree, const char *address, const char *driver, const char *group)
{
    set_attribute(tree, address, "vendor", "0x8086\n");
    set_attribute(tree, address, "driver_override", "(null)\n");
    if (driver != NULL) {
        g_autofree char *target = g_strconcat("../../drivers/", driver, NULL);
        g_autofree char *unbind = g_strconcat("/sys/bus/pci/drivers/", driver, "/unbind", NULL);
        tree_file(tree, unbind, "");
        set_link(tree, address, "driver", target);
    }
    if (group != NULL)
        set_link(tree, address, "iommu_group", group);
    tree_file(tree, "/sys/bus/pci/drivers_probe", "");
}

static void
assert_text(Tree *tree, const char *path, const char *wanted)
{
    g_autofree char *text = sk_host_read(tree->root, path);
    g_assert_cmpstr(text, ==, wanted);
}

static void
assert_refused(Tree *tree, SkError code, const char *word)
{
    g_autoptr(GError) error = NULL;
    gboolean bound = FALSE;
    g_assert_false(sk_host_vfio_bind(tree->root, DEVICE, &bound, &error));
    g_assert_error(error, SK_ERROR, (gint) code);
    g_assert_nonnull(strstr(error->message, word));
    g_assert_nonnull(strstr(error->message, DEVICE));
}

static void
test_missing(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean bound;
    (void) data;
    assert_refused(tree, SK_ERROR_NO_DEVICE, "no pci device");
    add_device(tree, DEVICE, "e1000e", NULL);
    assert_refused(tree, SK_ERROR_UNSUPPORTED, "IOMMU");
    set_link(tree, DEVICE, "iommu_group", "../../../kernel/iommu_groups/7");
    g_assert_false(sk_host_vfio_bind(tree->root, DEVICE, &bound, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "modprobe vfio-pci"));
    assert_text(tree, "/sys/bus/pci/devices/" DEVICE "/driver_override", "(null)");
}

static void
test_neighbour(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_dir(tree, "/sys/bus/pci/drivers/vfio-pci");
    add_device(tree, DEVICE, "e1000e", "../../../kernel/iommu_groups/7");
    add_device(tree, MATE, "snd_hda_intel", "../../../kernel/iommu_groups/7");
    assert_refused(tree, SK_ERROR_IN_USE, "snd_hda_intel");
}

/* Nothing happens here after the writing: that is said, and what was written is taken back. */
static void
test_kernel_does_not_react(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_dir(tree, "/sys/bus/pci/drivers/vfio-pci");
    add_device(tree, DEVICE, "e1000e", "../../../kernel/iommu_groups/7");
    assert_refused(tree, SK_ERROR_HOST, "e1000e");
    assert_text(tree, "/sys/bus/pci/drivers/e1000e/unbind", DEVICE);
    assert_text(tree, "/sys/bus/pci/drivers_probe", DEVICE);
    assert_text(tree, "/sys/bus/pci/devices/" DEVICE "/driver_override", "");
}

static void
test_fault(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_dir(tree, "/sys/bus/pci/drivers/vfio-pci");
    add_device(tree, DEVICE, "e1000e", "../../../kernel/iommu_groups/7");
    sk_fault_set("vfio/bind");
    g_autoptr(GError) error = NULL;
    gboolean bound = FALSE;
    g_assert_false(sk_host_vfio_bind(tree->root, DEVICE, &bound, &error));
    g_assert_nonnull(strstr(error->message, "vfio/bind"));
    sk_fault_set(NULL);
    assert_text(tree, "/sys/bus/pci/devices/" DEVICE "/driver_override", "");
}

static void
test_bound_already(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean bound = TRUE;
    (void) data;
    add_device(tree, DEVICE, "vfio-pci", "../../../kernel/iommu_groups/7");
    g_assert_true(sk_host_vfio_bind(tree->root, DEVICE, &bound, &error));
    g_assert_no_error(error);
    g_assert_false(bound);
    g_assert_false(sk_host_vfio_grant(tree->root, DEVICE, 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    tree_file(tree, "/dev/vfio/7", "");
    g_assert_true(sk_host_vfio_grant(tree->root, DEVICE, 0, &error));
    g_assert_no_error(error);
    g_assert_true(sk_host_vfio_release(tree->root, DEVICE, &error));
    g_assert_no_error(error);
    assert_text(tree, "/sys/bus/pci/drivers/vfio-pci/unbind", DEVICE);
}

#define TEST(path, func) g_test_add(path, Tree, NULL, tree_set_up, func, tree_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/vfio/missing", test_missing);
    TEST("/vfio/neighbour", test_neighbour);
    TEST("/vfio/kernel-does-not-react", test_kernel_does_not_react);
    TEST("/vfio/fault", test_fault);
    TEST("/vfio/bound-already", test_bound_already);
    return g_test_run();
}
