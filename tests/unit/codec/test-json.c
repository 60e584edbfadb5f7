/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON codec: every type there and back, strictness with its messages, merge patches, limits, schemas. */
#include "codec/json/decode-many.h"

#include <string.h>

#include "base/error.h"
#include "model/domain.h"
#include "model/job.h"
#include "tables.h"

/* -- there and back --------------------------------------------------------------------------------------- */

/* Fills each field with something that is not its default, as deep as it goes. */
static void fill(const SkType *type, gpointer value, guint depth);

static void
fill_field(const SkField *field, gpointer value, guint depth)
{
    gpointer at = sk_field_ptr(field, value);
    switch (field->kind) {
    case SK_KIND_BOOL:
        *(gboolean *) at = !*(gboolean *) at;
        break;
    case SK_KIND_INT:
    case SK_KIND_UINT:
        *(gint *) at = 7;
        break;
    case SK_KIND_INT64:
        *(gint64 *) at = -(G_GINT64_CONSTANT(1) << 60);
        break;
    case SK_KIND_UINT64:
    case SK_KIND_SIZE:
        *(guint64 *) at = G_MAXINT64;
        break;
    case SK_KIND_DOUBLE:
        *(gdouble *) at = 0.125;
        break;
    case SK_KIND_ENUM:
        *(gint *) at = (gint) field->names->count - 1;
        break;
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
        g_free(*(char **) at);
        *(char **) at = g_strdup("\"\\/ é \n\t\x01\x7f 𝄞");
        break;
    case SK_KIND_JSON:
        g_free(*(char **) at);
        *(char **) at = g_strdup("{\"a\":[1,null,\"x\"]}");
        break;
    case SK_KIND_STRV:
        *(GStrv *) at = g_strsplit("a,,b", ",", -1);
        break;
    case SK_KIND_MAP:
        *(GHashTable **) at = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(*(GHashTable **) at, g_strdup("k\"1"), g_strdup("v\n1"));
        break;
    case SK_KIND_STRUCT:
        fill(field->type, at, depth + 1);
        break;
    case SK_KIND_OPTIONAL:
        *(gpointer *) at = sk_value_new(field->type);
        fill(field->type, *(gpointer *) at, depth + 1);
        break;
    case SK_KIND_LIST:
        *(GPtrArray **) at = sk_value_list_new(field->type);
        for (guint i = 0; i < 2; i++) {
            g_ptr_array_add(*(GPtrArray **) at, sk_value_new(field->type));
            fill(field->type, (*(GPtrArray **) at)->pdata[i], depth + 1);
        }
        break;
    }
}

static void
fill(const SkType *type, gpointer value, guint depth)
{
    g_assert_cmpuint(depth, <, 10);
    for (guint i = 0; i < type->n_fields; i++)
        fill_field(&type->fields[i], value, depth);
}

static void
assert_comes_back(const SkType *type, gconstpointer value, guint flags)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = sk_json_encode(type, value, flags);
    g_autoptr(json_t) json = sk_json_parse(text, strlen(text), type->name, &error);
    g_assert_no_error(error);
    gpointer back = sk_value_new(type);
    sk_json_merge(type, back, json, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(sk_value_equal(type, value, back));
    sk_value_free(type, back);
}

