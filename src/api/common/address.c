/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses to listen on and of clients. */
#include "api/common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"

/* "127.0.0.1:8443", "[::]:8443", ":8443". */
static gboolean
split_address(const char *address, char **out_host, char **out_port, GError **error)
{
    const char *colon = strrchr(address, ':');
    guint64 port;
    if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "listen address is \"%s\", give ADDRESS:PORT such as 127.0.0.1:8443", address);
    gboolean bracketed = *address == '[' && colon > address + 1 && colon[-1] == ']';
    *out_host = bracketed ? g_strndup(address + 1, (gsize) (colon - address) - 2) : g_strndup(address, (gsize) (colon - address));
    *out_port = g_strdup(colon + 1);
    return TRUE;
}

static gint
open_tcp(const struct addrinfo *at, const char *address, GError **error)
{
    const gint yes = 1;
    g_auto(SkFd) fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot make a socket for \"%s\"", address);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return sk_fd_steal(&fd);
    if (errno == EADDRINUSE)
        sk_fail(error, SK_ERROR_IN_USE, "address \"%s\" is in use by another program; give another one", address);
    else
        sk_fail_errno(error, errno, "cannot listen on \"%s\"", address);
    return -1;
}

/* host is a literal address, so that a start never waits for DNS. */
static gint
listen_tcp(const char *host, const char *port, const char *address, GError **error)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    gint result = getaddrinfo(*host != '\0' ? host : NULL, port, &hints, &list);
    if (result != 0) {
        sk_fail(error, SK_ERROR_INVALID, "listen address is \"%s\", give a numeric ADDRESS:PORT such as 127.0.0.1:8443", address);
        return -1;
    }
    gint fd = open_tcp(list, address, error);
    freeaddrinfo(list);
    return fd;
}

gint
sk_address_listen(const char *address, char **out_host, GError **error)
{
    g_autofree char *host = NULL, *port = NULL;
    if (!split_address(address, &host, &port, error))
        return -1;
    gint fd = listen_tcp(host, port, address, error);
    if (fd >= 0 && out_host != NULL)
        *out_host = g_steal_pointer(&host);
    return fd;
}

guint
sk_address_port(gint fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *) &address)->sin6_port);
    return address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *) &address)->sin_port) : 0;
}

/* -- clients -------------------------------------------------------------------------------------------------- */

char *
sk_address_text(const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *) address;
        return g_strdup_printf("%s:%u", inet_ntop(AF_INET, &in->sin_addr, text, sizeof text), ntohs(in->sin_port));
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *) address;
        return g_strdup_printf("[%s]:%u", inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text), ntohs(in->sin6_port));
    }
    return g_strdup("unix");
}

char *
sk_address_client_key(const struct sockaddr *address, uid_t uid)
{
    char text[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET)
        return g_strdup(inet_ntop(AF_INET, &((const struct sockaddr_in *) address)->sin_addr, text, sizeof text));
    if (address->sa_family != AF_INET6)
        return g_strdup_printf("uid:%u", (guint) uid);
    struct in6_addr ip = ((const struct sockaddr_in6 *) address)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&ip))
        memset(ip.s6_addr + 8, 0, 8);
    return g_strdup(inet_ntop(AF_INET6, &ip, text, sizeof text));
}
