/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signatures: from text to a table of fields. */
#include "codec/xdr/signature.h"

#include <stdlib.h>
#include <string.h>

/* Types that stand for others. */
static const struct {
    const char *name, *text;
} objects[] = {
    { "dom", "name:str uuid id:i32" },
    { "net", "name:str uuid" },
    { "pool", "name:str uuid" },
    { "nwfilter", "name:str uuid" },
    { "netport", "net uuid" },
    { "vol", "pool:str name:str key:str" },
    { "iface", "name:str mac:str" },
    { "nodedev", "name:str" },
    { "secret", "uuid usageType:i32 usageID:str" },
    { "snap", "name:str dom" },
    { "ckpt", "name:str dom" },
    { "nwbinding", "portdev:str filtername:str" },
};

static const struct {
    const char *name;
    SkXdrKind kind;
} scalars[] = {
    { "i32", SK_XDR_I32 }, { "u32", SK_XDR_U32 }, { "i64", SK_XDR_I64 }, { "u64", SK_XDR_U64 }, { "f64", SK_XDR_F64 },
    { "i16", SK_XDR_I32 }, { "u16", SK_XDR_U32 }, { "u8", SK_XDR_U32 }, { "str", SK_XDR_STR }, { "bytes", SK_XDR_BYTES },
    { "char", SK_XDR_CHARS }, { "tp", SK_XDR_PARAMS },
};

typedef struct {
    const char *text, *at;
} Parser;

static SkXdrSignature *parse_fields(Parser *parser, char end);

static void
fail(const Parser *parser, const char *why)
{
    g_error("signature \"%s\": %s at \"%s\"", parser->text, why, parser->at);
}

static char *
parse_word(Parser *parser)
{
    const char *from = parser->at;
    while (g_ascii_isalnum(*parser->at) || *parser->at == '_')
        parser->at++;
    if (parser->at == from)
        fail(parser, "a name is missing");
    return g_strndup(from, (gsize) (parser->at - from));
}

static void
set_type(Parser *parser, SkXdrField *field, const char *type)
{
    for (guint i = 0; i < G_N_ELEMENTS(scalars); i++) {
        if (g_str_equal(scalars[i].name, type)) {
            field->kind = scalars[i].kind;
            return;
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(objects); i++) {
        if (g_str_equal(objects[i].name, type)) {
            field->kind = SK_XDR_STRUCT;
            field->members = sk_xdr_signature_new(objects[i].text);
            return;
        }
    }
    fail(parser, "the type is unknown");
}

static void
parse_suffix(Parser *parser, SkXdrField *field)
{
    char open = *parser->at;
    if (open == '?') {
        parser->at++;
        field->many = SK_XDR_OPTIONAL;
    } else if (open == '<' || open == '[') {
        char *end = NULL;
        field->many = open == '<' ? SK_XDR_COUNTED : SK_XDR_FIXED;
        field->max = (guint) strtoul(parser->at + 1, &end, 10);
        if (*end != (open == '<' ? '>' : ']'))
            fail(parser, "a number in brackets is wrong");
        parser->at = end + 1;
    }
}

/* "name", "name:type", "name:{...}" with "?", "<n>" or "[n]" after it. */
static SkXdrField
parse_field(Parser *parser)
{
    SkXdrField field = { .name = parse_word(parser) };
    if (*parser->at != ':') {
        if (g_str_equal(field.name, "flags")) {
            field.kind = SK_XDR_U32;
        } else if (g_str_equal(field.name, "uuid")) {
            field.kind = SK_XDR_BYTES;
            field.many = SK_XDR_FIXED;
            field.max = 16;
        } else {
            set_type(parser, &field, field.name);
        }
    } else if (*++parser->at == '{') {
        parser->at++;
        field.kind = SK_XDR_STRUCT;
        field.members = parse_fields(parser, '}');
    } else {
        g_autofree char *type = parse_word(parser);
        set_type(parser, &field, type);
    }
    parse_suffix(parser, &field);
    if (field.kind == SK_XDR_CHARS && field.many == SK_XDR_ONE)
        field.kind = SK_XDR_I32;
    if (field.kind == SK_XDR_BYTES && field.max == 0)
        fail(parser, "bytes need a size");
    return field;
}

static SkXdrSignature *
parse_fields(Parser *parser, char end)
{
    g_autoptr(GArray) fields = g_array_new(FALSE, FALSE, sizeof(SkXdrField));
    while (*parser->at != end) {
        if (*parser->at == '\0')
            fail(parser, "it ends in the middle");
        SkXdrField field = parse_field(parser);
        g_array_append_val(fields, field);
        while (*parser->at == ' ')
            parser->at++;
    }
    if (end != '\0')
        parser->at++;
    SkXdrSignature *self = g_new0(SkXdrSignature, 1);
    self->n_fields = fields->len;
    self->fields = g_array_steal(fields, NULL);
    return self;
}

SkXdrSignature *
sk_xdr_signature_new(const char *text)
{
    Parser parser = { .text = text != NULL ? text : "", .at = text != NULL ? text : "" };
    return parse_fields(&parser, '\0');
}

void
sk_xdr_signature_free(SkXdrSignature *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->n_fields; i++) {
        g_free(self->fields[i].name);
        sk_xdr_signature_free(self->fields[i].members);
    }
    g_free(self->fields);
    g_free(self);
}
