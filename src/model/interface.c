/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of network interfaces. */
#include "model/interface.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName kind_names[] = { { "network" }, { "bridge" }, { "user" }, { "direct" }, { "ethernet", NULL, "a TAP that is on no bridge" } };
static const SkEnumName model_names[] = { { "virtio" }, { "e1000e" }, { "e1000" }, { "rtl8139" }, { "virtio-transitional" },
                                          { "virtio-non-transitional" } };
static const SkEnumName link_names[] = { { "up" }, { "down" } };
static const SkEnumName mode_names[] = { { "bridge" }, { "vepa" }, { "private" }, { "passthrough" } };

SK_ENUM_TABLE(sk_nic_kind_enum, "interface kind", kind_names, SK_N_NIC_KINDS);
SK_ENUM_TABLE(sk_nic_model_enum, "interface model", model_names, SK_N_NIC_MODELS);
SK_ENUM_TABLE(sk_link_state_enum, "link state", link_names, SK_N_LINK_STATES);
SK_ENUM_TABLE(sk_direct_mode_enum, "macvtap mode", mode_names, SK_N_DIRECT_MODES);

gboolean
sk_nic_virtio(const SkInterface *self, SkVirtio *out)
{
    static const SkVirtio kinds[SK_N_NIC_MODELS] = { [SK_NIC_VIRTIO_TRANSITIONAL] = SK_VIRTIO_TRANSITIONAL,
                                                     [SK_NIC_VIRTIO_NON_TRANSITIONAL] = SK_VIRTIO_NON_TRANSITIONAL };
    *out = kinds[self->model];
    return self->model == SK_NIC_VIRTIO || *out != SK_VIRTIO_ANY;
}

#define LIVE .flags = SK_FIELD_LIVE

