/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of the program for the service manager: one datagram, so that its library need not be loaded for it. */
#include "base/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fs.h"

void
sk_notify(const char *state)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    gsize length = path != NULL ? strlen(path) : 0;
    if (length < 2 || length >= sizeof address.sun_path || (*path != '/' && *path != '@'))
        return;
    memcpy(address.sun_path, path, length);
    /* The name of a socket that is no file begins with a zero byte. */
    if (*path == '@')
        address.sun_path[0] = '\0';
    g_auto(SkFd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void) sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length));
}
