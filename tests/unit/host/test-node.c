/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host as a value, and figures of processes. */
#include <unistd.h>

#include "host/node.h"
#include "host/proc.h"
#include "model/domain.h"
#include "tree.h"

static const char cpuinfo[] =
    "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nphysical id\t: 0\nsiblings\t: 4\ncpu cores\t: 2\nflags\t\t: vmx\n\n"
    "processor\t: 1\nmodel name\t: Some CPU @ 2 GHz\nphysical id\t: 1\nsiblings\t: 4\ncpu cores\t: 2\nflags\t\t: vmx\n";

static void
fill(Tree *tree)
{
    tree_file(tree, "/proc/cpuinfo", cpuinfo);
    tree_file(tree, "/sys/devices/system/cpu/online", "0-5,8,10-11\n");
    tree_file(tree, "/etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    tree_file(tree, "/proc/sys/kernel/hostname", "bee\n");
    tree_file(tree, "/proc/sys/kernel/osrelease", "6.1.0-1-amd64\n");
    tree_file(tree, "/proc/meminfo", "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:   400 kB\nSwapTotal: 7 kB\nSwapFree: 3 kB\n");
    tree_file(tree, "/proc/stat", "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n");
    tree_file(tree, "/proc/loadavg", "0.50 1.25 2.00 1/95 14803\n");
    tree_file(tree, "/proc/uptime", "1234.56 99.00\n");
}

static void
test_node(Tree *tree, gconstpointer data)
{
    (void) data;
    fill(tree);
    SkNode *node = sk_node_probe(tree->root);
    g_assert_cmpstr(node->hostname, ==, "bee");
    g_assert_cmpstr(node->os, ==, "Debian GNU/Linux 12 (bookworm)");
    g_assert_cmpstr(node->kernel, ==, "6.1.0-1-amd64");
    g_assert_cmpstr(node->cpu_model, ==, "Some CPU @ 2 GHz");
    g_assert_cmpuint(node->cpus, ==, 9);
    g_assert_cmpuint(node->sockets, ==, 2);
    g_assert_cmpuint(node->cores, ==, 2);
    g_assert_cmpuint(node->threads, ==, 2);
    g_assert_cmpuint(node->memory_total, ==, 1000 * 1024);
    g_assert_cmpuint(node->memory_available, ==, 400 * 1024);
    g_assert_cmpint(node->accel, ==, SK_ACCEL_TCG);
    g_assert_nonnull(node->accel_reason);
    g_assert_cmpuint(sk_node_memory_available(tree->root), ==, 400 * 1024);
    sk_value_free(&sk_node_type, node);
}

/* Nothing can be read: still a value, never a crash or a zero to divide by. */
static void
test_empty(Tree *tree, gconstpointer data)
{
    (void) data;
    SkNode *node = sk_node_probe(tree->root);
    g_assert_cmpuint(node->cpus, >, 0);
    g_assert_cmpuint(node->sockets, ==, 1);
    g_assert_cmpuint(node->cores, >, 0);
    g_assert_cmpuint(node->threads, >, 0);
    sk_value_free(&sk_node_type, node);
    tree_file(tree, "/proc/cpuinfo", "siblings\t: 0\ncpu cores\t: 0\n:::\n");
    tree_file(tree, "/sys/devices/system/cpu/online", "-,9-3,x,4294967296-1");
    node = sk_node_probe(tree->root);
    g_assert_cmpuint(node->cpus, >, 0);
    sk_value_free(&sk_node_type, node);
}

static void
test_usage(Tree *tree, gconstpointer data)
{
    SkHostUsage usage;
    (void) data;
    fill(tree);
    sk_host_usage(tree->root, &usage);
    guint64 tick = 1000000000ull / (guint64) sysconf(_SC_CLK_TCK);
    g_assert_cmpuint(usage.cpu_total_ns, ==, 1000 * tick);
    g_assert_cmpuint(usage.cpu_busy_ns, ==, 150 * tick);
    g_assert_cmpuint(usage.swap_total, ==, 7 * 1024);
    g_assert_cmpuint(usage.swap_free, ==, 3 * 1024);
    g_assert_cmpfloat(usage.load[0], ==, 0.5);
    g_assert_cmpfloat(usage.load[2], ==, 2.0);
    g_assert_cmpuint(usage.uptime, ==, 1234);

    sk_host_usage(NULL, &usage);
    g_assert_cmpuint(usage.memory_total, >, usage.memory_available);
    g_assert_cmpuint(usage.cpu_total_ns, >=, usage.cpu_busy_ns);
}

static void
test_process(Tree *tree, gconstpointer data)
{
    SkProcUsage usage = { 0 };
    guint64 tick = 1000000000ull / (guint64) sysconf(_SC_CLK_TCK);
    (void) data;
    tree_file(tree, "/proc/42/stat", "42 (a ) b) S 1 42 42 0 -1 4194560 1 2 3 4 30 12 0 0 20 0 5 0 7 1000 17 1844 1 1\n");
    g_assert_true(sk_proc_usage(tree->root, 42, &usage));
    g_assert_cmpuint(usage.cpu_ns, ==, 42 * tick);
    g_assert_cmpuint(usage.threads, ==, 5);
    g_assert_cmpuint(usage.rss, ==, 17 * (guint64) sysconf(_SC_PAGESIZE));
    g_assert_false(sk_proc_usage(tree->root, 43, &usage));
    tree_file(tree, "/proc/44/stat", "44 (cut");
    g_assert_false(sk_proc_usage(tree->root, 44, &usage));
    tree_file(tree, "/proc/45/stat", "45 (cut)");
    g_assert_true(sk_proc_usage(tree->root, 45, &usage));
    g_assert_cmpuint(usage.rss, ==, 0);
}

static void
test_this_process(Tree *tree, gconstpointer data)
{
    SkProcUsage before = { 0 }, after = { 0 };
    (void) data;
    g_assert_true(sk_proc_usage(NULL, getpid(), &before));
    g_assert_cmpuint(before.rss, >, 0);
    g_assert_cmpuint(before.threads, >=, 1);
    gint64 start = g_get_monotonic_time();
    for (guint i = 0; i < 40; i++)
        g_assert_true(sk_proc_usage(NULL, getpid(), &after));
    g_test_message("40 processes in %" G_GINT64_FORMAT " us", g_get_monotonic_time() - start);
    g_assert_cmpuint(after.cpu_ns, >, before.cpu_ns);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TREE_ADD("/node/fields", test_node);
    TREE_ADD("/node/empty", test_empty);
    TREE_ADD("/usage/host", test_usage);
    TREE_ADD("/usage/process", test_process);
    TREE_ADD("/usage/this-process", test_this_process);
    return g_test_run();
}
