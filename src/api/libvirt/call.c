/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls: from a message to a handler, and from what it did to the reply. */
#include "api/libvirt/call.h"

#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "base/fs.h"

/* Jobs are waited for until they end: a month has to do. */
#define WAIT_SECONDS (30 * 24 * 3600)

/* -- life ------------------------------------------------------------------------------------------------------------- */

static void
free_call(SkLvCall *self)
{
    sk_lv_connection_unref(self->connection);
    sk_xdr_message_free(self->message);
    g_clear_pointer(&self->out, g_byte_array_unref);
    g_clear_pointer(&self->fds_in, g_array_unref);
    g_clear_pointer(&self->fds_out, g_array_unref);
    g_clear_error(&self->error);
    g_free(self);
}

static SkLvHeader
header_of(const SkLvCall *self)
{
    return (SkLvHeader){ .program = self->family->program, .version = 1, .procedure = self->procedure->number,
                         .type = SK_LV_REPLY, .serial = self->serial };
}

/* A reply that its own signature does not describe is a mistake in a handler. */
static void
check_reply(const SkLvCall *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkXdrMessage) message = sk_xdr_decode(sk_lv_returns(self->procedure), self->out->data + SK_LV_HEADER,
                                                    self->out->len - SK_LV_HEADER, &error);
    if (message == NULL)
        g_error("the reply of %s is not \"%s\": %s", self->procedure->name, self->procedure->returns, error->message);
}

static void
send_reply(SkLvCall *self)
{
    SkLvHeader header = header_of(self);
    SkLvConnection *connection = self->connection;
    if (connection->server != NULL && connection->server->check_replies)
        check_reply(self);
    if (self->fds_out != NULL) {
        guint32 n = GUINT32_TO_BE(self->fds_out->len);
        g_autoptr(GByteArray) payload = g_steal_pointer(&self->out);
        self->out = sk_lv_packet_new();
        g_byte_array_append(self->out, (const guint8 *) &n, sizeof n);
        g_byte_array_append(self->out, payload->data + SK_LV_HEADER, payload->len - SK_LV_HEADER);
        header.type = SK_LV_REPLY_FDS;
    }
    sk_lv_connection_send(connection, &header, g_steal_pointer(&self->out), g_steal_pointer(&self->fds_out));
}

static void
end_call(SkLvCall *self)
{
    SkLvConnection *connection = self->connection;
    const SkLvHeader header = header_of(self);
    if (self->error == NULL && self->out->len > SK_LV_MESSAGE_MAX)
        sk_fail(&self->error, SK_ERROR_TOO_LARGE, "the answer is larger than a message may be");
    if (self->error != NULL && self->stream != NULL && sk_lv_connection_is_open(connection))
        sk_lv_stream_cancel(g_steal_pointer(&self->stream));
    if (self->error != NULL)
        sk_lv_connection_send_error(connection, &header, self->family->subsystem, self->error);
    else
        send_reply(self);
    connection->calls--;
    if (self->stream != NULL && sk_lv_connection_is_open(connection))
        sk_lv_stream_begin(self->stream);
    if (self->ended != NULL)
        self->ended(self);
    sk_lv_connection_ref(connection);
    free_call(self);
    sk_lv_connection_resume(connection);
    sk_lv_connection_unref(connection);
}

void
sk_lv_reply(SkLvCall *call, GError *error)
{
    g_assert(!call->over);
    call->over = TRUE;
    call->error = error;
    /* While the handler is at it, the call is still its own. */
    if (!call->running)
        end_call(call);
}

gboolean
sk_lv_later(SkLvCall *call)
{
    call->later = TRUE;
    return TRUE;
}

/* -- running ----------------------------------------------------------------------------------------------------------- */

static gboolean
check_role(SkLvCall *self, SkOperationId op, GError **error)
{
    const SkOperation *operation = sk_operation(op);
    if (self->connection->who.role >= operation->right)
        return TRUE;
    /* What was tried is written down. */
    g_autoptr(SkCall) call = sk_call_new(operation, &self->connection->who);
    g_autoptr(GError) denied = NULL;
    if (self->connection->server != NULL)
        sk_ops_permit(self->connection->server->ops, call, &denied);
    if (self->connection->read_only)
        return sk_lv_fail(error, SK_LV_ERROR_READ_ONLY, "read only access prevents %s", self->procedure->name);
    if (denied != NULL)
        return sk_fail(error, SK_ERROR_DENIED, "%s", denied->message);
    return sk_fail(error, SK_ERROR_DENIED, "%s may not %s", self->connection->who.user, operation->help);
}

static gboolean
check_call(SkLvCall *self, GError **error)
{
    const SkLvConnection *connection = self->connection;
    const SkLvProcedure *procedure = self->procedure;
    if (connection->refused != NULL) {
        g_propagate_error(error, g_error_copy(connection->refused));
        return FALSE;
    }
    if ((procedure->flags & SK_LV_EARLY) == 0 && !connection->opened)
        return sk_lv_fail(error, SK_LV_ERROR_INTERNAL, "hypervisor connection not open");
    if (procedure->run == NULL)
        return sk_fail(error, SK_ERROR_NO_PROCEDURE, "%s%s%s", procedure->name, procedure->lacks != NULL ? ": " : "",
                       procedure->lacks != NULL ? procedure->lacks : "");
    return (procedure->flags & SK_LV_EARLY) != 0 || check_role(self, procedure->op, error);
}

static gboolean
run(SkLvCall *self, const guint8 *payload, gsize length, GError **error)
{
    if (!check_call(self, error))
        return FALSE;
    self->message = sk_xdr_decode(sk_lv_args(self->procedure), payload, length, error);
    if (self->message == NULL)
        return FALSE;
    self->args = sk_xdr_message_record(self->message);
    return self->procedure->run(self, error);
}

