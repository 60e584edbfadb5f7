/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.migrate, migration.confirm, migration.limits: the source of a migration. */
#include "service/migrate.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/migrate.h"
#include "cluster/peer.h"
#include "engine/wire.h"
#include "service/domain-transient.h"

/* How long a destination that was given the guest has to say whether it runs, when somebody wants to know. */
#define VERDICT_MS 10000
#define MIB (G_GUINT64_CONSTANT(1) << 20)

typedef enum {
    PHASE_BEGUN,
    PHASE_SENDING,
    PHASE_SENT,             /* the guest stands still; it is ours until the destination asks for it */
    PHASE_GIVEN,            /* the destination may run it */
    PHASE_AWAY,             /* it does */
} Phase;

struct SkMigration {
    guint refs;
    SkDomain *domain;       /* NULL: forgotten */
    Phase phase;
    gconstpointer asker;
    gboolean asker_gone;
    gboolean ran;           /* it goes on if it is let go */
    char *address;
    SkFd words;
    guint source;
    char line[64];
    guint length;
};
typedef struct SkMigration Migration;

static void
migration_unref(gpointer data)
{
    Migration *self = data;
    if (--self->refs > 0)
        return;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->words);
    g_free(self->address);
    g_free(self);
}

static void
forget(SkDomain *domain)
{
    Migration *self = g_steal_pointer(&domain->migration);
    if (self == NULL)
        return;
    self->domain = NULL;
    g_clear_handle_id(&self->source, g_source_remove);
    migration_unref(self);
}

/* -- offer --------------------------------------------------------------------------------------------------------- */

static gboolean
has(const GPtrArray *list)
{
    return list != NULL && list->len > 0;
}

/* What of a running domain lies on this host alone. */
static gboolean
check_bound(const SkDomain *self, const SkDomainSpec *live, GError **error)
{
    const struct {
        gboolean there;
        const char *what;
    } bound[] = {
        { has(live->hostdevs), "a device of the host: detach it first" },
        { has(live->filesystems), "a shared directory of the host: detach it first" },
        { live->tpm != NULL, "a TPM, whose state lies on this host" },
        { has(live->smartcards), "a smartcard of the host" },
        { has(self->snapshots), "snapshots, which would stay behind: delete them first" },
        { has(self->checkpoints), "checkpoints, which would stay behind: delete them first" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(bound); i++) {
        if (bound[i].there)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" cannot be migrated: it has %s", sk_domain_name(self), bound[i].what);
    }
    return TRUE;
}

gboolean
sk_domain_check_migration(SkDomain *self, gboolean offline, GError **error)
{
    if (sk_domain_is_migrating(self))
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is being migrated already", sk_domain_name(self));
    if (offline)
        return self->persistent || sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is transient: it has no definition to move", sk_domain_name(self));
    if (!sk_domain_verb_check(SK_VERB_MIGRATE, sk_domain_state(self), sk_domain_name(self), error))
        return FALSE;
    if (self->qmp == NULL || self->process == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(self));
    return check_bound(self, self->runtime.live, error);
}

SkMigrationOffer *
sk_domain_migration_offer(const SkDomain *self, gboolean offline)
{
    const SkDomainRuntime *runtime = &self->runtime;
    SkMigrationOffer *offer = sk_value_new(&sk_migration_offer_type);
    offer->name = g_strdup(self->spec->name);
    offer->uuid = g_strdup(self->spec->uuid);
    offer->live = offline ? NULL : sk_value_copy(&sk_domain_spec_type, runtime->live);
    offer->definition = self->persistent ? sk_value_copy(&sk_domain_spec_type, self->spec) : NULL;
    offer->accel = runtime->accel;
    offer->qemu_version = g_strdup(runtime->qemu_version);
    offer->host = g_strdup(self->service->node.hostname);
    offer->cpu_model = g_strdup(self->service->node.cpu_model);
    return offer;
}

gboolean
sk_domain_migration_begin(SkDomain *self, gconstpointer asker, GError **error)
{
    sk_assert_main();
    if (!sk_domain_check_migration(self, FALSE, error))
        return FALSE;
    Migration *migration = g_new0(Migration, 1);
    migration->refs = 1;
    migration->domain = self;
    migration->asker = asker;
    migration->words = SK_FD_NONE;
    self->migration = migration;
    return TRUE;
}

