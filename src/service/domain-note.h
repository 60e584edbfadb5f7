/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/*
 * A note beside a domain's run directory that says which QEMU was started for it and with what.
 * It is there before a start is answered, so that a daemon killed in the next instant, before the database has
 * the state, does not lose the guest. It lies where the domain's uid cannot write, and is gone with a reboot.
 *
 * A change of what runs is noted before QEMU hears of it: live as it is to be, or as it was where a part is taken away.
 * Whether QEMU came to do it, the next daemon asks QEMU (domain-verify.h).
 */

/* Replaces the note; not forced to the disk, since a power cut ends the guest too. Workers. */
gboolean sk_domain_note_write(const char *run_dir, const SkDomainRuntime *runtime, GError **error);

/* For a change of live: what runs, without live, and with the next number. Free as sk_domain_runtime_type. Main. */
SkDomainRuntime *sk_domain_note_begin(const SkDomain *self);
/* Notes it. live stays the caller's. Workers. */
gboolean sk_domain_note_change(const char *run_dir, const SkDomainRuntime *runtime, const SkDomainSpec *live, GError **error);

/* If the note's QEMU still runs, the domain gets its runtime from there. At start-up. */
void sk_domain_note_take(SkDomain *self);

/* Path of the note, to be removed with the domain. Free with g_free(). */
char *sk_domain_note_path(const char *run_dir);
