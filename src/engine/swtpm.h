/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "model/devices.h"

/*
 * The software TPM of one domain: a swtpm process that ends by itself with its QEMU and
 * keeps its state in a directory.  Workers.
 */

/*
 * Starts it on listen_fd, a listening Unix socket (its control channel; stays the caller's). state_dir is made, and
 * given to uid (0: ours). HOST if swtpm is not installed. One that ends by itself is seen by QEMU, which connects to it.
 */
gboolean sk_swtpm_start(const SkTpm *tpm, const char *state_dir, gint listen_fd, uid_t uid, pid_t *out_pid, GError **error);

/* Adds to QEMU's words on its TPM what swtpm said. error may be NULL or not set. */
void sk_swtpm_explain(const char *state_dir, GError **error);

/* Ends it; pid as GINT_TO_POINTER(), so that it can be an undo step. */
void sk_swtpm_stop(gpointer pid);
