/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

/* Handlers of keys and pictures, for the table of domain-console.c. Main thread. */
gboolean sk_lv_send_key(SkLvCall *call, GError **error);
gboolean sk_lv_screenshot(SkLvCall *call, GError **error);
