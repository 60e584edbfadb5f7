/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A store in a directory of its own. */
#include "fixture.h"

#include "base/fs.h"
#include "base/thread.h"

static void
open_store(Fixture *self)
{
    g_autoptr(GError) error = NULL;
    self->store = sk_store_open(self->path, &error);
    g_assert_no_error(error);
    g_assert_nonnull(self->store);
}

void
fixture_set_up(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    sk_thread_init();
    self->dir = g_dir_make_tmp("skep-store-XXXXXX", &error);
    g_assert_no_error(error);
    self->path = g_build_filename(self->dir, "skep.db", NULL);
    open_store(self);
}

void
fixture_tear_down(Fixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    sk_store_close(self->store);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    sk_fs_remove_tree(self->dir, &error);
    g_assert_no_error(error);
    g_free(self->dir);
    g_free(self->path);
}

void
fixture_reopen(Fixture *self)
{
    sk_store_close(self->store);
    open_store(self);
}

char *
fixture_uuid(guint number)
{
    return g_strdup_printf("00000000-0000-4000-8000-%012u", number);
}

void
fixture_put(Fixture *self, guint number, const char *name, const char *spec)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = fixture_uuid(number);
    g_autoptr(SkRecord) record = sk_record_new("domain", uuid, name, spec);
    sk_store_put(self->store, record, &error);
    g_assert_no_error(error);
}

void
fixture_wait(const gboolean *flag)
{
    while (!*flag)
        g_main_context_iteration(NULL, TRUE);
}
