/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What guests tell of themselves through their agent, and what they are asked to do. */
#include "api/libvirt/domain-guest.h"

#include <string.h>

#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/json/json.h"
#include "model/agent.h"

#define PARAMS_MAX 2048     /* of GET_GUEST_INFO */
#define FILESYSTEMS_MAX 256 /* of GET_FSINFO */

SkCall *
sk_lv_ask_agent(SkLvCall *call, SkOperationId id, gpointer body, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    const SkOperation *operation = sk_operation(id);
    if (domain == NULL || (body != NULL && !sk_value_check(operation->body, body, NULL, error))) {
        if (body != NULL)
            sk_value_free(operation->body, body);
        return NULL;
    }
    SkCall *op = sk_lv_operation(call, id);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body != NULL || operation->body == NULL ? body : sk_value_new(operation->body);
    return op;
}

/* Asks, with done for the answer. */
static gboolean
ask(SkLvCall *call, SkOperationId id, gpointer body, SkLvDone done, GError **error)
{
    SkCall *op = sk_lv_ask_agent(call, id, body, error);
    return op != NULL && sk_lv_dispatch(call, op, done);
}

static json_t *
answer_of(const SkCall *op, GError **error)
{
    return sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
}

static gboolean
ask_parts(SkLvCall *call, char **parts, SkLvDone done, GError **error)
{
    SkCall *op = sk_lv_ask_agent(call, SK_OP_AGENT_INFO, NULL, error);
    if (op == NULL) {
        g_strfreev(parts);
        return FALSE;
    }
    op->params.parts = parts;
    return sk_lv_dispatch(call, op, done);
}

static char **
one_part(SkGuestPart part)
{
    const char *const words[] = { sk_enum_name(&sk_guest_part_enum, (gint) part), NULL };
    return g_strdupv((char **) words);
}

/* -- host name, clock, unused space ------------------------------------------------------------------------------------- */

enum { NAME_FROM_LEASE = 1, NAME_FROM_AGENT = 2 };

static gboolean
put_hostname(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = answer_of(op, error);
    if (answer != NULL)
        sk_xdr_put_str(call->out, json_string_value(json_object_get(answer, "hostname")));
    return answer != NULL;
}

/* What the guest called itself when it asked for an address; NULL: nothing, or nobody asked. */
static const char *
leased_name(const SkLvCall *call, const SkInterface *nic)
{
    const SkNetwork *network = nic->network != NULL ? g_tree_lookup(call->service->networks, nic->network) : NULL;
    for (guint i = 0; network != NULL && network->leases != NULL && i < network->leases->len; i++) {
        const SkLease *lease = network->leases->pdata[i];
        if (lease->hostname != NULL && lease->mac != NULL && g_ascii_strcasecmp(lease->mac, nic->mac) == 0)
            return lease->hostname;
    }
    return NULL;
}

static gboolean
put_leased_name(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    const GPtrArray *nics = domain != NULL && domain->runtime.live != NULL ? domain->runtime.live->interfaces : NULL;
    if (domain == NULL)
        return FALSE;
    for (guint i = 0; nics != NULL && i < nics->len; i++) {
        const char *name = leased_name(call, nics->pdata[i]);
        if (name == NULL)
            continue;
        sk_xdr_put_str(call->out, name);
        return TRUE;
    }
    return sk_fail(error, SK_ERROR_NOT_FOUND, "no hostname found for domain \"%s\": no lease of its interfaces has one", sk_domain_name(domain));
}

gboolean
sk_lv_get_hostname(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, NAME_FROM_LEASE | NAME_FROM_AGENT, error))
        return FALSE;
    if (sk_lv_uint(call, "flags") == NAME_FROM_LEASE)
        return put_leased_name(call, error);
    return ask_parts(call, one_part(SK_GUEST_HOSTNAME), put_hostname, error);
}

gboolean
sk_lv_fstrim(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (sk_lv_str(call, "mountPoint") != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "all file systems of a guest are trimmed: give no mount point");
    SkAgentTrim *body = sk_value_new(&sk_agent_trim_type);
    body->minimum = MIN(sk_lv_uint64(call, "minimum"), (guint64) G_MAXINT64);
    return ask(call, SK_OP_AGENT_TRIM, body, NULL, error);
}

static gboolean
put_time(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = answer_of(op, error);
    if (answer == NULL)
        return FALSE;
    sk_xdr_put_i64(call->out, json_integer_value(json_object_get(answer, "seconds")));
    sk_xdr_put_u32(call->out, (guint) json_integer_value(json_object_get(answer, "nanoseconds")));
    return TRUE;
}

