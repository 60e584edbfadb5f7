/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/fs.h"

G_BEGIN_DECLS

/*
 * Who has a disk open.  QEMU marks what it does with an image by OFD locks on
 * single bytes: 100 + n for each permission it uses, 200 + n for each that it does not
 * let others have.  We read these marks, and set the same ones during work of our
 * own, so that a running domain, qemu-img and we never meet on one disk.
 *
 * This protects against other processes and other open files of this one alike. Workers.
 */

typedef enum {
    SK_LOCK_READ,       /* we read, nobody may write meanwhile */
    SK_LOCK_WRITE,      /* we write, nobody else may read or write */
    SK_LOCK_REMOVE,     /* nobody may have it open at all */
} SkLockUse;

/*
 * TRUE if path could be used so now; else IN_USE, with a sentence that says by whom as far as
 * it can be seen ("qemu-system-x86_64, process 1234"). The answer is old as soon as it is given: it
 * serves for a clear message before qemu-img, which takes its own locks.
 */
gboolean sk_storage_lock_check(const char *path, SkLockUse use, GError **error);

/*
 * Takes the marks for use on an open descriptor; they last until it is closed. IN_USE as
 * above. path is for messages.
 */
gboolean sk_storage_lock_take(gint fd, const char *path, SkLockUse use, GError **error);

/* "NAME, process PID" of others that have the file open, for messages; NULL if none is seen. Free with g_free(). */
char *sk_storage_lock_holders(gint fd);

G_END_DECLS
