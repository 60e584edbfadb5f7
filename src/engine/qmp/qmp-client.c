/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP connection: one socket on the main loop, commands in flight, events, its end. */
#include "engine/qmp/qmp-client.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "engine/lines.h"
#include "engine/qmp/qmp-message.h"

#define READ_BYTES    16384
#define READS_A_TURN  16    /* then others on the main loop have theirs */
#define MAX_PENDING   1024  /* commands without an answer */
#define MAX_EARLY     1000  /* events kept until somebody listens */

#define END_SUFFIX    " has ended"

typedef enum { STATE_GREETING, STATE_NEGOTIATING, STATE_READY, STATE_CLOSED } State;

/* A command that has no answer yet. It stays here after its time-out, so that a late answer is known. */
typedef struct {
    char *command;
    SkQmpReply callback;    /* NULL: nobody waits (any more) */
    gpointer data;
    GSource *timer;
    gint timeout_ms;
} Pending;

/* A line on its way to QEMU, with the descriptor that goes along with its first byte. */
typedef struct {
    gint id;
    char *text;
    gsize length, sent;
    SkFd fd;
} Outgoing;

struct _SkQmp {
    GObject parent_instance;
    char *domain;
    gint next_id;           /* atomic */

    GMutex lock;            /* guards these five; changed is broadcast with each change */
    GCond changed;
    State state;
    GError *end;            /* STATE_CLOSED: why */
    char *version;
    GPtrArray *expects;     /* SkQmpExpect, not owned */

    /* Main thread only from here on. */
    gint fd;
    SkLines lines;
    GSource *in, *out;
    GHashTable *pending;    /* id to Pending */
    GQueue outgoing;        /* Outgoing */
    GQueue held;            /* Outgoing, until QEMU is ready for commands */
    GQueue early;           /* SkQmpMessage, events nobody has heard yet */
    SkQmpFuncs funcs;
    gpointer funcs_data;
    gboolean has_funcs, muted, told_closed;
};

G_DEFINE_FINAL_TYPE(SkQmp, sk_qmp, G_TYPE_OBJECT)

struct SkQmpExpect {
    SkQmp *qmp;
    const char *const *names;
    char *key, *value;
    const char *found;      /* under qmp->lock, as data */
    json_t *data;
};

static void
outgoing_free(gpointer data)
{
    Outgoing *self = data;
    g_free(self->text);
    sk_fd_clear(&self->fd);
    g_free(self);
}

static void
pending_free(gpointer data)
{
    Pending *self = data;
    if (self->timer != NULL) {
        g_source_destroy(self->timer);
        g_source_unref(self->timer);
    }
    g_free(self->command);
    g_free(self);
}

static void
message_free(gpointer data)
{
    sk_qmp_message_clear(data);
    g_free(data);
}

static void
drop_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void
set_state(SkQmp *self, State state)
{
    g_mutex_lock(&self->lock);
    self->state = state;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
}

/* -- the end ---------------------------------------------------------------------------------------------- */

static void
tell_closed(SkQmp *self)
{
    if (!self->has_funcs || self->told_closed)
        return;
    self->told_closed = TRUE;
    if (self->funcs.closed != NULL)
        self->funcs.closed(self, self->end, self->funcs_data);
}

/* Takes a reply's callback out, so that it runs once. */
static void
answer(SkQmp *self, Pending *pending, json_t *result, const GError *error)
{
    SkQmpReply callback = pending->callback;
    pending->callback = NULL;
    if (callback != NULL)
        callback(self, result, error, pending->data);
}

static void
fail_pending(SkQmp *self)
{
    g_autoptr(GHashTable) pending = g_steal_pointer(&self->pending);
    GHashTableIter at;
    gpointer entry;
    self->pending = g_hash_table_new_full(NULL, NULL, NULL, pending_free);
    g_hash_table_iter_init(&at, pending);
    while (g_hash_table_iter_next(&at, NULL, &entry))
        answer(self, entry, NULL, self->end);
}

/* Takes reason. */
static void
end_connection(SkQmp *self, GError *reason)
{
    g_mutex_lock(&self->lock);
    gboolean first = self->state != STATE_CLOSED;
    if (first) {
        self->state = STATE_CLOSED;
        self->end = g_steal_pointer(&reason);
        g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->lock);
    g_clear_error(&reason);
    if (!first)
        return;
    drop_source(&self->in);
    drop_source(&self->out);
    close(self->fd);
    self->fd = SK_FD_NONE;
    g_queue_clear_full(&self->outgoing, outgoing_free);
    g_queue_clear_full(&self->held, outgoing_free);
    fail_pending(self);
    if (g_queue_is_empty(&self->early))
        tell_closed(self);
}

