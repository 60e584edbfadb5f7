/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/switch.h"
#include "model/vlan.h"

/* Network interface of a domain. Values; any thread. */

typedef enum { SK_NIC_NETWORK, SK_NIC_BRIDGE, SK_NIC_USER, SK_NIC_DIRECT, SK_NIC_ETHERNET, SK_N_NIC_KINDS } SkNicKind;
typedef enum { SK_NIC_VIRTIO, SK_NIC_E1000E, SK_NIC_E1000, SK_NIC_RTL8139, SK_NIC_VIRTIO_TRANSITIONAL, SK_NIC_VIRTIO_NON_TRANSITIONAL,
               SK_N_NIC_MODELS } SkNicModel;
typedef enum { SK_LINK_UP, SK_LINK_DOWN, SK_N_LINK_STATES } SkLinkState;
typedef enum { SK_DIRECT_BRIDGE, SK_DIRECT_VEPA, SK_DIRECT_PRIVATE, SK_DIRECT_PASSTHROUGH, SK_N_DIRECT_MODES } SkDirectMode;

/* Bytes a second; 0 is no limit. in: to the guest, out: from it. */
typedef struct {
    guint64 in_average, in_peak, in_burst;      /* burst in bytes */
    guint64 out_average, out_peak, out_burst;
} SkBandwidth;

typedef struct {
    char *mac;              /* key; made at definition if not given */
    gint kind;              /* SkNicKind */
    char *network;          /* kind network */
    char *portgroup;        /* kind network: one of its port groups; NULL: its default one, if it has one */
    char *bridge;           /* kind bridge: an existing one */
    char *device;           /* kind direct: the host's link */
    gint mode;              /* kind direct: SkDirectMode */
    char **forwards;        /* kind user: "tcp:2222:22", host port to guest port */
    gint model;             /* SkNicModel */
    gint link;              /* SkLinkState */
    char *ipv4, *ipv6;      /* static addresses handed out by the network's DHCP */
    guint mtu;              /* 0: the network's */
    guint boot_order;
    SkBandwidth bandwidth;
    char *link_name;        /* what the link on the host is to be called; NULL: made up */
    gboolean existing;      /* kind ethernet: somebody else makes the link, and it stays when the domain stops */
    SkVlan *vlan;
    SkOvsPort *openvswitch; /* the bridge is Open vSwitch's; NULL: the kernel's */
    guint queues;           /* virtio; 0: one */
    guint rx_queue, tx_queue; /* packets; 0: the usual */
    gint vhost;             /* SkSwitch: packets are moved by the host's kernel */
    gint rom;               /* SkSwitch: the card's boot ROM */
    char *rom_file;
    char *tap;              /* runtime: the host's link */
    char *alias, *address;
} SkInterface;

/* FALSE for a model that is no virtio card, else which in *out. */
gboolean sk_nic_virtio(const SkInterface *self, SkVirtio *out);

extern const SkEnum sk_nic_kind_enum, sk_nic_model_enum, sk_link_state_enum, sk_direct_mode_enum;
extern const SkType sk_bandwidth_type, sk_interface_type;