gboolean
sk_domain_is_migrating(const SkDomain *self)
{
    return self->migration != NULL || self->incoming != NULL;
}

void
sk_domain_migration_forget(SkDomain *self)
{
    forget(self);
    g_clear_pointer(&self->incoming, sk_incoming_free);
}

/* -- the destination's words ---------------------------------------------------------------------------------------- */

static void confirm_by_daemon(SkDomain *domain);

/* Nobody will tell us any more; the guest may run there. */
static void
doubt(SkDomain *domain)
{
    g_free(domain->message);
    domain->message = g_strdup_printf("it was given to the host at %s, and it is not known whether it runs there: see, and only if it does not, resume it here; "
                                      "else destroy it here",
                                      domain->migration->address);
    g_warning("domain \"%s\": %s", sk_domain_name(domain), domain->message);
    forget(domain);
    sk_domain_touch(domain);
}

static void
stop_listening(Migration *self)
{
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->words);
}

static void
take_back_gift(Migration *self)
{
    SkDomain *domain = self->domain;
    self->phase = PHASE_SENT;
    domain->runtime.moving = SK_MOVING_OUT;
    domain->runtime.held = self->ran;
    sk_domain_save_runtime(domain);
    if (self->asker_gone)
        confirm_by_daemon(domain);
}

/* That it is given away is on the disk: only now the destination hears of it. */
static void
on_given(const GError *failed, gpointer data)
{
    Migration *self = data;
    g_autoptr(GError) error = NULL;
    if (self->domain != NULL && self->phase == PHASE_GIVEN) {
        sk_fault("migrate/given", NULL);
        gboolean ok = sk_wire_say(self->words, failed == NULL ? "yes" : "no", &error);
        if (failed != NULL || !ok) {
            g_message("domain \"%s\" is not given away: %s", sk_domain_name(self->domain), failed != NULL ? failed->message : error->message);
            take_back_gift(self);
        }
    }
    migration_unref(self);
}

static void
give(Migration *self)
{
    SkDomain *domain = self->domain;
    self->phase = PHASE_GIVEN;
    domain->runtime.moving = SK_MOVING_GIVEN;
    domain->runtime.held = FALSE;
    g_autofree char *runtime = sk_domain_runtime_json(domain);
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_put_state(batch, sk_domain_kind(domain->persistent), domain->spec->uuid, runtime);
    self->refs++;
    sk_store_commit_async(domain->service->store, batch, on_given, self);
}

static void
on_word(Migration *self, const char *word)
{
    if (g_str_equal(word, "run?")) {
        if (self->phase == PHASE_SENT && !self->asker_gone)
            give(self);
        else
            sk_wire_say(self->words, "no", NULL);
    } else if (g_str_equal(word, "runs") && self->phase == PHASE_GIVEN) {
        self->phase = PHASE_AWAY;
        self->domain->runtime.ending = TRUE;
        sk_domain_save_runtime(self->domain);
        if (self->asker_gone)
            confirm_by_daemon(self->domain);
    } else if (g_str_equal(word, "failed") && self->phase == PHASE_GIVEN) {
        take_back_gift(self);
    }
}

