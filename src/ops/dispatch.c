/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dispatcher. */
#include "base/error.h"
#include "ops/ops.h"
#include "service/handlers.h"
#include "service/job-view.h"
#include "store/audit.h"
#include "store/requests.h"

/* Kept keys: beyond the first number those older than a day are dropped, beyond the second there is no place. */
#define REQUESTS_MANY 4096
#define REQUESTS_MAX 65536

struct SkOps {
    SkService *service;
    SkAuth *auth;
    SkStore *store;
    GHashTable *requests;   /* "user\nkey" → SkRequestRecord */
};

/* -- rights ------------------------------------------------------------------------------------------------------ */

static gboolean
check_right(const SkCall *call, GError **error)
{
    if (call->who.role >= call->op->right)
        return TRUE;
    return sk_fail(error, SK_ERROR_DENIED, "%s may not %s: it takes the role \"%s\", and this is a \"%s\"", call->who.user, call->op->help,
                   sk_enum_name(&sk_role_enum, (gint) call->op->right), sk_enum_name(&sk_role_enum, (gint) call->who.role));
}

/* What changes something, or tries to, is written down. */
static gboolean
is_audited(const SkOperation *op)
{
    return op->right > SK_ROLE_VIEWER;
}

static void
audit(SkOps *self, const SkCall *call, const GError *error)
{
    if (!is_audited(call->op))
        return;
    g_autofree char *object = sk_call_object(call);
    const SkAuditEntry entry = {
        .user = call->who.user, .from = call->who.from, .operation = (char *) call->op->name, .object = object,
        .result = (char *) (error != NULL ? sk_error_info_of(error)->name : call->job_id != NULL ? "started" : "ok"),
        .message = error != NULL ? error->message : NULL,
    };
    sk_store_audit(self->store, &entry);
}

gboolean
sk_ops_permit(SkOps *self, const SkCall *call, GError **error)
{
    g_autoptr(GError) denied = NULL;
    check_right(call, &denied);
    audit(self, call, denied);
    if (denied == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&denied));
    return FALSE;
}

/* -- idempotency keys ------------------------------------------------------------------------------------------------ */

static char *
request_id(const char *user, const char *key)
{
    return g_strconcat(user, "\n", key, NULL);
}

static void
free_request(gpointer request)
{
    sk_request_record_free(request);
}

static gboolean
is_replayed(const SkCall *call)
{
    return call->idempotency_key != NULL && call->op->mode == SK_MODE_JOB;
}

static gboolean
is_old(gpointer id, gpointer request, gpointer unused)
{
    (void) id, (void) unused;
    return ((const SkRequestRecord *) request)->time < g_get_real_time() - SK_STORE_REQUESTS_KEPT_USEC;
}

static void
check_room(SkOps *self, GError **error)
{
    guint count = g_hash_table_size(self->requests);
    if (count >= REQUESTS_MANY)
        count -= g_hash_table_foreach_remove(self->requests, is_old, self);
    if (count >= REQUESTS_MAX)
        sk_fail(error, SK_ERROR_TOO_MANY, "there are %u idempotency keys of the last 24 hours: come again later, or without one", count);
}

/* Nothing of ours holds a token's secret, so its first answer cannot be given again. */
static gboolean
made_a_secret(const SkCall *call, GError **error)
{
    return call->op->id == SK_OP_TOKEN_CREATE &&
           !sk_fail(error, SK_ERROR_EXISTS, "a token was made under Idempotency-Key \"%.64s\", and its secret is shown only once: revoke it and make another",
                    call->idempotency_key);
}

/*
 * The same key again: the first answer is given again (TRUE, and the call is taken), while another request
 * under the key, or one that is not answered yet, is an error.
 */
static gboolean
replay(SkOps *self, SkCall *call, GError **error)
{
    if (!is_replayed(call))
        return FALSE;
    g_autofree char *id = request_id(call->who.user, call->idempotency_key);
    const SkRequestRecord *before = g_hash_table_lookup(self->requests, id);
    if (before == NULL) {
        check_room(self, error);
        return FALSE;
    }
    if (!g_str_equal(before->operation, call->op->name) || g_strcmp0(before->body_hash, call->request_hash) != 0) {
        sk_fail(error, SK_ERROR_INVALID, "Idempotency-Key \"%.64s\" was used for another request: give a new one", call->idempotency_key);
        return FALSE;
    }
    if (before->response == NULL) {
        sk_fail(error, SK_ERROR_STATE, "the request with Idempotency-Key \"%.64s\" is still being worked on", call->idempotency_key);
        return FALSE;
    }
    if (made_a_secret(call, error))
        return FALSE;
    g_string_assign(call->answer, before->response);
    call->job_id = g_strdup(before->job);
    sk_call_finish(call, NULL);
    return TRUE;
}

