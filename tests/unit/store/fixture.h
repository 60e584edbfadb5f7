/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "store/store.h"

/* A store in a directory of its own, made for each test and removed after it. */
typedef struct {
    char *dir, *path;
    SkStore *store;
} Fixture;

void fixture_set_up(Fixture *self, gconstpointer data);
void fixture_tear_down(Fixture *self, gconstpointer data);

/* Closes and opens the store again, as a restart does. */
void fixture_reopen(Fixture *self);

/* Puts a domain with this name and a UUID made of number; the error must not be. */
void fixture_put(Fixture *self, guint number, const char *name, const char *spec);

/* The UUID of number. Free with g_free(). */
char *fixture_uuid(guint number);

/* Runs the main loop until *flag is set. */
void fixture_wait(const gboolean *flag);

#define FIXTURE_ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
