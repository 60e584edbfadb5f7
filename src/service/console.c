/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Consoles: tickets, sessions on recorded serial ports, sessions relayed to VNC. */
#include "service/console.h"

#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/console/hub.h"
#include "service/domain-launch.h"

#define TICKET_SECONDS 30
#define TICKETS_MAX 1024
/* Input that VNC does not take at once is kept up to this; then the session ends. */
#define VNC_BACKLOG (1024 * 1024)

/* -- tickets ------------------------------------------------------------------------------------------------ */

typedef struct {
    SkDomain *domain;       /* a reference */
    char *user, *token;     /* of who asked */
    SkConsoleRequest request;
    gint64 expires;         /* monotonic */
} Grant;

static void
free_grant(gpointer data)
{
    Grant *grant = data;
    g_object_unref(grant->domain);
    g_free(grant->user);
    g_free(grant->token);
    g_free(grant);
}

void
sk_console_init(SkService *self)
{
    self->tickets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_grant);
}

static gboolean
has_expired(gpointer ticket, gpointer grant, gpointer now)
{
    (void) ticket;
    return ((const Grant *) grant)->expires < *(const gint64 *) now;
}

/* 256 bits from the kernel, as hex. */
static char *
random_ticket(GError **error)
{
    guint8 bytes[32];
    GString *text = g_string_sized_new(64);
    if (getentropy(bytes, sizeof bytes) < 0) {
        sk_fail_errno(error, errno, "cannot make a ticket");
        g_string_free(text, TRUE);
        return NULL;
    }
    for (guint i = 0; i < sizeof bytes; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

static SkConsoleHub *find_hub(SkDomain *domain, guint port, GError **error);

static gboolean
check_request(SkDomain *domain, const SkConsoleRequest *request, GError **error)
{
    if (request->kind == SK_TICKET_SERIAL)
        return find_hub(domain, request->port, error) != NULL;
    if (!sk_domain_is_active(domain))
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" has no screen", sk_domain_name(domain));
    const SkGraphics *vnc = domain->runtime.live != NULL ? sk_domain_spec_find_vnc(domain->runtime.live) : NULL;
    if (vnc == NULL)
        return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no VNC display", sk_domain_name(domain));
    if (request->read_only)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "a VNC display cannot be opened only to look: QEMU takes every viewer's input");
    return vnc->listen == SK_LISTEN_SOCKET ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "the VNC display of domain \"%s\" listens on a TCP port of its own: connect a viewer to it",
                   sk_domain_name(domain));
}

gboolean
sk_handle_console_ticket(SkService *self, SkCall *call, GError **error)
{
    SkDomain *domain = sk_service_domain(self, call->params.name, error);
    const SkConsoleRequest *request = call->body;
    gint64 now = g_get_monotonic_time();
    if (domain == NULL || !check_request(domain, request, error))
        return FALSE;
    g_hash_table_foreach_remove(self->tickets, has_expired, &now);
    if (g_hash_table_size(self->tickets) >= TICKETS_MAX)
        return sk_fail(error, SK_ERROR_TOO_MANY, "there are %d unused console tickets: wait %d seconds", TICKETS_MAX, TICKET_SECONDS);
    g_autofree char *ticket = random_ticket(error);
    if (ticket == NULL)
        return FALSE;

    Grant *grant = g_new0(Grant, 1);
    grant->domain = g_object_ref(domain);
    grant->user = g_strdup(call->who.user);
    grant->token = g_strdup(call->who.token);
    grant->request = *request;
    grant->expires = now + TICKET_SECONDS * G_USEC_PER_SEC;
    g_hash_table_insert(self->tickets, g_strdup(ticket), grant);

    g_autofree char *path = g_strconcat("/v1/console?ticket=", ticket, NULL);
    SkConsoleTicket answer = { .ticket = ticket, .path = path, .expires = TICKET_SECONDS };
    sk_answer_value(call, &sk_console_ticket_type, &answer);
    return TRUE;
}

/* -- recorded serial ports -------------------------------------------------------------------------------------- */

