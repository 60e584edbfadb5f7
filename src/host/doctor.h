/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/job.h"

G_BEGIN_DECLS

/* `skep doctor`: everything a host needs, each with the command that mends it. */

typedef struct {
    const char *root;       /* see root.h */
    const char *state_dir;  /* where images go: "/var/lib/skep" */
    const char *emulator;   /* QEMU binary, or NULL for the one in PATH */
    gboolean session;       /* runs without privileges: what needs them is only noted */
} SkDoctor;

/*
 * Runs all checks, each at most a second; an array that frees its SkFindings, in a fixed order.
 * Workers only (runs programs).
 */
GPtrArray *sk_doctor_run(const SkDoctor *self);

/* The worst level among findings (SkFindingLevel). */
gint sk_doctor_worst(const GPtrArray *findings);

/* The QEMU binary for an architecture ("x86_64") in PATH, or NULL. Free with g_free(). */
char *sk_host_find_qemu(const char *arch);

G_END_DECLS
