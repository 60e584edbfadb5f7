/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Watching lease files. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "network/leases.h"

#define EVENTS (IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE)
/* dnsmasq empties the file and writes it anew: it is read when it has been quiet for so long. */
#define QUIET_MS 50

typedef struct {
    SkLeaseWatch *watch;    /* not owned; the entry goes before it */
    char *network, *path, *file;    /* file: the last part of path */
    gint wd;
    guint timer;
    gboolean reading, again;
    guint64 serial;         /* tells it from a later entry of the same network */
} Entry;

/* Readings under way hold a reference: the watch may be freed before they come back. */
struct SkLeaseWatch {
    gatomicrefcount refs;
    gboolean closed;
    SkLeasesFunc func;
    gpointer data;
    SkFd inotify;
    guint source;
    guint64 serials;
    GHashTable *entries;    /* network to Entry */
};

typedef struct {
    SkLeaseWatch *watch;
    char *network, *path;
    guint64 serial;
    GPtrArray *leases;
} Reading;

static void schedule(Entry *entry, guint after_ms);

static void
watch_unref(SkLeaseWatch *self)
{
    if (!g_atomic_ref_count_dec(&self->refs))
        return;
    g_hash_table_unref(self->entries);
    g_free(self);
}

/* -- reading -------------------------------------------------------------------------------------------- */

static void
reading_free(Reading *reading)
{
    g_clear_pointer(&reading->leases, g_ptr_array_unref);
    watch_unref(reading->watch);
    g_free(reading->network);
    g_free(reading->path);
    g_free(reading);
}

/* Main thread. */
static void
reading_done(gpointer data)
{
    Reading *reading = data;
    SkLeaseWatch *self = reading->watch;
    Entry *entry = self->closed ? NULL : g_hash_table_lookup(self->entries, reading->network);
    if (entry != NULL && entry->serial == reading->serial) {
        entry->reading = FALSE;
        if (entry->again)
            schedule(entry, QUIET_MS);
        if (reading->leases != NULL)
            self->func(reading->network, g_steal_pointer(&reading->leases), self->data);
    }
    reading_free(reading);
}

/* Worker. */
static void
read_file(gpointer data, gpointer unused)
{
    Reading *reading = data;
    g_autoptr(GError) error = NULL;
    reading->leases = sk_leases_read(reading->path, &error);
    if (reading->leases == NULL)
        g_warning("leases of the network \"%s\": %s, keeping those known", reading->network, error->message);
    sk_main_post(reading_done, reading);
}

static gboolean
start_reading(gpointer data)
{
    Entry *entry = data;
    entry->timer = 0;
    entry->again = entry->reading;
    if (entry->reading)
        return G_SOURCE_REMOVE;
    entry->reading = TRUE;
    Reading *reading = g_new0(Reading, 1);
    g_atomic_ref_count_inc(&entry->watch->refs);
    *reading = (Reading){ .watch = entry->watch, .network = g_strdup(entry->network), .path = g_strdup(entry->path),
                          .serial = entry->serial };
    sk_worker_run(read_file, reading);
    return G_SOURCE_REMOVE;
}

static void
schedule(Entry *entry, guint after_ms)
{
    if (entry->timer == 0)
        entry->timer = g_timeout_add(after_ms, start_reading, entry);
}

/* -- inotify --------------------------------------------------------------------------------------------- */

static void
take_event(SkLeaseWatch *self, const struct inotify_event *event)
{
    GHashTableIter iter;
    gpointer value;
    gboolean lost = (event->mask & IN_Q_OVERFLOW) != 0;
    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Entry *entry = value;
        if (lost || (entry->wd == event->wd && event->len > 0 && g_str_equal(entry->file, event->name)))
            schedule(entry, QUIET_MS);
    }
}

static gboolean
on_inotify(gint fd, GIOCondition condition, gpointer data)
{
    union {
        struct inotify_event event;
        char bytes[16384];
    } buffer;
    gssize n = read(fd, buffer.bytes, sizeof buffer.bytes);
    for (gssize at = 0; at + (gssize) sizeof(struct inotify_event) <= n;) {
        const struct inotify_event *event = (gconstpointer) (buffer.bytes + at);
        take_event(data, event);
        at += (gssize) (sizeof *event + event->len);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
is_watched(SkLeaseWatch *self, gint wd)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((Entry *) value)->wd == wd)
            return TRUE;
    }
    return FALSE;
}

static void
entry_free(gpointer data)
{
    Entry *entry = data;
    g_clear_handle_id(&entry->timer, g_source_remove);
    g_free(entry->network);
    g_free(entry->path);
    g_free(entry->file);
    g_free(entry);
}

/* -- public ------------------------------------------------------------------------------------------------ */

SkLeaseWatch *
sk_lease_watch_new(SkLeasesFunc func, gpointer data, GError **error)
{
    sk_assert_main();
    gint fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot watch lease files");
        return NULL;
    }
    SkLeaseWatch *self = g_new0(SkLeaseWatch, 1);
    g_atomic_ref_count_init(&self->refs);
    self->func = func;
    self->data = data;
    self->inotify = fd;
    self->source = g_unix_fd_add(fd, G_IO_IN, on_inotify, self);
    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    return self;
}

gboolean
sk_lease_watch_add(SkLeaseWatch *self, const char *network, const char *path, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);
    sk_assert_main();
    gint wd = inotify_add_watch(self->inotify, dir, EVENTS);
    if (wd < 0)
        return sk_fail_errno(error, errno, "cannot watch \"%s\" for leases", dir);
    Entry *entry = g_new0(Entry, 1);
    *entry = (Entry){ .watch = self, .network = g_strdup(network), .path = g_strdup(path),
                      .file = g_path_get_basename(path), .wd = wd, .serial = ++self->serials };
    /* The key is the entry's own, so the old one goes with its entry. */
    g_hash_table_replace(self->entries, entry->network, entry);
    schedule(entry, 0);
    return TRUE;
}

void
sk_lease_watch_remove(SkLeaseWatch *self, const char *network)
{
    sk_assert_main();
    Entry *entry = g_hash_table_lookup(self->entries, network);
    if (entry == NULL)
        return;
    gint wd = entry->wd;
    g_hash_table_remove(self->entries, network);
    if (!is_watched(self, wd))
        inotify_rm_watch(self->inotify, wd);
}

void
sk_lease_watch_free(SkLeaseWatch *self)
{
    if (self == NULL)
        return;
    sk_assert_main();
    self->closed = TRUE;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->inotify);
    g_hash_table_remove_all(self->entries);
    watch_unref(self);
}
