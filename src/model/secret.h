/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* Secrets: passphrases that something on this host is opened with. Values; any thread. */

typedef enum { SK_SECRET_NONE, SK_SECRET_VOLUME, SK_SECRET_CEPH, SK_SECRET_ISCSI, SK_SECRET_TLS, SK_SECRET_VTPM, SK_N_SECRET_USAGES } SkSecretUsage;

typedef struct {
    char *uuid;
    gint usage_type;        /* SkSecretUsage; the numbers are libvirt's too */
    char *usage;            /* what it is for: a volume's path, a name; NULL: usage_type none */
    char *description;
    gboolean ephemeral;     /* kept in memory only, definition and value */
    gboolean private;       /* its value is never given out */
} SkSecretSpec;

typedef struct {
    SkSecretSpec spec;
    gboolean has_value;
} SkSecretView;

/* The bytes of one, base64; shown only where it is asked for by an administrator. */
typedef struct { char *value; } SkSecretValue;

#define SK_SECRET_MAX 65536     /* bytes of a value */

extern const SkEnum sk_secret_usage_enum;
extern const SkType sk_secret_spec_type, sk_secret_view_type, sk_secret_set_type, sk_secret_value_type;
