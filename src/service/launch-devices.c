/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared directories, host devices and vsock: what QEMU is given of them. */
#include "service/launch-devices.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/virtiofsd.h"
#include "host/devices.h"
#include "host/vfio.h"

#define FIRST_CID 3
#define LAST_CID  0xfffffffeU

/* -- vsock ------------------------------------------------------------------------------------------------ */

/* Domains that are being started hold theirs already: vsock_cids. */
static const char *
user_of_cid(SkService *service, const SkDomain *except, guint cid)
{
    const char *starting = g_hash_table_lookup(service->vsock_cids, GUINT_TO_POINTER(cid));
    if (starting != NULL)
        return starting;
    for (GTreeNode *node = g_tree_node_first(service->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomain *domain = g_tree_node_value(node);
        const SkDomainSpec *live = domain->runtime.live;
        if (domain != except && live != NULL && live->vsock != NULL && live->vsock->cid == cid)
            return sk_domain_name(domain);
    }
    return NULL;
}

gboolean
sk_launch_choose_cid(SkService *service, const SkDomain *domain, SkDomainSpec *spec, GError **error)
{
    SkVsock *vsock = spec->vsock;
    if (vsock == NULL)
        return TRUE;
    const char *user = vsock->cid != 0 ? user_of_cid(service, domain, vsock->cid) : NULL;
    if (user != NULL)
        return sk_fail(error, SK_ERROR_IN_USE, "vsock context id %u is in use by domain \"%s\": give another, or 0 for the first free one", vsock->cid, user);
    if (vsock->cid != 0 && (vsock->cid < FIRST_CID || vsock->cid > LAST_CID))
        return sk_fail(error, SK_ERROR_INVALID, "vsock context id %u is not a guest's: give one from 3 to 4294967294, or 0 for the first free one", vsock->cid);
    for (guint cid = FIRST_CID; vsock->cid == 0; cid++) {
        if (user_of_cid(service, domain, cid) == NULL)
            vsock->cid = cid;
    }
    return TRUE;
}

static gboolean
open_node(SkLaunch *launch, const char *alias, const char *path, const char *missing, GError **error)
{
    gint fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s", missing);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    sk_launch_add_device(launch, alias)->fd = fd;
    return TRUE;
}

static gboolean
open_vsock(SkLaunchPlan *self, SkLaunch *launch, GError **error)
{
    const SkVsock *vsock = self->spec->vsock;
    return vsock == NULL || open_node(launch, vsock->alias, "/dev/vhost-vsock",
                                      "vsock needs \"/dev/vhost-vsock\", which this host has not: modprobe vhost_vsock", error);
}

/* -- shared directories ---------------------------------------------------------------------------------------- */

static gboolean
open_virtiofs(SkLaunchPlan *self, SkLaunch *launch, const SkFilesystem *fs, SkUndo *undo, GError **error)
{
    g_autofree char *name = g_strconcat(fs->alias, ".sock", NULL);
    g_autofree char *path = g_build_filename(self->run_dir, name, NULL);
    g_autofree char *log = g_strconcat(path, ".log", NULL);
    g_auto(SkFd) listener = SK_FD_NONE;
    pid_t pid;
    if (!self->spec->memory.shared)
        return sk_fail(error, SK_ERROR_INVALID, "file system \"%s\" of kind virtiofs needs the guest's memory shared with virtiofsd: set memory.shared to true, or choose 9p", fs->tag);
    listener = sk_fs_listen_unix(path, 0600, error);
    if (listener < 0)
        return FALSE;
    if (self->uid != 0 && chown(path, self->uid, (gid_t) -1) < 0)
        return sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", path, self->uid);
    if (!sk_virtiofsd_start(fs, listener, log, &pid, error))
        return FALSE;
    sk_undo_push(undo, "virtiofsd", sk_virtiofsd_stop, GINT_TO_POINTER(pid), NULL);
    /* Relative to QEMU's working directory: its uid may not be able to pass the directories above. */
    sk_launch_add_device(launch, fs->alias)->path = g_steal_pointer(&name);
    return TRUE;
}

/* Opened as the domain's uid, which may not pass the directories above but must have a right to this one. */
static gint
open_as(gint fd, guint uid)
{
    gint errnum;
    setfsgid(uid);
    setfsuid(uid);
    gint opened = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    errnum = errno;
    setfsuid(geteuid());
    setfsgid(getegid());
    errno = errnum;
    return opened;
}

static gboolean
open_9p(SkLaunchPlan *self, SkLaunch *launch, const SkFilesystem *fs, GError **error)
{
    g_auto(SkFd) above = open(fs->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    gint fd = above >= 0 && self->uid != 0 ? open_as(above, self->uid) : open(fs->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && self->uid != 0)
        return sk_fail(error, SK_ERROR_HOST, "directory \"%s\" of file system \"%s\" cannot be read by uid %u, which this domain's QEMU has: "
                       "let everybody read it (chmod o+rx), give that uid a right (setfacl -m u:%u:rwx), or choose virtiofs", fs->source,
                       fs->tag, self->uid, self->uid);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open directory \"%s\" of file system \"%s\"", fs->source, fs->tag);
    sk_launch_add_device(launch, fs->alias)->fd = fd;
    return TRUE;
}

static gboolean
open_filesystems(SkLaunchPlan *self, SkLaunch *launch, SkUndo *undo, GError **error)
{
    for (guint i = 0; self->spec->filesystems != NULL && i < self->spec->filesystems->len; i++) {
        const SkFilesystem *fs = self->spec->filesystems->pdata[i];
        if (!g_file_test(fs->source, G_FILE_TEST_IS_DIR))
            return sk_fail(error, SK_ERROR_INVALID, "source \"%s\" of file system \"%s\" is not a directory", fs->source, fs->tag);
        if (fs->kind == SK_FS_VIRTIOFS ? !open_virtiofs(self, launch, fs, undo, error) : !open_9p(self, launch, fs, error))
            return FALSE;
    }
    return TRUE;
}

/* -- devices of the host ----------------------------------------------------------------------------------------- */

static void
undo_bind(gpointer address)
{
    sk_host_vfio_release(NULL, address, NULL);
}

static gboolean
open_pci(SkLaunchPlan *self, const SkHostdev *hostdev, SkUndo *undo, GError **error)
{
    gboolean bound = FALSE;
    if (hostdev->managed && !sk_host_vfio_bind(NULL, hostdev->host, &bound, error))
        return FALSE;
    if (bound)
        sk_undo_push(undo, "vfio", undo_bind, g_strdup(hostdev->host), g_free);
    return sk_host_vfio_grant(NULL, hostdev->host, self->uid, error);
}

static gboolean
open_usb(SkLaunch *launch, const SkHostdev *hostdev, GError **error)
{
    g_autoptr(SkHostDevice) device = sk_host_device_find(NULL, SK_HOSTDEV_USB, hostdev->host, error);
    if (device == NULL)
        return FALSE;
    g_autofree char *missing = g_strdup_printf("USB device \"%s\" has no \"%s\" on this host", hostdev->host, device->node);
    return open_node(launch, hostdev->alias, device->node, missing, error);
}

static gboolean
open_hostdevs(SkLaunchPlan *self, SkLaunch *launch, SkUndo *undo, GError **error)
{
    for (guint i = 0; self->spec->hostdevs != NULL && i < self->spec->hostdevs->len; i++) {
        const SkHostdev *hostdev = self->spec->hostdevs->pdata[i];
        if (hostdev->kind == SK_HOSTDEV_PCI ? !open_pci(self, hostdev, undo, error) : !open_usb(launch, hostdev, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_launch_open_devices(SkLaunchPlan *self, SkLaunch *launch, SkUndo *undo, GError **error)
{
    return open_filesystems(self, launch, undo, error) && open_hostdevs(self, launch, undo, error) && open_vsock(self, launch, error);
}

/* -- back to the host ------------------------------------------------------------------------------------------------ */

static gboolean
run_drop(SkJob *job, GError **error)
{
    char **addresses = job->work;
    (void) error;
    for (guint i = 0; addresses[i] != NULL; i++) {
        g_autoptr(GError) why = NULL;
        if (!sk_host_vfio_release(NULL, addresses[i], &why))
            g_warning("%s, leaving the device with vfio-pci", why->message);
    }
    return TRUE;
}

static const SkJobKind drop_job = { .run = run_drop, .free_work = (GDestroyNotify) g_strfreev };

void
sk_launch_drop_devices(SkService *service, const SkDomainSpec *live)
{
    g_autoptr(GStrvBuilder) addresses = g_strv_builder_new();
    gboolean any = FALSE;
    for (guint i = 0; live != NULL && live->hostdevs != NULL && i < live->hostdevs->len; i++) {
        const SkHostdev *hostdev = live->hostdevs->pdata[i];
        if (hostdev->kind != SK_HOSTDEV_PCI || !hostdev->managed)
            continue;
        g_strv_builder_add(addresses, hostdev->host);
        any = TRUE;
    }
    if (any)
        sk_job_start_quiet(service, &drop_job, g_strv_builder_end(addresses));
}
