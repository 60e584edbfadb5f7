/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From events of ours to messages of libvirt's: one row a type. */
#include <string.h>

#include "api/libvirt/domain-job.h"
#include "api/libvirt/event.h"
#include "api/libvirt/objects.h"
#include "engine/launch.h"

/* One event on its way out. */
typedef struct {
    SkLibvirt *server;
    const SkEvent *event;
    const char *name;       /* of the object */
    const SkDomain *domain; /* NULL: it is gone, or none */
    json_t *data;           /* an object, perhaps empty */
} Telling;

/* -- helpers ------------------------------------------------------------------------------------------------------- */

static const char *
text(const Telling *telling, const char *key)
{
    const char *value = json_string_value(json_object_get(telling->data, key));
    return value != NULL ? value : "";
}

/* Number of a word in a list that ends with NULL; otherwise if it is not there. */
static gint
number_of(const char *word, const char *const *words, gint otherwise)
{
    for (gint i = 0; words[i] != NULL; i++) {
        if (g_str_equal(words[i], word))
            return i;
    }
    return otherwise;
}

static void
put_domain(GByteArray *out, const Telling *telling)
{
    if (telling->domain != NULL)
        sk_lv_put_domain(out, telling->domain);
    else
        sk_lv_put_domain_id(out, telling->name, telling->event->uuid, -1);
}

static GByteArray *
domain_body(const Telling *telling)
{
    GByteArray *body = g_byte_array_new();
    put_domain(body, telling);
    return body;
}

static void
send_domain(const Telling *telling, SkLvDomainEvent id, const GByteArray *body)
{
    sk_lv_event_send(telling->server, SK_LV_EVENT_DOMAIN, id, telling->event->uuid, body);
}

/* -- lifecycle ------------------------------------------------------------------------------------------------------ */

typedef enum { DEFINED, UNDEFINED, STARTED, SUSPENDED, RESUMED, STOPPED, SHUTDOWN, PMSUSPENDED, CRASHED } Lifecycle;

static void
lifecycle(const Telling *telling, Lifecycle event, gint detail)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i32(body, (gint) event);
    sk_xdr_put_i32(body, detail);
    send_domain(telling, SK_LV_DOMAIN_LIFECYCLE, body);
}

static void
on_created(const Telling *telling)
{
    lifecycle(telling, DEFINED, 0);
}

static void
on_changed(const Telling *telling)
{
    /* Not of what runs only. */
    if (!json_is_false(json_object_get(telling->data, "definition")))
        lifecycle(telling, DEFINED, 1);
}

static void
on_deleted(const Telling *telling)
{
    lifecycle(telling, UNDEFINED, 0);
}

static void
on_renamed(const Telling *telling)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    sk_lv_put_domain_id(body, text(telling, "old"), telling->event->uuid, -1);
    sk_xdr_put_i32(body, UNDEFINED);
    sk_xdr_put_i32(body, 1);
    send_domain(telling, SK_LV_DOMAIN_LIFECYCLE, body);
    lifecycle(telling, DEFINED, 2);
}

/* Details of each kind by our reason; what is not here is 0, the usual one. */
static const gint started_details[SK_N_DOMAIN_REASONS] = { [SK_REASON_MIGRATION] = 1, [SK_REASON_RESTORED] = 2, [SK_REASON_SNAPSHOT] = 3 };
static const gint suspended_details[SK_N_DOMAIN_REASONS] = { [SK_REASON_MIGRATION] = 1, [SK_REASON_IO_ERROR] = 2, [SK_REASON_WATCHDOG] = 3,
                                                             [SK_REASON_RESTORED] = 4, [SK_REASON_SNAPSHOT] = 5 };
