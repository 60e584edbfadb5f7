/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables, sheets, JSON, YAML and names. */
#include "cli/output.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName format_names[] = { { "table" }, { "json" }, { "yaml" }, { "name" } };
SK_ENUM_TABLE(sk_format_enum, "output format", format_names, SK_N_FORMATS);

#define GAP 2

/* -- values in JSON ------------------------------------------------------------------------------------------ */

static json_t *
walk(json_t *value, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    for (guint i = 0; parts[i] != NULL && value != NULL; i++)
        value = json_object_get(value, parts[i]);
    return value;
}

json_t *
sk_json_at(json_t *value, const char *path)
{
    json_t *found = walk(value, path);
    if (found == NULL && (g_str_has_prefix(path, "spec.") || g_str_has_prefix(path, "status.")))
        found = walk(value, strchr(path, '.') + 1);
    return found;
}

const char *
sk_json_text_at(json_t *value, const char *path)
{
    return json_string_value(sk_json_at(value, path));
}

gint64
sk_json_int_at(json_t *value, const char *path)
{
    json_t *found = sk_json_at(value, path);
    return json_is_real(found) ? (gint64) json_real_value(found) : json_integer_value(found);
}

/* -- text ----------------------------------------------------------------------------------------------------- */

char *
sk_text_clean(const char *text)
{
    GString *out = g_string_sized_new(strlen(text) + 1);
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char_validated(at, -1);
        if (c == (gunichar) -1 || c == (gunichar) -2) {
            g_string_append(out, "?");
            return g_string_free(out, FALSE);
        }
        if (c == '\n' || c == '\t')
            g_string_append_c(out, ' ');
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            g_string_append_printf(out, "\\x%02x", c);
        else
            g_string_append_unichar(out, c);
    }
    return g_string_free(out, FALSE);
}

guint
sk_text_width(const char *text)
{
    guint width = 0;
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

static char *
time_text(gint64 seconds)
{
    if (seconds <= 0)
        return g_strdup("-");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("-");
}

static char *
list_text(json_t *list)
{
    GString *out = g_string_new(NULL);
    gsize i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        g_autofree char *text = sk_cell_text(entry, SK_CELL_TEXT);
        g_string_append_printf(out, "%s%s", i > 0 ? "," : "", text);
    }
    if (out->len == 0)
        g_string_append_c(out, '-');
    return g_string_free(out, FALSE);
}

static char *
plain_text(json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return *json_string_value(value) != '\0' ? sk_text_clean(json_string_value(value)) : g_strdup("-");
    case JSON_INTEGER:
        return g_strdup_printf("%" G_GINT64_FORMAT, (gint64) json_integer_value(value));
    case JSON_REAL:
        return g_strdup_printf("%.6g", json_real_value(value));
    case JSON_TRUE:
        return g_strdup("yes");
    case JSON_FALSE:
        return g_strdup("no");
    case JSON_ARRAY:
        return list_text(value);
    case JSON_OBJECT: {
        char *text = json_dumps(value, JSON_COMPACT);
        char *copy = sk_text_clean(text != NULL ? text : "");
        free(text);
        return copy;
    }
    case JSON_NULL:
        break;
    }
    return g_strdup("-");
}

char *
sk_cell_text(json_t *value, SkCell cell)
{
    if (value == NULL || json_is_null(value))
        return g_strdup("-");
    gint64 number = json_is_real(value) ? (gint64) json_real_value(value) : json_integer_value(value);
    switch (cell) {
    case SK_CELL_SIZE:
        return json_is_integer(value) ? sk_size_format((guint64) MAX(number, 0)) : plain_text(value);
    case SK_CELL_TIME:
        return time_text(number / G_USEC_PER_SEC);
    case SK_CELL_SECONDS:
        return time_text(number);
    case SK_CELL_DURATION:
        return g_strdup_printf("%.1f s", (gdouble) number / 1e9);
    case SK_CELL_KNOWN:
        return g_strcmp0(json_string_value(value), "unknown") != 0 ? plain_text(value) : g_strdup("-");
    case SK_CELL_YES:
        return g_strdup(json_is_true(value) ? "yes" : "-");
    case SK_CELL_PERCENT:
        return json_number_value(value) >= 0 ? g_strdup_printf("%.0f%%", json_number_value(value) * 100) : g_strdup("-");
    case SK_CELL_SHORT_ID: {
        g_autofree char *text = plain_text(value);
        return g_utf8_substring(text, 0, MIN(8, g_utf8_strlen(text, -1)));
    }
    case SK_CELL_TEXT:
        break;
    }
    return plain_text(value);
}

/* -- tables ------------------------------------------------------------------------------------------------------- */

typedef struct {
    char *text;
    guint width;
    gboolean to_right;
} Cell;

struct SkTable {
    guint n_columns;
    GArray *cells;          /* Cell; the titles are the first row */
};

static void
clear_cell(gpointer data)
{
    g_free(((Cell *) data)->text);
}

