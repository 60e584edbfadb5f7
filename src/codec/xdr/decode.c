/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decoding of payloads by their signature, and values by name. */
#include <string.h>

#include "base/error.h"
#include "codec/xdr/signature.h"

/* A decoded value is larger than its bytes on the wire: no message takes more than this. */
#define MESSAGE_MEMORY_MAX (64 * 1024 * 1024)
#define BLOCK_SIZE 1000

/* All values of a message, in blocks that are freed together. */
typedef struct Block {
    struct Block *next;
    gsize used, size;
    guint64 data[];
} Block;

struct SkXdrMessage {
    const SkXdrSignature *signature;
    const SkXdrValue *values;
    Block *blocks;
    gsize memory;
};

typedef struct {
    SkXdrReader reader;
    SkXdrMessage *message;
    GError **error;
} Decoder;

/* -- memory ------------------------------------------------------------------------------------------------------ */

static gpointer
take(Decoder *decoder, gsize size)
{
    SkXdrMessage *message = decoder->message;
    size = (size + 7) & ~(gsize) 7;
    if (message->blocks == NULL || message->blocks->size - message->blocks->used < size) {
        gsize room = MAX(size, BLOCK_SIZE);
        if (message->memory + room > MESSAGE_MEMORY_MAX) {
            sk_fail(decoder->error, SK_ERROR_TOO_LARGE, "the message is larger than %d MiB", MESSAGE_MEMORY_MAX >> 20);
            return NULL;
        }
        Block *block = g_malloc(sizeof(Block) + room);
        *block = (Block){ .next = message->blocks, .size = room };
        message->blocks = block;
        message->memory += room;
    }
    guint8 *place = (guint8 *) message->blocks->data + message->blocks->used;
    message->blocks->used += size;
    return place;
}

void
sk_xdr_message_free(SkXdrMessage *self)
{
    if (self == NULL)
        return;
    for (Block *block = self->blocks; block != NULL;) {
        Block *next = block->next;
        g_free(block);
        block = next;
    }
    g_free(self);
}

/* -- values ------------------------------------------------------------------------------------------------------- */

static gboolean decode_struct(Decoder *decoder, const SkXdrSignature *signature, const SkXdrValue **out_values);

static gboolean
cut(Decoder *decoder, const char *name)
{
    return sk_fail(decoder->error, SK_ERROR_INVALID, "the message ends in the middle of \"%s\"", name);
}

static gboolean
get_count(Decoder *decoder, const SkXdrField *field, guint max, guint *out_count)
{
    if (!sk_xdr_get_u32(&decoder->reader, out_count))
        return cut(decoder, field->name);
    return *out_count <= max ||
           sk_fail(decoder->error, SK_ERROR_INVALID, "\"%s\" has %u entries, at most %u are allowed", field->name, *out_count, max);
}

/* Bytes as they are, with a NUL after them. */
static gboolean
copy_bytes(Decoder *decoder, const char *name, guint length, const char **out_bytes)
{
    const guint8 *bytes;
    if (!sk_xdr_get_fixed(&decoder->reader, length, &bytes))
        return cut(decoder, name);
    char *copy = take(decoder, (gsize) length + 1);
    if (copy == NULL)
        return FALSE;
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    *out_bytes = copy;
    return TRUE;
}

static gboolean
decode_text(Decoder *decoder, const char *name, guint *out_length, const char **out_text)
{
    guint length;
    const char *text;
    if (!sk_xdr_get_u32(&decoder->reader, &length))
        return cut(decoder, name);
    if (length > SK_XDR_STRING_MAX)
        return sk_fail(decoder->error, SK_ERROR_INVALID, "\"%s\" has %u bytes, at most %d are allowed", name, length, SK_XDR_STRING_MAX);
    if (!copy_bytes(decoder, name, length, &text))
        return FALSE;
    if (!g_utf8_validate_len(text, length, NULL))
        return sk_fail(decoder->error, SK_ERROR_INVALID, "\"%s\" is not UTF-8 text", name);
    *out_length = length;
    *out_text = text;
    return TRUE;
}

static gboolean
decode_bytes(Decoder *decoder, const SkXdrField *field, SkXdrValue *out)
{
    const char *bytes;
    out->count = field->max;
    if (field->many == SK_XDR_COUNTED && !get_count(decoder, field, field->max, &out->count))
        return FALSE;
    if (!copy_bytes(decoder, field->name, out->count, &bytes))
        return FALSE;
    out->bytes = (const guint8 *) bytes;
    return TRUE;
}

