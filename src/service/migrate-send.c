/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.migrate, migration.limits: the state is sent, to a destination that is prepared or to a daemon we ask ourselves. */
#include "service/migrate-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/migrate.h"
#include "engine/wire.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

/* -- domain.migrate ---------------------------------------------------------------------------------------------------- */

/* What the other daemon is to be told. */
static void
take_peer(SkMigrateWork *work, const SkMigrate *body)
{
    work->to = g_strdup(body->to);
    work->new_name = g_strdup(body->name);
    work->listen = g_strdup(body->listen);
    work->xml = g_strdup(body->xml);
    work->persistent_xml = g_strdup(body->persistent_xml);
    work->persist = body->persist;
    work->paused = body->paused || !work->ran;
    work->tunnelled = body->tunnelled;
    const SkServiceSettings *settings = work->domain->service->settings;
    work->keys = (SkTransportKeys){ .authorities = settings->peer_ca, .certificate = settings->peer_cert, .key = settings->peer_key };
    work->undefine = body->undefine;
}

/* The disks that go along, and what is told of them if we drive. */
static gboolean
take_disks(SkMigrateWork *work, const SkMigrate *body, GError **error)
{
    SkMigrationOffer *offer = work->offer = sk_domain_migration_offer(work->domain, FALSE);
    offer->deflate = body->deflate;
    offer->inflate_threads = body->inflate_threads;
    offer->channels = body->channels;
    g_autoptr(GStrvBuilder) targets = g_strv_builder_new();
    if (!body->copy)
        return TRUE;
    if (!sk_migration_choose_disks(offer, (const char *const *) body->disks, body->shallow, error))
        return FALSE;
    for (guint i = 0; offer->copied != NULL && i < offer->copied->len; i++)
        g_strv_builder_add(targets, ((const SkMigrationDisk *) offer->copied->pdata[i])->target);
    work->disks = offer->copied != NULL ? g_strv_builder_end(targets) : NULL;
    work->disks_address = g_strdup(body->disks_address);
    work->shallow = body->shallow;
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkMigrate *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || (domain->migration == NULL && !sk_domain_migration_begin(domain, NULL, error)))
        return FALSE;
    SkMigration *migration = domain->migration;
    if (migration->phase != SK_PHASE_BEGUN || domain->qmp == NULL || domain->process == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is being migrated already", sk_domain_name(domain));
    if (!sk_domain_verb_check(SK_VERB_MIGRATE, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    migration->phase = SK_PHASE_SENDING;
    migration->ran = sk_domain_state_computes(sk_domain_state(domain));
    migration->address = g_strdup(body->to != NULL ? body->to : body->address);
    SkMigrateWork *work = job->work = sk_migrate_work_new(domain);
    if (!take_disks(work, body, error))
        return FALSE;
    if (body->to != NULL)
        take_peer(work, body);
    guint64 rate = body->bandwidth > 0 ? body->bandwidth : domain->migration_bandwidth;
    work->address = g_strdup(body->address);
    work->token = g_strdup(body->token);
    work->still = body->still && migration->ran;
    work->options = (SkMigrateOptions){ .bandwidth = rate >= SK_MIGRATION_MAX_BANDWIDTH ? 0 : rate * MIB,
                                        .downtime = domain->migration_downtime > 0 ? domain->migration_downtime : SK_MIGRATION_USUAL_DOWNTIME,
                                        .auto_converge = body->auto_converge, .throttle_initial = body->throttle_initial,
                                        .throttle_increment = body->throttle_increment, .compress = body->compress,
                                        .cache = body->cache > 0 ? body->cache : domain->migration_cache, .deflate = body->deflate,
                                        .deflate_threads = body->deflate_threads, .deflate_level = body->deflate_level, .channels = body->channels };
    /* Kept before the guest is stopped: a daemon that finds it so lets it go on. */
    domain->runtime.moving = SK_MOVING_OUT;
    domain->runtime.held = migration->ran;
    domain->stop_reason = domain->resume_reason = SK_REASON_MIGRATION;
    sk_domain_save_runtime(domain);
    return TRUE;
}

/* QEMU sends to QEMU whatever becomes of the daemon there; but without it nobody would let the guest run. */
static void
notice_loss(SkJob *job, SkMigrateWork *work)
{
    char byte;
    gssize n = recv(work->words, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) || g_cancellable_is_cancelled(job->cancellable))
        return;
    work->lost = TRUE;
    g_cancellable_cancel(job->cancellable);
}

static void
tell_disks(guint64 done, guint64 total, gpointer data)
{
    notice_loss(data, ((SkJob *) data)->work);
    SkMigrateWork *work = ((SkJob *) data)->work;
    work->moved_disks = (SkJobShare){ done, total };
    sk_job_progress_moving(data, "copying disks", &work->moved_memory, &work->moved_disks);
}

static void
tell(guint64 done, guint64 total, gpointer data)
{
    notice_loss(data, ((SkJob *) data)->work);
    SkMigrateWork *work = ((SkJob *) data)->work;
    work->moved_memory = (SkJobShare){ done, total };
    sk_job_progress_moving(data, "sending memory", &work->moved_memory, &work->moved_disks);
}

/* A connection to the destination; -1 on error. */
static gint
connect_to(SkJob *job, const SkMigrateWork *work, SkWire wire, GError **error)
{
    if (work->tunnelled)
        return sk_peer_tunnel_take(work->peer, wire == SK_WIRE_STATE ? SK_TUNNEL_STATE : SK_TUNNEL_WORDS, error);
    return sk_wire_connect(work->address, work->token, wire, job->cancellable, error);
}

static gboolean
send_each(SkJob *job, SkMigrateWork *work, GError **error)
{
    if (sk_fault("migrate/connect", error))
        return FALSE;
    work->words = connect_to(job, work, SK_WIRE_WORDS, error);
    if (work->words < 0 || sk_fault("migrate/words", error))
        return FALSE;
    if (work->disks != NULL && (!sk_migrate_copy_disks(work, job->cancellable, tell_disks, job, error) || sk_fault("migrate/disks", error)))
        return FALSE;
    gboolean own = work->options.channels > 0;
    g_auto(SkFd) state = own ? SK_FD_NONE : connect_to(job, work, SK_WIRE_STATE, error);
    return (own ? sk_migrate_relay_state(work, error) : state >= 0) && !sk_fault("migrate/state", error) &&
           (!work->still || sk_qmp_do(work->qmp, SK_QMP_STOP, error)) &&
           sk_qmp_migrate_live(work->qmp, state, &work->options, job->cancellable, tell, job, error) && !sk_fault("migrate/sent", error);
}

static gboolean
send_all(SkJob *job, SkMigrateWork *work, GError **error)
{
    gboolean sent = send_each(job, work, error);
    if (work->disks != NULL)
        sk_migrate_copy_end(work);
    if (work->state_relay != NULL)
        sk_migrate_relay_end(work);
    return sent;
}

/* All of it is sent: from now on the destination may ask for the guest. */
static void
mark_sent(gpointer data)
{
    SkMigrateWork *work = data;
    SkMigration *migration = work->migration;
    SkDomain *domain = migration->domain;
    if (domain == NULL)
        return;
    migration->phase = SK_PHASE_SENT;
    sk_migration_listen(migration, sk_fd_steal(&work->words));
    domain->resume_reason = SK_REASON_MIGRATION;
    if (migration->ran)
        sk_domain_set_state(domain, SK_DOMAIN_PAUSED, SK_REASON_MIGRATION);
    if (migration->asker_gone && work->to == NULL)
        sk_migration_confirm_by_daemon(domain);
}

/* -- to another daemon ------------------------------------------------------------------------------------------------------- */

/* What the other daemon is told of the domain; of its disks QEMU knows the size. */
static gboolean
make_cookie(SkMigrateWork *work, GError **error)
{
    g_autoptr(json_t) blocks = work->disks != NULL ? sk_qmp_call(work->qmp, "query-block", NULL, 0, error) : NULL;
    if (work->disks != NULL && (blocks == NULL || !sk_migration_measure_disks(work->offer, blocks, error)))
        return FALSE;
    work->cookie = sk_json_encode(&sk_migration_offer_type, work->offer, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return TRUE;
}

static gboolean
ask_peer(SkJob *job, SkMigrateWork *work, const SkPeerMove *move, GError **error)
{
    work->peer = sk_peer_open(work->to, &work->keys, job->cancellable, error);
    if (work->peer == NULL || sk_fault("migrate/peer", error))
        return FALSE;
    g_autofree char *answer = sk_peer_prepare(work->peer, move, job->cancellable, error);
    g_autoptr(json_t) cookie = answer != NULL ? sk_json_parse(answer, strlen(answer), "the other daemon's cookie", error) : NULL;
    if (cookie == NULL)
        return FALSE;
    g_free(work->address);
    work->address = g_strdup(json_string_value(json_object_get(cookie, "address")));
    work->token = g_strdup(json_string_value(json_object_get(cookie, "token")));
    g_free(work->disks_address);
    work->disks_address = g_strdup(json_string_value(json_object_get(cookie, "disks_address")));
    return work->tunnelled || (work->address != NULL && work->token != NULL) ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "the daemon at \"%s\" takes domains in another way than this one sends them", work->to);
}

static void
judge(gpointer data)
{
    SkMigrateWork *work = data;
    if (work->migration->domain == NULL)
        sk_fail(&work->failed, SK_ERROR_STATE, "domain \"%s\" was switched off while it was being migrated", work->domain->spec->name);
    else
        sk_migrate_prepare_end(work->domain, work, work->cancelled, &work->failed);
}

/* The guest stands still here: whether it runs there is what the destination says of itself. */
static gboolean
end_at_peer(SkMigrateWork *work, const SkPeerMove *move, GError **error)
{
    g_autoptr(GError) refused = NULL;
    sk_main_call(mark_sent, work);
    work->cancelled = sk_fault("migrate/finish", &refused) || !sk_peer_finish(work->peer, move, FALSE, &refused);
    sk_main_call(judge, work);
    if (work->failed != NULL) {
        g_propagate_error(error, g_steal_pointer(&work->failed));
        return FALSE;
    }
    if (work->unknown && !sk_migrate_ask_verdict(work, error))
        return FALSE;
    if (work->away)
        return sk_migrate_end(work, error);
    g_propagate_error(error, g_steal_pointer(&refused));
    return FALSE;
}

static gboolean
run_to_peer(SkJob *job, SkMigrateWork *work, GError **error)
{
    g_autofree char *address = g_strdup(work->address), *disks_address = g_strdup(work->disks_address);
    g_autoptr(GError) failed = NULL;
    if (!make_cookie(work, error))
        return FALSE;
    const SkPeerMove told = { .cookie = work->cookie, .name = work->new_name != NULL ? work->new_name : work->domain->spec->name, .new_name = work->new_name,
                              .address = address, .disks_address = disks_address, .listen = work->listen, .xml = work->xml, .persistent_xml = work->persistent_xml,
                              .persist = work->persist, .paused = work->paused, .tunnelled = work->tunnelled };
    if (!ask_peer(job, work, &told, error))
        return FALSE;
    gboolean sent = send_all(job, work, error);
    if (sent && end_at_peer(work, &told, error))
        return TRUE;
    if (!work->unknown && !work->away && sk_qmp_is_open(work->qmp) && !sk_migrate_go_on(work, &failed))
        g_warning("%s, continuing", failed->message);
    if (!sent)
        sk_peer_finish(work->peer, &told, TRUE, NULL);
    return FALSE;
}

/* -- the job ------------------------------------------------------------------------------------------------------------- */

static gboolean
run(SkJob *job, GError **error)
{
    SkMigrateWork *work = job->work;
    g_autoptr(GError) failed = NULL;
    if (work->to != NULL)
        return run_to_peer(job, work, error);
    if (send_all(job, work, error))
        return TRUE;
    if (sk_qmp_is_open(work->qmp) && !sk_migrate_go_on(work, &failed))
        g_warning("%s, continuing", failed->message);
    if (work->lost) {
        g_clear_error(error);
        sk_fail(error, SK_ERROR_IO, "the destination of domain \"%s\" went away while it was being sent", work->domain->spec->name);
    }
    return FALSE;
}

static void
commit(SkJob *job)
{
    SkMigrateWork *work = job->work;
    if (work->to != NULL)
        sk_migrate_commit_confirm(job);
    else
        mark_sent(work);
}

static void
rollback(SkJob *job, const GError *error)
{
    const SkMigrateWork *work = job->work;
    (void) error;
    if (work == NULL || work->migration->domain == NULL)
        return;
    if (work->unknown || work->away) {
        sk_migrate_rollback_confirm(job, error);
        return;
    }
    sk_migration_ours_again(work->domain);
    sk_migration_drop(work->domain);
}

const SkJobKind sk_migrate_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = sk_migrate_work_free,
    .cancellable = TRUE, .while_migrating = TRUE,
};

