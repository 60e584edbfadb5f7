/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from the command line as JSON of the model, by its field tables. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/domain.h"

/* -- one field ------------------------------------------------------------------------------------------------ */

static gboolean
fail_key(const SkType *type, const char *key, GError **error)
{
    g_autofree const char **keys = g_new0(const char *, type->n_fields + 1);
    for (guint i = 0; i < type->n_fields; i++)
        keys[i] = type->fields[i].key;
    const char *near = sk_nearest(key, keys);
    if (near != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s has no key \"%.64s\"; did you mean \"%s\"?", type->what, key, near);
    g_autofree char *list = g_strjoinv(", ", (char **) keys);
    return sk_fail(error, SK_ERROR_INVALID, "%s has no key \"%.64s\"; it has %s", type->what, key, list);
}

/* The JSON of one field's text. New reference. */
static json_t *
field_json(const SkType *type, const SkField *field, const char *text, GError **error)
{
    if (field->kind == SK_KIND_STRUCT || field->kind == SK_KIND_OPTIONAL || field->kind == SK_KIND_LIST || field->kind == SK_KIND_JSON)
        return sk_json_parse(text, strlen(text), field->key, error);
    if (*text == '\0' && field->kind != SK_KIND_STRV)
        return json_null();
    gpointer value = sk_value_new(type);
    json_t *out = NULL;
    if (sk_field_set_text(field, value, text, NULL, error)) {
        const char *keys[] = { field->key, NULL };
        g_autoptr(GString) json = g_string_new(NULL);
        sk_json_write(json, type, value, keys, SK_JSON_SECRETS);
        g_autoptr(json_t) object = json_loads(json->str, 0, NULL);
        out = json_incref(json_object_get(object, field->key));
        /* What is sparse is not written while zero, but was asked for. */
        if (out == NULL)
            out = field->kind == SK_KIND_BOOL ? json_false() : field->kind == SK_KIND_STRV ? json_array() : json_integer(0);
    }
    sk_value_free(type, value);
    return out;
}

/* -- paths ------------------------------------------------------------------------------------------------------- */

/* The entry of a list that the text in brackets names: by its KEY field, or by place. Borrowed. */
static json_t *
find_entry(const SkField *field, json_t *list, const char *name, GError **error)
{
    guint64 place;
    gsize i;
    json_t *entry;
    for (guint f = 0; f < field->type->n_fields; f++) {
        const SkField *key = &field->type->fields[f];
        json_array_foreach(list, i, entry) {
            if ((key->flags & SK_FIELD_KEY) && g_strcmp0(json_string_value(json_object_get(entry, key->key)), name) == 0)
                return entry;
        }
    }
    if (g_ascii_string_to_unsigned(name, 10, 0, 1024, &place, NULL) && place < json_array_size(list))
        return json_array_get(list, place);
    sk_fail(error, SK_ERROR_NO_DEVICE, "there is no %s \"%s\" among its %s", field->type->what, name, field->key);
    return NULL;
}

/* The object below key, made if it is not there. Borrowed. */
static json_t *
descend(json_t *object, const SkField *field, const char *entry, GError **error)
{
    json_t *inner = json_object_get(object, field->key);
    if (field->kind == SK_KIND_LIST) {
        if (entry == NULL) {
            sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a list: name the entry, as in %s[0]", field->key, field->key);
            return NULL;
        }
        return find_entry(field, inner, entry, error);
    }
    if (field->kind != SK_KIND_STRUCT && field->kind != SK_KIND_OPTIONAL) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" has no keys of its own", field->key);
        return NULL;
    }
    if (!json_is_object(inner)) {
        json_object_set_new(object, field->key, json_object());
        inner = json_object_get(object, field->key);
    }
    return inner;
}

/* Cuts "disks[vda]" into "disks" and "vda". */
static char *
cut_entry(char *part)
{
    char *bracket = strchr(part, '['), *end = strrchr(part, ']');
    if (bracket == NULL || end == NULL || end[1] != '\0' || end < bracket)
        return NULL;
    *bracket = *end = '\0';
    return bracket + 1;
}

/* The first dot outside of brackets. */
static const char *
next_dot(const char *path)
{
    gint depth = 0;
    for (; *path != '\0'; path++) {
        depth += *path == '[' ? 1 : *path == ']' ? -1 : 0;
        if (*path == '.' && depth <= 0)
            return path;
    }
    return NULL;
}

