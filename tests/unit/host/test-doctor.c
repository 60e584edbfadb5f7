/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor on a good host and on a bad one; programs are scripts in a PATH of the test's own. */
#include <string.h>
#include <sys/stat.h>

#include "base/thread.h"
#include "host/doctor.h"
#include "tree.h"

static char *real_path;

/* A program that prints text and ends with code. */
static void
add_program(Tree *tree, const char *name, const char *text, gint code)
{
    g_autofree char *path = g_strconcat("/bin/", name, NULL);
    g_autofree char *script = g_strdup_printf("#!/bin/sh\necho '%s'\nexit %d\n", text, code);
    g_autofree char *full = g_strconcat(tree->root, path, NULL);
    tree_file(tree, path, script);
    g_assert_cmpint(chmod(full, 0755), ==, 0);
}

static void
use_path(Tree *tree)
{
    g_autofree char *timeout = g_find_program_in_path("timeout");
    g_autofree char *bin = g_strconcat(tree->root, "/bin", NULL);
    g_assert_nonnull(timeout);
    tree_link(tree, "/bin/timeout", timeout);
    g_setenv("PATH", bin, TRUE);
}

static void
run_doctor(gpointer data, gpointer unused)
{
    gpointer *call = data;
    (void) unused;
    call[1] = sk_doctor_run(call[0]);
}

static GPtrArray *
examine(Tree *tree, gboolean session)
{
    SkDoctor doctor = { .root = tree->root, .state_dir = tree->root, .session = session };
    gpointer call[] = { &doctor, NULL };
    use_path(tree);
    sk_worker_run(run_doctor, call);
    sk_worker_drain();
    g_setenv("PATH", real_path, TRUE);
    return call[1];
}

static const SkFinding *
find(const GPtrArray *findings, const char *check)
{
    for (guint i = 0; i < findings->len; i++) {
        const SkFinding *finding = findings->pdata[i];
        if (g_str_equal(finding->check, check))
            return finding;
    }
    g_error("no finding \"%s\"", check);
}

static void
test_bad_host(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_file(tree, "/proc/cpuinfo", "flags\t\t: fpu\n");
    tree_file(tree, "/proc/sys/fs/inotify/max_user_watches", "10\n");
    tree_file(tree, "/proc/sys/net/netfilter/nf_conntrack_count", "99\n");
    tree_file(tree, "/proc/sys/net/netfilter/nf_conntrack_max", "100\n");
    tree_file(tree, "/run/libvirt/libvirt-sock", "");
    tree_file(tree, "/run/firewalld.pid", "1");
    tree_dir(tree, "/bin");
    g_autoptr(GPtrArray) findings = examine(tree, FALSE);
    static const struct {
        const char *check;
        SkFindingLevel level;
    } expected[] = {
        { "kvm", SK_FINDING_WARNING }, { "qemu", SK_FINDING_PROBLEM }, { "qemu-img", SK_FINDING_PROBLEM },
        { "firmware", SK_FINDING_NOTE }, { "swtpm", SK_FINDING_NOTE }, { "dnsmasq", SK_FINDING_PROBLEM },
        { "nftables", SK_FINDING_WARNING }, { "ip-forward", SK_FINDING_NOTE }, { "firewall", SK_FINDING_WARNING },
        { "conntrack", SK_FINDING_WARNING }, { "tun", SK_FINDING_PROBLEM }, { "bridge", SK_FINDING_NOTE },
        { "vhost-net", SK_FINDING_NOTE }, { "cgroup", SK_FINDING_NOTE }, { "hugepages", SK_FINDING_NOTE },
        { "group", SK_FINDING_NOTE }, { "libvirtd", SK_FINDING_WARNING }, { "inotify", SK_FINDING_WARNING },
    };
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        const SkFinding *finding = find(findings, expected[i].check);
        g_test_message("%s: %s", finding->check, finding->text);
        g_assert_cmpint(finding->level, ==, expected[i].level);
        g_assert_nonnull(finding->remedy);
    }
    g_assert_cmpint(sk_doctor_worst(findings), ==, SK_FINDING_PROBLEM);
}

