/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments or QMP steps: the two forms that everything a family makes can take. */
#include "engine/cmdline/builder.h"

#include <string.h>

#include "base/error.h"
#include "engine/caps.h"

/* -- text ---------------------------------------------------------------------------------------------------- */

char *
sk_qemu_quote(const char *value)
{
    GString *out = g_string_new(value);
    g_string_replace(out, ",", ",,", 0);
    return g_string_free(out, FALSE);
}

void
sk_builder_arg(SkBuilder *self, const char *option, char *value)
{
    g_ptr_array_add(self->argv, g_strdup(option));
    if (value != NULL)
        g_ptr_array_add(self->argv, value);
}

/* -- JSON objects ------------------------------------------------------------------------------------------------ */

/* What makes a thing and what takes it back, and the key that names it in both. */
typedef struct {
    const char *option;
    const char *execute, *key;
    const char *undo;
    const char *type_key;       /* the key that says what QEMU must be able to make; NULL: not asked */
} Verb;

static const Verb verb_object = { "-object", "object-add", "id", "object-del", "qom-type" };
static const Verb verb_blockdev = { "-blockdev", "blockdev-add", "node-name", "blockdev-del", NULL };
static const Verb verb_netdev = { "-netdev", "netdev_add", "id", "netdev_del", NULL };
static const Verb verb_device = { "-device", "device_add", "id", "device_del", "driver" };

static SkQmpStep *
add_step(GPtrArray *steps, const char *execute, json_t *arguments)
{
    SkQmpStep *step = g_new0(SkQmpStep, 1);
    step->execute = execute;
    step->arguments = arguments;
    step->fd = SK_FD_NONE;
    g_ptr_array_add(steps, step);
    return step;
}

/* Distributions leave parts of QEMU out, or put them into packages of their own. */
static gboolean
check_type(const SkBuilder *self, const Verb *verb, const json_t *object, GError **error)
{
    const SkQemuCaps *caps = self->launch != NULL ? self->launch->caps : NULL;
    const char *type = verb->type_key != NULL ? json_string_value(json_object_get(object, verb->type_key)) : NULL;
    if (caps == NULL || type == NULL || sk_qemu_caps_has(caps, type))
        return TRUE;
    const char *id = json_string_value(json_object_get(object, verb->key));
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "QEMU %s (\"%s\") has no \"%s\", which device \"%s\" needs: choose another model, or "
                   "install the package that brings it", sk_qemu_caps_version(caps), sk_qemu_caps_binary(caps), type, id != NULL ? id : "?");
}

static gboolean
emit(SkBuilder *self, const Verb *verb, json_t *object, GError **error)
{
    if (object == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "a path or name for %s is not UTF-8", verb->execute);
    if (!check_type(self, verb, object, error)) {
        json_decref(object);
        return FALSE;
    }
    if (self->steps == NULL) {
        char *text = json_dumps(object, JSON_COMPACT);
        sk_builder_arg(self, verb->option, g_strdup(text));
        free(text);
        json_decref(object);
        return TRUE;
    }
    SkQmpStep *step = add_step(self->steps, verb->execute, object);
    step->undo = verb->undo;
    step->undo_arguments = json_pack("{s:O}", verb->key, json_object_get(object, verb->key));
    return TRUE;
}

gboolean
sk_builder_object(SkBuilder *self, json_t *object, GError **error)
{
    return emit(self, &verb_object, object, error);
}

gboolean
sk_builder_blockdev(SkBuilder *self, json_t *node, GError **error)
{
    return emit(self, &verb_blockdev, node, error);
}

gboolean
sk_builder_netdev(SkBuilder *self, json_t *netdev, GError **error)
{
    return emit(self, &verb_netdev, netdev, error);
}

gboolean
sk_builder_device(SkBuilder *self, json_t *device, GError **error)
{
    return emit(self, &verb_device, device, error);
}

void
sk_builder_chardev(SkBuilder *self, const char *alias, const char *type, json_t *data)
{
    g_autofree char *id = g_strconcat("char", alias, NULL);
    SkQmpStep *step = add_step(self->steps, "chardev-add", json_pack("{s:s,s:{s:s,s:o}}", "id", id, "backend", "type", type, "data", data));
    step->undo = "chardev-remove";
    step->undo_arguments = json_pack("{s:s}", "id", id);
}

