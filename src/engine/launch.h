/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "base/fs.h"
#include "base/spawn.h"
#include "model/domain.h"

G_BEGIN_DECLS

/*
 * From a domain's definition to QEMU: guest addresses, the command line, and the
 * QMP steps that plug one device in or out.  Pure: opens, starts and sends nothing.
 *
 * Everything is built by one builder a device family (engine/cmdline/), so that a
 * device plugged in while running is exactly the one the next start makes.
 *
 * Any thread.
 */

typedef struct SkQemuCaps SkQemuCaps;

/* -- addresses --------------------------------------------------------------------------------------- */

/*
 * Gives every device of a completed definition its alias ("virtio-disk0", "net0") and its address
 * in the guest ("pci:0000:01:00.0", "drive:0:0:0:1", "usb:0:1", "virtio-serial:0:0:1"), and adds the
 * controllers that these need. What is already given never changes; two devices at one address, an
 * address that the machine has not and a full bus are errors, after which spec is only half done. To be called before a definition
 * is stored and before a device is plugged; the result is stored.
 */
gboolean sk_engine_assign(SkDomainSpec *spec, GError **error);

/*
 * A copy of an assigned definition with entries for the controllers that the machine has anyway: PCIe ports with their places, the
 * chipset's disk controllers. For showing it as XML: defined again it makes the same machine. Free with sk_value_free().
 */
SkDomainSpec *sk_engine_show(const SkDomainSpec *spec);

/*
 * The way back: takes out of spec, which is to replace old, the controllers and addresses that only showing old had put there, so
 * that a definition that was shown and comes back as it was is no change.
 */
void sk_engine_hide(const SkDomainSpec *old, SkDomainSpec *spec);

/*
 * The command line of a definition for people to read, one option a line, with the names of files in the place of descriptors; nothing is
 * opened. accel: SK_ACCEL_KVM or SK_ACCEL_TCG. emulator: if the definition has none. NULL on error; free with g_free().
 */
char *sk_engine_native(const SkDomainSpec *spec, SkAccel accel, const char *emulator, GError **error);

/* -- what a start needs beyond the definition ------------------------------------------------------------ */

/*
 * One file of a disk's chain. The file is only ever reached through the descriptors, so that QEMU's
 * uid needs no right on it. fd alone: opened for writing. fd_ro alone: read-only. Both: read-only until
 * somebody writes (the backing files that a commit may go to).
 */
typedef struct {
    gint fd;                /* O_RDWR, or SK_FD_NONE */
    gint fd_ro;             /* O_RDONLY, or SK_FD_NONE */
    gint format;            /* SkDiskFormat */
    gboolean block;         /* a block device, not a file */
    char *path;             /* told to QEMU for its messages only */
    gboolean encrypted;     /* with LUKS: the disk's topmost file only */
    GBytes *passphrase;     /* what opens it, told in a plug; NULL: as it is not plugged */
    gint passphrase_fd;     /* the same for a start: a memfd */
} SkBlockLayer;

/* The files of one disk, the one the guest writes to first. */
typedef struct {
    char *target;           /* of the disk; "cidata" for the seed, "nvram" for the UEFI variables */
    GPtrArray *layers;      /* SkBlockLayer */
} SkBlockChain;

/* The host end of an interface that is not of kind user: TAP or macvtap, a queue each. */
typedef struct {
    char *mac;
    GArray *fds;            /* gint */
    GArray *vhost_fds;      /* gint: as many of /dev/vhost-net, or none */
} SkNicEnd;

/* The host end of a serial port, console or channel, by alias. Anything left out is made by QEMU itself. */
typedef struct {
    char *alias;            /* "serial0" */
    gint listen_fd;         /* listening Unix socket (backend recorded and unix, channels), or SK_FD_NONE */
    char *path;             /* instead of listen_fd: where QEMU is to listen */
    gint log_fd;            /* O_WRONLY | O_APPEND: everything the guest writes goes there too; or SK_FD_NONE */
    gint file_fd;           /* backend file: O_WRONLY | O_APPEND; SK_FD_NONE: QEMU opens the path */
} SkCharEnd;

