/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service and a dispatcher that only pretend. */
#include "fake-service.h"

#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "codec/json/json.h"

Fake fake;

static void
free_event(gpointer data)
{
    sk_value_free(&sk_event_type, data);
}

void
fake_reset(void)
{
    g_assert_null(fake.held);
    g_free(fake.last);
    g_clear_pointer(&fake.events, g_ptr_array_unref);
    g_clear_pointer(&fake.uploaded, g_byte_array_unref);
    g_clear_pointer(&fake.typed, g_byte_array_unref);
    memset(&fake, 0, sizeof fake);
    fake.events = g_ptr_array_new_with_free_func(free_event);
    fake.uploaded = g_byte_array_new();
    fake.typed = g_byte_array_new();
    fake.volume_size = 1000000;
}

/* -- ops ------------------------------------------------------------------------------------------------- */

static void
echo(SkCall *call)
{
    g_autofree char *params = sk_json_encode(call->op->params, &call->params, 0);
    g_string_append_printf(call->answer, "{\"op\":\"%s\",\"user\":\"%s\",\"params\":%s", call->op->name, call->who.user, params);
    if (call->body != NULL) {
        g_string_append(call->answer, ",\"body\":");
        sk_json_write(call->answer, call->op->body, call->body, NULL, SK_JSON_NO_DEFAULTS);
    }
    if (call->patch != NULL) {
        char *patch = json_dumps(call->patch, JSON_COMPACT);
        g_string_append_printf(call->answer, ",\"patch\":%s", patch);
        free(patch);
    }
    if (call->if_match != NULL)
        g_string_append_printf(call->answer, ",\"if_match\":\"%s\"", call->if_match);
    if (call->idempotency_key != NULL)
        g_string_append_printf(call->answer, ",\"key\":\"%s\",\"hash\":\"%s\"", call->idempotency_key, call->request_hash);
    g_string_append_c(call->answer, '}');
    g_free(fake.last);
    fake.last = g_strdup(call->answer->str);
}

static void
answer_later(gpointer data)
{
    echo(data);
    sk_call_finish(data, NULL);
}

static void
list_thousand(SkCall *call)
{
    g_string_append(call->answer, "{\"items\":[");
    for (guint i = 0; i < 1000; i++)
        g_string_append_printf(call->answer, "%s{\"name\":\"domain-%04u\",\"state\":\"running\",\"vcpus\":2,\"memory\":1073741824}", i > 0 ? "," : "", i);
    g_string_append(call->answer, "]}");
}

void
sk_ops_dispatch(SkOps *self, SkCall *call)
{
    const char *name = call->params.name != NULL ? call->params.name : "";
    GError *error = NULL;
    sk_assert_main();
    fake.dispatched++;
    if (strcmp(name, "later") == 0) {
        sk_main_post(answer_later, call);
        return;
    }
    if (strcmp(name, "held") == 0) {
        g_assert_null(fake.held);
        fake.held = call;
        return;
    }
    if (strcmp(name, "missing") == 0) {
        sk_fail(&error, SK_ERROR_NO_DOMAIN, "there is no domain \"missing\"");
    } else if (call->op->id == SK_OP_DOMAIN_LIST) {
        list_thousand(call);
    } else if (strcmp(name, "silent") != 0) {
        echo(call);
        if (call->op->mode == SK_MODE_READ)
            call->etag = g_strdup("abc");
        if (strcmp(name, "job") == 0)
            call->job_id = g_strdup("1234");
    }
    sk_call_finish(call, error);
}

gboolean
sk_ops_permit(SkOps *self, const SkCall *call, GError **error)
{
    fake.permitted++;
    if (call->who.role >= call->op->right)
        return TRUE;
    return sk_fail(error, SK_ERROR_DENIED, "%s needs another role", call->op->name);
}

void
fake_release(void)
{
    SkCall *call = g_steal_pointer(&fake.held);
    echo(call);
    sk_call_finish(call, NULL);
}

