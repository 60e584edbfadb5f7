/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Where a daemon keeps what belongs to its networks, and its tag: up to 6 of a-z0-9, part of every link's and
 * table's name, so that daemons on one host keep apart. The daemon of the system has none ("" or NULL).
 * Both directories need not exist. Any thread.
 */
typedef struct {
    const char *tag;
    const char *run_dir;        /* "/run/skep/networks": <network>/ with dnsmasq's files; gone with a reboot */
    const char *state_dir;      /* "/var/lib/skep/networks": <network>.leases */
    const char *dnsmasq;        /* program, NULL for "dnsmasq" */
} SkNetworkPaths;

/* A steady tag for a daemon started with --root DIR: 6 hex digits of the path. Free with g_free(). */
char *sk_network_tag_of_root(const char *root);

/* <run_dir>/<network>[/<file>], file may be NULL; free with g_free(). */
char *sk_network_run_path(const SkNetworkPaths *self, const char *network, const char *file);

/* <state_dir>/<network>.leases; free with g_free(). */
char *sk_network_lease_path(const SkNetworkPaths *self, const char *network);

/* -- names of links, inside the trade ----------------------------------------------------------------- */

#define SK_LINK_BRIDGE "skbr"
#define SK_LINK_TAP    "skt"
#define SK_LINK_MACVTAP "skm"

/* "<prefix><number>" and "-<tag>" if there is a tag; free with g_free(). number "%d" lets the kernel count. */
char *sk_network_link_name(const char *prefix, const char *number, const char *tag);

/* TRUE if name is one that sk_network_link_name() gives for the tag. */
gboolean sk_network_link_is(const char *prefix, const char *tag, const char *name);

/* "skep" or "skep_<tag>": our tables in nftables. Free with g_free(). */
char *sk_network_table_name(const char *tag);

G_END_DECLS
