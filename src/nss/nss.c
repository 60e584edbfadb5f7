/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnss_skep.so.2: with "skep" on the "hosts" line of /etc/nsswitch.conf every program of this host knows its
 * guests by name (web1.default.skep). The names come from a file that skepd keeps; see nss(5) of glibc for the
 * functions' names and manners.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nss/hosts.h"

#define HOSTS_PATH "/run/skep/hosts"

#define PUBLIC __attribute__((visibility("default")))
PUBLIC enum nss_status _nss_skep_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buffer, size_t size,
                                                  int *errnop, int *h_errnop);
PUBLIC enum nss_status _nss_skep_gethostbyname_r(const char *name, struct hostent *host, char *buffer, size_t size, int *errnop,
                                                 int *h_errnop);

/* The pointers come first in the caller's buffer, then the addresses, then the name. */
typedef struct {
    char *aliases[1];
    char *list[SK_NSS_MAX_ADDRESSES + 1];
    uint8_t addresses[SK_NSS_MAX_ADDRESSES][16];
    char name[SK_NSS_MAX_NAME + 1];
} Answer;

static int
find(const char *name, int family, SkNssFound *found)
{
    /* secure_getenv: nobody tells a setuid program where names come from. */
    const char *path = secure_getenv("SKEP_NSS_HOSTS");
    int fd = open(path != NULL ? path : HOSTS_PATH, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    found->count = 0;
    if (fd < 0)
        return 0;
    sk_nss_take_file(fd, name, family, found);
    close(fd);
    return found->count > 0;
}

static enum nss_status
fail(enum nss_status status, int errnum, int h_errnum, int *errnop, int *h_errnop)
{
    *errnop = errnum;
    *h_errnop = h_errnum;
    return status;
}

static void
fill(struct hostent *host, Answer *answer, const char *name, int family, const SkNssFound *found)
{
    answer->aliases[0] = NULL;
    for (unsigned i = 0; i < found->count; i++) {
        memcpy(answer->addresses[i], found->addresses[i], sizeof answer->addresses[i]);
        answer->list[i] = (char *) answer->addresses[i];
    }
    answer->list[found->count] = NULL;
    memcpy(answer->name, name, strlen(name) + 1);
    host->h_name = answer->name;
    host->h_aliases = answer->aliases;
    host->h_addrtype = family;
    host->h_length = family == AF_INET ? 4 : 16;
    host->h_addr_list = answer->list;
}

enum nss_status
_nss_skep_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buffer, size_t size, int *errnop, int *h_errnop)
{
    SkNssFound found;
    size_t shift = -(uintptr_t) buffer & (_Alignof(Answer) - 1);
    int saved = errno;
    if ((family != AF_INET && family != AF_INET6) || !sk_nss_is_name(name))
        return fail(NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND, errnop, h_errnop);
    if (!find(name, family, &found)) {
        errno = saved;
        return fail(NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND, errnop, h_errnop);
    }
    if (size < shift + sizeof(Answer))
        return fail(NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL, errnop, h_errnop);
    fill(host, (Answer *) (void *) (buffer + shift), name, family, &found);
    *h_errnop = NETDB_SUCCESS;
    errno = saved;
    return NSS_STATUS_SUCCESS;
}

enum nss_status
_nss_skep_gethostbyname_r(const char *name, struct hostent *host, char *buffer, size_t size, int *errnop, int *h_errnop)
{
    return _nss_skep_gethostbyname2_r(name, AF_INET, host, buffer, size, errnop, h_errnop);
}
