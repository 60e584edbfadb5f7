/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What guests tell of themselves.  Nothing of it is trusted. */
#include "engine/agent/guest-info.h"

#include <string.h>

#include "base/error.h"
#include "engine/agent/session.h"

#define LISTED_MAX 4096     /* entries of one list; a guest that has more is not believed */
#define TRIM_TIMEOUT_MS 600000

/* -- from JSON to values ------------------------------------------------------------------------------------------------- */

/* The agent's name of a field. */
typedef struct {
    const char *theirs, *ours;
} Name;

static void
set_field(const SkField *field, gpointer value, const json_t *given)
{
    gpointer place = sk_field_ptr(field, value);
    if (field->kind == SK_KIND_STRING && json_is_string(given)) {
        g_free(*(char **) place);
        *(char **) place = sk_agent_clean_text(json_string_value(given));
    } else if (field->kind == SK_KIND_BOOL) {
        *(gboolean *) place = json_is_true(given);
    } else if (json_is_integer(given)) {
        json_int_t number = json_integer_value(given);
        if (field->kind == SK_KIND_INT)
            *(gint *) place = (gint) CLAMP(number, G_MININT, G_MAXINT);
        else if (field->kind == SK_KIND_UINT)
            *(guint *) place = (guint) CLAMP(number, 0, G_MAXUINT);
        else if (field->kind == SK_KIND_SIZE || field->kind == SK_KIND_UINT64)
            *(guint64 *) place = (guint64) MAX(number, 0);
    }
}

static gpointer
read_value(const SkType *type, const json_t *given, const Name *names, guint n_names)
{
    gpointer value = sk_value_new(type);
    for (guint i = 0; i < n_names; i++)
        set_field(sk_type_find(type, names[i].ours), value, json_object_get(given, names[i].theirs));
    return value;
}

typedef struct {
    const SkType *type;
    const Name *names;
    guint n_names;
    void (*more)(gpointer value, const json_t *given); /* what is no plain field; may be NULL */
} Shape;

static void
add_entries(GPtrArray *list, const json_t *given, const Shape *shape)
{
    gsize i;
    json_t *entry;
    json_array_foreach (given, i, entry) {
        if (!json_is_object(entry) || list->len >= LISTED_MAX)
            continue;
        gpointer value = read_value(shape->type, entry, shape->names, shape->n_names);
        if (shape->more != NULL)
            shape->more(value, entry);
        g_ptr_array_add(list, value);
    }
}

static GPtrArray *
read_list(const char *command, const json_t *given, const Shape *shape, GError **error)
{
    if (!json_is_array(given) || json_array_size(given) > LISTED_MAX) {
        sk_fail(error, SK_ERROR_AGENT, "the guest agent gives an answer to \"%s\" that cannot be understood: it is no list of at most %d entries",
                command, LISTED_MAX);
        return NULL;
    }
    GPtrArray *list = sk_value_list_new(shape->type);
    add_entries(list, given, shape);
    return list;
}

static char **
read_texts(const json_t *given)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    gsize i;
    json_t *entry;
    json_array_foreach (given, i, entry) {
        if (json_is_string(entry) && texts->len < LISTED_MAX)
            g_ptr_array_add(texts, sk_agent_clean_text(json_string_value(entry)));
    }
    if (texts->len == 0)
        return NULL;
    g_ptr_array_add(texts, NULL);
    return (char **) g_ptr_array_free(g_steal_pointer(&texts), FALSE);
}

#define SHAPE(type_, names_, more_) { .type = &(type_), .names = (names_), .n_names = G_N_ELEMENTS(names_), .more = (more_) }

/* -- shapes ------------------------------------------------------------------------------------------------------------------ */

static const Name user_names[] = { { "user", "name" }, { "domain", "domain" } };

/* Seconds with a fraction. */
static void
read_login(gpointer value, const json_t *given)
{
    gdouble seconds = json_number_value(json_object_get(given, "login-time"));
    ((SkGuestUser *) value)->login = seconds > 0 && seconds < 1e12 ? (guint64) (seconds * 1000) : 0;
}

