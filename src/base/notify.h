/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Tells whoever started this program how it is, as systemd understands it: "READY=1", "STOPPING=1".  Does nothing if nobody
 * wants to know, and nothing fails if it cannot be told.  Main thread.
 */
void sk_notify(const char *state);

G_END_DECLS
