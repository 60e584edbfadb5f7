/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/job.h"
#include "store/store.h"

/*
 * Events: a bounded ring of what happened, numbered by a revision that grows over
 * restarts, and those who listen.  Main thread.
 */

typedef struct SkEvents SkEvents;

SkEvents *sk_events_new(SkStore *store);
void sk_events_free(SkEvents *self);

/*
 * Tells everybody. type "domain.started", object "domain/web1"; uuid and data (a JSON object) may be
 * NULL; data is taken.
 */
void sk_events_emit(SkEvents *self, const char *type, const char *object, const char *uuid, char *data);
