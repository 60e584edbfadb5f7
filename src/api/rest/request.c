/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request: from its first line to its answer. */
#include "api/rest/rest-private.h"

#include <string.h>

#include "api/rest/xml-body.h"
#include "base/error.h"
#include "codec/json/json.h"

#define MAX_KEY 128             /* characters of an idempotency key or ETag */
#define MAX_DROPPED (64 * 1024 * 1024) /* bytes read and dropped after a refusal, so that the client sees it */
#define SHORT_BODY (64 * 1024)  /* bytes: a body up to this is taken, though the head was refused */
#define BODY_STEP (64 * 1024)

/* -- life ------------------------------------------------------------------------------------------------ */

static SkRestConnection *
connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The first line has come. MHD gives what this returns to the request's other callbacks. */
void *
sk_rest_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    SkRestConnection *connection = connection_of(mhd);
    sk_rest_request_free(connection->request);

    SkRestRequest *self = g_new0(SkRestRequest, 1);
    self->rest = cls;
    self->connection = connection;
    self->mhd = mhd;
    self->uri = g_strdup(uri);
    connection->request = self;
    sk_rest_connection_phase(connection, SK_REST_WAITS);
    return self;
}

void
sk_rest_request_free(SkRestRequest *self)
{
    if (self == NULL)
        return;
    self->connection->request = NULL;
    if (self->stream != NULL)
        self->kind->end(self);
    if (self->call != NULL && self->dispatched)
        sk_call_abandon(self->call);
    else
        sk_call_free(self->call);
    if (self->response != NULL)
        MHD_destroy_response(self->response);
    g_clear_pointer(&self->body, g_byte_array_unref);
    g_free(self->uri);
    g_free(self);
}

void
sk_rest_on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
    SkRestRequest *self = *context;
    *context = NULL;
    if (self == NULL)
        return;
    sk_rest_connection_phase(self->connection, SK_REST_WAITS);
    sk_rest_request_free(self);
}

void
sk_rest_request_suspend(SkRestRequest *self)
{
    if (self->suspended || self->rest->closing)
        return;
    self->suspended = TRUE;
    MHD_suspend_connection(self->mhd);
}

void
sk_rest_request_resume(SkRestRequest *self)
{
    if (!self->suspended)
        return;
    self->suspended = FALSE;
    MHD_resume_connection(self->mhd);
    sk_http_source_kick(self->rest->http_source);
}

const char *
sk_rest_request_header(SkRestRequest *self, const char *name)
{
    return MHD_lookup_connection_value(self->mhd, MHD_HEADER_KIND, name);
}

/* -- who asks -------------------------------------------------------------------------------------------- */

static gboolean
slow_down(SkRestRequest *self, guint seconds, const char *what, GError **error)
{
    self->retry_after = MAX(seconds, 1);
    return sk_fail(error, SK_ERROR_TOO_MANY, "too many %s; come again in %u s", what, self->retry_after);
}

static gboolean
identify_by_token(SkRestRequest *self, SkIdentity *who, GError **error)
{
    gboolean bad;
    guint seconds;
    const char *authorization = sk_rest_request_header(self, "Authorization");
    if (sk_auth_token(self->rest->auth, authorization, self->connection->from, who, &bad, error))
        return TRUE;
    if (!bad || sk_limits_bad_token(self->rest->limits, self->connection->client, &seconds))
        return FALSE;
    g_clear_error(error);
    return slow_down(self, seconds, "wrong tokens from this address", error);
}

/* A console's ticket is all it needs. */
static gboolean
identify(SkRestRequest *self, SkIdentity *who, GError **error)
{
    const SkRestConnection *connection = self->connection;
    if (connection->is_unix && connection->refused == NULL) {
        who->user = g_strdup(connection->peer.user);
        who->from = g_strdup(connection->peer.from);
        who->role = connection->peer.role;
        return TRUE;
    }
    if (self->match.op->right == SK_ROLE_NONE && self->match.op->id == SK_OP_CONSOLE_OPEN) {
        who->user = g_strdup("ticket");
        who->from = g_strdup(connection->from);
        who->role = SK_ROLE_NONE;
        return TRUE;
    }
    if (connection->is_unix) {
        g_propagate_error(error, g_error_copy(connection->refused));
        return FALSE;
    }
    return identify_by_token(self, who, error);
}

