/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plugging while the domain runs: the families' own builders, with steps as their output. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

static SkPlug *
plug_new(const char *alias)
{
    SkPlug *self = g_new0(SkPlug, 1);
    self->device = g_strdup(alias);
    self->steps = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
    return self;
}

static SkBuilder
builder_for(const SkDomainSpec *spec, GPtrArray *steps)
{
    return (SkBuilder){ .spec = spec, .machine = sk_domain_spec_machine_family(spec), .steps = steps };
}

/* A bus that takes devices while running: any on a pc, of a q35 all but the root complex. */
static gboolean
check_pci(const SkBuilder *self, const char *what, const char *address, GError **error)
{
    SkAddress place;
    if (self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s cannot be plugged while the domain runs: machine \"microvm\" has no PCI bus", what);
    if (address == NULL)
        return sk_fail(error, SK_ERROR_INTERNAL, "%s has no address", what);
    if (!sk_address_parse(address, what, &place, error))
        return FALSE;
    if (self->machine == SK_MACHINE_Q35 && place.kind == SK_ADDRESS_PCI && place.parts[1] == 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED,
                       "%s sits on the root bus, which takes nothing while the domain runs: shut it down first", what);
    return TRUE;
}

/* -- disks ------------------------------------------------------------------------------------------------------------ */

static gboolean
check_disk(const SkBuilder *self, const SkDisk *disk, GError **error)
{
    g_autofree char *what = g_strdup_printf("disk \"%s\"", disk->target);
    gboolean usb_cdrom = disk->bus == SK_BUS_USB && disk->device == SK_DISK_CDROM;
    if (disk->bus == SK_BUS_VIRTIO)
        return check_pci(self, what, disk->address, error);
    if ((disk->bus == SK_BUS_SCSI && self->machine != SK_MACHINE_MICROVM) || (disk->bus == SK_BUS_USB && !usb_cdrom))
        return TRUE;
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s: a %s on the %s bus cannot be plugged while the domain runs: give bus virtio or scsi", what,
                   sk_enum_name(&sk_disk_device_enum, disk->device), sk_enum_name(&sk_disk_bus_enum, disk->bus));
}

/* TRUE if no other disk is on its SCSI controller. */
static gboolean
is_alone(const SkDomainSpec *spec, const SkDisk *disk, guint controller)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *other = spec->disks->pdata[i];
        SkAddress address;
        if (g_strcmp0(other->target, disk->target) != 0 && other->bus == SK_BUS_SCSI && other->address != NULL &&
            sk_address_parse(other->address, "", &address, NULL) && address.parts[0] == controller)
            return FALSE;
    }
    return TRUE;
}

/* A controller that comes with the first that needs it. It stays when that goes, so it may be there already. */
static gboolean
build_lasting_controller(SkBuilder *self, const SkDomainSpec *spec, SkControllerKind kind, guint index, GError **error)
{
    const GPtrArray *controllers = spec->controllers;
    for (guint i = 0; controllers != NULL && i < controllers->len; i++) {
        const SkController *controller = controllers->pdata[i];
        if ((SkControllerKind) controller->kind != kind || controller->index != index)
            continue;
        if (!sk_build_controller(self, controller, error))
            return FALSE;
        SkQmpStep *step = self->steps->pdata[self->steps->len - 1];
        step->optional = TRUE;
        step->undo = NULL;
        g_clear_pointer(&step->undo_arguments, json_decref);
    }
    return TRUE;
}

static gboolean
plug_controller(SkBuilder *self, const SkDisk *disk, GError **error)
{
    SkAddress address;
    if (disk->bus != SK_BUS_SCSI || !sk_address_parse(disk->address, disk->target, &address, NULL) ||
        !is_alone(self->spec, disk, address.parts[0]))
        return TRUE;
    return build_lasting_controller(self, self->spec, SK_CONTROLLER_SCSI, address.parts[0], error);
}

