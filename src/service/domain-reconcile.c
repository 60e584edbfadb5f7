/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking back, at the daemon's start, the domains that run; removing what a crash left half started. */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/copy-disks.h"
#include "engine/qmp/migrate.h"
#include "service/block-job.h"
#include "service/disk-chains.h"
#include "service/domain-agent.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-live.h"
#include "service/domain-verify.h"
#include "service/domain-save.h"
#include "service/domain-stop.h"
#include "service/domain-transient.h"
#include "service/domain.h"
#include "service/migrate.h"

/* -- one domain: connect to its QEMU ------------------------------------------------------------------------ */

typedef struct {
    SkDomain *domain;       /* a reference */
    char *name, *monitor, *log;
    guint pid;
    guint64 pid_started;
    gboolean held, ending;
    gint moving;
    SkQemuProcess *process; /* NULL: it is gone */
    SkQmp *qmp;
    SkQmpStatus status;
    gboolean agent;         /* the guest has its end of the agent's channel open */
    SkDomainSpec *spec;     /* a copy of the definition */
    SkDomainSpec *live;     /* a copy of what ran as far as we know; then what runs */
    GPtrArray *known;       /* SkDiskChain: copies of what is known of its disks' files */
    GPtrArray *chains;      /* those that it has; NULL: not found out */
    gboolean replay;
    char *device;           /* sk_domain_device_gone() */
} TakeBack;

static void
free_take_back(gpointer data)
{
    TakeBack *work = data;
    sk_value_free(&sk_domain_spec_type, work->spec);
    sk_value_free(&sk_domain_spec_type, work->live);
    sk_disk_chains_free(work->known);
    sk_disk_chains_free(work->chains);
    if (work->qmp != NULL && work->qmp != work->domain->qmp)
        sk_qmp_close(work->qmp);
    g_clear_object(&work->domain);
    g_clear_object(&work->process);
    g_clear_object(&work->qmp);
    g_free(work->device);
    g_free(work->name);
    g_free(work->monitor);
    g_free(work->log);
    g_free(work);
}

/* The agent's channel was opened or not before we listened. */
static gboolean
find_agent(const TakeBack *work)
{
    const SkChannel *channel = sk_domain_agent_channel(work->live);
    g_autoptr(json_t) list = channel != NULL && work->qmp != NULL ? sk_qmp_call(work->qmp, "query-chardev", NULL, 0, NULL) : NULL;
    g_autofree char *label = channel != NULL ? g_strconcat("char", channel->alias, NULL) : NULL;
    gsize i;
    json_t *entry;
    json_array_foreach (list, i, entry) {
        if (g_strcmp0(json_string_value(json_object_get(entry, "label")), label) == 0)
            return json_is_true(json_object_get(entry, "frontend-open"));
    }
    return FALSE;
}

/* A change that the former daemon kept but did not tell QEMU, or not of all of it, is done now. */
static gboolean
find_live(SkJob *job, TakeBack *work, GError **error)
{
    return work->qmp == NULL || work->live == NULL ||
           (sk_domain_verify_live(work->qmp, work->live, work->spec, job->service->tag, error) &&
            (!work->replay || sk_domain_apply_live(work->qmp, work->live, work->spec, error)));
}

static gboolean
run_take_back(SkJob *job, GError **error)
{
    TakeBack *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    if (work->pid == 0)
        return TRUE;
    work->process = sk_qemu_process_adopt(work->name, (pid_t) work->pid, work->pid_started, work->log, NULL);
    gint fd = work->process != NULL ? sk_fs_connect_unix(work->monitor, &why) : -1;
    if (fd >= 0)
        work->qmp = sk_qmp_new_for_fd(fd, work->name);
    if (work->qmp != NULL && work->moving == SK_MOVING_OUT && !work->held)
        sk_qmp_migrate_cancel(work->qmp);
    if (work->qmp != NULL && work->moving == SK_MOVING_OUT)
        sk_qmp_copy_clear(work->qmp);
    if (work->qmp != NULL && work->held && !work->ending)
        sk_domain_let_go(work->qmp);
    if (work->qmp != NULL && !sk_qmp_query_status(work->qmp, &work->status, &why)) {
        /* QEMU has one monitor: as long as this connection is open it answers no other. */
        sk_qmp_close(work->qmp);
        g_clear_object(&work->qmp);
    }
    if (why != NULL)
        g_warning("domain \"%s\" runs, but its QEMU does not answer: %s, continuing", work->name, why->message);
    g_clear_error(&why);
    if (!find_live(job, work, &why))
        g_warning("domain \"%s\": not all of the last change could be done while running: %s", work->name, why->message);
    work->agent = find_agent(work);
    if (work->live != NULL)
        work->chains = sk_disk_chains_look(work->domain, work->known, work->live, NULL);
    return TRUE;
}

