/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: migration. What passes between the two daemons by way of the client, the cookies, is JSON. */
#include "service/migrate.h"

#include <string.h>

#include "api/libvirt/domain-define.h"
#include "api/libvirt/domain-tunnel.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "codec/xml/xml.h"
#include "engine/launch.h"
#include "service/domain-stop.h"
#include "service/domain-transient.h"

enum {
    LIVE = 1, PEER2PEER = 2, TUNNELLED = 4, PERSIST = 8, UNDEFINE = 0x10, PAUSED = 0x20, COPY_ALL = 0x40, COPY_CHANGES = 0x80, PROTECT = 0x100,
    UNSAFE = 0x200, OFFLINE = 0x400, COMPRESSED = 0x800, ABORT_ON_ERROR = 0x1000, AUTO_CONVERGE = 0x2000, PARALLEL = 0x20000,
};
#define COPY (COPY_ALL | COPY_CHANGES)
#define KNOWN (OFFLINE | LIVE | PEER2PEER | TUNNELLED | PERSIST | UNDEFINE | PAUSED | PROTECT | UNSAFE | COMPRESSED | ABORT_ON_ERROR | AUTO_CONVERGE | PARALLEL | \
               COPY)

#define ERROR_ABORTED 93
/* As QEMU's own. */
#define USUAL_CHANNELS 2

/* -- arguments ------------------------------------------------------------------------------------------------------- */

static gboolean
check_flags(const SkLvCall *call, GError **error)
{
    static const struct {
        guint flag;
        const char *what;
    } refused[] = {
        { 0x4000, "over RDMA" }, { 0x8000, "by post-copy" }, { 0x10000, "with TLS" },
        { 0x40000, "with synchronous writes" }, { 0x80000, "by going on with a post-copy" }, { 0x100000, "without copying pages (zero-copy)" },
    };
    guint flags = sk_lv_uint(call, "flags");
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        if ((flags & refused[i].flag) != 0)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "a domain cannot be migrated %s", refused[i].what);
    }
    if ((flags & TUNNELLED) != 0 && ((flags & PEER2PEER) == 0 || (flags & OFFLINE) != 0))
        return sk_fail(error, SK_ERROR_INVALID, "only a running domain's state goes through the connection of two daemons (tunnelled), and only from daemon to daemon (peer2peer)");
    if ((flags & COPY) == COPY)
        return sk_fail(error, SK_ERROR_INVALID, "all of the disks or only what is in their topmost files can be copied, not both");
    if ((flags & COPY) != 0 && (flags & OFFLINE) != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "only a running domain can be migrated with the content of its disks");
    if ((flags & COPY) != 0 && (flags & TUNNELLED) != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "the content of disks does not go through the connection of two daemons (tunnelled)");
    return sk_lv_check_flags(call, KNOWN, error);
}

/* Each step has two procedures: one with typed parameters, one with an argument for each, which we call the same. */
static gboolean
has_argument(const SkLvCall *call, const char *name)
{
    const SkXdrSignature *args = sk_lv_args(call->procedure);
    for (guint i = 0; i < args->n_fields; i++) {
        if (g_str_equal(args->fields[i].name, name))
            return TRUE;
    }
    return FALSE;
}

static const char *
param_text(const SkLvCall *call, const char *field)
{
    if (!has_argument(call, "params"))
        return has_argument(call, field) ? sk_lv_str(call, field) : NULL;
    const SkXdrParam *param = sk_xdr_param(sk_lv_value(call, "params"), field);
    return param != NULL && param->type == SK_XDR_PARAM_STR ? param->text : NULL;
}

static guint64
param_number(const SkLvCall *call, const char *field)
{
    if (!has_argument(call, "params"))
        return has_argument(call, field) ? sk_lv_uint64(call, field) : 0;
    const SkXdrParam *param = sk_xdr_param(sk_lv_value(call, "params"), field);
    return param != NULL && param->type == SK_XDR_PARAM_U64 ? param->u : 0;
}

