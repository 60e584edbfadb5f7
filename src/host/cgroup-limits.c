/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain may use of the host, as files of its control group. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "host/cgroup.h"
#include "host/root.h"

/* What libvirt's numbers call the usual weight, of which the kernel's usual is 100. */
#define USUAL_SHARES 1024
#define USUAL_WEIGHT 500
#define USUAL_PERIOD 100000

/* -- what a definition asks for ------------------------------------------------------------------------------------------ */

/* One file of the group. */
typedef struct {
    const char *what;       /* the field, for messages */
    const char *controller;
    const char *file;
    gboolean set;
    char *value;            /* that of nothing asked for too */
} Limit;

#define N_LIMITS 6

static char *
weight_of(guint given, guint usual, const char *prefix)
{
    guint64 weight = given > 0 ? CLAMP((guint64) given * 100 / usual, 1, 10000) : 100;
    return g_strdup_printf("%s%" G_GUINT64_FORMAT, prefix, weight);
}

static char *
bytes_of(guint64 bytes)
{
    return bytes > 0 ? g_strdup_printf("%" G_GUINT64_FORMAT, bytes) : g_strdup("max");
}

static char *
quota_of(guint64 period, gint64 quota)
{
    guint64 usual = period > 0 ? period : USUAL_PERIOD;
    return quota > 0 ? g_strdup_printf("%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT, quota, usual) : g_strdup_printf("max %" G_GUINT64_FORMAT, usual);
}

/* Swap alone is what the kernel counts: what of the sum is not memory. */
static guint64
swap_of(const SkMemoryTune *memory)
{
    return memory->swap_limit > memory->hard_limit ? memory->swap_limit - memory->hard_limit : 0;
}

static void
fill_limits(const SkDomainSpec *spec, Limit *out)
{
    const SkCpuTune *cpu = &spec->cpu_tune;
    const SkMemoryTune *memory = &spec->memory_tune;
    const Limit limits[N_LIMITS] = {
        { "cpu_tune.shares", "cpu", "cpu.weight", cpu->shares > 0, weight_of(cpu->shares, USUAL_SHARES, "") },
        { "cpu_tune.global_quota", "cpu", "cpu.max", cpu->global_quota > 0, quota_of(cpu->global_period, cpu->global_quota) },
        { "memory_tune.hard_limit", "memory", "memory.max", memory->hard_limit > 0, bytes_of(memory->hard_limit) },
        { "memory_tune.soft_limit", "memory", "memory.high", memory->soft_limit > 0, bytes_of(memory->soft_limit) },
        { "memory_tune.swap_limit", "memory", "memory.swap.max", memory->swap_limit > 0,
          memory->swap_limit > 0 ? g_strdup_printf("%" G_GUINT64_FORMAT, swap_of(memory)) : g_strdup("max") },
        { "block_tune.weight", "io", "io.weight", spec->block_tune.weight > 0, weight_of(spec->block_tune.weight, USUAL_WEIGHT, "default ") },
    };
    memcpy(out, limits, sizeof limits);
}

static void
clear_limits(Limit *limits)
{
    for (guint i = 0; i < N_LIMITS; i++)
        g_free(limits[i].value);
}

/* -- what the host can do -------------------------------------------------------------------------------------------------- */

static gboolean
has_controller(const char *root, const char *controller)
{
    g_autofree char *tree = sk_cgroup_tree(root);
    g_autofree char *all = tree != NULL ? sk_host_read(root, "/sys/fs/cgroup/cgroup.controllers") : NULL;
    return all != NULL && sk_words_have(all, controller);
}

static gboolean
lacks(const SkDomainSpec *spec, const char *what, const char *controller, GError **error)
{
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" has %s, for which this host has no control groups: there is no version 2 tree at "
                   "\"/sys/fs/cgroup\" with the controller \"%s\" that this daemon may write to; take it out (pins of CPUs, NUMA nodes and limits of disks "
                   "and interfaces work without)", spec->name, what, controller);
}

gboolean
sk_cgroup_check(const char *root, const SkDomainSpec *spec, GError **error)
{
    const SkCpuTune *cpu = &spec->cpu_tune;
    const struct {
        const char *what, *controller;
        gboolean set;
    } others[] = {
        { "cpu_tune.quota", "cpu", cpu->quota > 0 }, { "cpu_tune.emulator_quota", "cpu", cpu->emulator_quota > 0 },
        { "cpu_tune.iothread_quota", "cpu", cpu->iothread_quota > 0 },
        { "block_tune.devices", "io", spec->block_tune.devices != NULL && spec->block_tune.devices->len > 0 },
    };
    Limit limits[N_LIMITS];
    fill_limits(spec, limits);
    gboolean ok = TRUE;
    for (guint i = 1; ok && i < N_LIMITS; i++)
        ok = !limits[i].set || has_controller(root, limits[i].controller) || lacks(spec, limits[i].what, limits[i].controller, error);
    for (guint i = 0; ok && i < G_N_ELEMENTS(others); i++)
        ok = !others[i].set || has_controller(root, others[i].controller) || lacks(spec, others[i].what, others[i].controller, error);
    clear_limits(limits);
    return ok;
}

