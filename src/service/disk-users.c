/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index of paths of disks. */
#include "service/disk-users.h"

#include "base/thread.h"
#include "service/domain.h"

/* The paths of a domain's disks, each once, sorted; NULL if there is none. Borrowed from the definitions. */
static GPtrArray *
paths_of(const SkDomain *domain)
{
    const SkDomainSpec *const specs[] = { domain->spec, domain->runtime.live };
    GPtrArray *paths = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        for (guint n = 0; specs[i] != NULL && specs[i]->disks != NULL && n < specs[i]->disks->len; n++) {
            const SkDisk *disk = specs[i]->disks->pdata[n];
            if (disk->path == NULL || (paths != NULL && g_ptr_array_find_with_equal_func(paths, disk->path, g_str_equal, NULL)))
                continue;
            if (paths == NULL)
                paths = g_ptr_array_new();
            g_ptr_array_add(paths, disk->path);
        }
    }
    return paths;
}

static gboolean
same_paths(const GPtrArray *now, char *const *known)
{
    guint count = known != NULL ? g_strv_length((char **) known) : 0;
    if ((now != NULL ? now->len : 0) != count)
        return FALSE;
    for (guint i = 0; i < count; i++) {
        if (!g_str_equal(now->pdata[i], known[i]))
            return FALSE;
    }
    return TRUE;
}

static void
free_users(gpointer users)
{
    g_ptr_array_unref(users);
}

static void
add_user(SkService *self, const char *path, SkDomain *domain)
{
    if (self->disk_users == NULL)
        self->disk_users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_users);
    GPtrArray *users = g_hash_table_lookup(self->disk_users, path);
    if (users == NULL) {
        users = g_ptr_array_sized_new(1);
        g_hash_table_insert(self->disk_users, g_strdup(path), users);
    }
    g_ptr_array_add(users, domain);
}

void
sk_disk_users_drop(SkDomain *domain)
{
    GHashTable *index = domain->service->disk_users;
    for (guint i = 0; domain->disk_paths != NULL && domain->disk_paths[i] != NULL; i++) {
        GPtrArray *users = g_hash_table_lookup(index, domain->disk_paths[i]);
        g_ptr_array_remove_fast(users, domain);
        if (users->len == 0)
            g_hash_table_remove(index, domain->disk_paths[i]);
    }
    g_clear_pointer(&domain->disk_paths, g_strfreev);
}

void
sk_disk_users_update(SkDomain *domain)
{
    sk_assert_main();
    g_autoptr(GPtrArray) paths = paths_of(domain);
    if (same_paths(paths, domain->disk_paths))
        return;
    sk_disk_users_drop(domain);
    if (paths == NULL)
        return;
    domain->disk_paths = g_new0(char *, paths->len + 1);
    for (guint i = 0; i < paths->len; i++) {
        domain->disk_paths[i] = g_strdup(paths->pdata[i]);
        add_user(domain->service, paths->pdata[i], domain);
    }
}

static const GPtrArray *
users_of(SkService *self, const char *path)
{
    return self->disk_users != NULL && path != NULL ? g_hash_table_lookup(self->disk_users, path) : NULL;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    const char *const *left = a, *const *right = b;
    return g_strcmp0(*left, *right);
}

char **
sk_service_users_of_path(SkService *self, const char *path)
{
    const GPtrArray *users = users_of(self, path);
    if (users == NULL)
        return NULL;
    char **names = g_new0(char *, users->len + 1);
    for (guint i = 0; i < users->len; i++)
        names[i] = g_strdup(sk_domain_name(users->pdata[i]));
    qsort(names, users->len, sizeof *names, by_text);
    return names;
}

const char *
sk_service_user_of_path(SkService *self, const char *path)
{
    const GPtrArray *users = users_of(self, path);
    return users != NULL ? sk_domain_name(users->pdata[0]) : NULL;
}
