/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another daemon, asked in libvirt's protocol. */
#include "cluster/peer.h"

#include <string.h>

#include "base/error.h"
#include "cluster/peer-private.h"

/* Making ready starts a QEMU there, which may take a while. */
#define ANSWER_USEC (5 * 60 * G_USEC_PER_SEC)

enum { AUTH_LIST = 66, OPEN = 1, SUPPORTS_FEATURE = 60, PREPARE = 303, PREPARE_TUNNEL = 304, FINISH = 306 };
enum { FEATURE_MIGRATION_PARAMS = 13 };
enum { FLAG_LIVE = 1, FLAG_PEER2PEER = 2, FLAG_TUNNELLED = 4, FLAG_PERSIST = 8, FLAG_PAUSED = 0x20 };

/* -- calls -------------------------------------------------------------------------------------------------------- */

/* Its own words: code, subsystem, and whether there is a text. */
static gboolean
fail_as_told(const SkPeer *self, const GByteArray *payload, GError **error)
{
    g_autofree char *text = NULL;
    if (payload->len >= 16 && sk_peer_word(payload->data, 8) == 1 && sk_peer_word(payload->data, 12) <= payload->len - 16)
        text = g_strndup((const char *) payload->data + 16, sk_peer_word(payload->data, 12));
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "the daemon at \"%s\" refuses: %s", self->uri, text != NULL ? text : "it does not say why");
}

/* The answer to the call just made, its payload; what is meant for the tunnel goes there, events and the like are passed over. */
static GByteArray *
read_reply(SkPeer *self, guint32 procedure, gint64 end, GCancellable *cancellable, GError **error)
{
    for (;;) {
        g_auto(SkPeerMessage) message = { 0 };
        if (!sk_peer_next(self, &message, end, cancellable, error))
            return NULL;
        if (message.payload == NULL || message.program != SK_PEER_PROGRAM || message.procedure != procedure || message.type != SK_PEER_REPLY ||
            message.serial != self->serial)
            continue;
        if (message.status == SK_PEER_OK)
            return g_steal_pointer(&message.payload);
        fail_as_told(self, message.payload, error);
        return NULL;
    }
}

/* args is taken. returns: signature of what is answered; NULL with *error set. The answer does not outlive self. */
static SkXdrMessage *
call(SkPeer *self, guint32 procedure, GByteArray *args, const char *returns, GCancellable *cancellable, GError **error)
{
    g_autoptr(GByteArray) owned = args;
    SkXdrSignature *signature = sk_xdr_signature_new(returns);
    g_ptr_array_add(self->signatures, signature);
    const SkPeerMessage message = { .program = SK_PEER_PROGRAM, .procedure = procedure, .type = SK_PEER_CALL, .serial = ++self->serial };
    if (!sk_peer_send(self, &message, args->data, args->len, cancellable, error))
        return NULL;
    g_autoptr(GByteArray) payload = read_reply(self, procedure, g_get_monotonic_time() + ANSWER_USEC, cancellable, error);
    return payload != NULL ? sk_xdr_decode(signature, payload->data, payload->len, error) : NULL;
}

/* -- connecting ------------------------------------------------------------------------------------------------------- */

static gboolean
greet(SkPeer *self, GCancellable *cancellable, GError **error)
{
    g_autoptr(SkXdrMessage) types = call(self, AUTH_LIST, g_byte_array_new(), "types:i32<20>", cancellable, error);
    if (types == NULL)
        return FALSE;
    const SkXdrRecord list = sk_xdr_message_record(types);
    const SkXdrValue *first = sk_xdr_value(&list, "types");
    if (first->count > 0 && first->items[0].i != 0)
        return sk_fail(error, SK_ERROR_UNAUTHENTICATED, "the daemon at \"%s\" wants to be told who comes, which a daemon cannot", self->uri);
    GByteArray *open = g_byte_array_new();
    sk_xdr_put_optional_str(open, "qemu:///system");
    sk_xdr_put_u32(open, 0);
    g_autoptr(SkXdrMessage) opened = call(self, OPEN, open, "", cancellable, error);
    if (opened == NULL)
        return FALSE;
    GByteArray *feature = g_byte_array_new();
    sk_xdr_put_i32(feature, FEATURE_MIGRATION_PARAMS);
    g_autoptr(SkXdrMessage) has = call(self, SUPPORTS_FEATURE, feature, "supported:i32", cancellable, error);
    if (has == NULL)
        return FALSE;
    const SkXdrRecord answer = sk_xdr_message_record(has);
    return sk_xdr_int(&answer, "supported") != 0 ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "the daemon at \"%s\" takes in no domains", self->uri);
}

