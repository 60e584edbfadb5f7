/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network interfaces: the card and its host end. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

/* Queues a TAP may have; the guest gets as many as descriptors were opened. */
#define MAX_QUEUES 16

static char *
netdev_id(const SkInterface *nic)
{
    return g_strconcat("host", nic->alias, NULL);
}

/* -- the host end --------------------------------------------------------------------------------------------------- */

/* "tcp:2222:22", on this host only: a listener for the world is for those who ask for a real network. */
static json_t *
forward_list(char **forwards)
{
    json_t *list = json_array();
    for (guint i = 0; forwards != NULL && forwards[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(forwards[i], ":", 3);
        g_autofree char *text = g_strdup_printf("%s:127.0.0.1:%s-:%s", parts[0], parts[1], parts[2]);
        json_array_append_new(list, json_pack("{s:s}", "str", text));
    }
    return list;
}

static gboolean
build_user(SkBuilder *self, const SkInterface *nic, GError **error)
{
    g_autofree char *id = netdev_id(nic);
    json_t *netdev = json_pack("{s:s,s:s}", "type", "user", "id", id);
    if (nic->forwards != NULL)
        json_object_set_new(netdev, "hostfwd", forward_list(nic->forwards));
    return sk_builder_netdev(self, netdev, error);
}

/* Descriptors as QEMU's "fd" or, for several queues, "fds": numbers or names with colons. */
static void
set_fds(SkBuilder *self, json_t *netdev, const char *one, const char *many, const SkInterface *nic, const GArray *fds)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < fds->len; i++) {
        g_autofree char *name = g_strdup_printf("%s-%s%u", nic->alias, one, i);
        g_autofree char *fd = sk_builder_fd(self, g_array_index(fds, gint, i), name);
        g_string_append_printf(text, "%s%s", i > 0 ? ":" : "", fd);
    }
    json_object_set_new(netdev, fds->len > 1 ? many : one, json_string(text->str));
}

static gboolean
build_tap(SkBuilder *self, const SkInterface *nic, const SkNicEnd *end, GError **error)
{
    g_autofree char *id = netdev_id(nic);
    json_t *netdev = json_pack("{s:s,s:s}", "type", "tap", "id", id);
    if (end != NULL)
        set_fds(self, netdev, "fd", "fds", nic, end->fds);
    if (end != NULL && end->vhost_fds->len > 0) {
        json_object_set_new(netdev, "vhost", json_true());
        set_fds(self, netdev, "vhostfd", "vhostfds", nic, end->vhost_fds);
    }
    return sk_builder_netdev(self, netdev, error);
}

static gboolean
check_end(const SkBuilder *self, const SkInterface *nic, const SkNicEnd *end, GError **error)
{
    if (end == NULL && self->steps != NULL)
        return TRUE;
    if (end == NULL || end->fds->len == 0)
        return sk_fail(error, SK_ERROR_INTERNAL, "interface \"%s\" has no TAP", nic->mac);
    SkVirtio model;
    gboolean virtio = sk_nic_virtio(nic, &model);
    if (end->fds->len > MAX_QUEUES || (end->fds->len > 1 && !virtio))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "interface \"%s\" has %u queues: virtio takes up to %u, others one", nic->mac,
                       end->fds->len, MAX_QUEUES);
    if (end->vhost_fds->len > 0 && (end->vhost_fds->len != end->fds->len || !virtio))
        return sk_fail(error, SK_ERROR_INTERNAL, "interface \"%s\" has %u queues and %u vhost descriptors", nic->mac, end->fds->len,
                       end->vhost_fds->len);
    return TRUE;
}

/* -- the card ---------------------------------------------------------------------------------------------------------- */

static json_t *
card(SkBuilder *self, const SkInterface *nic, guint queues)
{
    static const char *const drivers[SK_N_NIC_MODELS] = { [SK_NIC_E1000E] = "e1000e", [SK_NIC_E1000] = "e1000",
                                                          [SK_NIC_RTL8139] = "rtl8139" };
    SkVirtio model;
    gboolean virtio = sk_nic_virtio(nic, &model);
    g_autofree char *virtio_driver = sk_builder_virtio_model(self, "virtio-net", model, NULL);
    g_autofree char *id = netdev_id(nic);
    json_t *device = json_pack("{s:s,s:s,s:s,s:s}", "driver", virtio ? virtio_driver : drivers[nic->model], "id", nic->alias, "netdev", id,
                               "mac", nic->mac);
    if (virtio && queues > 1) {
        json_object_set_new(device, "mq", json_true());
        json_object_set_new(device, "vectors", json_integer(2 * queues + 2));
    }
    if (virtio && nic->mtu > 0)
        json_object_set_new(device, "host_mtu", json_integer(nic->mtu));
    if (virtio && nic->rx_queue > 0)
        json_object_set_new(device, "rx_queue_size", json_integer(nic->rx_queue));
    if (virtio && nic->tx_queue > 0)
        json_object_set_new(device, "tx_queue_size", json_integer(nic->tx_queue));
    sk_builder_boot(self, device, nic->boot_order, "network");
    /* Without its boot ROM a card that nothing boots from costs the firmware no time. */
    gboolean boots = nic->rom == SK_SWITCH_DEFAULT ? sk_builder_boots(self, nic->boot_order, "network") : nic->rom == SK_SWITCH_ON;
    if (nic->rom_file != NULL)
        json_object_set_new(device, "romfile", json_string(nic->rom_file));
    else if (self->machine != SK_MACHINE_MICROVM && !boots)
        json_object_set_new(device, "romfile", json_string(""));
    return device;
}

SkQmpStep *
sk_plug_link(const SkInterface *nic)
{
    SkQmpStep *step = g_new0(SkQmpStep, 1);
    step->execute = "set_link";
    step->arguments = json_pack("{s:s,s:b}", "name", nic->alias, "up", nic->link == SK_LINK_UP);
    step->fd = SK_FD_NONE;
    return step;
}

gboolean
sk_build_interface(SkBuilder *self, const SkInterface *nic, const SkNicEnd *end, GError **error)
{
    gboolean user = nic->kind == SK_NIC_USER;
    if (self->machine == SK_MACHINE_MICROVM && nic->model != SK_NIC_VIRTIO)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "interface \"%s\": machine \"microvm\" has no PCI bus for a %s: give model virtio", nic->mac,
                       sk_enum_name(&sk_nic_model_enum, nic->model));
    if (!user && !check_end(self, nic, end, error))
        return FALSE;
    if (!(user ? build_user(self, nic, error) : build_tap(self, nic, end, error)))
        return FALSE;
    if (!sk_builder_pci(self, card(self, nic, user || end == NULL ? 1 : end->fds->len), nic->address, error))
        return FALSE;
    if (nic->link == SK_LINK_DOWN)
        sk_builder_setup(self, "set_link", json_pack("{s:s,s:b}", "name", nic->alias, "up", 0));
    return TRUE;
}

gboolean
sk_build_interfaces(SkBuilder *self, GError **error)
{
    const GPtrArray *nics = self->spec->interfaces;
    for (guint i = 0; nics != NULL && i < nics->len; i++) {
        const SkInterface *nic = nics->pdata[i];
        if (!sk_build_interface(self, nic, sk_launch_find_nic(self->launch, nic->mac), error))
            return FALSE;
    }
    return TRUE;
}
