/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: events. */
#include "api/libvirt/event.h"

#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "service/capabilities.h"
#include "service/domain-tell.h"
#include "service/streams.h"

/* Of one connection: a client needs one for each event and object. */
#define REGISTRATIONS_MAX 4096

typedef struct {
    SkLvConnection *connection; /* not owned: it takes its registrations along */
    SkLvEventKind kind;
    guint id;
    gint callback;
    char *key;              /* UUID or name of the object; NULL: any */
    GRegex *pattern;        /* QEMU: names of events; NULL: any */
    gboolean old;           /* by the old procedures: other messages, without the callback's id */
} Registration;

struct SkLvEvents {
    SkSubscription *subscription; /* while there are registrations */
    GPtrArray *wanted[SK_LV_N_EVENT_KINDS][SK_LV_EVENTS_MAX]; /* Registration; NULL: none yet */
    guint count;
    gint last_callback;
};

/* Which message tells of which event. */
static const struct {
    guint program, numbers[SK_LV_EVENTS_MAX], n;
} messages[SK_LV_N_EVENT_KINDS] = {
    [SK_LV_EVENT_DOMAIN] = { SK_LV_PROGRAM_REMOTE,
                             { 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 329, 330, 331, 332, 333, 339, 346, 348, 354, 359, 363,
                               367, 379, 385, 423, 438 }, SK_LV_N_DOMAIN_EVENTS },
    [SK_LV_EVENT_NETWORK] = { SK_LV_PROGRAM_REMOTE, { 315 }, 1 },
    [SK_LV_EVENT_POOL] = { SK_LV_PROGRAM_REMOTE, { 370, 373 }, 2 },
    [SK_LV_EVENT_NODEDEV] = { SK_LV_PROGRAM_REMOTE, { 376, 377 }, 2 },
    [SK_LV_EVENT_SECRET] = { SK_LV_PROGRAM_REMOTE, { 382, 383 }, 2 },
    [SK_LV_EVENT_QEMU] = { SK_LV_PROGRAM_QEMU, { 6 }, 1 },
};

/* The old messages of domain events. */
static const guint old_numbers[] = { 107, 169, 170, 171, 172, 173, 195, 224, 241, 248, 268, 269, 270, 276, 292, 311 };

/* -- registrations ------------------------------------------------------------------------------------------------------- */

static void
free_registration(gpointer data)
{
    Registration *self = data;
    g_free(self->key);
    g_clear_pointer(&self->pattern, g_regex_unref);
    g_free(self);
}

static void
on_qmp_event(SkDomain *domain, const SkQmpEvent *event, gpointer data)
{
    SkLibvirt *server = data;
    if (!sk_lv_event_wanted(server, SK_LV_EVENT_QEMU, 0))
        return;
    g_autofree char *details = json_dumps(event->data, JSON_COMPACT);
    g_autoptr(GByteArray) body = g_byte_array_new();
    sk_lv_put_domain(body, domain);
    sk_xdr_put_str(body, event->name);
    sk_xdr_put_i64(body, event->time / G_USEC_PER_SEC);
    sk_xdr_put_u32(body, (guint) (event->time % G_USEC_PER_SEC));
    sk_xdr_put_optional_str(body, details);
    sk_lv_event_send_qemu(server, domain->spec->uuid, event->name, body);
}

void
sk_lv_events_init(SkLibvirt *server)
{
    server->events = g_new0(struct SkLvEvents, 1);
    sk_service_watch_qmp(server->service, on_qmp_event, server);
}

/* The host's devices are only watched while somebody wants to know. */
static void
watch_devices(SkLibvirt *server)
{
    sk_service_watch_node_devices(server->service, sk_lv_event_wanted(server, SK_LV_EVENT_NODEDEV, 0) || sk_lv_event_wanted(server, SK_LV_EVENT_NODEDEV, 1));
}

static void
end_subscription(SkLibvirt *server)
{
    struct SkLvEvents *self = server->events;
    watch_devices(server);
    if (self->count == 0)
        sk_service_unsubscribe(server->service, g_steal_pointer(&self->subscription));
}

void
sk_lv_events_end(SkLibvirt *server)
{
    struct SkLvEvents *self = g_steal_pointer(&server->events);
    sk_service_watch_qmp(server->service, NULL, NULL);
    sk_service_watch_node_devices(server->service, FALSE);
    sk_service_unsubscribe(server->service, self->subscription);
    for (guint kind = 0; kind < SK_LV_N_EVENT_KINDS; kind++) {
        for (guint id = 0; id < SK_LV_EVENTS_MAX; id++)
            g_clear_pointer(&self->wanted[kind][id], g_ptr_array_unref);
    }
    g_free(self);
}

