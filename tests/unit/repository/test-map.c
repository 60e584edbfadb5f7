/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaves of maps: which pieces of a window count, and as bytes. */
#include "base/error.h"
#include "site.h"

static const SkRepoId a = { { 1 } }, b = { { 2 } }, c = { { 3 } };

static void
test_change(void)
{
    g_autoptr(SkRepoLeaf) leaf = sk_repo_leaf_new();
    sk_repo_leaf_change(leaf, 7, 0xffff, &a, 0x00ff);
    sk_repo_leaf_change(leaf, 7, 0x0003, &b, 0x0001);
    g_assert_cmpuint(leaf->windows[7]->len, ==, 2);
    g_assert_cmphex(g_array_index(leaf->windows[7], SkRepoPiece, 0).used, ==, 0x00fc);
    g_assert_cmphex(g_array_index(leaf->windows[7], SkRepoPiece, 0).stored, ==, 0x00ff);
    g_assert_cmphex(g_array_index(leaf->windows[7], SkRepoPiece, 1).used, ==, 0x0001);
    /* What is replaced whole is named no more. */
    sk_repo_leaf_change(leaf, 7, 0x00ff, &c, 0x00ff);
    g_assert_cmpuint(leaf->windows[7]->len, ==, 1);
    sk_repo_leaf_change(leaf, 7, 0xffff, NULL, 0);
    g_assert_null(leaf->windows[7]);
}

static void
test_bytes(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkRepoLeaf) leaf = sk_repo_leaf_new();
    sk_repo_leaf_change(leaf, 0, 0xffff, &a, 0xffff);
    sk_repo_leaf_change(leaf, 0, 0x0f00, &b, 0x0f00);
    sk_repo_leaf_change(leaf, 255, 0xffff, &c, 0x8000);
    g_autoptr(GByteArray) bytes = sk_repo_leaf_encode(leaf);
    g_autoptr(SkRepoLeaf) again = sk_repo_leaf_decode(bytes->data, bytes->len, "it", &error);
    g_assert_no_error(error);
    g_autoptr(GByteArray) same = sk_repo_leaf_encode(again);
    g_assert_cmpmem(bytes->data, bytes->len, same->data, same->len);
    for (guint i = 0; i < bytes->len; i++)
        g_assert_null(sk_repo_leaf_decode(bytes->data, i, "it", NULL));
    /* More clusters used than are stored. */
    bytes->data[1 + 36 + 32 + 1] = 0;
    g_assert_null(sk_repo_leaf_decode(bytes->data, bytes->len, "it", NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/repository/map/change", test_change);
    g_test_add_func("/repository/map/bytes", test_bytes);
    return g_test_run();
}