/* metadata.KEY=VALUE: the key may have dots. */
static gboolean
set_map_entry(json_t *object, const SkField *field, const char *key, const char *text)
{
    json_t *map = json_object_get(object, field->key);
    if (!json_is_object(map)) {
        json_object_set_new(object, field->key, json_object());
        map = json_object_get(object, field->key);
    }
    json_object_set_new(map, key, *text != '\0' ? json_string(text) : json_null());
    return TRUE;
}

gboolean
sk_json_set_path(const SkType *type, json_t *object, const char *path, const char *text, GError **error)
{
    const char *dot = next_dot(path);
    g_autofree char *part = dot != NULL ? g_strndup(path, (gsize) (dot - path)) : g_strdup(path);
    const char *entry = cut_entry(part);
    const SkField *field = sk_type_find(type, part);
    if (field == NULL)
        return fail_key(type, part, error);
    if (dot == NULL) {
        json_t *value = field_json(type, field, text, error);
        return value != NULL && json_object_set_new(object, field->key, value) == 0;
    }
    if (field->kind == SK_KIND_MAP)
        return set_map_entry(object, field, dot + 1, text);
    json_t *inner = descend(object, field, entry, error);
    return inner != NULL && sk_json_set_path(field->type, inner, dot + 1, text, error);
}

gboolean
sk_json_set_pair(const SkType *type, json_t *object, const char *pair, GError **error)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair)
        return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is not KEY=VALUE", pair);
    g_autofree char *path = g_strndup(pair, (gsize) (equals - pair));
    return sk_json_set_path(type, object, path, equals + 1, error);
}

/* Adds to a list of words what a pair's key has already, so that "forwards=a,forwards=b" has both. */
static gboolean
add_pair(const SkType *type, json_t *object, const char *pair, GError **error)
{
    const char *equals = strchr(pair, '=');
    g_autofree char *key = equals != NULL ? g_strndup(pair, (gsize) (equals - pair)) : g_strdup(pair);
    const SkField *field = sk_type_find(type, key);
    json_t *before = json_object_get(object, key);
    if (equals == NULL && field != NULL && field->kind == SK_KIND_BOOL)
        return json_object_set_new(object, key, json_true()) == 0;
    if (field == NULL || field->kind != SK_KIND_STRV || !json_is_array(before))
        return sk_json_set_pair(type, object, pair, error);
    return json_array_append_new(before, json_string(equals != NULL ? equals + 1 : "")) == 0;
}

json_t *
sk_json_from_pairs(const SkType *type, const char *text, const char *what, SkLeadFunc lead, GError **error)
{
    g_autoptr(json_t) object = json_object();
    if (*text == '{') {
        g_autoptr(json_t) given = sk_json_parse(text, strlen(text), what, error);
        return g_steal_pointer(&given);
    }
    g_auto(GStrv) pairs = g_strsplit(text, ",", -1);
    for (guint i = 0; pairs[i] != NULL; i++) {
        const SkField *flag = sk_type_find(type, pairs[i]);
        gboolean is_lead = i == 0 && lead != NULL && strchr(pairs[i], '=') == NULL && !(flag != NULL && flag->kind == SK_KIND_BOOL);
        gboolean ok = is_lead ? lead(object, pairs[i], error) : *pairs[i] == '\0' || add_pair(type, object, pairs[i], error);
        if (!ok) {
            g_prefix_error(error, "%s: ", what);
            return NULL;
        }
    }
    return g_steal_pointer(&object);
}

/* -- disks and interfaces ------------------------------------------------------------------------------------------- */

