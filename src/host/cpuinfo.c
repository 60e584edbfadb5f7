/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of /proc/cpuinfo. */
#include "host/cpuinfo.h"

#include <string.h>

/* The value if line is "key <blanks> : value", else NULL. */
static const char *
value_of(const char *line, const char *key)
{
    gsize length = strlen(key);
    if (strncmp(line, key, length) != 0)
        return NULL;
    line += length;
    line += strspn(line, " \t");
    return *line == ':' ? line + 1 + strspn(line + 1, " \t") : NULL;
}

char *
sk_cpuinfo_get(const char *text, const char *key)
{
    const char *line = text;
    while (line != NULL && *line != '\0') {
        const char *value = value_of(line, key);
        if (value != NULL)
            return g_strstrip(g_strndup(value, strcspn(value, "\n")));
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NULL;
}

guint
sk_cpuinfo_count(const char *text, const char *key)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        const char *value = value_of(lines[i], key);
        if (value != NULL)
            g_hash_table_add(seen, g_strdup(value));
    }
    return g_hash_table_size(seen);
}
