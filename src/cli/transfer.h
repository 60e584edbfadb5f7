/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/cli.h"

/* Files to and from the daemon, with progress. One thread, blocking. */

/* Sends the file from offset on as the body of ask (a BYTES operation). Returns the answer. */
json_t *sk_upload(SkCli *self, const SkAsk *ask, const char *path, guint64 offset, GError **error);

/*
 * Receives the answer of ask into path ("-": standard output). The file is written as path.part and
 * renamed at the end; resume goes on with a path.part that is there.
 */
gboolean sk_download(SkCli *self, const SkAsk *ask, const char *path, gboolean resume, GError **error);

/* SHA-256 of a file in hex; NULL on error. */
char *sk_file_sha256(const char *path, GError **error);
