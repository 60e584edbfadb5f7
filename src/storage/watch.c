/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inotify on directories of pools and images. */
#include "storage/watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "storage/temp.h"

/* A file being copied in closes many times in a row; this is short for a person and long for a program. */
#define GATHER_MS 100
#define RETRY_MS 1000

/* Not IN_MODIFY: a running guest writes without end. */
#define EVENTS (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

typedef struct {
    char *path;
    gint wd;                    /* -1: not there at the moment */
    GHashTable *pending;        /* name to SkWatchKind */
    gboolean rescan, gone;
} Dir;

struct SkWatch {
    SkFd fd;
    SkWatchFunc func;
    gpointer data;
    GHashTable *dirs;           /* path to Dir */
    guint source, gather, retry;
};

static void
dir_free(gpointer data)
{
    Dir *dir = data;
    g_hash_table_unref(dir->pending);
    g_free(dir->path);
    g_free(dir);
}

/* -- telling --------------------------------------------------------------------------------------------------- */

typedef struct {
    char *dir, *name;
    SkWatchKind kind;
} Note;

static void
note_free(gpointer data)
{
    Note *note = data;
    g_free(note->dir);
    g_free(note->name);
    g_free(note);
}

static void
add_note(GPtrArray *notes, const Dir *dir, const char *name, SkWatchKind kind)
{
    Note *note = g_new0(Note, 1);
    *note = (Note){ g_strdup(dir->path), g_strdup(name), kind };
    g_ptr_array_add(notes, note);
}

static void
take_notes(Dir *dir, GPtrArray *notes)
{
    GHashTableIter iter;
    gpointer name, kind;
    if (dir->gone)
        add_note(notes, dir, NULL, SK_WATCH_GONE);
    if (dir->rescan)
        add_note(notes, dir, NULL, SK_WATCH_RESCAN);
    g_hash_table_iter_init(&iter, dir->pending);
    while (!dir->gone && !dir->rescan && g_hash_table_iter_next(&iter, &name, &kind))
        add_note(notes, dir, name, (SkWatchKind) GPOINTER_TO_INT(kind));
    g_hash_table_remove_all(dir->pending);
    dir->gone = dir->rescan = FALSE;
}

/* The callback may add and remove directories, so it is called from a list of its own. */
static gboolean
tell(gpointer data)
{
    SkWatch *self = data;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(note_free);
    GHashTableIter iter;
    gpointer dir;

    self->gather = 0;
    g_hash_table_iter_init(&iter, self->dirs);
    while (g_hash_table_iter_next(&iter, NULL, &dir))
        take_notes(dir, notes);
    for (guint i = 0; i < notes->len; i++) {
        const Note *note = g_ptr_array_index(notes, i);
        if (g_hash_table_contains(self->dirs, note->dir))
            self->func(note->dir, note->name, note->kind, self->data);
    }
    return G_SOURCE_REMOVE;
}

static void
tell_soon(SkWatch *self)
{
    if (self->gather == 0)
        self->gather = g_timeout_add(GATHER_MS, tell, self);
}

/* -- directories that come and go ---------------------------------------------------------------------------------- */

static gboolean
try_watch(SkWatch *self, Dir *dir)
{
    dir->wd = inotify_add_watch(self->fd, dir->path, EVENTS);
    return dir->wd >= 0;
}

static gboolean
retry(gpointer data)
{
    SkWatch *self = data;
    gboolean missing = FALSE;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->dirs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Dir *dir = value;
        if (dir->wd >= 0)
            continue;
        if (try_watch(self, dir)) {
            dir->rescan = TRUE;
            tell_soon(self);
        } else {
            missing = TRUE;
        }
    }
    if (missing)
        return G_SOURCE_CONTINUE;
    self->retry = 0;
    return G_SOURCE_REMOVE;
}

static void
await(SkWatch *self, Dir *dir)
{
    dir->wd = -1;
    if (self->retry == 0)
        self->retry = g_timeout_add(RETRY_MS, retry, self);
}

/* -- events ------------------------------------------------------------------------------------------------------------ */

