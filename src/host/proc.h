/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Figures of processes and of the whole host, from /proc. They do not block; any thread. */

typedef struct {
    guint64 cpu_ns;         /* all its threads, user and system */
    guint64 user_ns, system_ns; /* only to a hundredth of a second */
    guint64 rss;            /* bytes */
    guint threads;
} SkProcUsage;

/* Of one process. FALSE if it is not there (no error: it may just have ended). */
gboolean sk_proc_usage(const char *root, pid_t pid, SkProcUsage *out);

/* A thread of QEMU that is a vCPU. */
typedef struct {
    guint id;
    guint64 cpu_ns;
    gint cpu;               /* of the host, where it ran last */
    gboolean running;
} SkProcVcpu;

/* vCPUs of a QEMU with debug-threads=on, as SkProcVcpu in the order of their numbers. Free with g_array_unref(). Reads some files a thread. */
GArray *sk_proc_vcpus(const char *root, pid_t pid);

typedef struct {
    guint64 cpu_busy_ns, cpu_total_ns; /* all CPUs since boot: two readings give the use */
    guint64 memory_total, memory_available; /* bytes */
    guint64 swap_total, swap_free;
    gdouble load[3];        /* 1, 5, 15 minutes */
    guint64 uptime;         /* seconds */
} SkHostUsage;

/* Of the host, for `skep top`. What cannot be read stays 0. */
void sk_host_usage(const char *root, SkHostUsage *out);

G_END_DECLS