/* A socket or descriptor that belongs to a device, by alias. */
typedef struct {
    char *alias;            /* "fs0": virtiofsd; "tpm0": swtpm; "hostdev0": usb; "vsock0" */
    char *path;             /* Unix socket to connect to (virtiofsd, swtpm) */
    gint fd;                /* hostdev usb: the /dev/bus/usb node, O_RDWR; vsock: /dev/vhost-vsock */
} SkDeviceEnd;

/* Owns its descriptors: freeing it closes them. */
typedef struct {
    const SkDomainSpec *spec;   /* borrowed; completed and assigned */
    const SkQemuCaps *caps;     /* borrowed; NULL: QEMU 7.2 is assumed */
    gint accel;                 /* SK_ACCEL_KVM or SK_ACCEL_TCG: decided */
    char *emulator;             /* argv[0]; NULL: "qemu-system-x86_64" */
    char *run_dir;              /* sockets that QEMU makes itself; writable for its uid */
    gint monitor_fd;            /* listening Unix socket of QMP */
    gint64 now;                 /* seconds since the epoch for clocks off UTC; 0: the host's clock */
    guint64 tsc_khz;            /* rate of the host's time stamp counter (microvm under TCG); 0: measured */
    gboolean paused;            /* stay stopped after the start */
    gboolean incoming;          /* wait for a migration stream (-incoming defer) */
    gint memory_fd;             /* O_RDWR: the guest's memory is this file, which is to have its size; else SK_FD_NONE */
    gboolean memory_kept;       /* what the guest writes goes into that file; FALSE: into a copy of its own, page by page */

    GPtrArray *chains;          /* SkBlockChain: every disk that is not empty, and "cidata" if there is a seed */
    GPtrArray *nics;            /* SkNicEnd */
    GPtrArray *chars;           /* SkCharEnd */
    GPtrArray *devices;         /* SkDeviceEnd */

    char *loader;               /* UEFI code, readable for all (firmware uefi); NULL: the definition's */
    SkBlockChain *nvram;        /* UEFI variables; NULL: the loader has no variables to keep */
    gint kernel_fd, initrd_fd;  /* direct boot: files readable for QEMU's uid, or memfds; SK_FD_NONE: by path */
    char *vnc_socket;           /* graphics listen "socket"; NULL: run_dir/vnc.sock */
    gint vnc_password_fd;       /* a memfd with the password, if graphics has one */
    char *spice_socket;         /* the same of SPICE; NULL: run_dir/spice.sock */
    gint spice_password_fd;
} SkLaunch;

/* A start of spec with nothing opened yet. */
SkLaunch *sk_launch_new(const SkDomainSpec *spec, SkAccel accel);
void sk_launch_free(SkLaunch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkLaunch, sk_launch_free)

SkBlockChain *sk_block_chain_new(const char *target);
/* Adds the next file down the chain; the chain owns the descriptors. Returns the layer. */
SkBlockLayer *sk_block_chain_add(SkBlockChain *self, gint fd, gint fd_ro, SkDiskFormat format, const char *path);
void sk_block_chain_free(SkBlockChain *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkBlockChain, sk_block_chain_free)

/* Adds an empty entry; the launch owns it. */
SkBlockChain *sk_launch_add_chain(SkLaunch *self, const char *target);
SkNicEnd *sk_launch_add_nic(SkLaunch *self, const char *mac);
SkCharEnd *sk_launch_add_char(SkLaunch *self, const char *alias);
SkDeviceEnd *sk_launch_add_device(SkLaunch *self, const char *alias);

SkNicEnd *sk_nic_end_new(const char *mac);
void sk_nic_end_free(SkNicEnd *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkNicEnd, sk_nic_end_free)

/* -- QMP steps ---------------------------------------------------------------------------------------- */

/* One QMP command, and the one that takes it back. That an undo fails means nothing: what it names is gone already. */
typedef struct {
    const char *execute;        /* "blockdev-add" */
    json_t *arguments;          /* NULL: none */
    gint fd;                    /* to send along (add-fd, getfd): borrowed from the chain or end; or SK_FD_NONE */
    const char *undo;           /* "blockdev-del"; NULL: nothing to take back */
    json_t *undo_arguments;
    gboolean optional;          /* its failure means nothing */
} SkQmpStep;

void sk_qmp_step_free(SkQmpStep *self);