static Registration *
add_registration(SkLvConnection *connection, SkLvEventKind kind, guint id)
{
    struct SkLvEvents *self = connection->server->events;
    gboolean gap;
    if (self->subscription == NULL)
        self->subscription = sk_service_subscribe(connection->server->service, 0, NULL, sk_lv_event_translate, connection->server, &gap);
    if (self->wanted[kind][id] == NULL)
        self->wanted[kind][id] = g_ptr_array_new_with_free_func(free_registration);
    Registration *registration = g_new0(Registration, 1);
    registration->connection = connection;
    registration->kind = kind;
    registration->id = id;
    registration->callback = self->last_callback = self->last_callback == G_MAXINT ? 1 : self->last_callback + 1;
    g_ptr_array_add(self->wanted[kind][id], registration);
    self->count++;
    connection->registrations++;
    return registration;
}

gint
sk_lv_event_register(SkLvConnection *connection, SkLvEventKind kind, guint id, const char *key, GRegex *pattern)
{
    Registration *registration = add_registration(connection, kind, id);
    registration->key = g_strdup(key);
    registration->pattern = pattern;
    watch_devices(connection->server);
    return registration->callback;
}

/* Drops those of a connection; callback -1: all. Gives how many there were. */
static guint
drop(SkLibvirt *server, const SkLvConnection *connection, SkLvEventKind kind, gint callback)
{
    struct SkLvEvents *self = server->events;
    guint dropped = 0;
    for (guint id = 0; id < SK_LV_EVENTS_MAX; id++) {
        GPtrArray *list = self->wanted[kind][id];
        for (guint i = list != NULL ? list->len : 0; i > 0; i--) {
            const Registration *registration = list->pdata[i - 1];
            if (registration->connection != connection || (callback >= 0 && registration->callback != callback))
                continue;
            g_ptr_array_remove_index(list, i - 1);
            dropped++;
        }
    }
    self->count -= dropped;
    return dropped;
}

gboolean
sk_lv_event_deregister(SkLvConnection *connection, SkLvEventKind kind, gint callback)
{
    guint dropped = callback >= 0 ? drop(connection->server, connection, kind, callback) : 0;
    connection->registrations -= dropped;
    end_subscription(connection->server);
    return dropped > 0;
}

void
sk_lv_events_forget(SkLibvirt *server, SkLvConnection *connection)
{
    if (connection->registrations == 0)
        return;
    for (guint kind = 0; kind < SK_LV_N_EVENT_KINDS; kind++)
        drop(server, connection, (SkLvEventKind) kind, -1);
    connection->registrations = 0;
    end_subscription(server);
}

/* -- messages --------------------------------------------------------------------------------------------------------------- */

gboolean
sk_lv_event_wanted(SkLibvirt *server, SkLvEventKind kind, guint id)
{
    const GPtrArray *list = server->events->wanted[kind][id];
    return list != NULL && list->len > 0;
}

static void
check_message(guint program, guint number, const GByteArray *packet)
{
    const SkLvProcedure *row = sk_lv_procedure(program, number, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(SkXdrMessage) message = sk_xdr_decode(sk_lv_returns(row), packet->data + SK_LV_HEADER, packet->len - SK_LV_HEADER, &error);
    if (message == NULL)
        g_error("the message %s is not \"%s\": %s", row->name, row->returns, error->message);
}

/* The new messages of sleep and waking begin with a number that the old ones lack. */
static gboolean
has_reason(guint id)
{
    return id == SK_LV_DOMAIN_PM_WAKEUP || id == SK_LV_DOMAIN_PM_SUSPEND || id == SK_LV_DOMAIN_PM_SUSPEND_DISK;
}

/* Connections end later than they are given up, so that the list does not change under us. */
static void
send_to(SkLibvirt *server, const Registration *registration, const GByteArray *body)
{
    guint program = messages[registration->kind].program;
    guint number = registration->old ? old_numbers[registration->id] : messages[registration->kind].numbers[registration->id];
    guint skipped = registration->old && has_reason(registration->id) ? 4 : 0;
    GByteArray *packet = sk_lv_packet_new();
    if (!registration->old)
        sk_xdr_put_i32(packet, registration->callback);
    g_byte_array_append(packet, body->data + skipped, body->len - skipped);
    if (server->check_replies)
        check_message(program, number, packet);
    sk_lv_connection_send_event(registration->connection, program, number, packet);
}

void
sk_lv_event_send(SkLibvirt *server, SkLvEventKind kind, guint id, const char *key, const GByteArray *body)
{
    const GPtrArray *list = server->events->wanted[kind][id];
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const Registration *registration = list->pdata[i];
        if (registration->key == NULL || g_strcmp0(registration->key, key) == 0)
            send_to(server, registration, body);
    }
}

