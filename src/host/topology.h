/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/capabilities.h"

G_BEGIN_DECLS

/* CPUs, NUMA nodes and pages of the host, from /sys and /proc. root: see root.h. They do not block; any thread. */

/* NUMA nodes with their CPUs and pages, as SkHostNode; a host without NUMA is one node. Free with g_ptr_array_unref() and its values. */
GPtrArray *sk_host_nodes(const char *root);

/* Fills in the host's half of capabilities: CPU, nodes, IOMMU, KVM, UUID. */
void sk_host_fill_capabilities(const char *root, SkCapabilities *out);

/* MHz of the first CPU, 0 if nobody tells. */
guint sk_host_mhz(const char *root);

/* Number of CPUs that could be there, and a map of those that are: bit n%8 of byte n/8. Free with g_free(). */
guint8 *sk_host_cpu_map(const char *root, guint *out_possible, guint *out_online);

/* The CPU model of QEMU that is nearest to a CPU of this vendor ("Intel", "AMD") with these features (the kernel's names). Constant. */
const char *sk_host_cpu_model(const char *vendor, const char *flags);
/* Whose CPUs a model is of: "Intel", "AMD", or "unknown". Constant. */
const char *sk_cpu_model_vendor(const char *model);

/* Of models of one vendor the older has the lower rank; 0: not ranked. */
guint sk_cpu_model_rank(const char *model);

/* "0-3,8" as the numbers in it, for each of which func is called. */
void sk_cpu_list_foreach(const char *list, void (*func)(guint cpu, gpointer data), gpointer data);

/* -- figures -------------------------------------------------------------------------------------------------------- */

typedef struct {
    guint64 kernel, user, idle, iowait, interrupts; /* ns since boot */
} SkHostCpuTimes;

/* Of one CPU, or of all (-1). FALSE: there is no such CPU. */
gboolean sk_host_cpu_times(const char *root, gint cpu, SkHostCpuTimes *out);

typedef struct {
    guint64 total, free, buffers, cached; /* bytes */
} SkHostMemory;

/* Of one node, or of all (-1). FALSE: there is no such node. */
gboolean sk_host_memory(const char *root, gint node, SkHostMemory *out);

/* Free pages of a size in KiB on a node; FALSE if there are no such pages. */
gboolean sk_host_free_pages(const char *root, gint node, guint kib, guint64 *out_free);

/*
 * Sets, or adds to, the number of huge pages of a size on a node (-1: wherever). The kernel gives what it can: TOO few is HOST,
 * which says how many there are. Workers, for it may take long.
 */
gboolean sk_host_set_pages(const char *root, gint node, guint kib, guint64 count, gboolean add, GError **error);

/* -- page merging ------------------------------------------------------------------------------------------------- */

/* Settings and figures of KSM, by the names of libvirt's memory parameters. Constant. */
typedef struct {
    const char *name;       /* "shm_pages_to_scan" */
    const char *file;       /* in /sys/kernel/mm/ksm */
    gboolean writable, wide; /* wide: 64 bits */
} SkKsmParameter;
extern const SkKsmParameter sk_ksm_parameters[];
extern const guint sk_n_ksm_parameters;

/* FALSE if the kernel does not have it. */
gboolean sk_host_ksm_get(const char *root, const SkKsmParameter *parameter, guint64 *out);
gboolean sk_host_ksm_set(const char *root, const SkKsmParameter *parameter, guint64 value, GError **error);

G_END_DECLS