/* "20G": a size; "/path": a file; "pool/volume". */
static gboolean
disk_lead(json_t *object, const char *text, GError **error)
{
    guint64 size;
    if (sk_size_parse(text, "size", &size, NULL))
        return json_object_set_new(object, "size", json_integer((json_int_t) size)) == 0;
    if (*text == '/')
        return json_object_set_new(object, "path", json_string(text)) == 0;
    const char *slash = strchr(text, '/');
    if (slash == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is neither a size (20G), a path (/dev/sdb) nor POOL/VOLUME; or give KEY=VALUE", text);
    json_object_set_new(object, "pool", json_stringn(text, (gsize) (slash - text)));
    return json_object_set_new(object, "volume", json_string(slash + 1)) == 0;
}

/* A drive left open is on the bus its kind is usually on: virtio is for disks only. */
void
sk_disk_set_bus(json_t *disk, const char *machine)
{
    const char *device = sk_json_text_at(disk, "device");
    gboolean old = machine != NULL && (g_str_equal(machine, "pc") || g_str_has_prefix(machine, "pc-i440fx"));
    gboolean micro = machine != NULL && g_str_equal(machine, "microvm");
    if (device == NULL || json_object_get(disk, "bus") != NULL)
        return;
    if (g_str_equal(device, "cdrom"))
        json_object_set_new(disk, "bus", json_string(old ? "ide" : micro ? "scsi" : "sata"));
    else if (g_str_equal(device, "floppy"))
        json_object_set_new(disk, "bus", json_string("fdc"));
}

json_t *
sk_disk_from_text(const char *text, GError **error)
{
    g_autoptr(json_t) disk = sk_json_from_pairs(&sk_disk_type, text, "disk", disk_lead, error);
    const char *path = sk_json_text_at(disk, "path");
    if (disk != NULL && path != NULL && json_object_get(disk, "source") == NULL)
        json_object_set_new(disk, "source", json_string(g_str_has_prefix(path, "/dev/") ? "block" : "file"));
    /* A file that is given is what it is: only volumes of ours are qcow2 by default. */
    if (disk != NULL && path != NULL && json_object_get(disk, "format") == NULL)
        json_object_set_new(disk, "format", json_string(g_str_has_suffix(path, ".qcow2") ? "qcow2" : "raw"));
    return g_steal_pointer(&disk);
}

static gboolean
nic_lead(json_t *object, const char *text, GError **error)
{
    if (g_str_equal(text, "user"))
        return json_object_set_new(object, "kind", json_string("user")) == 0;
    return json_object_set_new(object, "network", json_string(text)) == 0;
}

json_t *
sk_nic_from_text(const char *text, GError **error)
{
    static const struct {
        const char *key, *kind;
    } kinds[] = { { "network", "network" }, { "bridge", "bridge" }, { "device", "direct" }, { "forwards", "user" } };
    g_autoptr(json_t) nic = sk_json_from_pairs(&sk_interface_type, text, "network", nic_lead, error);
    for (guint i = 0; nic != NULL && i < G_N_ELEMENTS(kinds); i++) {
        if (json_object_get(nic, "kind") == NULL && json_object_get(nic, kinds[i].key) != NULL)
            json_object_set_new(nic, "kind", json_string(kinds[i].kind));
    }
    return g_steal_pointer(&nic);
}

/* -- patches and files ------------------------------------------------------------------------------------------------ */

json_t *
sk_json_diff(json_t *a, json_t *b)
{
    json_t *patch = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value) {
        if (json_object_get(b, key) == NULL)
            json_object_set_new(patch, key, json_null());
    }
    json_object_foreach(b, key, value) {
        json_t *before = json_object_get(a, key);
        if (before != NULL && json_equal(before, value))
            continue;
        if (json_is_object(before) && json_is_object(value))
            json_object_set_new(patch, key, sk_json_diff(before, value));
        else
            json_object_set(patch, key, value);
    }
    return patch;
}

char *
sk_read_input(const char *path, gsize max, gsize *out_length, GError **error)
{
    gboolean is_stdin = g_str_equal(path, "-");
    g_auto(SkFd) fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    char piece[8192];
    gssize n;
    while ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
        g_string_append_len(text, piece, MAX(n, 0));
        if (text->len > max) {
            sk_fail(error, SK_ERROR_TOO_LARGE, "\"%s\" is larger than %zu bytes", path, max);
            return NULL;
        }
    }
    if (n < 0) {
        sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        return NULL;
    }
    if (out_length != NULL)
        *out_length = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

json_t *
sk_read_json(const char *path, GError **error)
{
    gsize length;
    g_autofree char *text = sk_read_input(path, SK_JSON_MAX_BYTES, &length, error);
    return text != NULL ? sk_json_parse(text, length, g_str_equal(path, "-") ? "standard input" : path, error) : NULL;
}
