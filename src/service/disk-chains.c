/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of running disks: found, kept. */
#include "service/disk-chains.h"

#include "base/error.h"
#include "base/thread.h"
#include "service/block-job.h"
#include "service/pool.h"
#include "storage/chain.h"

void
sk_disk_chains_free(GPtrArray *self)
{
    for (guint i = 0; self != NULL && i < self->len; i++)
        sk_value_free(&sk_disk_chain_type, self->pdata[i]);
    if (self != NULL)
        g_ptr_array_unref(self);
}

GPtrArray *
sk_disk_chains_copy(const GPtrArray *self)
{
    GPtrArray *copy = g_ptr_array_new();
    for (guint i = 0; self != NULL && i < self->len; i++)
        g_ptr_array_add(copy, sk_value_copy(&sk_disk_chain_type, self->pdata[i]));
    return copy;
}

static SkDiskChain *
new_chain(const SkDisk *disk)
{
    SkDiskChain *chain = sk_value_new(&sk_disk_chain_type);
    chain->target = g_strdup(disk->target);
    chain->path = g_strdup(disk->path);
    return chain;
}

GPtrArray *
sk_disk_chains_of_launch(const SkDomainSpec *live, const GPtrArray *opened)
{
    GPtrArray *chains = g_ptr_array_new();
    for (guint i = 0; i < opened->len; i++) {
        const SkBlockChain *from = opened->pdata[i];
        const SkDisk *disk = sk_domain_spec_find_disk(live, from->target);
        if (disk == NULL)
            continue;
        SkDiskChain *chain = new_chain(disk);
        for (guint n = 0; n < from->layers->len; n++) {
            const SkBlockLayer *layer = from->layers->pdata[n];
            sk_disk_chain_add(chain, NULL, layer->path, layer->format, layer->block);
        }
        g_ptr_array_add(chains, chain);
    }
    return chains;
}

typedef struct {
    SkDomain *domain;
    char **roots;
} Roots;

static void
find_roots(gpointer data)
{
    Roots *self = data;
    self->roots = sk_service_storage_roots(self->domain->service);
}

/* Under its target, whatever file it was on. */
static const SkDiskChain *
before(const GPtrArray *known, const char *target)
{
    for (guint i = 0; known != NULL && i < known->len; i++) {
        const SkDiskChain *chain = known->pdata[i];
        if (g_strcmp0(chain->target, target) == 0)
            return chain;
    }
    return NULL;
}

static SkDiskChain *
look(const SkDisk *disk, const SkDiskChain *known, char **roots)
{
    g_autoptr(GPtrArray) layers = NULL;
    g_autoptr(GError) why = NULL;
    const char *const *allowed = (const char *const *) roots;
    gboolean ok = disk->encryption != NULL ? sk_storage_open_encrypted_chain(disk->path, disk->format, FALSE, allowed, &layers, &why)
                                           : sk_storage_open_chain(disk->path, disk->format, FALSE, allowed, &layers, &why);
    if (!ok) {
        g_message("the files of disk \"%s\" cannot be told: %s", disk->target, why->message);
        return NULL;
    }
    SkDiskChain *chain = new_chain(disk);
    for (guint i = 0; i < layers->len; i++) {
        const SkChainLayer *layer = layers->pdata[i];
        sk_disk_chain_add(chain, known, layer->path, layer->format, layer->block);
    }
    return chain;
}

GPtrArray *
sk_disk_chains_look(SkDomain *domain, const GPtrArray *known, const SkDomainSpec *live, const char *anew)
{
    g_auto(GStrv) roots = NULL;
    GPtrArray *chains = g_ptr_array_new();
    sk_assert_worker();
    for (guint i = 0; live->disks != NULL && i < live->disks->len; i++) {
        const SkDisk *disk = live->disks->pdata[i];
        const SkDiskChain *same = g_strcmp0(disk->target, anew) != 0 ? sk_disk_chains_find(known, disk) : NULL;
        if (disk->path == NULL || disk->source == SK_SOURCE_NONE)
            continue;
        if (same == NULL && roots == NULL) {
            Roots asking = { .domain = domain };
            sk_main_call(find_roots, &asking);
            roots = asking.roots;
        }
        SkDiskChain *chain = same != NULL ? sk_value_copy(&sk_disk_chain_type, same) : look(disk, before(known, disk->target), roots);
        if (chain != NULL)
            g_ptr_array_add(chains, chain);
    }
    return chains;
}

void
sk_domain_set_chains(SkDomain *domain, GPtrArray *chains)
{
    if (chains == NULL)
        return;
    sk_disk_chains_free(domain->runtime.chains);
    domain->runtime.chains = chains;
}

GPtrArray *
sk_domain_mirrors(const SkDomain *domain)
{
    static const char *const ready[SK_N_BLOCK_STATES] = { NULL, "yes", "abort" };
    GPtrArray *mirrors = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; domain->block_jobs != NULL && i < domain->block_jobs->len; i++) {
        const SkBlockJob *job = domain->block_jobs->pdata[i];
        if (!sk_block_kind_waits(job->kind) || job->fresh == NULL)
            continue;
        SkDiskMirror *mirror = g_new0(SkDiskMirror, 1);
        *mirror = (SkDiskMirror){ .target = job->target, .disk = job->fresh, .commit = job->kind == SK_BLOCK_ACTIVE_COMMIT, .ready = ready[job->state] };
        if (job->phase == SK_BLOCK_PIVOTING || job->phase == SK_BLOCK_SWITCHED)
            mirror->ready = "pivot";
        g_ptr_array_add(mirrors, mirror);
    }
    return mirrors;
}
