/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking after repositories: what is damaged is named, and what is removed is not needed. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"
#include "repository/upkeep.h"
#include "site.h"

#define DISK_BYTES (2 * (gsize) SK_REPO_WINDOW)

static void
ignore_progress(guint64 done, guint64 total, gpointer data)
{
    (void) data;
    g_assert_cmpuint(done, <=, total);
}

/* Backups "a", "b" and "c", an hour apart, the second and the third from the one before. */
static void
make_three(Site *self, SkRepoId *maps, guint8 **states)
{
    guint16 changed[2] = { 0x0001, 0 };
    for (guint i = 0; i < 3; i++) {
        states[i] = i == 0 ? site_noise(DISK_BYTES, 1) : g_memdup2(states[i - 1], DISK_BYTES);
        if (i > 0)
            memset(states[i], (gint) i, SK_REPO_CLUSTER);
        maps[i] = site_put_disk(self, states[i], DISK_BYTES, i > 0 ? changed : NULL, i > 0 ? &maps[i - 1] : NULL);
        g_autofree char *name = g_strdup_printf("%c", 'a' + i);
        site_keep(self, name, i, &maps[i], DISK_BYTES);
    }
}

static void
free_states(guint8 **states)
{
    for (guint i = 0; i < 3; i++)
        g_free(states[i]);
}

static void
verify(Site *self, const char *name, SkRepoReport *out)
{
    g_autoptr(GError) error = NULL;
    sk_repo_verify(self->repo, name, ignore_progress, NULL, out, &error);
    g_assert_no_error(error);
}

static void
test_whole(Site *self, gconstpointer data)
{
    g_auto(SkRepoReport) report = { 0 };
    SkRepoId maps[3];
    guint8 *states[3];
    (void) data;
    make_three(self, maps, states);
    verify(self, NULL, &report);
    g_assert_cmpuint(report.backups, ==, 3);
    g_assert_cmpuint(report.damaged->len, ==, 0);
    g_autoptr(GError) error = NULL;
    SkRepoReport none = { 0 };
    g_assert_false(sk_repo_verify(self->repo, SITE_UUID "/x", ignore_progress, NULL, &none, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_BACKUP);
    free_states(states);
}

/* The object of the second window, which all three share. */
static char *
find_shared(Site *self, const SkRepoId *map)
{
    g_autoptr(GArray) leaves = sk_repo_load_root(self->repo, map, DISK_BYTES, NULL);
    g_autoptr(SkRepoLeaf) leaf = sk_repo_load_leaf(self->repo, &g_array_index(leaves, SkRepoId, 0), NULL);
    return site_object_file(self, &g_array_index(leaf->windows[1], SkRepoPiece, 0).id);
}

/* Every backup that has a truncated object is named, and nothing is removed because of it. */
static void
test_truncated(Site *self, gconstpointer data)
{
    g_auto(SkRepoReport) report = { 0 };
    SkRepoId maps[3];
    guint8 *states[3];
    (void) data;
    make_three(self, maps, states);
    g_autofree char *file = find_shared(self, &maps[0]);
    g_assert_cmpint(truncate(file, 1000), ==, 0);
    verify(self, NULL, &report);
    g_assert_cmpuint(report.damaged->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        g_assert_nonnull(strstr(report.damaged->pdata[i], "\"vda\""));
        g_assert_nonnull(strstr(report.damaged->pdata[i], "cut short"));
    }
    /* What was written with the same bytes again mends it: the damaged one is out of the way first. */
    g_assert_cmpint(unlink(file), ==, 0);
    site_put_disk(self, states[0], DISK_BYTES, NULL, NULL);
    g_assert_true(sk_repo_sync(self->repo, NULL));
    sk_repo_report_clear(&report);
    verify(self, NULL, &report);
    g_assert_cmpuint(report.damaged->len, ==, 0);
    free_states(states);
}

static void
test_prune(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkRepoReport) report = { 0 };
    SkRetention keep = { .count = { [SK_KEEP_LAST] = 1 } };
    SkRepoFreed freed;
    SkRepoId maps[3];
    guint8 *states[3];
    (void) data;
    make_three(self, maps, states);
    guint before = site_count_objects(self);
    g_autoptr(GPtrArray) names = sk_repo_plan_prune(self->repo, "web1", &keep, &error);
    g_assert_cmpuint(names->len, ==, 2);
    for (guint i = 0; i < names->len; i++)
        g_assert_true(sk_repo_remove_backup(self->repo, names->pdata[i], NULL));
    g_assert_true(sk_repo_lock(self->repo, TRUE, NULL));
    g_assert_true(sk_repo_collect(self->repo, &freed, &error));
    g_assert_cmpuint(freed.objects, >, 0);
    g_assert_cmpuint(site_count_objects(self), ==, before - freed.objects);
    site_assert_disk(self, &maps[2], states[2], DISK_BYTES);
    verify(self, NULL, &report);
    g_assert_cmpuint(report.damaged->len, ==, 0);
    free_states(states);
}

/* With a leaf gone it is not known what the backup needs: nothing more is lost. */
static void
test_collect_refused(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SkRepoFreed freed;
    SkRepoId maps[3];
    guint8 *states[3];
    (void) data;
    make_three(self, maps, states);
    g_autofree char *file = site_object_file(self, &maps[1]);
    g_assert_cmpint(unlink(file), ==, 0);
    guint before = site_count_objects(self);
    g_assert_false(sk_repo_collect(self->repo, &freed, &error));
    g_assert_nonnull(strstr(error->message, "nothing was removed"));
    g_assert_cmpuint(site_count_objects(self), ==, before);
    free_states(states);
}

/* Cut off in the middle of removing, the next one goes on. */
static void
test_collect_cut(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SkRepoFreed freed;
    SkRepoId maps[3];
    guint8 *states[3];
    (void) data;
    make_three(self, maps, states);
    g_assert_true(sk_repo_remove_backup(self->repo, SITE_UUID "/a", NULL));
    sk_fault_set("repository/collect");
    g_assert_false(sk_repo_collect(self->repo, &freed, &error));
    sk_fault_set(NULL);
    g_assert_true(sk_repo_collect(self->repo, &freed, NULL));
    site_assert_disk(self, &maps[1], states[1], DISK_BYTES);
    site_assert_disk(self, &maps[2], states[2], DISK_BYTES);
    free_states(states);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/repository/verify/whole", Site, NULL, site_set_up, test_whole, site_tear_down);
    g_test_add("/repository/verify/truncated", Site, NULL, site_set_up, test_truncated, site_tear_down);
    g_test_add("/repository/prune", Site, NULL, site_set_up, test_prune, site_tear_down);
    g_test_add("/repository/collect/refused", Site, NULL, site_set_up, test_collect_refused, site_tear_down);
    g_test_add("/repository/collect/cut", Site, NULL, site_set_up, test_collect_cut, site_tear_down);
    return g_test_run();
}
