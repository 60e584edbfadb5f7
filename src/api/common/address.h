/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

G_BEGIN_DECLS

/* Addresses to listen on and of clients. Any thread. */

/*
 * A listening TCP socket, close-on-exec and non-blocking, for "127.0.0.1:8443", "[::]:8443" or ":8443"; no names, so that
 * a start never waits for DNS. out_host (may be NULL) is the address without its port. -1 on error; IN_USE if it is taken.
 */
gint sk_address_listen(const char *address, char **out_host, GError **error);
/* The port of a TCP socket; 0 if it has none. */
guint sk_address_port(gint fd);

/* "192.0.2.7:40112", "[2001:db8::1]:40112", "unix". Free with g_free(). */
char *sk_address_text(const struct sockaddr *address);
/*
 * Whom limits count as one client: all ports of an IPv4 address, all addresses of an IPv6 customer (/64), or a
 * user of a Unix socket ("uid:1000"). Free with g_free().
 */
char *sk_address_client_key(const struct sockaddr *address, uid_t uid);

G_END_DECLS
