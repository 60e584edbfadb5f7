/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a guest answers, and waiting until it does. */
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "codec/json/json.h"

#define WAIT_SECONDS 600
#define ROUND_MS 500            /* between two looks at the domain */
#define SSH_GRACE_SECONDS 120   /* for ssh after the agent, where keys were given: cloud-init has yet to let them in */
#define BANNER_MS 3000          /* for the guest's ssh to show its banner */

void
sk_guest_address_clear(SkGuestAddress *self)
{
    g_clear_pointer(&self->address, g_free);
}

/* -- addresses -------------------------------------------------------------------------------------------------- */

/* The host port of a user-mode forward to the guest's port 22; 0 if there is none. */
static guint
forwarded_port(json_t *nic)
{
    gsize i;
    json_t *entry;
    json_array_foreach(json_object_get(nic, "forwards"), i, entry) {
        const char *text = json_string_value(entry);
        g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ":", -1);
        if (g_strv_length(parts) == 3 && g_str_equal(parts[0], "tcp") && g_str_equal(parts[2], "22"))
            return (guint) g_ascii_strtoull(parts[1], NULL, 10);
    }
    return 0;
}

static gboolean
find_forward(SkCli *cli, json_t *view, SkGuestAddress *out)
{
    gsize i;
    json_t *nic;
    json_array_foreach(json_object_get(sk_view_spec(view), "interfaces"), i, nic) {
        guint port = forwarded_port(nic);
        if (port == 0)
            continue;
        const char *host = sk_http_host(sk_cli_http(cli));
        out->address = g_strdup(host != NULL ? host : "127.0.0.1");
        out->port = port;
        return TRUE;
    }
    return FALSE;
}

/* Loopback and link-local addresses, which the agent reports too, cannot be reached from here. */
static gboolean
is_reachable(const char *address)
{
    return address != NULL && !g_str_has_prefix(address, "127.") && !g_str_equal(address, "::1") &&
           g_ascii_strncasecmp(address, "fe80", 4) != 0 && !g_str_has_prefix(address, "169.254.");
}

gboolean
sk_guest_ssh_address(SkCli *cli, json_t *view, SkGuestAddress *out)
{
    if (find_forward(cli, view, out))
        return TRUE;
    const char *best = NULL;
    gsize i;
    json_t *entry;
    json_array_foreach(json_object_get(sk_view_status(view), "addresses"), i, entry) {
        const char *address = json_is_string(entry) ? json_string_value(entry) : sk_json_text_at(entry, "address");
        if (is_reachable(address) && (best == NULL || (strchr(best, ':') != NULL && strchr(address, ':') == NULL)))
            best = address;
    }
    out->address = g_strdup(best);
    out->port = 22;
    return best != NULL;
}

/* -- does it answer? --------------------------------------------------------------------------------------------- */

static gboolean
ready(gint fd, short events, gint timeout_ms)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };
    return poll(&poll_fd, 1, timeout_ms) > 0;
}

