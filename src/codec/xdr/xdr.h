/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * XDR, the form of values in libvirt's wire protocol: everything is big-endian and a multiple
 * of four bytes. Putting goes to the end of a byte array and cannot fail; getting is bounded by what is
 * there. Any thread.
 */

/* What a client of the protocol takes at most. */
#define SK_XDR_STRING_MAX (4 * 1024 * 1024)

/* -- putting ------------------------------------------------------------------------------------------------- */

void sk_xdr_put_i32(GByteArray *out, gint32 value);
void sk_xdr_put_u32(GByteArray *out, guint32 value);
void sk_xdr_put_i64(GByteArray *out, gint64 value);
void sk_xdr_put_u64(GByteArray *out, guint64 value);
void sk_xdr_put_f64(GByteArray *out, gdouble value);
/* text NULL is "". Beyond SK_XDR_STRING_MAX it is cut: a client could not take it. */
void sk_xdr_put_str(GByteArray *out, const char *text);
/* "str?": NULL is absent. */
void sk_xdr_put_optional_str(GByteArray *out, const char *text);
/* "bytes<n>": with its count; "bytes[n]": without. */
void sk_xdr_put_bytes(GByteArray *out, const void *bytes, gsize length);
void sk_xdr_put_fixed(GByteArray *out, const void *bytes, gsize length);
/* "char<n>": count with the final NUL, four bytes a character; "char[n]": always n of them, cut if longer. */
void sk_xdr_put_chars(GByteArray *out, const char *text);
void sk_xdr_put_fixed_chars(GByteArray *out, const char *text, gsize n);
/* The 16 bytes of a UUID's text; zeros if it is none. */
void sk_xdr_put_uuid(GByteArray *out, const char *uuid);

/* A list whose length is known at its end: begin gives a place to hand to end. */
gsize sk_xdr_list_begin(GByteArray *out);
void sk_xdr_list_end(GByteArray *out, gsize place, guint count);

/* -- typed parameters ("tp") ----------------------------------------------------------------------------------- */

typedef enum {
    SK_XDR_PARAM_I32 = 1, SK_XDR_PARAM_U32, SK_XDR_PARAM_I64, SK_XDR_PARAM_U64, SK_XDR_PARAM_F64, SK_XDR_PARAM_BOOL, SK_XDR_PARAM_STR,
} SkXdrParamType;

void sk_xdr_put_param_i32(GByteArray *out, const char *field, gint32 value);
void sk_xdr_put_param_u32(GByteArray *out, const char *field, guint32 value);
void sk_xdr_put_param_i64(GByteArray *out, const char *field, gint64 value);
void sk_xdr_put_param_u64(GByteArray *out, const char *field, guint64 value);
void sk_xdr_put_param_f64(GByteArray *out, const char *field, gdouble value);
void sk_xdr_put_param_bool(GByteArray *out, const char *field, gboolean value);
void sk_xdr_put_param_str(GByteArray *out, const char *field, const char *value);

/* -- getting --------------------------------------------------------------------------------------------------- */

typedef struct {
    const guint8 *at, *end;
} SkXdrReader;

static inline gsize
sk_xdr_left(const SkXdrReader *self)
{
    return (gsize) (self->end - self->at);
}

/* FALSE: the bytes end before the value does; then nothing is written. */
gboolean sk_xdr_get_u32(SkXdrReader *self, guint32 *out_value);
gboolean sk_xdr_get_u64(SkXdrReader *self, guint64 *out_value);
/* length bytes and their padding. Borrowed from what is read. */
gboolean sk_xdr_get_fixed(SkXdrReader *self, gsize length, const guint8 **out_bytes);

G_END_DECLS
