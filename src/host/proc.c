/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures from /proc: read with one system call into the stack, because lists of domains ask for many. */
#include "host/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

#define NS_PER_SEC 1000000000ull

/* Reads the beginning of a small file; FALSE if it is not there. */
static gboolean
read_start(const char *root, const char *path, char *buffer, gsize size)
{
    char full[4096];
    if (g_snprintf(full, sizeof full, "%s%s", root != NULL ? root : "", path) >= (gint) sizeof full)
        return FALSE;
    g_auto(SkFd) fd = open(full, O_RDONLY | O_CLOEXEC);
    gssize n = fd >= 0 ? read(fd, buffer, size - 1) : -1;
    if (n <= 0)
        return FALSE;
    buffer[n] = '\0';
    return TRUE;
}

static guint64
ticks_to_ns(guint64 ticks)
{
    return ticks * (NS_PER_SEC / (guint64) sysconf(_SC_CLK_TCK));
}

/* -- processes ------------------------------------------------------------------------------------------- */

/* The process's own clock counts in nanoseconds, /proc only in hundredths of a second. */
static void
read_clock(pid_t pid, guint64 *out_ns)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0)
        *out_ns = (guint64) time.tv_sec * NS_PER_SEC + (guint64) time.tv_nsec;
}

gboolean
sk_proc_usage(const char *root, pid_t pid, SkProcUsage *out)
{
    enum { UTIME = 14, STIME = 15, THREADS = 20, RSS = 24 };
    guint64 fields[RSS + 1] = { 0 };
    char path[64], text[1024];

    g_snprintf(path, sizeof path, "/proc/%d/stat", (gint) pid);
    if (!read_start(root, path, text, sizeof text))
        return FALSE;
    /* Counted after the command name, which is in parentheses and may hold anything. */
    char *at = strrchr(text, ')');
    if (at == NULL)
        return FALSE;
    at = strchr(at + 1, ' ');
    for (guint field = 3; at != NULL && field <= RSS; field++) {
        fields[field] = g_ascii_strtoull(at + 1, NULL, 10);
        at = strchr(at + 1, ' ');
    }
    *out = (SkProcUsage){ .cpu_ns = ticks_to_ns(fields[UTIME] + fields[STIME]),
                          .user_ns = ticks_to_ns(fields[UTIME]), .system_ns = ticks_to_ns(fields[STIME]),
                          .rss = fields[RSS] * (guint64) sysconf(_SC_PAGESIZE),
                          .threads = (guint) fields[THREADS] };
    if (root == NULL || *root == '\0')
        read_clock(pid, &out->cpu_ns);
    return TRUE;
}

/* "123 (CPU 0/KVM) S ..." */
static gboolean
read_vcpu(const char *root, pid_t pid, const char *thread, SkProcVcpu *out)
{
    enum { STATE = 3, UTIME = 14, STIME = 15, PROCESSOR = 39 };
    guint64 fields[PROCESSOR + 1] = { 0 };
    char path[96], text[1024];
    g_snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (gint) pid, thread);
    if (!read_start(root, path, text, sizeof text))
        return FALSE;
    char *name = strchr(text, '('), *at = strrchr(text, ')');
    if (name == NULL || at == NULL || !g_str_has_prefix(name, "(CPU ") || at[1] == '\0')
        return FALSE;
    *out = (SkProcVcpu){ .id = (guint) g_ascii_strtoull(name + strlen("(CPU "), NULL, 10), .running = at[2] == 'R' };
    at = strchr(at + 1, ' ');
    for (guint field = STATE; at != NULL && field <= PROCESSOR; field++) {
        fields[field] = g_ascii_strtoull(at + 1, NULL, 10);
        at = strchr(at + 1, ' ');
    }
    out->cpu_ns = ticks_to_ns(fields[UTIME] + fields[STIME]);
    out->cpu = (gint) fields[PROCESSOR];
    return TRUE;
}

static gint
by_id(gconstpointer a, gconstpointer b)
{
    const SkProcVcpu *one = a, *other = b;
    return one->id < other->id ? -1 : one->id > other->id;
}

GArray *
sk_proc_vcpus(const char *root, pid_t pid)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(SkProcVcpu));
    g_autofree char *path = g_strdup_printf("%s/proc/%d/task", root != NULL ? root : "", (gint) pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *thread;
    SkProcVcpu vcpu;
    while (dir != NULL && (thread = g_dir_read_name(dir)) != NULL) {
        if (read_vcpu(root, pid, thread, &vcpu))
            g_array_append_val(list, vcpu);
    }
    g_array_sort(list, by_id);
    return list;
}

/* -- the host ---------------------------------------------------------------------------------------------- */

/* "cpu  user nice system idle iowait irq softirq steal": idle and iowait are not busy. */
static void
read_cpu(const char *root, SkHostUsage *out)
{
    char text[512];
    if (!read_start(root, "/proc/stat", text, sizeof text) || !g_str_has_prefix(text, "cpu "))
        return;
    char *at = text + strlen("cpu ");
    guint64 total = 0, idle = 0;
    for (guint i = 0; i < 8; i++) {
        guint64 ticks = g_ascii_strtoull(at, &at, 10);
        total += ticks;
        if (i == 3 || i == 4)
            idle += ticks;
    }
    out->cpu_total_ns = ticks_to_ns(total);
    out->cpu_busy_ns = ticks_to_ns(total - idle);
}

static void
read_memory(const char *root, SkHostUsage *out)
{
    const struct {
        const char *key;
        guint64 *to;
    } rows[] = {
        { "MemTotal:", &out->memory_total },
        { "MemAvailable:", &out->memory_available },
        { "SwapTotal:", &out->swap_total },
        { "SwapFree:", &out->swap_free },
    };
    char text[4096];
    if (!read_start(root, "/proc/meminfo", text, sizeof text))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *at = strstr(text, rows[i].key);
        if (at != NULL)
            *rows[i].to = g_ascii_strtoull(at + strlen(rows[i].key), NULL, 10) * 1024;
    }
}

void
sk_host_usage(const char *root, SkHostUsage *out)
{
    char text[256], *at = text;
    *out = (SkHostUsage){ 0 };
    read_cpu(root, out);
    read_memory(root, out);
    if (read_start(root, "/proc/loadavg", text, sizeof text)) {
        for (guint i = 0; i < 3; i++)
            out->load[i] = g_ascii_strtod(at, &at);
    }
    if (read_start(root, "/proc/uptime", text, sizeof text))
        out->uptime = g_ascii_strtoull(text, NULL, 10);
}