static const gint resumed_details[SK_N_DOMAIN_REASONS] = { [SK_REASON_MIGRATION] = 1, [SK_REASON_SNAPSHOT] = 2 };
static const gint stopped_details[SK_N_DOMAIN_REASONS] = { [SK_REASON_DESTROYED] = 1, [SK_REASON_CRASHED] = 2, [SK_REASON_PANICKED] = 2,
                                                           [SK_REASON_MIGRATION] = 3, [SK_REASON_SAVED] = 4, [SK_REASON_FAILED] = 5,
                                                           [SK_REASON_SNAPSHOT] = 6 };

static void
tell_pm(const Telling *telling, SkLvDomainEvent id)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    sk_xdr_put_i32(body, 0);
    put_domain(body, telling);
    send_domain(telling, id, body);
}

static void
tell_running(const Telling *telling, SkDomainState from, gint reason)
{
    if (from == SK_DOMAIN_SHUT_OFF) {
        lifecycle(telling, RESUMED, resumed_details[reason]);
        lifecycle(telling, STARTED, started_details[reason]);
    } else if (from == SK_DOMAIN_PMSUSPENDED) {
        lifecycle(telling, STARTED, 4);
        tell_pm(telling, SK_LV_DOMAIN_PM_WAKEUP);
    } else if (from == SK_DOMAIN_PAUSED) {
        lifecycle(telling, RESUMED, resumed_details[reason]);
    }
}

static void
on_state(const Telling *telling)
{
    gint state = 0, from = 0, reason = 0;
    if (!sk_enum_parse(&sk_domain_state_enum, text(telling, "state"), &state, NULL) ||
        !sk_enum_parse(&sk_domain_state_enum, text(telling, "from"), &from, NULL) ||
        !sk_enum_parse(&sk_domain_reason_enum, text(telling, "reason"), &reason, NULL) || state == from)
        return;
    switch ((SkDomainState) state) {
    case SK_DOMAIN_RUNNING:
        tell_running(telling, (SkDomainState) from, reason);
        break;
    case SK_DOMAIN_PAUSED:
        if (from == SK_DOMAIN_SHUT_OFF)
            lifecycle(telling, STARTED, started_details[reason]);
        lifecycle(telling, SUSPENDED, suspended_details[reason]);
        break;
    case SK_DOMAIN_SHUT_OFF:
        lifecycle(telling, STOPPED, stopped_details[reason]);
        break;
    case SK_DOMAIN_PMSUSPENDED:
        lifecycle(telling, PMSUSPENDED, 0);
        tell_pm(telling, SK_LV_DOMAIN_PM_SUSPEND);
        break;
    default:
        break;
    }
}

/* QEMU is about to end, by the guest's wish or ours. */
static void
on_shutdown(const Telling *telling)
{
    lifecycle(telling, SHUTDOWN, json_is_true(json_object_get(telling->data, "guest")) ? 1 : 2);
}

static void
on_panicked(const Telling *telling)
{
    lifecycle(telling, CRASHED, 0);
}

/* -- what happens to a guest -------------------------------------------------------------------------------------------- */

static void
on_reset(const Telling *telling)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    send_domain(telling, SK_LV_DOMAIN_REBOOT, body);
}

static void
on_control_error(const Telling *telling)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    send_domain(telling, SK_LV_DOMAIN_CONTROL_ERROR, body);
}

static void
on_rtc_change(const Telling *telling)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i64(body, json_integer_value(json_object_get(telling->data, "offset")));
    send_domain(telling, SK_LV_DOMAIN_RTC_CHANGE, body);
}

static void
on_watchdog(const Telling *telling)
{
    static const char *const actions[] = { "none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi", NULL };
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i32(body, number_of(text(telling, "action"), actions, 0));
    send_domain(telling, SK_LV_DOMAIN_WATCHDOG, body);
}

/* The disk of what QEMU names by its device's id or by its block node. */
static const SkDisk *
find_disk(const Telling *telling)
{
    const SkDomainSpec *live = telling->domain != NULL ? telling->domain->runtime.live : NULL;
    const char *device = text(telling, "device"), *node = text(telling, "node-name");
    for (guint i = 0; live != NULL && live->disks != NULL && i < live->disks->len; i++) {
        const SkDisk *disk = live->disks->pdata[i];
        g_autofree char *own_node = sk_block_node_name(disk), *below = g_strconcat(own_node, "-", NULL);
        gboolean is_node = *node != '\0' && (g_str_equal(own_node, node) || g_str_has_prefix(node, below));
        if ((*device != '\0' && g_strcmp0(disk->alias, device) == 0) || is_node)
            return disk;
    }
    return NULL;
}

