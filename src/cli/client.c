/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operations as HTTP: the question, the job's end, the pages of a list, errors. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "codec/json/json.h"

#define WAIT_SECONDS 1          /* between two looks at a job's progress */
#define GUARD_USEC (200 * 1000) /* the least time between them */

SkAsk *
sk_ask_new(SkOperationId op)
{
    SkAsk *self = g_new0(SkAsk, 1);
    self->op = sk_operation(op);
    self->params = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return self;
}

SkAsk *
sk_ask_new_named(SkOperationId op, const char *name)
{
    SkAsk *self = sk_ask_new(op);
    sk_ask_set(self, "name", name);
    return self;
}

void
sk_ask_free(SkAsk *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->params);
    json_decref(self->body);
    g_free(self->xml);
    g_free(self->if_match);
    g_free(self->what);
    g_free(self);
}

void
sk_ask_set(SkAsk *self, const char *param, const char *text)
{
    if (text != NULL)
        g_hash_table_insert(self->params, g_strdup(param), g_strdup(text));
}

void
sk_ask_take_body(SkAsk *self, json_t *body)
{
    json_decref(self->body);
    self->body = body;
}

void
sk_ask_set_volume(SkAsk *self, const char *text)
{
    const char *slash = strchr(text, '/');
    g_autofree char *pool = slash != NULL ? g_strndup(text, (gsize) (slash - text)) : g_strdup("default");
    sk_ask_set(self, "name", pool);
    sk_ask_set(self, "volume", slash != NULL ? slash + 1 : text);
}

/* -- the question ---------------------------------------------------------------------------------------------- */

/* Fills the {} of the path; what it used is added to used. */
static gboolean
append_path(const SkAsk *self, GString *out, GHashTable *used, GError **error)
{
    for (const char *at = self->op->path; *at != '\0'; at++) {
        if (*at != '{') {
            g_string_append_c(out, *at);
            continue;
        }
        const char *end = strchr(at, '}');
        g_autofree char *key = g_strndup(at + 1, (gsize) (end - at - 1));
        const char *value = g_hash_table_lookup(self->params, key);
        if (value == NULL || *value == '\0')
            return sk_fail(error, SK_ERROR_INVALID, "the %s is missing", key);
        g_string_append_uri_escaped(out, value, NULL, FALSE);
        g_hash_table_add(used, g_steal_pointer(&key));
        at = end;
    }
    return TRUE;
}

static gint
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

char *
sk_ask_target(const SkAsk *self, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!append_path(self, out, used, error))
        return NULL;
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(self->params), compare_text);
    char mark = '?';
    for (GList *at = keys; at != NULL; at = at->next) {
        if (g_hash_table_contains(used, at->data))
            continue;
        g_string_append_printf(out, "%c%s=", mark, (const char *) at->data);
        g_string_append_uri_escaped(out, g_hash_table_lookup(self->params, at->data), NULL, FALSE);
        mark = '&';
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

SkHttp *
sk_cli_http(SkCli *self)
{
    if (self->http == NULL)
        self->http = sk_http_new(&self->target);
    return self->http;
}

/* -- errors ------------------------------------------------------------------------------------------------------- */

static void
set_named_error(GError **error, const char *name, const char *message, guint status)
{
    SkError code;
    if (name == NULL || !sk_error_from_name(name, &code))
        code = status == 401 ? SK_ERROR_UNAUTHENTICATED : status == 403 ? SK_ERROR_DENIED : status == 404 ? SK_ERROR_NOT_FOUND : SK_ERROR_INTERNAL;
    g_autofree char *clean = message != NULL ? sk_text_clean(message) : g_strdup_printf("the daemon answered with status %u", status);
    sk_fail(error, code, "%s", clean);
}

void
sk_cli_set_error(GError **error, guint status, json_t *body)
{
    set_named_error(error, sk_json_text_at(body, "error.code"), sk_json_text_at(body, "error.message"), status);
}

/* The error of a job that did not end well; FALSE if it did not end badly. */
static gboolean
job_failed(json_t *job, GError **error)
{
    const char *state = sk_json_text_at(job, "state");
    if (g_strcmp0(state, "failed") != 0 && g_strcmp0(state, "cancelled") != 0)
        return FALSE;
    const char *message = sk_json_text_at(job, "message"), *name = sk_json_text_at(job, "error");
    gboolean cancelled = g_str_equal(state, "cancelled");
    set_named_error(error, name != NULL ? name : cancelled ? "cancelled" : NULL,
                    message != NULL ? message : cancelled ? "the job was cancelled" : "the job failed", 500);
    return TRUE;
}

/* -- jobs -------------------------------------------------------------------------------------------------------- */

/* What a Ctrl-C says while a job is waited for; written by the signal handler, so made before. */
static char interrupt_text[256];

static void
on_interrupt(int number)
{
    (void) !write(STDERR_FILENO, interrupt_text, strlen(interrupt_text));
    _exit(130);
}

/* id NULL: the daemon has not told it yet, the question is on its way. */
static void
catch_interrupt(const char *id)
{
    struct sigaction action = { .sa_handler = on_interrupt };
    if (id != NULL)
        g_snprintf(interrupt_text, sizeof interrupt_text,
                   "\nskep: no longer waiting; job %.64s goes on: skep job wait %.64s, or skep job cancel %.64s\n", id, id, id);
    else
        g_snprintf(interrupt_text, sizeof interrupt_text, "\nskep: no longer waiting; what was asked for may go on: skep job ls\n");
    (void) sigaction(SIGINT, &action, NULL);
}

static void
release_interrupt(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    (void) sigaction(SIGINT, &action, NULL);
}

static gboolean
job_ended(json_t *job)
{
    const char *state = sk_json_text_at(job, "state");
    return g_strcmp0(state, "queued") != 0 && g_strcmp0(state, "running") != 0;
}

static gdouble
job_fraction(json_t *job)
{
    json_t *progress = sk_json_at(job, "progress");
    return json_is_number(progress) ? json_number_value(progress) : -1;
}

static json_t *ask_json(SkCli *self, const SkAsk *ask, const char *prefer, SkHttpHead *out_head, GError **error);

/* One look at a job that waits a little for its end. */
static json_t *
look_at_job(SkCli *self, const char *id, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_JOB_SHOW);
    g_autofree char *seconds = g_strdup_printf("%u", WAIT_SECONDS);
    gint64 from = g_get_monotonic_time();
    sk_ask_set(ask, "id", id);
    sk_ask_set(ask, "wait", seconds);
    json_t *job = ask_json(self, ask, NULL, NULL, error);
    gint64 took = g_get_monotonic_time() - from;
    if (job != NULL && !job_ended(job) && took < GUARD_USEC)
        g_usleep((gulong) (GUARD_USEC - took));
    return job;
}