/* "0000:01:00.0", as addresses of ours have it; FALSE: not told. */
static gboolean
read_pci(const json_t *given, char *out_text, gsize size)
{
    static const char *const keys[] = { "domain", "bus", "slot", "function" };
    const json_t *pci = json_object_get(given, "pci-controller");
    json_int_t parts[4];
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const json_t *part = json_object_get(pci, keys[i]);
        parts[i] = json_is_integer(part) ? json_integer_value(part) : -1;
        if (parts[i] < 0 || parts[i] > 0xffff)
            return FALSE;
    }
    g_snprintf(out_text, size, "%04x:%02x:%02x.%x", (guint) parts[0], (guint) parts[1], (guint) parts[2], (guint) parts[3]);
    return TRUE;
}

/*
 * Where the guest found a disk, as our definitions say it: "pci:..." if the disk is the PCI device itself, else
 * "drive:" with the part behind its controller. It stands in target until sk_agent_info_match() looks it up.
 */
static char *
read_place(const json_t *given)
{
    const char *bus = json_string_value(json_object_get(given, "bus-type"));
    char pci[32];
    if (bus == NULL || !read_pci(given, pci, sizeof pci))
        return NULL;
    if (g_str_equal(bus, "virtio") || g_str_equal(bus, "nvme"))
        return g_strconcat("pci:", pci, NULL);
    return g_strdup_printf("drive:%u:%u:%u", (guint) json_integer_value(json_object_get(given, "bus")) & 0xff,
                           (guint) json_integer_value(json_object_get(given, "target")) & 0xffff,
                           (guint) json_integer_value(json_object_get(given, "unit")) & 0xffff);
}

static const Name fs_disk_names[] = { { "dev", "device" }, { "serial", "serial" }, { "bus-type", "bus" } };

static void
read_fs_disk_place(gpointer value, const json_t *given)
{
    ((SkGuestFsDisk *) value)->target = read_place(given);
}

static const Name fs_names[] = { { "name", "name" }, { "mountpoint", "mountpoint" }, { "type", "type" }, { "total-bytes", "total" }, { "used-bytes", "used" } };

static void
read_fs_disks(gpointer value, const json_t *given)
{
    static const Shape shape = SHAPE(sk_guest_fs_disk_type, fs_disk_names, read_fs_disk_place);
    SkGuestFilesystem *self = value;
    self->disks = sk_value_list_new(&sk_guest_fs_disk_type);
    add_entries(self->disks, json_object_get(given, "disk"), &shape);
}

static const Name disk_names[] = { { "name", "name" }, { "alias", "alias" }, { "partition", "partition" } };

static void
read_disk_rest(gpointer value, const json_t *given)
{
    SkGuestDisk *self = value;
    self->dependencies = read_texts(json_object_get(given, "dependencies"));
    self->target = self->partition ? NULL : read_place(json_object_get(given, "address"));
}

static const Name address_names[] = { { "ip-address", "address" }, { "prefix", "prefix" } };
static const Name interface_names[] = { { "name", "name" }, { "hardware-address", "mac" } };

static gboolean
is_address(const char *text)
{
    g_autoptr(GInetAddress) address = text != NULL ? g_inet_address_new_from_string(text) : NULL;
    return address != NULL;
}

static void
read_addresses(gpointer value, const json_t *given)
{
    static const Shape shape = SHAPE(sk_guest_ip_type, address_names, NULL);
    SkGuestInterface *self = value;
    self->addresses = sk_value_list_new(&sk_guest_ip_type);
    add_entries(self->addresses, json_object_get(given, "ip-addresses"), &shape);
    for (guint i = self->addresses->len; i > 0; i--) {
        SkGuestIp *address = self->addresses->pdata[i - 1];
        if (is_address(address->address))
            continue;
        g_ptr_array_remove_index(self->addresses, i - 1);
        sk_value_free(&sk_guest_ip_type, address);
    }
}

static const Name os_names[] = {
    { "id", "id" }, { "name", "name" }, { "pretty-name", "pretty_name" }, { "version", "version" }, { "version-id", "version_id" },
    { "kernel-release", "kernel_release" }, { "kernel-version", "kernel_version" }, { "machine", "machine" }, { "variant", "variant" },
    { "variant-id", "variant_id" },
};
static const Name timezone_names[] = { { "zone", "name" }, { "offset", "offset" } };

