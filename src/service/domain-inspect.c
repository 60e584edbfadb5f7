/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking into a domain that runs, and poking it: keys, NMI, screen, memory, core dump. */
#include "service/domain-inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/commands.h"
#include "model/agent.h"
#include "service/domain-launch.h"
#include "service/domain-rights.h"
#include "service/domain.h"

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkQmp *qmp;
    SkStore *store;
    char *path, *run_dir;
    SkIntent *intent;
    guint64 offset;
    guint size;
    gint format;
    gint then;
    gboolean ran;
    SkQemuProcess *process; /* dump, destroy */
    gint stop_ms;
    GBytes *bytes;
    char *card;             /* id of the video card whose screen is asked for; NULL: the first */
    guint head;
} InspectWork;

static void
free_work(gpointer data)
{
    InspectWork *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    g_clear_object(&work->process);
    g_clear_pointer(&work->bytes, g_bytes_unref);
    sk_intent_free(work->intent);
    g_free(work->path);
    g_free(work->run_dir);
    g_free(work->card);
    g_free(work);
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkParams *params = &job->call->params;
    SkDomain *domain = sk_service_domain(job->service, params->name, error);
    if (domain == NULL || !sk_domain_verb_check(SK_VERB_LIVE, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    if (domain->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(domain));
    InspectWork *work = job->work = g_new0(InspectWork, 1);
    work->domain = g_object_ref(domain);
    work->qmp = g_object_ref(domain->qmp);
    work->store = job->service->store;
    work->run_dir = g_strdup(domain->run_dir);
    work->offset = params->offset;
    work->size = params->size;
    return TRUE;
}

/* Bytes are the whole answer. */
static void
commit_bytes(SkJob *job)
{
    const InspectWork *work = job->work;
    gsize length;
    const char *bytes = g_bytes_get_data(work->bytes, &length);
    g_string_append_len(job->call->answer, bytes, (gssize) length);
}

/* -- keys, NMI, screen ------------------------------------------------------------------------------------------- */

static gboolean
run_nmi(SkJob *job, GError **error)
{
    return sk_qmp_do(((InspectWork *) job->work)->qmp, SK_QMP_NMI, error);
}

static gboolean
run_keys(SkJob *job, GError **error)
{
    const SkSendKey *body = job->call->body;
    return sk_qmp_send_key(((InspectWork *) job->work)->qmp, (const char *const *) body->keys, body->hold, error);
}

/* Screens are counted over all video cards, by their heads. */
static gboolean
prepare_screen(SkJob *job, GError **error)
{
    guint left = job->call->params.screen;
    if (!prepare(job, error) || left == 0)
        return job->work != NULL;
    InspectWork *work = job->work;
    const GPtrArray *videos = work->domain->runtime.live->videos;
    for (guint i = 0; videos != NULL && i < videos->len; i++) {
        const SkVideo *video = videos->pdata[i];
        guint heads = video->model == SK_VIDEO_NONE ? 0 : MAX(1, video->heads);
        if (left < heads) {
            work->card = g_strdup(video->alias);
            work->head = left;
            return TRUE;
        }
        left -= heads;
    }
    return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no screen %u", sk_domain_name(work->domain), job->call->params.screen);
}

static gboolean
run_screen(SkJob *job, GError **error)
{
    InspectWork *work = job->work;
    work->bytes = sk_qmp_screendump(work->qmp, work->card, work->head, error);
    return work->bytes != NULL;
}

const SkJobKind sk_domain_nmi_job = { .object = sk_domain_job_object, .prepare = prepare, .run = run_nmi, .free_work = free_work };
const SkJobKind sk_domain_keys_job = { .object = sk_domain_job_object, .prepare = prepare, .run = run_keys, .free_work = free_work };
const SkJobKind sk_domain_screen_job = { .prepare = prepare_screen, .run = run_screen, .commit = commit_bytes, .free_work = free_work };

/* -- iothreads ----------------------------------------------------------------------------------------------------- */

/* The pool's ends are set in the order that never has them crossed. */
static gboolean
run_iothread(SkJob *job, GError **error)
{
    const SkIothreadTuning *body = job->call->body;
    const struct {
        const char *property;
        gint64 value;
    } properties[] = { { "poll-max-ns", body->poll_max_ns }, { "poll-grow", body->poll_grow }, { "poll-shrink", body->poll_shrink },
                       { "thread-pool-max", body->thread_pool_max }, { "thread-pool-min", body->thread_pool_min } };
    g_autofree char *path = g_strdup_printf("/objects/iothread%u", body->id);
    for (guint i = 0; i < G_N_ELEMENTS(properties); i++) {
        json_t *args = json_pack("{s:s,s:s,s:I}", "path", path, "property", properties[i].property, "value", (json_int_t) properties[i].value);
        if (properties[i].value < 0)
            json_decref(args);
        else if (!sk_qmp_run(((InspectWork *) job->work)->qmp, "qom-set", args, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
prepare_iothread(SkJob *job, GError **error)
{
    guint id = ((const SkIothreadTuning *) job->call->body)->id;
    if (!prepare(job, error))
        return FALSE;
    const SkDomainSpec *live = ((InspectWork *) job->work)->domain->runtime.live;
    return id <= live->iothreads || sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no iothread %u: it runs with %u", live->name, id, live->iothreads);
}

const SkJobKind sk_domain_iothread_job = { .object = sk_domain_job_object, .prepare = prepare_iothread, .run = run_iothread, .free_work = free_work };

/* -- dirty rate ----------------------------------------------------------------------------------------------------- */

static gboolean
run_dirty_rate(SkJob *job, GError **error)
{
    const SkDirtyRateRequest *body = job->call->body;
    return sk_qmp_run(((InspectWork *) job->work)->qmp, "calc-dirty-rate", json_pack("{s:i}", "calc-time", (gint) body->seconds), error);
}

/* From now on the figures have it (service/domain-stats.c). */
static void
commit_dirty_rate(SkJob *job)
{
    SkDomain *domain = ((InspectWork *) job->work)->domain;
    if (!sk_domain_is_active(domain))
        return;
    sk_value_free(&sk_dirty_rate_type, domain->stats.dirty_rate);
    domain->stats.dirty_rate = sk_value_new(&sk_dirty_rate_type);
    domain->stats.dirty_rate->state = SK_DIRTY_RATE_MEASURING;
    domain->stats.dirty_rate->started = g_get_real_time() / G_USEC_PER_SEC;
    domain->stats.dirty_rate->seconds = ((const SkDirtyRateRequest *) job->call->body)->seconds;
}

const SkJobKind sk_domain_dirty_rate_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run_dirty_rate, .commit = commit_dirty_rate, .free_work = free_work,
};

/* -- memory ---------------------------------------------------------------------------------------------------------- */

/* QEMU writes what it is asked for into its own directory, the one place where its uid can. */
static gboolean
run_peek(SkJob *job, GError **error)
{
    InspectWork *work = job->work;
    g_autofree char *name = g_strdup_printf("peek-%s", job->info.id);
    g_autofree char *path = g_build_filename(work->run_dir, name, NULL);
    gsize length = 0;
    const char *command = job->call->params.virtual ? "memsave" : "pmemsave";
    json_t *args = json_pack("{s:I,s:I,s:s}", "val", (json_int_t) work->offset, "size", (json_int_t) work->size, "filename", name);
    gboolean ok = sk_qmp_run(work->qmp, command, args, error);
    g_autofree char *bytes = ok ? sk_fs_read(path, work->size, &length, error) : NULL;
    unlink(path);
    if (bytes == NULL)
        return FALSE;
    work->bytes = g_bytes_new_take(g_steal_pointer(&bytes), length);
    return TRUE;
}

const SkJobKind sk_domain_memory_job = { .prepare = prepare, .run = run_peek, .commit = commit_bytes, .free_work = free_work };

/* -- core dump ---------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_dump(SkJob *job, GError **error)
{
    const SkDump *body = job->call->body;
    if (!prepare(job, error) || !sk_domain_check_path(job->service, job->call, "path", body->path, error))
        return FALSE;
    InspectWork *work = job->work;
    SkDomain *domain = work->domain;
    work->path = g_strdup(body->path);
    work->format = body->format;
    work->then = body->then;
    work->process = domain->process != NULL ? g_object_ref(domain->process) : NULL;
    work->stop_ms = (gint) job->service->settings->stop_timeout * 1000;
    work->ran = sk_domain_state_computes(sk_domain_state(domain)) && !body->live;
    domain->runtime.held = work->ran;
    sk_domain_save_runtime(domain);
    return TRUE;
}

static gboolean
dump_to(SkJob *job, InspectWork *work, gint fd, GError **error)
{
    static const char *const formats[SK_N_DUMP_FORMATS] = { [SK_DUMP_ELF] = "elf", [SK_DUMP_ZLIB] = "kdump-zlib", [SK_DUMP_LZO] = "kdump-lzo",
                                                            [SK_DUMP_SNAPPY] = "kdump-snappy" };
    static const char *const names[] = { "DUMP_COMPLETED", NULL };
    g_autoptr(SkQmpExpect) completed = sk_qmp_expect(work->qmp, names, NULL, NULL);
    g_autoptr(json_t) got = sk_qmp_call_fd(work->qmp, "getfd", json_pack("{s:s}", "fdname", "dump"), fd, 0, error);
    json_t *args = json_pack("{s:b,s:s,s:b,s:s}", "paging", 0, "protocol", "fd:dump", "detach", 1, "format", formats[work->format]);
    if (got == NULL || !sk_qmp_run(work->qmp, "dump-guest-memory", args, error))
        return FALSE;
    g_autoptr(json_t) data = NULL;
    while (data == NULL) {
        g_autoptr(GError) not_yet = NULL;
        if (!sk_qmp_expect_wait(completed, 200, "the dump", NULL, &data, &not_yet) && !sk_error_is(not_yet, SK_ERROR_TIMEOUT)) {
            g_propagate_error(error, g_steal_pointer(&not_yet));
            return FALSE;
        }
        g_autoptr(json_t) info = sk_qmp_call(work->qmp, "query-dump", NULL, 0, NULL);
        guint64 done = (guint64) json_integer_value(json_object_get(info, "completed")), total = (guint64) json_integer_value(json_object_get(info, "total"));
        if (total > 0)
            sk_job_progress(job, (gdouble) done / (gdouble) total, "writing memory", done, total);
    }
    const char *words = json_string_value(json_object_get(data, "error"));
    return words == NULL || sk_fail(error, SK_ERROR_QEMU, "QEMU of domain \"%s\" could not dump its memory: %s", sk_qmp_domain(work->qmp), words);
}

static gboolean
write_dump(SkJob *job, InspectWork *work, GError **error)
{
    g_auto(SkFd) fd = open(work->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EEXIST ? sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\" already", work->path)
                               : sk_fail_errno(error, errno, "cannot make \"%s\"", work->path);
    work->intent = sk_intent_new(work->store, g_strconcat("the dump of domain ", sk_qmp_domain(work->qmp), NULL));
    if (!sk_intent_add_file(work->intent, work->path, work->path, error) || !sk_intent_note(work->intent, error))
        return FALSE;
    gboolean ok = !sk_fault("domain-dump/memory", error) && dump_to(job, work, fd, error);
    return ok && (fsync(fd) == 0 || sk_fail_errno(error, errno, "cannot write \"%s\"", work->path));
}

static void
mark_crashed(gpointer data)
{
    SkDomain *domain = ((InspectWork *) data)->domain;
    domain->destroying = TRUE;
    domain->stop_reason = SK_REASON_CRASHED;
}

/* What was dumped is what ends: a guest that was stopped for it does not go on before. */
static gboolean
end_guest(InspectWork *work, GError **error)
{
    if (work->then == SK_DUMP_RESET)
        return sk_qmp_do(work->qmp, SK_QMP_RESET, error);
    if (work->then == SK_DUMP_GO_ON || work->process == NULL)
        return TRUE;
    if (sk_fault("domain-dump/end", error))
        return FALSE;
    sk_main_call(mark_crashed, work);
    return sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error);
}

static gboolean
run_dump(SkJob *job, GError **error)
{
    InspectWork *work = job->work;
    if (work->ran && !sk_qmp_do(work->qmp, SK_QMP_STOP, error))
        return FALSE;
    gboolean ok = write_dump(job, work, error) && end_guest(work, error);
    if (work->ran && (!ok || work->then != SK_DUMP_DESTROY) && !sk_qmp_do(work->qmp, SK_QMP_CONT, ok ? error : NULL))
        ok = FALSE;
    if (!ok && work->intent != NULL)
        sk_intent_carry_out(work->intent);
    else if (work->intent != NULL)
        sk_store_remove(work->store, "intent", work->intent->id, NULL);
    return ok;
}

static void
let_go(const InspectWork *work)
{
    work->domain->runtime.held = FALSE;
    if (sk_domain_is_active(work->domain))
        sk_domain_save_runtime(work->domain);
}

static void
commit_dump(SkJob *job)
{
    const InspectWork *work = job->work;
    let_go(work);
    if (work->then == SK_DUMP_DESTROY && sk_domain_is_active(work->domain))
        sk_domain_ended(work->domain, SK_REASON_CRASHED);
}

static void
rollback_dump(SkJob *job, const GError *error)
{
    InspectWork *work = job->work;
    (void) error;
    if (work == NULL)
        return;
    work->domain->destroying = FALSE;
    work->domain->stop_reason = SK_REASON_UNKNOWN;
    let_go(work);
}

const SkJobKind sk_domain_dump_job = {
    .object = sk_domain_job_object, .prepare = prepare_dump, .run = run_dump, .commit = commit_dump, .rollback = rollback_dump, .free_work = free_work,
};