static void
keep_request(SkOps *self, const SkCall *call, const char *response)
{
    if (!is_replayed(call))
        return;
    const SkRequestRecord record = {
        .user = call->who.user, .key = call->idempotency_key, .operation = (char *) call->op->name, .body_hash = call->request_hash,
        .status = response != NULL ? 200 : 0, .response = (char *) response, .job = call->job_id, .time = g_get_real_time(),
    };
    g_hash_table_replace(self->requests, request_id(record.user, record.key), sk_request_record_copy(&record));
    sk_store_request_save_async(self->store, &record, NULL, NULL);
}

static void
forget_request(SkOps *self, const SkCall *call)
{
    if (call->idempotency_key == NULL)
        return;
    g_autofree char *id = request_id(call->who.user, call->idempotency_key);
    g_hash_table_remove(self->requests, id);
}

/* -- dispatch -------------------------------------------------------------------------------------------------------------- */

/* The end of every change is audited and, under a key, kept. */
static void
on_ended(SkCall *call, const GError *error, gpointer data)
{
    SkOps *self = data;
    audit(self, call, error);
    if (error == NULL)
        keep_request(self, call, call->op->id == SK_OP_TOKEN_CREATE ? "" : call->answer->str);
    else
        forget_request(self, call);
}

static void
run_read(SkOps *self, SkCall *call)
{
    GError *error = NULL;
    const SkHandler *handler = sk_handler(call->op->id);
    if (call->op->id == SK_OP_JOB_SHOW && sk_job_wait_for_call(self->service, call))
        return;
    if (handler->old != NULL && handler->old(self->service, call)) {
        sk_job_start_for_call(self->service, call, handler->job, FALSE);
        return;
    }
    if (call->op->id == SK_OP_TOKEN_LIST)
        sk_auth_handle_list(self->auth, call, &error);
    else
        handler->read(self->service, call, &error);
    if (is_audited(call->op))
        audit(self, call, error);
    sk_call_finish(call, error);
}

static void
run_change(SkOps *self, SkCall *call)
{
    call->ended = on_ended;
    call->ended_data = self;
    keep_request(self, call, NULL);
    if (call->op->id == SK_OP_TOKEN_CREATE)
        sk_auth_handle_create(self->auth, call);
    else if (call->op->id == SK_OP_TOKEN_DELETE)
        sk_auth_handle_delete(self->auth, call);
    else
        sk_job_start_for_call(self->service, call, sk_handler(call->op->id)->job, call->op->mode == SK_MODE_JOB);
}

void
sk_ops_dispatch(SkOps *self, SkCall *call)
{
    GError *error = NULL;
    if (!check_right(call, &error)) {
        audit(self, call, error);
        sk_call_finish(call, error);
        return;
    }
    if (call->op->mode == SK_MODE_READ) {
        run_read(self, call);
        return;
    }
    if (replay(self, call, &error))
        return;
    if (error != NULL)
        sk_call_finish(call, error);
    else
        run_change(self, call);
}

/* -- life -------------------------------------------------------------------------------------------------------------------- */

SkOps *
sk_ops_new(SkService *service, SkAuth *auth, GError **error)
{
    g_autoptr(GPtrArray) requests = NULL;
    SkStore *store = sk_service_store(service);
    if (!sk_store_load_requests(store, &requests, error))
        return NULL;
    SkOps *self = g_new0(SkOps, 1);
    self->service = service;
    self->auth = auth;
    self->store = store;
    self->requests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_request);
    for (guint i = 0; i < requests->len; i++) {
        const SkRequestRecord *record = requests->pdata[i];
        if (record->response == NULL)
            continue; /* the daemon died over it: it may be asked again */
        g_hash_table_replace(self->requests, request_id(record->user, record->key), sk_request_record_copy(record));
    }
    return self;
}

void
sk_ops_free(SkOps *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->requests);
    g_free(self);
}