static void
test_good_host(Tree *tree, gconstpointer data)
{
    (void) data;
    static const char *const installed[] = { "qemu-img", "swtpm", "dnsmasq", "dhcp_release" };
    tree_file(tree, "/proc/cpuinfo", "flags\t\t: fpu svm\n");
    tree_file(tree, "/dev/kvm", "");
    tree_file(tree, "/dev/net/tun", "");
    tree_file(tree, "/dev/vhost-net", "");
    tree_dir(tree, "/sys/module/bridge");
    tree_file(tree, "/proc/sys/net/ipv4/ip_forward", "1\n");
    tree_file(tree, "/proc/sys/vm/nr_hugepages", "64\n");
    tree_file(tree, "/etc/group", "root:x:0:\nskep:x:999:ann\n");
    tree_file(tree, "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    tree_file(tree, "/usr/share/OVMF/OVMF_CODE_4M.fd", "");
    tree_file(tree, "/usr/share/OVMF/OVMF_VARS_4M.fd", "");
    for (guint i = 0; i < G_N_ELEMENTS(installed); i++)
        add_program(tree, installed[i], "fine", 0);
    add_program(tree, "nft", "table inet skep", 0);
    add_program(tree, "qemu-system-x86_64", "QEMU emulator version 7.2.9 (Debian)", 0);
    g_autoptr(GPtrArray) findings = examine(tree, FALSE);
    for (guint i = 0; i < findings->len; i++) {
        const SkFinding *finding = findings->pdata[i];
        g_test_message("%s: %s", finding->check, finding->text);
        /* These depend on the machine the test runs on. */
        if (!g_str_equal(finding->check, "space") && !g_str_equal(finding->check, "clock") && !g_str_equal(finding->check, "open-files"))
            g_assert_cmpint(finding->level, ==, SK_FINDING_OK);
    }
    g_assert_true(g_str_has_suffix(find(findings, "qemu")->text, "/bin/qemu-system-x86_64\" is QEMU 7.2"));
}

static void
test_programs(Tree *tree, gconstpointer data)
{
    (void) data;
    add_program(tree, "qemu-system-x86_64", "QEMU emulator version 5.2.0", 0);
    add_program(tree, "nft", "  type filter hook forward priority filter; policy drop;", 0);
    g_autoptr(GPtrArray) old = examine(tree, FALSE);
    g_assert_cmpint(find(old, "qemu")->level, ==, SK_FINDING_PROBLEM);
    g_assert_true(g_str_has_suffix(find(old, "qemu")->text, "is QEMU 5.2; 7.2 or newer is needed"));
    g_test_message("%s", find(old, "firewall")->text);
    g_assert_cmpint(find(old, "firewall")->level, ==, SK_FINDING_WARNING);
    g_assert_nonnull(strstr(find(old, "firewall")->remedy, "DOCKER-USER"));
}

/* Without privileges what needs them is a note. */
static void
test_session(Tree *tree, gconstpointer data)
{
    (void) data;
    tree_dir(tree, "/bin");
    add_program(tree, "nft", "Operation not permitted", 1);
    g_autoptr(GPtrArray) findings = examine(tree, TRUE);
    g_assert_cmpint(find(findings, "tun")->level, ==, SK_FINDING_NOTE);
    g_assert_cmpint(find(findings, "dnsmasq")->level, ==, SK_FINDING_NOTE);
    g_assert_cmpint(find(findings, "nftables")->level, ==, SK_FINDING_NOTE);
    g_assert_cmpint(find(findings, "qemu")->level, ==, SK_FINDING_PROBLEM);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    real_path = g_strdup(g_getenv("PATH"));
    TREE_ADD("/doctor/bad-host", test_bad_host);
    TREE_ADD("/doctor/good-host", test_good_host);
    TREE_ADD("/doctor/programs", test_programs);
    TREE_ADD("/doctor/session", test_session);
    return g_test_run();
}
