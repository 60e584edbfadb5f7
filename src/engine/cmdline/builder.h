/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/json/json.h"
#include "engine/cmdline/address.h"
#include "engine/launch.h"

G_BEGIN_DECLS

/*
 * Where the device families put what they make: as arguments of a command line
 * or, while plugging, as QMP steps.  They cannot tell which, so one piece of code
 * makes both.  Private to engine/cmdline/.
 */

typedef struct {
    const SkDomainSpec *spec;
    const SkLaunch *launch;     /* NULL while plugging */
    SkMachineFamily machine;
    gboolean kvm;

    GPtrArray *argv;            /* command line: char * */
    GArray *fds;                /* SkFdMap */
    GPtrArray *setup;           /* SkQmpStep, before `cont` */
    GPtrArray *steps;           /* plugging: SkQmpStep; NULL otherwise */

    guint boot_seen[4];         /* devices so far, by kind: boot.c */
} SkBuilder;

/* One family's part of the command line. */
typedef gboolean (*SkBuildFunc)(SkBuilder *self, GError **error);

/* -- output ---------------------------------------------------------------------------------------------- */

/* "-option value"; takes value, NULL: the option alone. Command line only. */
void sk_builder_arg(SkBuilder *self, const char *option, char *value);

/*
 * Each takes the object: -object/object-add, -blockdev/blockdev-add, -netdev/netdev_add, -device/device_add.
 * NULL (a text that is no UTF-8) is INVALID.
 */
gboolean sk_builder_object(SkBuilder *self, json_t *object, GError **error);
gboolean sk_builder_blockdev(SkBuilder *self, json_t *node, GError **error);
gboolean sk_builder_netdev(SkBuilder *self, json_t *netdev, GError **error);
gboolean sk_builder_device(SkBuilder *self, json_t *device, GError **error);

/* A command for the setup before `cont`; while plugging the next step. Takes arguments. */
void sk_builder_setup(SkBuilder *self, const char *execute, json_t *arguments);

/* While plugging: the chardev "char" + alias, of QMP's type. Takes data. */
void sk_builder_chardev(SkBuilder *self, const char *alias, const char *type, json_t *data);

/* A boolean property; nothing is set where the definition leaves it open. value: SkSwitch */
void sk_builder_switch(json_t *device, const char *key, gint value);

/*
 * The number of queues, where the definition leaves it open: QEMU would make as many as it begins with vCPUs, and a state
 * that is saved after some were plugged would not fit into the QEMU that begins with all of those.
 */
void sk_builder_queues(const SkBuilder *self, json_t *device, const char *key);

/* -- descriptors ------------------------------------------------------------------------------------------- */

/* The number that QEMU sees a descriptor of ours as. Command line only. */
gint sk_builder_pass_fd(SkBuilder *self, gint fd);

/* A descriptor for a netdev or device property: its number, or while plugging its name. Free with g_free(). */
char *sk_builder_fd(SkBuilder *self, gint fd, const char *name);

/* Puts a descriptor into QEMU's set of that number, which is then opened as /dev/fdset/set. */
void sk_builder_fdset(SkBuilder *self, guint64 set, gint fd, const char *path);

/* /dev/fd/N: for what QEMU opens by itself without knowing sets. Command line only. Free with g_free(). */
char *sk_builder_fd_path(SkBuilder *self, gint fd);

/* Sets that belong to no disk are numbered from here on; disks' sets lie below (block.c). */
#define SK_FDSET_OTHERS G_GUINT64_CONSTANT(0x2000000)
/* One of those that nobody has; while plugging one at random from far above. */
guint64 sk_builder_free_set(const SkBuilder *self);

/* -- places -------------------------------------------------------------------------------------------------- */

/* "virtio-blk": with "-pci", or "-device" on a machine without PCI. Free with g_free(). */
char *sk_builder_virtio(const SkBuilder *self, const char *name);

/* The same of a model; NULL with UNSUPPORTED for one that a machine without PCI has not. */
char *sk_builder_virtio_model(const SkBuilder *self, const char *name, SkVirtio model, GError **error);

/* As sk_builder_device(), with the bus and place of an address; on a machine without PCI with none. */
gboolean sk_builder_pci(SkBuilder *self, json_t *device, const char *address, GError **error);
gboolean sk_builder_usb(SkBuilder *self, json_t *device, const char *address, GError **error);

/* -- lookups (NULL: there is none) ------------------------------------------------------------------------------- */

const SkBlockChain *sk_launch_find_chain(const SkLaunch *self, const char *target);
const SkNicEnd *sk_launch_find_nic(const SkLaunch *self, const char *mac);
const SkCharEnd *sk_launch_find_char(const SkLaunch *self, const char *alias);
const SkDeviceEnd *sk_launch_find_device(const SkLaunch *self, const char *alias);

/* -- the families, in the order of the command line -------------------------------------------------------------- */

