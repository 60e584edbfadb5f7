/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/* Disks of domains and the rest of the house: paths of volumes, who writes where. Main thread. */

/* Finds the path and format of every volume disk of a definition; NO_VOLUME, NO_POOL. */
gboolean sk_service_resolve_disks(SkService *self, SkDomainSpec *spec, GError **error);
gboolean sk_service_resolve_disk(SkService *self, SkDisk *disk, GError **error);

/*
 * Marks the writable disks of spec as open by the domain: two domains never write to one disk, and none reads what
 * another writes. IN_USE, naming disk and domain; nothing is marked then.
 */
gboolean sk_domain_reserve_disks(SkDomain *self, const SkDomainSpec *spec, GError **error);
gboolean sk_domain_reserve_disk(SkDomain *self, const SkDisk *disk, GError **error);
void sk_domain_release_disk(SkDomain *self, const SkDisk *disk);
/* All of it. */
void sk_domain_release_disks(SkDomain *self);
