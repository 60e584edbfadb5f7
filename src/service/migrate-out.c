/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source of a migration: what it offers, and what the destination's daemon says to it. */
#include "service/migrate-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "engine/wire.h"

void
sk_migration_unref(gpointer data)
{
    SkMigration *self = data;
    if (--self->refs > 0)
        return;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->words);
    g_free(self->address);
    g_free(self);
}

void
sk_migration_drop(SkDomain *domain)
{
    SkMigration *self = g_steal_pointer(&domain->migration);
    if (self == NULL)
        return;
    self->domain = NULL;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_migration_unref(self);
}

/* -- offer --------------------------------------------------------------------------------------------------------- */

static gboolean
has(const GPtrArray *list)
{
    return list != NULL && list->len > 0;
}

/* What of a running domain lies on this host alone. A TPM's state is not among it: QEMU asks swtpm for it and sends it. */
static gboolean
check_bound(const SkDomain *self, const SkDomainSpec *live, GError **error)
{
    const struct {
        gboolean there;
        const char *what;
    } bound[] = {
        { has(live->hostdevs), "a device of the host: detach it first" },
        { has(live->filesystems), "a shared directory of the host: detach it first" },
        { has(live->smartcards), "a smartcard of the host" },
        { has(self->snapshots), "snapshots, which would stay behind: delete them first" },
        { has(self->checkpoints), "checkpoints, which would stay behind: delete them first" },
        { has(self->block_jobs), "a block job under way on a disk: wait for its end, or end it" },
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
    if (offline && sk_domain_is_active(self))
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is not off, so not only its definition can be moved", sk_domain_name(self));
    if (offline && self->spec->firmware.kind == SK_FIRMWARE_UEFI)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" cannot be moved while it is off: its firmware variables would stay behind",
                       sk_domain_name(self));
    if (offline && (self->saved != NULL || has(self->snapshots) || has(self->checkpoints)))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" has a saved state, snapshots or checkpoints, which would stay behind: delete them first",
                       sk_domain_name(self));
    if (offline)
        return TRUE;
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
    SkMigration *migration = g_new0(SkMigration, 1);
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
    sk_migration_drop(self);
    g_clear_pointer(&self->incoming, sk_incoming_free);
}

/* -- the destination's words ---------------------------------------------------------------------------------------- */

/* Nobody will tell us any more; the guest may run there. */
void
sk_migration_doubt(SkDomain *domain)
{
    g_free(domain->message);
    domain->message = g_strdup_printf("it was given to the host at %s, and it is not known whether it runs there: see, and only if it does not, resume it here; "
                                      "else destroy it here",
                                      domain->migration->address);
    g_warning("domain \"%s\": %s", sk_domain_name(domain), domain->message);
    sk_migration_drop(domain);
    sk_domain_touch(domain);
}

void
sk_migration_stop_listening(SkMigration *self)
{
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->words);
}

void
sk_migration_ours_again(SkDomain *domain)
{
    domain->stop_reason = domain->resume_reason = SK_REASON_UNKNOWN;
    domain->runtime.held = FALSE;
    domain->runtime.moving = SK_MOVING_NO;
    if (sk_domain_is_active(domain))
        sk_domain_save_runtime(domain);
}

static void
take_back_gift(SkMigration *self)
{
    SkDomain *domain = self->domain;
    self->phase = SK_PHASE_SENT;
    domain->runtime.moving = SK_MOVING_OUT;
    domain->runtime.held = self->ran;
    sk_domain_save_runtime(domain);
    if (self->asker_gone)
        sk_migration_confirm_by_daemon(domain);
}

/* That it is given away is on the disk: only now the destination hears of it. */
static void
on_given(const GError *failed, gpointer data)
{
    SkMigration *self = data;
    g_autoptr(GError) error = NULL;
    if (self->domain != NULL && self->phase == SK_PHASE_GIVEN) {
        sk_fault("migrate/given", NULL);
        gboolean ok = sk_wire_say(self->words, failed == NULL ? "yes" : "no", &error);
        if (failed != NULL || !ok) {
            g_message("domain \"%s\" is not given away: %s", sk_domain_name(self->domain), failed != NULL ? failed->message : error->message);
            take_back_gift(self);
        }
    }
    sk_migration_unref(self);
}

static void
give(SkMigration *self)
{
    SkDomain *domain = self->domain;
    self->phase = SK_PHASE_GIVEN;
    domain->runtime.moving = SK_MOVING_GIVEN;
    domain->runtime.held = FALSE;
    g_autofree char *runtime = sk_domain_runtime_json(domain);
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_put_state(batch, sk_domain_kind(domain->persistent), domain->spec->uuid, runtime);
    self->refs++;
    sk_store_commit_async(domain->service->store, batch, on_given, self);
}

static void
on_word(SkMigration *self, const char *word)
{
    if (g_str_equal(word, "run?")) {
        if (self->phase == SK_PHASE_SENT && !self->asker_gone)
            give(self);
        else
            sk_wire_say(self->words, "no", NULL);
    } else if (g_str_equal(word, "runs") && self->phase == SK_PHASE_GIVEN) {
        self->phase = SK_PHASE_AWAY;
        self->domain->runtime.ending = TRUE;
        sk_domain_save_runtime(self->domain);
        if (self->asker_gone)
            sk_migration_confirm_by_daemon(self->domain);
    } else if (g_str_equal(word, "failed") && self->phase == SK_PHASE_GIVEN) {
        take_back_gift(self);
    }
}

/* FALSE: the other end is gone, or talks nonsense. */
gboolean
sk_migration_hear(SkMigration *self)
{
    char byte;
    gssize n = 0;
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
    SkMigration *self = data;
    (void) fd, (void) condition;
    self->refs++;
    gboolean open = sk_migration_hear(self);
    if (!open && self->domain != NULL) {
        self->source = 0;
        sk_fd_clear(&self->words);
        if (self->asker_gone && self->phase == SK_PHASE_GIVEN)
            sk_migration_doubt(self->domain);
    }
    gboolean goes_on = open && self->domain != NULL && self->source != 0;
    sk_migration_unref(self);
    return goes_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void
sk_migration_listen(SkMigration *self, gint words)
{
    self->words = words;
    self->source = g_unix_fd_add(words, G_IO_IN | G_IO_HUP | G_IO_ERR, on_words, self);
}

/* -- whoever drives it, and the next daemon ---------------------------------------------------------------------------- */

void
sk_domain_migration_asker_gone(SkDomain *self, gconstpointer asker)
{
    SkMigration *migration = self->migration;
    if (migration == NULL || asker == NULL || migration->asker != asker)
        return;
    migration->asker_gone = TRUE;
    migration->asker = NULL;
    g_autofree char *object = sk_domain_object(self);
    SkJob *job = sk_jobs_running_on(self->service->jobs, object);
    if (migration->phase == SK_PHASE_SENDING && job != NULL && g_str_equal(job->info.operation, "domain.migrate"))
        sk_job_cancel(job, NULL);
    else if (migration->phase == SK_PHASE_GIVEN && migration->words < 0)
        sk_migration_doubt(self);
    else if (migration->phase != SK_PHASE_SENDING && migration->phase != SK_PHASE_GIVEN)
        sk_migration_confirm_by_daemon(self);
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