/* A port that accepts is not enough: user-mode networking accepts before there is a guest. */
static gboolean
shows_banner(const SkGuestAddress *at)
{
    g_autofree char *service = g_strdup_printf("%u", at->port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *list = NULL;
    if (getaddrinfo(at->address, service, &hints, &list) != 0) {
        hints.ai_flags = 0;
        if (getaddrinfo(at->address, service, &hints, &list) != 0)
            return FALSE;
    }
    g_auto(SkFd) fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    char text[4] = "";
    (void) connect(fd, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return ready(fd, POLLOUT, BANNER_MS) && ready(fd, POLLIN, BANNER_MS) && recv(fd, text, sizeof text, 0) == 4 &&
           memcmp(text, "SSH-", 4) == 0;
}

static gboolean
agent_answers(SkCli *cli, const char *name, json_t *view)
{
    if (json_is_true(json_object_get(sk_view_status(view), "agent")))
        return TRUE;
    json_t *answer = sk_cli_show(cli, SK_OP_AGENT_PING, name, NULL, NULL);
    json_decref(answer);
    return answer != NULL;
}

/* How far a guest is. agent_since: when its agent first answered; 0: not yet. */
typedef struct {
    const char *step;
    gboolean by_ssh;
    gint64 agent_since;
} Progress;

/* Somebody who gave keys is going to log in, which the agent alone does not promise. */
static gboolean
wants_ssh(json_t *view)
{
    return json_array_size(sk_json_at(sk_view_spec(view), "cloud_init.ssh_keys")) > 0;
}

/* TRUE when it answers. An address alone does not say that the guest is up. */
static gboolean
guest_answers(SkCli *cli, const char *name, json_t *view, Progress *progress)
{
    SkGuestAddress at = { 0 };
    gboolean known = sk_guest_ssh_address(cli, view, &at);
    gboolean has_nic = json_array_size(json_object_get(sk_view_spec(view), "interfaces")) > 0;
    gboolean can_try = known && sk_http_host(sk_cli_http(cli)) == NULL;
    progress->by_ssh = can_try && shows_banner(&at);
    sk_guest_address_clear(&at);
    if (progress->by_ssh)
        return TRUE;
    progress->step = !known && has_nic ? "waiting for an address" : "waiting for ssh or the agent";
    if ((!known && has_nic) || !agent_answers(cli, name, view))
        return FALSE;
    if (progress->agent_since == 0)
        progress->agent_since = g_get_monotonic_time();
    progress->step = "the agent answers, waiting for ssh";
    return !can_try || !wants_ssh(view) || g_get_monotonic_time() - progress->agent_since > SSH_GRACE_SECONDS * G_USEC_PER_SEC;
}

static void
print_answer(SkCli *cli, const char *name, json_t *view, gboolean by_ssh)
{
    SkGuestAddress at = { 0 };
    if (cli->quiet || cli->format != SK_FORMAT_TABLE)
        return;
    gboolean known = sk_guest_ssh_address(cli, view, &at);
    if (by_ssh)
        printf("%s answers at %s, port %u: skep ssh %s\n", name, at.address, at.port, name);
    else
        printf("%s answers by its agent%s%s\n", name, known ? ", its address is " : "", known ? at.address : "");
    sk_guest_address_clear(&at);
}

static gboolean
still_runs(json_t *view, const char *name, GError **error)
{
    const char *state = sk_json_text_at(sk_view_status(view), "state"), *message = sk_json_text_at(sk_view_status(view), "message");
    if (g_strcmp0(state, "running") == 0)
        return TRUE;
    return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is %s while it was waited for%s%s", name, state != NULL ? state : "gone",
                   message != NULL ? ": " : "", message != NULL ? message : "");
}

gboolean
sk_guest_wait(SkCli *cli, const char *name, GError **error)
{
    guint seconds = cli->timeout > 0 ? cli->timeout : WAIT_SECONDS;
    gint64 start = g_get_monotonic_time(), deadline = start + seconds * G_USEC_PER_SEC;
    g_autofree char *what = g_strdup_printf("wait for %s", name);
    g_autoptr(SkProgress) progress = sk_progress_new(what, cli->quiet);
    Progress far = { 0 };
    while (g_get_monotonic_time() < deadline) {
        g_autoptr(json_t) view = sk_cli_show(cli, SK_OP_DOMAIN_SHOW, name, NULL, error);
        if (view == NULL || !still_runs(view, name, error))
            return FALSE;
        if (guest_answers(cli, name, view, &far)) {
            g_clear_pointer(&progress, sk_progress_free);
            print_answer(cli, name, view, far.by_ssh);
            return TRUE;
        }
        sk_progress_show(progress, -1, far.step, 0, 0);
        g_usleep(ROUND_MS * 1000);
    }
    return sk_fail(error, SK_ERROR_TIMEOUT, "domain \"%s\" has not answered after %u seconds; see what it says: skep log %s", name, seconds, name);
}
