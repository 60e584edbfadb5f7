/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "repository/backup-maker.h"
#include "repository/disk-reader.h"
#include "repository/disk-writer.h"

/* A repository for one test, and what the tests do again and again. */

#define SITE_UUID "6f1e2c3a-0000-4000-8000-000000000001"

typedef struct {
    char *dir, *path, *key;
    SkRepo *repo;
} Site;

void site_set_up(Site *self, gconstpointer data);
void site_tear_down(Site *self, gconstpointer data);
/* Closes and opens it: what another process would see. */
void site_reopen(Site *self);

/* Bytes that are the same for the same seed, and do not pack. Free with g_free(). */
guint8 *site_noise(gsize length, guint seed);

/* Puts the windows of bytes (length bytes) of which `changed` says which, over base; the map. */
SkRepoId site_put_disk(Site *self, const guint8 *bytes, guint64 length, const guint16 *changed, const SkRepoId *base);
/* Fails the test unless the disk has these bytes. */
void site_assert_disk(Site *self, const SkRepoId *map, const guint8 *bytes, guint64 length);

/* A backup named SITE_UUID/name, of one disk, `hours` after the epoch. */
void site_keep(Site *self, const char *name, gint64 hours, const SkRepoId *map, guint64 length);
/* Files below objects/. */
guint site_count_objects(Site *self);
/* The path of an object's file. Free with g_free(). */
char *site_object_file(Site *self, const SkRepoId *id);
