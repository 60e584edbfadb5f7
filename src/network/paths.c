/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a daemon's networks keep their files. */
#include "network/paths.h"


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
