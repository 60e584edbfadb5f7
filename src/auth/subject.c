/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is at the other end of a TLS connection, by the certificate it has shown. */
#include "auth/auth.h"
#include "base/error.h"

/* Patterns are parted by semicolons: a subject has commas in it. */
static gboolean
is_listed(const char *patterns, const char *subject)
{
    g_auto(GStrv) list = g_strsplit(patterns != NULL ? patterns : "", ";", -1);
    for (guint i = 0; list[i] != NULL; i++) {
        const char *pattern = g_strstrip(list[i]);
        if (*pattern != '\0' && g_pattern_match_simple(pattern, subject))
            return TRUE;
    }
    return FALSE;
}

gboolean
sk_auth_subject(const SkSubjectRoles *roles, const char *subject, const char *from, SkIdentity *out_who, GError **error)
{
    const struct {
        const char *patterns;
        SkRole role;
    } lists[] = { { roles->admins, SK_ROLE_ADMIN }, { roles->operators, SK_ROLE_OPERATOR }, { roles->viewers, SK_ROLE_VIEWER } };
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (!is_listed(lists[i].patterns, subject))
            continue;
        out_who->user = g_strconcat("cert:", subject, NULL);
        out_who->from = g_strdup(from);
        out_who->role = lists[i].role;
        return TRUE;
    }
    return sk_fail(error, SK_ERROR_DENIED, "the certificate's subject \"%s\" is on none of the lists tls_admins, tls_operators and tls_viewers", subject);
}