static void
end_by_eof(SkQmp *self)
{
    GError *reason = NULL;
    sk_fail(&reason, SK_ERROR_QEMU, "QEMU of domain \"%s\"" END_SUFFIX, self->domain);
    end_connection(self, reason);
}

static void
end_broken(SkQmp *self, const char *why)
{
    GError *reason = NULL;
    sk_fail(&reason, SK_ERROR_QEMU, "QEMU of domain \"%s\" broke the QMP protocol: %s", self->domain, why);
    end_connection(self, reason);
}

/* -- writing ---------------------------------------------------------------------------------------------------- */

static gssize
send_some(gint fd, Outgoing *entry)
{
    union {
        struct cmsghdr header;
        guint8 space[CMSG_SPACE(sizeof(gint))];
    } control = { 0 };
    struct iovec part = { .iov_base = entry->text + entry->sent, .iov_len = entry->length - entry->sent };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (entry->fd >= 0 && entry->sent == 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        control.header = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(gint)), .cmsg_level = SOL_SOCKET,
                                            .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(&control.header), &entry->fd, sizeof(gint));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static gboolean flush_ready(gint fd, GIOCondition condition, gpointer data);

static void
want_writable(SkQmp *self)
{
    if (self->out != NULL)
        return;
    self->out = g_unix_fd_source_new(self->fd, G_IO_OUT);
    g_source_set_callback(self->out, G_SOURCE_FUNC(flush_ready), g_object_ref(self), g_object_unref);
    g_source_attach(self->out, NULL);
}

/* Sends what the socket takes. A peer that is gone is left to the reading side, which may have its last words. */
static void
flush(SkQmp *self)
{
    Outgoing *entry;
    while (self->fd >= 0 && (entry = g_queue_peek_head(&self->outgoing)) != NULL) {
        gssize n = send_some(self->fd, entry);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            want_writable(self);
            return;
        }
        if (n >= 0)
            entry->sent += (gsize) n;
        if (n < 0 || entry->sent == entry->length)
            outgoing_free(g_queue_pop_head(&self->outgoing));
    }
    drop_source(&self->out);
}

static gboolean
flush_ready(gint fd, GIOCondition condition, gpointer data)
{
    flush(data);
    return G_SOURCE_CONTINUE;
}

static void
send_held(SkQmp *self)
{
    Outgoing *entry;
    while ((entry = g_queue_pop_head(&self->held)) != NULL)
        g_queue_push_tail(&self->outgoing, entry);
    flush(self);
}

/* Takes a line that was not begun out of a queue. */
static gboolean
withdraw(GQueue *queue, gint id)
{
    for (GList *at = queue->head; at != NULL; at = at->next) {
        Outgoing *entry = at->data;
        if (entry->id == id && entry->sent == 0) {
            g_queue_delete_link(queue, at);
            outgoing_free(entry);
            return TRUE;
        }
    }
    return FALSE;
}

/* -- commands ----------------------------------------------------------------------------------------------------- */

typedef struct {
    SkQmp *self;
    gint id;
} Timer;

static void
timer_free(gpointer data)
{
    Timer *timer = data;
    g_object_unref(timer->self);
    g_free(timer);
}

static gboolean
timed_out(gpointer data)
{
    Timer *timer = data;
    g_autoptr(SkQmp) self = g_object_ref(timer->self);
    g_autoptr(GError) error = NULL;
    gint id = timer->id;
    Pending *pending = g_hash_table_lookup(self->pending, GINT_TO_POINTER(id));
    if (pending == NULL)
        return G_SOURCE_REMOVE;

    sk_fail(&error, SK_ERROR_TIMEOUT, "QEMU of domain \"%s\" did not answer \"%s\" within %g s", self->domain,
            pending->command, pending->timeout_ms / 1000.0);
    SkQmpReply callback = g_steal_pointer(&pending->callback);
    gpointer callback_data = pending->data;
    if (withdraw(&self->held, id) || withdraw(&self->outgoing, id))
        g_hash_table_remove(self->pending, GINT_TO_POINTER(id));
    if (callback != NULL)
        callback(self, NULL, error, callback_data);
    return G_SOURCE_REMOVE;
}

