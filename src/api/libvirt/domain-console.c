/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: consoles, screen, keys. */
#include <errno.h>
#include <sys/socket.h>

#include "api/libvirt/domain-channel.h"
#include "api/libvirt/domain-keys.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/stream.h"
#include "base/error.h"
#include "base/fs.h"
#include "service/console.h"

/* -- console ------------------------------------------------------------------------------------------------------ */

enum { CONSOLE_FORCE = 1, CONSOLE_SAFE = 2 };

/* One client's. There is one for each port: who opens by force ends the former. */
typedef struct {
    SkLvStream *stream;
    SkConsoleSession *session;
    SkSubscription *subscription;
    SkDomain *domain;       /* a reference */
    guint port;
} Console;

/* All that are open, of whatever connection. */
static GPtrArray *consoles;

static Console *
find_open(const SkDomain *domain, guint port)
{
    for (guint i = 0; consoles != NULL && i < consoles->len; i++) {
        Console *console = consoles->pdata[i];
        if (console->domain == domain && console->port == port)
            return console;
    }
    return NULL;
}

static void
on_output(const void *bytes, gsize length, gpointer data)
{
    const Console *self = data;
    if (!sk_lv_stream_send(self->stream, bytes, length))
        sk_console_session_hold(self->session, TRUE);
}

/* Who else looks is of no use to a byte stream. */
static void
on_notice(const char *sentence, gpointer data)
{
    (void) sentence, (void) data;
}

static void
stop(Console *self)
{
    sk_console_session_close(g_steal_pointer(&self->session));
    sk_service_unsubscribe(self->domain->service, g_steal_pointer(&self->subscription));
    g_ptr_array_remove_fast(consoles, self);
}

static void
end_output(Console *self)
{
    if (self->session == NULL)
        return;
    stop(self);
    sk_lv_stream_eof(self->stream);
}

static void
on_closed(gpointer data)
{
    end_output(data);
}

/* What the guest printed last was delivered before the domain is off. */
static void
on_state(const SkEvent *event, gpointer data)
{
    Console *self = data;
    if (g_strcmp0(event->uuid, self->domain->spec->uuid) == 0 && !sk_domain_is_active(self->domain))
        end_output(self);
}

static gboolean
take_input(SkLvStream *stream, const guint8 *bytes, gsize length, GError **error)
{
    const Console *self = sk_lv_stream_data(stream);
    (void) error;
    if (self->session != NULL)
        sk_console_session_write(self->session, bytes, length);
    return TRUE;
}

static void
go_on(SkLvStream *stream)
{
    const Console *self = sk_lv_stream_data(stream);
    if (self->session != NULL)
        sk_console_session_hold(self->session, FALSE);
}

static void
end_console(SkLvStream *stream, gboolean completed)
{
    Console *self = sk_lv_stream_data(stream);
    (void) completed;
    if (self->session != NULL)
        stop(self);
    g_object_unref(self->domain);
    g_free(self);
}

/* Ports have the aliases of their devices; without a name the first serial port is meant, else the first console. */
static gboolean
find_port(const SkDomain *domain, const char *name, guint *out_port, GError **error)
{
    const SkDomainSpec *live = domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    for (guint i = 0; live->serials != NULL && i < live->serials->len; i++) {
        const SkSerial *serial = live->serials->pdata[i];
        if (name == NULL || g_strcmp0(serial->alias, name) == 0) {
            *out_port = serial->port;
            return TRUE;
        }
    }
    for (guint i = 0; live->consoles != NULL && i < live->consoles->len; i++) {
        const SkConsole *console = live->consoles->pdata[i];
        if (name == NULL || g_strcmp0(console->alias, name) == 0) {
            *out_port = console->port + SK_CONSOLE_PORT;
            return TRUE;
        }
    }
    /* libvirt calls the first serial port a console as well. */
    if (name != NULL && g_str_equal(name, "console0") && live->serials != NULL && live->serials->len > 0) {
        *out_port = ((const SkSerial *) live->serials->pdata[0])->port;
        return TRUE;
    }
    return sk_fail(error, SK_ERROR_NO_DEVICE, "cannot find console device '%.64s' of domain \"%s\"", name != NULL ? name : "<null>",
                   sk_domain_name(domain));
}

static gboolean
make_room(SkDomain *domain, guint port, gboolean force, GError **error)
{
    Console *former = find_open(domain, port);
    if (former == NULL)
        return TRUE;
    if (!force)
        return sk_fail(error, SK_ERROR_EXISTS, "Active console session exists for this domain: open it by force to end that one");
    end_output(former);
    return TRUE;
}