static void
test_round_trip(void)
{
    for (guint i = 0; i < n_all_types; i++) {
        const SkType *type = all_types[i].type;
        gpointer value = sk_value_new(type);
        g_test_message("%s", all_types[i].symbol);
        assert_comes_back(type, value, SK_JSON_SECRETS);
        assert_comes_back(type, value, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
        g_autofree char *nothing = sk_json_encode(type, value, SK_JSON_NO_DEFAULTS);
        g_assert_cmpstr(nothing, ==, "{}");
        sk_value_clear(type, value);
        sk_value_init(type, value);
        fill(type, value, 0);
        assert_comes_back(type, value, SK_JSON_SECRETS);
        assert_comes_back(type, value, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
        sk_value_free(type, value);
    }
}

/* Secrets are only written when asked for, however deep. */
static void
test_secrets(void)
{
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    spec->name = g_strdup("web1");
    spec->cloud_init = sk_value_new(&sk_cloud_init_type);
    spec->cloud_init->password = g_strdup("hunter2");
    spec->graphics = sk_value_list_new(&sk_graphics_type);
    SkGraphics *graphics = sk_value_new(&sk_graphics_type);
    graphics->password = g_strdup("hunter2");
    g_ptr_array_add(spec->graphics, graphics);
    g_autofree char *shown = sk_json_encode(&sk_domain_spec_type, spec, 0);
    g_autofree char *stored = sk_json_encode(&sk_domain_spec_type, spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_assert_null(strstr(shown, "hunter2"));
    g_assert_cmpstr(stored, ==, "{\"name\":\"web1\",\"graphics\":[{\"password\":\"hunter2\"}],\"cloud_init\":{\"password\":\"hunter2\"}}");
    sk_value_free(&sk_domain_spec_type, spec);
}

static void
test_encode(void)
{
    SkFinding *finding = sk_value_new(&sk_finding_type);
    static const char *const some[] = { "level", "text", NULL };
    g_autoptr(GString) out = g_string_new(NULL);
    finding->check = g_strdup("kvm");
    finding->text = g_strdup("not \xff valid \xc3");
    sk_json_write(out, &sk_finding_type, finding, some, 0);
    g_assert_cmpstr(out->str, ==, "{\"level\":\"ok\",\"text\":\"not \xef\xbf\xbd valid \xef\xbf\xbd\"}");
    sk_value_free(&sk_finding_type, finding);

    /* NULL where the default is a text. */
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    g_clear_pointer(&spec->machine, g_free);
    g_autofree char *text = sk_json_encode(&sk_domain_spec_type, spec, SK_JSON_NO_DEFAULTS);
    g_assert_cmpstr(text, ==, "{\"machine\":null}");
    sk_value_free(&sk_domain_spec_type, spec);
}

/* -- strictness ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *json;
    const char *message;
} wrong[] = {
    { "", "body is not JSON: line 1, column 0: unexpected token near end of file" },
    { "{\"name\":\"a\"} x", "body is not JSON: line 1, column 14: end of file expected near 'x'" },
    { "{\"name\":\"a\",\"name\":\"b\"}", "body is not JSON: line 1, column 18: duplicate object key near '\"name\"'" },
    { "[]", "domain is a list, give an object" },
    { "null", "domain is null, give an object" },
    { "{}", "name is missing" },
    { "{\"name\":7}", "name is a whole number, give a text" },
    { "{\"name\":\"a\\u0000b\"}", "body is not JSON: line 1, column 18: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"a\\u0000b\"'" },
    { "{\"name\":\"a\",\"iothreads\":1.5}", "iothreads is a number, give a whole number" },
    { "{\"name\":\"a\",\"iothreads\":\"1\"}", "iothreads is a text, give a whole number" },
    { "{\"name\":\"a\",\"iothreads\":-1}", "iothreads is -1, it must be from 0 to 4294967295" },
    { "{\"name\":\"a\",\"iothreads\":65}", "iothreads is 65, it must be from 0 to 64" },
    { "{\"name\":\"a\",\"iothreads\":99999999999999999999}", "body is not JSON: line 1, column 44: too big integer near '99999999999999999999'" },
    { "{\"name\":\"a\",\"autostart\":\"yes\"}", "autostart is a text, give true or false" },
    { "{\"name\":\"a\",\"accel\":\"xen\"}", "accel: \"xen\" is not an accelerator: give auto, kvm or tcg" },
    { "{\"name\":\"a\",\"memory\":{\"current\":\"lots\"}}", "memory.current is \"lots\", give a size such as 512M or 20G" },
    { "{\"name\":\"a\",\"memory\":{\"current\":-5}}", "memory.current is -5, it must be from 0 to 9223372036854775807" },
    { "{\"name\":\"a\",\"memory\":5}", "memory is a whole number, give an object" },
    { "{\"name\":\"a\",\"tags\":\"a\"}", "tags is a text, give a list of texts" },
    { "{\"name\":\"a\",\"tags\":[1]}", "tags is a whole number, give a text" },
    { "{\"name\":\"a\",\"metadata\":[]}", "metadata is a list, give an object of texts" },
    { "{\"name\":\"a\",\"metadata\":{\"k\":true}}", "metadata.k is true, give a text" },
    { "{\"name\":\"a\",\"disks\":{}}", "disks is an object, give a list" },
    { "{\"name\":\"a\",\"disks\":[{\"target\":\"vda\"},7]}", "disks[1] is a whole number, give an object" },
    { "{\"name\":\"a\",\"clock\":{\"ofset\":\"utc\"}}", "clock.ofset is not a setting of a clock; there are offset, timezone, adjustment, local_basis, timers" },
    { "{\"name\":\"a\",\"tpm\":{\"version\":\"3.0\"}}", "tpm.version: \"3.0\" is not a TPM version: give 2.0 or 1.2" },
    { "{\"name\":\"a\",\"tpm\":[]}", "tpm is a list, give an object" },
    { "{\"name\":\"a/b\"}", "name \"a/b\" is not a name: give 1 to 128 letters, digits or -_.+, beginning with a letter or digit" },
};

static void
test_wrong(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", wrong[i].json);
        gpointer value = sk_json_decode_text(&sk_domain_spec_type, wrong[i].json, strlen(wrong[i].json), "body", &error);
        g_assert_null(value);
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        g_assert_cmpstr(error->message, ==, wrong[i].message);
    }
}

/* Names of 10,000 characters and keys as long are told of in a sentence that can be read. */
static void
test_long(void)
{
    g_autofree char *long_text = g_strnfill(10000, 'x');
    char *bodies[] = {
        g_strdup_printf("{\"name\":\"%s\"}", long_text),
        g_strdup_printf("{\"%s\":1}", long_text),
        g_strdup_printf("{\"name\":\"a\",\"metadata\":{\"%s\":1}}", long_text),
        g_strdup_printf("{\"name\":\"a\",\"accel\":\"%s\"}", long_text),
    };
    for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sk_json_decode_text(&sk_domain_spec_type, bodies[i], strlen(bodies[i]), "body", &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        g_assert_cmpuint(strlen(error->message), <=, 4096);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bodies); i++)
        g_free(bodies[i]);
}

static char *
repeat(const char *start, const char *what, guint count, const char *end)
{
    GString *text = g_string_new(start);
    for (guint i = 0; i < count; i++)
        g_string_append(text, what);
    g_string_append(text, end);
    return g_string_free(text, FALSE);
}

static void
test_bombs(void)
{
    g_autoptr(GError) deep = NULL;
    g_autoptr(GError) large = NULL;
    g_autoptr(GError) many = NULL;
    g_autoptr(GError) texts = NULL;
    g_autofree char *brackets = repeat("", "[", 100000, "");
    g_autofree char *fine = repeat("", "[", 64, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    g_autofree char *in_string = repeat("[\"", "[", 100, "\\\"[\"]");
    g_autofree char *huge = g_strnfill(SK_JSON_MAX_BYTES + 1, ' ');
    g_autofree char *disks = repeat("{\"name\":\"a\",\"disks\":[{}", ",{}", 1000000, "]}");
    g_autofree char *tags = repeat("{\"name\":\"a\",\"tags\":[\"a\"", ",\"a\"", 500000, "]}");
    g_assert_null(sk_json_parse(brackets, strlen(brackets), "body", &deep));
    g_assert_cmpstr(deep->message, ==, "body is nested deeper than 64 levels");
    g_autoptr(json_t) nested = sk_json_parse(fine, strlen(fine), "body", NULL);
    g_assert_nonnull(nested);
    g_autoptr(json_t) quoted = sk_json_parse(in_string, strlen(in_string), "body", NULL);
    g_assert_nonnull(quoted);
    g_assert_null(sk_json_parse(huge, strlen(huge), "body", &large));
    g_assert_error(large, SK_ERROR, SK_ERROR_TOO_LARGE);
    g_assert_null(sk_json_decode_text(&sk_domain_spec_type, disks, strlen(disks), "body", &many));
    g_assert_cmpstr(many->message, ==, "disks has 1000001 entries, at most 256 are allowed");
    g_assert_null(sk_json_decode_text(&sk_domain_spec_type, tags, strlen(tags), "body", &texts));
    g_assert_cmpstr(texts->message, ==, "tags has 500001 entries, at most 64 are allowed");
}

/* -- merge patches ------------------------------------------------------------------------------------------------ */

static void
patch(SkDomainSpec *spec, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) json = sk_json_parse(text, strlen(text), "patch", &error);
    g_assert_no_error(error);
    sk_json_merge(&sk_domain_spec_type, spec, json, NULL, &error);
    g_assert_no_error(error);
}

static void
test_merge(void)
{
    g_autoptr(GError) error = NULL;
    static const char start[] = "{\"name\":\"web1\",\"machine\":\"pc\",\"vcpus\":{\"current\":2,\"maximum\":4},\"tags\":[\"a\",\"b\"],"
                                "\"tpm\":{\"version\":\"1.2\"},\"disks\":[{\"target\":\"vda\"},{\"target\":\"vdb\"}],\"metadata\":{\"x\":\"1\",\"y\":\"2\"}}";
    SkDomainSpec *spec = sk_json_decode_text(&sk_domain_spec_type, start, strlen(start), "start", &error);
    g_assert_no_error(error);
    patch(spec, "{\"vcpus\":{\"current\":3},\"tpm\":{\"model\":\"tis\"},\"tags\":[\"c\"],\"disks\":[{\"target\":\"vdc\"}],"
                "\"metadata\":{\"x\":null,\"z\":\"3\"}}");
    g_assert_cmpuint(g_hash_table_size(spec->metadata), ==, 2);
    g_assert_cmpstr(g_hash_table_lookup(spec->metadata, "y"), ==, "2");
    g_assert_cmpstr(g_hash_table_lookup(spec->metadata, "z"), ==, "3");
    g_assert_cmpuint(spec->vcpus.current, ==, 3);
    g_assert_cmpuint(spec->vcpus.maximum, ==, 4);
    g_assert_cmpint(spec->tpm->version, ==, SK_TPM_1_2);
    g_assert_cmpint(spec->tpm->model, ==, SK_TPM_TIS);
    g_assert_cmpuint(g_strv_length(spec->tags), ==, 1);
    g_assert_cmpuint(spec->disks->len, ==, 1);
    g_assert_cmpstr(spec->machine, ==, "pc");
    sk_value_free(&sk_domain_spec_type, spec);
}

/* null gives each kind of field back its default, and frees what was there. */
static void
test_merge_null(void)
{
    for (guint i = 0; i < n_all_types; i++) {
        const SkType *type = all_types[i].type;
        gpointer value = sk_value_new(type), fresh = sk_value_new(type);
        g_autoptr(json_t) nulls = json_object();
        g_autoptr(GError) error = NULL;
        fill(type, value, 0);
        for (guint j = 0; j < type->n_fields; j++)
            json_object_set_new(nulls, type->fields[j].key, json_null());
        sk_json_merge(type, value, nulls, NULL, &error);
        g_assert_no_error(error);
        g_assert_true(sk_value_equal(type, value, fresh));
        sk_value_free(type, value);
        sk_value_free(type, fresh);
    }
}

/* -- schemas ---------------------------------------------------------------------------------------------------------- */

static gboolean
is_known(const char *name)
{
    for (guint i = 0; i < n_all_types; i++) {
        if (g_str_equal(all_types[i].type->name, name))
            return TRUE;
    }
    return FALSE;
}

static void
check_refs(json_t *json)
{
    const char *key;
    json_t *entry;
    gsize index;
    const char *ref = json_string_value(json_object_get(json, "$ref"));
    if (ref != NULL) {
        g_assert_true(g_str_has_prefix(ref, "#/x/"));
        g_assert_true(is_known(ref + strlen("#/x/")));
    }
    json_object_foreach (json, key, entry)
        check_refs(entry);
    json_array_foreach (json, index, entry)
        check_refs(entry);
}

static void
check_default(const SkField *field, json_t *schema)
{
    json_t *def = json_object_get(schema, "default");
    if (field->def == NULL || (field->flags & SK_FIELD_SECRET)) {
        g_assert_null(def);
        return;
    }
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (g_strcmp0(type, "integer") == 0 || field->kind == SK_KIND_SIZE)
        g_assert_true(json_is_integer(def));
    else if (g_strcmp0(type, "boolean") == 0)
        g_assert_true(json_is_boolean(def));
    else if (g_strcmp0(type, "number") == 0)
        g_assert_true(json_is_number(def));
    else
        g_assert_true(json_is_string(def));
}

static void
test_schemas(void)
{
    for (guint i = 0; i < n_all_types; i++) {
        const SkType *type = all_types[i].type;
        g_autoptr(json_t) schema = sk_json_schema(type, "#/x/");
        json_t *properties = json_object_get(schema, "properties");
        g_test_message("%s", all_types[i].symbol);
        g_assert_cmpstr(json_string_value(json_object_get(schema, "type")), ==, "object");
        g_assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
        g_assert_cmpuint(json_object_size(properties), ==, type->n_fields);
        for (guint j = 0; j < type->n_fields; j++) {
            json_t *one = json_object_get(properties, type->fields[j].key);
            g_assert_nonnull(json_object_get(one, "description"));
            check_default(&type->fields[j], one);
        }
        check_refs(schema);
    }
}

/* Enough for several threads; each value and each error comes back by its number. */
static void
test_many(void)
{
    enum { COUNT = 1000 };
    g_autoptr(SkJsonMany) many = sk_json_many_new();
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < COUNT; i++) {
        char *text = i % 10 == 3 ? g_strdup_printf("{\"name\":\"d%u\",\"vcpus\":{\"current\":\"x\"}}", i)
                                 : g_strdup_printf("{\"name\":\"d%u\",\"disks\":[{\"target\":\"vda\",\"path\":\"/d%u\"}]}", i, i);
        g_ptr_array_add(texts, text);
        g_assert_cmpuint(sk_json_many_add(many, &sk_domain_spec_type, text, "text"), ==, i);
    }
    sk_json_many_run(many);
    /* What nobody takes is freed with the rest. */
    for (guint i = 0; i < COUNT - 5; i++) {
        g_autoptr(GError) error = NULL;
        SkDomainSpec *spec = sk_json_many_take(many, i, &error);
        if (i % 10 == 3) {
            g_assert_null(spec);
            g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
            g_assert_nonnull(strstr(error->message, "vcpus.current is a text"));
            continue;
        }
        g_autofree char *name = g_strdup_printf("d%u", i);
        g_assert_no_error(error);
        g_assert_cmpstr(spec->name, ==, name);
        sk_value_free(&sk_domain_spec_type, spec);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/round-trip", test_round_trip);
    g_test_add_func("/json/secrets", test_secrets);
    g_test_add_func("/json/encode", test_encode);
    g_test_add_func("/json/wrong", test_wrong);
    g_test_add_func("/json/long", test_long);
    g_test_add_func("/json/bombs", test_bombs);
    g_test_add_func("/json/merge", test_merge);
    g_test_add_func("/json/merge-null", test_merge_null);
    g_test_add_func("/json/many", test_many);
    g_test_add_func("/json/schemas", test_schemas);
    return g_test_run();
}