static void
start_timer(SkQmp *self, Pending *pending, gint id)
{
    Timer *timer = g_new(Timer, 1);
    timer->self = g_object_ref(self);
    timer->id = id;
    pending->timer = g_timeout_source_new((guint) pending->timeout_ms);
    g_source_set_callback(pending->timer, timed_out, timer, timer_free);
    g_source_attach(pending->timer, NULL);
}

/* What a caller on any thread makes of its command; taken by submit(). */
typedef struct {
    SkQmp *self;
    Outgoing *line;
    Pending *pending;
    GError *failed;     /* set: only to be told */
} Request;

/* Takes args. fd: dup'ed, so that the caller may close its own at any time. */
static Request *
request_new(SkQmp *self, const char *command, json_t *args, gint fd, gint timeout_ms)
{
    g_autoptr(json_t) owned = args;
    Request *request = g_new0(Request, 1);
    request->self = g_object_ref(self);
    request->line = g_new0(Outgoing, 1);
    request->line->id = g_atomic_int_add(&self->next_id, 1) & G_MAXINT;
    request->line->text = sk_qmp_message_compose(command, owned, request->line->id);
    request->line->length = strlen(request->line->text);
    request->line->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : SK_FD_NONE;
    request->pending = g_new0(Pending, 1);
    request->pending->command = g_strdup(command);
    request->pending->timeout_ms = timeout_ms == 0 ? SK_QMP_TIMEOUT_MS : timeout_ms;
    return request;
}

static void
request_free(Request *request)
{
    g_clear_pointer(&request->line, outgoing_free);
    g_clear_pointer(&request->pending, pending_free);
    g_clear_error(&request->failed);
    g_object_unref(request->self);
    g_free(request);
}

/* Why a command cannot be sent at all; FALSE if it cannot. */
static gboolean
may_submit(SkQmp *self, Request *request)
{
    if (self->state == STATE_CLOSED)
        request->failed = g_error_copy(self->end);
    else if (g_hash_table_size(self->pending) >= MAX_PENDING)
        sk_fail(&request->failed, SK_ERROR_QEMU, "QEMU of domain \"%s\" has %d commands unanswered, \"%s\" is not sent",
                self->domain, MAX_PENDING, request->pending->command);
    return request->failed == NULL;
}

/* Main thread; takes what is in the request. FALSE, with its error set in it, if it cannot be sent. */
static gboolean
submit(Request *request)
{
    SkQmp *self = request->self;
    if (!may_submit(self, request))
        return FALSE;
    gint id = request->line->id;
    Pending *pending = g_steal_pointer(&request->pending);
    gboolean ready = self->state == STATE_READY;
    g_hash_table_insert(self->pending, GINT_TO_POINTER(id), pending);
    if (pending->timeout_ms >= 0)
        start_timer(self, pending, id);
    g_queue_push_tail(ready ? &self->outgoing : &self->held, g_steal_pointer(&request->line));
    if (ready)
        flush(self);
    return TRUE;
}

static void
tell_refused(gpointer data)
{
    Request *request = data;
    answer(request->self, request->pending, NULL, request->failed);
    request_free(request);
}

void
sk_qmp_call_async(SkQmp *self, const char *command, json_t *args, gint timeout_ms, SkQmpReply callback,
                  gpointer data)
{
    sk_assert_main();
    Request *request = request_new(self, command, args, SK_FD_NONE, timeout_ms);
    request->pending->callback = callback;
    request->pending->data = data;
    if (submit(request))
        request_free(request);
    else
        sk_main_post(tell_refused, request);
}

/* A worker that sleeps until its answer; lives on its stack. */
typedef struct {
    Request *request;
    GMutex lock;
    GCond answered;
    gboolean done;
    json_t *result;
    GError *error;
} Sleeper;

static void
wake(SkQmp *self, json_t *result, const GError *error, gpointer data)
{
    Sleeper *sleeper = data;
    g_mutex_lock(&sleeper->lock);
    sleeper->result = json_incref(result);
    sleeper->error = error != NULL ? g_error_copy(error) : NULL;
    sleeper->done = TRUE;
    g_cond_signal(&sleeper->answered);
    g_mutex_unlock(&sleeper->lock);
}

static void
submit_for_worker(gpointer data)
{
    Request *request = data;
    if (!submit(request))
        answer(request->self, request->pending, NULL, request->failed);
    request_free(request);
}

