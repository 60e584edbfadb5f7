/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"

/*
 * Who is asking: peer credentials of a Unix socket, bearer tokens. Tokens are kept hashed; a
 * look-up is from memory. Main thread unless said otherwise.
 */

typedef struct SkAuth SkAuth;

SkAuth *sk_auth_new(SkService *service);
void sk_auth_free(SkAuth *self);

/* Root, the daemon's own user and members of the group "skep" are admins; others are refused. */
gboolean sk_auth_peer(SkAuth *self, gint unix_fd, SkIdentity *out_who, GError **error);

/* "Bearer <secret>" or the bare secret; UNAUTHENTICATED if unknown, expired or missing. from: the peer's address. */
gboolean sk_auth_token(SkAuth *self, const char *authorization, const char *from, SkIdentity *out_who, GError **error);
