/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP connection: one socket on the main loop, commands in flight, events, its end. */
#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/qmp-private.h"

#define READ_BYTES    16384
#define READS_A_TURN  16    /* then others on the main loop have theirs */
#define MAX_PENDING   1024  /* commands without an answer */
#define MAX_EARLY     1000  /* events kept until somebody listens */

#define END_SUFFIX    " has ended"

/* A command that has no answer yet. It stays here after its time-out, so that a late answer is known. */
typedef struct {
    char *command;
    SkQmpReply callback;    /* NULL: nobody waits (any more) */
    gpointer data;
    GSource *timer;
    gint timeout_ms;
    gboolean whole;
} Pending;

G_DEFINE_FINAL_TYPE(SkQmp, sk_qmp, G_TYPE_OBJECT)

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
set_state(SkQmp *self, SkQmpState state)
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
    gboolean first = self->state != SK_QMP_CLOSED;
    if (first) {
        self->state = SK_QMP_CLOSED;
        self->end = g_steal_pointer(&reason);
        g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->lock);
    g_clear_error(&reason);
    if (!first)
        return;
    g_source_destroy(self->in);
    g_clear_pointer(&self->in, g_source_unref);
    sk_qmp_output_clear(&self->output);
    g_queue_clear_full(&self->held, (GDestroyNotify) sk_qmp_line_free);
    sk_fd_clear(&self->fd);
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

/* -- commands ----------------------------------------------------------------------------------------------------- */

static void
send_held(SkQmp *self)
{
    SkQmpLine *line;
    while ((line = g_queue_pop_head(&self->held)) != NULL)
        sk_qmp_output_push(&self->output, line);
}

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
    if (sk_qmp_output_withdraw(&self->held, id) || sk_qmp_output_withdraw(&self->output.lines, id))
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

/* What a caller on any thread makes of its command; what is in it is taken by submit(). */
typedef struct {
    SkQmp *self;
    SkQmpLine *line;
    Pending *pending;
} Request;

static Request *
request_new(SkQmp *self, const SkQmpQuestion *question)
{
    gint id = g_atomic_int_add(&self->next_id, 1) & G_MAXINT;
    Request *request = g_new0(Request, 1);
    request->self = g_object_ref(self);
    request->line = sk_qmp_line_new(id, sk_qmp_message_compose(question->command, question->args, id), question->fd);
    request->pending = g_new0(Pending, 1);
    request->pending->command = g_strdup(question->command);
    request->pending->timeout_ms = question->timeout_ms == 0 ? SK_QMP_TIMEOUT_MS : question->timeout_ms;
    request->pending->whole = question->whole;
    return request;
}

static void
request_free(Request *request)
{
    sk_qmp_line_free(request->line);
    g_clear_pointer(&request->pending, pending_free);
    g_object_unref(request->self);
    g_free(request);
}

/* From here on there will be an answer, if only that time is up. */
static void
await_answer(SkQmp *self, Request *request)
{
    Pending *pending = g_steal_pointer(&request->pending);
    g_hash_table_insert(self->pending, GINT_TO_POINTER(request->line->id), pending);
    if (pending->timeout_ms >= 0)
        start_timer(self, pending, request->line->id);
}

/* FALSE with the reason if no command can be sent. */
static gboolean
may_submit(SkQmp *self, const Request *request, GError **error)
{
    if (self->state == SK_QMP_CLOSED) {
        g_propagate_error(error, g_error_copy(self->end));
        return FALSE;
    }
    if (g_hash_table_size(self->pending) >= MAX_PENDING)
        return sk_fail(error, SK_ERROR_QEMU, "QEMU of domain \"%s\" has %d commands unanswered, \"%s\" is not sent",
                       self->domain, MAX_PENDING, request->pending->command);
    return TRUE;
}