/* -- events ------------------------------------------------------------------------------------------------- */

struct SkSubscription {
    SkEventFunc func;
    gpointer data;
};

static GPtrArray *subscribers;

SkSubscription *
sk_service_subscribe(SkService *self, guint64 since, const char *match, SkEventFunc func, gpointer data, gboolean *out_gap)
{
    SkSubscription *subscription = g_new0(SkSubscription, 1);
    subscription->func = func;
    subscription->data = data;
    if (subscribers == NULL)
        subscribers = g_ptr_array_new();
    g_ptr_array_add(subscribers, subscription);
    fake.subscriptions++;
    *out_gap = since > 0 && since + 1 < fake.first_kept;
    for (guint i = 0; since > 0 && i < fake.events->len; i++) {
        const SkEvent *event = fake.events->pdata[i];
        if (event->revision > since)
            func(event, data);
    }
    return subscription;
}

void
sk_service_unsubscribe(SkService *self, SkSubscription *subscription)
{
    g_assert_true(g_ptr_array_remove(subscribers, subscription));
    fake.subscriptions--;
    g_free(subscription);
}

guint64
sk_service_revision(SkService *self)
{
    return fake.revision;
}

void
fake_event(const char *type, const char *object, gsize padding)
{
    SkEvent *event = sk_value_new(&sk_event_type);
    g_autofree char *fill = g_strnfill(padding, 'x');
    event->revision = ++fake.revision;
    event->type = g_strdup(type);
    event->object = g_strdup(object);
    if (padding > 0)
        event->data = g_strdup_printf("{\"fill\":\"%s\"}", fill);
    if (fake.first_kept == 0)
        fake.first_kept = event->revision;
    g_ptr_array_add(fake.events, event);
    for (guint i = subscribers != NULL ? subscribers->len : 0; i > 0; i--) {
        SkSubscription *subscription = subscribers->pdata[i - 1];
        subscription->func(event, subscription->data);
    }
}

/* -- consoles -------------------------------------------------------------------------------------------------- */

struct SkConsoleSession {
    const SkConsoleFuncs *funcs;
    gpointer data;
};

SkConsoleSession *
sk_service_console_open(SkService *self, SkCall *call, const SkConsoleFuncs *funcs, gpointer data, GError **error)
{
    if (strcmp(call->params.ticket, "good") != 0) {
        sk_fail(error, SK_ERROR_DENIED, "the ticket is not good, or was used");
        return NULL;
    }
    fake.console = g_new0(SkConsoleSession, 1);
    fake.console->funcs = funcs;
    fake.console->data = data;
    funcs->output("scrollback\r\n", 12, data);
    return fake.console;
}

gboolean
sk_console_session_write(SkConsoleSession *self, const void *bytes, gsize length)
{
    if (fake.read_only)
        return FALSE;
    g_byte_array_append(fake.typed, bytes, (guint) length);
    self->funcs->output(bytes, length, self->data);
    return TRUE;
}

void
sk_console_session_take_over(SkConsoleSession *self)
{
    fake.read_only = FALSE;
    self->funcs->notice("you have the keyboard", self->data);
}

void
sk_console_session_hold(SkConsoleSession *self, gboolean hold)
{
    fake.holds += hold ? 1 : 0;
}

void
sk_console_session_close(SkConsoleSession *self)
{
    g_assert_true(self == fake.console);
    fake.console = NULL;
    g_free(self);
}

void
fake_print(const void *bytes, gsize length)
{
    fake.console->funcs->output(bytes, length, fake.console->data);
}

void
fake_end_console(void)
{
    fake.console->funcs->closed(fake.console->data);
}

/* -- transfers --------------------------------------------------------------------------------------------------- */

struct SkUpload {
    SkCall *call;
    guint pieces;
    GBytes *piece;
    SkUploadReady ready;
    gpointer data;
};