static gint
param_int(const SkLvCall *call, const char *field)
{
    const SkXdrParam *param = has_argument(call, "params") ? sk_xdr_param(sk_lv_value(call, "params"), field) : NULL;
    return param != NULL && param->type == SK_XDR_PARAM_I32 ? (gint) param->i : 0;
}

/* All of one name; NULL if there is none. Free with g_strfreev(). */
static char **
param_texts(const SkLvCall *call, const char *field)
{
    const SkXdrValue *params = has_argument(call, "params") ? sk_lv_value(call, "params") : NULL;
    g_autoptr(GStrvBuilder) texts = g_strv_builder_new();
    gboolean any = FALSE;
    for (guint i = 0; params != NULL && i < params->count; i++) {
        const SkXdrParam *param = &params->params[i];
        if (g_str_equal(param->field, field) && param->type == SK_XDR_PARAM_STR) {
            g_strv_builder_add(texts, param->text);
            any = TRUE;
        }
    }
    return any ? g_strv_builder_end(texts) : NULL;
}

/* Whether it is compressed by a method: those that are named, or xbzrle. */
static gboolean
is_compressed(const SkLvCall *call, const char *method)
{
    g_auto(GStrv) methods = param_texts(call, "compression");
    if (methods == NULL)
        return (sk_lv_uint(call, "flags") & COMPRESSED) != 0 && g_str_equal(method, "xbzrle");
    return g_strv_contains((const char *const *) methods, method);
}

/* An option of something that is not asked for. */
static gboolean
check_options(const SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    /* To a destination a client does not tell AUTO_CONVERGE. */
    const struct {
        const char *prefix, *what;
        gboolean on;
    } rows[] = {
        { "compression.xbzrle.", "compressed by xbzrle", is_compressed(call, "xbzrle") },
        { "compression.mt.", "compressed by mt", is_compressed(call, "mt") },
        { "auto_converge.", "that slows its guest down (auto-converge)", (flags & AUTO_CONVERGE) != 0 || !has_argument(call, "dom") },
        { "parallel.", "over parallel connections", (flags & PARALLEL) != 0 },
    };
    const SkXdrValue *params = sk_lv_value(call, "params");
    for (guint i = 0; i < params->count; i++) {
        const SkXdrParam *param = &params->params[i];
        for (guint n = 0; n < G_N_ELEMENTS(rows); n++) {
            if (g_str_has_prefix(param->field, rows[n].prefix) && !rows[n].on)
                return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is for a migration %s, which this one is not to be", param->field, rows[n].what);
        }
        if (param->type == SK_XDR_PARAM_I32 && param->i < 0)
            return sk_fail(error, SK_ERROR_INVALID, "\"%s\" of a migration cannot be less than 0", param->field);
    }
    return TRUE;
}

/* What is not understood would be passed over in silence. */
static gboolean
check_params(const SkLvCall *call, GError **error)
{
    static const char *const known[] = { "migrate_uri", "destination_name", "destination_xml", "persistent_xml", "bandwidth", "listen_address",
                                         "graphics_uri", "compression", "migrate_disks", "disks_port", "disks_uri",
                                         "compression.mt.level", "compression.mt.threads", "compression.mt.dthreads", "compression.xbzrle.cache",
                                         "auto_converge.initial", "auto_converge.increment", "parallel.connections", NULL };
    if (!has_argument(call, "params"))
        return TRUE;
    const SkXdrValue *params = sk_lv_value(call, "params");
    for (guint i = 0; i < params->count; i++) {
        if (!g_strv_contains(known, params->params[i].field))
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "a migration has no \"%s\" here", params->params[i].field);
    }
    g_auto(GStrv) compressions = param_texts(call, "compression");
    for (guint i = 0; compressions != NULL && compressions[i] != NULL; i++) {
        if (!g_str_equal(compressions[i], "xbzrle") && !g_str_equal(compressions[i], "mt"))
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "a migration cannot be compressed by \"%s\": there are xbzrle and mt", compressions[i]);
    }
    return check_options(call, error);
}

