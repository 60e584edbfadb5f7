/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of guests from the file that skepd keeps. */
#include "nss/hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512
#define FILE_MAX_BYTES (1024 * 1024)

int
sk_nss_is_name(const char *name)
{
    size_t length = strnlen(name, SK_NSS_MAX_NAME + 2);
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    const char *dot = memchr(name, '.', length);
    return length <= SK_NSS_MAX_NAME && dot != NULL && dot != name && dot[1] != '\0' && strspn(name, allowed) == length;
}

/* The next word of a line; its length, 0 at the end. */
static size_t
next_word(const char **at, const char *end)
{
    while (*at < end && (**at == ' ' || **at == '\t'))
        (*at)++;
    const char *start = *at;
    while (start < end && *start != ' ' && *start != '\t' && *start != '#')
        start++;
    return (size_t) (start - *at);
}

void
sk_nss_take_line(const char *line, size_t length, const char *name, int family, SkNssFound *found)
{
    const char *at = line, *end = line + length;
    char address[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    size_t size = next_word(&at, end), wanted = strlen(name);
    if (size == 0 || size >= sizeof address || found->count >= SK_NSS_MAX_ADDRESSES)
        return;
    memcpy(address, at, size);
    address[size] = '\0';
    at += size;
    while ((size = next_word(&at, end)) > 0) {
        if (size == wanted && strncasecmp(at, name, size) == 0) {
            if (memchr(address, '\0', sizeof address) != NULL && inet_pton(family, address, bytes) == 1)
                memcpy(found->addresses[found->count++], bytes, sizeof bytes);
            return;
        }
        at += size;
    }
}

/* Gives out the whole lines of buffer; what is left of the last one is moved to its front. */
static size_t
take_lines(char *buffer, size_t length, int *skipping, const char *name, int family, SkNssFound *found)
{
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        if (buffer[i] != '\n')
            continue;
        if (!*skipping)
            sk_nss_take_line(buffer + start, i - start, name, family, found);
        *skipping = 0;
        start = i + 1;
    }
    memmove(buffer, buffer + start, length - start);
    return length - start;
}

void
sk_nss_take_file(int fd, const char *name, int family, SkNssFound *found)
{
    char buffer[LINE_MAX_BYTES];
    size_t filled = 0, total = 0;
    int skipping = 0;
    while (total < FILE_MAX_BYTES) {
        ssize_t n = read(fd, buffer + filled, sizeof buffer - filled);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        total += (size_t) n;
        filled = take_lines(buffer, filled + (size_t) n, &skipping, name, family, found);
        if (filled == sizeof buffer) {
            skipping = 1;
            filled = 0;
        }
    }
    if (filled > 0 && !skipping)
        sk_nss_take_line(buffer, filled, name, family, found);
}