/* FALSE: the other end is gone, or talks nonsense. */
static gboolean
hear(Migration *self)
{
    char byte;
    gssize n;
    while (self->domain != NULL && (n = recv(self->words, &byte, 1, MSG_DONTWAIT)) == 1) {
        if (byte != '\n' && self->length == sizeof self->line - 1)
            return FALSE;
        if (byte != '\n') {
            self->line[self->length++] = byte;
            continue;
        }
        self->line[self->length] = '\0';
        self->length = 0;
        on_word(self, self->line);
    }
    return self->domain == NULL || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static gboolean
on_words(gint fd, GIOCondition condition, gpointer data)
{
    Migration *self = data;
    (void) fd, (void) condition;
    self->refs++;
    gboolean open = hear(self);
    if (!open && self->domain != NULL) {
        self->source = 0;
        sk_fd_clear(&self->words);
        if (self->asker_gone && self->phase == PHASE_GIVEN)
            doubt(self->domain);
    }
    gboolean goes_on = open && self->domain != NULL && self->source != 0;
    migration_unref(self);
    return goes_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* -- domain.migrate ---------------------------------------------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    Migration *migration;   /* a reference */
    SkQmp *qmp;
    SkQemuProcess *process;
    SkStore *store;
    char *address, *token;
    SkMigrateOptions options;
    SkFd words;
    gboolean ran, still;
    gboolean lost;          /* the destination's daemon went while it was being sent */
    /* to another daemon that we ask ourselves */
    SkPeer *peer;
    char *to, *cookie, *new_name, *listen, *xml, *persistent_xml;
    gboolean persist, paused, prepared;
    gboolean cancelled;     /* what prepare_end() is to take as said */
    GError *failed;         /* and what it said itself */
    /* confirm */
    gboolean away, undefine, unknown, tried;
    gint stop_ms;
    char *runtime;
    SkRecord *record;
} Work;

static void
free_work(gpointer data)
{
    Work *work = data;
    if (work->migration != NULL)
        migration_unref(work->migration);
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    g_clear_object(&work->process);
    sk_peer_free(work->peer);
    g_free(work->to);
    g_free(work->cookie);
    g_free(work->new_name);
    g_free(work->listen);
    g_free(work->xml);
    g_free(work->persistent_xml);
    g_clear_error(&work->failed);
    g_free(work->address);
    g_free(work->token);
    sk_fd_clear(&work->words);
    g_free(work->runtime);
    sk_record_free(work->record);
    g_free(work);
}

static Work *
new_work(SkDomain *domain)
{
    Work *work = g_new0(Work, 1);
    work->domain = g_object_ref(domain);
    work->words = SK_FD_NONE;
    work->store = domain->service->store;
    work->stop_ms = (gint) domain->service->settings->stop_timeout * 1000;
    if (domain->qmp != NULL)
        work->qmp = g_object_ref(domain->qmp);
    if (domain->process != NULL)
        work->process = g_object_ref(domain->process);
    if (domain->migration != NULL) {
        work->migration = domain->migration;
        work->migration->refs++;
        work->ran = work->migration->ran;
    }
    return work;
}

/* What the other daemon is to be told. */
static void
take_peer(Work *work, const SkMigrate *body)
{
    SkMigrationOffer *offer = sk_domain_migration_offer(work->domain, FALSE);
    work->to = g_strdup(body->to);
    work->cookie = sk_json_encode(&sk_migration_offer_type, offer, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    sk_value_free(&sk_migration_offer_type, offer);
    work->new_name = g_strdup(body->name);
    work->listen = g_strdup(body->listen);
    work->xml = g_strdup(body->xml);
    work->persistent_xml = g_strdup(body->persistent_xml);
    work->persist = body->persist;
    work->paused = body->paused || !work->ran;
    work->undefine = body->undefine;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkMigrate *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || (domain->migration == NULL && !sk_domain_migration_begin(domain, NULL, error)))
        return FALSE;
    Migration *migration = domain->migration;
    if (migration->phase != PHASE_BEGUN || domain->qmp == NULL || domain->process == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is being migrated already", sk_domain_name(domain));
    if (!sk_domain_verb_check(SK_VERB_MIGRATE, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    migration->phase = PHASE_SENDING;
    migration->ran = sk_domain_state(domain) == SK_DOMAIN_RUNNING;
    migration->address = g_strdup(body->to != NULL ? body->to : body->address);
    Work *work = job->work = new_work(domain);
    if (body->to != NULL)
        take_peer(work, body);
    guint64 rate = body->bandwidth > 0 ? body->bandwidth : domain->migration_bandwidth;
    work->address = g_strdup(body->address);
    work->token = g_strdup(body->token);
    work->still = body->still && migration->ran;
    work->options = (SkMigrateOptions){ .bandwidth = rate >= SK_MIGRATION_MAX_BANDWIDTH ? 0 : rate * MIB,
                                        .downtime = domain->migration_downtime > 0 ? domain->migration_downtime : SK_MIGRATION_USUAL_DOWNTIME,
                                        .auto_converge = body->auto_converge, .compress = body->compress };
    /* Kept before the guest is stopped: a daemon that finds it so lets it go on. */
    domain->runtime.moving = SK_MOVING_OUT;
    domain->runtime.held = migration->ran;
    domain->stop_reason = domain->resume_reason = SK_REASON_MIGRATION;
    sk_domain_save_runtime(domain);
    return TRUE;
}

/* QEMU sends to QEMU whatever becomes of the daemon there; but without it nobody would let the guest run. */
static void
notice_loss(SkJob *job, Work *work)
{
    char byte;
    gssize n = recv(work->words, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) || g_cancellable_is_cancelled(job->cancellable))
        return;
    work->lost = TRUE;
    g_cancellable_cancel(job->cancellable);
}

static void
tell(guint64 done, guint64 total, gpointer data)
{
    notice_loss(data, ((SkJob *) data)->work);
    sk_job_progress(data, total > 0 ? (gdouble) done / (gdouble) total : -1, "sending memory", done, total);
}

/* The guest goes on as if nothing had been; QEMU lets it by itself if it was not at the end yet. */
static gboolean
go_on(const Work *work, GError **error)
{
    SkQmpStatus status;
    sk_qmp_migrate_cancel(work->qmp);
    return !work->ran || (sk_qmp_query_status(work->qmp, &status, error) && (status.running || sk_qmp_do(work->qmp, SK_QMP_CONT, error)));
}

static gboolean
send_all(SkJob *job, Work *work, GError **error)
{
    if (sk_fault("migrate/connect", error))
        return FALSE;
    work->words = sk_wire_connect(work->address, work->token, SK_WIRE_WORDS, job->cancellable, error);
    if (work->words < 0 || sk_fault("migrate/words", error))
        return FALSE;
    g_auto(SkFd) state = sk_wire_connect(work->address, work->token, SK_WIRE_STATE, job->cancellable, error);
    return state >= 0 && !sk_fault("migrate/state", error) && (!work->still || sk_qmp_do(work->qmp, SK_QMP_STOP, error)) &&
           sk_qmp_migrate_live(work->qmp, state, &work->options, job->cancellable, tell, job, error) && !sk_fault("migrate/sent", error);
}

static gboolean run_to_peer(SkJob *job, Work *work, GError **error);

static gboolean
run(SkJob *job, GError **error)
{
    Work *work = job->work;
    g_autoptr(GError) failed = NULL;
    if (work->to != NULL)
        return run_to_peer(job, work, error);
    if (send_all(job, work, error))
        return TRUE;
    if (sk_qmp_is_open(work->qmp) && !go_on(work, &failed))
        g_warning("%s, continuing", failed->message);
    if (work->lost) {
        g_clear_error(error);
        sk_fail(error, SK_ERROR_IO, "the destination of domain \"%s\" went away while it was being sent", work->domain->spec->name);
    }
    return FALSE;
}

/* All of it is sent: from now on the destination may ask for the guest. */
static void
mark_sent(gpointer data)
{
    Work *work = data;
    Migration *migration = work->migration;
    SkDomain *domain = migration->domain;
    if (domain == NULL)
        return;
    migration->phase = PHASE_SENT;
    migration->words = sk_fd_steal(&work->words);
    migration->source = g_unix_fd_add(migration->words, G_IO_IN | G_IO_HUP | G_IO_ERR, on_words, migration);
    domain->resume_reason = SK_REASON_MIGRATION;
    if (migration->ran)
        sk_domain_set_state(domain, SK_DOMAIN_PAUSED, SK_REASON_MIGRATION);
    if (migration->asker_gone && work->to == NULL)
        confirm_by_daemon(domain);
}

static void commit_confirm(SkJob *job);
static void rollback_confirm(SkJob *job, const GError *error);

static void
commit(SkJob *job)
{
    Work *work = job->work;
    if (work->to != NULL)
        commit_confirm(job);
    else
        mark_sent(work);
}

static void
ours_again(SkDomain *domain)
{
    domain->stop_reason = domain->resume_reason = SK_REASON_UNKNOWN;
    domain->runtime.held = FALSE;
    domain->runtime.moving = SK_MOVING_NO;
    if (sk_domain_is_active(domain))
        sk_domain_save_runtime(domain);
}

static void
rollback(SkJob *job, const GError *error)
{
    const Work *work = job->work;
    (void) error;
    if (work == NULL || work->migration->domain == NULL)
        return;
    if (work->unknown || work->away) {
        rollback_confirm(job, error);
        return;
    }
    ours_again(work->domain);
    forget(work->domain);
}

const SkJobKind sk_migrate_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work,
    .cancellable = TRUE, .while_migrating = TRUE,
};

/* -- migration.confirm ---------------------------------------------------------------------------------------------------- */

static gboolean
prepare_end(SkDomain *domain, Work *work, gboolean cancelled, GError **error)
{
    Migration *migration = work->migration;
    if (migration->words >= 0)
        hear(migration);
    if (migration->phase == PHASE_SENT && !cancelled)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was sent, but the destination never asked for it: say that it is cancelled",
                       sk_domain_name(domain));
    if (migration->phase == PHASE_BEGUN && !cancelled)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was not sent", sk_domain_name(domain));
    work->away = migration->phase == PHASE_AWAY || (migration->phase == PHASE_GIVEN && !cancelled);
    work->unknown = migration->phase == PHASE_GIVEN && cancelled;
    if (work->unknown) {
        work->words = sk_fd_steal(&migration->words);
        stop_listening(migration);
    }
    return TRUE;
}

static gboolean
prepare_confirm(SkJob *job, GError **error)
{
    const SkMigrationConfirm *body = job->call != NULL ? job->call->body : NULL;
    SkDomain *domain = job->work != NULL ? ((Work *) job->work)->domain : sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (domain->migration == NULL || domain->migration->phase == PHASE_SENDING) {
        /* Sending failed, and it goes on already. */
        return body == NULL || body->cancelled || sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is not being migrated", sk_domain_name(domain));
    }
    Work *work = job->work = job->work != NULL ? job->work : new_work(domain);
    work->undefine = body != NULL && body->undefine && domain->persistent;
    return prepare_end(domain, work, body == NULL || body->cancelled, error);
}

/* From here on what is left here only has to end. */
static void
mark_ending(gpointer data)
{
    Work *work = data;
    SkDomain *domain = work->domain;
    domain->runtime.ending = TRUE;
    domain->runtime.held = FALSE;
    work->runtime = sk_domain_runtime_json(domain);
    work->undefine = work->undefine && domain->persistent;
    if (work->undefine)
        work->record = sk_domain_record(domain->spec, FALSE);
}

/* Before its QEMU ends: what has no definition vanishes then. */
static void
take_undefined(gpointer data)
{
    SkDomain *domain = ((Work *) data)->domain;
    g_autofree char *object = sk_domain_object(domain);
    domain->persistent = FALSE;
    sk_domain_touch(domain);
    sk_events_emit(domain->service->events, "domain.undefined", object, domain->spec->uuid, NULL);
    if (!sk_domain_is_active(domain))
        sk_domain_vanish(domain);
}

static gboolean
end(Work *work, GError **error)
{
    sk_main_call(mark_ending, work);
    SkStoreBatch *batch = sk_store_batch_new();
    const char *uuid = work->domain->spec->uuid;
    if (work->record != NULL) {
        sk_store_batch_remove(batch, sk_domain_kind(TRUE), uuid);
        sk_store_batch_put(batch, work->record);
    }
    sk_store_batch_put_state(batch, sk_domain_kind(work->domain->persistent && work->record == NULL), uuid, work->runtime);
    if (sk_fault("migration-confirm/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    if (!sk_store_commit(work->store, batch, error))
        return FALSE;
    if (work->record != NULL)
        sk_main_call(take_undefined, work);
    sk_fault("migration-confirm/end", NULL);
    return work->process == NULL || sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error);
}

/* It was given away, and then the asker said that the destination has it not: that one knows. */
static gboolean
ask_verdict(Work *work, GError **error)
{
    g_autoptr(GError) silent = NULL;
    g_autofree char *word = work->words >= 0 ? sk_wire_hear(work->words, VERDICT_MS, &silent) : NULL;
    work->away = g_strcmp0(word, "runs") == 0;
    work->unknown = !work->away && g_strcmp0(word, "failed") != 0;
    return !work->unknown || sk_fail(error, SK_ERROR_STATE,
                                     "domain \"%s\" was given to the host at %s, and it is not known whether it runs there: it stays paused here; "
                                     "resume it only if it does not run there, else destroy it",
                                     work->domain->spec->name, work->migration->address);
}

static gboolean
run_confirm(SkJob *job, GError **error)
{
    Work *work = job->work;
    if (work == NULL)
        return TRUE;
    if (work->unknown && !ask_verdict(work, error))
        return FALSE;
    if (work->away)
        return end(work, error);
    work->tried = TRUE;
    return !sk_fault("migration-confirm/go-on", error) && (work->qmp == NULL || work->migration->phase == PHASE_BEGUN || go_on(work, error));
}

static void
commit_confirm(SkJob *job)
{
    Work *work = job->work;
    SkDomain *domain = work != NULL ? work->domain : NULL;
    if (domain == NULL || work->migration->domain == NULL)
        return;
    (void) job;
    if (work->away && sk_domain_is_active(domain)) {
        sk_domain_ended(domain, SK_REASON_MIGRATION);
        return;
    }
    gboolean ran = work->migration->ran;
    gboolean sent = work->migration->phase != PHASE_BEGUN;
    forget(domain);
    if (sent && ran && sk_domain_is_active(domain))
        sk_domain_set_state(domain, SK_DOMAIN_RUNNING, SK_REASON_MIGRATION);
    ours_again(domain);
}

static void
rollback_confirm(SkJob *job, const GError *error)
{
    Work *work = job->work;
    SkDomain *domain = work != NULL && work->migration != NULL ? work->migration->domain : NULL;
    if (domain == NULL)
        return;
    if (work->unknown)
        doubt(domain);
    if (!work->tried)
        return;
    /* It stands still, and whoever knows how may let it go on. */
    g_free(domain->message);
    domain->message = g_strdup(error->message);
    forget(domain);
    ours_again(domain);
    sk_domain_touch(domain);
}

/* -- to another daemon ------------------------------------------------------------------------------------------------------- */

static gboolean
ask_peer(SkJob *job, Work *work, const SkPeerMove *move, GError **error)
{
    work->peer = sk_peer_open(work->to, job->cancellable, error);
    if (work->peer == NULL || sk_fault("migrate/peer", error))
        return FALSE;
    g_autofree char *answer = sk_peer_prepare(work->peer, move, job->cancellable, error);
    g_autoptr(json_t) cookie = answer != NULL ? sk_json_parse(answer, strlen(answer), "the other daemon's cookie", error) : NULL;
    if (cookie == NULL)
        return FALSE;
    work->prepared = TRUE;
    g_free(work->address);
    work->address = g_strdup(json_string_value(json_object_get(cookie, "address")));
    work->token = g_strdup(json_string_value(json_object_get(cookie, "token")));
    return (work->address != NULL && work->token != NULL) ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "the daemon at \"%s\" takes domains in another way than this one sends them", work->to);
}

static void
judge(gpointer data)
{
    Work *work = data;
    if (work->migration->domain == NULL)
        sk_fail(&work->failed, SK_ERROR_STATE, "domain \"%s\" was switched off while it was being migrated", work->domain->spec->name);
    else
        prepare_end(work->domain, work, work->cancelled, &work->failed);
}

/* The guest stands still here: whether it runs there is what the destination says of itself. */
static gboolean
end_at_peer(Work *work, const SkPeerMove *move, GError **error)
{
    g_autoptr(GError) refused = NULL;
    sk_main_call(mark_sent, work);
    work->cancelled = sk_fault("migrate/finish", &refused) || !sk_peer_finish(work->peer, move, FALSE, &refused);
    sk_main_call(judge, work);
    if (work->failed != NULL) {
        g_propagate_error(error, g_steal_pointer(&work->failed));
        return FALSE;
    }
    if (work->unknown && !ask_verdict(work, error))
        return FALSE;
    if (work->away)
        return end(work, error);
    g_propagate_error(error, g_steal_pointer(&refused));
    return FALSE;
}

static gboolean
run_to_peer(SkJob *job, Work *work, GError **error)
{
    g_autofree char *address = g_strdup(work->address);
    g_autoptr(GError) failed = NULL;
    const SkPeerMove told = { .cookie = work->cookie, .name = work->new_name != NULL ? work->new_name : work->domain->spec->name, .new_name = work->new_name,
                              .address = address, .listen = work->listen, .xml = work->xml, .persistent_xml = work->persistent_xml,
                              .persist = work->persist, .paused = work->paused };
    if (!ask_peer(job, work, &told, error))
        return FALSE;
    gboolean sent = send_all(job, work, error);
    if (sent && end_at_peer(work, &told, error))
        return TRUE;
    if (!sent)
        sk_peer_finish(work->peer, &told, TRUE, NULL);
    if (!work->unknown && !work->away && sk_qmp_is_open(work->qmp) && !go_on(work, &failed))
        g_warning("%s, continuing", failed->message);
    return FALSE;
}

const SkJobKind sk_migration_confirm_job = {
    .object = sk_domain_job_object, .prepare = prepare_confirm, .run = run_confirm, .commit = commit_confirm, .rollback = rollback_confirm,
    .free_work = free_work, .while_migrating = TRUE,
};

static void
confirm_by_daemon(SkDomain *domain)
{
    g_autofree char *object = sk_domain_object(domain);
    sk_job_start(domain->service, &sk_migration_confirm_job, "migration.confirm", object, new_work(domain));
}

void
sk_domain_migration_asker_gone(SkDomain *self, gconstpointer asker)
{
    Migration *migration = self->migration;
    if (migration == NULL || asker == NULL || migration->asker != asker)
        return;
    migration->asker_gone = TRUE;
    migration->asker = NULL;
    g_autofree char *object = sk_domain_object(self);
    SkJob *job = sk_jobs_running_on(self->service->jobs, object);
    if (migration->phase == PHASE_SENDING && job != NULL && g_str_equal(job->info.operation, "domain.migrate"))
        sk_job_cancel(job, NULL);
    else if (migration->phase == PHASE_GIVEN && migration->words < 0)
        doubt(self);
    else if (migration->phase != PHASE_SENDING && migration->phase != PHASE_GIVEN)
        confirm_by_daemon(self);
}

void
sk_domain_migration_taken_back(SkDomain *self)
{
    if (self->runtime.moving == SK_MOVING_GIVEN && !self->runtime.ending) {
        g_free(self->message);
        self->message = g_strdup("it was given to another host when the daemon ended, and it is not known whether it runs there: see, and only if it does "
                                 "not, resume it here; else destroy it here");
        g_warning("domain \"%s\": %s", sk_domain_name(self), self->message);
        sk_domain_touch(self);
    } else if (self->runtime.moving == SK_MOVING_OUT) {
        self->runtime.moving = SK_MOVING_NO;
        sk_domain_save_runtime(self);
    }
}

/* -- migration.limits ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkQmp *qmp;             /* of one that is on its way; NULL: for the next time */
    guint64 bandwidth;
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
    if (domain->migration != NULL && domain->migration->phase == PHASE_SENDING && domain->qmp != NULL)
        work->qmp = g_object_ref(domain->qmp);
    if (body->bandwidth > 0)
        domain->migration_bandwidth = body->bandwidth;
    if (body->downtime > 0)
        domain->migration_downtime = body->downtime;
    return TRUE;
}

static gboolean
run_limits(SkJob *job, GError **error)
{
    const LimitWork *work = job->work;
    return work->qmp == NULL || sk_qmp_migrate_limit(work->qmp, work->bandwidth, work->downtime, error);
}

const SkJobKind sk_migration_limits_job = {
    .object = sk_domain_job_object, .prepare = prepare_limits, .run = run_limits, .free_work = free_limits, .at_once = TRUE, .while_migrating = TRUE,
};
