/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/caps.h"
#include "service/service-private.h"

/* What QEMU can do, for those who show it. Main thread. */

/* caps NULL: error says why. Both are the caller's only for the call. */
typedef void (*SkEmulatorReady)(SkQemuCaps *caps, const GError *error, gpointer data);

/* Asks a binary (NULL: the daemon's), or the memory of having asked; ready comes later, once. */
void sk_service_ask_emulator(SkService *self, const char *binary, SkEmulatorReady ready, gpointer data);
