/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which images are laid over which: headers are read once and remembered. */
#include "storage/overlays.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/thread.h"
#include "storage/describe.h"
#include "storage/pool.h"
#include "storage/temp.h"

/* A file that changed so lately could change again within the same tick of its clock: it is not remembered yet. */
#define SETTLED_SECONDS 2

typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
    char *backing;          /* as named, but absolute; NULL: none */
    guint64 round;          /* of the last walk that saw it */
} Seen;

typedef struct {
    char *path, *backing;
} Found;

static GMutex lock;         /* guards what follows; held while a directory is walked */
static GHashTable *dirs;    /* directory to table of name to Seen */
static guint64 rounds;
static guint opened;

static void
free_seen(gpointer data)
{
    Seen *seen = data;
    g_free(seen->backing);
    g_free(seen);
}

static void
free_found(gpointer data)
{
    Found *found = data;
    g_free(found->path);
    g_free(found->backing);
    g_free(found);
}

static gboolean
is_same(const Seen *seen, const struct stat *file)
{
    return seen->device == file->st_dev && seen->inode == file->st_ino && seen->size == file->st_size &&
           memcmp(&seen->modified, &file->st_mtim, sizeof seen->modified) == 0 &&
           memcmp(&seen->changed, &file->st_ctim, sizeof seen->changed) == 0;
}

/* The stamp is taken before the header is read: a change in between makes the next walk read it again. */
static Seen *
look_into(gint dir_fd, const char *dir, const char *name)
{
    struct stat file;
    g_auto(SkFd) fd = sk_describe_open(dir_fd, name, &file);
    if (fd < 0)
        return NULL;
    g_autofree char *path = g_build_filename(dir, name, NULL);
    Seen *seen = g_new0(Seen, 1);
    *seen = (Seen){ .device = file.st_dev, .inode = file.st_ino, .size = file.st_size, .modified = file.st_mtim, .changed = file.st_ctim,
                    .backing = sk_describe_backing(fd, path) };
    opened++;
    return seen;
}

/* NULL: no regular file. Belongs to known, or to *fresh. */
static Seen *
see(GHashTable *known, gint dir_fd, const char *dir, const char *name, Seen **fresh)
{
    struct stat file;
    Seen *seen = g_hash_table_lookup(known, name);
    if (seen != NULL && sk_describe_stat(dir_fd, name, &file) && is_same(seen, &file))
        return seen;
    seen = look_into(dir_fd, dir, name);
    if (seen == NULL)
        return NULL;
    if (seen->changed.tv_sec + SETTLED_SECONDS <= time(NULL))
        g_hash_table_replace(known, g_strdup(name), seen);
    else
        *fresh = seen;
    return seen;
}

static gboolean
is_stale(gpointer name, gpointer data, gpointer round)
{
    (void) name;
    return ((const Seen *) data)->round != *(const guint64 *) round;
}

static void
walk_locked(const char *dir, GPtrArray *found)
{
    GHashTable *known = g_hash_table_lookup(dirs, dir);
    g_auto(SkFd) dir_fd = sk_describe_open_dir(dir, NULL);
    g_autoptr(GDir) entries = dir_fd >= 0 ? g_dir_open(dir, 0, NULL) : NULL;
    const char *name;
    if (known == NULL)
        g_hash_table_insert(dirs, g_strdup(dir), known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_seen));
    guint64 round = ++rounds;
    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        Seen *fresh = NULL;
        Seen *seen = sk_temp_is_hidden(name) ? NULL : see(known, dir_fd, dir, name, &fresh);
        if (seen == NULL)
            continue;
        seen->round = round;
        if (seen->backing != NULL) {
            Found *one = g_new(Found, 1);
            *one = (Found){ g_build_filename(dir, name, NULL), g_strdup(seen->backing) };
            g_ptr_array_add(found, one);
        }
        g_clear_pointer(&fresh, free_seen);
    }
    g_hash_table_foreach_remove(known, is_stale, &round);
    if (g_hash_table_size(known) == 0)
        g_hash_table_remove(dirs, dir);
}

/* Real paths are found anew each time, for links may lead elsewhere by now; many overlays have one base. */
static const char *
real_of(GHashTable *memory, const char *backing)
{
    char *real = g_hash_table_lookup(memory, backing);
    if (real == NULL) {
        char *there = realpath(backing, NULL);
        real = there != NULL ? there : g_strdup(backing);
        g_hash_table_insert(memory, g_strdup(backing), real);
    }
    return real;
}

gboolean
sk_overlays_foreach(const char *dir, SkOverlayFunc func, gpointer data)
{
    sk_assert_worker();
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_found);
    g_autoptr(GHashTable) memory = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free);
    g_mutex_lock(&lock);
    if (dirs == NULL)
        dirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_hash_table_unref);
    walk_locked(dir, found);
    g_mutex_unlock(&lock);
    for (guint i = 0; i < found->len; i++) {
        const Found *one = found->pdata[i];
        if (!func(one->path, real_of(memory, one->backing), data))
            return FALSE;
    }
    return TRUE;
}

guint
sk_overlays_opened(void)
{
    g_mutex_lock(&lock);
    guint count = opened;
    g_mutex_unlock(&lock);
    return count;
}

/* -- public ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *real;
    GPtrArray *found;
} Wanted;

static gboolean
note_overlay(const char *path, const char *backing, gpointer data)
{
    const Wanted *wanted = data;
    if (g_str_equal(backing, wanted->real))
        g_ptr_array_add(wanted->found, g_strdup(path));
    return TRUE;
}

GPtrArray *
sk_storage_overlays_of(const char *path, const char *const *roots)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *real = realpath(path, NULL);
    Wanted wanted = { real, found };
    for (gsize i = 0; real != NULL && roots != NULL && roots[i] != NULL; i++)
        sk_overlays_foreach(roots[i], note_overlay, &wanted);
    return found;
}