/* -- the whole ---------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *command;
    const char *key;        /* of SkGuestInfo */
    Shape shape;
    gboolean single;        /* an object, not a list */
} parts_table[SK_N_GUEST_PARTS] = {
    [SK_GUEST_USERS] = { "guest-get-users", "users", SHAPE(sk_guest_user_type, user_names, read_login), FALSE },
    [SK_GUEST_OS] = { "guest-get-osinfo", "os", SHAPE(sk_guest_os_type, os_names, NULL), TRUE },
    [SK_GUEST_TIMEZONE] = { "guest-get-timezone", "timezone", SHAPE(sk_guest_timezone_type, timezone_names, NULL), TRUE },
    [SK_GUEST_HOSTNAME] = { "guest-get-host-name", "hostname", { 0 }, TRUE },
    [SK_GUEST_FILESYSTEMS] = { "guest-get-fsinfo", "filesystems", SHAPE(sk_guest_filesystem_type, fs_names, read_fs_disks), FALSE },
    [SK_GUEST_DISKS] = { "guest-get-disks", "disks", SHAPE(sk_guest_disk_type, disk_names, read_disk_rest), FALSE },
    [SK_GUEST_INTERFACES] = { "guest-network-get-interfaces", "interfaces", SHAPE(sk_guest_interface_type, interface_names, read_addresses), FALSE },
};

gboolean
sk_agent_info_read(SkGuestPart part, const json_t *given, SkGuestInfo *info, GError **error)
{
    const char *command = parts_table[part].command;
    const Shape *shape = &parts_table[part].shape;
    gpointer *place = sk_field_ptr(sk_type_find(&sk_guest_info_type, parts_table[part].key), info);
    if (!parts_table[part].single)
        *place = read_list(command, given, shape, error);
    else if (part == SK_GUEST_HOSTNAME)
        *place = sk_agent_clean_text(json_string_value(json_object_get(given, "host-name")));
    else if (json_is_object(given))
        *place = read_value(shape->type, given, shape->names, shape->n_names);
    if (*place == NULL && (error == NULL || *error == NULL))
        sk_fail(error, SK_ERROR_AGENT, "the guest agent gives an answer to \"%s\" that cannot be understood", command);
    return *place != NULL;
}

static gboolean
ask_part(SkAgent *self, SkGuestPart part, SkGuestInfo *out_info, GError **error)
{
    g_autoptr(json_t) given = sk_agent_call(self, parts_table[part].command, NULL, 0, error);
    return given != NULL && sk_agent_info_read(part, given, out_info, error);
}

gboolean
sk_agent_info(SkAgent *self, guint parts, SkGuestInfo *out_info, GError **error)
{
    if (parts == 0 && !sk_agent_ping(self, 0, error))
        return FALSE;
    for (guint part = 0; part < SK_N_GUEST_PARTS; part++) {
        g_autoptr(GError) why = NULL;
        if ((parts != 0 && (parts & (1u << part)) == 0) || ask_part(self, (SkGuestPart) part, out_info, &why))
            continue;
        if (parts == 0 && sk_agent_refused(why))
            continue;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return TRUE;
}

/* -- which disk is whose --------------------------------------------------------------------------------------------------------- */

/* The part of "drive:C:B:T:U" behind its controller, which guests number as they like. */
static gboolean
is_place(const SkDisk *disk, const char *place)
{
    if (disk->address == NULL || place == NULL)
        return FALSE;
    if (!g_str_has_prefix(disk->address, "drive:"))
        return g_str_equal(disk->address, place);
    const char *rest = strchr(disk->address + strlen("drive:"), ':');
    return g_str_has_prefix(place, "drive:") && rest != NULL && g_str_equal(rest + 1, place + strlen("drive:"));
}

/* By its serial number, else by its place if there is but one there. */
static char *
find_target(const SkDomainSpec *spec, const char *serial, const char *place)
{
    const SkDisk *found = NULL;
    guint count = 0;
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        if (serial != NULL && disk->serial != NULL && g_str_equal(disk->serial, serial))
            return g_strdup(disk->target);
        if (!is_place(disk, place))
            continue;
        found = disk;
        count++;
    }
    return count == 1 ? g_strdup(found->target) : NULL;
}

