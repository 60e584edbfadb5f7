/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The key of a backup repository: 32 random bytes, written as "skep1-" and hex digits of which the last eight find slips of the
 * pen. Whoever has it can read everything; without it there is nothing but files of noise. Any thread.
 */

#define SK_REPO_KEY_BYTES 32

/* What is made from it: one key names objects, the other seals them. */
typedef struct {
    guint8 name[SK_REPO_KEY_BYTES];
    guint8 seal[SK_REPO_KEY_BYTES];
} SkRepoKeys;

/* The bytes are gone from memory. */
void sk_repo_keys_clear(SkRepoKeys *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkRepoKeys, sk_repo_keys_clear)

/* A new key as text; free with sk_repo_key_free(). */
char *sk_repo_key_new(void);
/* Frees text of a key and leaves nothing of it in memory. */
void sk_repo_key_free(char *text);

/* INVALID if it is no key, or one with a slip. White space around it is left out. */
gboolean sk_repo_key_parse(const char *text, SkRepoKeys *out, GError **error);

G_END_DECLS
