/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networking of a session daemon, which may make neither links nor bridges. */
#include "service/session-network.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fs.h"
#include "service/domain.h"

#define SSH_PORT 22
#define PORT_TRIES 64

/* A port that nobody listens on at the moment; 0 on failure, with errno set. */
static guint
find_idle_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    g_auto(SkFd) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, length) < 0 || getsockname(fd, (struct sockaddr *) &address, &length) < 0)
        return 0;
    return ntohs(address.sin_port);
}

static gboolean
has_forward(const SkDomainSpec *spec, const char *start)
{
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        const SkInterface *nic = spec->interfaces->pdata[i];
        for (guint j = 0; nic->forwards != NULL && nic->forwards[j] != NULL; j++) {
            if (g_str_has_prefix(nic->forwards[j], start))
                return TRUE;
        }
    }
    return FALSE;
}

/* A domain that is shut off keeps its port. */
static gboolean
is_promised(SkService *self, const SkDomainSpec *spec, guint port)
{
    g_autofree char *start = g_strdup_printf("tcp:%u:", port);
    if (has_forward(spec, start))
        return TRUE;
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        if (has_forward(((const SkDomain *) g_tree_node_value(node))->spec, start))
            return TRUE;
    }
    return FALSE;
}

static gboolean
to_user_mode(SkService *self, const SkDomainSpec *spec, SkInterface *nic, GError **error)
{
    guint port = 0;
    for (guint i = 0; i < PORT_TRIES && (port == 0 || is_promised(self, spec, port)); i++) {
        port = find_idle_port();
        if (port == 0)
            return sk_fail_errno(error, errno, "cannot find a free port for ssh to domain \"%s\"", spec->name);
    }
    nic->kind = SK_NIC_USER;
    g_clear_pointer(&nic->network, g_free);
    nic->forwards = g_new0(char *, 2);
    nic->forwards[0] = g_strdup_printf("tcp:%u:%d", port, SSH_PORT);
    return TRUE;
}

gboolean
sk_session_fit_interfaces(SkService *self, SkDomainSpec *spec, GError **error)
{
    for (guint i = 0; self->settings->session && spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        SkInterface *nic = spec->interfaces->pdata[i];
        if (nic->kind == SK_NIC_BRIDGE || nic->kind == SK_NIC_DIRECT || nic->kind == SK_NIC_ETHERNET)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "a session daemon cannot connect domain \"%s\" to a %s of the host: use an interface of kind user, or the system's daemon",
                           spec->name, nic->kind == SK_NIC_BRIDGE ? "bridge" : "link");
        if (nic->kind == SK_NIC_NETWORK && !to_user_mode(self, spec, nic, error))
            return FALSE;
    }
    return TRUE;
}
