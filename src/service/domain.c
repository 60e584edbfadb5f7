/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Live domains: where they are kept, their state, their rows and views. */
#include "service/domain.h"

#include "base/error.h"
#include "base/thread.h"
#include "service/backup.h"
#include "service/domain-tell.h"
#include "service/migrate.h"
#include "service/disk-users.h"

static const SkEnumName moving_names[] = { { "no" }, { "out" }, { "given" } };
SK_ENUM_TABLE(moving_enum, "progress", moving_names, SK_N_MOVINGS);

static const SkField runtime_fields[] = {
    SK_FIELD(SkDomainRuntime, state, ENUM, "state", .names = &sk_domain_state_enum),
    SK_FIELD(SkDomainRuntime, reason, ENUM, "reason", .names = &sk_domain_reason_enum),
    SK_FIELD(SkDomainRuntime, id, UINT, "number"),
    SK_FIELD(SkDomainRuntime, pid, UINT, "process"),
    SK_FIELD(SkDomainRuntime, pid_started, UINT64, "its start time"),
    SK_FIELD(SkDomainRuntime, uid, UINT, "its uid"),
    SK_FIELD(SkDomainRuntime, accel, ENUM, "accelerator", .names = &sk_accel_enum),
    SK_FIELD(SkDomainRuntime, qemu_version, STRING, "QEMU version"),
    SK_FIELD(SkDomainRuntime, started, INT64, "start"),
    SK_FIELD(SkDomainRuntime, changed, INT64, "last change"),
    SK_FIELD(SkDomainRuntime, live, OPTIONAL, "definition in use", .type = &sk_domain_spec_type),
    SK_FIELD(SkDomainRuntime, swtpm_pid, UINT, "process of the TPM"),
    SK_FIELD(SkDomainRuntime, change, UINT64, "number of the last change of it"),
    SK_FIELD(SkDomainRuntime, taints, STRV, "what was done to it past the daemon"),
    SK_FIELD(SkDomainRuntime, agent_wait, UINT, "seconds its agent is waited for"),
    SK_FIELD(SkDomainRuntime, autodestroy, BOOL, "ends with whoever asked for it"),
    SK_FIELD(SkDomainRuntime, held, BOOL, "a job of ours holds the guest"),
    SK_FIELD(SkDomainRuntime, ending, BOOL, "its state is saved, it only has to end"),
    SK_FIELD(SkDomainRuntime, moving, ENUM, "how far a migration has come", .names = &moving_enum),
    SK_FIELD(SkDomainRuntime, chains, LIST, "files of its disks", .type = &sk_disk_chain_type),
};
SK_TYPE(sk_domain_runtime_type, SkDomainRuntime, "DomainRuntime", "runtime", runtime_fields, "what must survive a restart");

G_DEFINE_FINAL_TYPE(SkDomain, sk_domain, G_TYPE_OBJECT)

static void
sk_domain_finalize(GObject *object)
{
    SkDomain *self = SK_DOMAIN(object);
    sk_value_free(&sk_domain_spec_type, self->spec);
    sk_value_clear(&sk_domain_runtime_type, &self->runtime);
    sk_value_clear(&sk_domain_stats_type, &self->stats);
    sk_saved_free(self->saved);
    sk_domain_backup_forget(self);
    g_free(self->job_told);
    g_clear_pointer(&self->snapshots, g_ptr_array_unref);
    g_clear_pointer(&self->checkpoints, g_ptr_array_unref);
    g_clear_handle_id(&self->block_timer, g_source_remove);
    g_clear_pointer(&self->block_jobs, g_ptr_array_unref);
    sk_value_free(&sk_snapshot_type, self->unfinished);
    g_free(self->torn);
    sk_value_free(&sk_snapshot_type, self->torn_snapshot);
    g_strfreev(self->torn_remove);
    g_free(self->message);
    g_strfreev(self->pending);
    g_clear_pointer(&self->addresses, g_ptr_array_unref);
    g_free(self->run_dir);
    g_strfreev(self->disk_paths);
    if (self->row != NULL)
        g_string_free(self->row, TRUE);
    sk_domain_migration_forget(self);
    g_clear_object(&self->qmp);
    g_clear_object(&self->process);
    g_clear_handle_id(&self->shutdown_timer, g_source_remove);
    g_clear_pointer(&self->consoles, g_ptr_array_unref);
    G_OBJECT_CLASS(sk_domain_parent_class)->finalize(object);
}

