/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"
#include "model/domain.h"

/*
 * Makes what we think that runs into what QEMU has: a daemon may die between the two, and a guest may let go of a
 * device long after it was asked.
 */

/*
 * Disks and interfaces that QEMU has not are taken out of live, with what of them is left in QEMU and on the host
 * (links of the tag); memory, vCPUs and media become QEMU's. spec is the definition, for names of media. *error is set,
 * and live as it was, if QEMU does not answer. Workers.
 */
gboolean sk_domain_verify_live(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *spec, const char *tag, GError **error);
