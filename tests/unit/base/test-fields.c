/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables: defaults, copy, equality, differences, checks, text; on a type with one field of each kind. */
#include "base/fields.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* -- a type with everything ---------------------------------------------------------------------------------- */

static const SkEnumName color_names[] = { { "red" }, { "green" }, { "blue" } };
static const SkEnum color_enum = { .what = "color", .names = color_names, .count = 3 };

typedef struct {
    char *id;
    guint weight;
} Part;
static const SkField part_fields[] = {
    SK_FIELD(Part, id, STRING, "id", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = sk_check_name),
    SK_FIELD(Part, weight, UINT, "weight", .def = "5", .min = 1, .max = 9, .flags = SK_FIELD_LIVE),
};
static const SK_TYPE(part_type, Part, "Part", "part", part_fields, "a part");

typedef struct {
    gboolean flag;
    gint number;
    guint count;
    gint64 offset;
    guint64 serial;
    guint64 size;
    gdouble ratio;
    char *name, *notes, *data;
    gint color;
    char **tags;
    GHashTable *map;
    Part main;
    Part *spare;
    GPtrArray *parts;
} Thing;

static gboolean
check_thing(gconstpointer value, GError **error)
{
    const Thing *thing = value;
    return thing->number != 13 || sk_fail(error, SK_ERROR_INVALID, "number 13 brings bad luck");
}

static const SkField thing_fields[] = {
    SK_FIELD(Thing, flag, BOOL, "flag", .def = "true"),
    SK_FIELD(Thing, number, INT, "number", .def = "-3", .min = -10, .max = 20),
    SK_FIELD(Thing, count, UINT, "count", .min = 2, .flags = SK_FIELD_SPARSE),
    SK_FIELD(Thing, offset, INT64, "offset"),
    SK_FIELD(Thing, serial, UINT64, "serial"),
    SK_FIELD(Thing, size, SIZE, "size", .def = "1K", .min = 512, .max = 4096, .flags = SK_FIELD_LIVE),
    SK_FIELD(Thing, ratio, DOUBLE, "ratio", .def = "0.5"),
    SK_FIELD(Thing, name, STRING, "name", .def = "thing", .min = 2, .max = 8),
    SK_FIELD(Thing, notes, TEXT, "notes"),
    SK_FIELD(Thing, data, JSON, "data"),
    SK_FIELD(Thing, color, ENUM, "color", .names = &color_enum, .def = "green"),
    SK_FIELD(Thing, tags, STRV, "tags", .max = 3, .check = sk_check_name),
    SK_FIELD(Thing, map, MAP, "map", .max = 2),
    SK_FIELD(Thing, main, STRUCT, "main part", .type = &part_type),
    SK_FIELD(Thing, spare, OPTIONAL, "spare part", .type = &part_type),
    SK_FIELD(Thing, parts, LIST, "parts", .type = &part_type, .max = 4, .flags = SK_FIELD_LIVE),
};
static const SkType thing_type = { .name = "Thing", .what = "thing", .size = sizeof(Thing), .fields = thing_fields,
                                   .n_fields = G_N_ELEMENTS(thing_fields), .check = check_thing };

static void
set(gpointer value, const SkType *type, const char *key, const char *text)
{
    g_autoptr(GError) error = NULL;
    sk_field_set_text(sk_type_find(type, key), value, text, NULL, &error);
    g_assert_no_error(error);
}

static void
add_part(Thing *thing, const char *id)
{
    Part *part = sk_value_new(&part_type);
    part->id = g_strdup(id);
    if (thing->parts == NULL)
        thing->parts = sk_value_list_new(&part_type);
    g_ptr_array_add(thing->parts, part);
}

static Thing *
full_thing(void)
{
    Thing *thing = sk_value_new(&thing_type);
    set(thing, &thing_type, "notes", "two\nlines");
    set(thing, &thing_type, "data", "[1]");
    set(thing, &thing_type, "tags", "a,b");
    set(thing, &thing_type, "map", "k=v,l=w=x");
    thing->main.id = g_strdup("m");
    thing->spare = sk_value_new(&part_type);
    thing->spare->id = g_strdup("s");
    add_part(thing, "p1");
    add_part(thing, "p2");
    return thing;
}

/* -- tests ------------------------------------------------------------------------------------------------------ */

