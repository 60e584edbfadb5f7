/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* How a disk's data is encrypted by QEMU (LUKS), and which secret opens it. Values; any thread. */

typedef struct {
    char *secret;           /* UUID of the secret; NULL: by usage */
    char *usage;            /* what the secret is for; NULL and no UUID: the path of the disk */
    char *cipher;           /* "aes-256"; this and what follows is for a volume that is made; NULL: QEMU's choice */
    char *mode;             /* "xts" */
    char *hash;             /* "sha256" */
    char *ivgen;            /* "plain64" */
    char *ivgen_hash;       /* essiv only */
} SkEncryption;

extern const SkType sk_encryption_type;
