/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/*
 * Files and directories.  Files are never overwritten in place: written beside,
 * fsynced, renamed.  These block: workers, or start-up.
 */

/* A descriptor that closes itself: `g_auto(SkFd) fd = SK_FD_NONE;` */
typedef gint SkFd;
#define SK_FD_NONE (-1)
void sk_fd_clear(SkFd *fd);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkFd, sk_fd_clear)
/* Takes the descriptor out, leaving SK_FD_NONE. */
gint sk_fd_steal(SkFd *fd);

/* mkdir -p with mode for the last part. */
gboolean sk_fs_make_dir(const char *path, mode_t mode, GError **error);

/* Replaces path atomically and durably. */
gboolean sk_fs_write(const char *path, const void *data, gssize length, mode_t mode, GError **error);

/* Reads a whole file of at most max bytes; NUL-terminated. Free with g_free(). */
char *sk_fs_read(const char *path, gsize max, gsize *out_length, GError **error);

/* Removes a file; one that is not there is fine. */
gboolean sk_fs_remove(const char *path, GError **error);

/*
 * What tells the file that is at path now (links are not followed) from any other that may have its name
 * later, also over a restart of the host: inode and time of birth. NULL without *error if there is none. Free with g_free().
 */
char *sk_fs_file_id(const char *path, GError **error);

/* Removes the file at path if it is still the one of that id; any other, or none, is fine and stays. */
gboolean sk_fs_remove_same(const char *path, const char *id, GError **error);

/* rm -r, not following links, staying on path's own tree; not there is fine. */
gboolean sk_fs_remove_tree(const char *path, GError **error);

/* Writes all of it, over short writes and EINTR. */
gboolean sk_fd_write_all(gint fd, const void *data, gsize length, GError **error);

/* fsyncs the directory that holds path, so that a rename or removal in it is durable. */
gboolean sk_fs_sync_dir_of(const char *path, GError **error);

/* A listening Unix stream socket at path (an old one is replaced), close-on-exec. -1 on error. */
gint sk_fs_listen_unix(const char *path, mode_t mode, GError **error);

/* Connects to a Unix stream socket. Close-on-exec, blocking. -1 on error. */
gint sk_fs_connect_unix(const char *path, GError **error);
/* The same without ever waiting; the socket does not either. */
gint sk_fs_connect_unix_now(const char *path, GError **error);

G_END_DECLS