static SkWatchKind
merge(gboolean known, SkWatchKind before, guint32 mask)
{
    if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0)
        return SK_WATCH_REMOVED;
    if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0)
        return known && before == SK_WATCH_REMOVED ? SK_WATCH_CHANGED : SK_WATCH_CREATED;
    return known && before == SK_WATCH_CREATED ? SK_WATCH_CREATED : SK_WATCH_CHANGED;
}

static void
take_file(Dir *dir, const char *name, guint32 mask)
{
    gpointer before = NULL;
    if ((mask & IN_ISDIR) != 0 || sk_temp_is_hidden(name) || !g_utf8_validate(name, -1, NULL))
        return;
    gboolean known = g_hash_table_lookup_extended(dir->pending, name, NULL, &before);
    SkWatchKind kind = merge(known, (SkWatchKind) GPOINTER_TO_INT(before), mask);
    g_hash_table_replace(dir->pending, g_strdup(name), GINT_TO_POINTER(kind));
}

static void
take_dir(SkWatch *self, Dir *dir, const struct inotify_event *event)
{
    if ((event->mask & IN_MOVE_SELF) != 0)
        inotify_rm_watch(self->fd, dir->wd);
    if ((event->mask & (IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
        dir->gone = TRUE;
        await(self, dir);
    } else if (event->len > 0) {
        take_file(dir, event->name, event->mask);
    }
}

/* Two paths may lead to one directory, and then have one watch. */
static void
take_event(SkWatch *self, const struct inotify_event *event)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, self->dirs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Dir *dir = value;
        if ((event->mask & IN_Q_OVERFLOW) != 0)
            dir->rescan = TRUE;
        else if (dir->wd >= 0 && dir->wd == event->wd)
            take_dir(self, dir, event);
    }
}

static gboolean
on_events(gint fd, GIOCondition condition, gpointer data)
{
    SkWatch *self = data;
    char buffer[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
    gssize n = read(fd, buffer, sizeof buffer);
    (void) condition;
    for (gssize at = 0; n > 0 && at < n;) {
        const struct inotify_event *event = (const struct inotify_event *) (gconstpointer) (buffer + at);
        take_event(self, event);
        at += (gssize) (sizeof *event + event->len);
    }
    tell_soon(self);
    return G_SOURCE_CONTINUE;
}

/* -- public -------------------------------------------------------------------------------------------------------------- */

SkWatch *
sk_storage_watch_new(SkWatchFunc func, gpointer data, GError **error)
{
    sk_assert_main();
    g_auto(SkFd) fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot watch directories");
        return NULL;
    }
    SkWatch *self = g_new0(SkWatch, 1);
    self->fd = sk_fd_steal(&fd);
    self->func = func;
    self->data = data;
    self->dirs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, dir_free);
    self->source = g_unix_fd_add(self->fd, G_IO_IN, on_events, self);
    return self;
}

void
sk_storage_watch_add(SkWatch *self, const char *path)
{
    sk_assert_main();
    if (g_hash_table_contains(self->dirs, path))
        return;
    Dir *dir = g_new0(Dir, 1);
    dir->path = g_strdup(path);
    dir->pending = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_insert(self->dirs, dir->path, dir);
    if (!try_watch(self, dir))
        await(self, dir);
}

static gboolean
shares_watch(SkWatch *self, const Dir *dir)
{
    GHashTableIter iter;
    gpointer other;
    g_hash_table_iter_init(&iter, self->dirs);
    while (g_hash_table_iter_next(&iter, NULL, &other)) {
        if (other != dir && ((Dir *) other)->wd == dir->wd)
            return TRUE;
    }
    return FALSE;
}

void
sk_storage_watch_remove(SkWatch *self, const char *path)
{
    sk_assert_main();
    Dir *dir = g_hash_table_lookup(self->dirs, path);
    if (dir == NULL)
        return;
    if (dir->wd >= 0 && !shares_watch(self, dir))
        inotify_rm_watch(self->fd, dir->wd);
    g_hash_table_remove(self->dirs, path);
}

static void
drop_source(guint *id)
{
    if (*id != 0)
        g_source_remove(*id);
    *id = 0;
}

void
sk_storage_watch_free(SkWatch *self)
{
    if (self == NULL)
        return;
    drop_source(&self->source);
    drop_source(&self->gather);
    drop_source(&self->retry);
    sk_fd_clear(&self->fd);
    g_hash_table_unref(self->dirs);
    g_free(self);
}
