/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest agent of a domain: one conversation at a time, its life and its errors. */
#include "engine/agent/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "engine/agent/session.h"

#define REFUSAL_TIMEOUT_MS 1000     /* for a refusal to come where there is no other answer */

struct SkAgent {
    gint refs;              /* atomic */
    char *path, *domain;
    GMutex lock;            /* guards busy */
    GCond changed;
    gboolean busy;
    gint wait_ms;           /* 0: the usual */
};

SkAgent *
sk_agent_new(const char *socket_path, const char *domain)
{
    SkAgent *self = g_new0(SkAgent, 1);
    self->refs = 1;
    self->path = g_strdup(socket_path);
    self->domain = g_strdup(domain);
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    return self;
}

void
sk_agent_set_wait(SkAgent *self, gint timeout_ms)
{
    self->wait_ms = timeout_ms;
}

SkAgent *
sk_agent_ref(SkAgent *self)
{
    g_atomic_int_inc(&self->refs);
    return self;
}

void
sk_agent_unref(SkAgent *self)
{
    if (self == NULL || !g_atomic_int_dec_and_test(&self->refs))
        return;
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->path);
    g_free(self->domain);
    g_free(self);
}

/* -- a turn ------------------------------------------------------------------------------------------------------ */

/* QEMU's socket takes one client at a time, and an agent does one command at a time. */
static gboolean
turn_begin(SkAgent *self, gint64 deadline, GError **error)
{
    gboolean in_time = TRUE;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    while (in_time && self->busy)
        in_time = g_cond_wait_until(&self->changed, &self->lock, deadline);
    if (self->busy)
        return sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" is busy with another command", self->domain);
    self->busy = TRUE;
    return TRUE;
}

static void
turn_end(SkAgent *self)
{
    g_mutex_lock(&self->lock);
    self->busy = FALSE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
}

static gint
connect_agent(SkAgent *self, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_auto(SkFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g_strlcpy(address.sun_path, self->path, sizeof address.sun_path) >= sizeof address.sun_path)
        errno = ENAMETOOLONG;
    else if (fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof address) == 0)
        return sk_fd_steal(&fd);
    gint errnum = errno;
    if (errnum == EAGAIN)
        sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" is busy with other commands", self->domain);
    else
        sk_fail(error, SK_ERROR_AGENT, "domain \"%s\" has no guest agent that can be reached: %s", self->domain, g_strerror(errnum));
    return -1;
}

/* Connects, synchronises and sends; the answer is the caller's to read. */
static gboolean
open_session(SkAgent *self, SkAgentSession *session, const char *command, json_t *args, GError **error)
{
    session->fd = connect_agent(self, error);
    return session->fd >= 0 && sk_agent_session_sync(session, g_random_int(), error) &&
           sk_agent_session_send(session, command, args, error);
}

static gint64
usual_ms(const SkAgent *self)
{
    return self->wait_ms > 0 ? self->wait_ms : SK_AGENT_TIMEOUT_MS;
}

json_t *
sk_agent_call(SkAgent *self, const char *command, json_t *args, gint timeout_ms, GError **error)
{
    sk_assert_worker();
    g_autoptr(json_t) owned = args;
    g_auto(SkAgentSession) session;
    gint64 limit_ms = timeout_ms > 0 ? timeout_ms : usual_ms(self);
    json_t *result = NULL;
    sk_agent_session_init(&session, SK_FD_NONE, self->domain, g_get_monotonic_time() + limit_ms * 1000);
    const gint64 deadline = session.deadline;
    if (!turn_begin(self, deadline, error))
        return NULL;
    /* However long the command may take, whether anybody is there is soon known. */
    session.deadline = MIN(deadline, g_get_monotonic_time() + usual_ms(self) * 1000);
    gboolean sent = open_session(self, &session, command, owned, error);
    session.deadline = deadline;
    if (sent)
        result = sk_agent_session_receive(&session, command, error);
    sk_fd_clear(&session.fd);
    turn_end(self);
    return result;
}

gboolean
sk_agent_refused(const GError *error)
{
    return sk_error_is(error, SK_ERROR_AGENT) && strstr(error->message, "\" refused \"") != NULL;
}

gboolean
sk_agent_tell(SkAgent *self, const char *command, json_t *args, GError **error)
{
    sk_assert_worker();
    g_autoptr(json_t) owned = args;
    g_autoptr(json_t) result = NULL;
    g_autoptr(GError) refused = NULL;
    g_auto(SkAgentSession) session;
    sk_agent_session_init(&session, SK_FD_NONE, self->domain, g_get_monotonic_time() + usual_ms(self) * 1000);
    if (!turn_begin(self, session.deadline, error))
        return FALSE;
    gboolean sent = open_session(self, &session, command, owned, error);
    if (sent) {
        session.deadline = g_get_monotonic_time() + REFUSAL_TIMEOUT_MS * 1000;
        result = sk_agent_session_receive(&session, command, &refused);
    }
    sk_fd_clear(&session.fd);
    turn_end(self);
    if (!sent || !sk_agent_refused(refused))
        return sent;
    g_propagate_error(error, g_steal_pointer(&refused));
    return FALSE;
}

gboolean
sk_agent_shutdown(SkAgent *self, gboolean reboot, GError **error)
{
    return sk_agent_tell(self, "guest-shutdown", json_pack("{s:s}", "mode", reboot ? "reboot" : "powerdown"), error);
}
