/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/objects.h"

G_BEGIN_DECLS

/*
 * Opens the stream of a call that has prepared domain for a migration through its connection: what comes in it is the guest's
 * state and the words of the source's daemon (model/migration.h). Main thread.
 */
gboolean sk_lv_tunnel_open(SkLvCall *call, SkDomain *domain, GError **error);

G_END_DECLS
