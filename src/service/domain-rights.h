/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/*
 * What of the host a definition reaches for by name: files, programs, devices, listeners. An
 * administrator may name any; others only what lies in a pool, or what the definition had before.
 * Otherwise whoever may create domains could read the host's every file. Main thread.
 *
 * old: the definition before, or NULL. DENIED names the setting and the path.
 */
gboolean sk_domain_check_reach(SkService *service, const SkCall *call, const SkDomainSpec *old, const SkDomainSpec *spec,
                               GError **error);

/* The same for one path. */
gboolean sk_domain_check_path(SkService *service, const SkCall *call, const char *what, const char *path, GError **error);
