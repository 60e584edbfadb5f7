/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and objects: what is sealed comes back, and nothing else does. */
#include <string.h>

#include "base/error.h"
#include "repository/object.h"
#include "site.h"

static void
make_keys(SkRepoKeys *out)
{
    g_autoptr(GError) error = NULL;
    char *key = sk_repo_key_new();
    sk_repo_key_parse(key, out, &error);
    g_assert_no_error(error);
    sk_repo_key_free(key);
}

static void
test_key(void)
{
    g_auto(SkRepoKeys) a = { 0 }, b = { 0 };
    g_autoptr(GError) error = NULL;
    char *key = sk_repo_key_new();
    g_autofree char *spaced = g_strdup_printf("  %s\n", key);
    g_assert_true(sk_repo_key_parse(key, &a, &error));
    g_assert_true(sk_repo_key_parse(spaced, &b, &error));
    g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
    g_assert_true(memcmp(a.name, a.seal, sizeof a.name) != 0);
    sk_repo_key_free(key);
}

static void
test_key_wrong(void)
{
    g_auto(SkRepoKeys) keys = { 0 };
    char *key = sk_repo_key_new();
    char *digit = key + strlen(key) - 20;
    *digit = *digit == 'a' ? 'b' : 'a';
    const char *const wrong[] = { key, "", "skep1-", "skep1-12", "nonsense", "skep1-zz" };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(sk_repo_key_parse(wrong[i], &keys, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    }
    g_autofree char *longer = g_strconcat(key, "00", NULL);
    g_assert_false(sk_repo_key_parse(longer, &keys, NULL));
    sk_repo_key_free(key);
}

static void
check_round(const SkRepoKeys *keys, const guint8 *bytes, gsize length)
{
    g_autoptr(GError) error = NULL;
    SkRepoId id;
    sk_repo_object_name(keys, SK_REPO_DATA, bytes, length, &id);
    g_autoptr(GByteArray) sealed = sk_repo_object_seal(keys, SK_REPO_DATA, &id, bytes, length);
    g_autoptr(GByteArray) plain = sk_repo_object_open(keys, SK_REPO_DATA, &id, sealed->data, sealed->len, "it", &error);
    g_assert_no_error(error);
    g_assert_cmpmem(plain->data, plain->len, bytes, length);
}

static void
test_round(void)
{
    g_auto(SkRepoKeys) keys = { 0 };
    make_keys(&keys);
    g_autofree guint8 *noise = site_noise(100000, 1);
    g_autofree guint8 *same = g_malloc0(100000);
    check_round(&keys, noise, 100000);
    check_round(&keys, same, 100000);
    check_round(&keys, noise, 1);
    check_round(&keys, noise, 0);
}

/* Each bit that is turned, and each byte that is missing, is found. */
static void
test_damage(void)
{
    g_auto(SkRepoKeys) keys = { 0 }, others = { 0 };
    SkRepoId id, other;
    const guint8 bytes[] = "what is in it";
    make_keys(&keys);
    make_keys(&others);
    sk_repo_object_name(&keys, SK_REPO_DATA, bytes, sizeof bytes, &id);
    sk_repo_object_name(&keys, SK_REPO_DATA, bytes, sizeof bytes - 1, &other);
    g_autoptr(GByteArray) sealed = sk_repo_object_seal(&keys, SK_REPO_DATA, &id, bytes, sizeof bytes);
    for (guint i = 0; i < sealed->len; i++) {
        sealed->data[i] ^= 1;
        g_assert_null(sk_repo_object_open(&keys, SK_REPO_DATA, &id, sealed->data, sealed->len, "it", NULL));
        sealed->data[i] ^= 1;
        g_assert_null(sk_repo_object_open(&keys, SK_REPO_DATA, &id, sealed->data, i, "it", NULL));
    }
    g_assert_null(sk_repo_object_open(&keys, SK_REPO_DATA, &other, sealed->data, sealed->len, "it", NULL));
    g_assert_null(sk_repo_object_open(&keys, SK_REPO_LEAF, &id, sealed->data, sealed->len, "it", NULL));
    g_assert_null(sk_repo_object_open(&others, SK_REPO_DATA, &id, sealed->data, sealed->len, "it", NULL));
    g_autoptr(GByteArray) plain = sk_repo_object_open(&keys, SK_REPO_DATA, &id, sealed->data, sealed->len, "it", NULL);
    g_assert_nonnull(plain);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/repository/key", test_key);
    g_test_add_func("/repository/key/wrong", test_key_wrong);
    g_test_add_func("/repository/object/round", test_round);
    g_test_add_func("/repository/object/damage", test_damage);
    return g_test_run();
}
