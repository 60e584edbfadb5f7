/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"
#include "service/service-private.h"

/*
 * In a session daemon, turns the interfaces of spec that are on a network into user-mode ones with a free
 * port of this host forwarded to the guest's ssh; others that need privileges are refused (UNSUPPORTED).
 * Does nothing in the system's daemon. Before sk_domain_spec_complete(); main thread.
 */
gboolean sk_session_fit_interfaces(SkService *self, SkDomainSpec *spec, GError **error);
