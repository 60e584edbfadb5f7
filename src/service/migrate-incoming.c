/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a destination waits for: connections, and which of them is the guest's state. */
#include "service/migrate-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"
#include "engine/qmp/copy-disks.h"
#include "engine/wire.h"

/* Where QEMU listens itself for more than one connection; its working directory is the domain's. */
#define STATE_SOCKET "state.sock"
/* Connections that have not said yet what they are. */
#define MAX_STRANGERS 16

/* -- what comes ------------------------------------------------------------------------------------------------------ */

/* A connection whose greeting has not come whole. */
typedef struct {
    SkIncoming *incoming;
    SkFd fd;
    guint source;
    char hello[SK_WIRE_HELLO];
    guint length;
} Stranger;

static void
stranger_free(gpointer data)
{
    Stranger *self = data;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->fd);
    g_free(self);
}

/* The note that they are to go stays until they are gone, whatever becomes of the daemon. */
static gboolean
run_discard(SkJob *job, GError **error)
{
    SkIntent *files = job->work;
    if (!sk_intent_note(files, error))
        return FALSE;
    sk_intent_carry_out(files);
    return TRUE;
}

static void
free_discard(gpointer files)
{
    sk_intent_free(files);
}

static const SkJobKind discard_job = { .run = run_discard, .free_work = free_discard };

void
sk_incoming_discard_files(SkService *service, const char *object, SkIntent *files)
{
    /* In the queue of the domain: the next that comes under its name finds none of them. */
    if (files != NULL)
        sk_job_start_quiet_for(service, &discard_job, g_strdup(object), files);
}

void
sk_incoming_free(SkIncoming *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->source, g_source_remove);
    g_queue_clear_full(&self->strangers, stranger_free);
    g_clear_handle_id(&self->disks_source, g_source_remove);
    sk_fd_clear(&self->listener);
    sk_fd_clear(&self->disks_listener);
    sk_fd_clear(&self->words);
    for (guint i = 0; self->early != NULL && i < self->early->len; i++)
        close(g_array_index(self->early, gint, i));
    g_clear_pointer(&self->early, g_array_unref);
    sk_relay_free(self->relay);
    sk_incoming_discard_files(self->service, self->object, self->files);
    if (self->intent != NULL) {
        for (guint i = 0; self->intent->paths != NULL && self->intent->paths[i] != NULL; i++)
            unlink(self->intent->paths[i]);
        sk_store_remove_async(self->intent->store, "intent", self->intent->id, NULL, NULL);
        sk_intent_free(self->intent);
    }
    sk_value_free(&sk_domain_spec_type, self->definition);
    g_strfreev(self->disks);
    g_free(self->disks_address);
    g_free(self->object);
    g_free(self->nbd);
    g_free(self->state);
    g_free(self->address);
    g_free(self->token);
    g_free(self);
}

const char *
sk_domain_incoming_address(const SkDomain *self)
{
    return self->incoming != NULL ? self->incoming->address : NULL;
}

const char *
sk_domain_incoming_token(const SkDomain *self)
{
    return self->incoming != NULL ? self->incoming->token : NULL;
}

const char *
sk_domain_incoming_disks_address(const SkDomain *self)
{
    return self->incoming != NULL ? self->incoming->disks_address : NULL;
}

gboolean
sk_incoming_serve_disks(SkIncoming *self, SkQmp *qmp, const char *run_dir, GError **error)
{
    self->coming.path = STATE_SOCKET;
    if (!sk_qmp_migrate_expect(qmp, &self->coming, error))
        return FALSE;
    if (self->coming.channels > 0)
        self->state = g_build_filename(run_dir, STATE_SOCKET, NULL);
    if (self->disks != NULL || self->state != NULL)
        self->relay = sk_relay_new(SK_FD_NONE, NULL, NULL);
    if (self->disks == NULL)
        return TRUE;
    self->nbd = g_build_filename(run_dir, "copy.sock", NULL);
    g_auto(SkFd) listener = sk_fs_listen_unix(self->nbd, 0600, error);
    return listener >= 0 && !sk_fault("migration-prepare/serve", error) &&
           sk_qmp_copy_serve(qmp, listener, (const char *const *) self->disks, error);
}

/* -- connections ------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference */
    SkQmp *qmp;
    SkFd fd;
} HandOver;

static void
free_hand_over(gpointer data)
{
    HandOver *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    sk_fd_clear(&work->fd);
    g_free(work);
}

static gboolean
run_hand_over(SkJob *job, GError **error)
{
    HandOver *work = job->work;
    return !sk_fault("migration-prepare/state", error) && sk_qmp_migrate_receive(work->qmp, work->fd, error);
}

/* The source sees its connection broken. */
static void
rollback_hand_over(SkJob *job, const GError *error)
{
    SkDomain *domain = ((HandOver *) job->work)->domain;
    g_warning("the state of domain \"%s\" cannot be taken in: %s", sk_domain_name(domain), error->message);
    if (domain->incoming != NULL)
        sk_fd_clear(&domain->incoming->words);
}

static const SkJobKind hand_over_job = { .run = run_hand_over, .rollback = rollback_hand_over, .free_work = free_hand_over };

