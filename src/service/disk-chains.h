/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/launch.h"
#include "service/domain.h"

/*
 * Which files the disks of a running domain consist of: found by those jobs that change it, and kept with what runs, so that whoever asks
 * is answered from memory.
 */

/* Of what was opened for a start (SkBlockChain). Any thread. */
GPtrArray *sk_disk_chains_of_launch(const SkDomainSpec *live, const GPtrArray *opened);
/*
 * Those of live: known ones of disks that are on the same file as before, and are not the disk called anew (may be NULL), stay as they are;
 * what the others consist of is read. What cannot be read is left out. Workers.
 */
GPtrArray *sk_disk_chains_look(SkDomain *domain, const GPtrArray *known, const SkDomainSpec *live, const char *anew);
GPtrArray *sk_disk_chains_copy(const GPtrArray *self);
void sk_disk_chains_free(GPtrArray *self);
/* chains is taken; NULL: as they are. To be saved afterwards. Main. */
void sk_domain_set_chains(SkDomain *domain, GPtrArray *chains);
/* What its disks are copied or brought down to (SkDiskMirror, borrowing from the domain). Free with g_ptr_array_unref(). Main. */
GPtrArray *sk_domain_mirrors(const SkDomain *domain);
