/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The host's end of the port by which a guest that is kept, or made, as a copy of another's memory is told who it is: the other end is
 * skep-identity (identity/order.h has the words). What comes from it was written by the guest: lines of limited length.
 * All block: workers only.
 */

#define SK_IDENTITY_PORT "org.skep.identity"

/* Asks whether the program is there; AGENT if it does not say so in time. path: the socket that QEMU listens at. */
gboolean sk_identity_hello(const char *path, const char *domain, gint timeout_ms, GError **error);

/*
 * Tells it who it is and waits until it has become that. AGENT names the steps that could not be done; those that would only leave
 * something as it was (files of what is not installed) are told in the log.
 */
gboolean sk_identity_become(const char *path, const char *domain, const char *order, gint timeout_ms, GError **error);

G_END_DECLS