/* Follows a job that has not ended. Returns it ended, or NULL. */
static json_t *
follow_job(SkCli *self, const char *id, const char *what, GError **error)
{
    g_autoptr(SkProgress) progress = sk_progress_new(what, self->quiet);
    gint64 deadline = self->timeout > 0 ? g_get_monotonic_time() + self->timeout * G_USEC_PER_SEC : G_MAXINT64;
    for (;;) {
        g_autoptr(json_t) job = look_at_job(self, id, error);
        if (job == NULL || job_ended(job))
            return g_steal_pointer(&job);
        sk_progress_show(progress, job_fraction(job), sk_json_text_at(job, "step"), (guint64) sk_json_int_at(job, "bytes_done"),
                         (guint64) sk_json_int_at(job, "bytes_total"));
        if (g_get_monotonic_time() > deadline) {
            sk_fail(error, SK_ERROR_TIMEOUT, "job %s has not ended after %u seconds; it goes on: skep job wait %s", id, self->timeout, id);
            return NULL;
        }
    }
}

json_t *
sk_cli_wait_job(SkCli *self, const char *id, const char *what, GError **error)
{
    catch_interrupt(id);
    g_autoptr(json_t) job = follow_job(self, id, what, error);
    release_interrupt();
    if (job == NULL || job_failed(job, error))
        return NULL;
    return g_steal_pointer(&job);
}

static gboolean
is_job(json_t *value)
{
    return sk_json_text_at(value, "operation") != NULL && sk_json_text_at(value, "state") != NULL && sk_json_text_at(value, "id") != NULL;
}

/* The result of a change: what the job gave. Takes answer. */
static json_t *
result_of(SkCli *self, const SkAsk *ask, json_t *answer, GError **error)
{
    g_autoptr(json_t) job = answer;
    if (self->no_wait || !is_job(job))
        return g_steal_pointer(&job);
    if (!job_ended(job)) {
        g_autofree char *id = g_strdup(sk_json_text_at(job, "id"));
        json_decref(job);
        job = sk_cli_wait_job(self, id, ask->what != NULL ? ask->what : ask->op->help, error);
        if (job == NULL)
            return NULL;
    }
    if (job_failed(job, error))
        return NULL;
    json_t *result = json_object_get(job, "result");
    return result != NULL ? json_incref(result) : json_null();
}

/* -- asking ---------------------------------------------------------------------------------------------------------- */

static json_t *
parse_answer(const SkHttpAnswer *answer, GError **error)
{
    if (answer->body->len == 0)
        return json_null();
    json_error_t where;
    json_t *value = json_loadb(answer->body->str, answer->body->len, JSON_DECODE_ANY, &where);
    if (value == NULL)
        sk_fail(error, SK_ERROR_IO, "the daemon's answer is not JSON: %s", where.text);
    return value;
}