/* -- the head ----------------------------------------------------------------------------------------------- */

static gboolean
take_text_header(SkRestRequest *self, const char *name, gboolean quoted, char **out, GError **error)
{
    const char *value = sk_rest_request_header(self, name);
    if (value == NULL)
        return TRUE;
    gsize length = strlen(value);
    if (quoted && strcmp(value, "*") == 0)
        return TRUE;
    if (quoted && length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value++;
        length -= 2;
    }
    if (length == 0 || length > MAX_KEY || memchr(value, '"', length) != NULL || !g_utf8_validate(value, (gssize) length, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "header %s must have 1 to %d characters%s", name, MAX_KEY,
                       quoted ? " in double quotes" : "");
    *out = g_strndup(value, length);
    return TRUE;
}

/* One that would not be obeyed is refused: who sends it relies on it. */
static gboolean
take_if_match(SkRestRequest *self, GError **error)
{
    const SkOperation *op = self->match.op;
    if (!take_text_header(self, "If-Match", TRUE, &self->call->if_match, error))
        return FALSE;
    return self->call->if_match == NULL || sk_operation_has_etag(op) || strcmp(op->method, "GET") == 0 ||
           sk_fail(error, SK_ERROR_INVALID, "%s takes no If-Match: there is no ETag it could be based on", op->name);
}

/* "Prefer: wait=10" is "?wait=10"; what else is preferred is not understood, and so ignored (RFC 7240). */
static gboolean
take_prefer(SkRestRequest *self, GError **error)
{
    const char *prefer = sk_rest_request_header(self, "Prefer");
    const SkType *type = self->call->op->params;
    const SkField *field = sk_type_find(type, "wait");
    if (prefer == NULL || field == NULL)
        return TRUE;
    g_auto(GStrv) parts = g_strsplit_set(prefer, ",;", 16);
    for (guint i = 0; parts[i] != NULL; i++) {
        const char *part = g_strstrip(parts[i]);
        if (g_ascii_strncasecmp(part, "wait=", 5) == 0)
            return sk_field_set_text(field, &self->call->params, part + 5, "Prefer", error) &&
                   sk_value_check(type, &self->call->params, "Prefer", error);
    }
    return TRUE;
}

/* "application/xml", for an operation whose body has a form in it. */
static gboolean
is_xml_type(const SkOperation *op, const char *type)
{
    gsize length = strcspn(type, "; \t");
    return length == 15 && g_ascii_strncasecmp(type, "application/xml", length) == 0 && op->body_kind == SK_BODY_OBJECT &&
           sk_rest_has_xml(op->body);
}

static gboolean
is_json_type(const SkOperation *op, const char *type)
{
    gsize length = strcspn(type, "; \t");
    return (length == 16 && g_ascii_strncasecmp(type, "application/json", length) == 0) ||
           (op->body_kind == SK_BODY_PATCH && length == 28 && g_ascii_strncasecmp(type, "application/merge-patch+json", length) == 0);
}

/* Bytes to come by Content-Length; -1: it is not told. */
static gint64
announced(SkRestRequest *self)
{
    const char *text = sk_rest_request_header(self, "Content-Length");
    if (text != NULL) /* digits, as MHD has seen to; what is more than fits stays far too much */
        return (gint64) MIN(g_ascii_strtoull(text, NULL, 10), G_MAXINT64);
    return sk_rest_request_header(self, "Transfer-Encoding") != NULL ? -1 : 0;
}

static gboolean
check_body_head(SkRestRequest *self, GError **error)
{
    const SkOperation *op = self->match.op;
    const char *type = sk_rest_request_header(self, "Content-Type");
    gint64 length = announced(self);

    if (length == 0 || op->body_kind == SK_BODY_BYTES)
        return TRUE;
    if (op->body_kind == SK_BODY_NONE)
        return sk_fail(error, SK_ERROR_INVALID, "%s takes no body", op->name);
    if (length > (gint64) self->rest->settings.max_body)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "the body is %" G_GINT64_FORMAT " bytes long, at most %" G_GSIZE_FORMAT " are allowed",
                       length, self->rest->settings.max_body);
    self->refusal = MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    if (type == NULL || !(is_json_type(op, type) || is_xml_type(op, type)))
        return sk_fail(error, SK_ERROR_INVALID, "the body of %s must be JSON: give \"Content-Type: application/json\", not \"%.64s\"",
                       op->name, type != NULL ? type : "none");
    self->refusal = 0;
    return TRUE;
}