void
sk_lv_event_send_qemu(SkLibvirt *server, const char *key, const char *event, const GByteArray *body)
{
    const GPtrArray *list = server->events->wanted[SK_LV_EVENT_QEMU][0];
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const Registration *registration = list->pdata[i];
        if ((registration->key == NULL || g_strcmp0(registration->key, key) == 0) &&
            (registration->pattern == NULL || g_regex_match(registration->pattern, event, 0, NULL)))
            send_to(server, registration, body);
    }
}

/* -- procedures ----------------------------------------------------------------------------------------------------------------- */

/* Registers for eventID of an object of the kind, given as object, or of all. key: its UUID or name. */
static gboolean
register_for(SkLvCall *call, SkLvEventKind kind, const char *object, const char *key, GError **error)
{
    gint id = sk_lv_int(call, "eventID");
    if (id < 0 || (guint) id >= messages[kind].n)
        return sk_lv_fail(error, SK_LV_ERROR_INTERNAL, "unsupported event ID %d", id);
    if (call->connection->registrations >= REGISTRATIONS_MAX)
        return sk_fail(error, SK_ERROR_TOO_MANY, "the connection has %d registrations for events already", REGISTRATIONS_MAX);
    g_autofree char *path = g_strconcat(object, ".", key, NULL);
    g_autofree char *wanted = NULL;
    if (sk_lv_value(call, object)->present)
        wanted = g_str_equal(key, "uuid") ? sk_lv_uuid(call, path) : g_strdup(sk_lv_str(call, path));
    sk_xdr_put_i32(call->out, sk_lv_event_register(call->connection, kind, (guint) id, wanted, NULL));
    return TRUE;
}

static gboolean
deregister(SkLvCall *call, SkLvEventKind kind, GError **error)
{
    gint callback = sk_lv_int(call, "callbackID");
    return sk_lv_event_deregister(call->connection, kind, callback) ||
           sk_fail(error, SK_ERROR_INVALID, "the connection has no callback %d for these events", callback);
}

static gboolean
register_domain(SkLvCall *call, GError **error)
{
    if (sk_lv_value(call, "dom")->present && sk_lv_domain(call, "dom", error) == NULL)
        return FALSE;
    return register_for(call, SK_LV_EVENT_DOMAIN, "dom", "uuid", error);
}

static gboolean
deregister_domain(SkLvCall *call, GError **error)
{
    return deregister(call, SK_LV_EVENT_DOMAIN, error);
}

/* -- the old procedures: an event of all domains, once a connection ------------------------------------------------------- */

static Registration *
find_old(const SkLvCall *call, guint id)
{
    const GPtrArray *list = call->connection->server->events->wanted[SK_LV_EVENT_DOMAIN][id];
    for (guint i = 0; list != NULL && i < list->len; i++) {
        Registration *registration = list->pdata[i];
        if (registration->old && registration->connection == call->connection)
            return registration;
    }
    return NULL;
}

/* The event that is asked for, lifecycle if the procedure is of no other; -1 with an error. */
static gint
old_event(const SkLvCall *call, GError **error)
{
    gint id = call->procedure->number >= 167 ? sk_lv_int(call, "eventID") : 0;
    if (id >= 0 && (guint) id < G_N_ELEMENTS(old_numbers))
        return id;
    sk_lv_fail(error, SK_LV_ERROR_INTERNAL, "unsupported event ID %d", id);
    return -1;
}

static gboolean
register_old(SkLvCall *call, GError **error)
{
    gint id = old_event(call, error);
    if (id < 0)
        return FALSE;
    if (find_old(call, (guint) id) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "the connection is registered for domain event %d already", id);
    add_registration(call->connection, SK_LV_EVENT_DOMAIN, (guint) id)->old = TRUE;
    if (call->procedure->number < 167)
        sk_xdr_put_i32(call->out, 1);
    return TRUE;
}

