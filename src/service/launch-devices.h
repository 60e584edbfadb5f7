/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain-launch.h"

/* Ends on the host of a domain's shared directories, host devices and vsock. */

/* The context id that spec's vsock gets: its own, or the first from 3 that no active domain has. Main thread. */
gboolean sk_launch_choose_cid(SkService *service, const SkDomain *domain, SkDomainSpec *spec, GError **error);

/* Opens or starts them; undo gets a step for each thing that outlives the descriptors. Workers. */
gboolean sk_launch_open_devices(SkLaunchPlan *self, SkLaunch *launch, SkUndo *undo, GError **error);

/* Gives managed PCI devices back to the host, in the background. */
void sk_launch_drop_devices(SkService *service, const SkDomainSpec *live);
