/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pins: the threads of QEMU on the CPUs of the host that the definition names. */
#include "service/domain-pins.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "codec/json/json.h"

/* -- sets of CPUs -------------------------------------------------------------------------------------------------------- */

/* "0-3,^2,8"; the text was checked with the definition. */
static void
parse_set(const char *text, cpu_set_t *out)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    CPU_ZERO(out);
    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; parts[i] != NULL; i++) {
            gboolean without = *parts[i] == '^';
            if (without != (pass == 1))
                continue;
            const char *dash = strchr(parts[i], '-');
            guint64 first = g_ascii_strtoull(parts[i] + without, NULL, 10), last = dash != NULL ? g_ascii_strtoull(dash + 1, NULL, 10) : first;
            for (guint64 cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++) {
                if (without)
                    CPU_CLR(cpu, out);
                else
                    CPU_SET(cpu, out);
            }
        }
    }
}

/* A thread that has ended meanwhile needs no place. */
static gboolean
pin(pid_t thread, const char *set, const char *what, GError **error)
{
    cpu_set_t cpus;
    parse_set(set, &cpus);
    if (sched_setaffinity(thread, sizeof cpus, &cpus) == 0 || errno == ESRCH)
        return TRUE;
    if (errno == EINVAL)
        return sk_fail(error, SK_ERROR_INVALID, "%s is to run on the CPUs \"%s\", of which this host has none", what, set);
    return sk_fail_errno(error, errno, "cannot put %s onto the CPUs \"%s\"", what, set);
}

/* -- QEMU's threads ---------------------------------------------------------------------------------------------------------- */

static const char *
find_pin(const GPtrArray *pins, guint id)
{
    for (guint i = 0; pins != NULL && i < pins->len; i++) {
        const SkPin *entry = pins->pdata[i];
        if (entry->id == id)
            return entry->cpuset;
    }
    return NULL;
}

/* All of them: the vCPUs and iothreads are moved on from there. */
static gboolean
pin_all(guint pid, const char *set, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%u/task", pid);
    g_autoptr(GDir) dir = set != NULL ? g_dir_open(path, 0, NULL) : NULL;
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        if (!pin((pid_t) g_ascii_strtoull(name, NULL, 10), set, "QEMU", error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
pin_vcpus(const SkDomainSpec *spec, SkQmp *qmp, GError **error)
{
    if (spec->vcpus.cpuset == NULL && spec->cpu_tune.vcpu_pins == NULL)
        return TRUE;
    g_autoptr(json_t) vcpus = sk_qmp_call(qmp, "query-cpus-fast", NULL, 0, error);
    gsize i;
    json_t *vcpu;
    if (vcpus == NULL)
        return FALSE;
    json_array_foreach(vcpus, i, vcpu) {
        guint number = (guint) json_integer_value(json_object_get(vcpu, "cpu-index"));
        const char *own = find_pin(spec->cpu_tune.vcpu_pins, number), *set = own != NULL ? own : spec->vcpus.cpuset;
        g_autofree char *what = g_strdup_printf("vCPU %u", number);
        if (set != NULL && !pin((pid_t) json_integer_value(json_object_get(vcpu, "thread-id")), set, what, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
pin_iothreads(const SkDomainSpec *spec, SkQmp *qmp, GError **error)
{
    if (spec->cpu_tune.iothread_pins == NULL)
        return TRUE;
    g_autoptr(json_t) threads = sk_qmp_call(qmp, "query-iothreads", NULL, 0, error);
    gsize i;
    json_t *thread;
    if (threads == NULL)
        return FALSE;
    json_array_foreach(threads, i, thread) {
        const char *id = json_string_value(json_object_get(thread, "id"));
        guint number = id != NULL && g_str_has_prefix(id, "iothread") ? (guint) g_ascii_strtoull(id + strlen("iothread"), NULL, 10) : 0;
        const char *set = find_pin(spec->cpu_tune.iothread_pins, number);
        if (set != NULL && !pin((pid_t) json_integer_value(json_object_get(thread, "thread-id")), set, id, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_domain_pin(const SkDomainSpec *spec, guint pid, SkQmp *qmp, GError **error)
{
    const char *emulator = spec->cpu_tune.emulator_pin != NULL ? spec->cpu_tune.emulator_pin : spec->vcpus.cpuset;
    sk_assert_worker();
    return pin_all(pid, emulator, error) && pin_vcpus(spec, qmp, error) && pin_iothreads(spec, qmp, error);
}
