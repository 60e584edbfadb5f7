/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run_dir/hosts: the names of guests for programs of the host, which the NSS module answers from. */
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "service/network.h"

typedef struct {
    char *path, *text;
} HostsWork;

static void
free_work(gpointer data)
{
    HostsWork *work = data;
    g_free(work->path);
    g_free(work->text);
    g_free(work);
}

/* A line, unless the name is another domain's already or the line is there. */
static void
add_line(GString *text, GHashTable *owners, const SkDomain *domain, const char *address, const char *name)
{
    const char *owner = g_hash_table_lookup(owners, name);
    if (address == NULL || (owner != NULL && !g_str_equal(owner, domain->spec->uuid)))
        return;
    g_autofree char *line = g_strdup_printf("%s\t%s\n", address, name);
    if (strstr(text->str, line) != NULL && owner != NULL)
        return;
    g_hash_table_insert(owners, g_strdup(name), domain->spec->uuid);
    g_string_append(text, line);
}

static void
add_domain(GString *text, GHashTable *owners, const SkDomain *domain)
{
    const SkDomainSpec *live = domain->runtime.live;
    for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
        const SkInterface *nic = live->interfaces->pdata[i];
        const SkNetwork *network = nic->network != NULL ? g_tree_lookup(domain->service->networks, nic->network) : NULL;
        if (network == NULL || sk_network_in_force(network)->domain == NULL)
            continue;
        g_autofree char *label = sk_domain_dns_name(domain->spec);
        g_autofree char *name = g_strconcat(label, ".", sk_network_in_force(network)->domain, NULL);
        for (guint j = 0; domain->addresses != NULL && j < domain->addresses->len; j++) {
            const SkDomainAddress *found = domain->addresses->pdata[j];
            if (g_strcmp0(found->mac, nic->mac) == 0)
                add_line(text, owners, domain, found->address, name);
        }
    }
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkService *self = job->service;
    g_autoptr(GHashTable) owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GString *text = g_string_new("# Guests and their addresses, kept by skepd; changes are lost.\n");
    HostsWork *work = job->work = g_new0(HostsWork, 1);
    (void) error;
    self->hosts_due = FALSE;
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node))
        add_domain(text, owners, g_tree_node_value(node));
    work->path = g_build_filename(self->settings->run_dir, "hosts", NULL);
    work->text = g_string_free(text, FALSE);
    return TRUE;
}

static gboolean
run(SkJob *job, GError **error)
{
    const HostsWork *work = job->work;
    g_autofree char *old = sk_fs_read(work->path, 1024 * 1024, NULL, NULL);
    g_autoptr(GError) why = NULL;
    (void) error;
    if (g_strcmp0(old, work->text) != 0 && !sk_fs_write(work->path, work->text, -1, 0644, &why))
        g_warning("programs of this host do not learn the names of guests: %s, continuing", why->message);
    return TRUE;
}

static const SkJobKind hosts_job = { .queue = "hosts", .prepare = prepare, .run = run, .free_work = free_work };

void
sk_service_hosts_changed(SkService *self)
{
    if (self->settings->session || self->hosts_due)
        return;
    /* One that waits for its turn sees this change too. */
    self->hosts_due = TRUE;
    sk_job_start_quiet(self, &hosts_job, NULL);
}
