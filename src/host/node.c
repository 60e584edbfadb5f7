/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host as a value. */
#include "host/node.h"

#include <string.h>
#include <sys/utsname.h>

#include "host/cpuinfo.h"
#include "host/kvm.h"
#include "host/proc.h"
#include "host/root.h"

/* PRETTY_NAME of os-release, without its quotes. */
static char *
os_name(const char *root)
{
    g_autofree char *text = sk_host_read(root, "/etc/os-release");
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "PRETTY_NAME="))
            return g_shell_unquote(lines[i] + strlen("PRETTY_NAME="), NULL);
    }
    return g_strdup("Linux");
}

/* Numbers in a list such as "0-3,8-11". */
static guint
count_list(const char *list)
{
    guint count = 0;
    g_auto(GStrv) parts = g_strsplit(list, ",", -1);
    for (guint i = 0; parts[i] != NULL; i++) {
        char *end = NULL;
        guint64 first = g_ascii_strtoull(parts[i], &end, 10);
        guint64 last = *end == '-' ? g_ascii_strtoull(end + 1, NULL, 10) : first;
        if (end != parts[i] && last >= first && last - first < 65536)
            count += (guint) (last - first) + 1;
    }
    return count;
}

static guint
number_of(const char *cpuinfo, const char *key, guint fallback)
{
    g_autofree char *text = sk_cpuinfo_get(cpuinfo, key);
    guint64 number = text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
    return number > 0 && number < 65536 ? (guint) number : fallback;
}

static void
fill_cpus(SkNode *node, const char *root)
{
    g_autofree char *online = sk_host_read(root, "/sys/devices/system/cpu/online");
    g_autofree char *read = sk_host_read(root, "/proc/cpuinfo");
    const char *cpuinfo = read != NULL ? read : "";
    guint listed = sk_cpuinfo_count(cpuinfo, "processor");

    node->cpus = online != NULL ? count_list(online) : 0;
    if (node->cpus == 0)
        node->cpus = listed > 0 ? listed : g_get_num_processors();
    node->sockets = MAX(sk_cpuinfo_count(cpuinfo, "physical id"), 1);
    node->cores = number_of(cpuinfo, "cpu cores", MAX(node->cpus / node->sockets, 1));
    node->threads = MAX(number_of(cpuinfo, "siblings", node->cores) / node->cores, 1);
    node->cpu_model = sk_cpuinfo_get(cpuinfo, "model name");
    if (node->cpu_model == NULL)
        node->cpu_model = sk_cpuinfo_get(cpuinfo, "Model");
}

SkNode *
sk_node_probe(const char *root)
{
    SkNode *node = sk_value_new(&sk_node_type);
    g_autoptr(SkKvm) kvm = sk_kvm_probe(root);
    struct utsname names;
    SkHostUsage usage;

    if (uname(&names) == 0)
        node->arch = g_strdup(names.machine);
    node->hostname = sk_host_read(root, "/proc/sys/kernel/hostname");
    node->kernel = sk_host_read(root, "/proc/sys/kernel/osrelease");
    node->os = os_name(root);
    fill_cpus(node, root);
    sk_host_usage(root, &usage);
    node->memory_total = usage.memory_total;
    node->memory_available = usage.memory_available;
    node->accel = (gint) kvm->accel;
    node->accel_reason = g_steal_pointer(&kvm->reason);
    return node;
}

guint64
sk_node_memory_available(const char *root)
{
    SkHostUsage usage;
    sk_host_usage(root, &usage);
    return usage.memory_available;
}
