/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"
#include "store/store.h"

G_BEGIN_DECLS

/*
 * Who is asking: peer credentials of a Unix socket, bearer tokens. Tokens are kept hashed; a
 * look-up is from memory. Main thread.
 */

typedef struct SkAuth SkAuth;

/* The group whose members may use the Unix sockets. */
#define SK_AUTH_GROUP "skep"

/* Reads the tokens of the store, which must outlive this. Before the loop runs: it waits for the disk. */
SkAuth *sk_auth_new(SkStore *store, GError **error);
void sk_auth_free(SkAuth *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkAuth, sk_auth_free)

/*
 * Root, the daemon's own user and members of the group "skep" are admins; others are DENIED.
 * The groups are those the peer had when it connected. out_uid may be NULL.
 */
gboolean sk_auth_peer(SkAuth *self, gint unix_fd, SkIdentity *out_who, uid_t *out_uid, GError **error);

/* Whoever it is, as one who may only look: for sockets that are open to all users of the host. */
gboolean sk_auth_peer_reader(SkAuth *self, gint unix_fd, SkIdentity *out_who, uid_t *out_uid, GError **error);

/* Whose certificates have which role: patterns ("CN=*.example.com,O=Example") parted by ";"; NULL: nobody's. */
typedef struct {
    const char *admins, *operators, *viewers;
} SkSubjectRoles;

/* The highest role on whose list the subject is; DENIED if it is on none. from: the peer's address. */
gboolean sk_auth_subject(const SkSubjectRoles *roles, const char *subject, const char *from, SkIdentity *out_who, GError **error);

/* The group's id, to give a socket to it; (gid_t) -1 if there is no such group. */
gid_t sk_auth_group_id(SkAuth *self);

/*
 * authorization: the header's value, "Bearer <secret>". UNAUTHENTICATED if it is missing (NULL), malformed,
 * unknown or expired; out_bad (may be NULL) tells a wrong token from a missing one. from: the peer's address.
 */
gboolean sk_auth_token(SkAuth *self, const char *authorization, const char *from, SkIdentity *out_who,
                       gboolean *out_bad, GError **error);

/* FALSE if the token that who rests on was revoked or has expired since. */
gboolean sk_auth_holds(SkAuth *self, const SkIdentity *who);

/* -- operations ---------------------------------------------------------------------------------------- */

/* token.list: answers into the call at once. */
gboolean sk_auth_handle_list(SkAuth *self, SkCall *call, GError **error);

/*
 * token.create and token.delete: take the call and finish it when the change is on the disk. Rights
 * are judged by ops/ before.
 */
void sk_auth_handle_create(SkAuth *self, SkCall *call);
void sk_auth_handle_delete(SkAuth *self, SkCall *call);

/*
 * A new token without a call, for `skepd` and tests: waits for the disk; before the loop runs.
 * expires: microseconds since the epoch, 0: never. Its secret, shown this once; free with g_free().
 */
char *sk_auth_create(SkAuth *self, const char *name, SkRole role, gint64 expires, GError **error);

G_END_DECLS