gboolean sk_build_machine(SkBuilder *self, GError **error);
gboolean sk_build_firmware(SkBuilder *self, GError **error);
gboolean sk_build_cpu(SkBuilder *self, GError **error);
gboolean sk_build_memory(SkBuilder *self, GError **error);
gboolean sk_build_clock(SkBuilder *self, GError **error);
gboolean sk_build_boot(SkBuilder *self, GError **error);
gboolean sk_build_controllers(SkBuilder *self, GError **error);
/* Plugging: the only one there is. */
gboolean sk_build_one_controller(SkBuilder *self, GError **error);
gboolean sk_build_disks(SkBuilder *self, GError **error);
gboolean sk_build_seed(SkBuilder *self, GError **error);
gboolean sk_build_interfaces(SkBuilder *self, GError **error);
gboolean sk_build_serials(SkBuilder *self, GError **error);
gboolean sk_build_consoles(SkBuilder *self, GError **error);
gboolean sk_build_channels(SkBuilder *self, GError **error);
gboolean sk_build_graphics(SkBuilder *self, GError **error);
gboolean sk_build_videos(SkBuilder *self, GError **error);
gboolean sk_build_inputs(SkBuilder *self, GError **error);
gboolean sk_build_rngs(SkBuilder *self, GError **error);
gboolean sk_build_balloon(SkBuilder *self, GError **error);
gboolean sk_build_watchdog(SkBuilder *self, GError **error);
gboolean sk_build_tpm(SkBuilder *self, GError **error);
gboolean sk_build_sounds(SkBuilder *self, GError **error);
gboolean sk_build_hostdevs(SkBuilder *self, GError **error);
gboolean sk_build_filesystems(SkBuilder *self, GError **error);
gboolean sk_build_panic(SkBuilder *self, GError **error);
gboolean sk_build_vsock(SkBuilder *self, GError **error);
gboolean sk_build_smbios(SkBuilder *self, GError **error);
gboolean sk_build_iommu(SkBuilder *self, GError **error);
gboolean sk_build_parallels(SkBuilder *self, GError **error);
gboolean sk_build_redirdevs(SkBuilder *self, GError **error);
gboolean sk_build_hubs(SkBuilder *self, GError **error);
gboolean sk_build_smartcards(SkBuilder *self, GError **error);
gboolean sk_build_shmems(SkBuilder *self, GError **error);
gboolean sk_build_dimms(SkBuilder *self, GError **error);
/* The definition's own arguments, behind all others. */
gboolean sk_build_arguments(SkBuilder *self, GError **error);

/* -- shared by command line and plugging --------------------------------------------------------------------------- */

/* Adds bootindex to a device if it is to boot. order: the device's own; kind: "disk", "cdrom", "network", "floppy". */
void sk_builder_boot(SkBuilder *self, json_t *device, guint order, const char *kind);
/* TRUE if the guest may boot from kind or from this device. */
gboolean sk_builder_boots(const SkBuilder *self, guint order, const char *kind);

gboolean sk_build_spice(SkBuilder *self, const SkGraphics *graphics, GError **error);
gboolean sk_builder_has_spice(const SkBuilder *self);
/* The chardev "char" + alias that ends at the SPICE viewer. */
gboolean sk_builder_spice_chardev(SkBuilder *self, const char *what, const char *alias, const char *name, GError **error);
/* The chardev "char" + alias that connects to a Unix socket or, path NULL, to "address:port". */
gboolean sk_builder_connect_chardev(SkBuilder *self, const char *what, const char *alias, const char *path, const char *host, GError **error);
/* A memory backend as the definition wants memory. */
json_t *sk_memory_backend(const SkDomainSpec *spec, const char *id, guint64 size);

gboolean sk_build_controller(SkBuilder *self, const SkController *controller, GError **error);
/* PCIe root port of that number. */
gboolean sk_build_port(SkBuilder *self, guint bus, GError **error);
gboolean sk_build_disk(SkBuilder *self, const SkDisk *disk, const SkBlockChain *chain, GError **error);
gboolean sk_build_disk_nodes(SkBuilder *self, const SkDisk *disk, const SkBlockChain *chain, GError **error);
gboolean sk_build_interface(SkBuilder *self, const SkInterface *nic, const SkNicEnd *end, GError **error);

/* How the files of a chain are opened. */
typedef struct {
    gboolean read_only;
    gint cache, io;             /* SkDiskCache, SkDiskIo */
    gboolean unmap, detect_zeroes;
} SkBlockOptions;

/*
 * The nodes of a chain as one object, for sk_builder_blockdev() or as part of another; its descriptors are handed over.
 * name: of the topmost node; NULL: counted like those below it, which are numbered from the bottom, so that a
 * layer keeps its name when another is put on top. what: for messages. NULL on error.
 */
json_t *sk_build_chain(SkBuilder *self, const SkBlockChain *chain, const char *name, const SkBlockOptions *options, const char *what,
                       GError **error);
/* While plugging: one more file of a disk as node "TARGET-number", over the node below (NULL: over nothing). */
gboolean sk_build_layer(SkBuilder *self, const SkBlockLayer *layer, const char *target, guint number, const char *below, const SkBlockOptions *options,
                        GError **error);
/* The object with the passphrase of a disk that is encrypted. Free with g_free(). */
char *sk_block_secret_name(const char *target);
/* The options of a disk's topmost file. */
SkBlockOptions sk_disk_block_options(const SkDisk *disk);
/* While plugging: steps that do nothing but whose undo empties the sets of a chain that is not known. */
void sk_build_chain_removal(SkBuilder *self, const char *target);

/* Cache modes as QEMU's three switches. */
gboolean sk_disk_cache_is_direct(gint cache);
gboolean sk_disk_cache_is_writeback(gint cache);

G_END_DECLS
