/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backups of domains that are off: qemu-nbd offers their disks, read-only, for as long as they are read. */
#include "service/stored-backup.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/undo.h"
#include "storage/bitmap.h"
#include "storage/chain.h"

#define ARGV_MAX 20
/* How often, and how long, a server that begins is looked at. */
#define PACE_MS 20
#define PATIENCE_MS 60000
#define WORDS_MAX 1024

typedef struct {
    pid_t pid;
    SkFd pidfd;
} Server;

char *
sk_stored_backup_dir(const SkServiceSettings *settings, const char *uuid)
{
    return g_strdup_printf("%s/backup-%s", settings->run_dir, uuid);
}

/* It only reads: there is nothing for it to put in order. */
static void
end_server(gpointer data)
{
    Server *self = data;
    gint status;
    if (self->pidfd >= 0) {
        kill(self->pid, SIGKILL);
        sk_spawn_wait(self->pid, self->pidfd, -1, &status, NULL);
        close(self->pidfd);
    }
    g_free(self);
}

static gboolean
is_listening(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_auto(SkFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && g_strlcpy(address.sun_path, path, sizeof address.sun_path) < sizeof address.sun_path &&
           connect(fd, (const struct sockaddr *) &address, sizeof address) == 0;
}

static gboolean
fail_said(const char *target, gint said, GError **error)
{
    char words[WORDS_MAX] = "";
    gssize n = pread(said, words, sizeof words - 1, 0);
    words[MAX(n, 0)] = '\0';
    return sk_fail(error, SK_ERROR_HOST, "disk \"%s\" cannot be offered for reading: %s", target, words[0] != '\0' ? g_strstrip(words) : "qemu-nbd ended");
}

static gboolean
wait_listening(Server *self, const SkBackupSource *source, gint said, GCancellable *cancellable, GError **error)
{
    gint status;
    for (guint waited = 0; waited < PATIENCE_MS; waited += PACE_MS) {
        if (g_cancellable_is_cancelled(cancellable))
            return sk_fail(error, SK_ERROR_CANCELLED, "the backup was cancelled");
        if (is_listening(source->socket))
            return TRUE;
        if (sk_spawn_wait(self->pid, self->pidfd, PACE_MS, &status, NULL)) {
            close(sk_fd_steal(&self->pidfd));
            return fail_said(source->target, said, error);
        }
    }
    return sk_fail(error, SK_ERROR_TIMEOUT, "disk \"%s\" is not offered by qemu-nbd after %d s", source->target, PATIENCE_MS / 1000);
}

/* It dies with the thread that waits for it, so with the daemon at the latest. */
static gboolean
serve(Server *self, const SkDisk *disk, const SkBackupSource *source, const char *bitmap, GCancellable *cancellable, GError **error)
{
    const char *argv[ARGV_MAX] = { "setpriv", "--pdeathsig", "KILL", "qemu-nbd", "--read-only", "--persistent", "--shared=4", "--export-name",
                                   source->export_name, "--socket", source->socket, "--format", sk_enum_name(&sk_disk_format_enum, disk->format) };
    guint n = 13;
    g_auto(SkFd) said = memfd_create("said", MFD_CLOEXEC);
    if (bitmap != NULL) {
        argv[n++] = "--bitmap";
        argv[n++] = bitmap;
    }
    argv[n] = disk->path;
    const SkSpawn spawn = { .argv = argv, .err = said };
    return !sk_fault("stored-backup/serve", error) && sk_spawn(&spawn, &self->pid, &self->pidfd, error) &&
           wait_listening(self, source, said, cancellable, error);
}

/* The bitmap that has what was written to the disk since the base; NULL: it is not known. */
static const char *
find_bitmap(const SkDisk *disk, const SkStoredBackup *base, const SkCheckpoint *since)
{
    const SkCheckpointDisk *counted = base != NULL ? sk_checkpoint_find_disk(since, disk->target) : NULL;
    if (counted == NULL || counted->kind != SK_CHECKPOINT_BITMAP || counted->bitmap == NULL || g_strcmp0(counted->path, disk->path) != 0 ||
        sk_stored_backup_find_disk(base, disk->target) == NULL)
        return NULL;
    g_autoptr(GPtrArray) bitmaps = sk_storage_bitmaps(disk->path, NULL);
    const SkStorageBitmap *bitmap = bitmaps != NULL ? sk_storage_find_bitmap(bitmaps, counted->bitmap) : NULL;
    return bitmap != NULL && !bitmap->inconsistent ? counted->bitmap : NULL;
}

static gboolean
is_taken(const SkDisk *disk)
{
    return disk->device == SK_DISK_DISK && disk->source != SK_SOURCE_NONE && disk->path != NULL && sk_disk_is_writable(disk);
}

static gboolean
offer(const SkSnapshotSite *site, const char *dir, const SkDisk *disk, const char *bitmap, SkBackupOrder *order, GPtrArray *servers,
      GCancellable *cancellable, GError **error)
{
    if (disk->encryption != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" of domain \"%s\" is encrypted, and can be backed up only while the domain runs", disk->target,
                       site->name);
    g_auto(GStrv) below = sk_storage_backing_chain(disk->path, disk->format, (const char *const *) site->roots, error);
    if (below == NULL)
        return FALSE;
    SkBackupSource *source = sk_value_new(&sk_backup_source_type);
    g_ptr_array_add(order->sources, source);
    source->target = g_strdup(disk->target);
    source->socket = g_build_filename(dir, disk->target, NULL);
    source->export_name = g_strdup(disk->target);
    source->bitmap = bitmap != NULL ? g_strconcat("qemu:dirty-bitmap:", bitmap, NULL) : NULL;
    Server *server = g_new0(Server, 1);
    server->pidfd = SK_FD_NONE;
    g_ptr_array_add(servers, server);
    return serve(server, disk, source, bitmap, cancellable, error);
}

static gboolean
offer_all(const SkSnapshotSite *site, const char *dir, SkBackupOrder *order, const SkStoredBackup *base, const SkCheckpoint *since, GPtrArray *servers,
          GCancellable *cancellable, GError **error)
{
    const GPtrArray *disks = site->spec->disks;
    for (guint i = 0; disks != NULL && i < disks->len; i++) {
        const SkDisk *disk = disks->pdata[i];
        if (!is_taken(disk))
            continue;
        const char *bitmap = find_bitmap(disk, base, since);
        if (!offer(site, dir, disk, bitmap, order, servers, cancellable, error))
            return FALSE;
        if (bitmap != NULL && order->backup->previous == NULL)
            order->backup->previous = g_strdup(base->name);
    }
    return servers->len > 0 || sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no disk that would have a part in the backup", site->name);
}

SkStoredBackup *
sk_stored_backup_make_off(const SkSnapshotSite *site, const SkRepositoryPlace *place, SkBackupOrder *order, const SkStoredBackup *base,
                          const SkCheckpoint *since, const SkStorageContext *context, GError **error)
{
    g_autoptr(GPtrArray) servers = g_ptr_array_new_with_free_func(end_server);
    g_autofree char *dir = sk_stored_backup_dir(site->settings, site->uuid);
    /* A former daemon's. */
    if (!sk_fs_remove_tree(dir, error) || !sk_fs_make_dir(dir, 0700, error))
        return NULL;
    SkStoredBackup *made = offer_all(site, dir, order, base, since, servers, context->cancellable, error) && !sk_fault("stored-backup/offered", error)
                               ? sk_repository_create(place, order, context, error) : NULL;
    g_ptr_array_set_size(servers, 0);
    sk_fs_remove_tree(dir, NULL);
    return made;
}