static gboolean
check_size(SkRestRequest *self, GError **error)
{
    const SkRestSettings *settings = &self->rest->settings;
    if (strlen(self->uri) > settings->max_url)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "the URL is longer than %" G_GSIZE_FORMAT " bytes", settings->max_url);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(self->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info != NULL && info->header_size > settings->max_header)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "the header is %" G_GSIZE_FORMAT " bytes long, at most %" G_GSIZE_FORMAT " are allowed",
                       info->header_size, settings->max_header);
    return TRUE;
}

static gboolean
make_call(SkRestRequest *self, GError **error)
{
    SkIdentity who = { 0 };
    if (!identify(self, &who, error))
        return FALSE;
    self->call = sk_call_new(self->match.op, &who);
    sk_identity_clear(&who);
    return sk_route_params(&self->match, &self->call->params, error) && take_prefer(self, error) &&
           take_if_match(self, error) &&
           take_text_header(self, "Idempotency-Key", FALSE, &self->call->idempotency_key, error) && check_body_head(self, error);
}

/* -- what is no operation --------------------------------------------------------------------------------------- */

static void
answer_openapi(SkRestRequest *self)
{
    SkRest *rest = self->rest;
    if (rest->openapi == NULL) {
        rest->openapi = sk_rest_openapi();
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, rest->openapi, -1);
        rest->openapi_etag = g_strdup_printf("\"%.32s\"", hash);
    }
    const char *known = sk_rest_request_header(self, "If-None-Match");
    gboolean unchanged = known != NULL && strstr(known, rest->openapi_etag) != NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(unchanged ? 0 : strlen(rest->openapi), rest->openapi, MHD_RESPMEM_PERSISTENT);
    sk_rest_add_headers(response, unchanged ? NULL : "application/json");
    MHD_add_response_header(response, "ETag", rest->openapi_etag);
    sk_rest_answer_response(self, unchanged ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response);
}

static void
answer_allow(SkRestRequest *self, const char *method, const char *allow)
{
    g_autoptr(GError) error = NULL;
    if (strcmp(method, "OPTIONS") == 0) {
        sk_rest_answer_text(self, MHD_HTTP_NO_CONTENT, NULL, g_strdup(""), 0);
    } else {
        sk_fail(&error, SK_ERROR_UNSUPPORTED, "\"%.16s\" is not done on \"%.200s\"; there are %s", method, self->uri, allow);
        sk_rest_answer_error(self, MHD_HTTP_METHOD_NOT_ALLOWED, error);
    }
    MHD_add_response_header(self->response, "Allow", allow);
}

