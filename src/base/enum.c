/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lookup in enum name tables. */
#include "base/enum.h"

#include <string.h>

#include "base/error.h"

const char *
sk_enum_name(const SkEnum *self, gint value)
{
    return value >= 0 && (guint) value < self->count ? self->names[value].name : "?";
}

gboolean
sk_enum_parse(const SkEnum *self, const char *name, gint *out_value, GError **error)
{
    for (guint i = 0; name != NULL && i < self->count; i++) {
        if (g_str_equal(self->names[i].name, name)) {
            *out_value = (gint) i;
            return TRUE;
        }
    }
    g_autofree char *list = sk_enum_list(self);
    gboolean vowel = strchr("aeiouAEIOU", self->what[0]) != NULL;
    return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is not %s %s: give %s", name ? name : "",
                   vowel ? "an" : "a", self->what, list);
}

char *
sk_enum_list(const SkEnum *self)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < self->count; i++) {
        if (i > 0)
            g_string_append(text, i + 1 == self->count ? " or " : ", ");
        g_string_append(text, self->names[i].name);
    }
    return g_string_free(text, FALSE);
}