static void
match(char **target, const char *serial, const SkDomainSpec *spec)
{
    g_autofree char *place = g_steal_pointer(target);
    *target = spec != NULL ? find_target(spec, serial, place) : NULL;
}

void
sk_agent_info_match(SkGuestInfo *info, const SkDomainSpec *spec)
{
    for (guint i = 0; info->filesystems != NULL && i < info->filesystems->len; i++) {
        const SkGuestFilesystem *fs = info->filesystems->pdata[i];
        for (guint j = 0; fs->disks != NULL && j < fs->disks->len; j++) {
            SkGuestFsDisk *disk = fs->disks->pdata[j];
            match(&disk->target, disk->serial, spec);
        }
    }
    for (guint i = 0; info->disks != NULL && i < info->disks->len; i++)
        match(&((SkGuestDisk *) info->disks->pdata[i])->target, NULL, spec);
}

/* -- vCPUs --------------------------------------------------------------------------------------------------------------------------- */

GPtrArray *
sk_agent_vcpus(SkAgent *self, GError **error)
{
    static const Name names[] = { { "logical-id", "id" }, { "online", "online" }, { "can-offline", "can_offline" } };
    static const Shape shape = SHAPE(sk_guest_vcpu_type, names, NULL);
    g_autoptr(json_t) given = sk_agent_call(self, "guest-get-vcpus", NULL, 0, error);
    return given != NULL ? read_list("guest-get-vcpus", given, &shape, error) : NULL;
}

static const SkGuestVcpu *
find_vcpu(const GPtrArray *list, guint id)
{
    for (guint i = 0; i < list->len; i++) {
        const SkGuestVcpu *vcpu = list->pdata[i];
        if (vcpu->id == id)
            return vcpu;
    }
    return NULL;
}

/* The agent does some at a time and says how many. */
gboolean
sk_agent_set_vcpus(SkAgent *self, const GPtrArray *wanted, const GPtrArray *now, GError **error)
{
    g_autoptr(json_t) left = json_array();
    for (guint i = 0; i < wanted->len; i++) {
        const SkGuestVcpu *vcpu = wanted->pdata[i], *before = find_vcpu(now, vcpu->id);
        if (before == NULL || before->online != vcpu->online)
            json_array_append_new(left, json_pack("{s:i,s:b}", "logical-id", (gint) vcpu->id, "online", vcpu->online));
    }
    while (json_array_size(left) > 0) {
        g_autoptr(json_t) done = sk_agent_call(self, "guest-set-vcpus", json_pack("{s:O}", "vcpus", left), 0, error);
        json_int_t count = json_integer_value(done);
        if (done == NULL)
            return FALSE;
        if (!json_is_integer(done) || count <= 0 || count > (json_int_t) json_array_size(left))
            return sk_fail(error, SK_ERROR_AGENT, "the guest agent has not set all vCPUs that it was asked for");
        for (; count > 0; count--)
            json_array_remove(left, 0);
    }
    return TRUE;
}

/* -- unused space ------------------------------------------------------------------------------------------------------------------------ */

GPtrArray *
sk_agent_trim(SkAgent *self, guint64 minimum, GError **error)
{
    static const Name names[] = { { "path", "path" }, { "trimmed", "trimmed" }, { "error", "problem" } };
    static const Shape shape = SHAPE(sk_trimmed_type, names, NULL);
    g_autoptr(json_t) given = sk_agent_call(self, "guest-fstrim", json_pack("{s:I}", "minimum", (json_int_t) MIN(minimum, G_MAXINT64)), TRIM_TIMEOUT_MS, error);
    if (given == NULL)
        return NULL;
    GPtrArray *list = sk_value_list_new(&sk_trimmed_type);
    add_entries(list, json_object_get(given, "paths"), &shape);
    return list;
}

void
sk_agent_list_free(GPtrArray *list, const SkType *type)
{
    for (guint i = 0; list != NULL && i < list->len; i++)
        sk_value_free(type, list->pdata[i]);
    g_clear_pointer(&list, g_ptr_array_unref);
}