/* Of an administrator's own file nothing is given back. */
#define NAMED_KEEP (G_MAXUINT64 / 4)

typedef struct {
    guint port;
    SkConsoleHub *hub;
} Port;

static void
free_port(gpointer data)
{
    Port *port = data;
    g_object_unref(port->hub);
    g_free(port);
}

static gboolean
is_recorded(const SkDomainSpec *spec, guint number)
{
    for (guint i = 0; spec->serials != NULL && i < spec->serials->len; i++) {
        const SkSerial *serial = spec->serials->pdata[i];
        if (serial->port == number)
            return serial->backend == SK_CHAR_RECORDED;
    }
    for (guint i = 0; spec->consoles != NULL && i < spec->consoles->len; i++) {
        const SkConsole *console = spec->consoles->pdata[i];
        if (console->port + SK_CONSOLE_PORT == number)
            return console->backend == SK_CHAR_RECORDED;
    }
    return FALSE;
}

/* The log may be another than before: while it is off the next definition counts. */
static void
set_log(SkDomain *domain, const Port *port)
{
    const SkServiceSettings *settings = domain->service->settings;
    const SkDomainSpec *spec = domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    g_auto(SkConsoleLog) log = sk_domain_console_log(settings, spec, port->port);
    sk_console_hub_set_log(port->hub, log.path, log.named ? NAMED_KEEP : settings->console_bytes, log.truncate);
}

/* The hub of a port, made when first asked for. */
static SkConsoleHub *
find_hub(SkDomain *domain, guint number, GError **error)
{
    const SkDomainSpec *spec = domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    if (!is_recorded(spec, number)) {
        sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no recorded serial port %u", sk_domain_name(domain), number);
        return NULL;
    }
    if (domain->consoles == NULL)
        domain->consoles = g_ptr_array_new_with_free_func(free_port);
    for (guint i = 0; i < domain->consoles->len; i++) {
        const Port *port = domain->consoles->pdata[i];
        if (port->port == number) {
            set_log(domain, port);
            return port->hub;
        }
    }
    const SkServiceSettings *settings = domain->service->settings;
    g_auto(SkConsoleLog) log = sk_domain_console_log(settings, spec, number);
    g_autofree char *socket = sk_domain_console_socket_path(domain->run_dir, number);
    Port *port = g_new0(Port, 1);
    port->port = number;
    port->hub = sk_console_hub_new(sk_domain_name(domain), log.path, socket, settings->console_bytes);
    set_log(domain, port);
    g_ptr_array_add(domain->consoles, port);
    /* Not only once its QEMU is known again after the daemon's start: what is typed before would be lost. */
    if (sk_domain_is_active(domain))
        sk_console_hub_power_on(port->hub);
    return port->hub;
}

/* A recorded port is followed from power-on, so that its log stays bounded though nobody reads. */
void
sk_domain_consoles_on(SkDomain *self)
{
    const SkDomainSpec *live = self->runtime.live;
    for (guint i = 0; self->consoles != NULL && i < self->consoles->len; i++) {
        set_log(self, self->consoles->pdata[i]);
        sk_console_hub_power_on(((Port *) self->consoles->pdata[i])->hub);
    }
    for (guint i = 0; live != NULL && live->serials != NULL && i < live->serials->len; i++)
        find_hub(self, ((const SkSerial *) live->serials->pdata[i])->port, NULL);
    for (guint i = 0; live != NULL && live->consoles != NULL && i < live->consoles->len; i++)
        find_hub(self, ((const SkConsole *) live->consoles->pdata[i])->port + SK_CONSOLE_PORT, NULL);
}

void
sk_domain_consoles_off(SkDomain *self)
{
    for (guint i = 0; self->consoles != NULL && i < self->consoles->len; i++)
        sk_console_hub_power_off(((Port *) self->consoles->pdata[i])->hub);
}

void
sk_domain_close_consoles(SkDomain *self)
{
    for (guint i = 0; self->consoles != NULL && i < self->consoles->len; i++)
        sk_console_hub_close(((Port *) self->consoles->pdata[i])->hub);
}