json_t *
sk_qmp_call_fd(SkQmp *self, const char *command, json_t *args, gint fd, gint timeout_ms, GError **error)
{
    sk_assert_worker();
    Sleeper sleeper = { 0 };
    Request *request = request_new(self, command, args, fd, timeout_ms);
    request->pending->callback = wake;
    request->pending->data = &sleeper;
    g_mutex_init(&sleeper.lock);
    g_cond_init(&sleeper.answered);
    sk_main_post(submit_for_worker, request);

    g_mutex_lock(&sleeper.lock);
    while (!sleeper.done)
        g_cond_wait(&sleeper.answered, &sleeper.lock);
    g_mutex_unlock(&sleeper.lock);
    g_mutex_clear(&sleeper.lock);
    g_cond_clear(&sleeper.answered);
    if (sleeper.error != NULL)
        g_propagate_error(error, sleeper.error);
    return sleeper.result;
}

json_t *
sk_qmp_call(SkQmp *self, const char *command, json_t *args, gint timeout_ms, GError **error)
{
    return sk_qmp_call_fd(self, command, args, SK_FD_NONE, timeout_ms, error);
}

gboolean
sk_qmp_run(SkQmp *self, const char *command, json_t *args, GError **error)
{
    g_autoptr(json_t) result = sk_qmp_call(self, command, args, 0, error);
    return result != NULL;
}

/* -- events ----------------------------------------------------------------------------------------------------------- */

static gboolean
is_expected(const SkQmpExpect *expect, const SkQmpMessage *event)
{
    if (expect->found != NULL || !g_strv_contains(expect->names, event->name))
        return FALSE;
    return expect->key == NULL ||
           g_strcmp0(json_string_value(json_object_get(event->body, expect->key)), expect->value) == 0;
}

static const char *
kept_name(const SkQmpExpect *expect, const char *name)
{
    const char *const *at = expect->names;
    while (!g_str_equal(*at, name))
        at++;
    return *at;
}

static void
meet_expects(SkQmp *self, const SkQmpMessage *event)
{
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->expects->len; i++) {
        SkQmpExpect *expect = self->expects->pdata[i];
        if (!is_expected(expect, event))
            continue;
        expect->found = kept_name(expect, event->name);
        expect->data = json_incref(event->body);
        g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->lock);
}

static void
tell_event(SkQmp *self, const SkQmpMessage *message)
{
    SkQmpEvent event = { .name = message->name, .data = message->body, .time = message->time };
    if (self->has_funcs && self->funcs.event != NULL)
        self->funcs.event(self, &event, self->funcs_data);
}

static void
tell_early(gpointer data)
{
    g_autoptr(SkQmp) self = data;
    SkQmpMessage *message;
    while ((message = g_queue_pop_head(&self->early)) != NULL) {
        tell_event(self, message);
        message_free(message);
    }
    if (self->state == STATE_CLOSED)
        tell_closed(self);
}

static void
take_event(SkQmp *self, SkQmpMessage *message)
{
    meet_expects(self, message);
    if (self->muted)
        return;
    if (self->has_funcs && g_queue_is_empty(&self->early)) {
        tell_event(self, message);
        return;
    }
    if (g_queue_get_length(&self->early) >= MAX_EARLY)
        message_free(g_queue_pop_head(&self->early));
    g_queue_push_tail(&self->early, g_memdup2(message, sizeof *message));
    message->root = NULL;
}

void
sk_qmp_set_funcs(SkQmp *self, const SkQmpFuncs *funcs, gpointer data)
{
    sk_assert_main();
    self->has_funcs = funcs != NULL;
    self->muted = funcs == NULL;
    self->funcs = funcs != NULL ? *funcs : (SkQmpFuncs) { 0 };
    self->funcs_data = data;
    if (self->muted)
        g_queue_clear_full(&self->early, message_free);
    else
        sk_main_post(tell_early, g_object_ref(self));
}

/* -- reading ------------------------------------------------------------------------------------------------------------ */

static void
negotiated(SkQmp *self, json_t *result, const GError *error, gpointer data)
{
    if (error == NULL) {
        set_state(self, STATE_READY);
        send_held(self);
    } else if (self->state != STATE_CLOSED) {
        end_broken(self, error->message);
    }
}