static gboolean
deregister_old(SkLvCall *call, GError **error)
{
    gint id = old_event(call, error);
    const Registration *registration = id >= 0 ? find_old(call, (guint) id) : NULL;
    if (id < 0)
        return FALSE;
    if (registration == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "the connection is not registered for domain event %d", id);
    sk_lv_event_deregister(call->connection, SK_LV_EVENT_DOMAIN, registration->callback);
    if (call->procedure->number < 167)
        sk_xdr_put_i32(call->out, 0);
    return TRUE;
}

/* -- the others --------------------------------------------------------------------------------------------------------------- */

static gboolean
register_network(SkLvCall *call, GError **error)
{
    return register_for(call, SK_LV_EVENT_NETWORK, "net", "uuid", error);
}

static gboolean
deregister_network(SkLvCall *call, GError **error)
{
    return deregister(call, SK_LV_EVENT_NETWORK, error);
}

static gboolean
register_pool(SkLvCall *call, GError **error)
{
    return register_for(call, SK_LV_EVENT_POOL, "pool", "uuid", error);
}

static gboolean
deregister_pool(SkLvCall *call, GError **error)
{
    return deregister(call, SK_LV_EVENT_POOL, error);
}

static gboolean
register_nodedev(SkLvCall *call, GError **error)
{
    return register_for(call, SK_LV_EVENT_NODEDEV, "dev", "name", error);
}

static gboolean
deregister_nodedev(SkLvCall *call, GError **error)
{
    return deregister(call, SK_LV_EVENT_NODEDEV, error);
}

static gboolean
register_secret(SkLvCall *call, GError **error)
{
    return register_for(call, SK_LV_EVENT_SECRET, "secret", "uuid", error);
}

static gboolean
deregister_secret(SkLvCall *call, GError **error)
{
    return deregister(call, SK_LV_EVENT_SECRET, error);
}

