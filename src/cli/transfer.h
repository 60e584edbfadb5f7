/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/cli.h"

/* Files to and from the daemon, with progress. One thread, blocking. */

/* Where an upload by ask that was cut stopped, as the daemon tells; 0: it has nothing of it. */
gboolean sk_upload_offset(SkCli *self, const SkAsk *ask, guint64 *out_offset, GError **error);

/* Sends the file from offset on as the body of ask (a BYTES operation). Returns the answer. */
json_t *sk_upload(SkCli *self, const SkAsk *ask, const char *path, guint64 offset, GError **error);

/*
 * Receives the answer of ask into path ("-": standard output). The file is written as path.part and
 * renamed at the end; resume goes on with a path.part that is there.
 */
gboolean sk_download(SkCli *self, const SkAsk *ask, const char *path, gboolean resume, GError **error);

/* SHA-256 of a file in hex; NULL on error. */
char *sk_file_sha256(const char *path, GError **error);
