/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The KVM-or-TCG rule, on hosts of each kind. */
#include "host/kvm.h"
#include "tree.h"

static const struct {
    const char *name;
    const char *cpuinfo;
    gboolean device;
    const char *nested;     /* kvm_amd's parameter, or NULL */
    SkAccel accel;
    gboolean nests;
    const char *reason;
    const char *remedy;     /* how it begins, or NULL: none */
} cases[] = {
    { "intel", "flags\t\t: fpu vmx sse\n", TRUE, NULL, SK_ACCEL_KVM, FALSE, "/dev/kvm opens and the CPU shows vmx", NULL },
    { "amd-nested", "processor\t: 0\nflags\t\t: fpu svm\n", TRUE, "1\n", SK_ACCEL_KVM, TRUE, "/dev/kvm opens and the CPU shows svm", NULL },
    { "amd-not-nested", "flags\t\t: svm\n", TRUE, "0\n", SK_ACCEL_KVM, FALSE, "/dev/kvm opens and the CPU shows svm", NULL },
    { "s390", "features\t: esan3 zarch sie\n", TRUE, NULL, SK_ACCEL_KVM, FALSE, "/dev/kvm opens and the CPU shows sie", NULL },
    { "arm", "processor\t: 0\nFeatures\t: fp asimd\n", TRUE, NULL, SK_ACCEL_KVM, FALSE,
      "/dev/kvm opens and this architecture needs no more", NULL },
    { "no-module", "flags\t\t: vmx\n", FALSE, NULL, SK_ACCEL_TCG, FALSE,
      "/dev/kvm is not there: the module kvm_intel is not loaded, so domains are emulated (TCG)", "modprobe kvm_intel" },
    { "device-without-cpu", "flags\t\t: fpu hypervisor svm_lock vmxx\n", TRUE, NULL, SK_ACCEL_TCG, FALSE,
      "/dev/kvm opens, but the CPU shows neither vmx nor svm (this host is itself a virtual machine without nested virtualization), so domains are emulated (TCG)",
      "on the host below: modprobe" },
    { "off-in-firmware", "flags\t\t: fpu\n", FALSE, NULL, SK_ACCEL_TCG, FALSE,
      "/dev/kvm does not open, and the CPU shows neither vmx nor svm (virtualization is off in the firmware setup, or the CPU has none), so domains are emulated (TCG)",
      "turn on VT-x" },
};

static void
test_rule(Tree *tree, gconstpointer data)
{
    (void) data;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Tree host;
        tree_set_up(&host, NULL);
        g_test_message("%s", cases[i].name);
        tree_file(&host, "/proc/cpuinfo", cases[i].cpuinfo);
        if (cases[i].device)
            tree_file(&host, "/dev/kvm", "");
        if (cases[i].nested != NULL)
            tree_file(&host, "/sys/module/kvm_amd/parameters/nested", cases[i].nested);
        g_autoptr(SkKvm) kvm = sk_kvm_probe(host.root);
        g_assert_cmpint(kvm->accel, ==, cases[i].accel);
        g_assert_cmpint(kvm->nested, ==, cases[i].nests);
        g_assert_cmpint(kvm->device_opens, ==, cases[i].device);
        g_assert_cmpstr(kvm->reason, ==, cases[i].reason);
        g_assert_true(cases[i].remedy == NULL ? kvm->remedy == NULL : g_str_has_prefix(kvm->remedy, cases[i].remedy));
        tree_tear_down(&host, NULL);
    }
}

/* A device that is there and does not open is told from one that is missing. */
static void
test_device_fails(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_file(tree, "/proc/cpuinfo", "flags\t\t: vmx\n");
    tree_dir(tree, "/dev/kvm");
    g_autoptr(SkKvm) kvm = sk_kvm_probe(tree->root);
    g_assert_cmpint(kvm->accel, ==, SK_ACCEL_TCG);
    g_assert_true(g_str_has_prefix(kvm->reason, "/dev/kvm does not open ("));
}

static void
test_this_host(Tree *tree, gconstpointer data)
{
    (void) data;
    g_autoptr(SkKvm) kvm = sk_kvm_probe(NULL);
    g_assert_cmpint(kvm->accel == SK_ACCEL_KVM, ==, kvm->device_opens && kvm->cpu_can);
    g_assert_cmpint(kvm->remedy == NULL, ==, kvm->accel == SK_ACCEL_KVM);
    g_test_message("%s", kvm->reason);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TREE_ADD("/kvm/rule", test_rule);
    TREE_ADD("/kvm/device-fails", test_device_fails);
    TREE_ADD("/kvm/this-host", test_this_host);
    return g_test_run();
}
