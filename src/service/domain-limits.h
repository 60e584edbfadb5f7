/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/undo.h"
#include "engine/qmp/qmp-client.h"
#include "model/domain.h"
#include "service/service-private.h"

/* How much of the host a domain may use: control groups of version 2, and without them the scheduler's priorities. */

/*
 * UNSUPPORTED for what a definition asks of the host's CPUs, memory and disks that nothing here would see to, so that
 * no limit is believed in that is not there. Any thread.
 */
gboolean sk_domain_limits_check(const SkDomainSpec *spec, GError **error);

/* Sets them for a QEMU that runs. old: what ran before, NULL at its start. Workers. */
gboolean sk_domain_limit(const SkDomainSpec *spec, const SkDomainSpec *old, guint pid, SkQmp *qmp, GError **error);

/* At a start: an undo step that removes the group, once QEMU was undone. Workers. */
void sk_domain_limits_undo(SkUndo *undo, const SkDomainSpec *spec);

/* Removes the group of a QEMU that has ended, in the background. Main. */
void sk_domain_limits_drop(SkService *service, const SkDomainSpec *live);
