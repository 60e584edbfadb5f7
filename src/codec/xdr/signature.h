/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xdr/xdr.h"

G_BEGIN_DECLS

/*
 * Signatures: what a message's payload consists of, as text, in the notation of the protocol's
 * description, and the generic decoding by it.
 *
 *   "dom name:str? flags"  "types:i32<20>"  "params:tp<16>"  "ifaces:{name:str addrs:{type:i32}<8>}<16>"
 *
 * i32 u32 i64 u64 f64 u8 u16 char str bytes tp, objects (dom net pool vol ...), {...}; T? optional,
 * T<n> counted, T[n] fixed. "flags" alone is flags:u32, an object's name alone is a field of that
 * name and type. A signature is made once and never changes; values live as long as their message. Any thread.
 */

typedef enum {
    SK_XDR_I32, SK_XDR_U32, SK_XDR_I64, SK_XDR_U64, SK_XDR_F64,
    SK_XDR_STR,             /* UTF-8 without NUL */
    SK_XDR_BYTES,
    SK_XDR_CHARS,           /* text, four bytes a character on the wire */
    SK_XDR_STRUCT,
    SK_XDR_PARAMS,          /* list of typed parameters */
} SkXdrKind;

typedef enum { SK_XDR_ONE, SK_XDR_OPTIONAL, SK_XDR_COUNTED, SK_XDR_FIXED } SkXdrMany;

typedef struct SkXdrSignature SkXdrSignature;

typedef struct {
    char *name;
    SkXdrKind kind;
    SkXdrMany many;
    guint max;                  /* COUNTED, FIXED: elements, characters or bytes */
    SkXdrSignature *members;    /* STRUCT */
} SkXdrField;

struct SkXdrSignature {
    SkXdrField *fields;
    guint n_fields;
};

/* Text in the table of procedures is right or the daemon is not: a mistake ends the program. NULL is empty. */
SkXdrSignature *sk_xdr_signature_new(const char *text);
void sk_xdr_signature_free(SkXdrSignature *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkXdrSignature, sk_xdr_signature_free)

/* -- values ---------------------------------------------------------------------------------------------------- */

typedef struct SkXdrValue SkXdrValue;

typedef struct {
    const char *field;
    SkXdrParamType type;
    union {
        gint64 i;               /* I32, I64, BOOL */
        guint64 u;              /* U32, U64 */
        gdouble f;
        const char *text;
    };
} SkXdrParam;

struct SkXdrValue {
    gboolean present;           /* FALSE: optional and not given */
    guint count;                /* elements of a list, bytes of text */
    union {
        gint64 i;
        guint64 u;
        gdouble f;
        const char *text;       /* NUL-terminated */
        const guint8 *bytes;
        const SkXdrValue *items; /* list: its elements; struct: its members */
        const SkXdrParam *params;
    };
};

/* Values by name. */
typedef struct {
    const SkXdrSignature *signature;
    const SkXdrValue *values;
} SkXdrRecord;

typedef struct SkXdrMessage SkXdrMessage;

/* Decodes a whole payload. INVALID says which value is wrong; the message's values are copies. */
SkXdrMessage *sk_xdr_decode(const SkXdrSignature *signature, const guint8 *bytes, gsize length, GError **error);
void sk_xdr_message_free(SkXdrMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkXdrMessage, sk_xdr_message_free)
SkXdrRecord sk_xdr_message_record(const SkXdrMessage *self);

/*
 * A value by its name, "flags", or within a struct, "vol.pool". There must be one of that name: asking for
 * another is a mistake in the program, which is logged, and gives an absent value.
 */
const SkXdrValue *sk_xdr_value(const SkXdrRecord *record, const char *path);
/* Element of a list of structs. */
SkXdrRecord sk_xdr_item(const SkXdrRecord *record, const char *path, guint index);

/* Shorthands; absent is 0 and NULL. */
gint64 sk_xdr_int(const SkXdrRecord *record, const char *path);
guint64 sk_xdr_uint(const SkXdrRecord *record, const char *path);
const char *sk_xdr_str(const SkXdrRecord *record, const char *path);
/* Text of a uuid; free with g_free(). */
char *sk_xdr_uuid(const SkXdrRecord *record, const char *path);
/* A typed parameter of a list, or NULL. */
const SkXdrParam *sk_xdr_param(const SkXdrValue *list, const char *field);

G_END_DECLS