static const struct {
    const char *status;
    SkDomainState state;
    SkDomainReason reason;
} states[] = {
    { "running", SK_DOMAIN_RUNNING, SK_REASON_BOOTED },      { "paused", SK_DOMAIN_PAUSED, SK_REASON_USER },
    { "postmigrate", SK_DOMAIN_PAUSED, SK_REASON_SAVED }, { "prelaunch", SK_DOMAIN_PAUSED, SK_REASON_STARTING },   { "io-error", SK_DOMAIN_PAUSED, SK_REASON_IO_ERROR },
    { "suspended", SK_DOMAIN_PMSUSPENDED, SK_REASON_UNKNOWN }, { "shutdown", SK_DOMAIN_IN_SHUTDOWN, SK_REASON_UNKNOWN },
    { "guest-panicked", SK_DOMAIN_CRASHED, SK_REASON_PANICKED }, { "watchdog", SK_DOMAIN_PAUSED, SK_REASON_WATCHDOG },
};

static void
take_live(SkDomain *domain, TakeBack *work)
{
    if (work->qmp == NULL)
        return;
    domain->agent = work->agent;
    sk_domain_set_chains(domain, g_steal_pointer(&work->chains));
    domain->replay = FALSE;
    if (work->live == NULL || domain->runtime.live == NULL ||
        (!work->replay && sk_value_equal(&sk_domain_spec_type, work->live, domain->runtime.live)))
        return;
    sk_domain_set_live(domain, g_steal_pointer(&work->live));
    sk_domain_reserve_again(domain);
    sk_domain_save_runtime(domain);
    sk_domain_touch(domain);
}

static void
take_status(SkDomain *domain, const SkQmpStatus *status)
{
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (g_str_equal(states[i].status, status->status) && states[i].state != sk_domain_state(domain))
            sk_domain_set_state(domain, states[i].state, states[i].reason);
    }
}

static void
commit_take_back(SkJob *job)
{
    TakeBack *work = job->work;
    SkDomain *domain = work->domain;
    /* Destroyed in the meantime. */
    if (!sk_domain_is_active(domain))
        return;
    if (work->process == NULL) {
        sk_domain_ended(domain, work->ending ? sk_domain_ending_reason(domain) : SK_REASON_SHUTDOWN);
        return;
    }
    take_live(domain, work);
    /* It goes on when its monitor is heard again. */
    domain->runtime.held = domain->runtime.held && work->qmp == NULL;
    sk_domain_migration_taken_back(domain);
    sk_domain_watch(domain, g_steal_pointer(&work->qmp), g_steal_pointer(&work->process));
    if (domain->runtime.autodestroy || domain->runtime.ending) {
        sk_domain_destroy_by_daemon(domain);
        return;
    }
    take_status(domain, &work->status);
}

static const SkJobKind take_back_job = { .run = run_take_back, .commit = commit_take_back, .free_work = free_take_back };

static TakeBack *
new_take_back(SkDomain *domain)
{
    TakeBack *work = g_new0(TakeBack, 1);
    work->domain = g_object_ref(domain);
    work->name = g_strdup(sk_domain_name(domain));
    work->monitor = sk_domain_monitor_path(domain->run_dir);
    work->log = sk_domain_qemu_log_path(domain->service->settings, domain->spec->uuid);
    work->pid = domain->runtime.pid;
    work->pid_started = domain->runtime.pid_started;
    return work;
}

/* When it is its turn: what the jobs before it did counts. */
static void
copy_specs(TakeBack *work)
{
    const SkDomain *domain = work->domain;
    work->spec = sk_value_copy(&sk_domain_spec_type, domain->spec);
    work->live = sk_value_copy(&sk_domain_spec_type, domain->runtime.live);
    work->known = sk_disk_chains_copy(domain->runtime.chains);
    work->replay = domain->replay;
    work->held = domain->runtime.held;
    work->ending = domain->runtime.ending;
    work->moving = domain->runtime.moving;
}

static void
take_back(SkService *self, SkDomain *domain)
{
    TakeBack *work = new_take_back(domain);
    copy_specs(work);
    self->next_domain_id = MAX(self->next_domain_id, domain->runtime.id);
    sk_domain_reserve_again(domain);
    /* In the domain's queue: what is asked of it waits until its QEMU is known again. */
    sk_job_start_quiet_for(self, &take_back_job, sk_domain_object(domain), work);
}

/* -- later: a monitor that did not answer, a device that went ---------------------------------------------------- */

#define RECONNECT_SECONDS 5

static gboolean
prepare_reconnect(SkJob *job, GError **error)
{
    TakeBack *work = job->work;
    (void) error;
    if (work->domain->process != NULL && work->domain->qmp == NULL && work->domain->runtime.pid == work->pid)
        copy_specs(work);
    else
        work->pid = 0;
    return TRUE;
}

static void
commit_reconnect(SkJob *job)
{
    TakeBack *work = job->work;
    SkDomain *domain = work->domain;
    if (work->pid == 0 || domain->process == NULL || domain->qmp != NULL || domain->runtime.pid != work->pid)
        return;
    if (work->qmp == NULL) {
        sk_domain_reconnect(domain);
        return;
    }
    take_live(domain, work);
    domain->runtime.held = FALSE;
    sk_domain_migration_taken_back(domain);
    sk_domain_listen(domain, g_steal_pointer(&work->qmp));
    take_status(domain, &work->status);
    sk_domain_block_jobs_lost(domain);
}

