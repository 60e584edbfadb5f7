/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's cloud-init seed. */
#include "service/domain-seed.h"

#include "base/fs.h"
#include "guest/cloud-init.h"

gboolean
sk_domain_seed_prepare(SkDomainSpec *spec, GError **error)
{
    SkCloudInit *settings = spec->cloud_init;
    if (settings == NULL)
        return TRUE;
    if (settings->instance_id == NULL)
        settings->instance_id = g_uuid_string_random();
    return sk_cloud_init_check(settings, error) && sk_cloud_init_hash_password(settings, error);
}

gboolean
sk_domain_seed_ensure(const SkDomainSpec *spec, const char *path, GError **error)
{
    if (path == NULL || spec->cloud_init == NULL)
        return TRUE;
    g_autoptr(GPtrArray) macs = g_ptr_array_new();
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++)
        g_ptr_array_add(macs, ((const SkInterface *) spec->interfaces->pdata[i])->mac);
    g_ptr_array_add(macs, NULL);
    const SkSeedFor whose = { .domain = spec->name, .uuid = spec->uuid, .macs = macs->len > 1 ? (const char *const *) macs->pdata : NULL };
    return sk_cloud_init_write_seed(spec->cloud_init, &whose, path, NULL, error);
}