void
sk_builder_queues(const SkBuilder *self, json_t *device, const char *key)
{
    const SkVcpus *vcpus = &self->spec->vcpus;
    if (vcpus->maximum > vcpus->current && json_object_get(device, key) == NULL)
        json_object_set_new(device, key, json_integer(vcpus->maximum));
}

void
sk_builder_switch(json_t *device, const char *key, gint value)
{
    if (value != SK_SWITCH_DEFAULT)
        json_object_set_new(device, key, json_boolean(value == SK_SWITCH_ON));
}

void
sk_builder_setup(SkBuilder *self, const char *execute, json_t *arguments)
{
    add_step(self->steps != NULL ? self->steps : self->setup, execute, arguments);
}

/* -- descriptors ----------------------------------------------------------------------------------------------------- */

/* Numbers from 3 on, in the order of the command line. */
gint
sk_builder_pass_fd(SkBuilder *self, gint fd)
{
    SkFdMap map = { .source = fd, .target = 3 + (gint) self->fds->len };
    g_array_append_val(self->fds, map);
    return map.target;
}

char *
sk_builder_fd(SkBuilder *self, gint fd, const char *name)
{
    if (self->steps == NULL)
        return g_strdup_printf("%d", sk_builder_pass_fd(self, fd));
    SkQmpStep *step = add_step(self->steps, "getfd", json_pack("{s:s}", "fdname", name));
    step->fd = fd;
    return g_strdup(name);
}

/* The first descriptor's undo empties the whole set. */
static void
add_fd_step(SkBuilder *self, guint64 set, gint fd, const char *path)
{
    const SkQmpStep *last = self->steps->len > 0 ? self->steps->pdata[self->steps->len - 1] : NULL;
    json_int_t before = last != NULL ? json_integer_value(json_object_get(last->arguments, "fdset-id")) : 0;
    SkQmpStep *step = add_step(self->steps, "add-fd",
                               json_pack("{s:I,s:s*}", "fdset-id", (json_int_t) set, "opaque", path));
    step->fd = fd;
    if (before == (json_int_t) set)
        return;
    step->undo = "remove-fd";
    step->undo_arguments = json_pack("{s:I}", "fdset-id", (json_int_t) set);
}

void
sk_builder_fdset(SkBuilder *self, guint64 set, gint fd, const char *path)
{
    if (self->steps != NULL) {
        add_fd_step(self, set, fd, path);
        return;
    }
    g_autofree char *opaque = sk_qemu_quote(path != NULL ? path : "");
    sk_builder_arg(self, "-add-fd", g_strdup_printf("fd=%d,set=%" G_GUINT64_FORMAT "%s%s", sk_builder_pass_fd(self, fd), set,
                                                    path != NULL ? ",opaque=" : "", opaque));
}

guint64
sk_builder_free_set(const SkBuilder *self)
{
    return self->fds != NULL ? SK_FDSET_OTHERS + self->fds->len : SK_FDSET_OTHERS + 0x10000 + (g_random_int() & 0xffffff);
}

char *
sk_builder_fd_path(SkBuilder *self, gint fd)
{
    return g_strdup_printf("/dev/fd/%d", sk_builder_pass_fd(self, fd));
}

/* -- places ------------------------------------------------------------------------------------------------------------ */

char *
sk_builder_virtio(const SkBuilder *self, const char *name)
{
    return g_strconcat(name, self->machine == SK_MACHINE_MICROVM ? "-device" : "-pci", NULL);
}

char *
sk_builder_virtio_model(const SkBuilder *self, const char *name, SkVirtio model, GError **error)
{
    static const char *const endings[SK_N_VIRTIOS] = { "", "-transitional", "-non-transitional" };
    g_autofree char *usual = sk_builder_virtio(self, name);
    if (model == SK_VIRTIO_ANY || self->machine != SK_MACHINE_MICROVM)
        return g_strconcat(usual, endings[model], NULL);
    sk_fail(error, SK_ERROR_UNSUPPORTED, "model \"%s\" is for machines with PCI: give virtio", sk_enum_name(&sk_virtio_enum, (gint) model));
    return NULL;
}

static gboolean
parse(const char *address, SkAddressKind kind, const json_t *device, SkAddress *out, GError **error)
{
    if (address != NULL && sk_address_parse(address, "", out, NULL) && out->kind == kind)
        return TRUE;
    const char *id = json_string_value(json_object_get(device, "id"));
    return sk_fail(error, SK_ERROR_INTERNAL, "device \"%s\" has no address that fits it", id != NULL ? id : "?");
}

