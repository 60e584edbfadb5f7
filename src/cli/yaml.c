/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON values as YAML 1.2 in block style. Text that could be read as something else is quoted as in JSON. */
#include <string.h>

#include "cli/output.h"
#include "codec/json/json.h"

static void write_value(GString *out, json_t *value, guint depth);

/* Letters, digits and a few signs, beginning with a letter, and no word that YAML 1.1 or 1.2 reads as a value. */
static gboolean
is_plain(const char *text)
{
    static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n", NULL };
    if (!g_ascii_isalpha(*text) && *text != '/')
        return FALSE;
    for (const char *at = text; *at != '\0'; at++) {
        gboolean inner_space = *at == ' ' && at[1] != '\0' && at[1] != '#' && at[1] != ' ';
        gboolean inner_colon = *at == ':' && at[1] != '\0' && at[1] != ' ';
        if (!g_ascii_isalnum(*at) && strchr("-_./+@", *at) == NULL && !inner_space && !inner_colon)
            return FALSE;
    }
    g_autofree char *lower = g_ascii_strdown(text, -1);
    return !g_strv_contains(words, lower);
}

static void
write_text(GString *out, const char *text)
{
    if (is_plain(text))
        g_string_append(out, text);
    else
        sk_json_write_string(out, text);
}

static void
indent(GString *out, guint depth)
{
    for (guint i = 0; i < depth; i++)
        g_string_append(out, "  ");
}

/* " value\n", or "\n" and an indented block. */
static void
write_after_key(GString *out, json_t *value, guint depth)
{
    gboolean block = (json_is_object(value) && json_object_size(value) > 0) || (json_is_array(value) && json_array_size(value) > 0);
    g_string_append_c(out, block ? '\n' : ' ');
    write_value(out, value, depth);
}

static void
write_object(GString *out, json_t *object, guint depth, gboolean first_is_placed)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (!first_is_placed)
            indent(out, depth);
        first_is_placed = FALSE;
        write_text(out, key);
        g_string_append_c(out, ':');
        write_after_key(out, value, depth + 1);
    }
}

static void
write_array(GString *out, json_t *array, guint depth)
{
    gsize i;
    json_t *value;
    json_array_foreach(array, i, value) {
        indent(out, depth);
        g_string_append(out, "-");
        if (json_is_object(value) && json_object_size(value) > 0) {
            g_string_append_c(out, ' ');
            write_object(out, value, depth + 1, TRUE);
        } else {
            write_after_key(out, value, depth + 1);
        }
    }
}

static void
write_scalar(GString *out, json_t *value)
{
    if (json_is_string(value)) {
        write_text(out, json_string_value(value));
    } else if (json_is_object(value) || json_is_array(value)) {
        g_string_append(out, json_is_object(value) ? "{}" : "[]");
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        g_string_append(out, text != NULL ? text : "null");
        free(text);
    }
    g_string_append_c(out, '\n');
}

static void
write_value(GString *out, json_t *value, guint depth)
{
    if (json_is_object(value) && json_object_size(value) > 0)
        write_object(out, value, depth, FALSE);
    else if (json_is_array(value) && json_array_size(value) > 0)
        write_array(out, value, depth);
    else
        write_scalar(out, value);
}

void
sk_output_yaml(GString *out, json_t *value)
{
    write_value(out, value, 0);
}