static const SkField bandwidth_fields[] = {
    SK_FIELD(SkBandwidth, in_average, SIZE, "bytes a second to the guest", .xml = "inbound/@average|KiB", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkBandwidth, in_peak, SIZE, "bytes a second to the guest at most", .xml = "inbound/@peak|KiB", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkBandwidth, in_burst, SIZE, "bytes that may go at the peak rate", .xml = "inbound/@burst|KiB", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkBandwidth, out_average, SIZE, "bytes a second from the guest", .xml = "outbound/@average|KiB", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkBandwidth, out_peak, SIZE, "bytes a second from the guest at most", .xml = "outbound/@peak|KiB", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkBandwidth, out_burst, SIZE, "bytes that may go at the peak rate", .xml = "outbound/@burst|KiB", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
};
SK_TYPE(sk_bandwidth_type, SkBandwidth, "Bandwidth", "bandwidth", bandwidth_fields, "rate limits; 0 is no limit", .xml = "bandwidth");

/* "tcp:2222:22" or "udp:5353:53" */
static gboolean
check_forward(const char *text, const char *what, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", -1);
    guint64 port;
    if (g_strv_length(parts) == 3 && (g_str_equal(parts[0], "tcp") || g_str_equal(parts[0], "udp")) &&
        g_ascii_string_to_unsigned(parts[1], 10, 0, 65535, &port, NULL) &&
        g_ascii_string_to_unsigned(parts[2], 10, 1, 65535, &port, NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a port forward such as tcp:2222:22", what, text);
}

#define SPARSE .flags = SK_FIELD_SPARSE

static const SkField interface_fields[] = {
    SK_FIELD(SkInterface, mac, STRING, "MAC address", .xml = "mac/@address", .flags = SK_FIELD_KEY, .check = sk_check_mac),
    SK_FIELD(SkInterface, kind, ENUM, "what it is connected to", .xml = "@type", .names = &sk_nic_kind_enum),
    SK_FIELD(SkInterface, network, STRING, "Skep network", .xml = "source/@network", .check = sk_check_name, LIVE),
    SK_FIELD(SkInterface, portgroup, STRING, "port group of the network", .xml = "source/@portgroup", .max = 64, .check = sk_check_name),
    SK_FIELD(SkInterface, bridge, STRING, "existing bridge of the host", .xml = "source/@bridge", .check = sk_check_ifname, LIVE),
    SK_FIELD(SkInterface, device, STRING, "link of the host (direct)", .xml = "source/@dev", .check = sk_check_ifname),
    SK_FIELD(SkInterface, mode, ENUM, "macvtap mode (direct)", .xml = "~source/@mode", .names = &sk_direct_mode_enum),
    SK_FIELD(SkInterface, forwards, STRV, "host ports forwarded to the guest (user): tcp:2222:22", .check = check_forward),
    SK_FIELD(SkInterface, model, ENUM, "card the guest sees", .xml = "model/@type", .names = &sk_nic_model_enum),
    SK_FIELD(SkInterface, link, ENUM, "is the cable plugged in", .xml = "~link/@state", .names = &sk_link_state_enum, LIVE),
    SK_FIELD(SkInterface, ipv4, STRING, "address that DHCP always gives it", .check = sk_check_address, LIVE),
    SK_FIELD(SkInterface, ipv6, STRING, "IPv6 address that DHCP always gives it", .check = sk_check_address, LIVE),
    SK_FIELD(SkInterface, mtu, UINT, "MTU, 0 for the network's", .xml = "mtu/@size", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkInterface, boot_order, UINT, "place in the boot order, 0 for the domain's", .xml = "boot/@order", .min = 0, .max = 64, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkInterface, bandwidth, STRUCT, "rate limits", .xml = "bandwidth", .type = &sk_bandwidth_type, .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkInterface, link_name, STRING, "name of the link on the host; made up if not given", .xml = "~target/@dev", .check = sk_check_ifname),
    SK_FIELD(SkInterface, existing, BOOL, "link_name is there already and stays there (ethernet)", .xml = "~target/@managed", SPARSE),
    SK_FIELD(SkInterface, vlan, OPTIONAL, "VLANs it is in", .xml = "vlan", .type = &sk_vlan_type),
    SK_FIELD(SkInterface, openvswitch, OPTIONAL, "it is a port of an Open vSwitch bridge", .xml = "~virtualport", .type = &sk_ovs_port_type),
    SK_FIELD(SkInterface, queues, UINT, "queues, 0 for one (virtio)", .xml = "driver/@queues", .min = 0, .max = 16, SPARSE),
    SK_FIELD(SkInterface, rx_queue, UINT, "packets a receive queue, 0 for the usual (virtio)", .xml = "driver/@rx_queue_size", .min = 0, .max = 1024, SPARSE),
    SK_FIELD(SkInterface, tx_queue, UINT, "packets a send queue, 0 for the usual (virtio)", .xml = "driver/@tx_queue_size", .min = 0, .max = 1024, SPARSE),
    SK_FIELD(SkInterface, vhost, ENUM, "the host's kernel moves its packets (virtio)", .xml = "~driver/@name", .names = &sk_switch_enum, SPARSE),
    SK_FIELD(SkInterface, rom, ENUM, "the guest sees a boot ROM", .xml = "~rom/@enabled", .names = &sk_switch_enum, SPARSE),
    SK_FIELD(SkInterface, rom_file, STRING, "file to use as its boot ROM", .xml = "rom/@file", .check = sk_check_path),
    SK_FIELD(SkInterface, tap, STRING, "link on the host while running", .xml = "~target/@dev", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkInterface, alias, STRING, "device id in QEMU", .xml = "~alias/@name", .flags = SK_FIELD_READONLY, .given = "ua-"),
    SK_FIELD(SkInterface, address, STRING, "guest address of the device", .max = 64, .flags = SK_FIELD_STICKY),
};

/* What is said of a port is for those who get one on a bridge. */
static gboolean
check_port(const SkInterface *self, GError **error)
{
    const char *kind = sk_enum_name(&sk_nic_kind_enum, self->kind);
    gboolean bridged = self->kind == SK_NIC_NETWORK || self->kind == SK_NIC_BRIDGE;
    const char *extra = bridged ? NULL : self->vlan != NULL ? "vlan" : self->openvswitch != NULL ? "openvswitch" : NULL;
    if (extra != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s is for interfaces of kind network and bridge, this one is of kind %s", extra, kind);
    if (self->portgroup != NULL && self->kind != SK_NIC_NETWORK)
        return sk_fail(error, SK_ERROR_INVALID, "portgroup is for interfaces of kind network, this one is of kind %s", kind);
    return !self->existing || (self->kind == SK_NIC_ETHERNET && self->link_name != NULL) ||
           sk_fail(error, SK_ERROR_INVALID, "existing is for interfaces of kind ethernet with a link_name");
}

static gboolean
check_interface(gconstpointer value, GError **error)
{
    const SkInterface *self = value;
    /* A network that is not given is "default"; sk_domain_spec_complete() fills it in. */
    static const struct {
        gsize offset;
        const char *key;
    } needs[SK_N_NIC_KINDS] = {
        [SK_NIC_BRIDGE] = { G_STRUCT_OFFSET(SkInterface, bridge), "bridge" },
        [SK_NIC_DIRECT] = { G_STRUCT_OFFSET(SkInterface, device), "device" },
    };
    if (needs[self->kind].key != NULL && G_STRUCT_MEMBER(char *, self, needs[self->kind].offset) == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s is missing: an interface of kind %s needs it", needs[self->kind].key,
                       sk_enum_name(&sk_nic_kind_enum, self->kind));
    if (self->forwards != NULL && self->kind != SK_NIC_USER)
        return sk_fail(error, SK_ERROR_INVALID, "forwards are for interfaces of kind user");
    return check_port(self, error);
}

SK_TYPE(sk_interface_type, SkInterface, "Interface", "interface", interface_fields, "a network interface", .xml = "interface",
        .check = check_interface);
