/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A REST server over fakes, for fuzz targets that speak to it. */

/* Starts it, the first time. */
void fuzz_server_start(void);

/*
 * Sends bytes on a new connection, after intro, and lets the server do what it does about them. No more
 * than 64 KiB of data are sent.
 */
void fuzz_server_send(const char *intro, const guint8 *data, gsize size);