/* How what is sent is made smaller, and by what it is slowed down. */
static void
take_options(const SkLvCall *call, SkMigrate *body)
{
    guint flags = sk_lv_uint(call, "flags");
    body->auto_converge = (flags & AUTO_CONVERGE) != 0;
    body->throttle_initial = (guint) param_int(call, "auto_converge.initial");
    body->throttle_increment = (guint) param_int(call, "auto_converge.increment");
    body->compress = is_compressed(call, "xbzrle");
    body->cache = param_number(call, "compression.xbzrle.cache");
    body->deflate = is_compressed(call, "mt");
    body->deflate_level = (guint) param_int(call, "compression.mt.level");
    body->deflate_threads = (guint) param_int(call, "compression.mt.threads");
    body->inflate_threads = (guint) param_int(call, "compression.mt.dthreads");
    gint channels = param_int(call, "parallel.connections");
    body->channels = (flags & PARALLEL) == 0 ? 0 : channels > 0 ? (guint) channels : USUAL_CHANNELS;
}

static gboolean
check_call(const SkLvCall *call, GError **error)
{
    return check_flags(call, error) && check_params(call, error);
}

/* A definition that came with the call, read as a change of the one there is. */
static SkDomainSpec *
parse_xml(const char *text, const SkDomainSpec *old, GError **error)
{
    SkDomainSpec *spec = sk_xml_domain_parse(text, -1, error);
    if (spec == NULL || old == NULL)
        return spec;
    sk_engine_hide(old, spec);
    sk_xml_domain_keep(old, spec);
    sk_value_inherit(&sk_domain_spec_type, old, spec);
    return spec;
}

/* -- cookies ----------------------------------------------------------------------------------------------------------- */

static void
put_cookie(SkLvCall *call, const char *text)
{
    sk_xdr_put_bytes(call->out, text, strlen(text));
}

static json_t *
read_cookie(const SkLvCall *call, GError **error)
{
    const SkXdrValue *cookie = sk_lv_value(call, "cookie_in");
    return sk_json_parse((const char *) cookie->bytes, cookie->count, "the other daemon's cookie", error);
}

static char *
digest(const char *text)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

/* -- source ------------------------------------------------------------------------------------------------------------- */

static gboolean
is_offline(const SkLvCall *call)
{
    return (sk_lv_uint(call, "flags") & OFFLINE) != 0;
}

/* offer is taken. */
static void
put_offer(SkLvCall *call, const SkDomain *domain, SkMigrationOffer *offer)
{
    gboolean offline = is_offline(call);
    g_autofree char *own = sk_lv_format_domain(call->service, domain, offline ? domain->spec : domain->runtime.live,
                                               (offline ? 0 : SK_XML_LIVE) | SK_XML_SECURE);
    const char *wanted = param_text(call, "destination_xml");
    offer->digest = digest(own);
    g_autofree char *cookie = sk_json_encode(&sk_migration_offer_type, offer, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    sk_value_free(&sk_migration_offer_type, offer);
    put_cookie(call, cookie);
    sk_xdr_put_str(call->out, wanted != NULL ? wanted : own);
}

/* blocks: QEMU's answer to query-block, if disks go along. */
static gboolean
answer_begin(SkLvCall *call, json_t *blocks, GError **error)
{
    gboolean offline = is_offline(call);
    SkDomain *domain = offline ? sk_lv_domain(call, "dom", error) : sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || (offline && !sk_domain_check_migration(domain, TRUE, error)))
        return FALSE;
    SkMigrationOffer *offer = sk_domain_migration_offer(domain, offline);
    g_autofree SkMigrate *options = g_new0(SkMigrate, 1);
    take_options(call, options);
    offer->deflate = options->deflate;
    offer->inflate_threads = options->inflate_threads;
    offer->channels = options->channels;
    g_auto(GStrv) targets = param_texts(call, "migrate_disks");
    gboolean shallow = (sk_lv_uint(call, "flags") & COPY_CHANGES) != 0;
    if ((blocks == NULL || (sk_migration_choose_disks(offer, (const char *const *) targets, shallow, error) &&
                            sk_migration_measure_disks(offer, blocks, error))) &&
        (offline || sk_domain_migration_begin(domain, call->connection, error))) {
        put_offer(call, domain, offer);
        return TRUE;
    }
    sk_value_free(&sk_migration_offer_type, offer);
    return FALSE;
}