static gboolean
decode_chars(Decoder *decoder, const SkXdrField *field, SkXdrValue *out)
{
    out->count = field->max;
    if (field->many == SK_XDR_COUNTED && !get_count(decoder, field, field->max, &out->count))
        return FALSE;
    if (out->count > sk_xdr_left(&decoder->reader) / 4)
        return cut(decoder, field->name);
    char *text = take(decoder, (gsize) out->count + 1);
    if (text == NULL)
        return FALSE;
    for (guint i = 0; i < out->count; i++) {
        guint32 character = 0;
        sk_xdr_get_u32(&decoder->reader, &character);
        text[i] = (char) character;
    }
    text[out->count] = '\0';
    out->text = text;
    return TRUE;
}

static gboolean
decode_param(Decoder *decoder, SkXdrParam *out)
{
    SkXdrReader *reader = &decoder->reader;
    guint length, type, small;
    guint64 raw;
    if (!decode_text(decoder, "parameter", &length, &out->field))
        return FALSE;
    if (!sk_xdr_get_u32(reader, &type))
        return cut(decoder, out->field);
    out->type = (SkXdrParamType) type;
    switch (type) {
    case SK_XDR_PARAM_I32:
    case SK_XDR_PARAM_BOOL:
        if (!sk_xdr_get_u32(reader, &small))
            return cut(decoder, out->field);
        out->i = (gint32) small;
        return TRUE;
    case SK_XDR_PARAM_U32:
        if (!sk_xdr_get_u32(reader, &small))
            return cut(decoder, out->field);
        out->u = small;
        return TRUE;
    case SK_XDR_PARAM_I64:
    case SK_XDR_PARAM_U64:
    case SK_XDR_PARAM_F64:
        if (!sk_xdr_get_u64(reader, &raw))
            return cut(decoder, out->field);
        memcpy(&out->u, &raw, sizeof raw);
        return TRUE;
    case SK_XDR_PARAM_STR:
        return decode_text(decoder, out->field, &length, &out->text);
    default:
        return sk_fail(decoder->error, SK_ERROR_INVALID, "parameter \"%s\" has the type %u, which there is not", out->field, type);
    }
}

static gboolean
decode_params(Decoder *decoder, const SkXdrField *field, SkXdrValue *out)
{
    if (!get_count(decoder, field, field->max, &out->count))
        return FALSE;
    /* A parameter has twelve bytes at least: what is not there is not waited for. */
    if (out->count > sk_xdr_left(&decoder->reader) / 12)
        return cut(decoder, field->name);
    SkXdrParam *params = take(decoder, out->count * sizeof(SkXdrParam));
    if (params == NULL)
        return FALSE;
    for (guint i = 0; i < out->count; i++) {
        if (!decode_param(decoder, &params[i]))
            return FALSE;
    }
    out->params = params;
    return TRUE;
}

static gboolean
decode_one(Decoder *decoder, const SkXdrField *field, SkXdrValue *out)
{
    guint32 small = 0;
    out->present = TRUE;
    switch (field->kind) {
    case SK_XDR_I32:
    case SK_XDR_U32:
        if (!sk_xdr_get_u32(&decoder->reader, &small))
            return cut(decoder, field->name);
        if (field->kind == SK_XDR_I32)
            out->i = (gint32) small;
        else
            out->u = small;
        return TRUE;
    case SK_XDR_I64:
    case SK_XDR_U64:
    case SK_XDR_F64:
        return sk_xdr_get_u64(&decoder->reader, &out->u) || cut(decoder, field->name);
    case SK_XDR_STR:
        return decode_text(decoder, field->name, &out->count, &out->text);
    case SK_XDR_STRUCT:
        return decode_struct(decoder, field->members, &out->items);
    default:
        g_assert_not_reached();
    }
}

static gboolean
decode_list(Decoder *decoder, const SkXdrField *field, SkXdrValue *out)
{
    out->count = field->max;
    if (field->many == SK_XDR_COUNTED && !get_count(decoder, field, field->max, &out->count))
        return FALSE;
    if (out->count > sk_xdr_left(&decoder->reader) / 4)
        return cut(decoder, field->name);
    SkXdrValue *items = take(decoder, out->count * sizeof(SkXdrValue));
    if (items == NULL)
        return FALSE;
    for (guint i = 0; i < out->count; i++) {
        items[i] = (SkXdrValue){ 0 };
        if (!decode_one(decoder, field, &items[i]))
            return FALSE;
    }
    out->items = items;
    return TRUE;
}

static gboolean
decode_optional(Decoder *decoder, const SkXdrField *field, SkXdrValue *out)
{
    guint32 given;
    if (!sk_xdr_get_u32(&decoder->reader, &given))
        return cut(decoder, field->name);
    if (given > 1)
        return sk_fail(decoder->error, SK_ERROR_INVALID, "\"%s\" is given %u times, where 0 or 1 is right", field->name, given);
    out->present = FALSE;
    return given == 0 || decode_one(decoder, field, out);
}