SkPlug *
sk_plug_disk(const SkDomainSpec *spec, const SkDisk *disk, const SkBlockChain *chain, GError **error)
{
    g_autoptr(SkPlug) plug = plug_new(disk->alias);
    SkBuilder self = builder_for(spec, plug->steps);
    plug->target = g_strdup(disk->target);
    if (!check_disk(&self, disk, error) || !plug_controller(&self, disk, error) || !sk_build_disk(&self, disk, chain, error))
        return NULL;
    return g_steal_pointer(&plug);
}

GPtrArray *
sk_plug_layer(const SkDomainSpec *spec, const SkDisk *disk, const SkBlockLayer *layer, guint number, const char *below, GError **error)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
    SkBuilder self = builder_for(spec, steps);
    SkBlockOptions options = sk_disk_block_options(disk);
    if (number >= SK_BLOCK_SETS - 1) {
        sk_fail(error, SK_ERROR_TOO_MANY, "disk \"%s\" has too many files open: wait until a job on it is over", disk->target);
        return NULL;
    }
    return sk_build_layer(&self, layer, disk->target, number, below, &options, error) ? g_steal_pointer(&steps) : NULL;
}

/* -- media -------------------------------------------------------------------------------------------------------------- */

/* Takes the undo of each step, last first, as steps of their own. */
static void
add_undo(GPtrArray *steps, const GPtrArray *done)
{
    for (guint i = done->len; i > 0; i--) {
        SkQmpStep *from = done->pdata[i - 1];
        if (from->undo == NULL)
            continue;
        SkQmpStep *step = g_new0(SkQmpStep, 1);
        step->execute = from->undo;
        step->arguments = json_incref(from->undo_arguments);
        step->fd = SK_FD_NONE;
        step->optional = TRUE;
        g_ptr_array_add(steps, step);
    }
}

static gboolean
remove_nodes(const SkDomainSpec *spec, const SkDisk *disk, const SkBlockChain *old, GPtrArray *steps, GError **error)
{
    g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
    SkBuilder self = builder_for(spec, made);
    if (!sk_build_disk_nodes(&self, disk, old, error))
        return FALSE;
    add_undo(steps, made);
    return TRUE;
}

static gboolean
insert(SkBuilder *self, const SkDisk *disk, const SkBlockChain *fresh, GError **error)
{
    g_autofree char *node = sk_block_node_name(disk);
    if (!sk_build_disk_nodes(self, disk, fresh, error))
        return FALSE;
    sk_builder_setup(self, "blockdev-insert-medium", json_pack("{s:s,s:s}", "id", disk->alias, "node-name", node));
    return TRUE;
}

/* A floppy has no tray: QEMU takes the two tray commands for it and does nothing. */
GPtrArray *
sk_plug_media(const SkDomainSpec *spec, const SkDisk *disk, const SkBlockChain *old, const SkBlockChain *fresh, gboolean force,
              GError **error)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
    SkBuilder self = builder_for(spec, steps);
    if (disk->device == SK_DISK_DISK) {
        sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is neither cdrom nor floppy: its medium cannot be changed", disk->target);
        return NULL;
    }
    sk_builder_setup(&self, "blockdev-open-tray", json_pack("{s:s,s:b}", "id", disk->alias, "force", force));
    if (old != NULL) {
        sk_builder_setup(&self, "blockdev-remove-medium", json_pack("{s:s}", "id", disk->alias));
        if (!remove_nodes(spec, disk, old, steps, error))
            return NULL;
    }
    if (fresh != NULL && !insert(&self, disk, fresh, error))
        return NULL;
    sk_builder_setup(&self, "blockdev-close-tray", json_pack("{s:s}", "id", disk->alias));
    return g_steal_pointer(&steps);
}

/* -- interfaces ------------------------------------------------------------------------------------------------------------ */

