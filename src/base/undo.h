/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Undo list of multi-step work that changes the host.  Each step that was done
 * pushes how to take it back; leaving the scope runs the list in reverse unless
 * it was disarmed.
 *
 *     g_autoptr(SkUndo) undo = sk_undo_new();
 *     if (!make_tap(..., error)) return FALSE;
 *     sk_undo_push(undo, "tap", remove_tap, g_strdup(name), g_free);
 *     ...
 *     sk_undo_disarm(undo);
 *     return TRUE;
 *
 * One thread at a time.
 */

typedef struct SkUndo SkUndo;
typedef void (*SkUndoStep)(gpointer data);

SkUndo *sk_undo_new(void);

/* Adds a step; data belongs to the list, free_data (may be NULL) is called whether or not it runs. */
void sk_undo_push(SkUndo *self, const char *what, SkUndoStep step, gpointer data,
                  GDestroyNotify free_data);

/* The work succeeded: forget every step. */
void sk_undo_disarm(SkUndo *self);

/* Runs what is left, in reverse, and frees. NULL is fine. */
void sk_undo_free(SkUndo *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkUndo, sk_undo_free)

/*
 * Fault injection for tests: TRUE, with *error set, if the environment variable
 * SKEP_FAULT names this step ("domain-start/tap"), or SKEP_FAULT_EXIT names it, in
 * which case the process ends at once as by kill -9.  Compiled in always; costs
 * one comparison where neither is set.
 */
gboolean sk_fault(const char *step, GError **error);

/* Tests: from now on as if SKEP_FAULT were step; NULL for none. step must stay. Any thread. */
void sk_fault_set(const char *step);

G_END_DECLS
