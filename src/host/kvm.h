/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "model/domain.h"

G_BEGIN_DECLS

/*
 * Whether KVM can run guests here: its device opens and the CPU shows what guests need (vmx or
 * svm; on other architectures the device alone tells). Otherwise domains get TCG. Reads a few
 * small files; any thread, before the loop runs or on a worker.
 */

typedef struct {
    SkAccel accel;          /* SK_ACCEL_KVM or SK_ACCEL_TCG */
    gboolean device_opens;
    gboolean cpu_can;
    gboolean nested;        /* KVM works and lets guests have KVM too */
    char *reason;           /* one sentence, for people */
    char *remedy;           /* the command or setting that would bring KVM, or NULL */
} SkKvm;

/* root: see root.h. Never fails. */
SkKvm *sk_kvm_probe(const char *root);
void sk_kvm_free(SkKvm *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkKvm, sk_kvm_free)

G_END_DECLS