/* -- writing it ------------------------------------------------------------------------------------------------------------- */

static gboolean
put(const char *group, const char *file, const char *value, GError **error)
{
    g_autofree char *path = g_build_filename(group, file, NULL);
    g_auto(SkFd) fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\" to \"%s\"", value, path);
    return TRUE;
}

/* A file that is not there limits nothing, and so is fine if nothing is asked for. */
static gboolean
put_limit(const char *group, const Limit *limit, GError **error)
{
    g_autofree char *path = g_build_filename(group, limit->file, NULL);
    return (!limit->set && access(path, F_OK) != 0) || put(group, limit->file, limit->value, error);
}

static gboolean
device_number(const char *path, char **out, GError **error)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return sk_fail_errno(error, errno, "cannot look at the block device \"%s\"", path);
    if (!S_ISBLK(st.st_mode))
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no block device: limits of block I/O are for devices of the host", path);
    *out = g_strdup_printf("%u:%u", major(st.st_rdev), minor(st.st_rdev));
    return TRUE;
}

static void
add_rate(GString *line, const char *key, guint64 rate)
{
    g_autofree char *text = bytes_of(rate);
    g_string_append_printf(line, " %s=%s", key, text);
}

static gboolean
put_device(const char *group, const SkBlockTuneDevice *device, GError **error)
{
    g_autofree char *number = NULL;
    if (!device_number(device->path, &number, error))
        return FALSE;
    g_autoptr(GString) line = g_string_new(number);
    add_rate(line, "rbps", device->read_bytes_sec);
    add_rate(line, "wbps", device->write_bytes_sec);
    add_rate(line, "riops", device->read_iops_sec);
    add_rate(line, "wiops", device->write_iops_sec);
    g_autofree char *prefix = g_strconcat(number, " ", NULL);
    g_autofree char *weight = device->weight > 0 ? weight_of(device->weight, USUAL_WEIGHT, prefix) : NULL;
    return put(group, "io.max", line->str, error) && (weight == NULL || put(group, "io.weight", weight, error));
}

static const SkBlockTuneDevice *
find_device(const SkDomainSpec *spec, const char *path)
{
    const GPtrArray *list = spec->block_tune.devices;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (g_strcmp0(((const SkBlockTuneDevice *) list->pdata[i])->path, path) == 0)
            return list->pdata[i];
    }
    return NULL;
}

static gboolean
put_devices(const char *group, const SkDomainSpec *spec, const SkDomainSpec *old, GError **error)
{
    const GPtrArray *list = spec->block_tune.devices, *before = old != NULL ? old->block_tune.devices : NULL;
    for (guint i = 0; before != NULL && i < before->len; i++) {
        const SkBlockTuneDevice none = { .path = ((const SkBlockTuneDevice *) before->pdata[i])->path, .weight = USUAL_WEIGHT };
        if (find_device(spec, none.path) == NULL && !put_device(group, &none, error))
            return FALSE;
    }
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (!put_device(group, list->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_cgroup_limit(const char *root, const char *name, guint pid, const SkDomainSpec *spec, const SkDomainSpec *old, GError **error)
{
    g_autofree char *procs = NULL;
    g_autofree char *process = g_strdup_printf("%u", pid);
    if (!sk_cgroup_check(root, spec, error) || !sk_cgroup_make(root, name, &procs, error))
        return FALSE;
    if (procs == NULL)
        return TRUE;
    g_autofree char *group = g_path_get_dirname(procs);
    if (!put(group, "cgroup.procs", process, error))
        return FALSE;
    Limit limits[N_LIMITS];
    fill_limits(spec, limits);
    gboolean ok = TRUE;
    for (guint i = 0; ok && i < N_LIMITS; i++)
        ok = put_limit(group, &limits[i], error);
    clear_limits(limits);
    return ok && put_devices(group, spec, old, error);
}

/* The part must be threaded before the CPU's controller is handed down to it: its group has processes of its own. */
gboolean
sk_cgroup_limit_thread(const char *root, const char *name, const char *part, guint thread, guint64 period, gint64 quota, GError **error)
{
    g_autofree char *tree = sk_cgroup_tree(root);
    if (tree == NULL)
        return TRUE;
    g_autofree char *group = g_build_filename(tree, "skep", name, NULL), *path = g_build_filename(group, part, NULL);
    g_autofree char *value = quota_of(period, quota), *number = g_strdup_printf("%u", thread);
    if (access(path, F_OK) != 0 && quota <= 0)
        return TRUE;
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return sk_fail_errno(error, errno, "cannot make the cgroup \"%s\"", path);
    return put(path, "cgroup.type", "threaded", error) && put(group, "cgroup.subtree_control", "+cpu", error) && put(path, "cpu.max", value, error) &&
           put(path, "cgroup.threads", number, error);
}
