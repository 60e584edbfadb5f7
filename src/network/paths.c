/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a daemon's networks keep their files. */
#include "network/paths.h"

#include <string.h>

#define TAG_LENGTH 6

char *
sk_network_tag_of_root(const char *root)
{
    g_autofree char *path = g_canonicalize_filename(root, NULL);
    char *tag = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);
    tag[TAG_LENGTH] = '\0';
    return tag;
}

char *
sk_network_run_path(const SkNetworkPaths *self, const char *network, const char *file)
{
    return g_build_filename(self->run_dir, network, file, NULL);
}

char *
sk_network_lease_path(const SkNetworkPaths *self, const char *network)
{
    g_autofree char *name = g_strconcat(network, ".leases", NULL);
    return g_build_filename(self->state_dir, name, NULL);
}

char *
sk_network_link_name(const char *prefix, const char *number, const char *tag)
{
    gboolean tagged = tag != NULL && *tag != '\0';
    return g_strconcat(prefix, number, tagged ? "-" : NULL, tag, NULL);
}

gboolean
sk_network_link_is(const char *prefix, const char *tag, const char *name)
{
    if (!g_str_has_prefix(name, prefix))
        return FALSE;
    const char *digits = name + strlen(prefix);
    gsize n = strspn(digits, "0123456789");
    g_autofree char *number = g_strndup(digits, n);
    g_autofree char *full = sk_network_link_name(prefix, number, tag);
    return n > 0 && g_str_equal(full, name);
}

char *
sk_network_table_name(const char *tag)
{
    return tag != NULL && *tag != '\0' ? g_strconcat("skep_", tag, NULL) : g_strdup("skep");
}
