/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

/* OPEN_CHANNEL, for the table of domain-console.c. Main thread. */
gboolean sk_lv_open_channel(SkLvCall *call, GError **error);
