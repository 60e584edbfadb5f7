/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: session. */
#include <string.h>

#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "service/emulator.h"

/* Clients take features by the version of libvirt whose protocol this is. */
#define LIB_VERSION 9000000

/* -- beginning and end --------------------------------------------------------------------------------------------- */

/* Who the client is was told by the kernel or its certificate when it came. */
static gboolean
auth_list(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_u32(call->out, 1);
    sk_xdr_put_i32(call->out, 0);
    return TRUE;
}

/* Numbers of features; what is not here is not supported. */
static gboolean
supports_feature(SkLvCall *call, GError **error)
{
    static const gint supported[] = {
        4,      /* migration from daemon to daemon */
        6,      /* migration in five steps */
        7,      /* nothing else changes a domain while it is being migrated */
        9,      /* typed parameters of strings */
        10,     /* keepalive */
        12,     /* migration of a definition alone */
        13,     /* migration with typed parameters */
        14,     /* events by callback id */
        15,     /* callbacks at the connection's end */
        16,     /* network updates with their arguments in the right order */
    };
    (void) error;
    gint feature = sk_lv_int(call, "feature");
    gboolean yes = feature == 8 && sk_lv_can_pass_fds(call);
    for (guint i = 0; i < G_N_ELEMENTS(supported); i++)
        yes = yes || supported[i] == feature;
    sk_xdr_put_i32(call->out, yes);
    return TRUE;
}

static const char *
our_uri(const SkLvCall *call)
{
    return call->connection->server->settings.session ? "qemu:///session" : "qemu:///system";
}

/* Of the URI only what names the driver counts; the client has taken its own part out. */
static gboolean
is_ours(const SkLvCall *call, const char *name)
{
    if (name == NULL || *name == '\0')
        return TRUE;
    g_autofree char *uri = g_strndup(name, strcspn(name, "?#"));
    return g_str_equal(uri, our_uri(call)) || g_str_equal(uri, "qemu:///session");
}

static gboolean
open_connection(SkLvCall *call, GError **error)
{
    SkLvConnection *connection = call->connection;
    const char *name = sk_lv_str(call, "name");
    if (connection->opened)
        return sk_lv_fail(error, SK_LV_ERROR_INTERNAL, "connection already open");
    if (!is_ours(call, name))
        return sk_lv_fail(error, SK_LV_ERROR_NO_CONNECT, "%.256s", name);
    connection->opened = TRUE;
    if ((sk_lv_uint(call, "flags") & 1) != 0) {
        connection->read_only = TRUE;
        connection->who.role = MIN(connection->who.role, SK_ROLE_VIEWER);
    }
    return TRUE;
}

static void
finish(SkLvCall *call)
{
    sk_lv_connection_finish(call->connection);
}

static gboolean
close_connection(SkLvCall *call, GError **error)
{
    (void) error;
    call->connection->opened = FALSE;
    call->ended = finish;
    return TRUE;
}

/* The backend of a close callback is this very daemon: it never vanishes behind the connection. */
static gboolean
nothing(SkLvCall *call, GError **error)
{
    (void) call, (void) error;
    return TRUE;
}

/* -- what it is connected to ------------------------------------------------------------------------------------------- */

static gboolean
get_type(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_str(call->out, "QEMU");
    return TRUE;
}

/* 70211 is 7002011. */
static void
put_version(SkQemuCaps *caps, const GError *error, gpointer data)
{
    SkLvCall *call = data;
    if (caps != NULL) {
        guint number = sk_qemu_caps_version_number(caps);
        sk_xdr_put_u64(call->out, number / 10000 * 1000000ull + number / 100 % 100 * 1000ull + number % 100);
    }
    sk_lv_reply(call, error != NULL ? g_error_copy(error) : NULL);
}

static gboolean
get_version(SkLvCall *call, GError **error)
{
    (void) error;
    sk_service_ask_emulator(call->service, NULL, put_version, call);
    return sk_lv_later(call);
}

static gboolean
get_lib_version(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_u64(call->out, LIB_VERSION);
    return TRUE;
}

static gboolean
get_hostname(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_str(call->out, g_get_host_name());
    return TRUE;
}

static gboolean
get_uri(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_str(call->out, our_uri(call));
    return TRUE;
}

static gboolean
is_secure(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_i32(call->out, call->connection->transport != SK_LV_TCP);
    return TRUE;
}

static const SkLvProcedure rows[] = {
    { 1, "CONNECT_OPEN", "name:str? flags", "", SK_OP_NODE_SHOW, open_connection, SK_LV_EARLY },
    { 2, "CONNECT_CLOSE", "", "", SK_OP_NODE_SHOW, close_connection },
    { 3, "CONNECT_GET_TYPE", "", "type:str", SK_OP_NODE_SHOW, get_type },
    { 4, "CONNECT_GET_VERSION", "", "hv_ver:u64", SK_OP_NODE_SHOW, get_version },
    { 59, "CONNECT_GET_HOSTNAME", "", "hostname:str", SK_OP_NODE_SHOW, get_hostname },
    { 60, "CONNECT_SUPPORTS_FEATURE", "feature:i32", "supported:i32", SK_OP_NODE_SHOW, supports_feature, SK_LV_EARLY },
    { 66, "AUTH_LIST", "", "types:i32<20>", SK_OP_NODE_SHOW, auth_list, SK_LV_EARLY },
    { 67, "AUTH_SASL_INIT", "", "mechlist:str", .lacks = "SASL is not offered" },
    { 68, "AUTH_SASL_START", "mech:str nil:i32 data:char<65536>", "complete:i32 nil:i32 data:char<65536>", .lacks = "SASL is not offered" },
    { 69, "AUTH_SASL_STEP", "nil:i32 data:char<65536>", "complete:i32 nil:i32 data:char<65536>", .lacks = "SASL is not offered" },
    { 70, "AUTH_POLKIT", "", "complete:i32", .lacks = "who a client is, is known when it comes" },
    { 110, "CONNECT_GET_URI", "", "uri:str", SK_OP_NODE_SHOW, get_uri },
    { 149, "CONNECT_IS_SECURE", "", "secure:i32", SK_OP_NODE_SHOW, is_secure },
    { 157, "CONNECT_GET_LIB_VERSION", "", "lib_ver:u64", SK_OP_NODE_SHOW, get_lib_version },
    { 360, "CONNECT_REGISTER_CLOSE_CALLBACK", "", "", SK_OP_NODE_SHOW, nothing },
    { 361, "CONNECT_UNREGISTER_CLOSE_CALLBACK", "", "", SK_OP_NODE_SHOW, nothing },
    { 419, "CONNECT_SET_IDENTITY", "params:tp<20> flags", "", .lacks = "identities come from the kernel or a certificate" },
};
SK_LV_FAMILY(sk_lv_session_family, "Session", RPC, rows);
