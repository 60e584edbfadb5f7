/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verify, prune and collect. */
#include "repository/upkeep.h"

#include "base/error.h"
#include "base/undo.h"
#include "repository/map.h"

static const SkRepoId no_id;

void
sk_repo_report_clear(SkRepoReport *self)
{
    g_clear_pointer(&self->damaged, g_ptr_array_unref);
}

/* -- verify --------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkRepo *repo;
    SkRepoReport *report;
    GHashTable *known;      /* SkRepoId to what is wrong with the object, or with what it names; "": nothing */
    const char *backup;
} Check;

static void
note_damage(Check *check, const char *part, const char *why)
{
    g_ptr_array_add(check->report->damaged, g_strdup_printf("backup \"%s\", \"%s\": %s", check->backup, part, why));
}

/* Keeps what was found; returns it, borrowed. */
static const char *
know(Check *check, const SkRepoId *id, char *why)
{
    g_hash_table_insert(check->known, g_memdup2(id, sizeof *id), why);
    return why;
}

static const char *
check_object(Check *check, SkRepoKind kind, const SkRepoId *id)
{
    const char *known = g_hash_table_lookup(check->known, id);
    g_autoptr(GError) why = NULL;
    if (known != NULL)
        return known;
    g_autoptr(GByteArray) bytes = sk_repo_get(check->repo, kind, id, &why);
    check->report->objects++;
    check->report->bytes += bytes != NULL ? bytes->len : 0;
    return know(check, id, g_strdup(why != NULL ? why->message : ""));
}

/* What is wrong with the leaf or with the first object it names that has something. */
static const char *
check_leaf(Check *check, const SkRepoId *id)
{
    const char *known = g_hash_table_lookup(check->known, id), *wrong = "";
    g_autoptr(GError) why = NULL;
    if (known != NULL || sk_repo_id_equal(id, &no_id))
        return known != NULL ? known : "";
    g_autoptr(SkRepoLeaf) leaf = sk_repo_load_leaf(check->repo, id, &why);
    check->report->objects++;
    for (guint i = 0; leaf != NULL && i < SK_REPO_LEAF_WINDOWS; i++)
        for (guint k = 0; leaf->windows[i] != NULL && k < leaf->windows[i]->len; k++) {
            const char *found = check_object(check, SK_REPO_DATA, &g_array_index(leaf->windows[i], SkRepoPiece, k).id);
            wrong = *wrong != '\0' ? wrong : found;
        }
    return know(check, id, g_strdup(why != NULL ? why->message : wrong));
}

static void
check_disk(Check *check, const SkStoredDisk *disk)
{
    g_autoptr(GError) why = NULL;
    SkRepoId root;
    g_autoptr(GArray) leaves = NULL;
    if (disk->map == NULL || !sk_repo_id_parse(disk->map, &root))
        sk_fail(&why, SK_ERROR_IO, "it has no map");
    else
        leaves = sk_repo_load_root(check->repo, &root, disk->size, &why);
    if (why != NULL)
        note_damage(check, disk->target, why->message);
    for (guint i = 0; leaves != NULL && i < leaves->len; i++) {
        const char *wrong = check_leaf(check, &g_array_index(leaves, SkRepoId, i));
        if (*wrong != '\0')
            note_damage(check, disk->target, wrong);
    }
}

static void
check_file(Check *check, const SkStoredFile *file)
{
    SkRepoId id;
    const char *wrong = file->object != NULL && sk_repo_id_parse(file->object, &id) ? check_object(check, SK_REPO_FILE, &id) : "it has no object";
    if (*wrong != '\0')
        note_damage(check, file->name, wrong);
}

static void
check_backup(Check *check, const SkStoredBackup *backup)
{
    check->backup = backup->name;
    check->report->backups++;
    for (guint i = 0; backup->disks != NULL && i < backup->disks->len; i++)
        check_disk(check, backup->disks->pdata[i]);
    for (guint i = 0; backup->files != NULL && i < backup->files->len; i++)
        check_file(check, backup->files->pdata[i]);
}

/* Those to look at; what cannot be read is noted. */
static GPtrArray *
choose(SkRepo *repo, const char *name, GPtrArray *damaged, GError **error)
{
    GPtrArray *all = sk_repo_load_backups(repo, NULL, damaged, error);
    for (guint i = all != NULL ? all->len : 0; name != NULL && i-- > 0;)
        if (g_strcmp0(((SkStoredBackup *) all->pdata[i])->name, name) != 0)
            g_ptr_array_remove_index(all, i);
    return all;
}

gboolean
sk_repo_verify(SkRepo *repo, const char *name, SkRepoProgress progress, gpointer data, SkRepoReport *out, GError **error)
{
    SkRepoReport report = { .damaged = g_ptr_array_new_with_free_func(g_free) };
    g_autoptr(GPtrArray) backups = choose(repo, name, report.damaged, error);
    g_autoptr(GHashTable) known = g_hash_table_new_full(sk_repo_id_hash, sk_repo_id_equal, g_free, g_free);
    Check check = { .repo = repo, .report = &report, .known = known };
    gboolean is_well = backups != NULL;
    if (is_well && name != NULL && backups->len == 0 && report.damaged->len == 0)
        is_well = sk_fail(error, SK_ERROR_NO_BACKUP, "there is no backup \"%s\" in repository \"%s\"", name, sk_repo_path(repo));
    for (guint i = 0; is_well && i < backups->len; i++) {
        check_backup(&check, backups->pdata[i]);
        progress(i + 1, backups->len, data);
    }
    if (is_well)
        *out = report;
    else
        sk_repo_report_clear(&report);
    return is_well;
}

