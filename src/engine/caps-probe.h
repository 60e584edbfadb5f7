/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

/*
 * Asks a QEMU binary (full path) what it can do; the answer is what
 * sk_qemu_caps_from_json() takes.  HOST error in which the binary and its own words
 * stand. kvm: CPU models are told of as KVM gives them. Blocks; workers. New reference.
 */
json_t *sk_qemu_probe(const char *binary, gboolean kvm, GError **error);

G_END_DECLS
