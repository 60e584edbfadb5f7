/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening what a domain's QEMU is given: disks, links, sockets, logs, firmware. */
#include "service/domain-launch.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/console/hub.h"
#include "engine/swtpm.h"
#include "host/firmware.h"
#include "network/tap.h"
#include "service/console.h"
#include "service/domain-port.h"
#include "service/launch-devices.h"
#include "service/network.h"
#include "service/pool.h"
#include "service/secret.h"
#include "storage/chain.h"
#include "storage/nvram.h"
#include "store/settings.h"

/* -- paths ----------------------------------------------------------------------------------------------- */

char *
sk_domain_seed_path(const SkServiceSettings *settings, const char *uuid)
{
    return g_strdup_printf("%s/seeds/%s.iso", settings->lib_dir, uuid);
}

char *
sk_domain_nvram_path(const SkServiceSettings *settings, const char *uuid)
{
    return g_strdup_printf("%s/nvram/%s.qcow2", settings->lib_dir, uuid);
}

char *
sk_domain_tpm_dir(const SkServiceSettings *settings, const char *uuid)
{
    return g_strdup_printf("%s/tpm/%s", settings->lib_dir, uuid);
}

char *
sk_domain_managed_save_path(const SkServiceSettings *settings, const char *uuid)
{
    return g_strdup_printf("%s/save/%s.save", settings->lib_dir, uuid);
}

char *
sk_domain_qemu_log_path(const SkServiceSettings *settings, const char *uuid)
{
    return g_strdup_printf("%s/domains/%s.log", settings->log_dir, uuid);
}

char *
sk_domain_console_log_path(const SkServiceSettings *settings, const char *uuid, guint port)
{
    return g_strdup_printf("%s/consoles/%s-%u.log", settings->log_dir, uuid, port);
}

static SkConsoleLog
named_log(const char *path, gboolean truncate)
{
    return (SkConsoleLog){ g_strdup(path), path != NULL, path != NULL && truncate };
}

SkConsoleLog
sk_domain_console_log(const SkServiceSettings *settings, const SkDomainSpec *spec, guint port)
{
    SkConsoleLog log = { NULL, FALSE, FALSE };
    for (guint i = 0; port < SK_CONSOLE_PORT && spec->serials != NULL && i < spec->serials->len; i++) {
        const SkSerial *serial = spec->serials->pdata[i];
        if (serial->port == port)
            log = named_log(serial->log_file, serial->log_truncate);
    }
    for (guint i = 0; port >= SK_CONSOLE_PORT && spec->consoles != NULL && i < spec->consoles->len; i++) {
        const SkConsole *console = spec->consoles->pdata[i];
        if (console->port + SK_CONSOLE_PORT == port)
            log = named_log(console->log_file, console->log_truncate);
    }
    if (log.path == NULL)
        log.path = sk_domain_console_log_path(settings, spec->uuid, port);
    return log;
}

void
sk_console_log_clear(SkConsoleLog *self)
{
    g_clear_pointer(&self->path, g_free);
}

char *
sk_domain_console_socket_path(const char *run_dir, guint port)
{
    return g_strdup_printf("%s/serial%u.sock", run_dir, port);
}

char *
sk_domain_agent_path(const char *run_dir)
{
    return g_build_filename(run_dir, "agent.sock", NULL);
}

char *
sk_domain_monitor_path(const char *run_dir)
{
    return g_build_filename(run_dir, "qmp.sock", NULL);
}

char *
sk_domain_spice_path(const char *run_dir)
{
    return g_build_filename(run_dir, "spice.sock", NULL);
}

char *
sk_domain_vnc_path(const char *run_dir)
{
    return g_build_filename(run_dir, "vnc.sock", NULL);
}

/* -- plan (main thread) ------------------------------------------------------------------------------------ */

/* What the network and its port group have to say of the interface. */
static gboolean
plan_port(SkNicPlan *plan, SkService *service, const SkInterface *nic, GError **error)
{
    SkNicPort port;
    if (!sk_nic_port(service, nic, &port, error))
        return FALSE;
    plan->bandwidth = *port.bandwidth;
    plan->own_bridge = port.own_bridge;
    plan->vlan = sk_value_copy(&sk_vlan_type, port.vlan);
    plan->openvswitch = sk_value_copy(&sk_ovs_port_type, port.openvswitch);
    if (plan->openvswitch != NULL && plan->openvswitch->interface_id == NULL)
        plan->openvswitch->interface_id = sk_nic_ovs_id(plan->domain, nic->mac);
    return TRUE;
}

