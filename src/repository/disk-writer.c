/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks on their way into a backup. */
#include "repository/disk-writer.h"

#include <string.h>

#include "base/error.h"

/* Windows in memory for each processor. */
#define WINDOWS_AHEAD 4

struct SkRepoDiskWriter {
    SkRepo *repo;
    GArray *leaves;         /* SkRepoId of the backup before, then, up to `at`, of this one */
    guint at;
    SkRepoLeaf *leaf;       /* number `at`; NULL: nothing of it was put */
    GThreadPool *pool;
    guint room;             /* windows that may be under way */
    GMutex mutex;           /* of the leaf and of what follows */
    GCond cond;
    guint busy;
    GError *error;          /* the first of a worker's */
};

typedef struct {
    guint window;
    guint16 changed;
    guint8 *bytes;
} Task;

static void
task_free(Task *self)
{
    g_free(self->bytes);
    g_free(self);
}

/* Moves the clusters that are not all zeros to the front; which they are. */
static guint16
gather(guint8 *bytes, guint16 changed, gsize *out_length)
{
    guint16 stored = 0;
    gsize length = 0;
    for (guint cluster = 0; cluster < SK_REPO_WINDOW_CLUSTERS; cluster++) {
        guint8 *at = bytes + (gsize) cluster * SK_REPO_CLUSTER;
        if ((changed >> cluster & 1) == 0 || (at[0] == 0 && memcmp(at, at + 1, SK_REPO_CLUSTER - 1) == 0))
            continue;
        memmove(bytes + length, at, SK_REPO_CLUSTER);
        length += SK_REPO_CLUSTER;
        stored |= (guint16) (1u << cluster);
    }
    *out_length = length;
    return stored;
}

/* A pool's thread: one window. */
static void
write_window(gpointer data, gpointer user_data)
{
    Task *task = data;
    SkRepoDiskWriter *self = user_data;
    GError *error = NULL;
    SkRepoId id;
    gsize length = 0;
    guint16 stored = task->bytes != NULL ? gather(task->bytes, task->changed, &length) : 0;
    gboolean is_done = stored == 0 || sk_repo_put(self->repo, SK_REPO_DATA, task->bytes, length, &id, &error);
    g_mutex_lock(&self->mutex);
    if (is_done)
        sk_repo_leaf_change(self->leaf, task->window, task->changed, stored != 0 ? &id : NULL, stored);
    else if (self->error == NULL)
        self->error = g_steal_pointer(&error);
    self->busy--;
    g_cond_signal(&self->cond);
    g_mutex_unlock(&self->mutex);
    g_clear_error(&error);
    task_free(task);
}

SkRepoDiskWriter *
sk_repo_disk_writer_new(SkRepo *repo, guint64 size, const SkRepoId *base, guint64 base_size, GError **error)
{
    if (size > SK_REPO_DISK_MAX) {
        sk_fail(error, SK_ERROR_TOO_LARGE, "a disk of %" G_GUINT64_FORMAT " bytes is larger than a repository takes: 16 TiB", size);
        return NULL;
    }
    GArray *leaves = base != NULL ? sk_repo_load_root(repo, base, base_size, error) : g_array_new(FALSE, TRUE, sizeof(SkRepoId));
    if (leaves == NULL)
        return NULL;
    guint had = leaves->len;
    g_array_set_size(leaves, sk_repo_leaf_count(size));
    if (leaves->len > had)
        memset(&g_array_index(leaves, SkRepoId, had), 0, (leaves->len - had) * sizeof(SkRepoId));
    SkRepoDiskWriter *self = g_new0(SkRepoDiskWriter, 1);
    *self = (SkRepoDiskWriter){ .repo = repo, .leaves = leaves, .room = WINDOWS_AHEAD * g_get_num_processors() };
    g_mutex_init(&self->mutex);
    g_cond_init(&self->cond);
    self->pool = g_thread_pool_new(write_window, self, (gint) g_get_num_processors(), FALSE, NULL);
    return self;
}

/* Waits until at most so many are under way; FALSE with the error of one that failed. */
static gboolean
wait_for(SkRepoDiskWriter *self, guint most, GError **error)
{
    g_mutex_lock(&self->mutex);
    while (self->busy > most)
        g_cond_wait(&self->cond, &self->mutex);
    gboolean is_well = self->error == NULL;
    if (!is_well)
        g_propagate_error(error, g_error_copy(self->error));
    g_mutex_unlock(&self->mutex);
    return is_well;
}

void
sk_repo_disk_writer_free(SkRepoDiskWriter *self)
{
    if (self == NULL)
        return;
    wait_for(self, 0, NULL);
    g_thread_pool_free(self->pool, FALSE, TRUE);
    g_clear_error(&self->error);
    sk_repo_leaf_free(self->leaf);
    g_array_unref(self->leaves);
    g_mutex_clear(&self->mutex);
    g_cond_clear(&self->cond);
    g_free(self);
}

/* The leaf that was worked on is done. */
static gboolean
end_leaf(SkRepoDiskWriter *self, GError **error)
{
    g_autoptr(SkRepoLeaf) leaf = NULL;
    if (!wait_for(self, 0, error))
        return FALSE;
    leaf = g_steal_pointer(&self->leaf);
    return leaf == NULL || sk_repo_save_leaf(self->repo, leaf, &g_array_index(self->leaves, SkRepoId, self->at), error);
}

static gboolean
turn_to_leaf(SkRepoDiskWriter *self, guint index, GError **error)
{
    if (self->leaf != NULL && self->at == index)
        return TRUE;
    g_assert(index < self->leaves->len && (self->leaf == NULL || index > self->at));
    if (!end_leaf(self, error))
        return FALSE;
    self->at = index;
    self->leaf = sk_repo_load_leaf(self->repo, &g_array_index(self->leaves, SkRepoId, index), error);
    return self->leaf != NULL;
}

gboolean
sk_repo_disk_put(SkRepoDiskWriter *self, guint64 offset, guint16 changed, guint8 *bytes, GError **error)
{
    g_autofree guint8 *taken = bytes;
    if (!turn_to_leaf(self, (guint) (offset / SK_REPO_LEAF_SPAN), error) || !wait_for(self, self->room - 1, error))
        return FALSE;
    Task *task = g_new0(Task, 1);
    *task = (Task){ .window = (guint) (offset % SK_REPO_LEAF_SPAN / SK_REPO_WINDOW), .changed = changed, .bytes = g_steal_pointer(&taken) };
    g_mutex_lock(&self->mutex);
    self->busy++;
    g_mutex_unlock(&self->mutex);
    g_thread_pool_push(self->pool, task, NULL);
    return TRUE;
}

gboolean
sk_repo_disk_end(SkRepoDiskWriter *self, SkRepoId *out_root, GError **error)
{
    return end_leaf(self, error) && sk_repo_save_root(self->repo, self->leaves, out_root, error);
}