/*
 * A device as steps. Attach: do each in order; if one fails, undo those done, last first. Detach: undo
 * all, last first; the first undo is device_del of `device`, after which DEVICE_DELETED must have come (the
 * guest has let go) before the rest is undone.
 */
typedef struct {
    char *device;               /* alias */
    char *target;               /* of a disk: what was added to it since it was plugged goes with it; NULL: no disk */
    GPtrArray *steps;           /* SkQmpStep */
} SkPlug;

void sk_plug_free(SkPlug *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkPlug, sk_plug_free)

/*
 * A disk or interface of spec (assigned) as steps. chain: NULL for an empty cdrom, and for a detach, which needs to
 * know nothing of the files. end: NULL for kind user, and for a detach. UNSUPPORTED if the machine
 * cannot plug such a device while running.
 */
SkPlug *sk_plug_disk(const SkDomainSpec *spec, const SkDisk *disk, const SkBlockChain *chain, GError **error);
SkPlug *sk_plug_interface(const SkDomainSpec *spec, const SkInterface *nic, const SkNicEnd *end, GError **error);

/*
 * Any other device, by the field of the definition it is in ("rngs", "hostdevs"). ends: descriptors that belong to it, or NULL. UNSUPPORTED for
 * what QEMU takes only at its start.
 */
SkPlug *sk_plug_device(const SkDomainSpec *spec, const SkField *home, gconstpointer device, const SkLaunch *ends, GError **error);

/*
 * Steps that change the medium of a cdrom or floppy, in order; none has an undo. old: the chain in it (descriptors may
 * be SK_FD_NONE), NULL: it is empty; fresh: NULL: it stays empty. force: take it out even if the guest has locked
 * the tray.
 * GPtrArray of SkQmpStep.
 */
GPtrArray *sk_plug_media(const SkDomainSpec *spec, const SkDisk *disk, const SkBlockChain *old,
                         const SkBlockChain *fresh, gboolean force, GError **error);

/*
 * Steps that open one more file for a running disk, to be written to as its topmost one: a copy's target, an overlay. It becomes node
 * "TARGET-number" (sk_block_nodes_free_number()), over the node below; NULL: over nothing. GPtrArray of SkQmpStep.
 */
GPtrArray *sk_plug_layer(const SkDomainSpec *spec, const SkDisk *disk, const SkBlockLayer *layer, guint number, const char *below, GError **error);

/* The step that sets a disk's I/O limits on a running domain to what disk says. */
SkQmpStep *sk_plug_limits(const SkDisk *disk);
/* The step that plugs or pulls an interface's cable on a running domain. */
SkQmpStep *sk_plug_link(const SkInterface *nic);

/* Numbers of the sets of descriptors that a disk may have: from the first on, so many. Any thread. */
#define SK_BLOCK_SETS 256
guint64 sk_block_first_set(const char *target);

/* Name of a disk's topmost block node: what block_resize and block jobs are to name. Free with g_free(). */
char *sk_block_node_name(const SkDisk *disk);

/* -- command line ----------------------------------------------------------------------------------------- */

typedef struct {
    char **argv;
    GArray *fds;                /* SkFdMap: for sk_spawn() */
    GPtrArray *setup;           /* SkQmpStep: to do after the greeting, before `cont` */
    gboolean stopped;           /* QEMU waits for `cont` (asked for, or there is something in setup) */
} SkCmdline;

/*
 * The command line of a start; the same launch always gives the same. Free with sk_cmdline_free(). What
 * QEMU cannot do is UNSUPPORTED, what contradicts itself INVALID; each names the device.
 */
SkCmdline *sk_cmdline_build(const SkLaunch *launch, GError **error);
void sk_cmdline_free(SkCmdline *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkCmdline, sk_cmdline_free)

/*
 * Bytes QEMU must be able to lock in memory: VFIO pins all a guest may ever have, and some of QEMU's own. 0: none of
 * its devices needs that; G_MAXUINT64: the definition wants all of it locked.
 */
guint64 sk_launch_memlock(const SkDomainSpec *spec);

/* A value inside one of QEMU's "key=value,key=value" options: commas doubled. Free with g_free(). */
char *sk_qemu_quote(const char *value);

G_END_DECLS
