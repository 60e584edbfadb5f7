/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of a chain a block job is about. */
#include <stdlib.h>

#include "base/error.h"
#include "service/block-job.h"

static const SkChainLayer *
layer_at(const GPtrArray *layers, guint i)
{
    return layers->pdata[i];
}

gboolean
sk_block_find_layer(const GPtrArray *layers, const SkBlockJob *job, const char *domain, const char *name, guint *out, GError **error)
{
    g_autofree char *real = *name == '/' ? realpath(name, NULL) : NULL;
    for (guint i = 0; i < layers->len; i++) {
        if (g_strcmp0(layer_at(layers, i)->path, real != NULL ? real : name) == 0) {
            *out = i;
            return TRUE;
        }
    }
    return sk_fail(error, SK_ERROR_INVALID, "could not find image \"%.256s\" in the chain of disk \"%s\" of domain \"%s\"", name, job->target, domain);
}

char *
sk_block_name_in_header(gboolean relative, const SkChainLayer *upper, const SkChainLayer *lower, GError **error)
{
    g_autofree char *here = g_path_get_dirname(upper->path), *there = g_path_get_dirname(lower->path);
    if (!relative)
        return g_strdup(lower->path);
    if (g_str_equal(here, there))
        return g_path_get_basename(lower->path);
    sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" cannot name \"%s\" by its place beside it: they are in different directories", upper->path, lower->path);
    return NULL;
}

gboolean
sk_block_find_range(const GPtrArray *layers, const SkBlockJob *job, const char *domain, gboolean shallow, gboolean inner, SkBlockRange *range, GError **error)
{
    range->top = 0;
    if (job->top != NULL && !sk_block_find_layer(layers, job, domain, job->top, &range->top, error))
        return FALSE;
    range->base = shallow ? range->top + 1 : layers->len - 1;
    if (job->base != NULL && !sk_block_find_layer(layers, job, domain, job->base, &range->base, error))
        return FALSE;
    if (range->top + 1 >= layers->len)
        return sk_fail(error, SK_ERROR_INVALID, "top \"%s\" in the chain of disk \"%s\" has no backing file to commit into",
                       layer_at(layers, range->top)->path, job->target);
    if (range->base <= range->top)
        return sk_fail(error, SK_ERROR_INVALID, "base \"%s\" is not below top \"%s\" in the chain of disk \"%s\"", layer_at(layers, range->base)->path,
                       layer_at(layers, range->top)->path, job->target);
    if (inner && range->top == 0)
        return sk_fail(error, SK_ERROR_INVALID, "commit of \"%s\" active layer requires active flag", job->target);
    return TRUE;
}