static void
refuse_unknown(SkLvConnection *connection, const SkLvHeader *header)
{
    /* Clients look at the beginning of this sentence. */
    g_autoptr(GError) error = NULL;
    sk_lv_fail(&error, SK_LV_ERROR_RPC, "unknown procedure: %u", header->procedure);
    sk_lv_connection_send_error(connection, header, SK_LV_FROM_RPC, error);
}

void
sk_lv_call_run(SkLvConnection *connection, const SkLvHeader *header, const guint8 *payload, gsize length, GArray *fds)
{
    const SkLvFamily *family;
    const SkLvProcedure *procedure = sk_lv_procedure(header->program, header->procedure, &family);
    if (procedure == NULL || (procedure->flags & SK_LV_MESSAGE) != 0) {
        refuse_unknown(connection, header);
        g_clear_pointer(&fds, g_array_unref);
        return;
    }
    SkLvCall *self = g_new0(SkLvCall, 1);
    self->connection = sk_lv_connection_ref(connection);
    self->procedure = procedure;
    self->family = family;
    self->service = connection->server->service;
    self->serial = header->serial;
    self->fds_in = fds;
    self->out = sk_lv_packet_new();
    connection->calls++;

    self->running = TRUE;
    GError *error = NULL;
    gboolean ok = run(self, payload, length, &error);
    self->running = FALSE;
    if (!ok) {
        g_assert(!self->over);
        self->error = error;
    }
    if (!ok || !self->later || self->over)
        end_call(self);
    if (connection->refused != NULL)
        sk_lv_connection_finish(connection);
}

/* -- arguments ------------------------------------------------------------------------------------------------------------ */

gint
sk_lv_int(const SkLvCall *call, const char *name)
{
    return (gint) sk_xdr_int(&call->args, name);
}

guint
sk_lv_uint(const SkLvCall *call, const char *name)
{
    return (guint) sk_xdr_uint(&call->args, name);
}

gint64
sk_lv_int64(const SkLvCall *call, const char *name)
{
    return sk_xdr_int(&call->args, name);
}

guint64
sk_lv_uint64(const SkLvCall *call, const char *name)
{
    return sk_xdr_uint(&call->args, name);
}

const char *
sk_lv_str(const SkLvCall *call, const char *name)
{
    return sk_xdr_str(&call->args, name);
}

char *
sk_lv_uuid(const SkLvCall *call, const char *name)
{
    return sk_xdr_uuid(&call->args, name);
}

const SkXdrValue *
sk_lv_value(const SkLvCall *call, const char *name)
{
    return sk_xdr_value(&call->args, name);
}

gboolean
sk_lv_check_flags(const SkLvCall *call, guint known, GError **error)
{
    guint unknown = sk_lv_uint(call, "flags") & ~known;
    return unknown == 0 ||
           sk_fail(error, SK_ERROR_INVALID, "%s does not know the flag 0x%x", call->procedure->name, unknown & -unknown);
}

/* -- who --------------------------------------------------------------------------------------------------------------------- */

const SkIdentity *
sk_lv_who(const SkLvCall *call)
{
    return &call->connection->who;
}

gboolean
sk_lv_read_only(const SkLvCall *call)
{
    return call->connection->read_only;
}

gboolean
sk_lv_permit(const SkLvCall *call, SkOperationId op, GError **error)
{
    return check_role((SkLvCall *) call, op, error);
}

/* -- operations ---------------------------------------------------------------------------------------------------------------- */

SkCall *
sk_lv_operation(SkLvCall *call, SkOperationId id)
{
    SkCall *op = sk_call_new(sk_operation(id), &call->connection->who);
    if (op->op->mode == SK_MODE_JOB)
        op->params.wait = WAIT_SECONDS;
    return op;
}

static void
on_done(SkCall *op, const GError *error, gpointer data)
{
    SkLvCall *call = data;
    GError *failed = error != NULL ? g_error_copy(error) : NULL;
    SkLvDone done = call->done;
    if (failed == NULL && done != NULL && !done(call, op, &failed) && failed == NULL)
        sk_fail(&failed, SK_ERROR_INTERNAL, "%s failed without saying why", call->procedure->name);
    sk_lv_reply(call, failed);
}

gboolean
sk_lv_dispatch(SkLvCall *call, SkCall *op, SkLvDone done)
{
    op->done = on_done;
    op->data = call;
    call->done = done;
    call->later = TRUE;
    sk_ops_dispatch(call->connection->server->ops, op);
    return TRUE;
}

gboolean
sk_lv_run_domain_verb(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, call->procedure->op);
    op->params.name = g_strdup(domain->spec->uuid);
    return sk_lv_dispatch(call, op, NULL);
}

/* -- descriptors ------------------------------------------------------------------------------------------------------------------ */

gboolean
sk_lv_can_pass_fds(const SkLvCall *call)
{
    return call->connection->transport == SK_LV_UNIX;
}

static void
close_fd(gpointer fd)
{
    sk_fd_clear(fd);
}

void
sk_lv_send_fd(SkLvCall *call, gint fd)
{
    if (call->fds_out == NULL) {
        call->fds_out = g_array_new(FALSE, FALSE, sizeof(SkFd));
        g_array_set_clear_func(call->fds_out, close_fd);
    }
    g_array_append_val(call->fds_out, fd);
}

gint
sk_lv_take_fd(SkLvCall *call, guint index)
{
    if (call->fds_in == NULL || index >= call->fds_in->len)
        return SK_FD_NONE;
    return sk_fd_steal(&g_array_index(call->fds_in, SkFd, index));
}
