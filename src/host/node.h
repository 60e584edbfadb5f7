/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/job.h"

G_BEGIN_DECLS

/* The host as a value. root: see root.h. */

/*
 * Fills in name, system, kernel, CPUs, memory and accelerator. QEMU, domains and the daemon's own
 * members are left to the caller. Free with sk_value_free(&sk_node_type, ...). Start-up or workers.
 */
SkNode *sk_node_probe(const char *root);

/* Bytes that can be had without swapping, as the kernel estimates; one small read, any thread. */
guint64 sk_node_memory_available(const char *root);

G_END_DECLS
