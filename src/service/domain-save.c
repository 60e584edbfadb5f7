/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.save: the guest's memory goes into a file and QEMU ends; the file is whole, or it is not there and the guest goes on. */
#include "service/block-job.h"
#include "service/domain-save.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/migrate.h"
#include "service/backup.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-rights.h"
#include "service/intent.h"
#include "storage/save-image.h"

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkStore *store;
    SkSaved *saved;         /* what the file will have */
    SkSaveImage image;
    SkQmp *qmp;
    SkQemuProcess *process;
    char *beside;           /* where it is written before it is whole */
    SkIntent *intent;       /* the note of that file */
    char *runtime;          /* as it is when the file is whole */
    gboolean ran;
    gint stop_ms;
} SaveWork;

static void
free_work(gpointer data)
{
    SaveWork *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    g_clear_object(&work->process);
    sk_saved_free(work->saved);
    sk_save_image_clear(&work->image);
    g_free(work->beside);
    sk_intent_free(work->intent);
    g_free(work->runtime);
    g_free(work);
}

/* -- prepare: main ------------------------------------------------------------------------------------------- */

static gboolean
check(SkJob *job, const SkDomain *domain, const SkSave *body, GError **error)
{
    if (!sk_domain_verb_check(SK_VERB_SAVE, sk_domain_state(domain), sk_domain_name(domain), error) ||
        !sk_domain_check_no_block_job(domain, NULL, error))
        return FALSE;
    if (domain->qmp == NULL || domain->process == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(domain));
    if (!sk_domain_check_no_backup(domain, "saving it", error))
        return FALSE;
    if (body->path == NULL && !domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is transient, so nothing would be left to start again: give a path", sk_domain_name(domain));
    return sk_domain_check_path(job->service, job->call, "path", body->path, error);
}

/* The asker's definition goes into the file, in the place of what runs. */
static gboolean
choose_definition(SkJob *job, SkSaved *saved, const SkSave *body, GError **error)
{
    return body->definition == NULL || (sk_saved_change_definition(saved, body->definition, error) &&
                                        sk_service_resolve_disks(job->service, saved->spec, error) &&
                                        sk_domain_check_reach(job->service, job->call, NULL, saved->spec, error));
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkSave *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || !check(job, domain, body, error))
        return FALSE;
    SaveWork *work = job->work = g_new0(SaveWork, 1);
    work->domain = g_object_ref(domain);
    work->store = job->service->store;
    work->qmp = g_object_ref(domain->qmp);
    work->process = g_object_ref(domain->process);
    work->stop_ms = (gint) job->service->settings->stop_timeout * 1000;
    work->ran = sk_domain_state_computes(sk_domain_state(domain));
    work->saved = g_new0(SkSaved, 1);
    work->saved->managed = body->path == NULL;
    work->saved->path = body->path != NULL ? g_strdup(body->path) : sk_domain_managed_save_path(job->service->settings, domain->spec->uuid);
    work->saved->spec = sk_value_copy(&sk_domain_spec_type, domain->runtime.live);
    if (!choose_definition(job, work->saved, body, error))
        return FALSE;
    work->saved->paused = body->then == SK_THEN_AS_IT_WAS ? !work->ran : body->then == SK_THEN_PAUSED;
    work->beside = g_strconcat(work->saved->path, ".part", NULL);
    work->image = (SkSaveImage){ .paused = work->saved->paused, .compressed = body->compress, .time = g_get_real_time(),
                                 .text = sk_json_encode(&sk_domain_spec_type, work->saved->spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS) };
    /* Kept before the guest is stopped: a daemon that takes it back lets it go on. */
    domain->runtime.held = work->ran;
    domain->stop_reason = SK_REASON_SAVED;
    sk_domain_save_runtime(domain);
    return TRUE;
}

/* -- run: worker ----------------------------------------------------------------------------------------------- */

static void
tell(guint64 done, guint64 total, gpointer data)
{
    sk_job_progress(data, total > 0 ? (gdouble) done / (gdouble) total : -1, "saving memory", done, total);
}

static gboolean
send_packed(SkJob *job, SaveWork *work, gint fd, GError **error)
{
    gint pair[2], pid, pidfd;
    if (pipe2(pair, O_CLOEXEC) < 0)
        return sk_fail_errno(error, errno, "cannot make a pipe");
    g_auto(SkFd) out = pair[0];
    g_auto(SkFd) in = pair[1];
    if (!sk_save_filter_start(FALSE, out, fd, &pid, &pidfd, error))
        return FALSE;
    sk_fd_clear(&out);
    gboolean ok = sk_qmp_migrate_to_fd(work->qmp, in, job->cancellable, tell, job, error);
    sk_fd_clear(&in);
    return sk_save_filter_end(pid, pidfd, !ok, ok ? error : NULL) && ok;
}