gboolean
sk_lv_get_time(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && ask(call, SK_OP_AGENT_TIME, NULL, put_time, error);
}

enum { TIME_SYNC = 1 };

gboolean
sk_lv_set_time(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, TIME_SYNC, error))
        return FALSE;
    SkAgentClock *body = sk_value_new(&sk_agent_clock_type);
    body->from = (sk_lv_uint(call, "flags") & TIME_SYNC) != 0 ? SK_CLOCK_FROM_RTC : SK_CLOCK_FROM_GIVEN;
    body->seconds = sk_lv_int64(call, "seconds");
    body->nanoseconds = sk_lv_uint(call, "nseconds");
    return ask(call, SK_OP_AGENT_SET_TIME, body, NULL, error);
}

/* -- file systems ----------------------------------------------------------------------------------------------------------- */

static void
put_filesystem(GByteArray *out, const json_t *fs)
{
    gsize i;
    json_t *disk;
    guint count = 0;
    sk_xdr_put_str(out, json_string_value(json_object_get(fs, "mountpoint")));
    sk_xdr_put_str(out, json_string_value(json_object_get(fs, "name")));
    sk_xdr_put_str(out, json_string_value(json_object_get(fs, "type")));
    gsize place = sk_xdr_list_begin(out);
    json_array_foreach (json_object_get(fs, "disks"), i, disk) {
        const char *target = json_string_value(json_object_get(disk, "target"));
        if (target == NULL || count >= 256)
            continue;
        sk_xdr_put_str(out, target);
        count++;
    }
    sk_xdr_list_end(out, place, count);
}

static gboolean
put_fsinfo(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = answer_of(op, error);
    const json_t *list = json_object_get(answer, "filesystems");
    gsize i;
    json_t *fs;
    if (answer == NULL)
        return FALSE;
    if (json_array_size(list) > FILESYSTEMS_MAX)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "the guest has %zu file systems, at most %d can be told in one answer", json_array_size(list), FILESYSTEMS_MAX);
    gsize place = sk_xdr_list_begin(call->out);
    json_array_foreach (list, i, fs)
        put_filesystem(call->out, fs);
    sk_xdr_list_end(call->out, place, (guint) json_array_size(list));
    sk_xdr_put_u32(call->out, (guint) json_array_size(list));
    return TRUE;
}

gboolean
sk_lv_get_fsinfo(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && ask_parts(call, one_part(SK_GUEST_FILESYSTEMS), put_fsinfo, error);
}

/* -- all that it tells --------------------------------------------------------------------------------------------------------- */

typedef enum { AS_TEXT, AS_U64, AS_I32, AS_U32, AS_BOOL } ParamKind;

/* A member of the answer and the parameter that it is. */
typedef struct {
    const char *key, *param;
    ParamKind kind;
} Member;

typedef struct {
    GByteArray *out;
    guint count;
} Params;

static void
put_member(Params *self, const char *prefix, const Member *member, const json_t *value)
{
    g_autofree char *name = g_strconcat(prefix, member->param, NULL);
    if (value == NULL || json_is_null(value) || (member->kind == AS_TEXT && !json_is_string(value)))
        return;
    switch (member->kind) {
    case AS_TEXT:
        sk_xdr_put_param_str(self->out, name, json_string_value(value));
        break;
    case AS_U64:
        sk_xdr_put_param_u64(self->out, name, (guint64) json_integer_value(value));
        break;
    case AS_I32:
        sk_xdr_put_param_i32(self->out, name, (gint) json_integer_value(value));
        break;
    case AS_U32:
        sk_xdr_put_param_u32(self->out, name, (guint) json_integer_value(value));
        break;
    case AS_BOOL:
        sk_xdr_put_param_bool(self->out, name, json_is_true(value));
        break;
    }
    self->count++;
}

static void
put_count(Params *self, const char *list, gsize count)
{
    g_autofree char *name = g_strconcat(list, ".count", NULL);
    sk_xdr_put_param_u32(self->out, name, (guint) count);
    self->count++;
}

static const Member user_members[] = { { "name", "name" }, { "domain", "domain" }, { "login", "login-time", AS_U64 } };
static const Member os_members[] = {
    { "id", "os.id" }, { "name", "os.name" }, { "pretty_name", "os.pretty-name" }, { "version", "os.version" }, { "version_id", "os.version-id" },
    { "kernel_release", "os.kernel-release" }, { "kernel_version", "os.kernel-version" }, { "machine", "os.machine" },
    { "variant", "os.variant" }, { "variant_id", "os.variant-id" },
};
static const Member timezone_members[] = { { "name", "timezone.name" }, { "offset", "timezone.offset", AS_I32 } };
static const Member fs_members[] = { { "name", "name" }, { "mountpoint", "mountpoint" }, { "type", "fstype" }, { "total", "total-bytes", AS_U64 },
                                     { "used", "used-bytes", AS_U64 } };
