/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"
#include "model/domain.h"

/* Where on the host a domain's threads run. */

/*
 * UNSUPPORTED for what a definition asks of the host's CPUs, memory and disks that nothing here would see to, so that
 * no limit is believed in that is not there. Any thread.
 */
gboolean sk_domain_tuning_check(const SkDomainSpec *spec, GError **error);

/* Puts the threads of a QEMU that has started onto the CPUs that its definition names. INVALID if the host has none of them. Workers. */
gboolean sk_domain_pin(const SkDomainSpec *spec, guint pid, SkQmp *qmp, GError **error);