typedef struct {
    char *path;
    guint64 keep, from;
    GBytes *bytes;
} LogWork;

static void
free_log_work(gpointer data)
{
    LogWork *work = data;
    g_free(work->path);
    g_clear_pointer(&work->bytes, g_bytes_unref);
    g_free(work);
}

static gboolean
prepare_log(SkJob *job, GError **error)
{
    const SkParams *params = &job->call->params;
    SkDomain *domain = sk_service_domain(job->service, params->name, error);
    if (domain == NULL || find_hub(domain, params->port, error) == NULL)
        return FALSE;
    LogWork *work = job->work = g_new0(LogWork, 1);
    g_auto(SkConsoleLog) log = sk_domain_console_log(job->service->settings, domain->runtime.live != NULL ? domain->runtime.live : domain->spec, params->port);
    work->path = g_steal_pointer(&log.path);
    work->keep = job->service->settings->console_bytes;
    work->from = params->offset;
    return TRUE;
}

static gboolean
run_log(SkJob *job, GError **error)
{
    LogWork *work = job->work;
    guint64 end = 0;
    work->bytes = sk_console_log_read(work->path, work->from, work->keep, &work->from, &end, error);
    return work->bytes != NULL;
}

static void
commit_log(SkJob *job)
{
    const LogWork *work = job->work;
    gsize length;
    const char *data = g_bytes_get_data(work->bytes, &length);
    job->call->offset = work->from;
    g_string_append_len(job->call->answer, data, (gssize) length);
}

const SkJobKind sk_console_log_job = { .prepare = prepare_log, .run = run_log, .commit = commit_log, .free_work = free_log_work };

/* -- sessions ------------------------------------------------------------------------------------------------------ */

struct SkConsoleSession {
    const SkConsoleFuncs *funcs;
    gpointer data;
    gboolean read_only;
    SkDomain *domain;       /* a reference */
    SkConsoleReader *reader; /* serial */
    gint fd;                /* VNC */
    guint in_source, out_source;
    GByteArray *backlog;    /* VNC: input not taken yet */
};

static void
on_output(const void *bytes, gsize length, guint64 offset, gpointer data)
{
    const SkConsoleSession *self = data;
    (void) offset;
    self->funcs->output(bytes, length, self->data);
}

static void
on_notice(const char *sentence, gpointer data)
{
    const SkConsoleSession *self = data;
    self->funcs->notice(sentence, self->data);
}

static void
on_closed(gpointer data)
{
    const SkConsoleSession *self = data;
    self->funcs->closed(self->data);
}

static const SkConsoleReaderFuncs reader_funcs = { .output = on_output, .notice = on_notice, .closed = on_closed };

static gboolean
on_vnc_readable(gint fd, GIOCondition condition, gpointer data)
{
    SkConsoleSession *self = data;
    guint8 buffer[65536];
    (void) condition;
    gssize n = read(fd, buffer, sizeof buffer);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n > 0) {
        self->funcs->output(buffer, (gsize) n, self->data);
        return G_SOURCE_CONTINUE;
    }
    self->in_source = 0;
    self->funcs->closed(self->data);
    return G_SOURCE_REMOVE;
}