static void
test_defaults(void)
{
    Thing *thing = sk_value_new(&thing_type);
    g_assert_true(thing->flag);
    g_assert_cmpint(thing->number, ==, -3);
    g_assert_cmpuint(thing->size, ==, 1024);
    g_assert_cmpfloat(thing->ratio, ==, 0.5);
    g_assert_cmpstr(thing->name, ==, "thing");
    g_assert_cmpint(thing->color, ==, 1);
    g_assert_cmpuint(thing->main.weight, ==, 5);
    g_assert_null(thing->spare);
    g_assert_null(thing->parts);
    sk_value_clear(&thing_type, thing);
    for (guint i = 0; i < thing_type.n_fields; i++)
        g_assert_true(sk_field_is_empty(&thing_type.fields[i], thing));
    sk_value_free(&thing_type, thing);
    sk_value_free(&thing_type, NULL);
    sk_value_clear(&thing_type, NULL);
    g_assert_null(sk_value_copy(&thing_type, NULL));
}

static void
test_copy(void)
{
    Thing *thing = full_thing();
    Thing *copy = sk_value_copy(&thing_type, thing);
    g_assert_true(sk_value_equal(&thing_type, thing, copy));
    g_assert_false(copy->map == thing->map);
    g_assert_false(copy->spare == thing->spare);
    sk_value_free(&thing_type, thing);
    g_assert_cmpstr(g_hash_table_lookup(copy->map, "l"), ==, "w=x");
    g_assert_cmpstr(((Part *) copy->parts->pdata[1])->id, ==, "p2");
    sk_value_free(&thing_type, copy);
}