SkTable *
sk_table_new(const char *const *titles, guint n_columns)
{
    SkTable *self = g_new0(SkTable, 1);
    self->n_columns = n_columns;
    self->cells = g_array_new(FALSE, FALSE, sizeof(Cell));
    g_array_set_clear_func(self->cells, clear_cell);
    for (guint i = 0; i < n_columns; i++)
        sk_table_add(self, titles[i], FALSE);
    return self;
}

void
sk_table_free(SkTable *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->cells);
    g_free(self);
}

void
sk_table_add(SkTable *self, const char *text, gboolean to_right)
{
    Cell cell = { .text = g_strdup(text), .width = sk_text_width(text), .to_right = to_right };
    g_array_append_val(self->cells, cell);
}

static void
pad(GString *out, guint n)
{
    for (guint i = 0; i < n; i++)
        g_string_append_c(out, ' ');
}

void
sk_table_write(const SkTable *self, GString *out)
{
    guint n = self->n_columns, rows = n > 0 ? self->cells->len / n : 0;
    g_autofree guint *widths = g_new0(guint, n);
    g_autofree gboolean *to_right = g_new0(gboolean, n);
    for (guint i = 0; i < rows * n; i++) {
        const Cell *cell = &g_array_index(self->cells, Cell, i);
        widths[i % n] = MAX(widths[i % n], cell->width);
        to_right[i % n] |= cell->to_right;
    }
    for (guint i = 0; i < rows * n; i++) {
        const Cell *cell = &g_array_index(self->cells, Cell, i);
        gboolean last = i % n == n - 1;
        guint space = widths[i % n] - cell->width;
        if (to_right[i % n])
            pad(out, space);
        g_string_append(out, cell->text);
        if (!last)
            pad(out, (to_right[i % n] ? 0 : space) + GAP);
        else
            g_string_append_c(out, '\n');
    }
}

static guint
count_columns(const SkColumn *columns)
{
    guint n = 0;
    while (columns[n].title != NULL)
        n++;
    return n;
}

void
sk_output_table(GString *out, json_t *list, const SkColumn *columns)
{
    guint n = count_columns(columns);
    g_autofree const char **titles = g_new0(const char *, n);
    for (guint i = 0; i < n; i++)
        titles[i] = columns[i].title;
    g_autoptr(SkTable) table = sk_table_new(titles, n);
    gsize row;
    json_t *entry;
    json_array_foreach(list, row, entry) {
        for (guint i = 0; i < n; i++) {
            json_t *value = sk_json_at(entry, columns[i].path);
            g_autofree char *text = sk_cell_text(value, columns[i].cell);
            gboolean number = columns[i].cell == SK_CELL_SIZE || columns[i].cell == SK_CELL_PERCENT || columns[i].cell == SK_CELL_DURATION ||
                              (columns[i].cell == SK_CELL_TEXT && json_is_number(value));
            sk_table_add(table, text, number);
        }
    }
    sk_table_write(table, out);
}

/* -- sheets ---------------------------------------------------------------------------------------------------------- */

static void
write_line(GString *out, guint width, const char *title, const char *text)
{
    g_string_append_printf(out, "%s:", title);
    pad(out, width - sk_text_width(title) + 1);
    g_string_append_printf(out, "%s\n", text);
}

void
sk_output_sheet(GString *out, json_t *object, const SkColumn *columns, const SkSection *sections)
{
    guint width = 0;
    for (const SkColumn *at = columns; at->title != NULL; at++)
        width = MAX(width, sk_text_width(at->title));
    for (const SkColumn *at = columns; at->title != NULL; at++) {
        g_autofree char *text = sk_cell_text(sk_json_at(object, at->path), at->cell);
        if (!g_str_equal(text, "-"))
            write_line(out, width, at->title, text);
    }
    for (const SkSection *at = sections; at != NULL && at->title != NULL; at++) {
        json_t *list = sk_json_at(object, at->path);
        if (json_array_size(list) == 0)
            continue;
        g_string_append_printf(out, "\n%s\n", at->title);
        sk_output_table(out, list, at->columns);
    }
}

/* -- JSON, names ---------------------------------------------------------------------------------------------------------- */

void
sk_output_json(GString *out, json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (text != NULL)
        g_string_append_printf(out, "%s\n", text);
    free(text);
}

static const char *
name_of(json_t *object)
{
    static const char *const keys[] = { "name", "spec.name", "target", "mac", "id", "ip", "address", "check", "type", "hostname" };
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *text = sk_json_text_at(object, keys[i]);
        if (text != NULL)
            return text;
    }
    return NULL;
}

void
sk_output_names(GString *out, json_t *value)
{
    gsize i;
    json_t *entry;
    if (!json_is_array(value)) {
        const char *name = name_of(value);
        g_autofree char *clean = sk_text_clean(name != NULL ? name : "");
        if (name != NULL)
            g_string_append_printf(out, "%s\n", clean);
        return;
    }
    json_array_foreach(value, i, entry)
        sk_output_names(out, entry);
}
