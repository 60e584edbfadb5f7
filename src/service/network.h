/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/network.h"
#include "network/network.h"
#include "service/domain.h"

/* Live networks, their leases, and the names of domains on them. Main thread. */

struct SkNetwork {
    SkService *service;
    SkNetworkSpec *spec;    /* the definition; of one that is not defined, what is up */
    SkNetworkSpec *live;    /* what is up, if that is another; NULL: as spec */
    gboolean persistent;    /* FALSE: gone when it is stopped */
    SkNetworkStatus status;
    GPtrArray *leases;      /* SkLease; NULL: none known */
    guint64 revision;
    gboolean was_active;    /* when the former daemon ended */
    gboolean stopping;      /* a job takes it down: nothing is plugged in any more */
    guint plugging;         /* interfaces that jobs are about to plug in */
    gint dnsmasq;           /* network-watch.c: pidfd while dnsmasq_watch is set */
    guint dnsmasq_watch, mend_timer;
    guint mends;            /* in a row */
    gint64 mended_at;       /* monotonic; 0: never */
};

SkNetwork *sk_service_network(SkService *self, const char *name, GError **error);
/* Interfaces of running domains on it. */
guint sk_network_connected(const SkNetwork *self);
/* What is up, or would be. */
const SkNetworkSpec *sk_network_in_force(const SkNetwork *self);
/* Bridge of an active network; NULL with NO_NETWORK or STATE. Free with g_free(). */
char *sk_service_network_bridge(SkService *self, const char *name, GError **error);
void sk_network_free(gpointer network);

/* network-watch.c: takes the descriptor of the network's dnsmasq (-1: it has none), instead of the one before. */
void sk_network_watch_dnsmasq(SkNetwork *self, gint pidfd);
/* And what is about to be mended stays as it is. */
void sk_network_unwatch_dnsmasq(SkNetwork *self);
/* It has ended: sk_network_mend(), at once or, if that happens again and again, after a pause. */
void sk_network_mend_later(SkNetwork *self);
/* Hears of bridges that are removed and come back by other hands, from now on. */
void sk_service_watch_bridges(SkService *self);
/* network-jobs.c: a job that makes what an active network lacks. */
void sk_network_mend(SkNetwork *self);

/* The trade's view of where things are; strings are the service's. */
SkNetworkPaths sk_service_network_paths(SkService *self);

/* A domain came, went, was renamed or changed its interfaces: DNS and DHCP follow, in the background. */
void sk_service_dns_changed(SkService *self, SkDomain *domain);
/* It has an interface on a network, by its definition or as it runs: DNS is to know it. */
gboolean sk_domain_wants_name(const SkDomain *domain);
/* Follows the lease file of an active network. */
void sk_network_watch_leases(SkNetwork *self, const char *path);
/* The label of a domain in its networks' DNS domains. Free with g_free(). */
char *sk_domain_dns_name(const SkDomainSpec *spec);
/* hosts.c: names or addresses changed; the hosts file follows, in the background. */
void sk_service_hosts_changed(SkService *self);
/* Addresses of a domain from the leases known. */
void sk_domain_find_addresses(SkDomain *self);

/* Loads what is defined; makes "default" the first time. At start-up. */
gboolean sk_service_load_networks(SkService *self, GError **error);
/* Brings up those that start with the host or were up. */
void sk_service_start_networks(SkService *self);

gboolean sk_handle_network_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_network_show(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_network_leases(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_network_create_job, sk_network_delete_job, sk_network_start_job, sk_network_stop_job;
/* network-change.c */
extern const SkJobKind sk_network_update_job, sk_network_define_job, sk_network_undefine_job, sk_network_edit_job;
