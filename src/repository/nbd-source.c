/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks that are read by NBD (libnbd). */
#include "repository/nbd-source.h"

#include <libnbd.h>
#include <string.h>

#include "base/error.h"

/* https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/nbd.rst: bit 0 of a dirty bitmap's context. */
#define STATE_DIRTY 1u

struct SkNbdSource {
    struct nbd_handle *nbd;
    char *target;
    char *bitmap;
    guint64 size;
};

static gboolean
fail_nbd(const SkNbdSource *self, const char *doing, GError **error)
{
    const char *why = nbd_get_error();
    return sk_fail(error, SK_ERROR_IO, "cannot %s disk \"%s\": %s", doing, self->target, why != NULL ? why : "unknown");
}

static gboolean
connect_source(SkNbdSource *self, const SkBackupSource *source, GError **error)
{
    if (nbd_set_export_name(self->nbd, source->export_name != NULL ? source->export_name : source->target) < 0 ||
        nbd_add_meta_context(self->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0 ||
        (self->bitmap != NULL && nbd_add_meta_context(self->nbd, self->bitmap) < 0) || nbd_connect_unix(self->nbd, source->socket) < 0)
        return fail_nbd(self, "reach", error);
    if (self->bitmap != NULL && nbd_can_meta_context(self->nbd, self->bitmap) <= 0)
        return sk_fail(error, SK_ERROR_STATE, "disk \"%s\" is offered without \"%s\", which tells what was written", self->target, self->bitmap);
    gint64 size = nbd_get_size(self->nbd);
    self->size = size < 0 ? 0 : (guint64) size;
    return size >= 0 || fail_nbd(self, "read", error);
}

SkNbdSource *
sk_nbd_source_open(const SkBackupSource *source, GError **error)
{
    g_autoptr(SkNbdSource) self = g_new0(SkNbdSource, 1);
    *self = (SkNbdSource){ .nbd = nbd_create(), .target = g_strdup(source->target), .bitmap = g_strdup(source->bitmap) };
    if (self->nbd == NULL) {
        fail_nbd(self, "reach", error);
        return NULL;
    }
    return connect_source(self, source, error) ? g_steal_pointer(&self) : NULL;
}

void
sk_nbd_source_free(SkNbdSource *self)
{
    if (self == NULL)
        return;
    nbd_close(self->nbd);
    g_free(self->target);
    g_free(self->bitmap);
    g_free(self);
}

guint64
sk_nbd_source_size(const SkNbdSource *self)
{
    return self->size;
}

/* -- which clusters ----------------------------------------------------------------------------------------------------- */

/* What a walk over block status collects. */
typedef struct {
    const SkNbdSource *source;
    SkNbdSpan *span;
    guint64 start;          /* of the span */
    guint64 seen;           /* up to where both contexts have told, if there are both */
    guint64 told[2];
} Walk;

/* Sets the clusters of [from, to), those touched or those wholly in it. */
static void
mark(guint16 *windows, guint64 from, guint64 to, gboolean wholly)
{
    guint64 first = wholly ? (from + SK_REPO_CLUSTER - 1) / SK_REPO_CLUSTER : from / SK_REPO_CLUSTER;
    guint64 end = wholly ? to / SK_REPO_CLUSTER : (to + SK_REPO_CLUSTER - 1) / SK_REPO_CLUSTER;
    end = MIN(end, (guint64) SK_REPO_LEAF_WINDOWS * SK_REPO_WINDOW_CLUSTERS);
    for (guint64 cluster = first; cluster < end; cluster++)
        windows[cluster / SK_REPO_WINDOW_CLUSTERS] |= (guint16) (1u << cluster % SK_REPO_WINDOW_CLUSTERS);
}

static int
on_extents(void *data, const char *context, uint64_t offset, uint32_t *entries, size_t n, int *error)
{
    Walk *walk = data;
    gboolean is_bitmap = walk->source->bitmap != NULL && strcmp(context, walk->source->bitmap) == 0;
    guint64 at = offset - walk->start;
    (void) error;
    for (size_t i = 0; i + 1 < n; i += 2) {
        guint64 end = at + entries[i];
        if (is_bitmap && (entries[i + 1] & STATE_DIRTY) != 0)
            mark(walk->span->changed, at, end, FALSE);
        /* The disk's last cluster may be a part of one. */
        else if (!is_bitmap && (entries[i + 1] & LIBNBD_STATE_ZERO) != 0)
            mark(walk->span->zero, at, walk->start + end == walk->source->size ? end + SK_REPO_CLUSTER - 1 : end, TRUE);
        at = end;
    }
    walk->told[is_bitmap] = at;
    return 0;
}

gboolean
sk_nbd_source_look(SkNbdSource *self, guint64 offset, SkNbdSpan *out, GError **error)
{
    const guint64 length = MIN(SK_REPO_LEAF_SPAN, self->size - offset);
    Walk walk = { .source = self, .span = out, .start = offset };
    memset(out, 0, sizeof *out);
    while (walk.seen < length) {
        walk.told[0] = walk.told[1] = 0;
        const nbd_extent_callback callback = { .callback = on_extents, .user_data = &walk };
        if (nbd_block_status(self->nbd, length - walk.seen, offset + walk.seen, callback, 0) < 0)
            return fail_nbd(self, "look at", error);
        guint64 seen = self->bitmap != NULL ? MIN(walk.told[0], walk.told[1]) : walk.told[0];
        if (seen <= walk.seen)
            return sk_fail(error, SK_ERROR_IO, "disk \"%s\" does not tell what is in it", self->target);
        walk.seen = seen;
    }
    if (self->bitmap == NULL)
        mark(out->changed, 0, length, FALSE);
    return TRUE;
}

/* -- bytes -------------------------------------------------------------------------------------------------------------------- */

gboolean
sk_nbd_source_read(SkNbdSource *self, guint64 offset, guint16 wanted, guint8 *bytes, guint64 *out_read, GError **error)
{
    *out_read = 0;
    for (guint first = 0; first < SK_REPO_WINDOW_CLUSTERS;) {
        guint end = first;
        while (end < SK_REPO_WINDOW_CLUSTERS && (wanted >> end & 1) != 0)
            end++;
        const guint64 from = offset + (guint64) first * SK_REPO_CLUSTER, to = MIN(offset + (guint64) end * SK_REPO_CLUSTER, self->size);
        if (end > first && from < to) {
            if (nbd_pread(self->nbd, bytes + (gsize) first * SK_REPO_CLUSTER, to - from, from, 0) < 0)
                return fail_nbd(self, "read", error);
            *out_read += to - from;
        }
        first = end + 1;
    }
    return TRUE;
}