SkPeer *
sk_peer_new(SkTransport *transport, const char *uri, GCancellable *cancellable, GError **error)
{
    g_autoptr(SkPeer) self = g_new0(SkPeer, 1);
    self->transport = transport;
    self->uri = g_strdup(uri);
    self->signatures = g_ptr_array_new_with_free_func((GDestroyNotify) sk_xdr_signature_free);
    sk_peer_tunnel_init(self);
    return greet(self, cancellable, error) ? g_steal_pointer(&self) : NULL;
}

SkPeer *
sk_peer_open(const char *uri, const SkTransportKeys *keys, GCancellable *cancellable, GError **error)
{
    SkTransport *transport = sk_transport_open(uri, keys, cancellable, error);
    return transport != NULL ? sk_peer_new(transport, uri, cancellable, error) : NULL;
}

void
sk_peer_free(SkPeer *self)
{
    if (self == NULL)
        return;
    sk_peer_tunnel_cut(self);
    sk_transport_free(self->transport);
    g_ptr_array_unref(self->signatures);
    g_free(self->uri);
    g_free(self);
}

/* -- a migration's steps ------------------------------------------------------------------------------------------------ */

static void
put_params(GByteArray *out, const SkPeerMove *move, gboolean finish)
{
    const struct {
        const char *field, *text;
    } texts[] = {
        { "migrate_uri", move->address }, { "listen_address", move->listen }, { "destination_xml", move->xml },
        { "persistent_xml", move->persistent_xml }, { "disks_uri", move->disks_address }, { "destination_name", finish ? move->name : move->new_name },
    };
    guint count = 0;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        count += texts[i].text != NULL;
    sk_xdr_put_u32(out, count);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (texts[i].text != NULL)
            sk_xdr_put_param_str(out, texts[i].field, texts[i].text);
    }
}

static guint
flags_of(const SkPeerMove *move)
{
    return FLAG_LIVE | FLAG_PEER2PEER | (move->tunnelled ? FLAG_TUNNELLED : 0) | (move->persist ? FLAG_PERSIST : 0) | (move->paused ? FLAG_PAUSED : 0);
}

static char *
prepare(SkPeer *self, guint32 procedure, const char *returns, const SkPeerMove *move, GCancellable *cancellable, GError **error)
{
    GByteArray *args = g_byte_array_new();
    put_params(args, move, FALSE);
    sk_xdr_put_bytes(args, move->cookie, strlen(move->cookie));
    sk_xdr_put_u32(args, flags_of(move));
    g_autoptr(SkXdrMessage) reply = call(self, procedure, args, returns, cancellable, error);
    if (reply == NULL)
        return NULL;
    const SkXdrRecord answer = sk_xdr_message_record(reply);
    const SkXdrValue *cookie = sk_xdr_value(&answer, "cookie_out");
    return g_strndup((const char *) cookie->bytes, cookie->count);
}

char *
sk_peer_prepare(SkPeer *self, const SkPeerMove *move, GCancellable *cancellable, GError **error)
{
    if (!move->tunnelled)
        return prepare(self, PREPARE, "cookie_out:bytes<4194304> uri_out:str?", move, cancellable, error);
    g_autofree char *cookie = prepare(self, PREPARE_TUNNEL, "cookie_out:bytes<4194304>", move, cancellable, error);
    return cookie != NULL && sk_peer_tunnel_start(self, PREPARE_TUNNEL, error) ? g_steal_pointer(&cookie) : NULL;
}

gboolean
sk_peer_finish(SkPeer *self, const SkPeerMove *move, gboolean cancelled, GError **error)
{
    GByteArray *args = g_byte_array_new();
    put_params(args, move, TRUE);
    sk_xdr_put_bytes(args, "", 0);
    sk_xdr_put_u32(args, flags_of(move));
    sk_xdr_put_i32(args, cancelled);
    if (cancelled)
        sk_peer_tunnel_cut(self);
    else
        sk_peer_tunnel_join(self);
    g_autoptr(SkXdrMessage) reply = call(self, FINISH, args, "dom cookie_out:bytes<4194304>", NULL, error);
    return reply != NULL;
}