/* TRUE: there is an operation. Else it was answered. */
static gboolean
route(SkRestRequest *self, const char *method)
{
    static const char document[] = "/v1/openapi.json";
    g_autofree char *allow = NULL;
    g_autoptr(GError) error = NULL;
    gsize path = strcspn(self->uri, "?");

    self->head = strcmp(method, "HEAD") == 0;
    if (path == sizeof document - 1 && memcmp(self->uri, document, path) == 0) {
        if (self->head || strcmp(method, "GET") == 0)
            answer_openapi(self);
        else
            answer_allow(self, method, "GET, HEAD, OPTIONS");
        return FALSE;
    }
    SkRouteResult result = sk_routes_find(self->rest->routes, method, self->uri, &self->match, &allow);
    if (result == SK_ROUTE_FOUND)
        return TRUE;
    if (result == SK_ROUTE_NO_METHOD) {
        answer_allow(self, method, allow);
        return FALSE;
    }
    g_autofree char *shown = g_utf8_make_valid(self->uri, MIN(path, 200));
    sk_fail(&error, SK_ERROR_NOT_FOUND, "there is nothing at \"%s\"; what there is stands in %s", shown, document);
    sk_rest_answer_error(self, 0, error);
    return FALSE;
}

/* -- stream operations -------------------------------------------------------------------------------------------- */

static const SkRestStreamKind *
stream_kind(SkOperationId id)
{
    static const struct {
        SkOperationId id;
        const SkRestStreamKind *kind;
    } kinds[] = {
        { SK_OP_EVENTS, &sk_rest_events_kind },
        { SK_OP_CONSOLE_OPEN, &sk_rest_console_kind },
        { SK_OP_VOLUME_UPLOAD, &sk_rest_upload_kind },
        { SK_OP_IMAGE_UPLOAD, &sk_rest_upload_kind },
        { SK_OP_VOLUME_DOWNLOAD, &sk_rest_download_kind },
    };
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].id == id)
            return kinds[i].kind;
    }
    return NULL;
}

static gboolean
begin_stream(SkRestRequest *self, GError **error)
{
    self->kind = stream_kind(self->call->op->id);
    if (self->kind == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s is not served here", self->call->op->name);
    if (!sk_ops_permit(self->rest->ops, self->call, error) || !self->kind->begin(self, error))
        return FALSE;
    sk_rest_connection_phase(self->connection, self->kind->piece != NULL ? SK_REST_UPLOADS : SK_REST_WORKS);
    return TRUE;
}

/* The head has come whole: answers what is wrong with it, before any of the body is read. */
static void
begin(SkRestRequest *self, const char *method)
{
    g_autoptr(GError) error = NULL;
    guint seconds;

    self->begun = TRUE;
    if (!sk_limits_request(self->rest->limits, self->connection->client, &seconds))
        slow_down(self, seconds, "requests", &error);
    else if (check_size(self, &error) && route(self, method) && make_call(self, &error)) {
        if (self->match.op->mode == SK_MODE_STREAM)
            begin_stream(self, &error);
        else if (self->call->who.role < self->call->op->right)
            sk_ops_permit(self->rest->ops, self->call, &error); /* refused before the body is read */
    }
    if (error != NULL)
        sk_rest_answer_error(self, self->refusal, error);
}

/* -- the body ------------------------------------------------------------------------------------------------------- */

static gboolean
add_to_body(SkRestRequest *self, const char *data, gsize size, GError **error)
{
    gsize max = self->call->op->body_kind == SK_BODY_NONE ? 0 : self->rest->settings.max_body;
    if (self->body == NULL)
        self->body = g_byte_array_sized_new((guint) MIN(size, BODY_STEP));
    if (size > max || self->body->len > max - size)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "the body is longer than the %" G_GSIZE_FORMAT " bytes allowed", max);
    g_byte_array_append(self->body, (const guint8 *) data, (guint) size);
    return TRUE;
}

/* FALSE: cut the connection. */
static gboolean
take_piece(SkRestRequest *self, const char *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    self->connection->received += size;
    if (self->refused || self->response != NULL) {
        self->dropped += size;
        return self->dropped <= MAX_DROPPED;
    }
    gboolean streams = self->kind != NULL && self->kind->piece != NULL;
    if (!(streams ? self->kind->piece(self, data, size, &error) : add_to_body(self, data, size, &error)))
        sk_rest_refuse_midway(self, error);
    return TRUE;
}