SkTapSpec
sk_nic_plan_tap(const SkNicPlan *self)
{
    return (SkTapSpec){ .tag = self->tag, .name = self->link_name, .mac = self->mac, .mtu = self->mtu,
                        .multi_queue = self->queues > 1 && self->kind != SK_NIC_DIRECT, .bridge = self->bridge, .device = self->device,
                        .mode = self->mode, .bandwidth = &self->bandwidth, .existing = self->existing, .vlan = self->vlan,
                        .own_bridge = self->own_bridge, .openvswitch = self->openvswitch, .domain = self->domain };
}

SkNicPlan *
sk_nic_plan_new(SkService *service, const char *domain_uuid, const SkInterface *nic, GError **error)
{
    SkNicPlan *plan = g_new0(SkNicPlan, 1);
    plan->domain = g_strdup(domain_uuid);
    plan->mac = g_strdup(nic->mac);
    plan->kind = nic->kind;
    plan->mode = nic->mode;
    plan->mtu = nic->mtu;
    plan->queues = nic->queues;
    plan->vhost = nic->vhost == SK_SWITCH_ON;
    plan->link_name = g_strdup(nic->link_name);
    plan->existing = nic->existing;
    plan->device = g_strdup(nic->device);
    plan->bridge = nic->kind == SK_NIC_NETWORK ? sk_service_network_bridge(service, nic->network, error) : g_strdup(nic->bridge);
    if ((nic->kind == SK_NIC_NETWORK && plan->bridge == NULL) || !plan_port(plan, service, nic, error)) {
        sk_nic_plan_free(plan);
        return NULL;
    }
    plan->tag = service->tag;
    if (nic->kind == SK_NIC_NETWORK) {
        plan->network = g_tree_lookup(service->networks, nic->network);
        plan->network->plugging++;
    }
    return plan;
}

void
sk_nic_plan_free(gpointer data)
{
    SkNicPlan *plan = data;
    if (plan == NULL)
        return;
    if (plan->network != NULL)
        plan->network->plugging--;
    g_free(plan->link_name);
    g_free(plan->mac);
    g_free(plan->bridge);
    g_free(plan->device);
    g_free(plan->domain);
    sk_value_free(&sk_vlan_type, plan->vlan);
    sk_value_free(&sk_ovs_port_type, plan->openvswitch);
    g_free(plan->tap);
    g_free(plan);
}

static gboolean
decide_accel(SkService *service, const SkDomainSpec *spec, gint *out_accel, GError **error)
{
    gboolean kvm = service->node.accel == SK_ACCEL_KVM;
    if (spec->accel == SK_ACCEL_KVM && !kvm && !service->settings->kvm_fallback)
        return sk_fail(error, SK_ERROR_UNSUPPORTED,
                       "domain \"%s\" asks for accelerator \"kvm\", but this host cannot give it: %s; give \"auto\" or \"tcg\"",
                       spec->name, service->node.accel_reason);
    *out_accel = spec->accel == SK_ACCEL_TCG || !kvm ? SK_ACCEL_TCG : SK_ACCEL_KVM;
    return TRUE;
}

GBytes *
sk_launch_passphrase(SkService *service, const SkDisk *disk, GError **error)
{
    g_autofree char *what = g_strdup_printf("disk \"%s\"", disk->target);
    return disk->encryption != NULL && disk->source != SK_SOURCE_NONE
               ? sk_service_passphrase(service, disk->encryption, disk->path, what, NULL, error) : NULL;
}