static const SkJobKind reconnect_job = {
    .prepare = prepare_reconnect, .run = run_take_back, .commit = commit_reconnect, .free_work = free_take_back,
};

static gboolean
on_reconnect(gpointer data)
{
    SkDomain *domain = data;
    if (domain->process != NULL && domain->qmp == NULL)
        sk_job_start_quiet_for(domain->service, &reconnect_job, sk_domain_object(domain), new_take_back(domain));
    return G_SOURCE_REMOVE;
}

void
sk_domain_reconnect(SkDomain *self)
{
    g_timeout_add_seconds_full(G_PRIORITY_DEFAULT, RECONNECT_SECONDS, on_reconnect, g_object_ref(self), g_object_unref);
}

static gboolean
has_device(const SkDomainSpec *live, const char *device)
{
    for (guint i = 0; live != NULL && live->disks != NULL && i < live->disks->len; i++) {
        if (g_strcmp0(((const SkDisk *) live->disks->pdata[i])->alias, device) == 0)
            return TRUE;
    }
    return live != NULL && sk_domain_spec_find_interface(live, device) != NULL;
}

/* A detach that was waited for has taken it out of live already. */
static gboolean
prepare_gone(SkJob *job, GError **error)
{
    TakeBack *work = job->work;
    (void) error;
    if (work->domain->qmp == NULL || !has_device(work->domain->runtime.live, work->device))
        return TRUE;
    copy_specs(work);
    work->qmp = g_object_ref(work->domain->qmp);
    return TRUE;
}

static gboolean
run_gone(SkJob *job, GError **error)
{
    g_autoptr(GError) why = NULL;
    (void) error;
    if (!find_live(job, job->work, &why))
        g_message("%s, continuing", why->message);
    return TRUE;
}

static void
commit_gone(SkJob *job)
{
    TakeBack *work = job->work;
    take_live(work->domain, work);
}

static const SkJobKind gone_job = { .prepare = prepare_gone, .run = run_gone, .commit = commit_gone, .free_work = free_take_back };

void
sk_domain_device_gone(SkDomain *self, const char *device)
{
    if (!has_device(self->runtime.live, device))
        return;
    TakeBack *work = new_take_back(self);
    work->device = g_strdup(device);
    sk_job_start_quiet_for(self->service, &gone_job, sk_domain_object(self), work);
}

/* -- QEMUs that no record tells of: the daemon died while starting them ------------------------------------------ */

typedef struct {
    char *run_dir;          /* of all domains, with a slash at the end */
    GHashTable *known;      /* pids that belong to running domains */
} Sweep;

static void
free_sweep(gpointer data)
{
    Sweep *work = data;
    g_free(work->run_dir);
    g_hash_table_unref(work->known);
    g_free(work);
}

/* A QEMU of ours works in the directory of its sockets. */
static gboolean
is_ours(const char *pid, const char *run_dir)
{
    g_autofree char *exe_link = g_strdup_printf("/proc/%s/exe", pid);
    g_autofree char *cwd_link = g_strdup_printf("/proc/%s/cwd", pid);
    g_autofree char *exe = g_file_read_link(exe_link, NULL);
    g_autofree char *cwd = g_file_read_link(cwd_link, NULL);
    return exe != NULL && strstr(exe, "qemu") != NULL && cwd != NULL && g_str_has_prefix(cwd, run_dir);
}

static gboolean
run_sweep(SkJob *job, GError **error)
{
    Sweep *work = job->work;
    guint64 born = sk_process_start_time(getpid());
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    (void) error;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        gint pid = g_ascii_isdigit(entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid <= 0 || g_hash_table_contains(work->known, GINT_TO_POINTER(pid)) || !is_ours(entry->d_name, work->run_dir))
            continue;
        /*
         * One that is younger than we are is our own, being started. In the very tick (10 ms) of our birth we have
         * started none: what is as old as we are is the former daemon's.
         */
        if (sk_process_start_time(pid) > born)
            continue;
        g_message("ending process %d: a QEMU whose start a former daemon did not finish", pid);
        kill(pid, SIGKILL);
    }
    if (dir != NULL)
        closedir(dir);
    return TRUE;
}

static const SkJobKind sweep_job = { .run = run_sweep, .free_work = free_sweep };

void
sk_service_reconcile_domains(SkService *self)
{
    Sweep *work = g_new0(Sweep, 1);
    work->run_dir = g_build_filename(self->settings->run_dir, "domains", "", NULL);
    work->known = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) gone = g_ptr_array_new(); /* the daemon died between their making and their start */
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        SkDomain *domain = g_tree_node_value(node);
        if (sk_domain_is_active(domain)) {
            g_hash_table_add(work->known, GINT_TO_POINTER((gint) domain->runtime.pid));
            take_back(self, domain);
        } else if (!domain->persistent) {
            g_ptr_array_add(gone, domain);
        }
    }
    for (guint i = 0; i < gone->len; i++)
        sk_domain_vanish(gone->pdata[i]);
    sk_job_start_quiet(self, &sweep_job, work);
}