static void
take_greeting(SkQmp *self, const SkQmpMessage *message)
{
    g_mutex_lock(&self->lock);
    self->version = g_strdup_printf("%u.%u.%u", message->version[0], message->version[1], message->version[2]);
    self->state = STATE_NEGOTIATING;
    g_mutex_unlock(&self->lock);

    /* Held commands go out behind this one at once: QEMU takes commands in order, so that no turn is lost. */
    Request *request = request_new(self, "qmp_capabilities", NULL, SK_FD_NONE, -1);
    request->pending->callback = negotiated;
    g_queue_push_head(&self->held, g_steal_pointer(&request->line));
    Outgoing *line = g_queue_peek_head(&self->held);
    g_hash_table_insert(self->pending, GINT_TO_POINTER(line->id), g_steal_pointer(&request->pending));
    request_free(request);
    send_held(self);
}

static void
take_answer(SkQmp *self, SkQmpMessage *message)
{
    gpointer key = GINT_TO_POINTER((gint) message->id);
    gpointer entry = NULL;
    if (message->id < 0 || message->id > G_MAXINT || !g_hash_table_steal_extended(self->pending, key, NULL, &entry)) {
        end_broken(self, message->kind == SK_QMP_FAILED ? message->text : "an answer to a command that was not sent");
        return;
    }
    Pending *pending = entry;
    g_autoptr(GError) error = NULL;
    if (message->kind == SK_QMP_FAILED)
        sk_fail(&error, SK_ERROR_QEMU, "QEMU of domain \"%s\" refused \"%s\": %.1000s", self->domain, pending->command,
                message->text);
    answer(self, pending, message->body, error);
    pending_free(pending);
}

static void
take_line(SkQmp *self, const char *line, gsize length)
{
    g_auto(SkQmpMessage) message = { 0 };
    g_autoptr(GError) error = NULL;
    if (!sk_qmp_message_parse(line, length, &message, &error))
        end_broken(self, error->message);
    else if ((self->state == STATE_GREETING) != (message.kind == SK_QMP_GREETING))
        end_broken(self, self->state == STATE_GREETING ? "it does not begin with a greeting" : "it greets twice");
    else if (message.kind == SK_QMP_GREETING)
        take_greeting(self, &message);
    else if (message.kind == SK_QMP_EVENT)
        take_event(self, &message);
    else
        take_answer(self, &message);
}

static void
take_bytes(SkQmp *self, const char *bytes, gsize length)
{
    char *line;
    if (!sk_lines_push(&self->lines, bytes, length)) {
        end_broken(self, "a line is too long");
        return;
    }
    while (self->state != STATE_CLOSED && (line = sk_lines_pop(&self->lines, &length)) != NULL)
        take_line(self, line, length);
}

static gboolean
read_ready(gint fd, GIOCondition condition, gpointer data)
{
    g_autoptr(SkQmp) self = g_object_ref(data);
    char bytes[READ_BYTES];
    for (guint turn = 0; turn < READS_A_TURN && self->state != STATE_CLOSED; turn++) {
        gssize n = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            take_bytes(self, bytes, (gsize) n);
        else if (n < 0 && errno == EAGAIN)
            break;
        else if (n == 0 || errno != EINTR)
            end_by_eof(self);
        if (n > 0 && n < (gssize) sizeof bytes)
            break;
    }
    return G_SOURCE_CONTINUE;
}

/* -- the object --------------------------------------------------------------------------------------------------------- */

static void
sk_qmp_finalize(GObject *object)
{
    SkQmp *self = SK_QMP(object);
    if (self->fd >= 0)
        close(self->fd);
    g_queue_clear_full(&self->outgoing, outgoing_free);
    g_queue_clear_full(&self->held, outgoing_free);
    g_queue_clear_full(&self->early, message_free);
    g_hash_table_unref(self->pending);
    g_ptr_array_unref(self->expects);
    sk_lines_clear(&self->lines);
    g_clear_error(&self->end);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->version);
    g_free(self->domain);
    G_OBJECT_CLASS(sk_qmp_parent_class)->finalize(object);
}

static void
sk_qmp_class_init(SkQmpClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = sk_qmp_finalize;
}

static void
sk_qmp_init(SkQmp *self)
{
    self->fd = SK_FD_NONE;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    self->expects = g_ptr_array_new();
    self->pending = g_hash_table_new_full(NULL, NULL, NULL, pending_free);
    sk_lines_init(&self->lines, SK_JSON_MAX_BYTES);
}

SkQmp *
sk_qmp_new_for_fd(gint fd, const char *domain)
{
    SkQmp *self = g_object_new(SK_TYPE_QMP, NULL);
    self->domain = g_strdup(domain);
    self->fd = fd;
    /* The source holds a reference until the connection ends: the owner closes, then drops its own. */
    self->in = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(self->in, G_SOURCE_FUNC(read_ready), g_object_ref(self), g_object_unref);
    g_source_attach(self->in, NULL);
    return self;
}

