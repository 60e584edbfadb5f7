/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo list, and the fault points that tests use to make each step fail. */
#include "base/undo.h"

#include <signal.h>
#include <unistd.h>

#include "base/error.h"

typedef struct {
    const char *what;
    SkUndoStep run;
    gpointer data;
    GDestroyNotify free_data;
} Step;

struct SkUndo {
    GArray *steps;
};

SkUndo *
sk_undo_new(void)
{
    SkUndo *self = g_new0(SkUndo, 1);
    self->steps = g_array_new(FALSE, FALSE, sizeof(Step));
    return self;
}

void
sk_undo_push(SkUndo *self, const char *what, SkUndoStep step, gpointer data,
             GDestroyNotify free_data)
{
    Step entry = { what, step, data, free_data };
    g_array_append_val(self->steps, entry);
}

static void
drop_steps(SkUndo *self, gboolean run)
{
    for (guint i = self->steps->len; i > 0; i--) {
        Step *step = &g_array_index(self->steps, Step, i - 1);
        if (run) {
            g_debug("undo: %s", step->what);
            step->run(step->data);
        }
        if (step->free_data != NULL)
            step->free_data(step->data);
    }
    g_array_set_size(self->steps, 0);
}

void
sk_undo_disarm(SkUndo *self)
{
    drop_steps(self, FALSE);
}

void
sk_undo_free(SkUndo *self)
{
    if (self == NULL)
        return;
    drop_steps(self, TRUE);
    g_array_unref(self->steps);
    g_free(self);
}

static const char *fault_fail_at, *fault_exit_at; /* atomic */

static void
read_fault_environment(void)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        g_atomic_pointer_set(&fault_fail_at, g_getenv("SKEP_FAULT"));
        g_atomic_pointer_set(&fault_exit_at, g_getenv("SKEP_FAULT_EXIT"));
        g_once_init_leave(&once, 1);
    }
}

void
sk_fault_set(const char *step)
{
    read_fault_environment();
    g_atomic_pointer_set(&fault_fail_at, step);
}

gboolean
sk_fault(const char *step, GError **error)
{
    read_fault_environment();
    const char *fail_at = g_atomic_pointer_get(&fault_fail_at);
    const char *exit_at = g_atomic_pointer_get(&fault_exit_at);
    if (G_LIKELY(fail_at == NULL && exit_at == NULL))
        return FALSE;
    if (g_strcmp0(exit_at, step) == 0)
        kill(getpid(), SIGKILL);
    if (g_strcmp0(fail_at, step) != 0)
        return FALSE;
    sk_fail(error, SK_ERROR_INTERNAL, "fault injected at step \"%s\"", step);
    return TRUE;
}
