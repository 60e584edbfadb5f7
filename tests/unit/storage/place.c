/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See place.h. */
#include "place.h"

#include <stdarg.h>

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
place_assert_injected(const GError *error)
{
    g_autofree char *expected = g_strdup_printf("fault injected at step \"%s\"", g_getenv("SKEP_FAULT"));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, expected));
}