static gboolean
collect_passphrases(SkLaunchPlan *self, SkService *service, const SkDomainSpec *spec, GError **error)
{
    self->passphrases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        GError *why = NULL;
        GBytes *passphrase = sk_launch_passphrase(service, disk, &why);
        if (passphrase != NULL)
            g_hash_table_insert(self->passphrases, g_strdup(disk->target), passphrase);
        if (why != NULL) {
            g_propagate_error(error, why);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
sk_launch_plan_fill(SkLaunchPlan *self, SkDomain *domain, const SkDomainSpec *spec, GError **error)
{
    SkService *service = domain->service;
    const SkServiceSettings *settings = service->settings;
    const char *uuid = domain->spec->uuid;

    if (!decide_accel(service, spec, &self->accel, error))
        return FALSE;
    self->nics = g_ptr_array_new_with_free_func(sk_nic_plan_free);
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        SkNicPlan *plan = sk_nic_plan_new(service, uuid, spec->interfaces->pdata[i], error);
        if (plan == NULL)
            return FALSE;
        g_ptr_array_add(self->nics, plan);
    }
    if (!collect_passphrases(self, service, spec, error))
        return FALSE;
    self->spec = sk_value_copy(&sk_domain_spec_type, spec);
    if (!sk_launch_choose_cid(service, domain, self->spec, error))
        return FALSE;
    if (self->spec->vsock != NULL) {
        self->service = service;
        self->cid = self->spec->vsock->cid;
        g_hash_table_insert(service->vsock_cids, GUINT_TO_POINTER(self->cid), g_strdup(domain->spec->name));
    }
    self->settings = settings;
    self->store = service->store;
    self->roots = sk_service_storage_roots(service);
    self->run_dir = g_strdup(domain->run_dir);
    self->log_path = sk_domain_qemu_log_path(settings, uuid);
    self->seed_path = spec->cloud_init != NULL ? sk_domain_seed_path(settings, uuid) : NULL;
    self->nvram_path = sk_domain_nvram_path(settings, uuid);
    self->tpm_dir = sk_domain_tpm_dir(settings, uuid);
    return TRUE;
}

void
sk_launch_plan_clear(SkLaunchPlan *self)
{
    if (self->cid != 0)
        g_hash_table_remove(self->service->vsock_cids, GUINT_TO_POINTER(self->cid));
    sk_value_free(&sk_domain_spec_type, self->spec);
    g_strfreev(self->roots);
    g_clear_pointer(&self->nics, g_ptr_array_unref);
    g_clear_pointer(&self->passphrases, g_hash_table_unref);
    g_free(self->run_dir);
    g_free(self->log_path);
    g_free(self->seed_path);
    g_free(self->nvram_path);
    g_free(self->tpm_dir);
}

/* -- disks (workers) ----------------------------------------------------------------------------------------- */

/*
 * Moves the opened layers of the storage trade into the engine's form. A layer that is written to is given for writing alone: QEMU would
 * otherwise change to the other descriptor when the guest's state was moved to a file, and could not come back, for the locks that it
 * took on a descriptor of a set stay with the set.
 */
static void
take_layers(SkBlockChain *chain, GPtrArray *layers)
{
    for (guint i = 0; i < layers->len; i++) {
        SkChainLayer *layer = layers->pdata[i];
        gboolean writable = layer->fd_ro >= 0;
        gint fd = sk_fd_steal(&layer->fd);
        SkBlockLayer *taken = sk_block_chain_add(chain, writable ? fd : SK_FD_NONE, writable ? SK_FD_NONE : fd,
                                                 (SkDiskFormat) layer->format, layer->path);
        taken->block = layer->block;
    }
}

static SkBlockChain *
open_chain(const char *target, const char *path, gint format, gboolean writable, char **roots, GError **error)
{
    g_autoptr(GPtrArray) layers = NULL;
    if (!sk_storage_open_chain(path, format, writable, (const char *const *) roots, &layers, error))
        return NULL;
    SkBlockChain *chain = sk_block_chain_new(target);
    take_layers(chain, layers);
    return chain;
}

/* A password is handed over in memory: it is in no argument and in no file. */
static gint
bytes_fd(const void *bytes, gsize length, const char *what, GError **error)
{
    g_auto(SkFd) fd = memfd_create("password", MFD_CLOEXEC);
    if (fd < 0 || !sk_fd_write_all(fd, bytes, length, NULL) || lseek(fd, 0, SEEK_SET) < 0) {
        sk_fail_errno(error, errno, "cannot keep %s in memory", what);
        return -1;
    }
    return sk_fd_steal(&fd);
}

static SkBlockChain *
open_encrypted(const SkDisk *disk, char **roots, GBytes *passphrase, GError **error)
{
    g_autoptr(GPtrArray) layers = NULL;
    if (!sk_storage_open_encrypted_chain(disk->path, disk->format, sk_disk_is_writable(disk), (const char *const *) roots, &layers, error))
        return NULL;
    gsize length;
    const void *bytes = g_bytes_get_data(passphrase, &length);
    g_auto(SkFd) fd = bytes_fd(bytes, length, "a passphrase", error);
    if (fd < 0)
        return NULL;
    SkBlockChain *chain = sk_block_chain_new(disk->target);
    take_layers(chain, layers);
    SkBlockLayer *top = chain->layers->pdata[0];
    top->encrypted = TRUE;
    top->passphrase = g_bytes_ref(passphrase);
    top->passphrase_fd = sk_fd_steal(&fd);
    return chain;
}

SkBlockChain *
sk_launch_open_disk(const SkDisk *disk, char **roots, GBytes *passphrase, GError **error)
{
    if (disk->source == SK_SOURCE_NONE)
        return NULL;
    SkBlockChain *chain = passphrase != NULL ? open_encrypted(disk, roots, passphrase, error)
                                             : open_chain(disk->target, disk->path, disk->format, sk_disk_is_writable(disk), roots, error);
    if (chain == NULL)
        g_prefix_error(error, "disk \"%s\": ", disk->target);
    return chain;
}

/* QEMU's message has the node, and that the name of the disk's secret. */
static void
explain_passphrase(GError **error)
{
    g_autoptr(GRegex) regex = g_regex_new("\"key-secret\": ?\"([a-z]+)-secret\"", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *target = g_regex_match(regex, (*error)->message, 0, &match) ? g_match_info_fetch(match, 1) : NULL;
    g_clear_error(error);
    sk_fail(error, SK_ERROR_DENIED, "the secret of %s%s%s is not the one that it was encrypted with", target != NULL ? "disk \"" : "a disk",
            target != NULL ? target : "", target != NULL ? "\"" : "");
}

/* Domains that name a file alike are told apart before (domain-disks.c); this is for its other names, and other programs. */
void
sk_launch_explain_disks(GError **error)
{
    if (error != NULL && *error != NULL && strstr((*error)->message, "cannot unlock any keyslot") != NULL) {
        explain_passphrase(error);
        return;
    }
    if (error == NULL || *error == NULL || strstr((*error)->message, "Failed to get ") == NULL || strstr((*error)->message, "lock") == NULL)
        return;
    g_autofree char *words = g_strdup((*error)->message);
    g_clear_error(error);
    sk_fail(error, SK_ERROR_IN_USE, "a disk is in use: another program, or another domain by another name of the file, has it open (%s)", words);
}

/* A medium that need not be there: the drive starts empty, as what runs then says. */
static void
leave_out_missing(SkDisk *disk)
{
    gboolean drive = disk->device != SK_DISK_DISK, lenient = disk->startup == SK_STARTUP_OPTIONAL || disk->startup == SK_STARTUP_REQUISITE;
    if (!drive || !lenient || disk->path == NULL || access(disk->path, F_OK) == 0)
        return;
    g_message("the medium \"%s\" of drive \"%s\" is not there, starting without it", disk->path, disk->target);
    disk->source = SK_SOURCE_NONE;
    g_clear_pointer(&disk->path, g_free);
}

static gboolean
open_disks(SkLaunchPlan *self, SkLaunch *launch, GError **error)
{
    for (guint i = 0; self->spec->disks != NULL && i < self->spec->disks->len; i++) {
        GError *why = NULL;
        leave_out_missing(self->spec->disks->pdata[i]);
        const SkDisk *disk = self->spec->disks->pdata[i];
        SkBlockChain *chain = sk_launch_open_disk(disk, self->roots, g_hash_table_lookup(self->passphrases, disk->target), &why);
        if (chain != NULL)
            g_ptr_array_add(launch->chains, chain);
        else if (why != NULL) {
            g_propagate_error(error, why);
            return FALSE;
        }
    }
    if (self->seed_path == NULL)
        return TRUE;
    SkBlockChain *seed = open_chain("cidata", self->seed_path, SK_FORMAT_RAW, FALSE, NULL, error);
    if (seed != NULL)
        g_ptr_array_add(launch->chains, seed);
    return seed != NULL;
}

/* -- links ------------------------------------------------------------------------------------------------------ */

static void
undo_tap(gpointer data)
{
    const SkNicPlan *plan = data;
    const SkInterface nic = { .kind = plan->kind, .link_name = plan->link_name, .tap = plan->tap };
    sk_nic_let_go(plan->tag, &nic);
}

static gboolean
add_queues(const SkNicPlan *plan, SkNicEnd *end, GError **error)
{
    for (guint i = 1; i < plan->queues; i++) {
        gint fd = sk_network_tap_queue(plan->tap, error);
        if (fd < 0)
            return FALSE;
        g_array_append_val(end->fds, fd);
    }
    return TRUE;
}

/* Asked for by name, so that its absence is an error. */
static gboolean
add_vhost(SkNicEnd *end, GError **error)
{
    for (guint i = 0; i < end->fds->len; i++) {
        gint fd = sk_network_vhost_open();
        if (fd < 0)
            return sk_fail_errno(error, errno, "cannot open \"/dev/vhost-net\", which vhost needs");
        g_array_append_val(end->vhost_fds, fd);
    }
    return TRUE;
}

SkNicEnd *
sk_launch_open_nic(SkNicPlan *plan, SkUndo *undo, GError **error)
{
    if (plan->kind == SK_NIC_USER)
        return NULL;
    const SkTapSpec spec = sk_nic_plan_tap(plan);
    g_auto(SkFd) opened = SK_FD_NONE;
    if (!sk_network_tap_open(&spec, &opened, &plan->tap, error))
        return NULL;
    sk_undo_push(undo, "link", undo_tap, plan, NULL);
    gint fd = sk_fd_steal(&opened);
    g_autoptr(SkNicEnd) end = sk_nic_end_new(plan->mac);
    g_array_append_val(end->fds, fd);
    if ((spec.multi_queue && !add_queues(plan, end, error)) || (plan->vhost && !add_vhost(end, error)))
        return NULL;
    return g_steal_pointer(&end);
}

static gboolean
open_nics(SkLaunchPlan *self, SkLaunch *launch, SkUndo *undo, GError **error)
{
    for (guint i = 0; i < self->nics->len; i++) {
        SkNicPlan *plan = self->nics->pdata[i];
        SkInterface *nic = sk_domain_spec_find_interface(self->spec, plan->mac);
        GError *why = NULL;
        SkNicEnd *end = sk_launch_open_nic(plan, undo, &why);
        if (why != NULL) {
            g_propagate_prefixed_error(error, why, "interface \"%s\": ", plan->mac);
            return FALSE;
        }
        if (end != NULL)
            g_ptr_array_add(launch->nics, end);
        g_free(nic->tap);
        nic->tap = end != NULL ? g_strdup(plan->tap) : NULL;
    }
    return TRUE;
}

/* -- character devices, display --------------------------------------------------------------------------------- */

/* A listening socket that QEMU inherits; only root and the domain's own uid get into its directory. */
static gint
listen_at(const char *path, guint uid, GError **error)
{
    gint fd = sk_fs_listen_unix(path, 0600, error);
    if (fd >= 0 && uid != 0 && chown(path, uid, (gid_t) -1) < 0) {
        sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", path, uid);
        close(fd);
        return -1;
    }
    return fd;
}

static gboolean
open_to_write(const char *path, gboolean truncate, const char *alias, gint *out_fd, GError **error)
{
    *out_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (truncate ? O_TRUNC : 0), 0600);
    return *out_fd >= 0 || sk_fail_errno(error, errno, "cannot open \"%s\" for \"%s\"", path, alias);
}

static gboolean
open_recorded(SkLaunchPlan *self, SkLaunch *launch, const char *alias, guint port, GError **error)
{
    g_autofree char *socket = sk_domain_console_socket_path(self->run_dir, port);
    g_auto(SkConsoleLog) log = sk_domain_console_log(self->settings, self->spec, port);
    SkCharEnd *end = sk_launch_add_char(launch, alias);
    end->listen_fd = listen_at(socket, self->uid, error);
    if (end->listen_fd < 0)
        return FALSE;
    if (log.named)
        return open_to_write(log.path, log.truncate, alias, &end->log_fd, error);
    end->log_fd = sk_console_log_open(log.path, error);
    return end->log_fd >= 0;
}

/* A character device whose host end has a name. */
typedef struct {
    const char *alias;
    gint backend;
    const char *path, *log_file;
    gboolean connect, log_truncate;
} Named;

#define NAMED(device) ((Named){ (device)->alias, (device)->backend, (device)->path, (device)->log_file, (device)->connect, (device)->log_truncate })

/* What a serial port or console of another kind writes to: only an administrator may have named it (domain-rights.c). */
static gboolean
open_named(SkLaunchPlan *self, SkLaunch *launch, Named what, GError **error)
{
    SkCharEnd *end = sk_launch_add_char(launch, what.alias);
    if (what.log_file != NULL && !open_to_write(what.log_file, what.log_truncate, what.alias, &end->log_fd, error))
        return FALSE;
    if (what.backend == SK_CHAR_FILE)
        return open_to_write(what.path, FALSE, what.alias, &end->file_fd, error);
    if (what.backend == SK_CHAR_UNIX && !what.connect) {
        end->listen_fd = listen_at(what.path, self->uid, error);
        return end->listen_fd >= 0;
    }
    return TRUE;
}

/* Where the definition says, the agent's and the others' beside the monitor. */
char *
sk_domain_channel_path(const char *run_dir, const SkChannel *channel)
{
    g_autofree char *name = g_strconcat(channel->alias, ".sock", NULL);
    if (channel->kind == SK_CHANNEL_AGENT)
        return sk_domain_agent_path(run_dir);
    return channel->kind == SK_CHANNEL_UNIX && channel->path != NULL ? g_strdup(channel->path) : g_build_filename(run_dir, name, NULL);
}

static gboolean
open_channel(SkLaunchPlan *self, SkLaunch *launch, const SkChannel *channel, GError **error)
{
    g_autofree char *path = sk_domain_channel_path(self->run_dir, channel);
    SkCharEnd *end = sk_launch_add_char(launch, channel->alias);
    end->listen_fd = listen_at(path, self->uid, error);
    return end->listen_fd >= 0;
}

gboolean
sk_launch_open_chars(SkLaunchPlan *self, SkLaunch *launch, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    for (guint i = 0; spec->serials != NULL && i < spec->serials->len; i++) {
        const SkSerial *serial = spec->serials->pdata[i];
        if (serial->backend == SK_CHAR_RECORDED ? !open_recorded(self, launch, serial->alias, serial->port, error)
                                                : !open_named(self, launch, NAMED(serial), error))
            return FALSE;
    }
    for (guint i = 0; spec->consoles != NULL && i < spec->consoles->len; i++) {
        const SkConsole *console = spec->consoles->pdata[i];
        if (console->backend == SK_CHAR_RECORDED ? !open_recorded(self, launch, console->alias, SK_CONSOLE_PORT + console->port, error)
                                                 : !open_named(self, launch, NAMED(console), error))
            return FALSE;
    }
    for (guint i = 0; spec->parallels != NULL && i < spec->parallels->len; i++) {
        const SkParallel *parallel = spec->parallels->pdata[i];
        if (!open_named(self, launch, NAMED(parallel), error))
            return FALSE;
    }
    for (guint i = 0; spec->channels != NULL && i < spec->channels->len; i++) {
        const SkChannel *channel = spec->channels->pdata[i];
        gboolean socket = channel->kind == SK_CHANNEL_AGENT || channel->kind == SK_CHANNEL_UNIX;
        if (channel->kind == SK_CHANNEL_FILE && !open_named(self, launch, (Named){ channel->alias, SK_CHAR_FILE, channel->path, NULL, FALSE, FALSE }, error))
            return FALSE;
        if (socket && !open_channel(self, launch, channel, error))
            return FALSE;
    }
    return TRUE;
}

/* Where viewers look, and how many domains with TCP listeners a host can have. */
#define FIRST_PORT 5900
#define PORTS      1000

static gboolean
can_listen(const char *host, guint16 port)
{
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string(host, port);
    if (address == NULL)
        return FALSE;
    g_autoptr(GSocket) socket = g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
    return socket != NULL && g_socket_bind(socket, address, TRUE, NULL);
}

/*
 * A port that nobody listens on; 0 with *error set. QEMU would look for one itself, but for VNC only, and would not say
 * which. Each search goes on where the last one ended, so that domains that start together are given different ones.
 */
static guint
free_port(const char *host, GError **error)
{
    static gint next;
    for (guint i = 0; i < PORTS; i++) {
        guint port = FIRST_PORT + (guint) g_atomic_int_add(&next, 1) % PORTS;
        if (can_listen(host != NULL ? host : "127.0.0.1", (guint16) port))
            return port;
    }
    sk_fail(error, SK_ERROR_IN_USE, "no TCP port from %u to %u is free for a graphical console at \"%s\"", FIRST_PORT, FIRST_PORT + PORTS - 1,
            host != NULL ? host : "127.0.0.1");
    return 0;
}

static gboolean
open_graphics(SkLaunchPlan *self, SkLaunch *launch, GError **error)
{
    /* Relative to QEMU's working directory: its uid may not be able to pass the directories above. */
    g_autofree char *vnc = sk_domain_vnc_path(self->run_dir), *spice = sk_domain_spice_path(self->run_dir);
    launch->vnc_socket = g_path_get_basename(vnc);
    launch->spice_socket = g_path_get_basename(spice);
    for (guint i = 0; self->spec->graphics != NULL && i < self->spec->graphics->len; i++) {
        SkGraphics *graphics = self->spec->graphics->pdata[i];
        gboolean is_spice = graphics->kind == SK_GRAPHICS_SPICE;
        if (graphics->listen == SK_LISTEN_SOCKET) {
            g_free(graphics->socket);
            graphics->socket = g_strdup(is_spice ? spice : vnc);
        }
        if (graphics->listen == SK_LISTEN_ADDRESS) {
            graphics->bound = graphics->port > 0 ? graphics->port : free_port(graphics->host, error);
            if (graphics->bound == 0)
                return FALSE;
        }
        if (graphics->password == NULL)
            continue;
        gint *fd = is_spice ? &launch->spice_password_fd : &launch->vnc_password_fd;
        *fd = bytes_fd(graphics->password, strlen(graphics->password), "the password of the graphical console", error);
        if (*fd < 0)
            return FALSE;
    }
    return TRUE;
}

/* -- firmware, direct boot, TPM ------------------------------------------------------------------------------------- */

/* What runs tells which files they are. */
static void
tell_firmware(SkFirmware *firmware, const char *code, const char *variables, const char *template)
{
    g_free(firmware->code);
    g_free(firmware->variables);
    g_free(firmware->variables_template);
    firmware->code = g_strdup(code);
    firmware->variables = g_strdup(variables);
    firmware->variables_template = g_strdup(template);
}

static gboolean
open_firmware(SkLaunchPlan *self, SkLaunch *launch, GError **error)
{
    SkFirmware *firmware = &self->spec->firmware;
    if (firmware->kind != SK_FIRMWARE_UEFI)
        return TRUE;
    g_autoptr(SkUefi) uefi = NULL;
    if (firmware->loader == NULL || firmware->nvram_template == NULL)
        uefi = sk_uefi_find(NULL, self->spec->arch, self->spec->machine, firmware->secure_boot, error);
    if (uefi == NULL && (firmware->loader == NULL || firmware->nvram_template == NULL))
        return FALSE;
    launch->loader = g_strdup(firmware->loader != NULL ? firmware->loader : uefi->code);
    const char *template = firmware->nvram_template != NULL ? firmware->nvram_template : uefi->vars;
    const char *nvram = firmware->nvram != NULL ? firmware->nvram : self->nvram_path;
    if (self->reset_nvram && (sk_fault("domain-start/reset-nvram", error) || !sk_fs_remove(nvram, error)))
        return FALSE;
    if (!sk_storage_nvram_make(template, nvram, error))
        return FALSE;
    launch->nvram = open_chain("nvram", nvram, SK_FORMAT_QCOW2, TRUE, NULL, error);
    tell_firmware(firmware, launch->loader, nvram, template);
    return launch->nvram != NULL;
}

/* QEMU opens it again by its /proc name, under the domain's own uid: a file for root alone is given as a copy in memory. */
static gint
copy_in_memory(gint from, const char *path, GError **error)
{
    g_auto(SkFd) fd = memfd_create("boot", MFD_CLOEXEC);
    char buffer[64 * 1024];
    gssize n = -1;
    while (fd >= 0 && fchmod(fd, 0444) == 0 && (n = read(from, buffer, sizeof buffer)) > 0) {
        if (write(fd, buffer, (gsize) n) != n) {
            n = -1;
            break;
        }
    }
    if (n == 0)
        return sk_fd_steal(&fd);
    sk_fail_errno(error, errno, "cannot read \"%s\"", path);
    return -1;
}

static gint
open_boot_file(const char *path, const char *what, GError **error)
{
    struct stat info;
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        sk_fail_errno(error, errno, "cannot open %s \"%s\"", what, path);
        return -1;
    }
    return S_ISREG(info.st_mode) && (info.st_mode & S_IROTH) == 0 ? copy_in_memory(fd, path, error) : sk_fd_steal(&fd);
}