/* Function 0 must say so if others share its slot. */
static gboolean
shares_slot(const SkDomainSpec *spec, const SkAddress *address)
{
    g_autoptr(GArray) slots = sk_slots_collect((SkDomainSpec *) spec);
    for (guint i = 0; i < slots->len; i++) {
        const SkSlot *slot = &g_array_index(slots, SkSlot, i);
        SkAddress other;
        if (slot->address != NULL && *slot->address != NULL && sk_address_parse(*slot->address, "", &other, NULL) &&
            other.kind == SK_ADDRESS_PCI && other.parts[1] == address->parts[1] && other.parts[2] == address->parts[2] &&
            other.parts[3] != address->parts[3])
            return TRUE;
    }
    return FALSE;
}

static char *
pci_bus_name(const SkBuilder *self, guint bus)
{
    if (bus == 0)
        return g_strdup(self->machine == SK_MACHINE_Q35 ? "pcie.0" : "pci.0");
    return g_strdup_printf("pci.%u", bus);
}

static gboolean
place_pci(const SkBuilder *self, json_t *device, const char *address, GError **error)
{
    SkAddress place;
    if (self->machine == SK_MACHINE_MICROVM)
        return TRUE;
    if (!parse(address, SK_ADDRESS_PCI, device, &place, error))
        return FALSE;
    g_autofree char *bus = pci_bus_name(self, place.parts[1]);
    g_autofree char *addr = place.parts[3] == 0 ? g_strdup_printf("0x%x", place.parts[2])
                                                : g_strdup_printf("0x%x.0x%x", place.parts[2], place.parts[3]);
    json_object_set_new(device, "bus", json_string(bus));
    json_object_set_new(device, "addr", json_string(addr));
    if (place.parts[3] == 0 && shares_slot(self->spec, &place))
        json_object_set_new(device, "multifunction", json_true());
    return TRUE;
}

static gboolean
place_usb(json_t *device, const char *address, GError **error)
{
    SkAddress place;
    if (!parse(address, SK_ADDRESS_USB, device, &place, error))
        return FALSE;
    g_autofree char *bus = g_strdup_printf("usb%u.0", place.parts[0]);
    g_autofree char *port = g_strdup_printf("%u", place.parts[1]);
    json_object_set_new(device, "bus", json_string(bus));
    json_object_set_new(device, "port", json_string(port));
    return TRUE;
}

gboolean
sk_builder_pci(SkBuilder *self, json_t *device, const char *address, GError **error)
{
    g_autoptr(json_t) owned = device;
    return (owned == NULL || place_pci(self, owned, address, error)) && sk_builder_device(self, g_steal_pointer(&owned), error);
}

gboolean
sk_builder_usb(SkBuilder *self, json_t *device, const char *address, GError **error)
{
    g_autoptr(json_t) owned = device;
    return (owned == NULL || place_usb(owned, address, error)) && sk_builder_device(self, g_steal_pointer(&owned), error);
}

/* -- lookups ------------------------------------------------------------------------------------------------------------- */

/* All the entries begin with the text that names them. */
static gpointer
find(const GPtrArray *list, const char *key)
{
    for (guint i = 0; i < list->len; i++) {
        char *const *name = list->pdata[i];
        if (key != NULL && g_ascii_strcasecmp(*name, key) == 0)
            return list->pdata[i];
    }
    return NULL;
}

G_STATIC_ASSERT(G_STRUCT_OFFSET(SkBlockChain, target) == 0 && G_STRUCT_OFFSET(SkNicEnd, mac) == 0);
G_STATIC_ASSERT(G_STRUCT_OFFSET(SkCharEnd, alias) == 0 && G_STRUCT_OFFSET(SkDeviceEnd, alias) == 0);

const SkBlockChain *
sk_launch_find_chain(const SkLaunch *self, const char *target)
{
    return find(self->chains, target);
}

const SkNicEnd *
sk_launch_find_nic(const SkLaunch *self, const char *mac)
{
    return find(self->nics, mac);
}

const SkCharEnd *
sk_launch_find_char(const SkLaunch *self, const char *alias)
{
    return find(self->chars, alias);
}

const SkDeviceEnd *
sk_launch_find_device(const SkLaunch *self, const char *alias)
{
    return find(self->devices, alias);
}
