/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The common frame of changes of a domain's devices. */
#include "service/domain-change.h"

#include "base/error.h"
#include "service/disk-chains.h"
#include "service/domain-note.h"
#include "service/domain-rights.h"
#include "service/network.h"
#include "service/pool.h"

gboolean
sk_domain_change_begin(SkDomainChange *self, SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL ||
        !sk_domain_verb_check(SK_VERB_ATTACH, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    if (sk_domain_is_active(domain) && domain->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(domain));
    const gint scope = self->scope = job->call->params.scope;
    if (scope == SK_SCOPE_LIVE && domain->runtime.live == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off", sk_domain_name(domain));
    if (scope == SK_SCOPE_CONFIG && !domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has no definition to change: it is transient", sk_domain_name(domain));
    self->call = job->call;
    self->domain = g_object_ref(domain);
    self->spec = sk_value_copy(&sk_domain_spec_type, scope == SK_SCOPE_LIVE ? domain->runtime.live : domain->spec);
    self->live = scope != SK_SCOPE_CONFIG ? sk_value_copy(&sk_domain_spec_type, domain->runtime.live) : NULL;
    self->qmp = domain->qmp != NULL && self->live != NULL ? g_object_ref(domain->qmp) : NULL;
    self->runtime = self->live != NULL ? sk_domain_note_begin(domain) : NULL;
    self->roots = sk_service_storage_roots(job->service);
    self->revision = domain->revision;
    self->store = job->service->store;
    self->persistent = domain->persistent;
    self->old_record = sk_domain_record(domain->spec, domain->persistent);
    return TRUE;
}

gboolean
sk_domain_change_check(SkDomainChange *self, GError **error)
{
    if (!sk_domain_check_reach(self->domain->service, self->call, self->domain->spec, self->spec, error))
        return FALSE;
    if (!sk_engine_assign(self->spec, error) || !sk_value_check(&sk_domain_spec_type, self->spec, NULL, error))
        return FALSE;
    return self->live == NULL || sk_engine_assign(self->live, error);
}

gboolean
sk_domain_change_note(SkDomainChange *self, GError **error)
{
    if (self->live == NULL)
        return TRUE;
    self->noted = TRUE;
    return sk_domain_note_change(self->domain->run_dir, self->runtime, self->live, error);
}

gboolean
sk_domain_change_keep(SkDomainChange *self, SkJob *job, GError **error)
{
    if (sk_fault("domain-change/record", error))
        return FALSE;
    if (self->live != NULL)
        self->chains = sk_disk_chains_look(self->domain, self->runtime->chains, self->live, NULL);
    if (self->scope == SK_SCOPE_LIVE)
        return self->intent == NULL || sk_store_remove(job->service->store, "intent", self->intent->id, error);
    self->record = sk_domain_record(self->spec, self->persistent);
    if (self->intent == NULL)
        return sk_store_put(job->service->store, self->record, error);
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_put(batch, self->record);
    sk_intent_settle(self->intent, batch);
    /* What a put alone would say: changes of one domain wait for each other. */
    self->record->revision = self->revision + 1;
    self->record->modified = g_get_real_time();
    return sk_store_commit(job->service->store, batch, error);
}

void
sk_domain_change_undo_keep(gpointer data)
{
    SkDomainChange *self = data;
    g_autoptr(GError) error = NULL;
    if (self->scope != SK_SCOPE_LIVE && !sk_store_put(self->store, self->old_record, &error))
        g_warning("domain \"%s\": the change that failed is in its definition after the next start: %s", self->old_record->name, error->message);
}

void
sk_domain_change_commit(SkDomainChange *self)
{
    SkDomain *domain = self->domain;
    if (self->live != NULL && domain->runtime.live != NULL) {
        sk_domain_set_live(domain, g_steal_pointer(&self->live));
        sk_domain_set_chains(domain, g_steal_pointer(&self->chains));
        if (self->noted)
            domain->runtime.change = self->runtime->change;
        sk_domain_save_runtime(domain);
    }
    if (self->scope == SK_SCOPE_LIVE) {
        g_autofree char *object = sk_domain_object(domain);
        sk_domain_touch(domain);
        sk_events_emit(domain->service->events, "domain.changed", object, domain->spec->uuid, g_strdup("{\"definition\":false}"));
    } else {
        sk_domain_set_spec(domain, g_steal_pointer(&self->spec), self->record->revision, self->record->modified);
    }
    sk_service_dns_changed(domain->service, domain);
}

gconstpointer
sk_job_device(const SkJob *job, const SkType *type)
{
    const SkType *body = job->call->op->body;
    for (guint i = 0; body == &sk_device_type && i < body->n_fields; i++) {
        gconstpointer value = *(const gconstpointer *) sk_field_const_ptr(&body->fields[i], job->call->body);
        if (body->fields[i].type == type && value != NULL)
            return value;
    }
    return job->call->body;
}

void
sk_domain_change_clear(SkDomainChange *self)
{
    sk_disk_chains_free(self->chains);
    g_clear_object(&self->domain);
    g_clear_object(&self->qmp);
    sk_value_free(&sk_domain_spec_type, self->spec);
    sk_value_free(&sk_domain_spec_type, self->live);
    sk_record_free(self->record);
    sk_record_free(self->old_record);
    sk_value_free(&sk_domain_runtime_type, self->runtime);
    g_strfreev(self->roots);
    sk_intent_free(self->intent);
}

void
sk_list_append_copy(GPtrArray **list, const SkType *type, gconstpointer entry)
{
    if (*list == NULL)
        *list = sk_value_list_new(type);
    g_ptr_array_add(*list, sk_value_copy(type, entry));
}

void
sk_list_remove_entry(GPtrArray *list, const SkType *type, gpointer entry)
{
    if (list != NULL && g_ptr_array_remove(list, entry))
        sk_value_free(type, entry);
}
