/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits: QEMU's process and threads in control groups, or with priorities. */
#include "service/domain-limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "host/cgroup.h"
#include "service/job.h"

#define USUAL_SHARES 1024

gboolean
sk_domain_limits_check(const SkDomainSpec *spec, GError **error)
{
    return sk_cgroup_check(NULL, spec, error);
}

static gboolean
has_quota(const SkDomainSpec *spec)
{
    const SkCpuTune *cpu = &spec->cpu_tune;
    return cpu->quota > 0 || cpu->emulator_quota > 0 || cpu->iothread_quota > 0;
}

static gboolean
is_limited(const SkDomainSpec *spec)
{
    const SkMemoryTune *memory = &spec->memory_tune;
    const SkBlockTune *block = &spec->block_tune;
    return has_quota(spec) || spec->cpu_tune.shares > 0 || spec->cpu_tune.global_quota > 0 || memory->hard_limit > 0 || memory->soft_limit > 0 ||
           memory->swap_limit > 0 || block->weight > 0 || (block->devices != NULL && block->devices->len > 0);
}

/* -- threads ------------------------------------------------------------------------------------------------------------- */

typedef gboolean (*EachThread)(guint thread, gpointer data, GError **error);

static gboolean
each_thread(guint pid, EachThread func, gpointer data, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%u/task", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        if (!func((guint) g_ascii_strtoull(name, NULL, 10), data, error))
            return FALSE;
    }
    return TRUE;
}

/* One domain's threads on their way into groups of their own. */
typedef struct {
    const SkDomainSpec *spec;
    GHashTable *known;      /* those of vCPUs and iothreads */
} Threads;

static gboolean
limit_one(Threads *self, const char *part, json_t *thread, guint64 period, gint64 quota, GError **error)
{
    guint number = (guint) json_integer_value(json_object_get(thread, "thread-id"));
    g_hash_table_add(self->known, GUINT_TO_POINTER(number));
    return sk_cgroup_limit_thread(NULL, self->spec->uuid, part, number, period, quota, error);
}

static gboolean
limit_vcpus(Threads *self, SkQmp *qmp, GError **error)
{
    const SkCpuTune *cpu = &self->spec->cpu_tune;
    g_autoptr(json_t) vcpus = sk_qmp_call(qmp, "query-cpus-fast", NULL, 0, error);
    gsize i;
    json_t *vcpu;
    if (vcpus == NULL)
        return FALSE;
    json_array_foreach(vcpus, i, vcpu) {
        g_autofree char *part = g_strdup_printf("vcpu%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(vcpu, "cpu-index")));
        if (!limit_one(self, part, vcpu, cpu->period, cpu->quota, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
limit_iothreads(Threads *self, SkQmp *qmp, GError **error)
{
    const SkCpuTune *cpu = &self->spec->cpu_tune;
    g_autoptr(json_t) threads = sk_qmp_call(qmp, "query-iothreads", NULL, 0, error);
    gsize i;
    json_t *thread;
    if (threads == NULL)
        return FALSE;
    json_array_foreach(threads, i, thread) {
        const char *id = json_string_value(json_object_get(thread, "id"));
        if (id != NULL && !limit_one(self, id, thread, cpu->iothread_period, cpu->iothread_quota, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
limit_rest(guint thread, gpointer data, GError **error)
{
    const Threads *self = data;
    const SkCpuTune *cpu = &self->spec->cpu_tune;
    return g_hash_table_contains(self->known, GUINT_TO_POINTER(thread)) ||
           sk_cgroup_limit_thread(NULL, self->spec->uuid, "emulator", thread, cpu->emulator_period, cpu->emulator_quota, error);
}

static gboolean
limit_threads(const SkDomainSpec *spec, guint pid, SkQmp *qmp, GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    Threads threads = { .spec = spec, .known = known };
    return limit_vcpus(&threads, qmp, error) && limit_iothreads(&threads, qmp, error) && each_thread(pid, limit_rest, &threads, error);
}

/* -- without control groups ------------------------------------------------------------------------------------------------ */

/* Each step of a priority is a quarter more of the CPU. */
static gint
priority_of(guint shares)
{
    gint steps = 0;
    for (double weight = USUAL_SHARES; shares > 0 && weight * 1.12 < shares && steps > -40; weight *= 1.25)
        steps--;
    for (double weight = USUAL_SHARES; shares > 0 && weight / 1.12 > shares && steps < 40; weight /= 1.25)
        steps++;
    return CLAMP(getpriority(PRIO_PROCESS, 0) + steps, -20, 19);
}

static gboolean
set_priority(guint thread, gpointer data, GError **error)
{
    gint priority = GPOINTER_TO_INT(data);
    if (setpriority(PRIO_PROCESS, thread, priority) == 0 || errno == ESRCH)
        return TRUE;
    if (errno == EACCES || errno == EPERM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "cpu_tune.shares above %d need control groups or root, and this daemon has neither", USUAL_SHARES);
    return sk_fail_errno(error, errno, "cannot give a thread of QEMU the priority %d", priority);
}

/* Processes of one session share what their group has: where the kernel does that, it is the group that counts. */
static gboolean
weigh(const SkDomainSpec *spec, guint pid, GError **error)
{
    gint priority = priority_of(spec->cpu_tune.shares);
    g_autofree char *group = g_strdup_printf("/proc/%u/autogroup", pid), *text = g_strdup_printf("%d", priority);
    g_auto(SkFd) fd = open(group, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, text, strlen(text)) < 0)
        g_debug("\"%s\" does not take %s: %s", group, text, g_strerror(errno));
    return each_thread(pid, set_priority, GINT_TO_POINTER(priority), error);
}

/* -- public ----------------------------------------------------------------------------------------------------------------- */

gboolean
sk_domain_limit(const SkDomainSpec *spec, const SkDomainSpec *old, guint pid, SkQmp *qmp, GError **error)
{
    sk_assert_worker();
    if (sk_fault("domain-limits/set", error))
        return FALSE;
    if (!is_limited(spec) && (old == NULL || !is_limited(old)))
        return TRUE;
    g_autofree char *tree = sk_cgroup_tree(NULL);
    if (!sk_domain_limits_check(spec, error))
        return FALSE;
    if (tree == NULL)
        return weigh(spec, pid, error);
    return sk_cgroup_limit(NULL, spec->uuid, pid, spec, old, error) &&
           ((!has_quota(spec) && (old == NULL || !has_quota(old))) || limit_threads(spec, pid, qmp, error));
}

static void
undo_group(gpointer uuid)
{
    sk_cgroup_remove(NULL, uuid);
}

void
sk_domain_limits_undo(SkUndo *undo, const SkDomainSpec *spec)
{
    if (is_limited(spec))
        sk_undo_push(undo, "control group", undo_group, g_strdup(spec->uuid), g_free);
}

static gboolean
run_drop(SkJob *job, GError **error)
{
    (void) error;
    sk_cgroup_remove(NULL, job->work);
    return TRUE;
}

static const SkJobKind drop_job = { .run = run_drop, .free_work = g_free };

void
sk_domain_limits_drop(SkService *service, const SkDomainSpec *live)
{
    if (live != NULL && is_limited(live))
        sk_job_start_quiet(service, &drop_job, g_strdup(live->uuid));
}
