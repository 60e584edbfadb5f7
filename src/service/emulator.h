/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/caps.h"
#include "service/service-private.h"

/* What QEMU can do. */

/* caps NULL: error says why. Both are the caller's only for the call. */
typedef void (*SkEmulatorReady)(SkQemuCaps *caps, const GError *error, gpointer data);

/* Asks a binary (NULL: the daemon's), or the memory of having asked; ready comes later, once. Main thread. */
void sk_service_ask_emulator(SkService *self, const char *binary, SkEmulatorReady ready, gpointer data);

/* The same of the binary that a definition names, waiting for it. Workers. New reference. */
SkQemuCaps *sk_emulator_of(const SkServiceSettings *settings, const SkDomainSpec *spec, GError **error);
/*
 * "q35" and "pc" are other machines with every QEMU: the definition names the one of now from here on, so that neither an upgrade
 * nor a host with another QEMU changes the guest's hardware. Any thread.
 */
void sk_emulator_pin(const SkQemuCaps *caps, SkDomainSpec *spec);
/* The same for what is to be defined. Where no QEMU answers it is left to the start. Workers. */
void sk_emulator_pin_definition(const SkServiceSettings *settings, SkDomainSpec *spec);
