/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"
#include "model/domain.h"

/* Where on the host a domain's threads run. */

/* Puts the threads of a QEMU that has started onto the CPUs that its definition names. INVALID if the host has none of them. Workers. */
gboolean sk_domain_pin(const SkDomainSpec *spec, guint pid, SkQmp *qmp, GError **error);