static void
on_io_error(const Telling *telling)
{
    static const char *const actions[] = { "ignore", "stop", "report", NULL };
    const SkDisk *disk = find_disk(telling);
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_str(body, disk != NULL && disk->path != NULL ? disk->path : "");
    sk_xdr_put_str(body, disk != NULL ? disk->alias : text(telling, "device"));
    sk_xdr_put_i32(body, number_of(text(telling, "action"), actions, 0));
    send_domain(telling, SK_LV_DOMAIN_IO_ERROR, body);
    sk_xdr_put_str(body, json_is_true(json_object_get(telling->data, "nospace")) ? "enospc" : "");
    send_domain(telling, SK_LV_DOMAIN_IO_ERROR_REASON, body);
}

static void
put_address(GByteArray *out, const json_t *peer)
{
    static const char *const families[] = { "ipv4", "ipv6", "unix", NULL };
    const char *family = json_string_value(json_object_get(peer, "family"));
    sk_xdr_put_i32(out, number_of(family != NULL ? family : "", families, 0));
    sk_xdr_put_str(out, json_string_value(json_object_get(peer, "host")));
    sk_xdr_put_str(out, json_string_value(json_object_get(peer, "service")));
}

static void
on_graphics(const Telling *telling)
{
    static const char *const phases[] = { "connect", "initialize", "disconnect", NULL };
    const json_t *server = json_object_get(telling->data, "server"), *client = json_object_get(telling->data, "client");
    const char *auth = json_string_value(json_object_get(server, "auth"));
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i32(body, number_of(text(telling, "phase"), phases, 0));
    put_address(body, server);
    put_address(body, client);
    sk_xdr_put_str(body, auth);
    sk_xdr_put_u32(body, 0);
    send_domain(telling, SK_LV_DOMAIN_GRAPHICS, body);
}

static void
on_balloon(const Telling *telling)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_u64(body, (guint64) json_integer_value(json_object_get(telling->data, "actual")) / 1024);
    send_domain(telling, SK_LV_DOMAIN_BALLOON_CHANGE, body);
}

static void
on_tray(const Telling *telling)
{
    const char *id = text(telling, "id");
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_str(body, *id != '\0' ? id : text(telling, "device"));
    sk_xdr_put_i32(body, json_is_true(json_object_get(telling->data, "tray-open")) ? 0 : 1);
    send_domain(telling, SK_LV_DOMAIN_TRAY_CHANGE, body);
}

/* A medium was changed by its start's policy: {"old","new","device","reason"}. */
static void
on_disk_change(const Telling *telling)
{
    static const char *const reasons[] = { "missing", "drop", NULL };
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_optional_str(body, json_string_value(json_object_get(telling->data, "old")));
    sk_xdr_put_optional_str(body, json_string_value(json_object_get(telling->data, "new")));
    sk_xdr_put_str(body, text(telling, "device"));
    sk_xdr_put_i32(body, number_of(text(telling, "reason"), reasons, 0));
    send_domain(telling, SK_LV_DOMAIN_DISK_CHANGE, body);
}

/* Events that carry the name of a device and nothing else. QEMU tells of parts without a name too. */
static void
tell_device(const Telling *telling, SkLvDomainEvent id)
{
    const char *device = text(telling, "device");
    if (*device == '\0')
        return;
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_str(body, device);
    send_domain(telling, id, body);
}

static void
on_device_deleted(const Telling *telling)
{
    tell_device(telling, SK_LV_DOMAIN_DEVICE_REMOVED);
}

static void
on_device_added(const Telling *telling)
{
    tell_device(telling, SK_LV_DOMAIN_DEVICE_ADDED);
}

