/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"

/*
 * The cloud-init seed of a domain: written from the definition, anew when that changes.
 */

/* Checks the settings and turns a plain password into its hash. Workers (hashing is slow by design). */
gboolean sk_domain_seed_prepare(SkDomainSpec *spec, GError **error);
/* Writes the seed if the definition has one and the file is not what it would be. path NULL: no seed. Workers. */
gboolean sk_domain_seed_ensure(const SkDomainSpec *spec, const char *path, GError **error);
