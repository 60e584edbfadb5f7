/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

/* The judging half of firewall.h, for tests: SkBlocked bits from the answer to "list chains". Any thread. */
guint sk_firewall_closed_ways(const json_t *answer, const char *own_table, char **out_chains);
