/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fs.h"
#include "storage/context.h"

G_BEGIN_DECLS

/*
 * Fetches an http or https URL into the file at part, going on where an earlier try of the same URL
 * stopped, unless the server's file has changed since.  curl does it; redirects never leave https.
 * On success *out_fd is the file. On failure the part stays only if the transfer broke in the middle (IO).
 * IN_USE while another download to part is running. Private to storage/. Workers.
 */
gboolean sk_download(const char *url, const char *part, const SkStorageContext *context, SkFd *out_fd, GError **error);

/* The URL without user name, password, query and fragment, for messages and records. Free with g_free(). */
char *sk_download_public_url(const char *url);

G_END_DECLS
