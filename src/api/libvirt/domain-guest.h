/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

/* Handlers that ask the guest agent, for the tables of the families they belong to. Main thread. */

/* An operation on "dom", which must run; body (may be NULL) is taken. NULL with an error. */
SkCall *sk_lv_ask_agent(SkLvCall *call, SkOperationId id, gpointer body, GError **error);

gboolean sk_lv_get_hostname(SkLvCall *call, GError **error);
gboolean sk_lv_fstrim(SkLvCall *call, GError **error);
gboolean sk_lv_get_time(SkLvCall *call, GError **error);
gboolean sk_lv_set_time(SkLvCall *call, GError **error);
gboolean sk_lv_get_fsinfo(SkLvCall *call, GError **error);
gboolean sk_lv_get_guest_info(SkLvCall *call, GError **error);
gboolean sk_lv_agent_timeout(SkLvCall *call, GError **error);
gboolean sk_lv_get_ssh_keys(SkLvCall *call, GError **error);
gboolean sk_lv_set_ssh_keys(SkLvCall *call, GError **error);
gboolean sk_lv_get_guest_vcpus(SkLvCall *call, GError **error);
gboolean sk_lv_set_guest_vcpus(SkLvCall *call, GError **error);
gboolean sk_lv_pm_suspend(SkLvCall *call, GError **error);

/* GET_VCPUS_FLAGS and SET_VCPUS_FLAGS with the flag for the guest. */
gboolean sk_lv_count_guest_vcpus(SkLvCall *call, gboolean maximum, GError **error);
gboolean sk_lv_use_guest_vcpus(SkLvCall *call, guint count, GError **error);
