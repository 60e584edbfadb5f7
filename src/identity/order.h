/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What a guest that was just cloned from memory is told to become: lines of words, in the order in which they are done. For a small static
 * program inside guests: plain C, no allocation. Bytes come from the host, and are checked all the same.
 *
 *     seed HEX                     stir these bytes into the kernel's random numbers, and reseed
 *     time NANOSECONDS             since the epoch
 *     hostname NAME
 *     machine-id HEX               32 digits
 *     mac OLD NEW                  of the link that has the old one
 *     address MAC ADDRESS/PREFIX   IPv4, in place of what the link with this MAC has
 *     gateway ADDRESS              the default route
 *     file MODE PATH HEX           written beside and renamed; made with that mode (octal)
 *     remove PATH
 *     hup PIDFILE                  SIGHUP to the process that the file names, if there is one
 */

#define SK_IDENTITY_MAX_ORDER (256u * 1024)
#define SK_IDENTITY_MAX_WORDS 4

typedef enum {
    SK_IDENTITY_SEED,
    SK_IDENTITY_TIME,
    SK_IDENTITY_HOSTNAME,
    SK_IDENTITY_MACHINE_ID,
    SK_IDENTITY_MAC,
    SK_IDENTITY_ADDRESS,
    SK_IDENTITY_GATEWAY,
    SK_IDENTITY_FILE,
    SK_IDENTITY_REMOVE,
    SK_IDENTITY_HUP,
    SK_IDENTITY_N_VERBS
} SkIdentityVerb;

/* One line. Its words lie in the text that was given. */
typedef struct {
    SkIdentityVerb verb;
    const char *words[SK_IDENTITY_MAX_WORDS];   /* after the verb */
    unsigned n_words;
} SkIdentityStep;

/* The verb's name. */
const char *sk_identity_verb_name(SkIdentityVerb verb);

/*
 * Takes the first line off *text, which is ended by NUL and changed. 1: *out is a step; 0: nothing is left; -1: the line is none, and
 * *out_why (static) says why.
 */
int sk_identity_next(char **text, SkIdentityStep *out, const char **out_why);

/* How many bytes the hex digits are; -1 if they are not, or more than room. */
long sk_identity_parse_hex(const char *hex, uint8_t *out, size_t room);
/* aa:bb:cc:dd:ee:ff; 0 on success. */
int sk_identity_parse_mac(const char *text, uint8_t out[6]);
/* 10.0.0.5/24: both in network order; 0 on success. */
int sk_identity_parse_address(const char *text, uint32_t *out_address, uint32_t *out_mask);
