/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers, sizes, switches and enums in a tree. */
#include <string.h>

#include "codec/xml/node.h"

/* Fails naming the place and what is there. */
static gboolean
wrong(SkXmlNode *node, const char *path, const char *text, const char *right, GError **error)
{
    g_autofree char *where = sk_xml_where(node);
    return sk_fail(error, SK_ERROR_XML, "%s%s%s is \"%.64s\", give %s", where, g_str_equal(path, ".") ? "" : "/", g_str_equal(path, ".") ? "" : path,
                   text, right);
}

/* -- reading --------------------------------------------------------------------------------------------------------- */

static gboolean
parse_number(const char *text, guint64 max, guint64 *out)
{
    g_autofree char *bare = g_strstrip(g_strdup(text));
    gboolean hex = g_str_has_prefix(bare, "0x") || g_str_has_prefix(bare, "0X");
    return g_ascii_string_to_unsigned(hex ? bare + 2 : bare, hex ? 16 : 10, 0, max, out, NULL);
}

gboolean
sk_xml_get_uint64(SkXmlNode *node, const char *path, guint64 max, guint64 *out, GError **error)
{
    const char *text = sk_xml_get(node, path);
    guint64 number;
    if (text == NULL)
        return TRUE;
    if (parse_number(text, max, &number)) {
        *out = number;
        return TRUE;
    }
    g_autofree char *right = g_strdup_printf("a whole number from 0 to %" G_GUINT64_FORMAT, max);
    return wrong(node, path, text, right, error);
}

gboolean
sk_xml_get_uint(SkXmlNode *node, const char *path, guint max, guint *out, GError **error)
{
    guint64 number = *out;
    if (!sk_xml_get_uint64(node, path, max, &number, error))
        return FALSE;
    *out = (guint) number;
    return TRUE;
}

gboolean
sk_xml_get_int64(SkXmlNode *node, const char *path, gint64 *out, GError **error)
{
    const char *text = sk_xml_get(node, path);
    return text == NULL || g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, out, NULL) ||
           wrong(node, path, text, "a whole number", error);
}

gboolean
sk_xml_get_bool(SkXmlNode *node, const char *path, gboolean *out, GError **error)
{
    const char *text = sk_xml_get(node, path);
    static const char *const yes[] = { "yes", "on", "enabled", NULL }, *const no[] = { "no", "off", "disabled", NULL };
    if (text == NULL)
        return TRUE;
    if (!g_strv_contains(yes, text) && !g_strv_contains(no, text))
        return wrong(node, path, text, "yes or no (on or off)", error);
    *out = g_strv_contains(yes, text);
    return TRUE;
}

const char *
sk_xml_enum_name(const SkEnum *names, gint value)
{
    if (value < 0 || (guint) value >= names->count)
        return "?";
    return names->names[value].libvirt != NULL ? names->names[value].libvirt : names->names[value].name;
}

gboolean
sk_xml_enum_parse(const SkEnum *names, const char *text, const char *what, gint *out, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < names->count; i++) {
        const char *name = sk_xml_enum_name(names, (gint) i);
        if (g_str_equal(name, text)) {
            *out = (gint) i;
            return TRUE;
        }
        g_string_append_printf(list, "%s%s", i == 0 ? "" : i + 1 == names->count ? " or " : ", ", name);
    }
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s: %s \"%.64s\" is not supported: give %s", what, names->what, text, list->str);
}

gboolean
sk_xml_get_enum(SkXmlNode *node, const char *path, const SkEnum *names, gint *out, GError **error)
{
    const char *text = sk_xml_get(node, path);
    if (text == NULL)
        return TRUE;
    if (sk_xml_enum_parse(names, text, "", out, NULL))
        return TRUE;
    g_autofree char *where = sk_xml_where(node), *what = g_strconcat(where, "/", path, NULL);
    return sk_xml_enum_parse(names, text, g_str_equal(path, ".") ? where : what, out, error);
}

/* libvirt's units: two letters are powers of 1000, with an i, and single ones, of 1024. */
static guint64
unit_bytes(const char *unit)
{
    static const char letters[] = "kmgtpe";
    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strcasecmp(unit, "byte") == 0 || g_ascii_strcasecmp(unit, "bytes") == 0)
        return 1;
    const char *letter = *unit != '\0' ? strchr(letters, g_ascii_tolower(*unit)) : NULL;
    if (letter == NULL)
        return 0;
    gboolean decimal = g_ascii_strcasecmp(unit + 1, "b") == 0;
    if (!decimal && unit[1] != '\0' && g_ascii_strcasecmp(unit + 1, "ib") != 0)
        return 0;
    guint64 bytes = 1;
    for (gsize i = 0; i <= (gsize) (letter - letters); i++)
        bytes *= decimal ? 1000 : 1024;
    return bytes;
}

gboolean
sk_xml_get_size(SkXmlNode *node, const char *path, const char *unit, guint64 *out, GError **error)
{
    SkXmlNode *element = sk_xml_at(node, path);
    guint64 number = 0;
    if (element == NULL)
        return TRUE;
    const char *given = sk_xml_get(element, "@unit");
    guint64 factor = unit_bytes(given != NULL ? given : unit);
    if (factor == 0)
        return wrong(element, "@unit", given, "b, KiB, MiB, GiB or TiB", error);
    if (!sk_xml_get_uint64(element, ".", G_MAXINT64 / factor, &number, error))
        return FALSE;
    *out = number * factor;
    return TRUE;
}

void
sk_xml_get_string(SkXmlNode *node, const char *path, char **out)
{
    const char *text = sk_xml_get(node, path);
    if (text == NULL)
        return;
    g_free(*out);
    *out = g_strdup(text);
}

/* -- writing ----------------------------------------------------------------------------------------------------------- */

void
sk_xml_set_uint(SkXmlNode *node, const char *path, guint64 number)
{
    if (number != 0)
        sk_xml_setf(node, path, "%" G_GUINT64_FORMAT, number);
}

void
sk_xml_set_enum(SkXmlNode *node, const char *path, const SkEnum *names, gint value)
{
    sk_xml_set(node, path, sk_xml_enum_name(names, value));
}

void
sk_xml_set_size(SkXmlNode *node, const char *path, guint64 bytes)
{
    SkXmlNode *element = sk_xml_need(node, path);
    gboolean whole = bytes % 1024 == 0;
    sk_xml_set(element, "@unit", whole ? "KiB" : "b");
    sk_xml_setf(element, ".", "%" G_GUINT64_FORMAT, whole ? bytes / 1024 : bytes);
}
