/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Finding a name in a hosts file ("address name" a line). For a module that is loaded into every program: no
 * allocation, no global state, no library but libc; any thread.
 */

#define SK_NSS_MAX_ADDRESSES 16
#define SK_NSS_MAX_NAME      253

typedef struct {
    unsigned count;         /* addresses found */
    uint8_t addresses[SK_NSS_MAX_ADDRESSES][16];
} SkNssFound;

/*
 * Adds the addresses of a family (AF_INET, AF_INET6) that one line gives to name, letters' case aside. A line that
 * makes no sense gives none.
 */
void sk_nss_take_line(const char *line, size_t length, const char *name, int family, SkNssFound *found);

/* The same with each line of an open file, at most 1 MiB of it; lines of more than 511 bytes are passed over. */
void sk_nss_take_file(int fd, const char *name, int family, SkNssFound *found);

/* TRUE (1) if it can be one of ours: a name with a dot inside, not too long, of letters, digits, dots and dashes. */
int sk_nss_is_name(const char *name);