/* What a request under an idempotency key is known again by: all that is asked for, but not how long it waits. */
static char *
hash_request(const SkCall *call, const char *body, gsize length)
{
    SkParams params = call->params;
    params.wait = 0;
    g_autofree char *text = sk_json_encode(call->op->params, &params, 0);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, (const guchar *) text, (gssize) strlen(text) + 1);
    g_checksum_update(sum, (const guchar *) body, (gssize) length);
    return g_strdup(g_checksum_get_string(sum));
}

static gboolean
decode_body(SkRestRequest *self, GError **error)
{
    static const char what[] = "the request body";
    SkCall *call = self->call;
    const char *text = self->body != NULL ? (const char *) self->body->data : "{}";
    gsize length = self->body != NULL ? self->body->len : 2;

    if (call->idempotency_key != NULL)
        call->request_hash = hash_request(call, text, length);
    if (call->op->body_kind == SK_BODY_OBJECT) {
        const char *type = sk_rest_request_header(self, "Content-Type");
        call->body = self->body != NULL && type != NULL && is_xml_type(call->op, type)
                         ? sk_rest_decode_xml(call->op->body, text, length, error)
                         : sk_json_decode_text(call->op->body, text, length, what, error);
        return call->body != NULL;
    }
    if (call->op->body_kind == SK_BODY_PATCH) {
        call->patch = sk_json_parse(text, length, what, error);
        if (call->patch != NULL && !json_is_object(call->patch))
            return sk_fail(error, SK_ERROR_INVALID, "%s must be an object: the settings to change", what);
        return call->patch != NULL;
    }
    return TRUE;
}

static void
call_is_done(SkCall *call, const GError *error, gpointer data)
{
    SkRestRequest *self = data;
    self->dispatched = FALSE;
    self->call = NULL;
    sk_rest_answer_call(self, call, error);
}

/* All has come. */
static void
end(SkRestRequest *self)
{
    g_autoptr(GError) error = NULL;
    self->ended = TRUE;
    sk_rest_connection_phase(self->connection, SK_REST_WORKS);
    if (self->kind != NULL) {
        if (self->kind->finish != NULL)
            self->kind->finish(self);
        return;
    }
    if (!decode_body(self, &error)) {
        sk_rest_answer_error(self, 0, error);
        return;
    }
    self->call->done = call_is_done;
    self->call->data = self;
    self->dispatched = TRUE;
    sk_ops_dispatch(self->rest->ops, self->call);
}

/* -- MHD's callback ---------------------------------------------------------------------------------------------------- */

static enum MHD_Result
send_response(SkRestRequest *self)
{
    enum MHD_Result result = MHD_queue_response(self->mhd, self->status, self->response);
    MHD_destroy_response(self->response);
    self->response = NULL;
    sk_rest_connection_phase(self->connection, SK_REST_WORKS);
    return result;
}

/* Called with the head, with each piece of the body (*size > 0), at its end, and again after each resume. */
enum MHD_Result
sk_rest_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
                   const char *data, size_t *size, void **context)
{
    SkRestRequest *self = *context;
    if (self->rest->closing)
        return MHD_NO;
    if (!self->begun) {
        begin(self, method);
        /* An answer before the body ends the connection, maybe under a client that still writes: that is for long bodies. */
        gint64 length = announced(self);
        return self->response != NULL && (length < 0 || length > SHORT_BODY) ? send_response(self) : MHD_YES;
    }
    if (*size > 0) {
        gboolean go_on = take_piece(self, data, *size);
        *size = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    if (self->refused)
        return MHD_NO;
    if (!self->ended && self->response == NULL)
        end(self);
    if (self->response != NULL)
        return send_response(self);
    sk_rest_request_suspend(self);
    return MHD_YES;
}