static void
on_blocks(SkQmp *qmp, json_t *blocks, const GError *failure, gpointer data)
{
    SkLvCall *call = data;
    GError *error = NULL;
    (void) qmp;
    if (failure != NULL)
        error = g_error_copy(failure);
    else if (!sk_lv_connection_is_open(call->connection))
        sk_fail(&error, SK_ERROR_CANCELLED, "who asked for it is gone");
    else
        answer_begin(call, blocks, &error);
    sk_lv_reply(call, error);
}

static gboolean
begin(SkLvCall *call, GError **error)
{
    if (!check_call(call, error))
        return FALSE;
    if ((sk_lv_uint(call, "flags") & COPY) == 0)
        return answer_begin(call, NULL, error);
    SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_domain_check_migration(domain, FALSE, error))
        return FALSE;
    sk_qmp_call_async(domain->qmp, "query-block", NULL, 0, on_blocks, call);
    return sk_lv_later(call);
}

static gboolean
put_empty_cookie(SkLvCall *call, SkCall *op, GError **error)
{
    (void) op, (void) error;
    put_cookie(call, "");
    return TRUE;
}

static gboolean
dispatch(SkLvCall *call, SkOperationId id, const char *name, gpointer body, SkLvDone done, GError **error)
{
    SkCall *op = sk_lv_operation(call, id);
    op->params.name = g_strdup(name);
    op->body = body;
    op->dialect = TRUE;
    if (sk_value_check(op->op->body, body, NULL, error))
        return sk_lv_dispatch(call, op, done);
    sk_call_free(op);
    return FALSE;
}

/* Where the disks are to come; NULL: where the state does. Free with g_free(). */
static char *
disks_address(const SkLvCall *call)
{
    const char *uri = param_text(call, "disks_uri"), *state = param_text(call, "migrate_uri");
    gint port = param_int(call, "disks_port");
    if (uri != NULL || port <= 0)
        return g_strdup(uri);
    g_autoptr(GUri) parsed = state != NULL ? g_uri_parse(state, G_URI_FLAGS_PARSE_RELAXED, NULL) : NULL;
    const char *host = parsed != NULL && g_uri_get_host(parsed) != NULL ? g_uri_get_host(parsed) : "";
    return g_strdup_printf(strchr(host, ':') != NULL ? "tcp:[%s]:%d" : "tcp:%s:%d", host, port);
}

/* The client drives: where to send is in the destination's cookie. */
static gboolean
take_cookie(SkLvCall *call, SkMigrate *body, GError **error)
{
    g_autoptr(json_t) cookie = read_cookie(call, error);
    if (cookie == NULL)
        return FALSE;
    body->address = g_strdup(json_string_value(json_object_get(cookie, "address")));
    body->token = g_strdup(json_string_value(json_object_get(cookie, "token")));
    body->disks_address = g_strdup(json_string_value(json_object_get(cookie, "disks_address")));
    return TRUE;
}

/* We drive, and ask the destination ourselves. */
static gboolean
take_peer(SkLvCall *call, SkMigrate *body, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const char *to = sk_lv_str(call, "dconnuri");
    if (to == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "it is not said which daemon to migrate to");
    body->to = g_strdup(to);
    body->address = g_strdup(param_text(call, "migrate_uri"));
    body->disks_address = disks_address(call);
    body->listen = g_strdup(param_text(call, "listen_address"));
    body->name = g_strdup(param_text(call, "destination_name"));
    body->xml = g_strdup(param_text(call, "destination_xml"));
    body->persistent_xml = g_strdup(param_text(call, "persistent_xml"));
    body->persist = (flags & PERSIST) != 0;
    body->paused = (flags & PAUSED) != 0;
    body->undefine = (flags & UNDEFINE) != 0;
    body->tunnelled = (flags & TUNNELLED) != 0;
    return TRUE;
}

