/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks go in and come out as they were, whole and by what changed. */
#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "site.h"

/* Two leaves and a bit, the last cluster being a part of one. */
#define DISK_BYTES (SK_REPO_LEAF_SPAN + 3 * (guint64) SK_REPO_WINDOW + 70000)

static void
test_small(Site *self, gconstpointer data)
{
    (void) data;
    g_autofree guint8 *bytes = site_noise(5000, 1);
    SkRepoId map = site_put_disk(self, bytes, 5000, NULL, NULL);
    g_assert_true(sk_repo_sync(self->repo, NULL));
    site_assert_disk(self, &map, bytes, 5000);
}

/* A disk of zeros is a map and nothing else. */
static void
test_zeros(Site *self, gconstpointer data)
{
    (void) data;
    g_autofree guint8 *bytes = g_malloc0(3 * SK_REPO_WINDOW);
    SkRepoId map = site_put_disk(self, bytes, 3 * SK_REPO_WINDOW, NULL, NULL);
    g_assert_true(sk_repo_sync(self->repo, NULL));
    g_assert_cmpuint(site_count_objects(self), ==, 1);
    site_assert_disk(self, &map, bytes, 3 * SK_REPO_WINDOW);
}

static void
test_large(Site *self, gconstpointer data)
{
    (void) data;
    g_autofree guint8 *bytes = g_malloc0(DISK_BYTES);
    g_autofree guint8 *noise = site_noise(3 * SK_REPO_WINDOW, 2);
    memcpy(bytes + 5 * SK_REPO_CLUSTER, noise, SK_REPO_WINDOW);
    memcpy(bytes + SK_REPO_LEAF_SPAN - SK_REPO_CLUSTER, noise, 3 * SK_REPO_WINDOW);
    bytes[DISK_BYTES - 1] = 1;
    SkRepoId map = site_put_disk(self, bytes, DISK_BYTES, NULL, NULL);
    g_assert_true(sk_repo_sync(self->repo, NULL));
    site_assert_disk(self, &map, bytes, DISK_BYTES);
    /* The same again adds nothing. */
    guint64 written = sk_repo_written(self->repo);
    SkRepoId again = site_put_disk(self, bytes, DISK_BYTES, NULL, NULL);
    g_assert_true(sk_repo_id_equal(&map, &again));
    g_assert_cmpuint(sk_repo_written(self->repo), ==, written);
}

/* Changes at random, each over the one before; every state stays as it was. */
static void
test_increments(Site *self, gconstpointer data)
{
    enum { WINDOWS = 6, ROUNDS = 12 };
    const gsize length = WINDOWS * (gsize) SK_REPO_WINDOW;
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    guint8 *states[ROUNDS];
    SkRepoId maps[ROUNDS];
    (void) data;
    for (guint round = 0; round < ROUNDS; round++) {
        guint16 changed[WINDOWS] = { 0 };
        states[round] = round == 0 ? site_noise(length, 3) : g_memdup2(states[round - 1], length);
        for (guint i = 0; round > 0 && i < 9; i++) {
            guint cluster = (guint) g_rand_int_range(rand, 0, WINDOWS * SK_REPO_WINDOW_CLUSTERS);
            changed[cluster / SK_REPO_WINDOW_CLUSTERS] |= (guint16) (1u << cluster % SK_REPO_WINDOW_CLUSTERS);
            memset(states[round] + (gsize) cluster * SK_REPO_CLUSTER, i % 3 == 0 ? 0 : g_rand_int(rand) & 0xff, SK_REPO_CLUSTER);
        }
        maps[round] = site_put_disk(self, states[round], length, round > 0 ? changed : NULL, round > 0 ? &maps[round - 1] : NULL);
    }
    g_assert_true(sk_repo_sync(self->repo, NULL));
    for (guint round = 0; round < ROUNDS; round++) {
        site_assert_disk(self, &maps[round], states[round], length);
        g_free(states[round]);
    }
}

static void
test_extents(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *bytes = g_malloc0(2 * SK_REPO_WINDOW);
    guint64 length;
    gboolean is_zero;
    (void) data;
    memset(bytes + SK_REPO_CLUSTER, 1, 2 * SK_REPO_CLUSTER);
    SkRepoId map = site_put_disk(self, bytes, 2 * SK_REPO_WINDOW, NULL, NULL);
    g_assert_true(sk_repo_sync(self->repo, NULL));
    g_autoptr(SkRepoDiskReader) reader = sk_repo_disk_reader_new(self->repo, &map, 2 * SK_REPO_WINDOW, &error);
    const struct { guint64 offset, length; gboolean is_zero; } expected[] = {
        { 10, SK_REPO_CLUSTER - 10, TRUE },
        { SK_REPO_CLUSTER, 2 * SK_REPO_CLUSTER, FALSE },
        { 3 * SK_REPO_CLUSTER, 13 * SK_REPO_CLUSTER, TRUE },
        { SK_REPO_WINDOW + 1, SK_REPO_WINDOW - 1, TRUE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_true(sk_repo_disk_extent(reader, expected[i].offset, &length, &is_zero, NULL));
        g_assert_cmpuint(length, ==, expected[i].length);
        g_assert_cmpint(is_zero, ==, expected[i].is_zero);
    }
}

/* An error of a thread that writes is told, and nothing is kept. */
static void
test_failure(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SkRepoId map;
    (void) data;
    g_autoptr(SkRepoDiskWriter) writer = sk_repo_disk_writer_new(self->repo, 2 * SK_REPO_WINDOW, NULL, 0, &error);
    sk_fault_set("repository/put");
    sk_repo_disk_put(writer, 0, G_MAXUINT16, site_noise(SK_REPO_WINDOW, 1), NULL);
    g_assert_false(sk_repo_disk_end(writer, &map, &error));
    sk_fault_set(NULL);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "repository/put"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/repository/disk/small", Site, NULL, site_set_up, test_small, site_tear_down);
    g_test_add("/repository/disk/zeros", Site, NULL, site_set_up, test_zeros, site_tear_down);
    g_test_add("/repository/disk/large", Site, NULL, site_set_up, test_large, site_tear_down);
    g_test_add("/repository/disk/increments", Site, NULL, site_set_up, test_increments, site_tear_down);
    g_test_add("/repository/disk/extents", Site, NULL, site_set_up, test_extents, site_tear_down);
    g_test_add("/repository/disk/failure", Site, NULL, site_set_up, test_failure, site_tear_down);
    return g_test_run();
}
