/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <glib.h>

G_BEGIN_DECLS

/* libnftables, one command at a time. Inside the trade; workers. */

/*
 * Runs a transaction of libnftables JSON, all or nothing. what completes "cannot ..."; the error
 * carries libnftables' own words.
 */
gboolean sk_nft_run(const char *json, const char *what, GError **error);

/* Asks ("list chains") and gives the answer; new reference, NULL on error. */
json_t *sk_nft_list(const char *command, const char *what, GError **error);

G_END_DECLS
