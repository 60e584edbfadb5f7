/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A disk that does what a test wants: SQLite's usual file access with faults laid over it. Once
 * installed, all databases are opened through it.
 */

typedef enum {
    DISK_FINE,
    DISK_FULL,              /* writes say there is no room */
    DISK_READ_ONLY,         /* writes are refused */
    DISK_FAILS,             /* writes break */
    DISK_SYNC_FAILS,        /* writes work, but cannot be made to last */
} DiskFault;

void disk_install(void);
void disk_set_fault(DiskFault fault);

/* Syncs wait until disk_open_gate(). disk_wait_at_gate() returns when one does. */
void disk_close_gate(void);
void disk_wait_at_gate(void);
void disk_open_gate(void);

/* Syncs so far. */
guint disk_syncs(void);
