/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source's disks that move with their guest. */
#include "service/migrate-private.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/copy-disks.h"
#include "engine/wire.h"

/* Where QEMU finds us; its working directory is the domain's. */
#define SOCKET "move.sock"
#define STATE_SOCKET "send.sock"

/* -- which ------------------------------------------------------------------------------------------------------------ */

static gboolean
add(SkMigrationOffer *offer, const SkDisk *disk, GError **error)
{
    if (disk->encryption != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" of domain \"%s\" is encrypted, and what is sent of it would not be: have its volume where both "
                       "hosts reach it, or move the domain while it is off", disk->target, offer->name);
    SkMigrationDisk *one = sk_value_new(&sk_migration_disk_type);
    one->target = g_strdup(disk->target);
    if (offer->copied == NULL)
        offer->copied = sk_value_list_new(&sk_migration_disk_type);
    g_ptr_array_add(offer->copied, one);
    return TRUE;
}

static gboolean
can_go(const SkDisk *disk)
{
    return disk->device == SK_DISK_DISK && disk->path != NULL && disk->source != SK_SOURCE_NONE && sk_disk_is_writable(disk);
}

gboolean
sk_migration_choose_disks(SkMigrationOffer *offer, const char *const *targets, gboolean shallow, GError **error)
{
    const GPtrArray *disks = offer->live->disks;
    gboolean all = targets == NULL || targets[0] == NULL;
    offer->shallow = shallow;
    for (guint i = 0; all && disks != NULL && i < disks->len; i++) {
        const SkDisk *disk = disks->pdata[i];
        if (can_go(disk) && !disk->shareable && !add(offer, disk, error))
            return FALSE;
    }
    for (guint i = 0; !all && targets[i] != NULL; i++) {
        const SkDisk *disk = sk_domain_spec_find_disk(offer->live, targets[i]);
        if (disk == NULL)
            return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%.64s\" to move", offer->name, targets[i]);
        if (!can_go(disk))
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" of domain \"%s\" is not written to, so there is nothing to keep the same while it moves",
                           disk->target, offer->name);
        if (!add(offer, disk, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_migration_measure_disks(SkMigrationOffer *offer, json_t *blocks, GError **error)
{
    for (guint i = 0; offer->copied != NULL && i < offer->copied->len; i++) {
        SkMigrationDisk *one = offer->copied->pdata[i];
        const SkDisk *disk = sk_domain_spec_find_disk(offer->live, one->target);
        guint64 allocation;
        if (disk->alias == NULL || !sk_qmp_parse_block_size(blocks, disk->alias, &one->capacity, &allocation))
            return sk_fail(error, SK_ERROR_QEMU, "QEMU of domain \"%s\" does not say how large disk \"%s\" is", offer->name, one->target);
    }
    return TRUE;
}

/* -- sending ----------------------------------------------------------------------------------------------------------- */

static gint
reach(const SkMigrateWork *work, const char *address, SkWire wire)
{
    g_autoptr(GError) error = NULL;
    gint fd = sk_wire_connect(address, work->token, wire, NULL, &error);
    if (fd < 0)
        g_warning("domain \"%s\" does not reach its destination: %s", work->domain->spec->name, error->message);
    return fd;
}

static gint
reach_disks(gpointer data)
{
    const SkMigrateWork *work = data;
    return reach(work, work->disks_address != NULL ? work->disks_address : work->address, SK_WIRE_DISK);
}

/* QEMU's first is the one that the others belong to. */
static gint
reach_state(gpointer data)
{
    SkMigrateWork *work = data;
    return reach(work, work->address, work->n_channels++ == 0 ? SK_WIRE_STATE : SK_WIRE_CHANNEL);
}

/* QEMU does not greet: it comes to us, and we go on to the other host. */
static gboolean
listen_for_qemu(SkMigrateWork *work, const char *name, SkRelayReach reach_there, SkRelay **out_relay, GError **error)
{
    g_autofree char *path = g_build_filename(work->run_dir, name, NULL);
    g_auto(SkFd) listener = sk_fs_listen_unix(path, 0600, error);
    if (listener < 0)
        return FALSE;
    if (work->uid != 0 && chown(path, work->uid, (gid_t) -1) < 0)
        return sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", path, work->uid);
    *out_relay = sk_relay_new(sk_fd_steal(&listener), reach_there, work);
    return TRUE;
}

/* The guest stands still: what it wrote last goes over before its state does. */
static gboolean
on_paused(gpointer data, GError **error)
{
    SkMigrateWork *work = data;
    return !sk_fault("migrate/paused", error) && sk_qmp_copy_finish(work->qmp, (const char *const *) work->disks, error) &&
           !sk_fault("migrate/copied", error);
}

gboolean
sk_migrate_copy_disks(SkMigrateWork *work, GCancellable *cancellable, SkMigrateProgress progress, gpointer data, GError **error)
{
    sk_qmp_copy_clear(work->qmp);
    if (!listen_for_qemu(work, SOCKET, reach_disks, &work->relay, error))
        return FALSE;
    work->options.paused = on_paused;
    work->options.paused_data = work;
    for (guint i = 0; work->disks[i] != NULL; i++) {
        if (!sk_qmp_copy_begin(work->qmp, work->disks[i], SOCKET, work->shallow, work->options.bandwidth, error))
            return FALSE;
    }
    return sk_qmp_copy_await(work->qmp, (const char *const *) work->disks, cancellable, progress, data, error);
}

gboolean
sk_migrate_relay_state(SkMigrateWork *work, GError **error)
{
    work->options.path = STATE_SOCKET;
    return listen_for_qemu(work, STATE_SOCKET, reach_state, &work->state_relay, error);
}

void
sk_migrate_relay_end(SkMigrateWork *work)
{
    g_autofree char *path = g_build_filename(work->run_dir, STATE_SOCKET, NULL);
    g_clear_pointer(&work->state_relay, sk_relay_free);
    unlink(path);
}

void
sk_migrate_copy_end(SkMigrateWork *work)
{
    g_autofree char *path = g_build_filename(work->run_dir, SOCKET, NULL);
    if (sk_qmp_is_open(work->qmp))
        sk_qmp_copy_clear(work->qmp);
    g_clear_pointer(&work->relay, sk_relay_free);
    unlink(path);
}
