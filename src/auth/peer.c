/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is at the other end of a Unix socket, by the kernel's word. */
#include "auth/auth-private.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"

/* A group that is made later is found without a restart, at the price of one look at /etc/group in this time. */
#define GROUP_LOOKUP_USEC (10 * G_USEC_PER_SEC)
#define MAX_GROUPS 65536

static void
look_up_group(SkAuth *self)
{
    gint64 now = g_get_monotonic_time();
    if (self->group_looked_up != 0 && now - self->group_looked_up < GROUP_LOOKUP_USEC)
        return;
    self->group_looked_up = now;
    const struct group *group = getgrnam(SK_AUTH_GROUP);
    self->group = group != NULL ? group->gr_gid : (gid_t) -1;
}

gid_t
sk_auth_group_id(SkAuth *self)
{
    if (self->group == (gid_t) -1)
        look_up_group(self);
    return self->group;
}

/* Supplementary groups as the kernel kept them at connect(): no name service is asked. */
static gboolean
peer_has_group(gint fd, gid_t primary, gid_t wanted)
{
    if (wanted == (gid_t) -1)
        return FALSE;
    if (primary == wanted)
        return TRUE;
    socklen_t size = 32 * sizeof(gid_t);
    g_autofree gid_t *groups = g_malloc(size);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
        if (errno != ERANGE || size > MAX_GROUPS * sizeof(gid_t))
            return FALSE;
        groups = g_realloc(groups, size);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
            return FALSE;
    }
    for (gsize i = 0; i < size / sizeof(gid_t); i++) {
        if (groups[i] == wanted)
            return TRUE;
    }
    return FALSE;
}

/* Names of users are kept: the main thread asks the name service once for each. */
static const char *
user_name(SkAuth *self, uid_t uid)
{
    char *name = g_hash_table_lookup(self->users, GUINT_TO_POINTER(uid));
    if (name == NULL) {
        const struct passwd *user = getpwuid(uid);
        name = user != NULL ? g_strdup(user->pw_name) : g_strdup_printf("uid:%u", (guint) uid);
        g_hash_table_insert(self->users, GUINT_TO_POINTER(uid), name);
    }
    return name;
}

static gboolean
read_peer(gint unix_fd, struct ucred *out_peer, GError **error)
{
    socklen_t size = sizeof *out_peer;
    return getsockopt(unix_fd, SOL_SOCKET, SO_PEERCRED, out_peer, &size) == 0 ||
           sk_fail_errno(error, errno, "cannot ask who is at the other end of the Unix socket");
}

static void
fill_in(SkAuth *self, const struct ucred *peer, SkRole role, SkIdentity *out_who, uid_t *out_uid)
{
    out_who->user = g_strdup(user_name(self, peer->uid));
    out_who->from = g_strdup_printf("unix:%d", (gint) peer->pid);
    out_who->role = role;
    if (out_uid != NULL)
        *out_uid = peer->uid;
}

gboolean
sk_auth_peer(SkAuth *self, gint unix_fd, SkIdentity *out_who, uid_t *out_uid, GError **error)
{
    sk_assert_main();
    struct ucred peer;
    if (!read_peer(unix_fd, &peer, error))
        return FALSE;
    gboolean ours = peer.uid == 0 || peer.uid == geteuid();
    if (!ours && !peer_has_group(unix_fd, peer.gid, sk_auth_group_id(self)))
        return sk_fail(error, SK_ERROR_DENIED, "user \"%s\" is neither root nor in group \"%s\"", user_name(self, peer.uid),
                       SK_AUTH_GROUP);
    fill_in(self, &peer, SK_ROLE_ADMIN, out_who, out_uid);
    return TRUE;
}

gboolean
sk_auth_peer_reader(SkAuth *self, gint unix_fd, SkIdentity *out_who, uid_t *out_uid, GError **error)
{
    sk_assert_main();
    struct ucred peer;
    if (!read_peer(unix_fd, &peer, error))
        return FALSE;
    fill_in(self, &peer, SK_ROLE_VIEWER, out_who, out_uid);
    return TRUE;
}