static gboolean
perform(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    guint flags = sk_lv_uint(call, "flags");
    if (domain == NULL || !check_call(call, error))
        return FALSE;
    SkMigrate *body = sk_value_new(&sk_migrate_type);
    if (!((flags & PEER2PEER) != 0 ? take_peer(call, body, error) : take_cookie(call, body, error))) {
        sk_value_free(&sk_migrate_type, body);
        return FALSE;
    }
    body->bandwidth = param_number(call, "bandwidth");
    take_options(call, body);
    body->still = (flags & LIVE) == 0;
    body->copy = (flags & COPY) != 0;
    body->shallow = (flags & COPY_CHANGES) != 0;
    body->disks = body->copy ? param_texts(call, "migrate_disks") : NULL;
    return dispatch(call, SK_OP_DOMAIN_MIGRATE, domain->spec->uuid, body, put_empty_cookie, error);
}

/* Only a definition has moved. */
static gboolean
confirm_offline(SkLvCall *call, const SkDomain *domain)
{
    if (sk_lv_int(call, "cancelled") != 0 || (sk_lv_uint(call, "flags") & UNDEFINE) == 0)
        return TRUE;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_UNDEFINE);
    op->params.name = g_strdup(domain->spec->uuid);
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
confirm(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    if (is_offline(call))
        return confirm_offline(call, domain);
    SkMigrationConfirm *body = sk_value_new(&sk_migration_confirm_type);
    body->cancelled = sk_lv_int(call, "cancelled") != 0;
    body->undefine = (sk_lv_uint(call, "flags") & UNDEFINE) != 0;
    return dispatch(call, SK_OP_MIGRATION_CONFIRM, domain->spec->uuid, body, NULL, error);
}

/* -- destination ---------------------------------------------------------------------------------------------------------- */

/* A connection that went meanwhile has nobody who would finish it. */
static gboolean
prepared(SkLvCall *call, SkCall *op, GError **error)
{
    const SkMigrationPrepare *body = op->body;
    SkDomain *domain = g_hash_table_lookup(call->service->domains_by_uuid, body->offer->uuid);
    if (domain == NULL || domain->incoming == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" ended while it was waited for", body->offer->name);
    if (!sk_domain_set_autodestroy(domain, call->connection, error))
        return FALSE;
    if (!sk_lv_connection_is_open(call->connection))
        sk_domain_destroy_by_daemon(domain);
    if (body->tunnelled) {
        put_cookie(call, "{}");
        return sk_lv_tunnel_open(call, domain, error);
    }
    g_autoptr(json_t) cookie = json_pack("{s:s,s:s,s:s*}", "address", sk_domain_incoming_address(domain), "token", sk_domain_incoming_token(domain),
                                         "disks_address", sk_domain_incoming_disks_address(domain));
    g_autofree char *text = json_dumps(cookie, JSON_COMPACT);
    put_cookie(call, text);
    sk_xdr_put_optional_str(call->out, param_text(call, "migrate_uri") != NULL ? NULL : sk_domain_incoming_address(domain));
    return TRUE;
}

static gboolean
defined(SkLvCall *call, SkCall *op, GError **error)
{
    (void) op, (void) error;
    g_autofree char *here = g_strconcat("tcp:", call->service->node.hostname, NULL);
    put_cookie(call, "");
    /* A client wants an address, though nothing will be sent there. */
    sk_xdr_put_optional_str(call->out, param_text(call, "migrate_uri") != NULL ? NULL : here);
    return TRUE;
}

