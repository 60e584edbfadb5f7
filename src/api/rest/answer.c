/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Responses: headers, errors, ETags, jobs. */
#include "api/rest/rest-private.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"

#define JSON "application/json"
#define BYTES "application/octet-stream"

void
sk_rest_add_headers(struct MHD_Response *response, const char *content_type)
{
    if (content_type != NULL)
        MHD_add_response_header(response, "Content-Type", content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
}

void
sk_rest_answer_response(SkRestRequest *request, guint status, struct MHD_Response *response)
{
    g_assert(request->response == NULL);
    request->response = response;
    request->status = status;
    sk_rest_request_resume(request);
}

void
sk_rest_answer_text(SkRestRequest *request, guint status, const char *type, char *text, gsize length)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
    sk_rest_add_headers(response, type);
    sk_rest_answer_response(request, status, response);
}

/* -- errors ------------------------------------------------------------------------------------------------- */

char *
sk_rest_error_text(const GError *error)
{
    GString *text = g_string_new("{\"error\":{\"code\":");
    g_autofree char *message = g_utf8_make_valid(error->message, -1);
    sk_json_write_string(text, sk_error_info_of(error)->name);
    g_string_append(text, ",\"message\":");
    sk_json_write_string(text, message);
    g_string_append(text, "}}\n");
    return g_string_free(text, FALSE);
}

void
sk_rest_answer_error(SkRestRequest *request, guint status, const GError *error)
{
    char *text = sk_rest_error_text(error);
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    sk_rest_add_headers(response, JSON);
    status = status != 0 ? status : sk_error_info_of(error)->http_status;
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"skep\"");
    if (status == MHD_HTTP_TOO_MANY_REQUESTS) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", MAX(request->retry_after, 1));
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    sk_rest_answer_response(request, status, response);
}

void
sk_rest_refuse_midway(SkRestRequest *request, const GError *error)
{
    g_autofree char *text = sk_rest_error_text(error);
    g_autofree char *answer =
        g_strdup_printf("HTTP/1.1 %u Refused\r\nContent-Type: " JSON "\r\nContent-Length: %" G_GSIZE_FORMAT
                        "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
                        sk_error_info_of(error)->http_status, strlen(text), text);
    request->refused = TRUE;
    if (send(request->connection->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        g_debug("%s did not take the refusal of its body", request->connection->from);
    shutdown(request->connection->fd, SHUT_WR);
}

/* -- answers of calls ------------------------------------------------------------------------------------------ */

/* "abc" as an ETag header has it. */
static gboolean
etag_is_in(const char *list, const char *etag)
{
    gsize length = strlen(etag);
    for (const char *at = list; (at = strchr(at, '"')) != NULL; at++) {
        if (strncmp(at + 1, etag, length) == 0 && at[1 + length] == '"')
            return TRUE;
        at = strchr(at + 1, '"');
        if (at == NULL)
            break;
    }
    return strcmp(list, "*") == 0;
}

static gboolean
is_unchanged(SkRestRequest *request, const SkCall *call)
{
    const char *known = sk_rest_request_header(request, "If-None-Match");
    return known != NULL && call->etag != NULL && strcmp(call->op->method, "GET") == 0 && etag_is_in(known, call->etag);
}

static const char *
content_type(const SkCall *call)
{
    return call->op->result_kind == SK_RESULT_BYTES ? BYTES : JSON;
}

static void
add_call_headers(struct MHD_Response *response, const SkCall *call)
{
    char text[160];
    if (call->etag != NULL) {
        snprintf(text, sizeof text, "\"%.128s\"", call->etag);
        MHD_add_response_header(response, "ETag", text);
    }
    if (call->job_id != NULL) {
        snprintf(text, sizeof text, "/v1/jobs/%.128s", call->job_id);
        MHD_add_response_header(response, "Location", text);
    }
    if (call->op->id == SK_OP_CONSOLE_LOG) {
        snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, call->offset);
        MHD_add_response_header(response, "Skep-Offset", text);
    }
}

void
sk_rest_answer_call(SkRestRequest *request, SkCall *call, const GError *error)
{
    if (error != NULL) {
        /* "Somebody else changed it": with the present ETag the client can look and try again. */
        sk_rest_answer_error(request, 0, error);
        add_call_headers(request->response, call);
        return;
    }
    guint status = call->job_id != NULL ? MHD_HTTP_ACCEPTED : MHD_HTTP_OK;
    gboolean unchanged = is_unchanged(request, call);
    gsize length = unchanged ? 0 : call->answer->len;
    if (unchanged)
        status = MHD_HTTP_NOT_MODIFIED;
    else if (length == 0 && call->op->result_kind != SK_RESULT_BYTES && call->job_id == NULL)
        status = MHD_HTTP_NO_CONTENT;

    /* The text goes to MHD as it is: a list of thousands is not copied. */
    char *text = g_string_free(call->answer, FALSE);
    call->answer = g_string_new(NULL);
    struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
    gboolean typed = length > 0 || (call->op->result_kind == SK_RESULT_BYTES && !unchanged);
    sk_rest_add_headers(response, typed ? content_type(call) : NULL);
    add_call_headers(response, call);
    sk_rest_answer_response(request, status, response);
}
