/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving leases back in the place of guests that are gone. dnsmasq keeps its leases in memory and does not read the file again,
 * so it is told in its own protocol, by dnsmasq-utils; to end it for the time of a change would leave all guests without DNS.
 * What is sent goes to the bridge's own address and group, so it stays on the host and the bridge.
 */
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/thread.h"
#include "network/dnsmasq-files.h"
#include "network/leases.h"

#define CONFIG_MAX (4 * 1024 * 1024)
/* A guest may have taken many under names of its own choice; what is more than this runs out by itself. */
#define RELEASES_MAX 32

typedef struct {
    char *link;                 /* that dnsmasq serves */
    char *server_id;            /* DUID, or NULL: the file has no DHCPv6 */
    const char *const *macs;
    GPtrArray *four, *six;      /* commands: GStrv */
    GString *rest;              /* the file without the leases */
} Release;

static void
release_clear(Release *self)
{
    g_free(self->link);
    g_free(self->server_id);
    g_clear_pointer(&self->four, g_ptr_array_unref);
    g_clear_pointer(&self->six, g_ptr_array_unref);
    g_string_free(self->rest, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Release, release_clear)

/* -- reading ------------------------------------------------------------------------------------------------ */

static gboolean
is_meant(const Release *self, const SkLease *lease)
{
    for (guint i = 0; lease->mac != NULL && self->macs[i] != NULL; i++) {
        if (g_ascii_strcasecmp(self->macs[i], lease->mac) == 0)
            return TRUE;
    }
    return FALSE;
}

static GStrv
command(const char *const *words)
{
    return g_strdupv((GStrv) words);
}

static void
add_command(Release *self, const SkLease *lease, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    const char *id = lease->client_id, *iaid = words[1];
    if (strchr(lease->ip, ':') == NULL) {
        const char *const argv[] = { "dhcp_release", self->link, lease->ip, lease->mac, id, NULL };
        g_ptr_array_add(self->four, command(argv));
        return;
    }
    const char *const argv[] = { "dhcp_release6", "--iface", self->link, "--ip", lease->ip, "--server-id", self->server_id,
                                 "--client-id", id, "--iaid", iaid, NULL };
    if (self->server_id != NULL && id != NULL && *iaid != '\0' && iaid[strspn(iaid, "0123456789")] == '\0')
        g_ptr_array_add(self->six, command(argv));
}

/* One line with its end. */
static void
take_line(Release *self, const char *line)
{
    static const char duid[] = "duid ";
    g_autoptr(GPtrArray) one = sk_leases_parse(line, strlen(line));
    const SkLease *lease = one->len > 0 ? one->pdata[0] : NULL;
    if (lease != NULL && is_meant(self, lease)) {
        if (self->four->len + self->six->len < RELEASES_MAX)
            add_command(self, lease, line);
        return;
    }
    if (g_str_has_prefix(line, duid)) {
        g_free(self->server_id);
        self->server_id = g_strchomp(g_strdup(line + strlen(duid)));
        if (self->server_id[strspn(self->server_id, "0123456789abcdefABCDEF:")] != '\0')
            g_clear_pointer(&self->server_id, g_free);
    }
    g_string_append(self->rest, line);
}

static void
take_file(Release *self, const char *text)
{
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        g_autofree char *line = g_strndup(text, (gsize) (end + 1 - text));
        take_line(self, line);
    }
}

/* The link in dnsmasq's configuration, or NULL. */
static char *
served_link(const char *network, const SkNetworkPaths *paths)
{
    static const char key[] = "\ninterface=";
    g_autofree char *path = sk_network_run_path(paths, network, SK_DNSMASQ_CONFIG);
    g_autofree char *text = sk_fs_read(path, CONFIG_MAX, NULL, NULL);
    const char *at = text != NULL ? strstr(text, key) : NULL;
    return at != NULL ? g_strndup(at + strlen(key), strcspn(at + strlen(key), "\n")) : NULL;
}

/* -- giving back ---------------------------------------------------------------------------------------------- */

static void
run_all(GPtrArray *commands)
{
    for (guint i = 0; i < commands->len; i++) {
        g_autoptr(GError) error = NULL;
        if (!sk_run(commands->pdata[i], NULL, NULL, &error))
            g_debug("%s: the lease stays until it runs out", error->message);
    }
}

/* Worker. */
static void
run_six(gpointer data, gpointer unused)
{
    g_autoptr(GPtrArray) commands = data;
    (void) unused;
    run_all(commands);
}

void
sk_leases_release(const char *network, const SkNetworkPaths *paths, const char *const *macs)
{
    g_autofree char *path = sk_network_lease_path(paths, network);
    gsize length = 0;
    sk_assert_worker();
    g_autofree char *text = macs[0] != NULL ? sk_fs_read(path, SK_LEASES_MAX_BYTES, &length, NULL) : NULL;
    if (text == NULL || memchr(text, '\0', length) != NULL)
        return;
    gboolean runs = sk_dnsmasq_pid(network, paths) != 0;
    g_auto(Release) self = { .link = served_link(network, paths), .macs = macs, .rest = g_string_new(NULL),
                             .four = g_ptr_array_new_with_free_func((GDestroyNotify) g_strfreev),
                             .six = g_ptr_array_new_with_free_func((GDestroyNotify) g_strfreev) };
    take_file(&self, text);
    if (self.rest->len == length)
        return;
    if (!runs) {
        sk_fs_write(path, self.rest->str, (gssize) self.rest->len, 0644, NULL);
    } else if (self.link != NULL) {
        run_all(self.four);
        /* This one waits a second for its answer, and others wait for us. */
        if (self.six->len > 0)
            sk_worker_run(run_six, g_steal_pointer(&self.six));
    }
}