static void
close_on_main(gpointer data)
{
    g_autoptr(SkQmp) self = data;
    GError *reason = NULL;
    sk_qmp_set_funcs(self, NULL, NULL);
    sk_fail(&reason, SK_ERROR_QEMU, "the connection to QEMU of domain \"%s\" was closed", self->domain);
    end_connection(self, reason);
}

void
sk_qmp_close(SkQmp *self)
{
    if (sk_thread_is_main())
        close_on_main(g_object_ref(self));
    else
        sk_main_post(close_on_main, g_object_ref(self));
}

gboolean
sk_qmp_is_open(SkQmp *self)
{
    g_mutex_lock(&self->lock);
    gboolean open = self->state != STATE_CLOSED;
    g_mutex_unlock(&self->lock);
    return open;
}

gboolean
sk_qmp_error_is_end(const GError *error)
{
    return sk_error_is(error, SK_ERROR_QEMU) && g_str_has_suffix(error->message, END_SUFFIX);
}

const char *
sk_qmp_version(SkQmp *self)
{
    g_mutex_lock(&self->lock);
    const char *version = self->version;
    g_mutex_unlock(&self->lock);
    return version;
}

const char *
sk_qmp_domain(SkQmp *self)
{
    return self->domain;
}

/* -- waiting -------------------------------------------------------------------------------------------------------------- */

/* Waits for a change under the lock; FALSE if time is up. deadline 0: for ever. */
static gboolean
await_change(SkQmp *self, gint64 deadline)
{
    if (deadline != 0)
        return g_cond_wait_until(&self->changed, &self->lock, deadline);
    g_cond_wait(&self->changed, &self->lock);
    return TRUE;
}

static gint64
deadline_of(gint timeout_ms)
{
    gint ms = timeout_ms == 0 ? SK_QMP_TIMEOUT_MS : timeout_ms;
    return ms < 0 ? 0 : g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

gboolean
sk_qmp_wait_ready(SkQmp *self, gint timeout_ms, GError **error)
{
    sk_assert_worker();
    gint64 deadline = deadline_of(timeout_ms);
    gboolean in_time = TRUE;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    while (in_time && self->state < STATE_READY)
        in_time = await_change(self, deadline);
    if (self->state == STATE_READY)
        return TRUE;
    if (self->state != STATE_CLOSED)
        return sk_fail(error, SK_ERROR_TIMEOUT, "QEMU of domain \"%s\" did not greet in time", self->domain);
    if (error != NULL)
        *error = g_error_copy(self->end);
    return FALSE;
}

SkQmpExpect *
sk_qmp_expect(SkQmp *self, const char *const *names, const char *key, const char *value)
{
    sk_assert_worker();
    SkQmpExpect *expect = g_new0(SkQmpExpect, 1);
    expect->qmp = g_object_ref(self);
    expect->names = names;
    expect->key = g_strdup(key);
    expect->value = g_strdup(value);
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->expects, expect);
    g_mutex_unlock(&self->lock);
    return expect;
}

gboolean
sk_qmp_expect_wait(SkQmpExpect *self, gint timeout_ms, const char *what, const char **out_name, json_t **out_data,
                   GError **error)
{
    gint64 deadline = deadline_of(timeout_ms);
    gboolean in_time = TRUE;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->qmp->lock);
    while (in_time && self->found == NULL && self->qmp->state != STATE_CLOSED)
        in_time = await_change(self->qmp, deadline);
    if (self->found != NULL) {
        if (out_name != NULL)
            *out_name = self->found;
        if (out_data != NULL)
            *out_data = json_incref(self->data);
        return TRUE;
    }
    if (self->qmp->state != STATE_CLOSED)
        return sk_fail(error, SK_ERROR_TIMEOUT, "%s", what);
    if (error != NULL)
        *error = g_error_copy(self->qmp->end);
    return FALSE;
}

void
sk_qmp_expect_free(SkQmpExpect *self)
{
    if (self == NULL)
        return;
    g_mutex_lock(&self->qmp->lock);
    g_ptr_array_remove(self->qmp->expects, self);
    g_mutex_unlock(&self->qmp->lock);
    json_decref(self->data);
    g_object_unref(self->qmp);
    g_free(self->key);
    g_free(self->value);
    g_free(self);
}