static void
on_device_refused(const Telling *telling)
{
    tell_device(telling, SK_LV_DOMAIN_DEVICE_REMOVAL_FAILED);
}

static void
tell_agent(const Telling *telling, gint state)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i32(body, state);
    sk_xdr_put_i32(body, 2);
    send_domain(telling, SK_LV_DOMAIN_AGENT_LIFECYCLE, body);
}

static void
on_agent_up(const Telling *telling)
{
    tell_agent(telling, 1);
}

static void
on_agent_down(const Telling *telling)
{
    tell_agent(telling, 2);
}

/* -- long work on a domain --------------------------------------------------------------------------------------------------- */

/* {"target":"vda","path":"/...","type":"pull|copy|commit|active-commit|backup","status":"completed|failed|canceled|ready"} */
static void
on_block_job(const Telling *telling)
{
    static const char *const types[] = { "", "pull", "copy", "commit", "active-commit", "backup", NULL };
    static const char *const states[] = { "completed", "failed", "canceled", "ready", NULL };
    static const struct {
        SkLvDomainEvent id;
        const char *key;
    } forms[] = { { SK_LV_DOMAIN_BLOCK_JOB, "path" }, { SK_LV_DOMAIN_BLOCK_JOB_2, "target" } };
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autoptr(GByteArray) body = domain_body(telling);
        sk_xdr_put_str(body, text(telling, forms[i].key));
        sk_xdr_put_i32(body, number_of(text(telling, "type"), types, 0));
        sk_xdr_put_i32(body, number_of(text(telling, "status"), states, 1));
        send_domain(telling, forms[i].id, body);
    }
}

static void
on_block_threshold(const Telling *telling)
{
    const SkDisk *disk = find_disk(telling);
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_str(body, disk != NULL ? disk->target : text(telling, "node-name"));
    sk_xdr_put_optional_str(body, disk != NULL ? disk->path : NULL);
    sk_xdr_put_u64(body, (guint64) json_integer_value(json_object_get(telling->data, "write-threshold")));
    sk_xdr_put_u64(body, (guint64) json_integer_value(json_object_get(telling->data, "amount-exceeded")));
    send_domain(telling, SK_LV_DOMAIN_BLOCK_THRESHOLD, body);
}

static void
on_memory_failure(const Telling *telling)
{
    static const char *const recipients[] = { "hypervisor", "guest", NULL };
    static const char *const actions[] = { "ignore", "inject", "fatal", "reset", NULL };
    const json_t *flags = json_object_get(telling->data, "flags");
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i32(body, number_of(text(telling, "recipient"), recipients, 0));
    sk_xdr_put_i32(body, number_of(text(telling, "action"), actions, 0));
    sk_xdr_put_u32(body, (json_is_true(json_object_get(flags, "action-required")) ? 1u : 0u) |
                             (json_is_true(json_object_get(flags, "recursive")) ? 2u : 0u));
    send_domain(telling, SK_LV_DOMAIN_MEMORY_FAILURE, body);
}

static void
on_memory_device(const Telling *telling)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_str(body, text(telling, "id"));
    sk_xdr_put_u64(body, (guint64) json_integer_value(json_object_get(telling->data, "size")) / 1024);
    send_domain(telling, SK_LV_DOMAIN_MEMORY_DEVICE_SIZE_CHANGE, body);
}

/* {"kind":"description|title|element","uri":...} */
static void
on_metadata(const Telling *telling)
{
    static const char *const kinds[] = { "description", "title", "element", NULL };
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i32(body, number_of(text(telling, "kind"), kinds, 2));
    sk_xdr_put_optional_str(body, json_string_value(json_object_get(telling->data, "uri")));
    send_domain(telling, SK_LV_DOMAIN_METADATA_CHANGE, body);
}

