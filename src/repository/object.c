/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects of a repository: named, packed, sealed. */
#include "repository/object.h"

#include <sodium.h>
#include <string.h>
#include <zstd.h>

#include "base/error.h"

#define ZSTD_LEVEL 3

enum { FLAG_ZSTD = 1 << 0 };

/* In front of the sealed bytes, and sealed with them. Little endian. */
typedef struct {
    char magic[4];
    guint8 kind, flags, zero[2];
    guint32 length;         /* of what is in it */
    guint32 packed;         /* of that, packed */
    guint8 nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
} Head;
G_STATIC_ASSERT(sizeof(Head) == 40);

static const char magic[4] = { 'S', 'K', 'B', '1' };

/* -- names --------------------------------------------------------------------------------------------------------- */

guint
sk_repo_id_hash(gconstpointer id)
{
    guint hash;
    memcpy(&hash, id, sizeof hash);
    return hash;
}

gboolean
sk_repo_id_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(SkRepoId)) == 0;
}

void
sk_repo_id_format(const SkRepoId *id, char *out)
{
    sodium_bin2hex(out, 2 * sizeof id->bytes + 1, id->bytes, sizeof id->bytes);
}

gboolean
sk_repo_id_parse(const char *text, SkRepoId *out)
{
    gsize length = 0;
    return strlen(text) == 2 * sizeof out->bytes &&
           sodium_hex2bin(out->bytes, sizeof out->bytes, text, strlen(text), NULL, &length, NULL) == 0 && length == sizeof out->bytes;
}

void
sk_repo_object_name(const SkRepoKeys *keys, SkRepoKind kind, const void *bytes, gsize length, SkRepoId *out)
{
    crypto_generichash_state state;
    guint8 letter = kind;
    crypto_generichash_init(&state, keys->name, sizeof keys->name, sizeof out->bytes);
    crypto_generichash_update(&state, &letter, 1);
    crypto_generichash_update(&state, bytes, length);
    crypto_generichash_final(&state, out->bytes, sizeof out->bytes);
}

/* -- seal ------------------------------------------------------------------------------------------------------------ */

/* Head and name: what is sealed besides the bytes. */
typedef struct {
    Head head;
    SkRepoId id;
} Sealed;

/* The bytes packed, if that makes them smaller; NULL if not. */
static GByteArray *
pack(const void *bytes, gsize length)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_byte_array_set_size(out, (guint) ZSTD_compressBound(length));
    gsize packed = ZSTD_compress(out->data, out->len, bytes, length, ZSTD_LEVEL);
    if (ZSTD_isError(packed) || packed >= length)
        return NULL;
    g_byte_array_set_size(out, (guint) packed);
    return g_steal_pointer(&out);
}

GByteArray *
sk_repo_object_seal(const SkRepoKeys *keys, SkRepoKind kind, const SkRepoId *id, const void *bytes, gsize length)
{
    g_assert(length <= SK_REPO_OBJECT_MAX);
    g_autoptr(GByteArray) packed = pack(bytes, length);
    const guint8 *body = packed != NULL ? packed->data : bytes;
    gsize body_length = packed != NULL ? packed->len : length;
    Sealed with = { .head = { .kind = kind, .flags = packed != NULL ? FLAG_ZSTD : 0, .length = GUINT32_TO_LE((guint32) length),
                              .packed = GUINT32_TO_LE((guint32) body_length) },
                    .id = *id };
    memcpy(with.head.magic, magic, sizeof magic);
    randombytes_buf(with.head.nonce, sizeof with.head.nonce);
    GByteArray *out = g_byte_array_new();
    g_byte_array_set_size(out, (guint) (sizeof(Head) + body_length + crypto_aead_xchacha20poly1305_ietf_ABYTES));
    memcpy(out->data, &with.head, sizeof(Head));
    crypto_aead_xchacha20poly1305_ietf_encrypt(out->data + sizeof(Head), NULL, body, body_length, (const guint8 *) &with, sizeof with, NULL,
                                               with.head.nonce, keys->seal);
    return out;
}

/* -- open ---------------------------------------------------------------------------------------------------------------- */

static gboolean
unpack(GByteArray *packed, gsize length, GByteArray **out)
{
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_byte_array_set_size(plain, (guint) length);
    if (ZSTD_decompress(plain->data, plain->len, packed->data, packed->len) != length)
        return FALSE;
    *out = g_steal_pointer(&plain);
    return TRUE;
}

GByteArray *
sk_repo_object_open(const SkRepoKeys *keys, SkRepoKind kind, const SkRepoId *id, const void *sealed, gsize length, const char *what,
                    GError **error)
{
    Sealed with = { .id = *id };
    const gsize tag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
    GByteArray *plain = NULL;
    if (length < sizeof(Head) + tag) {
        sk_fail(error, SK_ERROR_IO, "%s is cut short", what);
        return NULL;
    }
    memcpy(&with.head, sealed, sizeof(Head));
    gsize full = GUINT32_FROM_LE(with.head.length), packed_length = GUINT32_FROM_LE(with.head.packed);
    if (memcmp(with.head.magic, magic, sizeof magic) != 0 || with.head.kind != kind || full > SK_REPO_OBJECT_MAX) {
        sk_fail(error, SK_ERROR_IO, "%s is damaged: its head is not that of such an object", what);
        return NULL;
    }
    if (packed_length != length - sizeof(Head) - tag) {
        sk_fail(error, SK_ERROR_IO, "%s is cut short", what);
        return NULL;
    }
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_byte_array_set_size(body, (guint) packed_length);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(body->data, NULL, NULL, (const guint8 *) sealed + sizeof(Head), length - sizeof(Head),
                                                   (const guint8 *) &with, sizeof with, with.head.nonce, keys->seal) != 0) {
        sk_fail(error, SK_ERROR_IO, "%s is damaged, or was sealed with another key", what);
        return NULL;
    }
    if ((with.head.flags & FLAG_ZSTD) == 0)
        return g_steal_pointer(&body);
    if (!unpack(body, full, &plain))
        sk_fail(error, SK_ERROR_IO, "%s cannot be unpacked", what);
    return plain;
}
