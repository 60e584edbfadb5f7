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
 * Starts it, listening at socket_path (its control channel); returns when it does. state_dir is made, and given to
 * uid (0: ours). HOST if swtpm is not installed or refuses.
 */
gboolean sk_swtpm_start(const SkTpm *tpm, const char *state_dir, const char *socket_path, uid_t uid, pid_t *out_pid, GError **error);

/* Ends it; pid as GINT_TO_POINTER(), so that it can be an undo step. */
void sk_swtpm_stop(gpointer pid);