/* {"tunable.name":number or text, ...} */
static void
on_tunable(const Telling *telling)
{
    const char *key;
    json_t *value;
    guint count = 0;
    g_autoptr(GByteArray) body = domain_body(telling);
    gsize place = sk_xdr_list_begin(body);
    json_object_foreach(telling->data, key, value) {
        if (json_is_integer(value))
            sk_xdr_put_param_u64(body, key, (guint64) json_integer_value(value));
        else if (json_is_string(value))
            sk_xdr_put_param_str(body, key, json_string_value(value));
        else
            continue;
        count++;
    }
    sk_xdr_list_end(body, place, count);
    send_domain(telling, SK_LV_DOMAIN_TUNABLE, body);
}

static void
on_migration_iteration(const Telling *telling)
{
    g_autoptr(GByteArray) body = domain_body(telling);
    sk_xdr_put_i32(body, (gint) json_integer_value(json_object_get(telling->data, "pass")));
    send_domain(telling, SK_LV_DOMAIN_MIGRATION_ITERATION, body);
}

/* Our operations that a client knows as a domain's job. */
static const struct {
    const char *operation;
    gint number;
} domain_jobs[] = {
    { "domain.save", 2 }, { "domain.managed-save", 2 }, { "domain.restore", 3 }, { "migration.receive", 4 }, { "domain.migrate", 5 },
    { "snapshot.create", 6 }, { "snapshot.revert", 7 }, { "domain.dump", 8 }, { "backup.begin", 9 }, { "snapshot.delete", 10 },
};

gint
sk_lv_job_number(const char *operation)
{
    for (guint i = 0; i < G_N_ELEMENTS(domain_jobs); i++) {
        if (g_str_equal(domain_jobs[i].operation, operation))
            return domain_jobs[i].number;
    }
    return 0;
}

static void
send_job_completed(const Telling *telling, const SkDomain *domain)
{
    SkJobInfo *info = sk_json_decode(&sk_job_info_type, telling->data, NULL);
    if (info == NULL)
        return;
    g_autoptr(GByteArray) body = g_byte_array_new();
    sk_lv_put_domain(body, domain);
    sk_lv_put_job(body, info);
    sk_lv_event_send(telling->server, SK_LV_EVENT_DOMAIN, SK_LV_DOMAIN_JOB_COMPLETED, domain->spec->uuid, body);
    sk_value_free(&sk_job_info_type, info);
}

static void
on_job_ended(const Telling *telling)
{
    const char *operation = text(telling, "operation"), *object = text(telling, "object");
    const SkDomain *domain = g_str_has_prefix(object, "domain/") ?
                             sk_service_domain(telling->server->service, object + strlen("domain/"), NULL) : NULL;
    if (domain != NULL && sk_lv_job_number(operation) != 0)
        send_job_completed(telling, domain);
}

/* -- networks, pools, secrets, devices of the host ---------------------------------------------------------------------------------- */

static void
send_named(const Telling *telling, SkLvEventKind kind, gint event)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    sk_xdr_put_str(body, telling->name);
    sk_xdr_put_uuid(body, telling->event->uuid);
    sk_xdr_put_i32(body, event);
    sk_xdr_put_i32(body, 0);
    sk_lv_event_send(telling->server, kind, 0, telling->event->uuid, body);
}

/* One that never had a definition comes with its start and goes with its end. */
static void
on_network(const Telling *telling)
{
    static const char *const events[] = { "created", "deleted", "started", "stopped", "undefined", "changed", NULL };
    static const gint numbers[] = { 0, 1, 2, 3, 1, 0 };
    if (json_is_false(json_object_get(telling->data, "persistent")))
        return;
    send_named(telling, SK_LV_EVENT_NETWORK, numbers[number_of(strchr(telling->event->type, '.') + 1, events, 0)]);
}

static void
on_pool(const Telling *telling)
{
    static const char *const events[] = { "created", "deleted", "started", "stopped", "built", "erased", NULL };
    send_named(telling, SK_LV_EVENT_POOL, number_of(strchr(telling->event->type, '.') + 1, events, 0));
}