static gboolean
open_direct_boot(SkLaunchPlan *self, SkLaunch *launch, GError **error)
{
    const SkBoot *boot = &self->spec->boot;
    if (boot->kernel == NULL)
        return TRUE;
    launch->kernel_fd = open_boot_file(boot->kernel, "kernel", error);
    if (launch->kernel_fd >= 0 && boot->initrd != NULL)
        launch->initrd_fd = open_boot_file(boot->initrd, "initrd", error);
    return launch->kernel_fd >= 0 && (boot->initrd == NULL || launch->initrd_fd >= 0);
}

static gboolean
start_tpm(SkLaunchPlan *self, SkLaunch *launch, SkUndo *undo, GError **error)
{
    if (self->spec->tpm == NULL)
        return TRUE;
    g_autofree char *socket = g_build_filename(self->run_dir, "swtpm.sock", NULL);
    g_auto(SkFd) listener = listen_at(socket, self->uid, error);
    pid_t pid;
    if (listener < 0 || !sk_swtpm_start(self->spec->tpm, self->tpm_dir, listener, self->uid, &pid, error))
        return FALSE;
    self->swtpm_pid = (guint) pid;
    sk_undo_push(undo, "swtpm", sk_swtpm_stop, GINT_TO_POINTER(pid), NULL);
    /* Relative to QEMU's working directory, as with VNC. */
    sk_launch_add_device(launch, self->spec->tpm->alias)->path = g_path_get_basename(socket);
    return TRUE;
}

