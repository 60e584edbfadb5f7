/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files of the host, or of a tree that stands for it. */
#include "host/root.h"

#include <string.h>

#include "base/fs.h"

#define FILE_MAX (4 * 1024 * 1024)

char *
sk_host_path(const char *root, const char *path)
{
    return g_strconcat(root != NULL ? root : "", path, NULL);
}

char *
sk_host_read(const char *root, const char *path)
{
    g_autofree char *full = sk_host_path(root, path);
    char *text = sk_fs_read(full, FILE_MAX, NULL, NULL);
    return text != NULL ? g_strchomp(text) : NULL;
}

gint64
sk_host_read_number(const char *root, const char *path, gint64 fallback)
{
    g_autofree char *text = sk_host_read(root, path);
    gint64 number;
    if (text == NULL || !g_ascii_string_to_signed(g_strstrip(text), 10, G_MININT64, G_MAXINT64, &number, NULL))
        return fallback;
    return number;
}

gboolean
sk_host_exists(const char *root, const char *path)
{
    g_autofree char *full = sk_host_path(root, path);
    return g_file_test(full, G_FILE_TEST_EXISTS);
}

gboolean
sk_words_have(const char *words, const char *word)
{
    gsize length = strlen(word);
    for (const char *at = words; at != NULL && (at = strstr(at, word)) != NULL; at += length) {
        gboolean starts = at == words || at[-1] == ' ';
        if (starts && (at[length] == ' ' || at[length] == '\0'))
            return TRUE;
    }
    return FALSE;
}