/* -- prune -------------------------------------------------------------------------------------------------------------------------- */

/* Adds the names of what goes of those from `first` on, which are one domain's, newest first. */
static void
plan_domain(const GPtrArray *backups, guint first, guint n, const SkRetention *keep, GPtrArray *names)
{
    g_autofree gint64 *times = g_new(gint64, n);
    g_autofree gboolean *stays = g_new(gboolean, n);
    for (guint i = 0; i < n; i++)
        times[i] = ((SkStoredBackup *) backups->pdata[first + i])->created;
    sk_retention_apply(keep, times, n, stays);
    for (guint i = 0; i < n; i++)
        if (!stays[i])
            g_ptr_array_add(names, g_strdup(((SkStoredBackup *) backups->pdata[first + i])->name));
}

static gint
by_domain_newest_first(gconstpointer a, gconstpointer b)
{
    const SkStoredBackup *x = *(SkStoredBackup *const *) a, *y = *(SkStoredBackup *const *) b;
    gint order = g_strcmp0(x->uuid, y->uuid);
    return order != 0 ? order : (x->created < y->created) - (x->created > y->created);
}

GPtrArray *
sk_repo_plan_prune(SkRepo *repo, const char *domain, const SkRetention *keep, GError **error)
{
    g_autoptr(GPtrArray) backups = sk_repo_load_backups(repo, domain, NULL, error);
    if (backups == NULL)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_sort(backups, by_domain_newest_first);
    for (guint first = 0, end; first < backups->len; first = end) {
        const char *uuid = ((SkStoredBackup *) backups->pdata[first])->uuid;
        for (end = first + 1; end < backups->len && g_strcmp0(((SkStoredBackup *) backups->pdata[end])->uuid, uuid) == 0; end++)
            ;
        plan_domain(backups, first, end - first, keep, names);
    }
    return names;
}

typedef struct {
    SkRepo *repo;
    GHashTable *needed;     /* SkRepoId */
    SkRepoFreed freed;
} Collect;

static void
need(Collect *collect, const SkRepoId *id)
{
    g_hash_table_add(collect->needed, g_memdup2(id, sizeof *id));
}

static gboolean
need_leaf(Collect *collect, const SkRepoId *id, GError **error)
{
    if (sk_repo_id_equal(id, &no_id) || g_hash_table_contains(collect->needed, id))
        return TRUE;
    g_autoptr(SkRepoLeaf) leaf = sk_repo_load_leaf(collect->repo, id, error);
    need(collect, id);
    for (guint i = 0; leaf != NULL && i < SK_REPO_LEAF_WINDOWS; i++)
        for (guint k = 0; leaf->windows[i] != NULL && k < leaf->windows[i]->len; k++)
            need(collect, &g_array_index(leaf->windows[i], SkRepoPiece, k).id);
    return leaf != NULL;
}

static gboolean
need_disk(Collect *collect, const SkStoredDisk *disk, GError **error)
{
    SkRepoId root;
    if (disk->map == NULL || !sk_repo_id_parse(disk->map, &root))
        return sk_fail(error, SK_ERROR_IO, "disk \"%s\" has no map", disk->target);
    g_autoptr(GArray) leaves = sk_repo_load_root(collect->repo, &root, disk->size, error);
    need(collect, &root);
    for (guint i = 0; leaves != NULL && i < leaves->len; i++)
        if (!need_leaf(collect, &g_array_index(leaves, SkRepoId, i), error))
            return FALSE;
    return leaves != NULL;
}

/* All that the backups need is known; FALSE if one cannot be read. */
static gboolean
need_all(Collect *collect, const GPtrArray *backups, GError **error)
{
    for (guint i = 0; i < backups->len; i++) {
        const SkStoredBackup *backup = backups->pdata[i];
        for (guint k = 0; backup->disks != NULL && k < backup->disks->len; k++)
            if (!need_disk(collect, backup->disks->pdata[k], error))
                return FALSE;
        for (guint k = 0; backup->files != NULL && k < backup->files->len; k++) {
            const SkStoredFile *file = backup->files->pdata[k];
            SkRepoId id;
            if (file->object != NULL && sk_repo_id_parse(file->object, &id))
                need(collect, &id);
        }
    }
    return TRUE;
}

static gboolean
collect_object(const SkRepoId *id, guint64 bytes, gpointer data, GError **error)
{
    Collect *collect = data;
    if (g_hash_table_contains(collect->needed, id))
        return TRUE;
    if (sk_fault("repository/collect", error) || !sk_repo_remove(collect->repo, id, error))
        return FALSE;
    collect->freed.objects++;
    collect->freed.bytes += bytes;
    return TRUE;
}

gboolean
sk_repo_collect(SkRepo *repo, SkRepoFreed *out, GError **error)
{
    g_autoptr(GPtrArray) damaged = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) backups = sk_repo_load_backups(repo, NULL, damaged, error);
    g_autoptr(GHashTable) needed = g_hash_table_new_full(sk_repo_id_hash, sk_repo_id_equal, g_free, NULL);
    Collect collect = { .repo = repo, .needed = needed };
    if (backups == NULL)
        return FALSE;
    if (damaged->len > 0)
        return sk_fail(error, SK_ERROR_IO, "nothing was removed, since it is not known what a damaged backup needs (remove it first): %s",
                       (const char *) damaged->pdata[0]);
    if (!need_all(&collect, backups, error)) {
        g_prefix_error(error, "nothing was removed, since it is not known what a damaged backup needs (remove it first): ");
        return FALSE;
    }
    if (!sk_repo_sweep(repo, error) || !sk_repo_each(repo, collect_object, &collect, error))
        return FALSE;
    *out = collect.freed;
    return TRUE;
}