static const SkLvProcedure rows[] = {
    { 105, "CONNECT_DOMAIN_EVENT_REGISTER", "", "cb_registered:i32", SK_OP_EVENTS, register_old },
    { 106, "CONNECT_DOMAIN_EVENT_DEREGISTER", "", "cb_registered:i32", SK_OP_EVENTS, deregister_old },
    { 107, "DOMAIN_EVENT_LIFECYCLE", "", "dom event:i32 detail:i32", .flags = SK_LV_MESSAGE },
    { 167, "CONNECT_DOMAIN_EVENT_REGISTER_ANY", "eventID:i32", "", SK_OP_EVENTS, register_old },
    { 168, "CONNECT_DOMAIN_EVENT_DEREGISTER_ANY", "eventID:i32", "", SK_OP_EVENTS, deregister_old },
    { 169, "DOMAIN_EVENT_REBOOT", "", "dom", .flags = SK_LV_MESSAGE },
    { 170, "DOMAIN_EVENT_RTC_CHANGE", "", "dom offset:i64", .flags = SK_LV_MESSAGE },
    { 171, "DOMAIN_EVENT_WATCHDOG", "", "dom action:i32", .flags = SK_LV_MESSAGE },
    { 172, "DOMAIN_EVENT_IO_ERROR", "", "dom srcPath:str devAlias:str action:i32", .flags = SK_LV_MESSAGE },
    { 173, "DOMAIN_EVENT_GRAPHICS", "", "dom phase:i32 local:{family:i32 node:str service:str} remote:{family:i32 node:str service:str} authScheme:str subject:{type:str name:str}<20>", .flags = SK_LV_MESSAGE },
    { 195, "DOMAIN_EVENT_IO_ERROR_REASON", "", "dom srcPath:str devAlias:str action:i32 reason:str", .flags = SK_LV_MESSAGE },
    { 224, "DOMAIN_EVENT_CONTROL_ERROR", "", "dom", .flags = SK_LV_MESSAGE },
    { 241, "DOMAIN_EVENT_BLOCK_JOB", "", "dom path:str type:i32 status:i32", .flags = SK_LV_MESSAGE },
    { 248, "DOMAIN_EVENT_DISK_CHANGE", "", "dom oldSrcPath:str? newSrcPath:str? devAlias:str reason:i32", .flags = SK_LV_MESSAGE },
    { 268, "DOMAIN_EVENT_TRAY_CHANGE", "", "dom devAlias:str reason:i32", .flags = SK_LV_MESSAGE },
    { 269, "DOMAIN_EVENT_PMWAKEUP", "", "dom", .flags = SK_LV_MESSAGE },
    { 270, "DOMAIN_EVENT_PMSUSPEND", "", "dom", .flags = SK_LV_MESSAGE },
    { 276, "DOMAIN_EVENT_BALLOON_CHANGE", "", "dom actual:u64", .flags = SK_LV_MESSAGE },
    { 292, "DOMAIN_EVENT_PMSUSPEND_DISK", "", "dom", .flags = SK_LV_MESSAGE },
    { 311, "DOMAIN_EVENT_DEVICE_REMOVED", "", "dom devAlias:str", .flags = SK_LV_MESSAGE },
    { 313, "CONNECT_NETWORK_EVENT_REGISTER_ANY", "eventID:i32 net:net?", "callbackID:i32", SK_OP_EVENTS, register_network },
    { 314, "CONNECT_NETWORK_EVENT_DEREGISTER_ANY", "callbackID:i32", "", SK_OP_EVENTS, deregister_network },
    { 315, "NETWORK_EVENT_LIFECYCLE", "", "callbackID:i32 net event:i32 detail:i32", .flags = SK_LV_MESSAGE },
    { 316, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", "eventID:i32 dom:dom?", "callbackID:i32", SK_OP_EVENTS, register_domain },
    { 317, "CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", "callbackID:i32", "", SK_OP_EVENTS, deregister_domain },
    { 318, "DOMAIN_EVENT_CALLBACK_LIFECYCLE", "", "callbackID:i32 msg:{dom event:i32 detail:i32}", .flags = SK_LV_MESSAGE },
    { 319, "DOMAIN_EVENT_CALLBACK_REBOOT", "", "callbackID:i32 msg:{dom}", .flags = SK_LV_MESSAGE },
    { 320, "DOMAIN_EVENT_CALLBACK_RTC_CHANGE", "", "callbackID:i32 msg:{dom offset:i64}", .flags = SK_LV_MESSAGE },
    { 321, "DOMAIN_EVENT_CALLBACK_WATCHDOG", "", "callbackID:i32 msg:{dom action:i32}", .flags = SK_LV_MESSAGE },
    { 322, "DOMAIN_EVENT_CALLBACK_IO_ERROR", "", "callbackID:i32 msg:{dom srcPath:str devAlias:str action:i32}", .flags = SK_LV_MESSAGE },
    { 323, "DOMAIN_EVENT_CALLBACK_GRAPHICS", "", "callbackID:i32 msg:{dom phase:i32 local:{family:i32 node:str service:str} remote:{family:i32 node:str service:str} authScheme:str subject:{type:str name:str}<20>}", .flags = SK_LV_MESSAGE },
    { 324, "DOMAIN_EVENT_CALLBACK_IO_ERROR_REASON", "", "callbackID:i32 msg:{dom srcPath:str devAlias:str action:i32 reason:str}", .flags = SK_LV_MESSAGE },
    { 325, "DOMAIN_EVENT_CALLBACK_CONTROL_ERROR", "", "callbackID:i32 msg:{dom}", .flags = SK_LV_MESSAGE },
    { 326, "DOMAIN_EVENT_CALLBACK_BLOCK_JOB", "", "callbackID:i32 msg:{dom path:str type:i32 status:i32}", .flags = SK_LV_MESSAGE },
    { 327, "DOMAIN_EVENT_CALLBACK_DISK_CHANGE", "", "callbackID:i32 msg:{dom oldSrcPath:str? newSrcPath:str? devAlias:str reason:i32}", .flags = SK_LV_MESSAGE },
    { 328, "DOMAIN_EVENT_CALLBACK_TRAY_CHANGE", "", "callbackID:i32 msg:{dom devAlias:str reason:i32}", .flags = SK_LV_MESSAGE },
    { 329, "DOMAIN_EVENT_CALLBACK_PMWAKEUP", "", "callbackID:i32 reason:i32 msg:{dom}", .flags = SK_LV_MESSAGE },
    { 330, "DOMAIN_EVENT_CALLBACK_PMSUSPEND", "", "callbackID:i32 reason:i32 msg:{dom}", .flags = SK_LV_MESSAGE },
    { 331, "DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE", "", "callbackID:i32 msg:{dom actual:u64}", .flags = SK_LV_MESSAGE },
    { 332, "DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK", "", "callbackID:i32 reason:i32 msg:{dom}", .flags = SK_LV_MESSAGE, .lacks = "QEMU does not tell it from a suspend to memory" },
    { 333, "DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED", "", "callbackID:i32 msg:{dom devAlias:str}", .flags = SK_LV_MESSAGE },
    { 339, "DOMAIN_EVENT_CALLBACK_BLOCK_JOB_2", "", "callbackID:i32 dom dst:str type:i32 status:i32", .flags = SK_LV_MESSAGE },
    { 346, "DOMAIN_EVENT_CALLBACK_TUNABLE", "", "callbackID:i32 dom params:tp<2048>", .flags = SK_LV_MESSAGE },
    { 348, "DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE", "", "callbackID:i32 dom state:i32 reason:i32", .flags = SK_LV_MESSAGE },
    { 354, "DOMAIN_EVENT_CALLBACK_DEVICE_ADDED", "", "callbackID:i32 dom devAlias:str", .flags = SK_LV_MESSAGE },
    { 359, "DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION", "", "callbackID:i32 dom iteration:i32", .flags = SK_LV_MESSAGE },
    { 362, "CONNECT_EVENT_CONNECTION_CLOSED", "", "reason:i32", .flags = SK_LV_MESSAGE, .lacks = "the daemon is its own backend" },
    { 363, "DOMAIN_EVENT_CALLBACK_JOB_COMPLETED", "", "callbackID:i32 dom params:tp<64>", .flags = SK_LV_MESSAGE },
    { 367, "DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED", "", "callbackID:i32 dom devAlias:str", .flags = SK_LV_MESSAGE },
    { 368, "CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY", "eventID:i32 pool:pool?", "callbackID:i32", SK_OP_EVENTS, register_pool },
    { 369, "CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY", "callbackID:i32", "", SK_OP_EVENTS, deregister_pool },
    { 370, "STORAGE_POOL_EVENT_LIFECYCLE", "", "callbackID:i32 pool event:i32 detail:i32", .flags = SK_LV_MESSAGE },
    { 373, "STORAGE_POOL_EVENT_REFRESH", "", "callbackID:i32 pool", .flags = SK_LV_MESSAGE },
    { 374, "CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY", "eventID:i32 dev:nodedev?", "callbackID:i32", SK_OP_EVENTS, register_nodedev },
    { 375, "CONNECT_NODE_DEVICE_EVENT_DEREGISTER_ANY", "callbackID:i32", "", SK_OP_EVENTS, deregister_nodedev },
    { 376, "NODE_DEVICE_EVENT_LIFECYCLE", "", "callbackID:i32 dev:nodedev event:i32 detail:i32", .flags = SK_LV_MESSAGE },
    { 377, "NODE_DEVICE_EVENT_UPDATE", "", "callbackID:i32 dev:nodedev", .flags = SK_LV_MESSAGE },
    { 379, "DOMAIN_EVENT_CALLBACK_METADATA_CHANGE", "", "callbackID:i32 dom type:i32 nsuri:str?", .flags = SK_LV_MESSAGE },
    { 380, "CONNECT_SECRET_EVENT_REGISTER_ANY", "eventID:i32 secret:secret?", "callbackID:i32", SK_OP_EVENTS, register_secret },
    { 381, "CONNECT_SECRET_EVENT_DEREGISTER_ANY", "callbackID:i32", "", SK_OP_EVENTS, deregister_secret },
    { 382, "SECRET_EVENT_LIFECYCLE", "", "callbackID:i32 secret event:i32 detail:i32", .flags = SK_LV_MESSAGE },
    { 383, "SECRET_EVENT_VALUE_CHANGED", "", "callbackID:i32 secret", .flags = SK_LV_MESSAGE },
    { 385, "DOMAIN_EVENT_CALLBACK_BLOCK_THRESHOLD", "", "callbackID:i32 dom dev:str path:str? threshold:u64 excess:u64", .flags = SK_LV_MESSAGE },
    { 423, "DOMAIN_EVENT_CALLBACK_MEMORY_FAILURE", "", "callbackID:i32 dom recipient:i32 action:i32 flags", .flags = SK_LV_MESSAGE },
    { 438, "DOMAIN_EVENT_CALLBACK_MEMORY_DEVICE_SIZE_CHANGE", "", "callbackID:i32 dom alias:str size:u64", .flags = SK_LV_MESSAGE },
};
SK_LV_FAMILY(sk_lv_event_family, "Events", QEMU, rows);
