/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of repositories as text, and what is made from them. */
#include "repository/key.h"

#include <sodium.h>
#include <string.h>

#include "base/error.h"

#define PREFIX "skep1-"
#define CHECK_BYTES 4
#define ALL_BYTES (SK_REPO_KEY_BYTES + CHECK_BYTES)
/* libsodium's key derivation: eight letters say what for. */
#define CONTEXT "SkepRepo"
enum { SUBKEY_NAME = 1, SUBKEY_SEAL = 2 };
G_STATIC_ASSERT(crypto_kdf_KEYBYTES == SK_REPO_KEY_BYTES);

void
sk_repo_keys_clear(SkRepoKeys *self)
{
    sodium_memzero(self, sizeof *self);
}

static void
put_check(guint8 *bytes)
{
    guint8 hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof hash, bytes, SK_REPO_KEY_BYTES, NULL, 0);
    memcpy(bytes + SK_REPO_KEY_BYTES, hash, CHECK_BYTES);
}

char *
sk_repo_key_new(void)
{
    guint8 bytes[ALL_BYTES];
    char hex[2 * ALL_BYTES + 1];
    g_assert(sodium_init() >= 0);
    randombytes_buf(bytes, SK_REPO_KEY_BYTES);
    put_check(bytes);
    sodium_bin2hex(hex, sizeof hex, bytes, sizeof bytes);
    char *text = g_strconcat(PREFIX, hex, NULL);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(hex, sizeof hex);
    return text;
}

void
sk_repo_key_free(char *text)
{
    if (text != NULL)
        sodium_memzero(text, strlen(text));
    g_free(text);
}

/* The bytes of a key; FALSE if it is none. */
static gboolean
parse(const char *text, guint8 *bytes)
{
    guint8 expected[ALL_BYTES];
    gsize length = 0;
    const char *end = NULL;
    text += strspn(text, " \t\r\n");
    if (!g_str_has_prefix(text, PREFIX))
        return FALSE;
    text += strlen(PREFIX);
    if (sodium_hex2bin(bytes, ALL_BYTES, text, strnlen(text, 2 * ALL_BYTES), NULL, &length, &end) != 0 || length != ALL_BYTES ||
        end[strspn(end, " \t\r\n")] != '\0')
        return FALSE;
    memcpy(expected, bytes, SK_REPO_KEY_BYTES);
    put_check(expected);
    gboolean is_right = sodium_memcmp(expected, bytes, ALL_BYTES) == 0;
    sodium_memzero(expected, sizeof expected);
    return is_right;
}

gboolean
sk_repo_key_parse(const char *text, SkRepoKeys *out, GError **error)
{
    guint8 bytes[ALL_BYTES];
    g_assert(sodium_init() >= 0);
    gboolean is_key = parse(text, bytes);
    if (is_key) {
        crypto_kdf_derive_from_key(out->name, sizeof out->name, SUBKEY_NAME, CONTEXT, bytes);
        crypto_kdf_derive_from_key(out->seal, sizeof out->seal, SUBKEY_SEAL, CONTEXT, bytes);
    }
    sodium_memzero(bytes, sizeof bytes);
    return is_key || sk_fail(error, SK_ERROR_INVALID, "that is not the key of a repository, or there is a slip in it: it begins with \"" PREFIX
                             "\" and has %d hex digits", 2 * ALL_BYTES);
}
