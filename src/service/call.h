/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "model/operation.h"

/*
 * One asking of an operation: who, with what, and the answer.  A front door makes
 * it, ops/ judges it, a handler answers it.  Main thread.
 */

/* Who asks. user: "root", "token:ci"; from: "unix:pid 4711", "127.0.0.1:5050"; token: the id of the token it rests on, or NULL. */
typedef struct {
    char *user, *from;
    SkRole role;
    char *token;
} SkIdentity;

typedef struct SkCall SkCall;

/*
 * Called exactly once for each dispatched call, perhaps before dispatch returns. error NULL: the
 * answer is in the call. The call is freed when this returns.
 */
typedef void (*SkCallDone)(SkCall *call, const GError *error, gpointer data);

struct SkCall {
    const SkOperation *op;
    SkIdentity who;
    SkParams params;        /* decoded by op->params */
    gpointer body;          /* body_kind OBJECT: value of op->body */
    json_t *patch;          /* body_kind PATCH: the merge patch */
    gboolean begun;         /* answered as soon as the job has begun, if it lingers, not at its end */
    gboolean dialect;       /* the body came in another dialect, which may tell of READONLY things ("ua-" aliases) */
    gboolean secrets;       /* a front door whose asker may see them wants passwords in the answer */
    char *if_match;         /* ETag the change is based on, or NULL */
    char *idempotency_key;  /* or NULL */
    char *request_hash;     /* of parameters and raw body, for the idempotency key */

    GString *answer;        /* JSON text; bytes for RESULT_BYTES; empty: nothing to say */
    char *etag;             /* of the object shown or changed */
    char *next;             /* list: name to go on after, or NULL at the end */
    char *job_id;           /* a job was started and is not over (202) */
    guint64 offset;         /* console.log: where the answer begins */

    SkCallDone done;        /* the front door's */
    gpointer data;
    SkCallDone ended;       /* the dispatcher's: runs first, whether or not the asker is still there */
    gpointer ended_data;
};

SkCall *sk_call_new(const SkOperation *op, const SkIdentity *who);
void sk_call_free(SkCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkCall, sk_call_free)

/* Runs ended and done, each at most once in the call's life. */
void sk_call_answer(SkCall *call, const GError *error);

/* Ends a call: runs done (if not abandoned) and frees. Takes error. */
void sk_call_finish(SkCall *call, GError *error);

/* The asker is gone: done will not be called any more. The work goes on. */
void sk_call_abandon(SkCall *call);

void sk_identity_clear(SkIdentity *self);