static const Member fs_disk_members[] = { { "target", "alias" }, { "serial", "serial" }, { "device", "device" } };
static const Member disk_members[] = { { "name", "name" }, { "partition", "partition", AS_BOOL }, { "target", "alias" }, { "alias", "guest_alias" } };
static const Member interface_members[] = { { "name", "name" }, { "mac", "hwaddr" } };

/* A list of the answer: "user.0.name". within: a list in each entry. */
typedef struct {
    const char *key, *prefix;
    const Member *members;
    guint n_members;
    void (*within)(Params *self, const char *prefix, const json_t *entry);
    guint part;             /* SkGuestPart that it is the whole of */
} ListShape;

static void
put_list(Params *self, const char *before, const json_t *list, const ListShape *shape)
{
    gsize i;
    json_t *entry;
    g_autofree char *name = g_strconcat(before, shape->prefix, NULL);
    if (list == NULL)
        return;
    put_count(self, name, json_array_size(list));
    json_array_foreach (list, i, entry) {
        g_autofree char *prefix = g_strdup_printf("%s.%zu.", name, i);
        for (guint j = 0; j < shape->n_members; j++)
            put_member(self, prefix, &shape->members[j], json_object_get(entry, shape->members[j].key));
        if (shape->within != NULL)
            shape->within(self, prefix, entry);
    }
}

static void
put_fs_disks(Params *self, const char *prefix, const json_t *fs)
{
    static const ListShape shape = { "disks", "disk", fs_disk_members, G_N_ELEMENTS(fs_disk_members), NULL, 0 };
    put_list(self, prefix, json_object_get(fs, "disks"), &shape);
}

static void
put_dependencies(Params *self, const char *prefix, const json_t *disk)
{
    const json_t *list = json_object_get(disk, "dependencies");
    g_autofree char *name = g_strconcat(prefix, "dependency", NULL);
    gsize i;
    json_t *entry;
    if (json_array_size(list) == 0)
        return;
    put_count(self, name, json_array_size(list));
    json_array_foreach (list, i, entry) {
        static const Member member = { NULL, "name", AS_TEXT };
        g_autofree char *place = g_strdup_printf("%s.%zu.", name, i);
        put_member(self, place, &member, entry);
    }
}

static void
put_ips(Params *self, const char *prefix, const json_t *interface)
{
    const json_t *list = json_object_get(interface, "addresses");
    g_autofree char *name = g_strconcat(prefix, "addr", NULL);
    gsize i;
    json_t *entry;
    put_count(self, name, json_array_size(list));
    json_array_foreach (list, i, entry) {
        static const Member type = { NULL, "type", AS_TEXT }, addr = { NULL, "addr", AS_TEXT }, prefix_member = { NULL, "prefix", AS_U32 };
        const char *text = json_string_value(json_object_get(entry, "address"));
        g_autofree char *place = g_strdup_printf("%s.%zu.", name, i);
        g_autoptr(json_t) family = json_string(text != NULL && strchr(text, ':') != NULL ? "ipv6" : "ipv4");
        put_member(self, place, &type, family);
        put_member(self, place, &addr, json_object_get(entry, "address"));
        put_member(self, place, &prefix_member, json_object_get(entry, "prefix"));
    }
}

static const ListShape lists[] = {
    { "users", "user", user_members, G_N_ELEMENTS(user_members), NULL, SK_GUEST_USERS },
    { "filesystems", "fs", fs_members, G_N_ELEMENTS(fs_members), put_fs_disks, SK_GUEST_FILESYSTEMS },
    { "disks", "disk", disk_members, G_N_ELEMENTS(disk_members), put_dependencies, SK_GUEST_DISKS },
    { "interfaces", "if", interface_members, G_N_ELEMENTS(interface_members), put_ips, SK_GUEST_INTERFACES },
};

static void
put_members(Params *self, const json_t *object, const Member *members, guint n)
{
    for (guint i = 0; object != NULL && i < n; i++)
        put_member(self, "", &members[i], json_object_get(object, members[i].key));
}