/* Each field, changed alone, makes two values differ, and its name is the difference. */
static void
test_each_field_counts(void)
{
    static const char *const others[][2] = {
        { "flag", "false" }, { "number", "4" }, { "count", "7" }, { "offset", "-1" }, { "serial", "9" }, { "size", "2K" },
        { "ratio", "1.5" }, { "name", "other" }, { "notes", "n" }, { "data", "{}" }, { "color", "blue" }, { "tags", "a" }, { "map", "k=w" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        Thing *a = full_thing(), *b = full_thing();
        gboolean live;
        set(b, &thing_type, others[i][0], others[i][1]);
        g_assert_false(sk_value_equal(&thing_type, a, b));
        g_autoptr(GPtrArray) paths = sk_value_diff(&thing_type, a, b, &live);
        g_assert_cmpuint(paths->len, ==, 1);
        g_assert_cmpstr(paths->pdata[0], ==, others[i][0]);
        g_assert_cmpint(live, ==, g_str_equal(others[i][0], "size"));
        sk_value_free(&thing_type, a);
        sk_value_free(&thing_type, b);
    }
}

static char *
diff_text(const Thing *a, const Thing *b, gboolean *out_live)
{
    g_autoptr(GPtrArray) paths = sk_value_diff(&thing_type, a, b, out_live);
    g_ptr_array_add(paths, NULL);
    return g_strjoinv(" ", (char **) paths->pdata);
}

static void
test_diff_nested(void)
{
    Thing *a = full_thing(), *b = full_thing();
    gboolean live;
    g_autofree char *same = diff_text(a, b, &live);
    g_assert_cmpstr(same, ==, "");
    g_assert_true(live);

    ((Part *) b->parts->pdata[1])->weight = 7;
    add_part(b, "p3");
    g_autofree char *parts = diff_text(a, b, &live);
    g_assert_cmpstr(parts, ==, "parts[p2].weight parts[p3]");
    g_assert_true(live);

    b->main.weight = 6;
    b->spare->weight = 6;
    g_autofree char *nested = diff_text(a, b, &live);
    g_assert_cmpstr(nested, ==, "main.weight spare.weight parts[p2].weight parts[p3]");
    sk_value_free(&part_type, b->spare);
    b->spare = NULL;
    g_autofree char *gone = diff_text(a, b, &live);
    g_assert_cmpstr(gone, ==, "main.weight spare parts[p2].weight parts[p3]");
    g_assert_false(live);
    sk_value_free(&thing_type, b);

    /* The same entries in another order are a difference too. */
    b = full_thing();
    gpointer first = b->parts->pdata[0];
    b->parts->pdata[0] = b->parts->pdata[1];
    b->parts->pdata[1] = first;
    g_autofree char *order = diff_text(a, b, &live);
    g_assert_cmpstr(order, ==, "parts");
    sk_value_free(&thing_type, a);
    sk_value_free(&thing_type, b);
}

/* Empty and absent are the same. */
static void
test_empty_is_equal(void)
{
    Thing *a = sk_value_new(&thing_type), *b = sk_value_new(&thing_type);
    b->parts = sk_value_list_new(&part_type);
    b->tags = g_new0(char *, 1);
    b->map = g_hash_table_new(g_str_hash, g_str_equal);
    g_assert_true(sk_value_equal(&thing_type, a, b));
    g_assert_false(sk_value_equal(&thing_type, a, NULL));
    g_assert_true(sk_value_equal(&thing_type, NULL, NULL));
    sk_value_free(&thing_type, a);
    sk_value_free(&thing_type, b);
}

static void
test_check(void)
{
    static const struct {
        const char *key, *text;
        const char *message;    /* NULL: fine */
    } cases[] = {
        { "number", "-10", NULL }, { "number", "20", NULL },
        { "number", "21", "number is 21, it must be from -10 to 20" },
        { "number", "13", "number 13 brings bad luck" },
        { "count", "0", NULL }, { "count", "2", NULL }, { "count", "4000000000", NULL },
        { "count", "1", "count is 1, it must be from 2 to 9223372036854775807" },
        { "serial", "9223372036854775808", "serial is 8 EiB, it must be from 0 B to 8 EiB" },
        { "size", "0", "size is 0 B, it must be from 512 B to 4 KiB" },
        { "size", "5K", "size is 5 KiB, it must be from 512 B to 4 KiB" },
        { "name", "x", "name \"x\" is too short, at least 2 characters are needed" },
        { "name", "123456789", "name is 9 bytes long, at most 8 are allowed" },
        { "name", "a\tb", "name has a control character in it" },
        { "name", "a\xff", "name is not valid UTF-8" },
        { "notes", "a\tb\nc", NULL },
        { "tags", "a,b,c,d", "tags has 4 entries, at most 3 are allowed" },
        { "tags", "a,/", "tags \"/\" is not a name: give 1 to 128 letters, digits or -_.+, beginning with a letter or digit" },
        { "map", "a=1,b=2,c=3", "map has 3 entries, at most 2 are allowed" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Thing *thing = full_thing();
        set(thing, &thing_type, cases[i].key, cases[i].text);
        gboolean ok = sk_value_check(&thing_type, thing, NULL, &error);
        g_assert_cmpstr(ok ? NULL : error->message, ==, cases[i].message);
        if (!ok)
            g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        sk_value_free(&thing_type, thing);
    }
}

static void
test_check_nested(void)
{
    g_autoptr(GError) part = NULL;
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) where = NULL;
    g_autoptr(GError) color = NULL;
    g_autoptr(GError) many = NULL;
    Thing *thing = full_thing();
    ((Part *) thing->parts->pdata[1])->weight = 10;
    g_assert_false(sk_value_check(&thing_type, thing, "body", &part));
    g_assert_cmpstr(part->message, ==, "body.parts[p2].weight is 10, it must be from 1 to 9");
    ((Part *) thing->parts->pdata[1])->weight = 9;
    g_clear_pointer(&thing->spare->id, g_free);
    g_assert_false(sk_value_check(&thing_type, thing, NULL, &missing));
    g_assert_cmpstr(missing->message, ==, "spare.id is missing");
    thing->spare->id = g_strdup("s");
    thing->number = 13;
    g_assert_false(sk_value_check(&thing_type, thing, "body", &where));
    g_assert_cmpstr(where->message, ==, "body: number 13 brings bad luck");
    thing->number = 1;
    thing->color = 3;
    g_assert_false(sk_value_check(&thing_type, thing, NULL, &color));
    thing->color = 0;
    add_part(thing, "p3");
    add_part(thing, "p4");
    add_part(thing, "p5");
    g_assert_false(sk_value_check(&thing_type, thing, NULL, &many));
    g_assert_cmpstr(many->message, ==, "parts has 5 entries, at most 4 are allowed");
    sk_value_free(&thing_type, thing);
}

static void
test_text(void)
{
    static const char *const wrong[][2] = {
        { "flag", "maybe" }, { "number", "1.5" }, { "number", "3000000000" }, { "count", "-1" }, { "count", "4294967296" },
        { "offset", "x" }, { "serial", "18446744073709551616" }, { "size", "big" }, { "ratio", "half" }, { "ratio", "nan" },
        { "ratio", "" }, { "color", "pink" }, { "map", "novalue" }, { "map", "=v" }, { "main", "x" }, { "parts", "x" },
    };
    Thing *thing = full_thing(), *before = full_thing();
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s=%s", wrong[i][0], wrong[i][1]);
        g_assert_false(sk_field_set_text(sk_type_find(&thing_type, wrong[i][0]), thing, wrong[i][1], "t", &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        g_autofree char *prefix = g_strdup_printf("t.%s", wrong[i][0]);
        g_assert_true(g_str_has_prefix(error->message, prefix));
        g_assert_true(sk_value_equal(&thing_type, thing, before));
    }
    static const char *const round[][2] = {
        { "flag", "false" }, { "number", "-9" }, { "count", "4294967295" }, { "offset", "-9223372036854775808" },
        { "serial", "18446744073709551615" }, { "size", "4096" }, { "ratio", "0.25" }, { "name", "x y" }, { "color", "red" }, { "tags", "x,y" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(round); i++) {
        const SkField *field = sk_type_find(&thing_type, round[i][0]);
        set(thing, &thing_type, round[i][0], round[i][1]);
        g_autofree char *text = sk_field_get_text(field, thing);
        g_assert_cmpstr(text, ==, round[i][1]);
    }
    set(thing, &thing_type, "tags", "");
    g_assert_null(thing->tags);
    g_assert_null(sk_type_find(&thing_type, "nothing"));
    sk_value_free(&thing_type, thing);
    sk_value_free(&thing_type, before);
}

/* A type with a key, a read-only, a secret and a sticky field, in a list. */
typedef struct {
    char *key, *shown, *secret, *place;
} Entry;
static const SkField entry_fields[] = {
    SK_FIELD(Entry, key, STRING, "", .flags = SK_FIELD_KEY),
    SK_FIELD(Entry, shown, STRING, "", .flags = SK_FIELD_READONLY),
    SK_FIELD(Entry, secret, STRING, "", .flags = SK_FIELD_SECRET),
    SK_FIELD(Entry, place, STRING, "", .flags = SK_FIELD_STICKY),
};
static SK_TYPE(entry_type, Entry, "Entry", "entry", entry_fields, "");
typedef struct {
    GPtrArray *entries;
} Holder;
static const SkField holder_fields[] = { SK_FIELD(Holder, entries, LIST, "", .type = &entry_type) };
static SK_TYPE(holder_type, Holder, "Holder", "holder", holder_fields, "");

static Entry *
add_entry(Holder *holder, const char *key, const char *shown)
{
    Entry *entry = sk_value_new(&entry_type);
    entry->key = g_strdup(key);
    entry->shown = g_strdup(shown);
    if (holder->entries == NULL)
        holder->entries = sk_value_list_new(&entry_type);
    g_ptr_array_add(holder->entries, entry);
    return entry;
}

static void
test_request(void)
{
    Holder *old = sk_value_new(&holder_type), *request = sk_value_new(&holder_type);
    g_autoptr(GError) error = NULL;
    Entry *a = add_entry(old, "a", "net0");
    a->secret = g_strdup("s");
    a->place = g_strdup("p");
    add_entry(request, "b", NULL);
    Entry *again = add_entry(request, "a", NULL);

    g_assert_true(sk_value_check_readonly(&holder_type, old, request, NULL, NULL));
    sk_value_inherit(&holder_type, old, request);
    g_assert_cmpstr(again->shown, ==, "net0");
    g_assert_cmpstr(again->secret, ==, "s");
    g_assert_cmpstr(again->place, ==, "p");
    g_assert_null(((Entry *) request->entries->pdata[0])->shown);
    g_assert_true(sk_value_check_readonly(&holder_type, old, request, NULL, NULL));

    g_free(again->shown);
    again->shown = g_strdup("mine");
    g_assert_false(sk_value_check_readonly(&holder_type, old, request, NULL, &error));
    g_assert_cmpstr(error->message, ==, "entries[a].shown cannot be set: it is only shown");
    g_assert_false(sk_value_check_readonly(&holder_type, NULL, old, NULL, NULL));
    sk_value_free(&holder_type, old);
    sk_value_free(&holder_type, request);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fields/defaults", test_defaults);
    g_test_add_func("/fields/copy", test_copy);
    g_test_add_func("/fields/each-field-counts", test_each_field_counts);
    g_test_add_func("/fields/diff-nested", test_diff_nested);
    g_test_add_func("/fields/empty-is-equal", test_empty_is_equal);
    g_test_add_func("/fields/check", test_check);
    g_test_add_func("/fields/check-nested", test_check_nested);
    g_test_add_func("/fields/text", test_text);
    g_test_add_func("/fields/request", test_request);
    return g_test_run();
}