/* There is nothing to send: it is defined here, and that is all. offer is taken. */
static gboolean
prepare_offline(SkLvCall *call, SkMigrationOffer *offer, GError **error)
{
    const char *xml = param_text(call, "destination_xml"), *name = param_text(call, "destination_name");
    g_autofree char *sum = xml != NULL ? digest(xml) : NULL;
    gboolean changed = xml != NULL && g_strcmp0(sum, offer->digest) != 0;
    SkDomainSpec *spec = changed ? parse_xml(xml, offer->definition, error) : g_steal_pointer(&offer->definition);
    sk_value_free(&sk_migration_offer_type, offer);
    if (spec == NULL)
        return changed ? FALSE : sk_fail(error, SK_ERROR_INVALID, "the source has no definition to move");
    if (name != NULL) {
        g_free(spec->name);
        spec->name = g_strdup(name);
    }
    g_autofree char *called = g_strdup(spec->name);
    return dispatch(call, SK_OP_DOMAIN_DEFINE, called, spec, defined, error);
}

static gboolean
prepare(SkLvCall *call, GError **error)
{
    gboolean tunnelled = (call->procedure->flags & SK_LV_UP) != 0;
    if (!check_call(call, error))
        return FALSE;
    if (tunnelled != ((sk_lv_uint(call, "flags") & TUNNELLED) != 0))
        return sk_fail(error, SK_ERROR_INVALID, "what goes through the connection (tunnelled) is prepared with a stream, and nothing else is");
    g_autoptr(json_t) cookie = read_cookie(call, error);
    SkMigrationOffer *offer = cookie != NULL ? sk_json_decode(&sk_migration_offer_type, cookie, error) : NULL;
    if (offer == NULL)
        return FALSE;
    if (is_offline(call))
        return prepare_offline(call, offer, error);
    SkMigrationPrepare *body = sk_value_new(&sk_migration_prepare_type);
    body->offer = offer;
    const char *xml = param_text(call, "destination_xml");
    g_autofree char *sum = xml != NULL ? digest(xml) : NULL;
    if (xml != NULL && g_strcmp0(sum, offer->digest) != 0) {
        body->definition = parse_xml(xml, offer->live, error);
        if (body->definition == NULL) {
            sk_value_free(&sk_migration_prepare_type, body);
            return FALSE;
        }
    }
    body->name = g_strdup(param_text(call, "destination_name"));
    body->tunnelled = tunnelled;
    body->address = g_strdup(param_text(call, "migrate_uri"));
    body->listen = g_strdup(param_text(call, "listen_address"));
    body->disks_address = disks_address(call);
    return dispatch(call, SK_OP_MIGRATION_PREPARE, NULL, body, prepared, error);
}

static gboolean
finished(SkLvCall *call, SkCall *op, GError **error)
{
    const SkMigrationFinish *body = op->body;
    if (body->cancelled)
        return sk_lv_fail(error, ERROR_ABORTED, "migration successfully aborted");
    if (!sk_lv_done_domain(call, op, error))
        return FALSE;
    put_cookie(call, "");
    return TRUE;
}

static gboolean
finish(SkLvCall *call, GError **error)
{
    const char *name = param_text(call, "destination_name");
    guint flags = sk_lv_uint(call, "flags");
    gboolean cancelled = sk_lv_int(call, "cancelled") != 0;
    const SkDomain *domain = name != NULL ? sk_service_domain(call->service, name, error) : NULL;
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "it is not said which domain is to be finished (destination_name)");
    if (domain == NULL)
        return FALSE;
    if (is_offline(call) && !cancelled) {
        sk_lv_put_domain(call->out, domain);
        put_cookie(call, "");
        return TRUE;
    }
    if (cancelled && domain->incoming == NULL)
        return sk_lv_fail(error, ERROR_ABORTED, "migration successfully aborted");
    SkMigrationFinish *body = sk_value_new(&sk_migration_finish_type);
    body->cancelled = cancelled;
    body->paused = (flags & PAUSED) != 0;
    body->persist = (flags & PERSIST) != 0;
    const char *xml = body->persist && !cancelled ? param_text(call, "persistent_xml") : NULL;
    body->definition = xml != NULL ? parse_xml(xml, NULL, error) : NULL;
    if (xml != NULL && body->definition == NULL) {
        sk_value_free(&sk_migration_finish_type, body);
        return FALSE;
    }
    return dispatch(call, SK_OP_MIGRATION_FINISH, domain->spec->uuid, body, finished, error);
}

