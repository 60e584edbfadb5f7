/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"
#include "model/domain.h"

/*
 * Brings a running QEMU nearer to a changed definition: everything in which live differs from
 * wanted and that a running guest can take is done, and live is changed to say so. What it cannot take is
 * left as it is: the caller shows it as pending. A refusal by QEMU or the guest is an error; what was done
 * before it stays done and is in live. Workers.
 */
gboolean sk_domain_apply_live(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error);