/* Quotes and a weak mark of an ETag belong to the header, not to it. */
static void
add_if_match(GPtrArray *headers, const char *etag)
{
    g_autofree char *plain = g_strdup(g_str_has_prefix(etag, "W/") ? etag + 2 : etag);
    gsize length = strlen(plain);
    gboolean quoted = length >= 2 && plain[0] == '"' && plain[length - 1] == '"';
    g_ptr_array_add(headers, g_strdup_printf(quoted ? "If-Match: %s" : "If-Match: \"%s\"", plain));
}

static GPtrArray *
make_headers(const SkAsk *ask, const char *prefer)
{
    GPtrArray *headers = g_ptr_array_new_with_free_func(g_free);
    if (prefer != NULL)
        g_ptr_array_add(headers, g_strdup_printf("Prefer: %s", prefer));
    if (ask->if_match != NULL)
        add_if_match(headers, ask->if_match);
    if (ask->op->mode == SK_MODE_JOB && g_str_equal(ask->op->method, "POST") && ask->op->body != NULL) {
        g_autofree char *uuid = g_uuid_string_random();
        g_ptr_array_add(headers, g_strdup_printf("Idempotency-Key: %s", uuid));
    }
    g_ptr_array_add(headers, NULL);
    return headers;
}

/* The answer of a 2xx status as JSON; out_head is the caller's to clear. */
static json_t *
ask_json(SkCli *self, const SkAsk *ask, const char *prefer, SkHttpHead *out_head, GError **error)
{
    g_autofree char *target = sk_ask_target(ask, error);
    if (target == NULL)
        return NULL;
    g_autofree char *body = ask->xml != NULL ? g_strdup(ask->xml) : ask->body != NULL ? json_dumps(ask->body, JSON_COMPACT) : NULL;
    g_autoptr(GPtrArray) headers = make_headers(ask, prefer);
    SkHttpRequest request = { .method = ask->op->method, .path = target, .headers = (const char *const *) headers->pdata, .body = body,
                              .body_length = body != NULL ? strlen(body) : 0,
                              .body_type = ask->xml != NULL ? "application/xml" : ask->op->body_kind == SK_BODY_PATCH ? "application/merge-patch+json" : NULL };
    g_autoptr(SkHttpAnswer) answer = sk_http_ask(sk_cli_http(self), &request, error);
    if (answer == NULL)
        return NULL;
    if (answer->head.status / 100 != 2) {
        g_autoptr(json_t) failure = parse_answer(answer, NULL);
        sk_cli_set_error(error, answer->head.status, failure);
        return NULL;
    }
    json_t *value = parse_answer(answer, error);
    if (out_head != NULL) {
        *out_head = answer->head;
        answer->head.headers = NULL;
    }
    return value;
}

static char *
prefer_of(const SkCli *self, const SkAsk *ask)
{
    if (ask->op->mode != SK_MODE_JOB || self->no_wait)
        return NULL;
    return g_strdup_printf("wait=%u", WAIT_SECONDS);
}

json_t *
sk_cli_ask(SkCli *self, const SkAsk *ask, char **out_etag, GError **error)
{
    SkHttpHead head = { 0 };
    g_autofree char *prefer = prefer_of(self, ask);
    if (ask->op->mode == SK_MODE_JOB)
        catch_interrupt(NULL);
    json_t *answer = ask_json(self, ask, prefer, &head, error);
    release_interrupt();
    if (answer != NULL && out_etag != NULL)
        *out_etag = g_strdup(g_hash_table_lookup(head.headers, "etag"));
    sk_http_head_clear(&head);
    if (answer == NULL || ask->op->mode != SK_MODE_JOB)
        return answer;
    return result_of(self, ask, answer, error);
}

json_t *
sk_cli_show(SkCli *self, SkOperationId op, const char *name, char **out_etag, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new_named(op, name);
    return sk_cli_ask(self, ask, out_etag, error);
}

json_t *
sk_cli_list(SkCli *self, const SkAsk *ask, GError **error)
{
    g_autoptr(json_t) all = json_array();
    g_autoptr(SkAsk) page = sk_ask_new(ask->op->id);
    GHashTableIter iter;
    gpointer key, text;
    g_hash_table_iter_init(&iter, ask->params);
    while (g_hash_table_iter_next(&iter, &key, &text))
        sk_ask_set(page, key, text);
    for (;;) {
        g_autoptr(json_t) answer = ask_json(self, page, NULL, NULL, error);
        if (answer == NULL)
            return NULL;
        json_t *items = json_is_array(answer) ? answer : json_object_get(answer, "items");
        if (!json_is_array(items)) {
            sk_fail(error, SK_ERROR_IO, "the daemon's answer to %s is not a list", ask->op->name);
            return NULL;
        }
        json_array_extend(all, items);
        const char *next = sk_json_text_at(answer, "next");
        if (next == NULL || *next == '\0' || json_array_size(items) == 0)
            return g_steal_pointer(&all);
        sk_ask_set(page, "after", next);
    }
}