static gboolean
put_guest_info(SkLvCall *call, SkCall *op, GError **error)
{
    static const Member hostname = { "hostname", "hostname", AS_TEXT };
    g_autoptr(json_t) answer = answer_of(op, error);
    Params params = { .out = call->out };
    guint types = sk_lv_uint(call, "types");
    if (answer == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    put_members(&params, json_object_get(answer, "os"), os_members, G_N_ELEMENTS(os_members));
    put_members(&params, json_object_get(answer, "timezone"), timezone_members, G_N_ELEMENTS(timezone_members));
    put_member(&params, "", &hostname, json_object_get(answer, "hostname"));
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        const json_t *list = json_object_get(answer, lists[i].key);
        if ((types & (1u << lists[i].part)) != 0 || json_array_size(list) > 0)
            put_list(&params, "", list, &lists[i]);
    }
    if (params.count > PARAMS_MAX)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "the guest tells %u things of itself, at most %d can be told in one answer: ask for fewer parts", params.count, PARAMS_MAX);
    sk_xdr_list_end(call->out, place, params.count);
    return TRUE;
}

gboolean
sk_lv_get_guest_info(SkLvCall *call, GError **error)
{
    guint types = sk_lv_uint(call, "types");
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (types >> SK_N_GUEST_PARTS != 0)
        return sk_fail(error, SK_ERROR_INVALID, "unknown kinds of information 0x%x about a guest", types);
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    for (guint i = 0; i < SK_N_GUEST_PARTS; i++) {
        if ((types & (1u << i)) != 0)
            g_strv_builder_add(words, sk_enum_name(&sk_guest_part_enum, (gint) i));
    }
    return ask_parts(call, types != 0 ? g_strv_builder_end(words) : NULL, put_guest_info, error);
}

/* -- how long it is waited for -------------------------------------------------------------------------------------------------- */

enum { WAIT_FOREVER = -2, WAIT_USUAL = -1 };

static gboolean
put_zero(SkLvCall *call, SkCall *op, GError **error)
{
    (void) op, (void) error;
    sk_xdr_put_i32(call->out, 0);
    return TRUE;
}

/* Not to wait at all is to wait for a moment: an answer takes one. */
gboolean
sk_lv_agent_timeout(SkLvCall *call, GError **error)
{
    gint timeout = sk_lv_int(call, "timeout");
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (timeout < WAIT_FOREVER)
        return sk_fail(error, SK_ERROR_INVALID, "%d is no time to wait: give seconds, or -2, -1 or 0", timeout);
    SkAgentWait *body = sk_value_new(&sk_agent_wait_type);
    body->seconds = timeout == WAIT_FOREVER ? SK_AGENT_WAIT_MAX : timeout == WAIT_USUAL ? 0 : CLAMP((guint) timeout, 1, SK_AGENT_WAIT_MAX);
    return ask(call, SK_OP_AGENT_WAIT, body, put_zero, error);
}

/* -- ssh keys ---------------------------------------------------------------------------------------------------------------------- */

enum { KEYS_APPEND = 1, KEYS_REMOVE = 2 };

