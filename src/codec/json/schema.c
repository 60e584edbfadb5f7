/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON schemas of types, for OpenAPI. */
#include "codec/json/json.h"

static json_t *
enum_schema(const SkEnum *names)
{
    json_t *list = json_array();
    for (guint i = 0; i < names->count; i++)
        json_array_append_new(list, json_string(names->names[i].name));
    return json_pack("{s:s, s:o}", "type", "string", "enum", list);
}

static json_t *
ref_schema(const SkType *type, const char *prefix)
{
    g_autofree char *ref = g_strconcat(prefix, type->name, NULL);
    return json_pack("{s:s}", "$ref", ref);
}

static json_t *
number_schema(const SkField *field, gboolean is_unsigned)
{
    json_t *schema = json_pack("{s:s}", "type", "integer");
    if (field->min != 0 || field->max != 0) {
        /* 0 is "not set" where the field is sparse. */
        gint64 low = (field->flags & SK_FIELD_SPARSE) ? 0 : field->min;
        json_object_set_new(schema, "minimum", json_integer(low));
        if (field->max != 0)
            json_object_set_new(schema, "maximum", json_integer(field->max));
    } else if (is_unsigned) {
        json_object_set_new(schema, "minimum", json_integer(0));
    }
    return schema;
}

static json_t *
field_schema(const SkField *field, const char *prefix)
{
    switch (field->kind) {
    case SK_KIND_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case SK_KIND_INT:
    case SK_KIND_INT64:
        return number_schema(field, FALSE);
    case SK_KIND_UINT:
    case SK_KIND_UINT64:
        return number_schema(field, TRUE);
    case SK_KIND_SIZE:
        return json_pack("{s:[{s:s,s:i},{s:s,s:s}]}", "oneOf", "type", "integer", "minimum", 0, "type", "string", "pattern",
                         "^[0-9.]+ ?[KMGTPEkmgtpe]?i?[Bb]?$");
    case SK_KIND_DOUBLE:
        return json_pack("{s:s}", "type", "number");
    case SK_KIND_ENUM:
        return enum_schema(field->names);
    case SK_KIND_STRING:
    case SK_KIND_TEXT: {
        json_t *schema = json_pack("{s:s}", "type", "string");
        if (field->max > 0)
            json_object_set_new(schema, "maxLength", json_integer(field->max));
        return schema;
    }
    case SK_KIND_JSON:
        return json_object();
    case SK_KIND_STRV:
        return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
    case SK_KIND_MAP:
        return json_pack("{s:s, s:{s:s}}", "type", "object", "additionalProperties", "type", "string");
    case SK_KIND_STRUCT:
    case SK_KIND_OPTIONAL:
        return ref_schema(field->type, prefix);
    case SK_KIND_LIST:
        return json_pack("{s:s, s:o}", "type", "array", "items", ref_schema(field->type, prefix));
    }
    return json_object();
}

/* The default as JSON has it, or NULL if there is none. */
static json_t *
default_of(const SkType *type, const SkField *field)
{
    const char *const only[] = { field->key, NULL };
    if (field->def == NULL)
        return NULL;
    gpointer value = sk_value_new(type);
    g_autoptr(GString) text = g_string_new(NULL);
    sk_json_write(text, type, value, only, 0);
    sk_value_free(type, value);
    g_autoptr(json_t) object = json_loadb(text->str, text->len, 0, NULL);
    return json_incref(json_object_get(object, field->key));
}

json_t *
sk_json_schema(const SkType *type, const char *ref_prefix)
{
    json_t *properties = json_object(), *required = json_array();
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        json_t *schema = field_schema(field, ref_prefix);
        json_object_set_new(schema, "description", json_string(field->help));
        if (field->flags & SK_FIELD_READONLY)
            json_object_set_new(schema, "readOnly", json_true());
        if (field->flags & SK_FIELD_SECRET)
            json_object_set_new(schema, "writeOnly", json_true());
        json_t *def = default_of(type, field);
        if (def != NULL)
            json_object_set_new(schema, "default", def);
        json_object_set_new(properties, field->key, schema);
        if (field->flags & SK_FIELD_REQUIRED)
            json_array_append_new(required, json_string(field->key));
    }
    json_t *schema = json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description", type->help, "properties", properties,
                               "additionalProperties", 0);
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    json_decref(required);
    return schema;
}