static void
take_state(SkIncoming *self, gint fd)
{
    SkDomain *domain = self->domain;
    g_auto(SkFd) owned = fd;
    if (self->handed || domain->qmp == NULL || !g_unix_set_fd_nonblocking(fd, FALSE, NULL))
        return;
    HandOver *work = g_new0(HandOver, 1);
    self->handed = TRUE;
    work->domain = g_object_ref(domain);
    work->qmp = g_object_ref(domain->qmp);
    work->fd = sk_fd_steal(&owned);
    sk_job_start_quiet(domain->service, &hand_over_job, work);
}

/* QEMU takes no connection but by its own socket: what comes by this one goes there. */
static void
pass_on(SkIncoming *self, gint fd, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) owned = fd;
    g_auto(SkFd) qemu = self->relay != NULL && path != NULL ? sk_fs_connect_unix_now(path, &error) : SK_FD_NONE;
    if (qemu >= 0)
        sk_relay_add(self->relay, sk_fd_steal(&owned), sk_fd_steal(&qemu));
    else if (error != NULL)
        g_warning("what comes of domain \"%s\" cannot be taken in: %s", sk_domain_name(self->domain), error->message);
}

/* QEMU takes the first that comes for the one that the others belong to. */
static void
take_first(SkIncoming *self, gint fd)
{
    g_autoptr(GArray) early = g_steal_pointer(&self->early);
    self->handed = TRUE;
    pass_on(self, fd, self->state);
    for (guint i = 0; early != NULL && i < early->len; i++)
        pass_on(self, g_array_index(early, gint, i), self->state);
}

static void
take_channel(SkIncoming *self, gint fd)
{
    if (self->handed || self->state == NULL || (self->early != NULL && self->early->len == self->coming.channels)) {
        pass_on(self, fd, self->state);
        return;
    }
    if (self->early == NULL)
        self->early = g_array_new(FALSE, FALSE, sizeof(gint));
    g_array_append_val(self->early, fd);
}

static void
take_wire(SkIncoming *self, SkWire wire, gint fd)
{
    if (wire == SK_WIRE_STATE && self->state != NULL) {
        take_first(self, fd);
    } else if (wire == SK_WIRE_CHANNEL) {
        take_channel(self, fd);
    } else if (wire == SK_WIRE_STATE) {
        take_state(self, fd);
    } else if (wire == SK_WIRE_DISK) {
        pass_on(self, fd, self->nbd);
    } else {
        sk_fd_clear(&self->words);
        self->words = fd;
    }
}

static void
take_connection(SkIncoming *self, Stranger *stranger)
{
    SkWire wire;
    gint fd = sk_fd_steal(&stranger->fd);
    if (sk_wire_parse_hello(stranger->hello, self->token, &wire)) {
        take_wire(self, wire, fd);
        return;
    }
    g_message("domain \"%s\" is waited for, and somebody came who does not know it", sk_domain_name(self->domain));
    close(fd);
}

void
sk_domain_take_tunnel(SkDomain *self, gint state, gint words)
{
    take_wire(self->incoming, SK_WIRE_WORDS, words);
    take_wire(self->incoming, SK_WIRE_STATE, state);
}

/* Not a byte more than the greeting is read: what follows is QEMU's. */
static gboolean
on_hello(gint fd, GIOCondition condition, gpointer data)
{
    Stranger *stranger = data;
    SkIncoming *self = stranger->incoming;
    (void) condition;
    gssize n = recv(fd, stranger->hello + stranger->length, SK_WIRE_HELLO - stranger->length, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    stranger->length += n > 0 ? (guint) n : 0;
    if (n > 0 && stranger->length < SK_WIRE_HELLO)
        return G_SOURCE_CONTINUE;
    stranger->source = 0;
    g_queue_remove(&self->strangers, stranger);
    if (n > 0)
        take_connection(self, stranger);
    stranger_free(stranger);
    return G_SOURCE_REMOVE;
}

static gboolean
on_connection(gint listener, GIOCondition condition, gpointer data)
{
    SkIncoming *self = data;
    (void) condition;
    gint taken = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (taken < 0)
        return G_SOURCE_CONTINUE;
    Stranger *stranger = g_new0(Stranger, 1);
    stranger->incoming = self;
    stranger->fd = taken;
    stranger->source = g_unix_fd_add(taken, G_IO_IN | G_IO_HUP | G_IO_ERR, on_hello, stranger);
    g_queue_push_tail(&self->strangers, stranger);
    if (self->strangers.length > MAX_STRANGERS)
        stranger_free(g_queue_pop_head(&self->strangers));
    return G_SOURCE_CONTINUE;
}

void
sk_domain_await_incoming(SkDomain *self, SkIncoming *incoming)
{
    g_clear_pointer(&self->incoming, sk_incoming_free);
    self->incoming = incoming;
    incoming->domain = self;
    if (incoming->listener >= 0)
        incoming->source = g_unix_fd_add(incoming->listener, G_IO_IN, on_connection, incoming);
    if (incoming->disks_listener >= 0)
        incoming->disks_source = g_unix_fd_add(incoming->disks_listener, G_IO_IN, on_connection, incoming);
}