static gboolean
put_keys(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = answer_of(op, error);
    const json_t *keys = json_object_get(answer, "keys");
    gsize i;
    json_t *key;
    if (answer == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    json_array_foreach (keys, i, key)
        sk_xdr_put_str(call->out, json_string_value(key));
    sk_xdr_list_end(call->out, place, (guint) json_array_size(keys));
    return TRUE;
}

gboolean
sk_lv_get_ssh_keys(SkLvCall *call, GError **error)
{
    SkCall *op = sk_lv_check_flags(call, 0, error) ? sk_lv_ask_agent(call, SK_OP_AGENT_KEYS, NULL, error) : NULL;
    if (op == NULL)
        return FALSE;
    op->params.user = g_strdup(sk_lv_str(call, "user"));
    return sk_lv_dispatch(call, op, put_keys);
}

gboolean
sk_lv_set_ssh_keys(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkXdrValue *keys = sk_lv_value(call, "keys");
    if (!sk_lv_check_flags(call, KEYS_APPEND | KEYS_REMOVE, error))
        return FALSE;
    if (flags == (KEYS_APPEND | KEYS_REMOVE))
        return sk_fail(error, SK_ERROR_INVALID, "keys are added or removed, not both");
    SkAgentKeys *body = sk_value_new(&sk_agent_keys_type);
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    for (guint i = 0; i < keys->count; i++)
        g_strv_builder_add(words, keys->items[i].text);
    body->keys = keys->count > 0 ? g_strv_builder_end(words) : NULL;
    body->user = g_strdup(sk_lv_str(call, "user"));
    body->change = flags == KEYS_REMOVE ? SK_KEYS_REMOVE : flags == KEYS_APPEND ? SK_KEYS_ADD : SK_KEYS_REPLACE;
    return ask(call, SK_OP_AGENT_SET_KEYS, body, NULL, error);
}

/* -- vCPUs ------------------------------------------------------------------------------------------------------------------------------ */

/* The numbers of those that have key (NULL: of all) as "0-2,4". Free with g_free(). */
static char *
numbers_with(const json_t *list, const char *key)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gsize count = json_array_size(list);
    for (gsize i = 0; i < count; i++) {
        gsize last = i;
        if (key != NULL && !json_is_true(json_object_get(json_array_get(list, i), key)))
            continue;
        json_int_t first = json_integer_value(json_object_get(json_array_get(list, i), "id"));
        while (last + 1 < count && (key == NULL || json_is_true(json_object_get(json_array_get(list, last + 1), key))) &&
               json_integer_value(json_object_get(json_array_get(list, last + 1), "id")) == first + (json_int_t) (last + 1 - i))
            last++;
        g_string_append_printf(text, "%s%lld", text->len > 0 ? "," : "", (long long) first);
        if (last > i)
            g_string_append_printf(text, "-%lld", (long long) first + (long long) (last - i));
        i = last;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
put_guest_vcpus(SkLvCall *call, SkCall *op, GError **error)
{
    static const struct {
        const char *param, *key;
    } params[] = { { "vcpus", NULL }, { "online", "online" }, { "offlinable", "can_offline" } };
    g_autoptr(json_t) answer = answer_of(op, error);
    if (answer == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < G_N_ELEMENTS(params); i++) {
        g_autofree char *text = numbers_with(json_object_get(answer, "items"), params[i].key);
        sk_xdr_put_param_str(call->out, params[i].param, text);
    }
    sk_xdr_list_end(call->out, place, G_N_ELEMENTS(params));
    return TRUE;
}

gboolean
sk_lv_get_guest_vcpus(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && ask(call, SK_OP_AGENT_VCPUS, NULL, put_guest_vcpus, error);
}

gboolean
sk_lv_set_guest_vcpus(SkLvCall *call, GError **error)
{
    gint state = sk_lv_int(call, "state");
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (state != 0 && state != 1)
        return sk_fail(error, SK_ERROR_INVALID, "state %d is unknown: 1 for online, 0 for offline", state);
    SkAgentVcpus *body = sk_value_new(&sk_agent_vcpus_type);
    body->vcpus = g_strdup(sk_lv_str(call, "cpumap"));
    body->offline = state == 0;
    return ask(call, SK_OP_AGENT_SET_VCPUS, body, NULL, error);
}

static gboolean
put_count_of(SkLvCall *call, SkCall *op, gboolean all, GError **error)
{
    g_autoptr(json_t) answer = answer_of(op, error);
    gsize i;
    json_t *vcpu;
    guint count = 0;
    if (answer == NULL)
        return FALSE;
    json_array_foreach (json_object_get(answer, "items"), i, vcpu)
        count += all || json_is_true(json_object_get(vcpu, "online")) ? 1 : 0;
    sk_xdr_put_i32(call->out, (gint) count);
    return TRUE;
}

static gboolean
put_all(SkLvCall *call, SkCall *op, GError **error)
{
    return put_count_of(call, op, TRUE, error);
}

static gboolean
put_online(SkLvCall *call, SkCall *op, GError **error)
{
    return put_count_of(call, op, FALSE, error);
}

gboolean
sk_lv_count_guest_vcpus(SkLvCall *call, gboolean maximum, GError **error)
{
    return ask(call, SK_OP_AGENT_VCPUS, NULL, maximum ? put_all : put_online, error);
}

gboolean
sk_lv_use_guest_vcpus(SkLvCall *call, guint count, GError **error)
{
    SkAgentVcpus *body = sk_value_new(&sk_agent_vcpus_type);
    body->count = count;
    return ask(call, SK_OP_AGENT_SET_VCPUS, body, NULL, error);
}

/* -- sleep --------------------------------------------------------------------------------------------------------------------------------- */

gboolean
sk_lv_pm_suspend(SkLvCall *call, GError **error)
{
    guint target = sk_lv_uint(call, "target");
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (target >= SK_N_SLEEPS)
        return sk_fail(error, SK_ERROR_INVALID, "unknown target %u of a suspend: 0 is memory, 1 disk, 2 both", target);
    if (sk_lv_uint64(call, "duration") != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "a guest sleeps until it is woken: give 0 as the duration");
    SkAgentSleep *body = sk_value_new(&sk_agent_sleep_type);
    body->target = (gint) target;
    return ask(call, SK_OP_AGENT_SLEEP, body, NULL, error);
}