SkUpload *
sk_service_upload_begin(SkService *self, SkCall *call, gint64 total, GError **error)
{
    if (g_strcmp0(call->params.name, "missing") == 0) {
        sk_fail(error, SK_ERROR_NO_POOL, "there is no pool \"missing\"");
        return NULL;
    }
    if (call->params.offset != fake.uploaded->len) {
        sk_fail(error, SK_ERROR_STATE, "the upload goes on at %u", fake.uploaded->len);
        return NULL;
    }
    fake.uploads_begun++;
    SkUpload *upload = g_new0(SkUpload, 1);
    upload->call = call;
    return upload;
}

gboolean
sk_service_upload_offset(SkService *self, SkCall *call, guint64 *out_offset, GError **error)
{
    *out_offset = fake.uploaded->len;
    return TRUE;
}

static void
piece_is_written(gpointer data)
{
    SkUpload *self = data;
    g_autoptr(GError) error = NULL;
    gsize size;
    const guint8 *bytes = g_bytes_get_data(self->piece, &size);
    fake.pieces_waiting -= size;
    g_byte_array_append(fake.uploaded, bytes, (guint) size);
    g_clear_pointer(&self->piece, g_bytes_unref);
    if (++self->pieces == 2 && g_strcmp0(self->call->params.name, "full") == 0)
        sk_fail(&error, SK_ERROR_NO_SPACE, "pool \"full\" is full");
    self->ready(error, self->data);
}

void
sk_upload_write(SkUpload *self, GBytes *piece, SkUploadReady ready, gpointer data)
{
    g_assert_null(self->piece);
    self->piece = g_bytes_ref(piece);
    self->ready = ready;
    self->data = data;
    fake.pieces_waiting += g_bytes_get_size(piece);
    fake.most_waiting = MAX(fake.most_waiting, fake.pieces_waiting);
    sk_main_post(piece_is_written, self);
}

static void
upload_is_finished(gpointer data)
{
    SkUpload *self = data;
    fake.uploads_finished++;
    g_string_append_printf(self->call->answer, "{\"size\":%u}", fake.uploaded->len);
    self->ready(NULL, self->data);
    g_free(self);
}

void
sk_upload_finish(SkUpload *self, SkUploadReady ready, gpointer data)
{
    self->ready = ready;
    self->data = data;
    sk_main_post(upload_is_finished, self);
}

void
sk_upload_abort(SkUpload *self)
{
    g_assert_null(self->piece);
    fake.uploads_aborted++;
    g_free(self);
}

struct SkDownload {
    guint64 offset;
    gsize length;
    SkDownloadPiece ready;
    gpointer data;
};

SkDownload *
sk_service_download_begin(SkService *self, SkCall *call, guint64 *out_size, GError **error)
{
    if (g_strcmp0(call->params.name, "missing") == 0) {
        sk_fail(error, SK_ERROR_NO_POOL, "there is no pool \"missing\"");
        return NULL;
    }
    *out_size = fake.volume_size;
    return g_new0(SkDownload, 1);
}

guint8
fake_volume_byte(guint64 offset)
{
    return (guint8) (offset * 7 + offset / 251);
}

static void
piece_is_read(gpointer data)
{
    SkDownload *self = data;
    SkDownloadPiece ready = g_steal_pointer(&self->ready);
    g_autofree guint8 *bytes = g_malloc(self->length);
    for (gsize i = 0; i < self->length; i++)
        bytes[i] = fake_volume_byte(self->offset + i);
    g_autoptr(GBytes) piece = g_bytes_new(bytes, self->length);
    ready(piece, NULL, self->data);
}

void
sk_download_read(SkDownload *self, guint64 offset, gsize length, SkDownloadPiece ready, gpointer data)
{
    g_assert_null(self->ready);
    self->offset = offset;
    self->length = length;
    self->ready = ready;
    self->data = data;
    fake.most_read = MAX(fake.most_read, length);
    sk_main_post(piece_is_read, self);
}

void
sk_download_free(SkDownload *self)
{
    g_assert_null(self->ready);
    g_free(self);
}
