/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* A network for domains: bridge, addresses, DHCP, DNS, forwarding. Values; any thread. */

typedef enum { SK_FORWARD_NAT, SK_FORWARD_ROUTE, SK_FORWARD_ISOLATED, SK_FORWARD_BRIDGE, SK_N_FORWARDS } SkForwardMode;

/* A host with a fixed address and name. */
typedef struct {
    char *mac, *ip, *name;
} SkNetworkHost;

typedef struct {
    char *name, *uuid;
    gint forward;           /* SkForwardMode */
    char *forward_device;   /* only out through this link; NULL: any */
    char *bridge;           /* NULL: made ("skbr0", ...); forward bridge: the existing one */
    char *mac;              /* of the bridge */
    guint mtu;
    char *ipv4;             /* "192.168.100.1/24": the host's own address and subnet */
    char *ipv6;             /* "fd00:1::1/64" */
    gboolean dhcp;
    char *dhcp_start, *dhcp_end; /* NULL: the whole subnet but the host's own */
    char *dhcp6_start, *dhcp6_end;
    guint lease_time;       /* seconds */
    gboolean dns;
    char *domain;           /* NULL: "<name>.skep" */
    char **dns_forwarders;  /* NULL: the host's own resolvers */
    GPtrArray *hosts;       /* SkNetworkHost */
    char *tftp_root, *boot_file; /* network boot */
    gboolean autostart;
    GHashTable *metadata;
} SkNetworkSpec;

typedef struct {
    gboolean active;
    char *bridge;           /* in use while active */
    guint connected;        /* interfaces of running domains on it */
    char *message;
} SkNetworkStatus;

typedef struct {
    SkNetworkSpec spec;
    SkNetworkStatus status;
    char *etag;
} SkNetworkView;

/* An address dnsmasq has handed out. */
typedef struct {
    char *mac;              /* DHCPv6: taken from the client id when it can be, else NULL */
    char *ip, *hostname, *client_id;
    gint64 expires;         /* seconds since the epoch; 0: never */
    char *domain;           /* name of the domain that has the interface, if ours */
} SkLease;

extern const SkEnum sk_forward_enum;
extern const SkType sk_network_host_type, sk_network_spec_type, sk_network_status_type, sk_network_view_type, sk_lease_type;

/* Fills in what is left open by name alone: uuid, mac, domain. Subnet and bridge are the service's to choose. */
void sk_network_spec_complete(SkNetworkSpec *self);
