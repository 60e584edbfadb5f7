/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directory of a repository: locks, names, and what is left when a writer dies. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "site.h"

static void
test_open(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    char *other = sk_repo_key_new();
    g_assert_null(sk_repo_open(self->path, other, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_DENIED);
    g_clear_error(&error);
    g_assert_null(sk_repo_open(self->dir, self->key, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(sk_repo_init(self->path, other, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_clear_error(&error);
    g_assert_false(sk_repo_init(self->dir, other, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    sk_repo_key_free(other);
}

static void
test_lock(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    SkRepo *other = sk_repo_open(self->path, self->key, NULL);
    g_assert_true(sk_repo_lock(self->repo, FALSE, NULL));
    g_assert_true(sk_repo_lock(other, FALSE, NULL));
    sk_repo_free(other);
    other = sk_repo_open(self->path, self->key, NULL);
    g_assert_false(sk_repo_lock(other, TRUE, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    sk_repo_free(self->repo);
    self->repo = NULL;
    g_assert_true(sk_repo_lock(other, TRUE, NULL));
    sk_repo_free(other);
    site_reopen(self);
}

static void
test_put(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SkRepoId id, again;
    (void) data;
    g_assert_true(sk_repo_put(self->repo, SK_REPO_FILE, "hello", 5, &id, NULL));
    g_assert_true(sk_repo_put(self->repo, SK_REPO_FILE, "hello", 5, &again, NULL));
    g_assert_true(sk_repo_id_equal(&id, &again));
    g_assert_cmpuint(site_count_objects(self), ==, 0);
    g_assert_true(sk_repo_sync(self->repo, NULL));
    g_assert_cmpuint(site_count_objects(self), ==, 1);
    guint64 written = sk_repo_written(self->repo);
    g_assert_true(sk_repo_put(self->repo, SK_REPO_FILE, "hello", 5, &again, NULL));
    g_assert_cmpuint(sk_repo_written(self->repo), ==, written);
    g_autoptr(GByteArray) bytes = sk_repo_get(self->repo, SK_REPO_FILE, &id, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(bytes->data, bytes->len, "hello", 5);
    id.bytes[0] ^= 1;
    g_assert_null(sk_repo_get(self->repo, SK_REPO_FILE, &id, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NOT_FOUND);
}

/* What was put and not asked to be kept is gone with the one who put it. */
static void
test_dropped(Site *self, gconstpointer data)
{
    SkRepoId id;
    (void) data;
    g_autofree char *temp = g_build_filename(self->path, "tmp", NULL);
    g_assert_true(sk_repo_put(self->repo, SK_REPO_FILE, "hello", 5, &id, NULL));
    site_reopen(self);
    g_autoptr(GDir) dir = g_dir_open(temp, 0, NULL);
    g_assert_null(g_dir_read_name(dir));
    g_assert_cmpuint(site_count_objects(self), ==, 0);
}

static void
test_backup_names(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const char *const wrong[] = { "x", "../../etc/passwd", SITE_UUID "/..", SITE_UUID "/a/b", SITE_UUID "/", "/a", "" };
    (void) data;
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_false(sk_repo_write_backup(self->repo, wrong[i], "{}", &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_NO_BACKUP);
        g_clear_error(&error);
        g_assert_null(sk_repo_read_backup(self->repo, wrong[i], &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_NO_BACKUP);
        g_clear_error(&error);
    }
    g_assert_true(sk_repo_write_backup(self->repo, SITE_UUID "/b", "{}", NULL));
    g_assert_true(sk_repo_write_backup(self->repo, SITE_UUID "/a", "{}", NULL));
    g_autoptr(GPtrArray) names = sk_repo_backup_names(self->repo, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(names->len, ==, 2);
    g_assert_cmpstr(names->pdata[0], ==, SITE_UUID "/a");
    g_assert_true(sk_repo_remove_backup(self->repo, SITE_UUID "/a", NULL));
    g_assert_false(sk_repo_remove_backup(self->repo, SITE_UUID "/a", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_BACKUP);
}

/* A backup's file that was given another's name is not taken for it. */
static void
test_backup_swapped(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_autofree char *folder = g_build_filename(self->path, "backups", SITE_UUID, NULL);
    g_autofree char *from = g_build_filename(folder, "a", NULL), *to = g_build_filename(folder, "b", NULL);
    g_assert_true(sk_repo_write_backup(self->repo, SITE_UUID "/a", "{}", NULL));
    g_assert_cmpint(g_rename(from, to), ==, 0);
    g_assert_null(sk_repo_read_backup(self->repo, SITE_UUID "/b", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IO);
}

/* Cut off before its head, a repository is none, and can be made there after the folder was emptied. */
static void
test_init_cut(Site *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_autofree char *path = g_build_filename(self->dir, "other", NULL);
    sk_fault_set("repository/init");
    g_assert_false(sk_repo_init(path, self->key, &error));
    sk_fault_set(NULL);
    g_assert_null(sk_repo_open(path, self->key, NULL));
    g_assert_true(sk_fs_remove_tree(path, NULL));
    g_assert_true(sk_repo_init(path, self->key, NULL));
}

/* -- steps that fail, and writers that are killed ------------------------------------------------------------------------ */

static void
make_one(const char *path, const char *key, GError **error)
{
    SkRepoId id;
    SkRepo *repo = sk_repo_open(path, key, error);
    if (repo != NULL && sk_repo_put(repo, SK_REPO_FILE, "hello", 5, &id, error))
        sk_repo_write_backup(repo, SITE_UUID "/a", "{}", error);
    sk_repo_free(repo);
}

static const char *const steps[] = { "repository/put", "repository/sync", "repository/named", "repository/backup" };

static void
test_steps(Site *self, gconstpointer data)
{
    (void) data;
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) names = NULL;
        sk_fault_set(steps[i]);
        make_one(self->path, self->key, &error);
        sk_fault_set(NULL);
        g_assert_nonnull(error);
        names = sk_repo_backup_names(self->repo, NULL);
        g_assert_cmpuint(names->len, ==, 0);
    }
    g_autoptr(GError) error = NULL;
    make_one(self->path, self->key, &error);
    g_assert_no_error(error);
}

static void
test_killed(Site *self, gconstpointer data)
{
    (void) data;
    if (g_test_subprocess()) {
        make_one(g_getenv("SITE_PATH"), g_getenv("SITE_KEY"), NULL);
        return;
    }
    g_setenv("SITE_PATH", self->path, TRUE);
    g_setenv("SITE_KEY", self->key, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(GPtrArray) names = NULL;
        g_setenv("SKEP_FAULT_EXIT", steps[i], TRUE);
        g_test_trap_subprocess("/repository/killed", 0, G_TEST_SUBPROCESS_DEFAULT);
        g_unsetenv("SKEP_FAULT_EXIT");
        g_test_trap_assert_failed();
        site_reopen(self);
        names = sk_repo_backup_names(self->repo, NULL);
        g_assert_cmpuint(names->len, ==, 0);
    }
    g_test_trap_subprocess("/repository/killed", 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_autofree char *text = sk_repo_read_backup(self->repo, SITE_UUID "/a", NULL);
    g_assert_cmpstr(text, ==, "{}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/repository/open", Site, NULL, site_set_up, test_open, site_tear_down);
    g_test_add("/repository/init-cut", Site, NULL, site_set_up, test_init_cut, site_tear_down);
    g_test_add("/repository/lock", Site, NULL, site_set_up, test_lock, site_tear_down);
    g_test_add("/repository/put", Site, NULL, site_set_up, test_put, site_tear_down);
    g_test_add("/repository/dropped", Site, NULL, site_set_up, test_dropped, site_tear_down);
    g_test_add("/repository/backup-names", Site, NULL, site_set_up, test_backup_names, site_tear_down);
    g_test_add("/repository/backup-swapped", Site, NULL, site_set_up, test_backup_swapped, site_tear_down);
    g_test_add("/repository/steps", Site, NULL, site_set_up, test_steps, site_tear_down);
    g_test_add("/repository/killed", Site, NULL, site_set_up, test_killed, site_tear_down);
    return g_test_run();
}
