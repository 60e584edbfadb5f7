/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "network/network.h"

/*
 * A stage for the trade's tests on a real kernel: the test program's own network namespace is the
 * host, guests and the outside world are namespaces of child processes. No packet leaves them.
 */

/* Moves into a new network namespace; FALSE with the reason if that is not allowed here. */
gboolean live_enter(const char **out_why);

/* A network definition with its files under a new directory. */
typedef struct {
    char *dir, *run, *state;
    SkNetworkPaths paths;
    SkNetworkSpec *spec;
} Live;

/* private: NULL, or the directory is closed to other users, dnsmasq's among them. */
void live_set_up(Live *live, gconstpointer private);
void live_tear_down(Live *live, gconstpointer unused);

/* A namespace with a link eth0 whose other end is the host's link `host_end`, a port of bridge if given. */
pid_t live_guest_new(const char *host_end, const char *mac, const char *bridge);
/* As a guest, at 203.0.113.2 and 2001:db8::2 with the host at .1 and ::1; tells each TCP client of port 7777 its address. */
pid_t live_outside_new(const char *host_end);
void live_end(pid_t pid);

/* Runs a shell line in the namespace of pid (0: the host's) and gives its output, stripped; NULL if it failed. */
char *live_run(pid_t pid, const char *line);

/* The guest asks for an address by DHCP; what it was told: "<address> <dns> <domain>", or NULL. */
char *live_dhcp(Live *live, pid_t pid);