/* -- migration.limits ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkQmp *qmp;             /* of one that is on its way; NULL: for the next time */
    guint64 bandwidth, cache;
    guint downtime;
} LimitWork;

static void
free_limits(gpointer data)
{
    LimitWork *work = data;
    g_clear_object(&work->qmp);
    g_free(work);
}

static gboolean
prepare_limits(SkJob *job, GError **error)
{
    const SkMigrationLimits *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    LimitWork *work = job->work = g_new0(LimitWork, 1);
    work->bandwidth = body->bandwidth >= SK_MIGRATION_MAX_BANDWIDTH ? G_MAXINT64 / 2 : body->bandwidth * MIB;
    work->downtime = body->downtime;
    work->cache = body->cache;
    if (domain->migration != NULL && domain->migration->phase == SK_PHASE_SENDING && domain->qmp != NULL)
        work->qmp = g_object_ref(domain->qmp);
    if (body->bandwidth > 0)
        domain->migration_bandwidth = body->bandwidth;
    if (body->downtime > 0)
        domain->migration_downtime = body->downtime;
    if (body->cache > 0)
        domain->migration_cache = body->cache;
    return TRUE;
}

static gboolean
run_limits(SkJob *job, GError **error)
{
    const LimitWork *work = job->work;
    return work->qmp == NULL || sk_qmp_migrate_limit(work->qmp, work->bandwidth, work->downtime, work->cache, error);
}

const SkJobKind sk_migration_limits_job = {
    .object = sk_domain_job_object, .prepare = prepare_limits, .run = run_limits, .free_work = free_limits, .at_once = TRUE, .while_migrating = TRUE,
};