/* -- limits ------------------------------------------------------------------------------------------------------------------ */

static gboolean
set_limit(SkLvCall *call, guint64 bandwidth, guint downtime, guint64 cache, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (bandwidth == 0 && downtime == 0 && cache == 0)
        return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" cannot be migrated within nothing", sk_domain_name(domain));
    SkMigrationLimits *body = sk_value_new(&sk_migration_limits_type);
    body->bandwidth = MIN(bandwidth, SK_MIGRATION_MAX_BANDWIDTH);
    body->downtime = downtime;
    body->cache = cache;
    return dispatch(call, SK_OP_MIGRATION_LIMITS, domain->spec->uuid, body, NULL, error);
}

static gboolean
set_max_downtime(SkLvCall *call, GError **error)
{
    return sk_lv_active_domain(call, "dom", error) != NULL &&
           set_limit(call, 0, (guint) MIN(sk_lv_uint64(call, "downtime"), G_MAXUINT), 0, error);
}

static gboolean
set_max_speed(SkLvCall *call, GError **error)
{
    return set_limit(call, sk_lv_uint64(call, "bandwidth"), 0, 0, error);
}

static gboolean
set_compression_cache(SkLvCall *call, GError **error)
{
    return sk_lv_active_domain(call, "dom", error) != NULL && set_limit(call, 0, 0, sk_lv_uint64(call, "cacheSize"), error);
}

static gboolean
put_number(SkLvCall *call, const SkDomain *domain, guint64 number, GError **error)
{
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    sk_xdr_put_u64(call->out, number);
    return TRUE;
}

static gboolean
get_max_downtime(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    return put_number(call, domain, domain != NULL && domain->migration_downtime > 0 ? domain->migration_downtime : SK_MIGRATION_USUAL_DOWNTIME, error);
}

static gboolean
get_max_speed(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    return put_number(call, domain, domain != NULL && domain->migration_bandwidth > 0 ? domain->migration_bandwidth : SK_MIGRATION_MAX_BANDWIDTH, error);
}

static gboolean
get_compression_cache(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    return put_number(call, domain, domain != NULL && domain->migration_cache > 0 ? domain->migration_cache : SK_MIGRATION_USUAL_CACHE, error);
}

#define PARTLY .lacks = "post-copy, TLS"