/* -- all of it --------------------------------------------------------------------------------------------------------- */

static gboolean
make_run_dir(SkLaunchPlan *self, GError **error)
{
    if (!self->settings->session &&
        !sk_store_take_uid(self->store, self->spec->uuid, self->settings->uid_base, self->settings->uid_count, &self->uid, error))
        return FALSE;
    /* What a former run left would only be in the way. */
    if (!sk_fs_remove_tree(self->run_dir, error) || !sk_fs_make_dir(self->run_dir, 0700, error))
        return FALSE;
    if (self->uid != 0 && chown(self->run_dir, self->uid, self->uid) < 0)
        return sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", self->run_dir, self->uid);
    return TRUE;
}

static gboolean
open_monitor(SkLaunchPlan *self, SkLaunch *launch, GError **error)
{
    g_autofree char *path = sk_domain_monitor_path(self->run_dir);
    launch->monitor_fd = listen_at(path, self->uid, error);
    return launch->monitor_fd >= 0;
}

SkLaunch *
sk_launch_plan_open(SkLaunchPlan *self, const SkQemuCaps *caps, SkUndo *undo, GError **error)
{
    sk_assert_worker();
    if (sk_fault("domain-start/run-dir", error) || !make_run_dir(self, error))
        return NULL;
    g_autoptr(SkLaunch) launch = sk_launch_new(self->spec, (SkAccel) self->accel);
    launch->caps = caps;
    launch->emulator = g_strdup(sk_qemu_caps_binary(caps));
    launch->run_dir = g_strdup(self->run_dir);
    launch->paused = self->paused;
    launch->incoming = self->incoming;
    if (sk_fault("domain-start/disks", error) || !open_disks(self, launch, error))
        return NULL;
    if (sk_fault("domain-start/links", error) || !open_nics(self, launch, undo, error))
        return NULL;
    if (sk_fault("domain-start/sockets", error) || !open_monitor(self, launch, error) || !sk_launch_open_chars(self, launch, error) ||
        !open_graphics(self, launch, error))
        return NULL;
    if (sk_fault("domain-start/firmware", error) || !open_firmware(self, launch, error) || !open_direct_boot(self, launch, error) ||
        !start_tpm(self, launch, undo, error))
        return NULL;
    if (sk_fault("domain-start/devices", error) || !sk_launch_open_devices(self, launch, undo, error))
        return NULL;
    return g_steal_pointer(&launch);
}

/* -- links that are gone --------------------------------------------------------------------------------------------------- */

static gboolean
run_drop(SkJob *job, GError **error)
{
    const GPtrArray *nics = job->work;
    (void) error;
    for (guint i = 0; i < nics->len; i++)
        sk_nic_let_go(job->service->tag, nics->pdata[i]);
    return TRUE;
}

static const SkJobKind drop_job = { .run = run_drop, .free_work = (GDestroyNotify) g_ptr_array_unref };

static void
free_nic(gpointer nic)
{
    sk_value_free(&sk_interface_type, nic);
}

void
sk_launch_drop_taps(SkService *service, const SkDomainSpec *live)
{
    g_autoptr(GPtrArray) nics = g_ptr_array_new_with_free_func(free_nic);
    for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
        const SkInterface *nic = live->interfaces->pdata[i];
        if (nic->tap != NULL)
            g_ptr_array_add(nics, sk_value_copy(&sk_interface_type, nic));
    }
    if (nics->len > 0)
        sk_job_start_quiet(service, &drop_job, g_steal_pointer(&nics));
}
