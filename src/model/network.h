/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/interface.h"

/* A network for domains: bridge, addresses, DHCP, DNS, forwarding. Values; any thread. */

typedef enum { SK_FORWARD_NAT, SK_FORWARD_ROUTE, SK_FORWARD_ISOLATED, SK_FORWARD_BRIDGE, SK_FORWARD_OPEN, SK_N_FORWARDS } SkForwardMode;

/* A host with a fixed address and name. */
typedef struct {
    char *mac, *ip, *name;
} SkNetworkHost;

typedef struct { char *start, *end; } SkAddressRange;

/* Records of the network's DNS beside those of guests. */
typedef struct { char *ip; char **names; } SkDnsHost;
typedef struct { char *name, *value; } SkDnsText;
typedef struct { char *service, *protocol, *domain, *target; guint port, priority, weight; } SkDnsService;
/* Questions of one DNS domain go to a resolver of their own; address NULL: to the host's. */
typedef struct { char *domain, *address; } SkDnsRoute;

/* What the host reaches through a guest on the network: gateway is the guest. */
typedef struct { char *subnet, *gateway; guint metric; } SkNetworkRoute;

/* Settings that interfaces take by a name. */
typedef struct {
    char *name;
    gboolean is_default;    /* for interfaces that name none */
    SkBandwidth bandwidth;  /* of an interface that has none of its own */
    SkVlan *vlan;
    SkOvsPort *openvswitch;
} SkPortGroup;

typedef struct {
    char *name, *uuid;
    gint forward;           /* SkForwardMode */
    char *forward_device;   /* only out through this link; NULL: any */
    char *bridge;           /* NULL: made ("skbr0", ...); forward bridge: the existing one */
    char *mac;              /* of the bridge */
    guint mtu;
    gboolean stp;           /* spanning tree on the bridge: guests that bridge cannot make a loop */
    guint stp_delay;        /* seconds that a port listens first; the kernel's least is 2 */
    SkAddressRange *nat_addresses; /* to appear as; NULL: the address of the link out */
    guint nat_port_start, nat_port_end; /* 0: any */
    gboolean nat6;          /* IPv6 too, else it is routed */
    gboolean addressed;     /* FALSE: the host has no address on it unless one is given, and serves nothing */
    char *ipv4;             /* "192.168.100.1/24": the host's own address and subnet */
    char *ipv6;             /* "fd00:1::1/64" */
    gboolean dhcp;
    gboolean dhcp_dynamic;  /* FALSE: only for hosts that are named */
    gboolean dhcp6;         /* FALSE: guests make their IPv6 addresses themselves */
    char *dhcp_start, *dhcp_end; /* NULL: the whole subnet but the host's own */
    GPtrArray *dhcp_ranges; /* SkAddressRange: further ones, of either family */
    char *dhcp6_start, *dhcp6_end;
    guint lease_time;       /* seconds */
    gboolean dns;
    gboolean dns_plain;     /* names without a dot are asked for outside too */
    char *domain;           /* NULL: "<name>.skep" */
    gboolean domain_local;  /* names of the domain are never asked for outside */
    char **dns_forwarders;  /* NULL: the host's own resolvers */
    GPtrArray *dns_routes, *dns_hosts, *dns_texts, *dns_services; /* SkDnsRoute, SkDnsHost, SkDnsText, SkDnsService */
    GPtrArray *hosts;       /* SkNetworkHost */
    char **dnsmasq_options; /* further lines of dnsmasq's configuration */
    GPtrArray *routes;      /* SkNetworkRoute */
    SkVlan *vlan;           /* of interfaces that have none of their own */
    SkOvsPort *openvswitch; /* forward bridge: it is Open vSwitch's */
    GPtrArray *portgroups;  /* SkPortGroup */
    char *tftp_root, *boot_file, *boot_server; /* network boot */
    gboolean autostart;
    GHashTable *metadata;
} SkNetworkSpec;

typedef struct {
    gboolean active;
    gboolean persistent;    /* FALSE: not defined, gone when it is stopped */
    gboolean pending;       /* the definition is another than what is up */
    char *bridge;           /* in use while active */
    guint connected;        /* interfaces of running domains on it */
    char *message;
} SkNetworkStatus;

typedef struct {
    SkNetworkSpec spec;
    SkNetworkStatus status;
    SkNetworkSpec *live;    /* what is up, if that is another */
    char *etag;
} SkNetworkView;

/* One change of one thing in a network, as `virsh net-update` and POST /v1/networks/{name}/edit ask for it. */
typedef enum { SK_EDIT_MODIFY, SK_EDIT_DELETE, SK_EDIT_ADD, SK_EDIT_ADD_FIRST, SK_N_EDITS } SkEditVerb;

typedef struct {
    gint verb;              /* SkEditVerb */
    /* One of them. */
    SkNetworkHost *host;
    SkAddressRange *range;
    SkDnsHost *dns_host;
    SkDnsText *dns_text;
    SkDnsService *dns_service;
    SkPortGroup *portgroup;
    char *forward_device;
} SkNetworkEdit;

/* An address dnsmasq has handed out. */
typedef struct {
    char *mac;              /* DHCPv6: taken from the client id when it can be, else NULL */
    char *ip, *hostname, *client_id;
    char *iaid;             /* DHCPv6: the number of the guest's interface, as the guest counts */
    gint64 expires;         /* seconds since the epoch; 0: never */
    char *domain;           /* name of the domain that has the interface, if ours */
} SkLease;

extern const SkEnum sk_forward_enum, sk_edit_enum;
extern const SkType sk_network_host_type, sk_address_range_type, sk_dns_host_type, sk_dns_text_type, sk_dns_service_type, sk_dns_route_type, sk_network_route_type, sk_port_group_type,
    sk_network_spec_type, sk_network_status_type, sk_network_view_type, sk_network_edit_type, sk_lease_type;

/* Fills in what is left open by name alone: uuid, mac, domain. Subnet and bridge are the service's to choose. */
void sk_network_spec_complete(SkNetworkSpec *self);

/* The port group of that name, or with NULL the default one; NULL if there is none. */
const SkPortGroup *sk_network_spec_port_group(const SkNetworkSpec *self, const char *name);

/*
 * network-edit.c: makes the change in a definition. NOT_FOUND for what is not there, EXISTS for what is there already; the
 * result is to be checked with sk_value_check().
 */
gboolean sk_network_edit_apply(const SkNetworkEdit *self, SkNetworkSpec *spec, GError **error);
