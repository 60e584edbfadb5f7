/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service: made, loaded, started, ended, in one visible order. */
#include "service/service.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "codec/json/decode-many.h"
#include "host/kvm.h"
#include "host/node-devices.h"
#include "host/node.h"
#include "network/leases.h"
#include "network/link-watch.h"
#include "network/paths.h"
#include "service/backup.h"
#include "service/capabilities.h"
#include "service/checkpoint.h"
#include "service/console.h"
#include "service/domain-stats.h"
#include "service/domain-note.h"
#include "service/domain-save.h"
#include "service/domain.h"
#include "service/image.h"
#include "service/intent.h"
#include "service/network.h"
#include "service/node.h"
#include "service/pool.h"
#include "service/repository.h"
#include "service/schedule.h"
#include "service/secret.h"
#include "service/block-job.h"
#include "service/snapshot.h"
#include "service/stored-backup.h"
#include "store/settings.h"

/* Directories below the daemon's own; those a domain's uid must pass through are 0711. */
static gboolean
make_dirs(SkService *self, GError **error)
{
    const SkServiceSettings *settings = self->settings;
    const struct {
        const char *parent, *name;
        mode_t mode;
    } dirs[] = {
        { settings->lib_dir, "", 0711 },      { settings->lib_dir, "seeds", 0700 },   { settings->lib_dir, "save", 0700 }, { settings->lib_dir, "snapshots", 0700 },   { settings->lib_dir, "nvram", 0700 },
        { settings->lib_dir, "tpm", 0711 },   { settings->lib_dir, "images", 0711 },  { settings->lib_dir, "pools", 0711 },
        { settings->lib_dir, "cache", 0700 }, { settings->lib_dir, "tls", 0700 }, { settings->lib_dir, "networks", 0755 }, { settings->run_dir, "", 0755 },
        { settings->run_dir, "domains", 0711 }, { settings->run_dir, "networks", 0755 }, { settings->log_dir, "", 0755 },
        { settings->log_dir, "domains", 0700 }, { settings->log_dir, "consoles", 0700 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *path = g_build_filename(dirs[i].parent, dirs[i].name[0] != '\0' ? dirs[i].name : NULL, NULL);
        if (!sk_fs_make_dir(path, dirs[i].mode, error))
            return FALSE;
    }
    return TRUE;
}

/* Whose files there are; NULL: who knows. */
typedef struct {
    GHashTable *notes, *saves;
} Left;

static void
left_clear(Left *left)
{
    g_clear_pointer(&left->notes, g_hash_table_unref);
    g_clear_pointer(&left->saves, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Left, left_clear)

/* UUIDs that names in a directory begin with: few of many domains have left something there. */
static GHashTable *
uuids_in(const char *parent, const char *name)
{
    g_autofree char *path = g_build_filename(parent, name, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GHashTable *uuids = dir != NULL ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : NULL;
    for (const char *entry = dir != NULL ? g_dir_read_name(dir) : NULL; entry != NULL; entry = g_dir_read_name(dir))
        g_hash_table_add(uuids, g_strndup(entry, strcspn(entry, ".")));
    return uuids;
}

static gboolean
may_have(GHashTable *uuids, const SkDomain *domain)
{
    return uuids == NULL || g_hash_table_contains(uuids, domain->spec->uuid);
}

/* Takes both definitions, or none. */
static gboolean
add_loaded(SkService *self, const SkRecord *record, gboolean persistent, const Left *left, SkJsonMany *decoded, guint *number, GError **error)
{
    SkDomainSpec *spec = sk_json_many_take(decoded, (*number)++, error);
    SkDomainRuntime *runtime = spec != NULL && record->state != NULL ? sk_json_many_take(decoded, (*number)++, error) : NULL;
    if (spec == NULL || (record->state != NULL && runtime == NULL)) {
        sk_value_free(&sk_domain_spec_type, spec);
        g_prefix_error(error, "domain \"%s\" in the database: ", record->name);
        return FALSE;
    }
    SkDomain *domain = sk_service_add_domain(self, spec, persistent);
    domain->revision = record->revision;
    domain->created = record->created;
    domain->modified = record->modified;
    if (runtime != NULL) {
        domain->runtime = *runtime;
        g_free(runtime);
        domain->compare = TRUE;
    }
    domain->named = sk_domain_wants_name(domain);
    if (may_have(left->notes, domain))
        sk_domain_note_take(domain);
    if (may_have(left->saves, domain))
        sk_domain_find_saved(domain);
    sk_domain_touch(domain);
    return TRUE;
}

static gboolean
load_domains(SkService *self, gboolean persistent, GError **error)
{
    g_auto(Left) left = { uuids_in(self->settings->run_dir, "domains"), uuids_in(self->settings->lib_dir, "save") };
    g_autoptr(GPtrArray) records = NULL;
    g_autoptr(SkJsonMany) decoded = sk_json_many_new();
    guint number = 0;
    if (!sk_store_load(self->store, sk_domain_kind(persistent), &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        sk_json_many_add(decoded, &sk_domain_spec_type, record->spec, record->name);
        if (record->state != NULL)
            sk_json_many_add(decoded, &sk_domain_runtime_type, record->state, "state");
    }
    sk_json_many_run(decoded);
    for (guint i = 0; i < records->len; i++) {
        if (!add_loaded(self, records->pdata[i], persistent, &left, decoded, &number, error))
            return FALSE;
    }
    return TRUE;
}

/* What the kernel calls this start of the host; another than last time means that autostart is due. */
static char *
read_boot_id(void)
{
    char *id = NULL;
    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &id, NULL, NULL))
        return NULL;
    return g_strchomp(id);
}

static gboolean
mark_started(SkService *self, GError **error)
{
    g_autofree char *mark = NULL, *last_boot = NULL;
    if (!sk_store_get_setting(self->store, "boot-id", &last_boot, error))
        return FALSE;
    self->boot_id = read_boot_id();
    if (!sk_store_get_setting(self->store, "initialized", &mark, error))
        return FALSE;
    self->first_start = mark == NULL;
    self->host_booted = !self->first_start && self->boot_id != NULL && g_strcmp0(self->boot_id, last_boot) != 0;
    return TRUE;
}

static gboolean
load(SkService *self, GError **error)
{
    g_autofree char *path = g_build_filename(self->settings->lib_dir, "skep.db", NULL);
    self->store = sk_store_open(path, error);
    if (self->store == NULL)
        return FALSE;
    self->events = sk_events_new(self->store);
    self->jobs = sk_jobs_new(self);
    return mark_started(self, error) && sk_intent_recover(self->store, error) && sk_service_load_images(self, error) &&
           sk_service_load_pools(self, error) && sk_service_load_secrets(self, error) && sk_service_load_repositories(self, error) &&
           sk_service_load_networks(self, error) && load_domains(self, TRUE, error) &&
           load_domains(self, FALSE, error) && sk_service_load_snapshots(self, error) && sk_service_load_checkpoints(self, error) &&
           sk_service_load_block_jobs(self, error) && sk_service_load_schedules(self, error) &&
           sk_jobs_load(self->jobs, error) &&
           (!self->first_start || sk_store_set_setting(self->store, "initialized", "1", error)) &&
           (!self->first_start || sk_store_set_setting(self->store, "boot-id", self->boot_id, error));
}

SkService *
sk_service_new(const SkServiceSettings *settings, GError **error)
{
    g_autoptr(SkService) self = g_new0(SkService, 1);
    self->settings = settings;
    self->started = g_get_real_time();
    self->domains = sk_name_tree_new(g_object_unref);
    self->domains_by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->disk_writers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->volumes_going = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->vsock_cids = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    self->networks = sk_name_tree_new(sk_network_free);
    self->pools = sk_name_tree_new(sk_pool_free);
    self->secrets = sk_name_tree_new(sk_secret_free);
    self->images_dir = g_build_filename(settings->lib_dir, "images", NULL);
    self->network_run_dir = g_build_filename(settings->run_dir, "networks", NULL);
    self->network_state_dir = g_build_filename(settings->lib_dir, "networks", NULL);
    g_strlcpy(self->tag, settings->tag != NULL ? settings->tag : "", sizeof self->tag);
    sk_console_init(self);
    if (!make_dirs(self, error) || !load(self, error))
        return NULL;
    sk_service_probe_node(self);
    return g_steal_pointer(&self);
}

void
sk_service_start(SkService *self)
{
    sk_service_probe_emulator(self);
    sk_service_reconcile_domains(self);
    sk_service_recover_block_jobs(self);
    sk_service_recover_snapshots(self);
    sk_service_recover_checkpoints(self);
    sk_service_recover_backups(self);
    sk_service_recover_stored_backups(self);
    sk_service_start_pools(self);
    sk_service_start_upkeep(self);
    sk_service_start_networks(self);
    sk_service_start_schedules(self);
}

void
sk_service_free(SkService *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->probe_timer, g_source_remove);
    g_clear_handle_id(&self->stats_timer, g_source_remove);
    g_clear_handle_id(&self->upkeep_timer, g_source_remove);
    sk_service_forget_schedules(self);
    g_clear_pointer(&self->watch, sk_storage_watch_free);
    g_clear_pointer(&self->lease_watch, sk_lease_watch_free);
    g_clear_pointer(&self->link_watch, sk_link_watch_free);
    g_clear_pointer(&self->domains_by_uuid, g_hash_table_unref);
    g_clear_pointer(&self->domains, g_tree_unref);
    g_clear_pointer(&self->disk_users, g_hash_table_unref);
    g_clear_pointer(&self->networks, g_tree_unref);
    g_clear_pointer(&self->pools, g_tree_unref);
    g_clear_pointer(&self->images, g_tree_unref);
    g_clear_pointer(&self->secrets, g_tree_unref);
    g_clear_pointer(&self->repositories, g_tree_unref);
    g_clear_pointer(&self->disk_writers, g_hash_table_unref);
    g_clear_pointer(&self->volumes_going, g_hash_table_unref);
    g_clear_pointer(&self->tickets, g_hash_table_unref);
    g_clear_pointer(&self->vsock_cids, g_hash_table_unref);
    g_clear_pointer(&self->jobs, sk_jobs_free);
    g_clear_pointer(&self->events, sk_events_free);
    g_clear_pointer(&self->qmp_listener, g_free);
    g_clear_pointer(&self->store, sk_store_close);
    sk_value_clear(&sk_node_type, &self->node);
    sk_value_free(&sk_capabilities_type, self->capabilities);
    sk_node_devices_free(self->node_devices);
    g_free(self->boot_id);
    g_free(self->images_dir);
    g_free(self->network_run_dir);
    g_free(self->network_state_dir);
    g_free(self);
}

SkStore *
sk_service_store(SkService *self)
{
    return self->store;
}