static void
sk_domain_class_init(SkDomainClass *class)
{
    G_OBJECT_CLASS(class)->finalize = sk_domain_finalize;
}

static void
sk_domain_init(SkDomain *self)
{
    (void) self;
}

/* -- finding, adding ------------------------------------------------------------------------------------- */

SkDomain *
sk_service_domain(SkService *self, const char *name, GError **error)
{
    sk_assert_main();
    SkDomain *domain = g_tree_lookup(self->domains, name);
    if (domain == NULL)
        domain = g_hash_table_lookup(self->domains_by_uuid, name);
    if (domain == NULL)
        sk_fail(error, SK_ERROR_NO_DOMAIN, "there is no domain \"%.128s\"", name);
    return domain;
}

SkDomain *
sk_service_add_domain(SkService *self, SkDomainSpec *spec, gboolean persistent)
{
    SkDomain *domain = g_object_new(SK_TYPE_DOMAIN, NULL);
    domain->service = self;
    domain->spec = spec;
    domain->persistent = persistent;
    domain->created = domain->modified = g_get_real_time();
    domain->run_dir = g_build_filename(self->settings->run_dir, "domains", spec->uuid, NULL);
    g_tree_insert(self->domains, g_strdup(spec->name), domain);
    g_hash_table_insert(self->domains_by_uuid, g_strdup(spec->uuid), domain);
    sk_disk_users_update(domain);
    return domain;
}

void
sk_service_drop_domain(SkService *self, SkDomain *domain)
{
    sk_disk_users_drop(domain);
    g_hash_table_remove(self->domains_by_uuid, domain->spec->uuid);
    g_tree_remove(self->domains, domain->spec->name);
}

void
sk_service_rename_domain(SkService *self, SkDomain *domain, const char *name)
{
    g_object_ref(domain);
    g_tree_remove(self->domains, domain->spec->name);
    g_free(domain->spec->name);
    domain->spec->name = g_strdup(name);
    g_tree_insert(self->domains, g_strdup(name), domain);
    sk_domain_touch(domain);
}

const char *
sk_domain_name(const SkDomain *self)
{
    return self->spec->name;
}

SkDomainState
sk_domain_state(const SkDomain *self)
{
    return (SkDomainState) self->runtime.state;
}

gboolean
sk_domain_is_active(const SkDomain *self)
{
    return sk_domain_state_is_active(sk_domain_state(self));
}

SkDomainReason
sk_domain_ending_reason(const SkDomain *self)
{
    return self->runtime.moving != SK_MOVING_NO ? SK_REASON_MIGRATION : SK_REASON_SAVED;
}

char *
sk_domain_object(const SkDomain *self)
{
    return g_strconcat("domain/", self->spec->name, NULL);
}

char *
sk_domain_etag(const SkDomain *self)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT, self->revision);
}

char *
sk_domain_job_object(SkService *service, SkCall *call)
{
    const SkDomain *domain = sk_service_domain(service, call->params.name, NULL);
    return g_strconcat("domain/", domain != NULL ? sk_domain_name(domain) : call->params.name, NULL);
}

const char *
sk_domain_kind(gboolean persistent)
{
    return persistent ? "domain" : "transient";
}

