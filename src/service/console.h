/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/*
 * Consoles of domains: recorded serial ports, VNC, and the one-time tickets that open
 * them. The sessions are in streams.h. Main thread.
 */

/* Virtio consoles are ports from here on, beside the serial ports. */
#define SK_CONSOLE_PORT 16

void sk_console_init(SkService *self);

/* A domain's QEMU is there, or has gone: its recorded consoles follow. */
void sk_domain_consoles_on(SkDomain *self);
void sk_domain_consoles_off(SkDomain *self);
/* The domain is deleted: readers are told. */
void sk_domain_close_consoles(SkDomain *self);

gboolean sk_handle_console_ticket(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_console_log_job;
