/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what a repository has or is told: a leaf of a map, an object, a key, a name, a rule; the first byte says which. */
#include "model/retention.h"
#include "repository/map.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
try_leaf(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkRepoLeaf) leaf = sk_repo_leaf_decode(data, size, "input", &error);
    g_assert_true((leaf != NULL) == (error == NULL));
    if (leaf == NULL)
        return;
    g_autoptr(GByteArray) again = sk_repo_leaf_encode(leaf);
    g_assert_cmpmem(again->data, again->len, data, size);
}

static void
try_object(const guint8 *data, gsize size)
{
    const SkRepoKeys keys = { .name = { 1 }, .seal = { 2 } };
    const SkRepoId id = { { 3 } };
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) plain = sk_repo_object_open(&keys, SK_REPO_DATA, &id, data, size, "input", &error);
    g_assert_true((plain != NULL) == (error == NULL));
}

static void
try_key(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *) data, size);
    g_auto(SkRepoKeys) keys = { 0 };
    g_autoptr(GError) error = NULL;
    g_assert_true(sk_repo_key_parse(text, &keys, &error) == (error == NULL));
}

static void
try_name(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *) data, size);
    char again[65];
    SkRepoId id;
    if (!sk_repo_id_parse(text, &id))
        return;
    sk_repo_id_format(&id, again);
    g_assert_cmpint(g_ascii_strcasecmp(again, text), ==, 0);
}

static void
try_rule(const guint8 *data, gsize size)
{
    const gint64 times[] = { 5 * 86400 * (gint64) G_USEC_PER_SEC, 3600 * (gint64) G_USEC_PER_SEC, 0, G_MININT64 };
    g_autofree char *text = g_strndup((const char *) data, size);
    g_autoptr(GError) error = NULL;
    gboolean keep[G_N_ELEMENTS(times)];
    SkRetention rule;
    g_assert_true(sk_retention_parse(text, "it", &rule, &error) == (error == NULL));
    if (error != NULL)
        return;
    sk_retention_apply(&rule, times, G_N_ELEMENTS(times), keep);
    g_assert_true(keep[0]);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    void (*const tries[])(const guint8 *, gsize) = { try_leaf, try_object, try_key, try_name, try_rule };
    if (size > 0)
        tries[data[0] % G_N_ELEMENTS(tries)](data + 1, size - 1);
    return 0;
}
