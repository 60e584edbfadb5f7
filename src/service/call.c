/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Life of a call. */
#include "service/call.h"

void
sk_identity_clear(SkIdentity *self)
{
    g_clear_pointer(&self->user, g_free);
    g_clear_pointer(&self->from, g_free);
    g_clear_pointer(&self->token, g_free);
}

SkCall *
sk_call_new(const SkOperation *op, const SkIdentity *who)
{
    SkCall *call = g_new0(SkCall, 1);
    call->op = op;
    call->who.user = g_strdup(who->user);
    call->who.from = g_strdup(who->from);
    call->who.role = who->role;
    call->who.token = g_strdup(who->token);
    sk_value_init(op->params, &call->params);
    call->answer = g_string_new(NULL);
    return call;
}

void
sk_call_free(SkCall *call)
{
    if (call == NULL)
        return;
    sk_identity_clear(&call->who);
    sk_value_clear(sk_params_of_all(), &call->params);
    if (call->op->body_kind == SK_BODY_OBJECT)
        sk_value_free(call->op->body, call->body);
    g_clear_pointer(&call->patch, json_decref);
    g_free(call->if_match);
    g_free(call->idempotency_key);
    g_free(call->request_hash);
    g_string_free(call->answer, TRUE);
    g_free(call->etag);
    g_free(call->next);
    g_free(call->job_id);
    g_free(call);
}

void
sk_call_answer(SkCall *call, const GError *error)
{
    SkCallDone ended = g_steal_pointer(&call->ended);
    if (ended != NULL)
        ended(call, error, call->ended_data);
    SkCallDone done = g_steal_pointer(&call->done);
    if (done != NULL)
        done(call, error, call->data);
}

void
sk_call_finish(SkCall *call, GError *error)
{
    sk_call_answer(call, error);
    sk_call_free(call);
    g_clear_error(&error);
}

void
sk_call_abandon(SkCall *call)
{
    call->done = NULL;
    call->data = NULL;
}
