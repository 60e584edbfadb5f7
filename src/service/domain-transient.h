/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/*
 * Domains without a definition: they survive a restart of the daemon while they run, and are gone when they are off.
 * And those that end with whoever asked for them. Main thread.
 */

/* A transient domain is off: it is forgotten at once, its files and its record go in the background. */
void sk_domain_vanish(SkDomain *self);

/*
 * From now on an active domain does not outlive asker (any address that tells its asker from all others), nor the daemon.
 * STATE if it is off.
 */
gboolean sk_domain_set_autodestroy(SkDomain *self, gconstpointer asker, GError **error);
/* asker is gone: what was to end with it is destroyed. */
void sk_service_asker_gone(SkService *self, gconstpointer asker);