static gboolean
write_file(SkJob *job, SaveWork *work, GError **error)
{
    g_auto(SkFd) fd = sk_save_image_create(work->beside, &work->image, error);
    if (fd < 0)
        return FALSE;
    gboolean ok = work->image.compressed ? send_packed(job, work, fd, error)
                                         : sk_qmp_migrate_to_fd(work->qmp, fd, job->cancellable, tell, job, error);
    if (!ok || sk_fault("domain-save/memory", error))
        return FALSE;
    return fsync(fd) == 0 || sk_fail_errno(error, errno, "cannot write \"%s\"", work->beside);
}

/* From here on the guest only has to end, whatever happens to the daemon. */
static void
mark_ending(gpointer data)
{
    SaveWork *work = data;
    SkDomainRuntime *runtime = &work->domain->runtime;
    runtime->ending = TRUE;
    runtime->held = FALSE;
    work->runtime = sk_domain_runtime_json(work->domain);
}

static void
unmark_ending(gpointer data)
{
    SaveWork *work = data;
    work->domain->runtime.ending = FALSE;
    work->domain->runtime.held = work->ran;
    sk_domain_save_runtime(work->domain);
}

/* File and state become one fact: in one transaction the file is promised its name, and the guest its end. */
static gboolean
seal(SaveWork *work, GError **error)
{
    g_autoptr(SkIntent) name = sk_intent_new(work->store, g_strconcat("saving domain ", work->saved->spec->name, NULL));
    sk_intent_set_name(name, work->beside, work->saved->path);
    sk_main_call(mark_ending, work);
    SkStoreBatch *batch = sk_store_batch_new();
    sk_intent_settle(work->intent, batch);
    sk_intent_promise(name, batch);
    sk_store_batch_put_state(batch, sk_domain_kind(work->domain->persistent), work->saved->spec->uuid, work->runtime);
    if (sk_fault("domain-save/seal", error)) {
        sk_store_batch_free(batch);
        sk_main_call(unmark_ending, work);
        return FALSE;
    }
    if (!sk_store_commit(work->store, batch, error)) {
        sk_main_call(unmark_ending, work);
        return FALSE;
    }
    sk_fault("domain-save/name", NULL);
    gboolean named = sk_intent_give_name(name, error);
    if (!named) {
        sk_store_remove(work->store, "intent", name->id, NULL);
        sk_fs_remove(work->saved->path, NULL);
        sk_main_call(unmark_ending, work);
    }
    return named;
}

/* The guest goes on as if nothing had been. */
static void
take_back(SaveWork *work)
{
    g_autoptr(GError) error = NULL;
    sk_qmp_migrate_cancel(work->qmp);
    if (!sk_fs_remove(work->beside, &error) || (work->ran && !sk_qmp_do(work->qmp, SK_QMP_CONT, &error)))
        g_warning("%s, continuing", error->message);
    sk_store_remove(work->store, "intent", work->intent->id, NULL);
}

static gboolean
run(SkJob *job, GError **error)
{
    SaveWork *work = job->work;
    /* What is removed if this fails must be ours. */
    if (access(work->beside, F_OK) == 0)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\", where the state would be written: remove it", work->beside);
    work->intent = sk_intent_new(work->store, g_strconcat("saving domain ", work->saved->spec->name, NULL));
    sk_intent_add_path(work->intent, work->beside);
    if (!sk_intent_note(work->intent, error))
        return FALSE;
    gboolean ok = !sk_fault("domain-save/intent", error) && (!work->ran || sk_qmp_do(work->qmp, SK_QMP_STOP, error)) &&
                  !sk_fault("domain-save/stop", error) && write_file(job, work, error) && seal(work, error);
    if (!ok) {
        take_back(work);
        return FALSE;
    }
    return sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error);
}

/* -- commit, rollback: main --------------------------------------------------------------------------------------- */

static void
commit(SkJob *job)
{
    SaveWork *work = job->work;
    SkDomain *domain = work->domain;
    if (work->saved->managed) {
        sk_saved_free(domain->saved);
        domain->saved = g_steal_pointer(&work->saved);
    }
    if (sk_domain_is_active(domain))
        sk_domain_ended(domain, SK_REASON_SAVED);
    sk_domain_touch(domain);
}

static void
rollback(SkJob *job, const GError *error)
{
    SaveWork *work = job->work;
    (void) error;
    if (work == NULL)
        return;
    SkDomain *domain = work->domain;
    domain->stop_reason = SK_REASON_UNKNOWN;
    domain->runtime.held = FALSE;
    if (sk_domain_is_active(domain))
        sk_domain_save_runtime(domain);
}

const SkJobKind sk_domain_save_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work,
    .cancellable = TRUE,
};

void
sk_domain_let_go(SkQmp *qmp)
{
    g_autoptr(GError) error = NULL;
    sk_qmp_migrate_cancel(qmp);
    if (!sk_qmp_do(qmp, SK_QMP_CONT, &error))
        g_warning("%s, continuing", error->message);
}
