/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: the hosts file that the NSS module reads; the first line of the input is the name asked for. */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nss/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char name[300] = { 0 };
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t length = end != NULL ? (size_t) (end - data) : 0;
    SkNssFound found = { 0 };
    if (end == NULL || length >= sizeof name)
        return 0;
    memcpy(name, data, length);
    if (fd < 0)
        fd = memfd_create("hosts", MFD_CLOEXEC);
    if (!sk_nss_is_name(name) || ftruncate(fd, 0) < 0 || pwrite(fd, end + 1, size - length - 1, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return 0;
    sk_nss_take_file(fd, name, AF_INET, &found);
    if (lseek(fd, 0, SEEK_SET) == 0)
        sk_nss_take_file(fd, name, AF_INET6, &found);
    assert(found.count <= SK_NSS_MAX_ADDRESSES);
    return 0;
}
