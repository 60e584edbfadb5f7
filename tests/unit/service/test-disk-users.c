/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index of paths of disks: after any change it says what going through all domains would. */
#include "base/thread.h"
#include "service/disk-users.h"
#include "service/domain.h"

#define N_DOMAINS 40
#define N_PATHS 25

typedef struct {
    SkServiceSettings settings;
    SkService service;
    GRand *random;
} Fixture;

static void
set_up(Fixture *self, gconstpointer data)
{
    (void) data;
    self->settings.run_dir = (char *) "/nowhere";
    self->service.settings = &self->settings;
    self->service.domains = sk_name_tree_new(g_object_unref);
    self->service.domains_by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->random = g_rand_new_with_seed(1);
}

static void
tear_down(Fixture *self, gconstpointer data)
{
    (void) data;
    g_tree_unref(self->service.domains);
    g_hash_table_unref(self->service.domains_by_uuid);
    g_clear_pointer(&self->service.disk_users, g_hash_table_unref);
    g_rand_free(self->random);
}

static char *
path_number(gint number)
{
    return g_strdup_printf("/pool/volume%d", number);
}

/* A definition with up to three disks, some without a path, some twice the same. */
static SkDomainSpec *
new_spec(Fixture *self, const char *name)
{
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    spec->name = g_strdup(name);
    spec->uuid = g_strdup(name);
    spec->disks = sk_value_list_new(&sk_disk_type);
    for (gint i = g_rand_int_range(self->random, 0, 4); i > 0; i--) {
        SkDisk *disk = sk_value_new(&sk_disk_type);
        gint number = g_rand_int_range(self->random, -1, N_PATHS);
        disk->path = number >= 0 ? path_number(number) : NULL;
        g_ptr_array_add(spec->disks, disk);
    }
    return spec;
}

static gboolean
has(const SkDomainSpec *spec, const char *path)
{
    for (guint i = 0; spec != NULL && spec->disks != NULL && i < spec->disks->len; i++) {
        if (g_strcmp0(((const SkDisk *) spec->disks->pdata[i])->path, path) == 0)
            return TRUE;
    }
    return FALSE;
}

/* What the index must say of a path: names in their order, joined. */
static char *
expected(Fixture *self, const char *path)
{
    GString *names = g_string_new(NULL);
    for (GTreeNode *node = g_tree_node_first(self->service.domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomain *domain = g_tree_node_value(node);
        if (has(domain->spec, path) || has(domain->runtime.live, path))
            g_string_append_printf(names, "%s ", sk_domain_name(domain));
    }
    return g_string_free(names, FALSE);
}

static void
check_all(Fixture *self)
{
    for (gint i = 0; i < N_PATHS; i++) {
        g_autofree char *path = path_number(i);
        g_autofree char *right = expected(self, path);
        g_auto(GStrv) users = sk_service_users_of_path(&self->service, path);
        g_autofree char *joined = users != NULL ? g_strjoinv(" ", users) : g_strdup("");
        g_autofree char *found = users != NULL ? g_strconcat(joined, " ", NULL) : g_strdup("");
        g_assert_cmpstr(found, ==, right);
        g_assert_cmpint(sk_service_user_of_path(&self->service, path) != NULL, ==, *right != '\0');
    }
}

/* One random change of one domain: it comes, goes, is renamed, is defined anew, starts, ends. */
static void
change(Fixture *self)
{
    g_autofree char *name = g_strdup_printf("d%d", g_rand_int_range(self->random, 0, N_DOMAINS));
    g_autofree char *other = g_strconcat(name, "x", NULL);
    SkDomain *domain = g_hash_table_lookup(self->service.domains_by_uuid, name);
    gint what = g_rand_int_range(self->random, 0, 5);
    if (domain == NULL) {
        sk_service_add_domain(&self->service, new_spec(self, name), TRUE);
    } else if (what == 0) {
        sk_service_drop_domain(&self->service, domain);
    } else if (what == 1) {
        sk_service_rename_domain(&self->service, domain, g_str_equal(sk_domain_name(domain), name) ? other : name);
    } else if (what == 2) {
        sk_value_free(&sk_domain_spec_type, domain->runtime.live);
        domain->runtime.live = domain->runtime.live == NULL ? new_spec(self, name) : NULL;
        sk_domain_touch(domain);
    } else {
        SkDomainSpec *spec = new_spec(self, sk_domain_name(domain));
        g_free(spec->uuid);
        spec->uuid = g_strdup(name);
        sk_value_free(&sk_domain_spec_type, domain->spec);
        domain->spec = spec;
        sk_domain_touch(domain);
    }
}

static void
test_random(Fixture *self, gconstpointer data)
{
    (void) data;
    check_all(self);
    for (guint i = 0; i < 2000; i++) {
        change(self);
        if (i % 10 == 0)
            check_all(self);
    }
    while (g_tree_nnodes(self->service.domains) > 0)
        sk_service_drop_domain(&self->service, g_tree_node_value(g_tree_node_first(self->service.domains)));
    check_all(self);
    g_assert_cmpuint(g_hash_table_size(self->service.disk_users), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add("/service/disk-users/random", Fixture, NULL, set_up, test_random, tear_down);
    return g_test_run();
}