SkPlug *
sk_plug_interface(const SkDomainSpec *spec, const SkInterface *nic, const SkNicEnd *end, GError **error)
{
    g_autoptr(SkPlug) plug = plug_new(nic->alias);
    g_autofree char *what = g_strdup_printf("interface \"%s\"", nic->mac);
    SkBuilder self = builder_for(spec, plug->steps);
    if (!check_pci(&self, what, nic->address, error) || !sk_build_interface(&self, nic, end, error))
        return NULL;
    return g_steal_pointer(&plug);
}

/* -- other devices ---------------------------------------------------------------------------------------------------------- */

/* spec: what runs, with the device; fresh: it comes. */
typedef gboolean (*CheckFunc)(const SkDomainSpec *spec, gconstpointer device, gboolean fresh, GError **error);

static gboolean
check_serial(const SkDomainSpec *spec, gconstpointer device, gboolean fresh, GError **error)
{
    const SkSerial *serial = device;
    return serial->model != SK_SERIAL_ISA ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "serial port %u of domain \"%s\" is on the ISA bus, which takes and gives nothing while the domain runs: "
                   "give model pci or usb, or change only its definition", serial->port, spec->name);
}

static gboolean
check_filesystem(const SkDomainSpec *spec, gconstpointer device, gboolean fresh, GError **error)
{
    const SkFilesystem *fs = device;
    return fs->kind != SK_FS_9P ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "file system \"%s\" of domain \"%s\" is of kind 9p, which QEMU sets up only at its start: "
                   "choose virtiofs, or change only its definition", fs->tag, spec->name);
}

/* Codecs sit on a bus that is fixed, and QEMU 7.2 makes what plays only at its start. */
static gboolean
check_sound(const SkDomainSpec *spec, gconstpointer device, gboolean fresh, GError **error)
{
    const SkSound *sound = device;
    gboolean fits = sound->model == SK_SOUND_AC97 || sound->model == SK_SOUND_ES1370 || sound->model == SK_SOUND_USB;
    if (!fits)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "sound card \"%s\" of domain \"%s\" cannot come or go while the domain runs: give model ac97, es1370 "
                       "or usb, or change only its definition", sound->alias, spec->name);
    return !fresh || spec->sounds->len > 1 ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "sound card \"%s\" cannot be plugged while domain \"%s\" runs: it was started without any, so QEMU has "
                   "nothing that plays; change only its definition", sound->alias, spec->name);
}

/* What can come and go, what builds it, and which of its kinds cannot. Graphics, video cards and the like are there from QEMU's start to its end. */
static const struct {
    const char *home;
    SkBuildFunc build;
    CheckFunc check;            /* NULL: all of them can */
} pluggable[] = {
    { "rngs", sk_build_rngs, NULL },
    { "inputs", sk_build_inputs, NULL },
    { "hostdevs", sk_build_hostdevs, NULL },
    { "watchdog", sk_build_watchdog, NULL },
    { "dimms", sk_build_dimms, NULL },
    { "controllers", sk_build_one_controller, NULL },
    { "serials", sk_build_serials, check_serial },
    { "consoles", sk_build_consoles, NULL },
    { "channels", sk_build_channels, NULL },
    { "redirdevs", sk_build_redirdevs, NULL },
    { "hubs", sk_build_hubs, NULL },
    { "smartcards", sk_build_smartcards, NULL },
    { "shmems", sk_build_shmems, NULL },
    { "filesystems", sk_build_filesystems, check_filesystem },
    { "sounds", sk_build_sounds, check_sound },
    { "vsock", sk_build_vsock, NULL },
};

static SkBuildFunc
builder_of(const SkDomainSpec *spec, const SkField *home, gconstpointer device, gboolean fresh, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(pluggable); i++) {
        if (!g_str_equal(pluggable[i].home, home->key))
            continue;
        return pluggable[i].check == NULL || pluggable[i].check(spec, device, fresh, error) ? pluggable[i].build : NULL;
    }
    sk_fail(error, SK_ERROR_UNSUPPORTED, "a %s cannot come or go while domain \"%s\" runs: shut it down first, or change only its definition",
            home->type->what, spec->name);
    return NULL;
}

