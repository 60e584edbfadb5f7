/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/network.h"
#include "network/paths.h"

G_BEGIN_DECLS

/*
 * The leases dnsmasq has given, from its lease file.  Host names and client ids in it are
 * the guests' words: what is not a host name is left out.
 */

#define SK_LEASES_MAX_BYTES (4 * 1024 * 1024)

/*
 * All leases of a file's text, as an array that frees its SkLeases (domain is left NULL). A
 * line that makes no sense is skipped; it never fails. Any thread.
 */
GPtrArray *sk_leases_parse(const char *text, gsize length);

/* Reads a lease file; one that is not there has no leases. Workers only. */
GPtrArray *sk_leases_read(const char *path, GError **error);

/* The newest address of a MAC among leases, IPv4 before IPv6, or NULL. Any thread. */
const SkLease *sk_leases_find(const GPtrArray *leases, const char *mac);

/*
 * Gives back the leases of MACs whose guests are gone (NULL-terminated), so that their addresses are free again. What cannot
 * be given back runs out by itself: it never fails. Workers only.
 */
void sk_leases_release(const char *network, const SkNetworkPaths *paths, const char *const *macs);

/* A network's leases, new or changed. The array is the receiver's. */
typedef void (*SkLeasesFunc)(const char *network, GPtrArray *leases, gpointer data);

/*
 * Watches lease files.  Main thread; func is called on the main thread from the main loop, once
 * soon after a file is added and after each change. Files are read on a worker.
 */
typedef struct SkLeaseWatch SkLeaseWatch;

SkLeaseWatch *sk_lease_watch_new(SkLeasesFunc func, gpointer data, GError **error);

/* path need not be there yet, its directory must. Again for the same network replaces. */
gboolean sk_lease_watch_add(SkLeaseWatch *self, const char *network, const char *path, GError **error);

/* No call for the network comes after this. */
void sk_lease_watch_remove(SkLeaseWatch *self, const char *network);

void sk_lease_watch_free(SkLeaseWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkLeaseWatch, sk_lease_watch_free)

G_END_DECLS
