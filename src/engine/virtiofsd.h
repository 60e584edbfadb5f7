/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "model/devices.h"

/*
 * virtiofsd for one shared directory: a process that ends by itself with its QEMU. Workers.
 */

/*
 * Starts it to serve listen_fd (a listening Unix socket; stays the caller's); what it says is appended to log_path.
 * UNSUPPORTED if there is none on this host or it is too old for what is asked.
 */
gboolean sk_virtiofsd_start(const SkFilesystem *fs, gint listen_fd, const char *log_path, pid_t *out_pid, GError **error);

/* Ends it; pid as GINT_TO_POINTER(), so that it can be an undo step. */
void sk_virtiofsd_stop(gpointer pid);
