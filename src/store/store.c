/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and closing the database. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "store/private.h"
#include "store/schema.h"

/* A file of another format, or cut so short that it has no header, is told from a new one before SQLite sees it. */
static gboolean
check_header(const char *path, GError **error)
{
    char header[16];
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return TRUE;
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open the database \"%s\"", path);
    gssize n = read(fd, header, sizeof header);
    if (n < 0)
        return sk_fail_errno(error, errno, "cannot read the database \"%s\"", path);
    if (n == 0 || (n == sizeof header && memcmp(header, "SQLite format 3", sizeof header) == 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_HOST, "\"%s\" is not a database; move it away or give another place, it was not touched", path);
}

/* Two daemons on one database would each believe in their own memory. */
static gint
take_lock(const char *path, GError **error)
{
    g_autofree char *lock_path = g_strconcat(path, ".lock", NULL);
    g_auto(SkFd) fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot open \"%s\"", lock_path);
        return SK_FD_NONE;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            sk_fail(error, SK_ERROR_IN_USE, "database \"%s\" is in use by another skepd; stop that one or give another root", path);
        else
            sk_fail_errno(error, errno, "cannot lock \"%s\"", lock_path);
        return SK_FD_NONE;
    }
    return sk_fd_steal(&fd);
}

/* The newest pages are in the WAL, so the check is SQLite's own; small ones only, to keep starts quick. */
static gboolean
check_pages(SkDb *db, GError **error)
{
    gint64 pages, problems;
    if (!sk_db_number(db, 0, &pages, error, "PRAGMA page_count", ""))
        return FALSE;
    if (pages > 1024)
        return TRUE;
    if (!sk_db_number(db, 0, &problems, error, "SELECT count(*) FROM pragma_quick_check(1) WHERE quick_check != 'ok'", ""))
        return FALSE;
    return problems == 0 ||
           sk_fail(error, SK_ERROR_HOST, "database \"%s\" is damaged; put back a copy, it was not touched", db->path);
}

static SkDb *
open_db(const char *path, GError **error)
{
    g_autoptr(SkDb) db = check_header(path, error) ? sk_db_open(path, error) : NULL;
    if (db == NULL || !check_pages(db, error))
        return NULL;
    if (!sk_schema_apply(db, sk_schema_updates, sk_schema_n_updates, error))
        return NULL;
    /* What is read is kept in live objects: SQLite need not keep its pages too (KiB). */
    if (!sk_db_exec(db, "PRAGMA cache_size = -256; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", error))
        return NULL;
    return g_steal_pointer(&db);
}

SkStore *
sk_store_open(const char *path, GError **error)
{
    sk_assert_main();
    g_auto(SkFd) lock = take_lock(path, error);
    SkDb *db = lock >= 0 ? open_db(path, error) : NULL;
    if (db == NULL)
        return NULL;
    g_autoptr(SkStore) self = g_new0(SkStore, 1);
    self->lock = sk_fd_steal(&lock);
    self->path = g_strdup(path);
    self->queue = sk_queue_new(db);
    return sk_settings_open(self, error) ? g_steal_pointer(&self) : NULL;
}

void
sk_store_close(SkStore *self)
{
    if (self == NULL)
        return;
    sk_assert_main();
    sk_settings_close(self);
    sk_queue_free(self->queue);
    sk_fd_clear(&self->lock);
    g_free(self->instance_id);
    g_free(self->path);
    g_free(self);
}

guint
sk_store_commits(SkStore *self)
{
    return sk_queue_commits(self->queue);
}