static void
on_pool_refreshed(const Telling *telling)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    sk_xdr_put_str(body, telling->name);
    sk_xdr_put_uuid(body, telling->event->uuid);
    sk_lv_event_send(telling->server, SK_LV_EVENT_POOL, 1, telling->event->uuid, body);
}

/* {"usage_type":number,"usage":text} */
static GByteArray *
secret_body(const Telling *telling)
{
    GByteArray *body = g_byte_array_new();
    sk_xdr_put_uuid(body, telling->event->uuid);
    sk_xdr_put_i32(body, (gint) json_integer_value(json_object_get(telling->data, "usage_type")));
    sk_xdr_put_str(body, text(telling, "usage"));
    return body;
}

static void
on_secret(const Telling *telling)
{
    g_autoptr(GByteArray) body = secret_body(telling);
    sk_xdr_put_i32(body, g_str_has_suffix(telling->event->type, ".deleted") ? 1 : 0);
    sk_xdr_put_i32(body, 0);
    sk_lv_event_send(telling->server, SK_LV_EVENT_SECRET, 0, telling->event->uuid, body);
}

static void
on_secret_value(const Telling *telling)
{
    g_autoptr(GByteArray) body = secret_body(telling);
    sk_lv_event_send(telling->server, SK_LV_EVENT_SECRET, 1, telling->event->uuid, body);
}

static void
on_nodedev(const Telling *telling)
{
    static const char *const events[] = { "created", "deleted", "defined", "undefined", NULL };
    gint event = number_of(strchr(telling->event->type, '.') + 1, events, -1);
    g_autoptr(GByteArray) body = g_byte_array_new();
    sk_xdr_put_str(body, telling->name);
    if (event >= 0) {
        sk_xdr_put_i32(body, event);
        sk_xdr_put_i32(body, 0);
    }
    sk_lv_event_send(telling->server, SK_LV_EVENT_NODEDEV, event >= 0 ? 0 : 1, telling->name, body);
}

/* -- the table ----------------------------------------------------------------------------------------------------------------------- */

