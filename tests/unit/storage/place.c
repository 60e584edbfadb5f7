/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See place.h. */
#include "place.h"

#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "storage/pool.h"

void
place_set_up(Place *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    self->dir = g_dir_make_tmp("skep-storage-XXXXXX", &error);
    g_assert_no_error(error);
    self->spec = (SkPoolSpec){ .name = (char *) "pool", .path = self->dir };
    self->roots[0] = self->dir;
    sk_storage_pool_start(&self->spec, &error);
    g_assert_no_error(error);
}

void
place_tear_down(Place *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    sk_fs_remove_tree(self->dir, &error);
    g_assert_no_error(error);
    g_free(self->dir);
}

const char *
place_path(Place *self, const char *name)
{
    char *path = g_build_filename(self->dir, name, NULL);
    g_test_queue_free(path);
    return path;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *) a, *(const char *const *) b);
}

char *
place_entries(const Place *self)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(self->dir, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_text);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **) names->pdata);
}

void
place_run(const char *program, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    va_list args;
    va_start(args, program);
    for (const char *arg = program; arg != NULL; arg = va_arg(args, const char *))
        g_ptr_array_add(argv, (gpointer) arg);
    va_end(args);
    g_ptr_array_add(argv, NULL);
    sk_run((const char *const *) argv->pdata, NULL, NULL, &error);
    g_assert_no_error(error);
}

void
place_write_disk(const char *path, gsize size, guint8 fill)
{
    g_autofree char *bytes = g_malloc0(size);
    g_autoptr(GError) error = NULL;
    memset(bytes, fill, MIN(size, 300 * 1024));
    bytes[510] = 0x55;
    bytes[511] = (char) 0xaa;
    g_file_set_contents(path, bytes, (gssize) size, &error);
    g_assert_no_error(error);
}

gboolean
place_has(const char *program)
{
    g_autofree char *path = g_find_program_in_path(program);
    g_autofree char *missing = g_strdup_printf("%s is not installed", program);
    if (path == NULL)
        g_test_skip(missing);
    return path != NULL;
}

void
place_fail_each(const char *path, const char *const *steps)
{
    for (gsize i = 0; steps[i] != NULL; i++) {
        g_test_message("failing %s", steps[i]);
        g_setenv("SKEP_FAULT", steps[i], TRUE);
        g_test_trap_subprocess(path, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
        g_unsetenv("SKEP_FAULT");
        g_test_trap_assert_passed();
    }
}

void
place_kill_each(const char *path, const char *const *steps, void (*check)(Place *), Place *place)
{
    for (gsize i = 0; steps[i] != NULL; i++) {
        g_test_message("killed at %s", steps[i]);
        g_setenv("SKEP_FAULT_EXIT", steps[i], TRUE);
        g_test_trap_subprocess(path, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
        g_unsetenv("SKEP_FAULT_EXIT");
        g_test_trap_assert_failed();
        check(place);
    }
}

static void
map_id(const char *file, guint id)
{
    g_autofree char *map = g_strdup_printf("0 %u 1", id);
    g_autoptr(GError) error = NULL;
    g_file_set_contents_full(file, map, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error);
    g_assert_no_error(error);
}

gboolean
place_make_small(Place *self, gsize bytes)
{
    g_autofree char *options = g_strdup_printf("size=%" G_GSIZE_FORMAT, bytes);
    guint uid = geteuid(), gid = getegid();
    if (unshare(uid != 0 ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0)
        return FALSE;
    if (uid != 0) {
        g_file_set_contents_full("/proc/self/setgroups", "deny", -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
        map_id("/proc/self/uid_map", uid);
        map_id("/proc/self/gid_map", gid);
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("none", self->dir, "tmpfs", 0, options) == 0;
}

gboolean
place_can_be_small(Place *self)
{
    gint status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(place_make_small(self, 65536) ? 0 : 1);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    if (status != 0)
        g_test_skip("mounting a tmpfs in a namespace is not allowed here");
    return status == 0;
}

void
place_assert_injected(const GError *error)
{
    g_autofree char *expected = g_strdup_printf("fault injected at step \"%s\"", g_getenv("SKEP_FAULT"));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, expected));
}