static gboolean
open_console(SkLvCall *call, GError **error)
{
    static const SkLvStreamFuncs stream_funcs = { .data = take_input, .room = go_on, .end = end_console };
    static const SkConsoleFuncs console_funcs = { .output = on_output, .notice = on_notice, .closed = on_closed };
    SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    guint port = 0;
    gboolean gap;
    if (domain == NULL || !sk_lv_check_flags(call, CONSOLE_FORCE | CONSOLE_SAFE, error) ||
        !find_port(domain, sk_lv_str(call, "dev_name"), &port, error) ||
        !make_room(domain, port, (sk_lv_uint(call, "flags") & CONSOLE_FORCE) != 0, error))
        return FALSE;
    Console *self = g_new0(Console, 1);
    self->domain = g_object_ref(domain);
    self->port = port;
    if (consoles == NULL)
        consoles = g_ptr_array_new();
    self->stream = sk_lv_stream_open(call, &stream_funcs, self, error);
    if (self->stream == NULL) {
        g_object_unref(self->domain);
        g_free(self);
        return FALSE;
    }
    self->session = sk_domain_console_open(domain, port, sk_lv_who(call)->user, &console_funcs, self, error);
    if (self->session == NULL)
        return FALSE; /* the stream goes with the call, and takes the rest along */
    self->subscription = sk_service_subscribe(call->service, 0, "domain.state", on_state, self, &gap);
    g_ptr_array_add(consoles, self);
    return TRUE;
}

/* -- screens --------------------------------------------------------------------------------------------------------- */

enum { SKIP_AUTH = 1 };

static void
on_viewer(const GError *error, gpointer data)
{
    SkLvCall *call = data;
    sk_lv_reply(call, error != NULL ? g_error_copy(error) : NULL);
}

/* The client gets one end of a pair, QEMU the other. */
static gboolean
open_graphics_fd(SkLvCall *call, GError **error)
{
    SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    gint pair[2];
    if (domain == NULL || !sk_lv_check_flags(call, SKIP_AUTH, error))
        return FALSE;
    if (!sk_lv_can_pass_fds(call))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "descriptors can be passed only over a Unix socket");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return sk_fail_errno(error, errno, "cannot make a socket pair");
    sk_lv_send_fd(call, pair[0]);
    return sk_domain_add_viewer(domain, sk_lv_uint(call, "idx"), pair[1], (sk_lv_uint(call, "flags") & SKIP_AUTH) != 0, on_viewer, call, error) &&
           sk_lv_later(call);
}

/* The same with a socket of the client's. */
static gboolean
open_graphics(SkLvCall *call, GError **error)
{
    g_auto(SkFd) fd = sk_lv_take_fd(call, 0);
    SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, SKIP_AUTH, error))
        return FALSE;
    if (fd < 0)
        return sk_fail(error, SK_ERROR_INVALID, "no socket came with the call");
    return sk_domain_add_viewer(domain, sk_lv_uint(call, "idx"), sk_fd_steal(&fd), (sk_lv_uint(call, "flags") & SKIP_AUTH) != 0, on_viewer, call, error) &&
           sk_lv_later(call);
}

static const SkLvProcedure rows[] = {
    { 201, "DOMAIN_OPEN_CONSOLE", "dom dev_name:str? flags", "", SK_OP_CONSOLE_TICKET, open_console, .flags = SK_LV_DOWN | SK_LV_UP },
    { 211, "DOMAIN_SCREENSHOT", "dom screen:u32 flags", "mime:str?", SK_OP_DOMAIN_SCREENSHOT, sk_lv_screenshot, .flags = SK_LV_DOWN },
    { 226, "DOMAIN_SEND_KEY", "dom codeset:u32 holdtime:u32 keycodes:u32<16> flags", "", SK_OP_DOMAIN_SEND_KEY, sk_lv_send_key },
    { 249, "DOMAIN_OPEN_GRAPHICS", "dom idx:u32 flags", "", SK_OP_CONSOLE_TICKET, open_graphics },
    { 296, "DOMAIN_OPEN_CHANNEL", "dom name:str? flags", "", SK_OP_CONSOLE_TICKET, sk_lv_open_channel, .flags = SK_LV_DOWN | SK_LV_UP },
    { 343, "DOMAIN_OPEN_GRAPHICS_FD", "dom idx:u32 flags", "", SK_OP_CONSOLE_TICKET, open_graphics_fd },
};
SK_LV_FAMILY(sk_lv_domain_console_family, "Domain: consoles, screen, keys", QEMU, rows);
