/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "model/storage.h"

/* A directory for one test, and what the tests of storage do again and again. */

typedef struct {
    char *dir;
    SkPoolSpec spec;            /* a pool in it, started */
    const char *roots[2];       /* the pool */
} Place;

void place_set_up(Place *self, gconstpointer data);
void place_tear_down(Place *self, gconstpointer data);

/* "DIR/name", freed with the test's end. */
const char *place_path(Place *self, const char *name);

/* Names in the directory, sorted, joined by spaces, hidden ones too. Free with g_free(). */
char *place_entries(const Place *self);

/* Runs a program with these arguments (NULL at the end); the test fails with it. */
void place_run(const char *program, ...) G_GNUC_NULL_TERMINATED;

/* A file of size bytes with a boot sector's signature and some bytes of fill. */
void place_write_disk(const char *path, gsize size, guint8 fill);

/* TRUE if the program is there; else the test is skipped, naming it. */
gboolean place_has(const char *program);

/*
 * Runs the test at path in a process of its own with this step failing, and once for each step.
 * In that process g_test_subprocess() is true.
 */
void place_fail_each(const char *path, const char *const *steps);

/*
 * Runs the test at path in a process of its own that is killed at the step, once for each step. After each,
 * check is called here.
 */
void place_kill_each(const char *path, const char *const *steps, void (*check)(Place *), Place *place);

/*
 * In a process of its own: lays a file system of so many bytes over the directory, seen by this process and its
 * children only. FALSE where that is not allowed.
 */
gboolean place_make_small(Place *self, gsize bytes);

/* TRUE if that is allowed; else the test is skipped, saying so. */
gboolean place_can_be_small(Place *self);

/* In that process: the error is the injected one. */
void place_assert_injected(const GError *error);
