/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "auth/auth.h"
#include "store/tokens.h"

/* What the files of auth/ share. Main thread. */

struct SkAuth {
    SkStore *store;

    /* token.c */
    GHashTable *tokens;     /* hash of the secret, 64 hex digits → Token */
    GHashTable *by_id;      /* id → Token, not owned */

    /* peer.c */
    GHashTable *users;      /* uid → name */
    gid_t group;            /* -1: there is none */
    gint64 group_looked_up; /* monotonic */
};