static const char *
text_of(const SkType *type, gconstpointer device, const char *key)
{
    const SkField *field = sk_type_find(type, key);
    return field != NULL ? *(char *const *) sk_field_const_ptr(field, device) : NULL;
}

/* A spec that has, of that kind, the one device only: the family's own builder makes just that. Borrows all. */
static SkDomainSpec
with_only(const SkDomainSpec *spec, const SkField *home, gconstpointer device, GPtrArray *list)
{
    SkDomainSpec one = *spec;
    g_ptr_array_add(list, (gpointer) device);
    *(gpointer *) sk_field_ptr(home, &one) = home->kind == SK_KIND_LIST ? list : (gpointer) device;
    return one;
}

/* How many devices of such lists are on a controller. */
static guint
count_on(const SkDomainSpec *spec, const char *const *lists, SkAddressKind kind, guint controller)
{
    guint count = 0;
    for (guint i = 0; lists[i] != NULL; i++) {
        const SkField *field = sk_type_find(&sk_domain_spec_type, lists[i]);
        const GPtrArray *list = *(GPtrArray *const *) sk_field_const_ptr(field, spec);
        for (guint j = 0; list != NULL && j < list->len; j++) {
            const char *address = text_of(field->type, list->pdata[j], "address");
            SkAddress place;
            count += address != NULL && sk_address_parse(address, "", &place, NULL) && place.kind == kind && place.parts[0] == controller;
        }
    }
    return count;
}

/* The first port of a virtio serial controller brings it along, as with the first SCSI disk, and so does the first USB device. */
static gboolean
bring_controller(SkBuilder *self, const SkDomainSpec *spec, const SkField *home, gconstpointer device, GError **error)
{
    static const char *const ports[] = { "consoles", "channels", NULL };
    static const char *const usb[] = { "inputs", "hostdevs", "serials", "redirdevs", "hubs", "smartcards", "sounds", "disks", NULL };
    const char *address = text_of(home->type, device, "address");
    SkAddress place;
    if (address == NULL || !sk_address_parse(address, "", &place, NULL) ||
        (place.kind != SK_ADDRESS_VIRTIO_SERIAL && place.kind != SK_ADDRESS_USB))
        return TRUE;
    gboolean is_usb = place.kind == SK_ADDRESS_USB;
    if (count_on(spec, is_usb ? usb : ports, place.kind, place.parts[0]) > 1)
        return TRUE;
    return build_lasting_controller(self, spec, is_usb ? SK_CONTROLLER_USB : SK_CONTROLLER_VIRTIO_SERIAL, place.parts[0], error);
}

SkPlug *
sk_plug_device(const SkDomainSpec *spec, const SkField *home, gconstpointer device, const SkLaunch *ends, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    const char *alias = text_of(home->type, device, "alias"), *address = text_of(home->type, device, "address");
    SkBuildFunc build = builder_of(spec, home, device, ends != NULL, error);
    if (build == NULL)
        return NULL;
    SkDomainSpec one = with_only(spec, home, device, list);
    g_autoptr(SkLaunch) none = sk_launch_new(&one, SK_ACCEL_TCG);
    g_autoptr(SkPlug) plug = plug_new(alias);
    g_autofree char *what = g_strdup_printf("%s \"%s\"", home->type->what, alias);
    SkBuilder self = builder_for(&one, plug->steps);
    self.launch = ends != NULL ? ends : none;
    if (address != NULL && g_str_has_prefix(address, "pci:") && !check_pci(&self, what, address, error))
        return NULL;
    if ((ends != NULL && !bring_controller(&self, spec, home, device, error)) || !build(&self, error))
        return NULL;
    if (plug->steps->len == 0) {
        sk_fail(error, SK_ERROR_UNSUPPORTED, "%s is a part of the machine: it cannot come and go", what);
        return NULL;
    }
    return g_steal_pointer(&plug);
}
