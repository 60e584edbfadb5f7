/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Makes a self-signed certificate (ECDSA P-256, ten years, for the host's name, localhost and the given
 * address) and its key, unless both files are there. Files of mode 0600. A certificate without its key is an
 * error: it may be somebody's. Blocks: start-up.
 */
gboolean sk_cert_ensure(const char *cert_path, const char *key_path, const char *address, GError **error);

G_END_DECLS
