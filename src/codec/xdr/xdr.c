/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDR: numbers, strings and bytes. */
#include "codec/xdr/xdr.h"

#include <string.h>

#define PADDING(length) ((4 - ((length) & 3)) & 3)

/* -- putting ------------------------------------------------------------------------------------------------- */

void
sk_xdr_put_u32(GByteArray *out, guint32 value)
{
    const guint32 raw = GUINT32_TO_BE(value);
    g_byte_array_append(out, (const guint8 *) &raw, sizeof raw);
}

void
sk_xdr_put_i32(GByteArray *out, gint32 value)
{
    sk_xdr_put_u32(out, (guint32) value);
}

void
sk_xdr_put_u64(GByteArray *out, guint64 value)
{
    const guint64 raw = GUINT64_TO_BE(value);
    g_byte_array_append(out, (const guint8 *) &raw, sizeof raw);
}

void
sk_xdr_put_i64(GByteArray *out, gint64 value)
{
    sk_xdr_put_u64(out, (guint64) value);
}

void
sk_xdr_put_f64(GByteArray *out, gdouble value)
{
    guint64 raw;
    memcpy(&raw, &value, sizeof raw);
    sk_xdr_put_u64(out, raw);
}

void
sk_xdr_put_fixed(GByteArray *out, const void *bytes, gsize length)
{
    static const guint8 zeros[4];
    g_byte_array_append(out, bytes, (guint) length);
    g_byte_array_append(out, zeros, (guint) PADDING(length));
}

void
sk_xdr_put_bytes(GByteArray *out, const void *bytes, gsize length)
{
    sk_xdr_put_u32(out, (guint32) length);
    sk_xdr_put_fixed(out, bytes, length);
}

void
sk_xdr_put_str(GByteArray *out, const char *text)
{
    gsize length = text != NULL ? strnlen(text, SK_XDR_STRING_MAX) : 0;
    sk_xdr_put_bytes(out, text != NULL ? text : "", length);
}

void
sk_xdr_put_optional_str(GByteArray *out, const char *text)
{
    sk_xdr_put_u32(out, text != NULL);
    if (text != NULL)
        sk_xdr_put_str(out, text);
}

void
sk_xdr_put_fixed_chars(GByteArray *out, const char *text, gsize n)
{
    gsize length = strlen(text);
    for (gsize i = 0; i < n; i++)
        sk_xdr_put_u32(out, i < length ? (guint8) text[i] : 0);
}

void
sk_xdr_put_chars(GByteArray *out, const char *text)
{
    gsize length = strlen(text) + 1;
    sk_xdr_put_u32(out, (guint32) length);
    sk_xdr_put_fixed_chars(out, text, length);
}

/* What a hexadecimal digit is worth, with DIGIT. Lists are mostly UUIDs, and no branch foresees whether a digit is a letter. */
#define DIGIT 0x10
static const guint8 hex_digits[256] = {
    ['0'] = DIGIT, ['1'] = DIGIT | 1, ['2'] = DIGIT | 2, ['3'] = DIGIT | 3, ['4'] = DIGIT | 4,
    ['5'] = DIGIT | 5, ['6'] = DIGIT | 6, ['7'] = DIGIT | 7, ['8'] = DIGIT | 8, ['9'] = DIGIT | 9,
    ['a'] = DIGIT | 10, ['b'] = DIGIT | 11, ['c'] = DIGIT | 12, ['d'] = DIGIT | 13, ['e'] = DIGIT | 14, ['f'] = DIGIT | 15,
    ['A'] = DIGIT | 10, ['B'] = DIGIT | 11, ['C'] = DIGIT | 12, ['D'] = DIGIT | 13, ['E'] = DIGIT | 14, ['F'] = DIGIT | 15,
};

void
sk_xdr_put_uuid(GByteArray *out, const char *uuid)
{
    guint8 raw[16] = { 0 };
    guint digits = 0;
    for (const char *at = uuid; at != NULL && *at != '\0' && digits < 32; at++) {
        guint digit = hex_digits[(guint8) *at];
        if (digit == 0)
            continue;
        raw[digits / 2] = (guint8) (raw[digits / 2] << 4 | (digit & 0xf));
        digits++;
    }
    sk_xdr_put_fixed(out, raw, sizeof raw);
}

gsize
sk_xdr_list_begin(GByteArray *out)
{
    gsize place = out->len;
    sk_xdr_put_u32(out, 0);
    return place;
}

void
sk_xdr_list_end(GByteArray *out, gsize place, guint count)
{
    const guint32 raw = GUINT32_TO_BE(count);
    memcpy(out->data + place, &raw, sizeof raw);
}

/* -- typed parameters ------------------------------------------------------------------------------------------ */

static void
put_param(GByteArray *out, const char *field, SkXdrParamType type)
{
    sk_xdr_put_str(out, field);
    sk_xdr_put_u32(out, type);
}

void
sk_xdr_put_param_i32(GByteArray *out, const char *field, gint32 value)
{
    put_param(out, field, SK_XDR_PARAM_I32);
    sk_xdr_put_i32(out, value);
}

void
sk_xdr_put_param_u32(GByteArray *out, const char *field, guint32 value)
{
    put_param(out, field, SK_XDR_PARAM_U32);
    sk_xdr_put_u32(out, value);
}

void
sk_xdr_put_param_i64(GByteArray *out, const char *field, gint64 value)
{
    put_param(out, field, SK_XDR_PARAM_I64);
    sk_xdr_put_i64(out, value);
}

void
sk_xdr_put_param_u64(GByteArray *out, const char *field, guint64 value)
{
    put_param(out, field, SK_XDR_PARAM_U64);
    sk_xdr_put_u64(out, value);
}

void
sk_xdr_put_param_f64(GByteArray *out, const char *field, gdouble value)
{
    put_param(out, field, SK_XDR_PARAM_F64);
    sk_xdr_put_f64(out, value);
}

void
sk_xdr_put_param_bool(GByteArray *out, const char *field, gboolean value)
{
    put_param(out, field, SK_XDR_PARAM_BOOL);
    sk_xdr_put_i32(out, value ? 1 : 0);
}

void
sk_xdr_put_param_str(GByteArray *out, const char *field, const char *value)
{
    put_param(out, field, SK_XDR_PARAM_STR);
    sk_xdr_put_str(out, value);
}

/* -- getting --------------------------------------------------------------------------------------------------- */

gboolean
sk_xdr_get_u32(SkXdrReader *self, guint32 *out_value)
{
    guint32 raw;
    if (sk_xdr_left(self) < sizeof raw)
        return FALSE;
    memcpy(&raw, self->at, sizeof raw);
    self->at += sizeof raw;
    *out_value = GUINT32_FROM_BE(raw);
    return TRUE;
}

gboolean
sk_xdr_get_u64(SkXdrReader *self, guint64 *out_value)
{
    guint64 raw;
    if (sk_xdr_left(self) < sizeof raw)
        return FALSE;
    memcpy(&raw, self->at, sizeof raw);
    self->at += sizeof raw;
    *out_value = GUINT64_FROM_BE(raw);
    return TRUE;
}

gboolean
sk_xdr_get_fixed(SkXdrReader *self, gsize length, const guint8 **out_bytes)
{
    if (length > sk_xdr_left(self) || PADDING(length) > sk_xdr_left(self) - length)
        return FALSE;
    *out_bytes = self->at;
    self->at += length + PADDING(length);
    return TRUE;
}
