/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field table of encryption. */
#include "model/encryption.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* QEMU's names of algorithms, which go into options of other programs. */
static gboolean
check_algorithm(const char *text, const char *what, GError **error)
{
    gsize length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return (length > 0 && text[length] == '\0') ||
           sk_fail(error, SK_ERROR_INVALID, "%s is \"%.32s\", give a name such as aes-256, xts, sha256 or plain64", what, text);
}

#define ALGORITHM(member, help) \
    SK_FIELD(SkEncryption, member, STRING, help, .xml = "~", .flags = SK_FIELD_SPARSE, .max = 32, .check = check_algorithm)

static const SkField encryption_fields[] = {
    SK_FIELD(SkEncryption, secret, STRING, "UUID of the secret with the passphrase", .xml = "~", .flags = SK_FIELD_SPARSE, .check = sk_check_uuid),
    SK_FIELD(SkEncryption, usage, STRING, "instead: what the secret is for; the disk's path if neither is given", .xml = "~", .flags = SK_FIELD_SPARSE, .max = 4096),
    ALGORITHM(cipher, "new volumes: cipher, such as aes-256"),
    ALGORITHM(mode, "new volumes: mode of the cipher, such as xts"),
    ALGORITHM(hash, "new volumes: hash, such as sha256"),
    ALGORITHM(ivgen, "new volumes: generator of initial vectors, such as plain64"),
    ALGORITHM(ivgen_hash, "new volumes: its hash, for essiv"),
};
SK_TYPE(sk_encryption_type, SkEncryption, "Encryption", "encryption", encryption_fields, "LUKS encryption of a disk and the secret that opens it", .xml = "encryption");
