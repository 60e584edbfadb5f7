/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "network/dnsmasq.h"

/* The files of one dnsmasq in its run directory, and their lines. Inside the trade. */

#define SK_DNSMASQ_CONFIG     "dnsmasq.conf"
#define SK_DNSMASQ_PID        "dnsmasq.pid"
#define SK_DNSMASQ_HOSTS      "hosts"          /* directory: names and addresses, a file an owner */
#define SK_DNSMASQ_DHCP_HOSTS "dhcp-hosts"     /* directory: MACs, addresses, names, a file an owner */
#define SK_DNSMASQ_UNNAMED    "unnamed"        /* tag of hosts that get no name */

/* "mac,ip4,[ip6],name" as dhcp-host= and the files of dhcp-hosts/ have it. Free with g_free(). */
char *sk_dnsmasq_dhcp_line(const SkDnsRecord *record);
