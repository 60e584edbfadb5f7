/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/*
 * MAC and static addresses of a definition's interfaces against those of the other domains and of the networks:
 * NO_NETWORK, EXISTS or INVALID, naming who has it or what would be right. Main thread.
 */
gboolean sk_domain_check_interfaces(SkService *self, const SkDomainSpec *spec, GError **error);
