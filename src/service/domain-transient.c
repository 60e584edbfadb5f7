/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains without a definition, and those that end with their asker. */
#include "service/domain-transient.h"

#include "base/error.h"
#include "service/console.h"
#include "service/domain-create.h"
#include "service/domain-stop.h"
#include "service/intent.h"
#include "service/migrate.h"
#include "service/network.h"

/* -- the end of a transient domain --------------------------------------------------------------------------- */

typedef struct {
    char *name, *uuid;
    GPtrArray *paths;
} VanishWork;

static void
free_work(gpointer data)
{
    VanishWork *work = data;
    g_free(work->name);
    g_free(work->uuid);
    g_ptr_array_unref(work->paths);
    g_free(work);
}

static gboolean
run_vanish(SkJob *job, GError **error)
{
    VanishWork *work = job->work;
    SkStore *store = job->service->store;
    SkStoreBatch *batch = sk_store_batch_new();
    g_autoptr(SkIntent) intent = sk_intent_new(store, g_strconcat("the end of transient domain ", work->name, NULL));
    for (guint i = 0; i < work->paths->len; i++)
        sk_intent_add_path(intent, work->paths->pdata[i]);
    sk_intent_promise(intent, batch);
    sk_store_batch_remove(batch, sk_domain_kind(FALSE), work->uuid);
    sk_store_batch_free_uid(batch, work->uuid);
    if (sk_fault("domain-vanish/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    if (!sk_store_commit(store, batch, error))
        return FALSE;
    sk_fault("domain-vanish/files", NULL);
    sk_intent_carry_out(intent);
    return TRUE;
}

/* The record that stays tells of no process that runs: the next start of the daemon does this again. */
static void
rollback_vanish(SkJob *job, const GError *error)
{
    const VanishWork *work = job->work;
    g_warning("transient domain \"%s\" is off, but not tidied up: %s, continuing", work->name, error->message);
}

/* In the domain's queue: another of the same name is made when this is over. */
static const SkJobKind vanish_job = { .run = run_vanish, .rollback = rollback_vanish, .free_work = free_work };

void
sk_domain_vanish(SkDomain *self)
{
    SkService *service = self->service;
    VanishWork *work = g_new0(VanishWork, 1);
    g_autofree char *object = sk_domain_object(self);
    work->name = g_strdup(sk_domain_name(self));
    work->uuid = g_strdup(self->spec->uuid);
    work->paths = g_ptr_array_new_with_free_func(g_free);
    sk_domain_add_own_files(self, work->paths, FALSE);

    g_object_ref(self);
    sk_domain_close_consoles(self);
    sk_service_drop_domain(service, self);
    sk_service_dns_changed(service, self);
    sk_events_emit(service->events, "domain.deleted", object, work->uuid, g_strdup("{\"persistent\":false}"));
    sk_job_start_quiet_for(service, &vanish_job, g_steal_pointer(&object), work);
    g_object_unref(self);
}

/* -- ends with its asker ---------------------------------------------------------------------------------------- */

gboolean
sk_domain_set_autodestroy(SkDomain *self, gconstpointer asker, GError **error)
{
    if (!sk_domain_is_active(self))
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off already", sk_domain_name(self));
    self->asker = asker;
    self->runtime.autodestroy = TRUE;
    sk_domain_save_runtime(self);
    return TRUE;
}

static gboolean
collect(gpointer name, gpointer value, gpointer data)
{
    (void) name;
    g_ptr_array_add(data, g_object_ref(value));
    return FALSE;
}

void
sk_service_asker_gone(SkService *self, gconstpointer asker)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_object_unref);
    g_tree_foreach(self->domains, collect, all);
    for (guint i = 0; i < all->len; i++) {
        SkDomain *domain = all->pdata[i];
        sk_domain_migration_asker_gone(domain, asker);
        if (domain->runtime.autodestroy && domain->asker == asker && sk_domain_is_active(domain))
            sk_domain_destroy_by_daemon(domain);
    }
}