static gboolean
on_vnc_writable(gint fd, GIOCondition condition, gpointer data)
{
    SkConsoleSession *self = data;
    (void) condition;
    gssize n = write(fd, self->backlog->data, self->backlog->len);
    if (n > 0)
        g_byte_array_remove_range(self->backlog, 0, (guint) n);
    if (self->backlog->len > 0 && (n > 0 || errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    self->out_source = 0;
    return G_SOURCE_REMOVE;
}

static gboolean
open_vnc(SkConsoleSession *self, GError **error)
{
    g_autofree char *path = sk_domain_vnc_path(self->domain->run_dir);
    self->fd = sk_fs_connect_unix(path, error);
    if (self->fd < 0)
        return FALSE;
    g_unix_set_fd_nonblocking(self->fd, TRUE, NULL);
    self->in_source = g_unix_fd_add(self->fd, G_IO_IN | G_IO_HUP, on_vnc_readable, self);
    return TRUE;
}

static gboolean
open_serial(SkConsoleSession *self, const Grant *grant, GError **error)
{
    SkConsoleHub *hub = find_hub(self->domain, grant->request.port, error);
    if (hub == NULL)
        return FALSE;
    self->reader = sk_console_hub_attach(hub, grant->user, SK_CONSOLE_FROM_START, &reader_funcs, self);
    if (grant->request.take_over)
        sk_console_reader_take_over(self->reader);
    return TRUE;
}

SkConsoleSession *
sk_service_console_open(SkService *self, SkCall *call, const SkConsoleFuncs *funcs, gpointer data, GError **error)
{
    const char *ticket = call->params.ticket;
    const Grant *grant = g_hash_table_lookup(self->tickets, ticket);
    if (grant == NULL || grant->expires < g_get_monotonic_time()) {
        sk_fail(error, SK_ERROR_UNAUTHENTICATED, "the console ticket is not known: a ticket is good once and for %d seconds", TICKET_SECONDS);
        return NULL;
    }
    SkConsoleSession *session = g_new0(SkConsoleSession, 1);
    session->funcs = funcs;
    session->data = data;
    session->fd = -1;
    session->read_only = grant->request.read_only;
    session->domain = g_object_ref(grant->domain);
    call->who.token = g_strdup(grant->token);
    session->backlog = g_byte_array_new();
    gboolean ok = grant->request.kind == SK_TICKET_VNC ? open_vnc(session, error) : open_serial(session, grant, error);
    g_hash_table_remove(self->tickets, ticket);
    if (ok)
        return session;
    sk_console_session_close(session);
    return NULL;
}

SkConsoleSession *
sk_domain_console_open(SkDomain *self, guint port, const char *user, const SkConsoleFuncs *funcs, gpointer data, GError **error)
{
    SkConsoleHub *hub = find_hub(self, port, error);
    if (hub == NULL)
        return NULL;
    SkConsoleSession *session = g_new0(SkConsoleSession, 1);
    session->funcs = funcs;
    session->data = data;
    session->fd = -1;
    session->domain = g_object_ref(self);
    session->backlog = g_byte_array_new();
    session->reader = sk_console_hub_attach(hub, user, SK_CONSOLE_FROM_END, &reader_funcs, session);
    sk_console_reader_take_over(session->reader);
    return session;
}

gboolean
sk_console_session_write(SkConsoleSession *self, const void *bytes, gsize length)
{
    if (self->reader != NULL)
        return !self->read_only && sk_console_reader_write(self->reader, bytes, length);
    if (self->fd < 0 || self->backlog->len + length > VNC_BACKLOG)
        return FALSE;
    g_byte_array_append(self->backlog, bytes, (guint) length);
    if (self->out_source == 0)
        self->out_source = g_unix_fd_add(self->fd, G_IO_OUT, on_vnc_writable, self);
    return TRUE;
}

void
sk_console_session_take_over(SkConsoleSession *self)
{
    if (self->reader != NULL && !self->read_only)
        sk_console_reader_take_over(self->reader);
}

void
sk_console_session_hold(SkConsoleSession *self, gboolean hold)
{
    if (self->reader != NULL) {
        sk_console_reader_hold(self->reader, hold);
        return;
    }
    if (hold)
        g_clear_handle_id(&self->in_source, g_source_remove);
    else if (self->in_source == 0 && self->fd >= 0)
        self->in_source = g_unix_fd_add(self->fd, G_IO_IN | G_IO_HUP, on_vnc_readable, self);
}

void
sk_console_session_close(SkConsoleSession *self)
{
    if (self == NULL)
        return;
    if (self->reader != NULL)
        sk_console_reader_detach(self->reader);
    g_clear_handle_id(&self->in_source, g_source_remove);
    g_clear_handle_id(&self->out_source, g_source_remove);
    if (self->fd >= 0)
        close(self->fd);
    g_object_unref(self->domain);
    g_byte_array_unref(self->backlog);
    g_free(self);
}