static void
submit(gpointer data)
{
    Request *request = data;
    SkQmp *self = request->self;
    g_autoptr(GError) error = NULL;
    if (!may_submit(self, request, &error)) {
        answer(self, request->pending, NULL, error);
    } else {
        await_answer(self, request);
        if (self->state == SK_QMP_READY)
            sk_qmp_output_push(&self->output, g_steal_pointer(&request->line));
        else
            g_queue_push_tail(&self->held, g_steal_pointer(&request->line));
    }
    request_free(request);
}

void
sk_qmp_request(SkQmp *self, const SkQmpQuestion *question, SkQmpReply callback, gpointer data)
{
    g_autoptr(json_t) owned = question->args;
    Request *request = request_new(self, question);
    request->pending->callback = callback;
    request->pending->data = data;
    /* A refusal is told later, as every answer is. */
    if (sk_thread_is_main() && may_submit(self, request, NULL))
        submit(request);
    else
        sk_main_post(submit, request);
}

void
sk_qmp_call_async(SkQmp *self, const char *command, json_t *args, gint timeout_ms, SkQmpReply callback,
                  gpointer data)
{
    sk_assert_main();
    const SkQmpQuestion question = { .command = command, .args = args, .fd = SK_FD_NONE, .timeout_ms = timeout_ms };
    sk_qmp_request(self, &question, callback, data);
}

/* -- events ----------------------------------------------------------------------------------------------------------- */

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
    if (self->state == SK_QMP_CLOSED)
        tell_closed(self);
}

static void
take_event(SkQmp *self, SkQmpMessage *message)
{
    sk_qmp_meet_expects(self, message);
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
        set_state(self, SK_QMP_READY);
        send_held(self);
    } else if (self->state != SK_QMP_CLOSED) {
        end_broken(self, error->message);
    }
}

static void
take_greeting(SkQmp *self, const SkQmpMessage *message)
{
    g_mutex_lock(&self->lock);
    self->version = g_strdup_printf("%u.%u.%u", message->version[0], message->version[1], message->version[2]);
    self->state = SK_QMP_NEGOTIATING;
    g_mutex_unlock(&self->lock);

    /* Held commands go out behind this one at once: QEMU takes commands in order, so that no turn is lost. */
    static const SkQmpQuestion question = { .command = "qmp_capabilities", .fd = SK_FD_NONE, .timeout_ms = -1 };
    Request *request = request_new(self, &question);
    request->pending->callback = negotiated;
    await_answer(self, request);
    sk_qmp_output_push(&self->output, g_steal_pointer(&request->line));
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
    if (pending->whole)
        json_object_del(message->root, "id");
    else if (message->kind == SK_QMP_FAILED)
        sk_fail(&error, SK_ERROR_QEMU, "QEMU of domain \"%s\" refused \"%s\": %.1000s", self->domain, pending->command,
                message->text);
    answer(self, pending, pending->whole ? message->root : message->body, error);
    pending_free(pending);
}

static void
take_line(SkQmp *self, const char *line, gsize length)
{
    g_auto(SkQmpMessage) message = { 0 };
    g_autoptr(GError) error = NULL;
    if (!sk_qmp_message_parse(line, length, &message, &error))
        end_broken(self, error->message);
    else if ((self->state == SK_QMP_GREETING_DUE) != (message.kind == SK_QMP_GREETING))
        end_broken(self, self->state == SK_QMP_GREETING_DUE ? "it does not begin with a greeting" : "it greets twice");
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
    while (self->state != SK_QMP_CLOSED && (line = sk_lines_pop(&self->lines, &length)) != NULL)
        take_line(self, line, length);
}

static gboolean
read_ready(gint fd, GIOCondition condition, gpointer data)
{
    g_autoptr(SkQmp) self = g_object_ref(data);
    char bytes[READ_BYTES];
    for (guint turn = 0; turn < READS_A_TURN && self->state != SK_QMP_CLOSED; turn++) {
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
    sk_qmp_output_clear(&self->output);
    sk_fd_clear(&self->fd);
    g_queue_clear_full(&self->held, (GDestroyNotify) sk_qmp_line_free);
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
    self->fd = self->output.fd = fd;
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
    gboolean open = self->state != SK_QMP_CLOSED;
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
