/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/*
 * What a running guest writes to grows without anybody telling: before such volumes are shown, their files are
 * looked at. All others are shown from memory.
 */

/* Whether what volume.list or volume.show is about to show has such volumes. Main thread. */
gboolean sk_volumes_are_written(SkService *self, const SkCall *call);

/* Looks at them, then answers the call as its handler would. */
extern const SkJobKind sk_volume_look_job;
