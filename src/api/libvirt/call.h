/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/procedure.h"
#include "service/call.h"
#include "service/service.h"

G_BEGIN_DECLS

/*
 * One call of a client, as a handler sees it. Arguments are asked for by the names in the row's signature; the
 * reply is put into call->out with sk_xdr_put_*() in the order of the return signature (tests run with
 * SKEP_CHECK_REPLIES=1, which decodes each reply again and stops the daemon at a mismatch). Main thread.
 *
 *   static gboolean
 *   get_autostart(SkLvCall *call, GError **error)
 *   {
 *       const SkDomain *domain = sk_lv_domain(call, "dom", error);
 *       if (domain == NULL)
 *           return FALSE;
 *       sk_xdr_put_i32(call->out, domain->spec->autostart);
 *       return TRUE;
 *   }
 */

typedef struct SkLvConnection SkLvConnection;

struct SkLvCall {
    SkLvConnection *connection; /* a reference; it may have been closed in between */
    const SkLvProcedure *procedure;
    const SkLvFamily *family;
    SkService *service;
    SkXdrRecord args;
    GByteArray *out;            /* the reply's payload */
    gpointer data;              /* a handler's own, for what comes later; not freed */

    /* What follows is call.c's. */
    guint serial;
    SkXdrMessage *message;
    GArray *fds_in, *fds_out;   /* SkFd; NULL: none */
    gboolean running, later, over;
    struct SkLvStream *stream;  /* opened by the handler; NULL: none */
    GError *error;
    gboolean (*done)(SkLvCall *call, SkCall *op, GError **error);
    void (*ended)(SkLvCall *call); /* after the reply has gone out; NULL: nothing to do */
};

/* -- arguments ------------------------------------------------------------------------------------------------ */

gint sk_lv_int(const SkLvCall *call, const char *name);
guint sk_lv_uint(const SkLvCall *call, const char *name);
gint64 sk_lv_int64(const SkLvCall *call, const char *name);
guint64 sk_lv_uint64(const SkLvCall *call, const char *name);
/* Text; NULL if it is optional and absent. Lives as long as the call. */
const char *sk_lv_str(const SkLvCall *call, const char *name);
/* A uuid's text; free with g_free(). */
char *sk_lv_uuid(const SkLvCall *call, const char *name);
/* Lists, bytes, typed parameters, whether something optional was given (->present). */
const SkXdrValue *sk_lv_value(const SkLvCall *call, const char *name);

/* INVALID naming the first flag in "flags" that is not in known. */
gboolean sk_lv_check_flags(const SkLvCall *call, guint known, GError **error);

/* -- who ------------------------------------------------------------------------------------------------------ */

const SkIdentity *sk_lv_who(const SkLvCall *call);
gboolean sk_lv_read_only(const SkLvCall *call);
/* Judges another right than the row's own, when it turns on the arguments. */
gboolean sk_lv_permit(const SkLvCall *call, SkOperationId op, GError **error);

/* -- long work -------------------------------------------------------------------------------------------------- */

/* Writes the reply from what the operation answered (op->answer is JSON); FALSE: error reply. */
typedef gboolean (*SkLvDone)(SkLvCall *call, SkCall *op, GError **error);

/* A call of the operation table in the client's name; fill in params, body or patch. A job is waited for until its end. */
SkCall *sk_lv_operation(SkLvCall *call, SkOperationId id);
/*
 * Gives op (taken) to the dispatcher, which judges its right and writes the audit log. The reply goes out when it has
 * ended; done NULL: a void one. Always TRUE: the handler's `return sk_lv_dispatch(...)`.
 */
gboolean sk_lv_dispatch(SkLvCall *call, SkCall *op, SkLvDone done);
/* The whole of a verb that takes "dom" and answers nothing: dispatches the row's operation for it. */
gboolean sk_lv_run_domain_verb(SkLvCall *call, GError **error);

/*
 * For other waiting: the handler returns `sk_lv_later(call)`, and sk_lv_reply() comes once, whatever happened to the
 * connection; error (taken) NULL: call->out is the reply. It frees the call.
 */
gboolean sk_lv_later(SkLvCall *call);
void sk_lv_reply(SkLvCall *call, GError *error);

/* -- descriptors --------------------------------------------------------------------------------------------------- */

/* Whether descriptors can be passed: Unix sockets only. */
gboolean sk_lv_can_pass_fds(const SkLvCall *call);
/* Adds one to the reply; fd is taken. */
void sk_lv_send_fd(SkLvCall *call, gint fd);
/* Takes one that came with the call; -1: there is none. */
gint sk_lv_take_fd(SkLvCall *call, guint index);

G_END_DECLS