static const SkLvProcedure rows[] = {
    { 61, "DOMAIN_MIGRATE_PREPARE", NULL, NULL },
    { 62, "DOMAIN_MIGRATE_PERFORM", NULL, NULL },
    { 63, "DOMAIN_MIGRATE_FINISH", NULL, NULL },
    { 108, "DOMAIN_MIGRATE_PREPARE2", NULL, NULL },
    { 109, "DOMAIN_MIGRATE_FINISH2", NULL, NULL },
    { 148, "DOMAIN_MIGRATE_PREPARE_TUNNEL", NULL, NULL },
    { 166, "DOMAIN_MIGRATE_SET_MAX_DOWNTIME", "dom downtime:u64 flags", "", SK_OP_MIGRATION_LIMITS, set_max_downtime },
    { 207, "DOMAIN_MIGRATE_SET_MAX_SPEED", "dom bandwidth:u64 flags", "", SK_OP_MIGRATION_LIMITS, set_max_speed },
    { 213, "DOMAIN_MIGRATE_BEGIN3", "dom destination_xml:str? flags:u64 destination_name:str? bandwidth:u64", "cookie_out:bytes<4194304> xml:str", SK_OP_DOMAIN_MIGRATE, begin, PARTLY },
    { 214, "DOMAIN_MIGRATE_PREPARE3", "cookie_in:bytes<4194304> migrate_uri:str? flags:u64 destination_name:str? bandwidth:u64 destination_xml:str", "cookie_out:bytes<4194304> uri_out:str?", SK_OP_MIGRATION_PREPARE, prepare, PARTLY },
    { 215, "DOMAIN_MIGRATE_PREPARE_TUNNEL3", "cookie_in:bytes<4194304> flags:u64 destination_name:str? bandwidth:u64 destination_xml:str", "cookie_out:bytes<4194304>", SK_OP_MIGRATION_PREPARE, prepare, SK_LV_DOWN | SK_LV_UP, PARTLY },
    { 216, "DOMAIN_MIGRATE_PERFORM3", "dom destination_xml:str? cookie_in:bytes<4194304> dconnuri:str? migrate_uri:str? flags:u64 destination_name:str? bandwidth:u64", "cookie_out:bytes<4194304>", SK_OP_DOMAIN_MIGRATE, perform, PARTLY },
    { 217, "DOMAIN_MIGRATE_FINISH3", "destination_name:str cookie_in:bytes<4194304> dconnuri:str? migrate_uri:str? flags:u64 cancelled:i32", "dom cookie_out:bytes<4194304>", SK_OP_MIGRATION_FINISH, finish, PARTLY },
    { 218, "DOMAIN_MIGRATE_CONFIRM3", "dom cookie_in:bytes<4194304> flags:u64 cancelled:i32", "", SK_OP_MIGRATION_CONFIRM, confirm },
    { 242, "DOMAIN_MIGRATE_GET_MAX_SPEED", "dom flags", "bandwidth:u64", SK_OP_DOMAIN_SHOW, get_max_speed },
    { 299, "DOMAIN_MIGRATE_GET_COMPRESSION_CACHE", "dom flags", "cacheSize:u64", SK_OP_DOMAIN_SHOW, get_compression_cache },
    { 300, "DOMAIN_MIGRATE_SET_COMPRESSION_CACHE", "dom cacheSize:u64 flags", "", SK_OP_MIGRATION_LIMITS, set_compression_cache },
    { 302, "DOMAIN_MIGRATE_BEGIN3_PARAMS", "dom params:tp<64> flags", "cookie_out:bytes<4194304> xml:str", SK_OP_DOMAIN_MIGRATE, begin, PARTLY },
    { 303, "DOMAIN_MIGRATE_PREPARE3_PARAMS", "params:tp<64> cookie_in:bytes<4194304> flags", "cookie_out:bytes<4194304> uri_out:str?", SK_OP_MIGRATION_PREPARE, prepare, PARTLY },
    { 304, "DOMAIN_MIGRATE_PREPARE_TUNNEL3_PARAMS", "params:tp<64> cookie_in:bytes<4194304> flags", "cookie_out:bytes<4194304>", SK_OP_MIGRATION_PREPARE, prepare, SK_LV_DOWN | SK_LV_UP, PARTLY },
    { 305, "DOMAIN_MIGRATE_PERFORM3_PARAMS", "dom dconnuri:str? params:tp<64> cookie_in:bytes<4194304> flags", "cookie_out:bytes<4194304>", SK_OP_DOMAIN_MIGRATE, perform, PARTLY },
    { 306, "DOMAIN_MIGRATE_FINISH3_PARAMS", "params:tp<64> cookie_in:bytes<4194304> flags cancelled:i32", "dom cookie_out:bytes<4194304>", SK_OP_MIGRATION_FINISH, finish, PARTLY },
    { 307, "DOMAIN_MIGRATE_CONFIRM3_PARAMS", "dom params:tp<64> cookie_in:bytes<4194304> flags cancelled:i32", "", SK_OP_MIGRATION_CONFIRM, confirm },
    { 364, "DOMAIN_MIGRATE_START_POST_COPY", "dom flags", "" },
    { 387, "DOMAIN_MIGRATE_GET_MAX_DOWNTIME", "dom flags", "downtime:u64", SK_OP_DOMAIN_SHOW, get_max_downtime },
};
SK_LV_FAMILY(sk_lv_domain_migrate_family, "Domain: migration", QEMU, rows);
