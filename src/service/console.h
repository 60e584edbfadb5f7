/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"
#include "service/streams.h"

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

/*
 * A session on a recorded port of an active domain without a ticket, for front doors that know who asks: what is
 * printed from now on, and the keyboard, which whoever had it loses.
 */
SkConsoleSession *sk_domain_console_open(SkDomain *self, guint port, const char *user, const SkConsoleFuncs *funcs, gpointer data,
                                         GError **error);

/* -- viewer.c ------------------------------------------------------------------------------------------------------ */

typedef void (*SkViewerDone)(const GError *error, gpointer data);

/*
 * Gives QEMU a connected socket as a client of the index-th graphics device of an active domain. fd is taken. FALSE:
 * there is no such device; else done comes, once. skip_auth: the client need not know the password.
 */
gboolean sk_domain_add_viewer(SkDomain *self, guint index, gint fd, gboolean skip_auth, SkViewerDone done, gpointer data, GError **error);