static gboolean
decode_field(Decoder *decoder, const SkXdrField *field, SkXdrValue *out)
{
    *out = (SkXdrValue){ .present = TRUE };
    if (field->kind == SK_XDR_BYTES)
        return decode_bytes(decoder, field, out);
    if (field->kind == SK_XDR_CHARS)
        return decode_chars(decoder, field, out);
    if (field->kind == SK_XDR_PARAMS)
        return decode_params(decoder, field, out);
    if (field->many == SK_XDR_OPTIONAL)
        return decode_optional(decoder, field, out);
    return field->many == SK_XDR_ONE ? decode_one(decoder, field, out) : decode_list(decoder, field, out);
}

static gboolean
decode_struct(Decoder *decoder, const SkXdrSignature *signature, const SkXdrValue **out_values)
{
    SkXdrValue *values = take(decoder, signature->n_fields * sizeof(SkXdrValue));
    if (values == NULL)
        return FALSE;
    for (guint i = 0; i < signature->n_fields; i++) {
        if (!decode_field(decoder, &signature->fields[i], &values[i]))
            return FALSE;
    }
    *out_values = values;
    return TRUE;
}

SkXdrMessage *
sk_xdr_decode(const SkXdrSignature *signature, const guint8 *bytes, gsize length, GError **error)
{
    g_autoptr(SkXdrMessage) self = g_new0(SkXdrMessage, 1);
    Decoder decoder = { .reader = { .at = bytes, .end = bytes + length }, .message = self, .error = error };
    self->signature = signature;
    if (!decode_struct(&decoder, signature, &self->values))
        return NULL;
    if (sk_xdr_left(&decoder.reader) > 0) {
        sk_fail(error, SK_ERROR_INVALID, "the message has %" G_GSIZE_FORMAT " bytes too many", sk_xdr_left(&decoder.reader));
        return NULL;
    }
    return g_steal_pointer(&self);
}

SkXdrRecord
sk_xdr_message_record(const SkXdrMessage *self)
{
    return (SkXdrRecord){ .signature = self->signature, .values = self->values };
}

/* -- values by name ---------------------------------------------------------------------------------------------------- */

/* The field of a path and its value; NULL: a struct on the way is absent, or there is no such name. */
static const SkXdrField *
find(const SkXdrRecord *record, const char *path, const SkXdrValue **out_value)
{
    SkXdrRecord at = *record;
    for (;;) {
        const char *dot = strchrnul(path, '.');
        gsize length = (gsize) (dot - path);
        guint i = 0;
        while (i < at.signature->n_fields &&
               (strncmp(at.signature->fields[i].name, path, length) != 0 || at.signature->fields[i].name[length] != '\0'))
            i++;
        if (i == at.signature->n_fields) {
            g_critical("there is no value \"%s\" in the message", path);
            return NULL;
        }
        const SkXdrField *field = &at.signature->fields[i];
        *out_value = &at.values[i];
        if (*dot == '\0')
            return field;
        if (field->members == NULL || !at.values[i].present)
            return NULL;
        at = (SkXdrRecord){ .signature = field->members, .values = at.values[i].items };
        path = dot + 1;
    }
}

const SkXdrValue *
sk_xdr_value(const SkXdrRecord *record, const char *path)
{
    static const SkXdrValue absent;
    const SkXdrValue *value;
    return find(record, path, &value) != NULL ? value : &absent;
}

SkXdrRecord
sk_xdr_item(const SkXdrRecord *record, const char *path, guint index)
{
    static const SkXdrSignature empty;
    const SkXdrValue *value;
    const SkXdrField *field = find(record, path, &value);
    if (field == NULL || field->members == NULL || index >= value->count)
        return (SkXdrRecord){ .signature = &empty };
    return (SkXdrRecord){ .signature = field->members, .values = value->items[index].items };
}

gint64
sk_xdr_int(const SkXdrRecord *record, const char *path)
{
    return sk_xdr_value(record, path)->i;
}

guint64
sk_xdr_uint(const SkXdrRecord *record, const char *path)
{
    return sk_xdr_value(record, path)->u;
}

const char *
sk_xdr_str(const SkXdrRecord *record, const char *path)
{
    return sk_xdr_value(record, path)->text;
}

char *
sk_xdr_uuid(const SkXdrRecord *record, const char *path)
{
    const SkXdrValue *value = sk_xdr_value(record, path);
    const guint8 *u = value->bytes;
    if (value->count != 16)
        return g_strdup("00000000-0000-0000-0000-000000000000");
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5],
                           u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

const SkXdrParam *
sk_xdr_param(const SkXdrValue *list, const char *field)
{
    for (guint i = 0; i < list->count; i++) {
        if (g_str_equal(list->params[i].field, field))
            return &list->params[i];
    }
    return NULL;
}