/* Exact types, or with a dot at the end all of an object's; first match. also: a second event that it makes. */
static const struct {
    const char *type;
    void (*tell)(const Telling *telling);
    SkLvEventKind kind;
    guint id, also;
} table[] = {
#define DOMAIN(type_, func, id_) { .type = "domain." type_, .tell = func, .kind = SK_LV_EVENT_DOMAIN, .id = SK_LV_DOMAIN_##id_, .also = SK_LV_DOMAIN_##id_ }
#define DOMAIN2(type_, func, id_, also_) { .type = "domain." type_, .tell = func, .kind = SK_LV_EVENT_DOMAIN, .id = SK_LV_DOMAIN_##id_, .also = SK_LV_DOMAIN_##also_ }
    { .type = "domain.state", .tell = on_state, .kind = SK_LV_N_EVENT_KINDS },
    DOMAIN("created", on_created, LIFECYCLE),
    DOMAIN("changed", on_changed, LIFECYCLE),
    DOMAIN("deleted", on_deleted, LIFECYCLE),
    DOMAIN("renamed", on_renamed, LIFECYCLE),
    DOMAIN("shutdown", on_shutdown, LIFECYCLE),
    DOMAIN("panicked", on_panicked, LIFECYCLE),
    DOMAIN("reset", on_reset, REBOOT),
    DOMAIN("control-error", on_control_error, CONTROL_ERROR),
    DOMAIN("rtc-change", on_rtc_change, RTC_CHANGE),
    DOMAIN("watchdog", on_watchdog, WATCHDOG),
    DOMAIN2("io-error", on_io_error, IO_ERROR, IO_ERROR_REASON),
    DOMAIN("graphics", on_graphics, GRAPHICS),
    DOMAIN2("block-job", on_block_job, BLOCK_JOB, BLOCK_JOB_2),
    DOMAIN("disk-change", on_disk_change, DISK_CHANGE),
    DOMAIN("tray", on_tray, TRAY_CHANGE),
    DOMAIN("balloon", on_balloon, BALLOON_CHANGE),
    DOMAIN("device-deleted", on_device_deleted, DEVICE_REMOVED),
    DOMAIN("device-added", on_device_added, DEVICE_ADDED),
    DOMAIN("device-refused", on_device_refused, DEVICE_REMOVAL_FAILED),
    DOMAIN("tunable", on_tunable, TUNABLE),
    DOMAIN("agent-up", on_agent_up, AGENT_LIFECYCLE),
    DOMAIN("agent-down", on_agent_down, AGENT_LIFECYCLE),
    DOMAIN("migration-pass", on_migration_iteration, MIGRATION_ITERATION),
    DOMAIN("metadata", on_metadata, METADATA_CHANGE),
    DOMAIN("block-threshold", on_block_threshold, BLOCK_THRESHOLD),
    DOMAIN("memory-failure", on_memory_failure, MEMORY_FAILURE),
    DOMAIN("memory-device", on_memory_device, MEMORY_DEVICE_SIZE_CHANGE),
    { .type = "job.ended", .tell = on_job_ended, .kind = SK_LV_EVENT_DOMAIN, .id = SK_LV_DOMAIN_JOB_COMPLETED, .also = SK_LV_DOMAIN_JOB_COMPLETED },
    { .type = "network.created", .tell = on_network, .kind = SK_LV_EVENT_NETWORK },
    { .type = "network.changed", .tell = on_network, .kind = SK_LV_EVENT_NETWORK },
    { .type = "network.deleted", .tell = on_network, .kind = SK_LV_EVENT_NETWORK },
    { .type = "network.undefined", .tell = on_network, .kind = SK_LV_EVENT_NETWORK },
    { .type = "network.started", .tell = on_network, .kind = SK_LV_EVENT_NETWORK },
    { .type = "network.stopped", .tell = on_network, .kind = SK_LV_EVENT_NETWORK },
    { .type = "pool.refreshed", .tell = on_pool_refreshed, .kind = SK_LV_EVENT_POOL, .id = 1, .also = 1 },
    { .type = "pool.", .tell = on_pool, .kind = SK_LV_EVENT_POOL },
    { .type = "secret.value", .tell = on_secret_value, .kind = SK_LV_EVENT_SECRET, .id = 1, .also = 1 },
    { .type = "secret.", .tell = on_secret, .kind = SK_LV_EVENT_SECRET },
    { .type = "nodedev.", .tell = on_nodedev, .kind = SK_LV_EVENT_NODEDEV, .id = 0, .also = 1 },
#undef DOMAIN
#undef DOMAIN2
};

static gboolean
matches(const char *type, const char *pattern)
{
    return g_str_has_suffix(pattern, ".") ? g_str_has_prefix(type, pattern) : g_str_equal(type, pattern);
}

static void
tell(SkLibvirt *server, const SkEvent *event, void (*func)(const Telling *telling))
{
    const char *slash = event->object != NULL ? strchr(event->object, '/') : NULL;
    g_autoptr(json_t) data = event->data != NULL ? json_loads(event->data, 0, NULL) : NULL;
    g_autoptr(json_t) empty = json_object();
    const Telling telling = {
        .server = server, .event = event, .name = slash != NULL ? slash + 1 : "", .data = data != NULL ? data : empty,
        .domain = event->uuid != NULL ? g_hash_table_lookup(server->service->domains_by_uuid, event->uuid) : NULL,
    };
    func(&telling);
}

void
sk_lv_event_translate(const SkEvent *event, gpointer data)
{
    SkLibvirt *server = data;
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (!matches(event->type, table[i].type))
            continue;
        /* A state's change makes several kinds of events. */
        if (table[i].kind == SK_LV_N_EVENT_KINDS || sk_lv_event_wanted(server, table[i].kind, table[i].id) ||
            sk_lv_event_wanted(server, table[i].kind, table[i].also))
            tell(server, event, table[i].tell);
        return;
    }
}