SkRecord *
sk_domain_record(const SkDomainSpec *spec, gboolean persistent)
{
    g_autofree char *json = sk_json_encode(&sk_domain_spec_type, spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new(sk_domain_kind(persistent), spec->uuid, spec->name, json);
}

/* -- state ------------------------------------------------------------------------------------------------- */

char *
sk_domain_runtime_json(const SkDomain *self)
{
    return sk_json_encode(&sk_domain_runtime_type, &self->runtime, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
}

void
sk_domain_save_runtime(SkDomain *self)
{
    g_autofree char *json = sk_domain_runtime_json(self);
    sk_store_put_state(self->service->store, sk_domain_kind(self->persistent), self->spec->uuid, json);
}

void
sk_domain_set_state(SkDomain *self, SkDomainState state, SkDomainReason reason)
{
    sk_assert_main();
    SkDomainState from = sk_domain_state(self);
    if (from != state && !sk_domain_state_can_follow(from, state)) {
        g_warning("domain \"%s\" cannot go from %s to %s, continuing as %s", sk_domain_name(self), sk_enum_name(&sk_domain_state_enum, (gint) from),
                  sk_enum_name(&sk_domain_state_enum, (gint) state), sk_enum_name(&sk_domain_state_enum, (gint) from));
        return;
    }
    if (from == state && self->runtime.reason == (gint) reason)
        return;
    self->runtime.state = (gint) state;
    self->runtime.reason = (gint) reason;
    self->runtime.changed = g_get_real_time();
    sk_domain_save_runtime(self);
    sk_domain_touch(self);

    const char *name = sk_enum_name(&sk_domain_state_enum, (gint) state);
    const char *why = sk_enum_name(&sk_domain_reason_enum, (gint) reason);
    g_autofree char *object = sk_domain_object(self);
    sk_events_emit(self->service->events, "domain.state", object, self->spec->uuid,
                   g_strdup_printf("{\"state\":\"%s\",\"reason\":\"%s\",\"from\":\"%s\"}", name, why,
                                   sk_enum_name(&sk_domain_state_enum, (gint) from)));
    g_message("domain \"%s\" is %s (%s)", sk_domain_name(self), name, why);
}

/* "The first free one" was asked for, and given. */
static void
drop_chosen_cid(const SkDomain *self, GPtrArray *paths)
{
    guint at;
    if (self->spec->vsock != NULL && self->spec->vsock->cid == 0 && g_ptr_array_find_with_equal_func(paths, "vsock.cid", g_str_equal, &at))
        g_ptr_array_remove_index(paths, at);
}

/* Settings of the definition that the running QEMU does not have. */
static void
find_pending(SkDomain *self)
{
    g_clear_pointer(&self->pending, g_strfreev);
    self->compare = FALSE;
    if (self->runtime.live == NULL)
        return;
    g_autoptr(GPtrArray) paths = sk_value_diff(&sk_domain_spec_type, self->runtime.live, self->spec, NULL);
    drop_chosen_cid(self, paths);
    if (paths->len == 0)
        return;
    g_ptr_array_set_free_func(paths, NULL);
    g_ptr_array_add(paths, NULL);
    self->pending = (char **) g_ptr_array_steal(paths, NULL);
}

void
sk_domain_tell_job(SkDomain *self, const char *id)
{
    g_free(self->job_told);
    self->job_told = g_strdup(id);
}

void
sk_domain_touch(SkDomain *self)
{
    if (self->row != NULL)
        g_string_free(g_steal_pointer(&self->row), TRUE);
    if (self->compare)
        find_pending(self);
    sk_disk_users_update(self);
}

void
sk_domain_set_live(SkDomain *self, SkDomainSpec *live)
{
    SkDomainSpec *old = self->runtime.live;
    self->runtime.live = live;
    sk_domain_tell_devices(self, old);
    sk_domain_tell_tunables(self, old);
    sk_value_free(&sk_domain_spec_type, old);
    self->compare = TRUE;
}

void
sk_domain_set_spec(SkDomain *self, SkDomainSpec *spec, guint64 revision, gint64 modified)
{
    g_autofree char *object = sk_domain_object(self);
    SkDomainSpec *old = self->spec;
    self->spec = spec;
    self->compare = TRUE;
    self->revision = revision;
    self->modified = modified;
    sk_domain_touch(self);
    sk_events_emit(self->service->events, "domain.changed", object, spec->uuid, NULL);
    sk_domain_tell_metadata(self, old);
    sk_value_free(&sk_domain_spec_type, old);
}

/* -- view ---------------------------------------------------------------------------------------------------- */

/* A view borrows: it is shown and forgotten, never cleared. */
void
sk_domain_fill_view(const SkDomain *self, SkDomainView *out_view)
{
    const SkDomainRuntime *runtime = &self->runtime;
    *out_view = (SkDomainView){
        .spec = *self->spec,
        .status = { .state = runtime->state, .reason = runtime->reason, .id = runtime->id, .pid = runtime->pid,
                    .accel = runtime->accel, .qemu_version = runtime->qemu_version, .started = runtime->started,
                    .changed = runtime->changed, .pending = self->pending, .addresses = self->addresses,
                    .agent = self->agent, .persistent = self->persistent, .saved = self->saved != NULL,
                    .taints = runtime->taints, .message = self->message },
        .live = runtime->live,
        .created = self->created,
        .modified = self->modified,
    };
}
