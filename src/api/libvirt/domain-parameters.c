/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scheduler, memory, block I/O and NUMA parameters of domains. */
#include "api/libvirt/domain-parameters.h"

#include <string.h>

#include "api/libvirt/domain-define.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/json/json.h"

enum { LIVE = 1, CONFIG = 2, STRINGS = 4 };

/* What stands for no limit of memory, in KiB. */
#define UNLIMITED G_GUINT64_CONSTANT(9007199254740991)

/* -- parameters that are numbers ------------------------------------------------------------------------------------------- */

/* One parameter and the field that it is. */
typedef struct {
    const char *name, *key;
    gint type;              /* SK_XDR_PARAM_... */
    guint unit;             /* of the field in one of the parameter */
    gint64 usual;           /* shown for a field of 0 */
} Row;

/* A struct of the definition, and what clients call its fields. */
typedef struct {
    const char *member;     /* "cpu_tune" */
    const Row *rows;
    guint n;
} Set;

static const Row scheduler_rows[] = {
    { "cpu_shares", "shares", SK_XDR_PARAM_U64, 1, 1024 },
    { "vcpu_period", "period", SK_XDR_PARAM_U64, 1, 100000 },
    { "vcpu_quota", "quota", SK_XDR_PARAM_I64, 1, -1 },
    { "emulator_period", "emulator_period", SK_XDR_PARAM_U64, 1, 100000 },
    { "emulator_quota", "emulator_quota", SK_XDR_PARAM_I64, 1, -1 },
    { "global_period", "global_period", SK_XDR_PARAM_U64, 1, 100000 },
    { "global_quota", "global_quota", SK_XDR_PARAM_I64, 1, -1 },
    { "iothread_period", "iothread_period", SK_XDR_PARAM_U64, 1, 100000 },
    { "iothread_quota", "iothread_quota", SK_XDR_PARAM_I64, 1, -1 },
};
static const Row memory_rows[] = {
    { "hard_limit", "hard_limit", SK_XDR_PARAM_U64, 1024, UNLIMITED },
    { "soft_limit", "soft_limit", SK_XDR_PARAM_U64, 1024, UNLIMITED },
    { "swap_hard_limit", "swap_limit", SK_XDR_PARAM_U64, 1024, UNLIMITED },
};
static const Row weight_rows[] = { { "weight", "weight", SK_XDR_PARAM_U32, 1, 500 } };

static const Set scheduler_set = { "cpu_tune", scheduler_rows, G_N_ELEMENTS(scheduler_rows) };
static const Set memory_set = { "memory_tune", memory_rows, G_N_ELEMENTS(memory_rows) };
static const Set weight_set = { "block_tune", weight_rows, G_N_ELEMENTS(weight_rows) };

static const SkDomainSpec *
spec_of(const SkLvCall *call, guint flags, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    return domain != NULL ? sk_lv_spec_of(domain, flags, error) : NULL;
}

static gint64
shown_number(const Row *row, const SkField *field, gconstpointer value)
{
    gconstpointer at = sk_field_const_ptr(field, value);
    gint64 number = field->kind == SK_KIND_UINT ? *(const guint *) at : *(const gint64 *) at;
    return number == 0 ? row->usual : number / (gint64) row->unit;
}

static void
put_number(GByteArray *out, const Row *row, gint64 number)
{
    if (row->type == SK_XDR_PARAM_U32)
        sk_xdr_put_param_u32(out, row->name, (guint32) number);
    else if (row->type == SK_XDR_PARAM_I64)
        sk_xdr_put_param_i64(out, row->name, number);
    else
        sk_xdr_put_param_u64(out, row->name, (guint64) number);
}

/* As many of them as were asked for. */
static guint
put_numbers(GByteArray *out, const Set *set, const SkDomainSpec *spec, guint most)
{
    const SkField *member = sk_type_find(&sk_domain_spec_type, set->member);
    gconstpointer value = sk_field_const_ptr(member, spec);
    guint count = MIN(most, set->n);
    for (guint i = 0; i < count; i++)
        put_number(out, &set->rows[i], shown_number(&set->rows[i], sk_type_find(member->type, set->rows[i].key), value));
    return count;
}

/* The idiom of two calls: how many there are, then the list. counted: the reply tells the number too. */
static gboolean
get_set(SkLvCall *call, const Set *set, guint flags, gboolean counted, GError **error)
{
    const SkDomainSpec *spec = spec_of(call, flags, error);
    guint asked = (guint) MAX(0, sk_lv_int(call, "nparams"));
    if (spec == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    guint shown = put_numbers(call->out, set, spec, asked);
    sk_xdr_list_end(call->out, place, shown);
    if (counted)
        sk_xdr_put_i32(call->out, (gint) (asked == 0 ? set->n : shown));
    return TRUE;
}

/* -- parameters that a client sends --------------------------------------------------------------------------------------------- */

/* FALSE: a text. */
static gboolean
asked_number(const SkXdrParam *param, gint64 *out)
{
    if (param->type == SK_XDR_PARAM_STR || param->type == SK_XDR_PARAM_F64)
        return FALSE;
    gboolean sign = param->type == SK_XDR_PARAM_I32 || param->type == SK_XDR_PARAM_I64;
    *out = sign ? param->i : (gint64) MIN(param->u, (guint64) G_MAXINT64);
    return TRUE;
}

static const Row *
find_row(const Set *set, const char *name)
{
    for (guint i = 0; i < set->n; i++) {
        if (g_str_equal(set->rows[i].name, name))
            return &set->rows[i];
    }
    return NULL;
}

static gboolean
add_number(const SkLvCall *call, const Set *set, const SkXdrParam *param, json_t *patch, GError **error)
{
    const Row *row = find_row(set, param->field);
    gint64 number = 0;
    if (row == NULL || !asked_number(param, &number))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s does not know the parameter \"%.64s\", or not as this type", call->procedure->name, param->field);
    if (number < 0 && row->type != SK_XDR_PARAM_I64)
        return sk_fail(error, SK_ERROR_INVALID, "parameter \"%s\" cannot be below 0", row->name);
    gboolean none = row->usual == (gint64) UNLIMITED && number >= G_MAXINT64 / (gint64) row->unit;
    json_object_set_new(patch, row->key, json_integer(none || number == (gint64) UNLIMITED ? 0 : number * (gint64) row->unit));
    return TRUE;
}

/* Takes patch, and puts it to member of the definition. */
static gboolean
dispatch(SkLvCall *call, const char *member, json_t *patch, guint flags, GError **error)
{
    g_autoptr(json_t) owned = json_pack("{s:o}", member, patch);
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    return domain != NULL && sk_lv_patch(call, domain, flags, g_steal_pointer(&owned), error);
}

static gboolean
set_set(SkLvCall *call, const Set *set, guint flags, GError **error)
{
    const SkXdrValue *params = sk_lv_value(call, "params");
    g_autoptr(json_t) patch = json_object();
    for (guint i = 0; i < params->count; i++) {
        if (!add_number(call, set, &params->params[i], patch, error))
            return FALSE;
    }
    return dispatch(call, set->member, g_steal_pointer(&patch), flags, error);
}

/* Calls without flags are about what runs, or will. */
static guint
flags_of(const SkLvCall *call)
{
    return call->procedure->number == 57 || call->procedure->number == 58 ? 0 : sk_lv_uint(call, "flags");
}

static gboolean
check_flags(const SkLvCall *call, GError **error)
{
    return call->procedure->number == 57 || call->procedure->number == 58 || sk_lv_check_flags(call, LIVE | CONFIG | STRINGS, error);
}

/* -- scheduler, memory -------------------------------------------------------------------------------------------------------- */

gboolean
sk_lv_get_scheduler_type(SkLvCall *call, GError **error)
{
    if (sk_lv_domain(call, "dom", error) == NULL)
        return FALSE;
    sk_xdr_put_str(call->out, "posix");
    sk_xdr_put_i32(call->out, G_N_ELEMENTS(scheduler_rows));
    return TRUE;
}

gboolean
sk_lv_get_scheduler_params(SkLvCall *call, GError **error)
{
    return check_flags(call, error) && get_set(call, &scheduler_set, flags_of(call) & ~STRINGS, FALSE, error);
}

gboolean
sk_lv_set_scheduler_params(SkLvCall *call, GError **error)
{
    return check_flags(call, error) && set_set(call, &scheduler_set, flags_of(call) & ~STRINGS, error);
}

gboolean
sk_lv_get_memory_params(SkLvCall *call, GError **error)
{
    return check_flags(call, error) && get_set(call, &memory_set, flags_of(call) & ~STRINGS, TRUE, error);
}

gboolean
sk_lv_set_memory_params(SkLvCall *call, GError **error)
{
    return check_flags(call, error) && set_set(call, &memory_set, flags_of(call) & ~STRINGS, error);
}

/* -- block I/O ------------------------------------------------------------------------------------------------------------------ */

/* "/dev/sda,500,/dev/sdb,100": a number for each device, one field of all of them. */
static const struct {
    const char *name, *key;
} device_rows[] = {
    { "device_weight", "weight" },
    { "device_read_iops_sec", "read_iops_sec" },
    { "device_write_iops_sec", "write_iops_sec" },
    { "device_read_bytes_sec", "read_bytes_sec" },
    { "device_write_bytes_sec", "write_bytes_sec" },
};

static char *
device_text(const SkBlockTune *tune, const char *key)
{
    const SkField *field = sk_type_find(&sk_block_tune_device_type, key);
    GString *text = g_string_new(NULL);
    for (guint i = 0; tune->devices != NULL && i < tune->devices->len; i++) {
        const SkBlockTuneDevice *device = tune->devices->pdata[i];
        gconstpointer at = sk_field_const_ptr(field, device);
        guint64 number = field->kind == SK_KIND_UINT ? *(const guint *) at : *(const guint64 *) at;
        if (number > 0)
            g_string_append_printf(text, "%s%s,%" G_GUINT64_FORMAT, text->len > 0 ? "," : "", device->path, number);
    }
    return g_string_free(text, FALSE);
}

gboolean
sk_lv_get_blkio_params(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), asked = (guint) MAX(0, sk_lv_int(call, "nparams"));
    guint all = 1 + ((flags & STRINGS) != 0 ? (guint) G_N_ELEMENTS(device_rows) : 0), shown = MIN(asked, all);
    const SkDomainSpec *spec = check_flags(call, error) ? spec_of(call, flags & ~STRINGS, error) : NULL;
    if (spec == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    put_numbers(call->out, &weight_set, spec, shown);
    for (guint i = 1; i < shown; i++) {
        g_autofree char *text = device_text(&spec->block_tune, device_rows[i - 1].key);
        sk_xdr_put_param_str(call->out, device_rows[i - 1].name, text);
    }
    sk_xdr_list_end(call->out, place, shown);
    sk_xdr_put_i32(call->out, (gint) (asked == 0 ? all : shown));
    return TRUE;
}

/* The entry of a list of devices, which is added if need be. Borrowed. */
static json_t *
device_entry(json_t *list, const char *path)
{
    gsize i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        if (g_strcmp0(json_string_value(json_object_get(entry, "path")), path) == 0)
            return entry;
    }
    json_array_append_new(list, json_pack("{s:s}", "path", path));
    return json_array_get(list, json_array_size(list) - 1);
}

static gboolean
read_devices(json_t *list, const char *name, const char *key, const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    for (guint i = 0; words[i] != NULL && *text != '\0'; i += 2) {
        guint64 number;
        if (words[i + 1] == NULL || !g_ascii_string_to_unsigned(words[i + 1], 10, 0, G_MAXINT64, &number, NULL) || !g_path_is_absolute(words[i]))
            return sk_fail(error, SK_ERROR_INVALID, "parameter \"%s\" is \"%.128s\", give a path and a number for each device, as in /dev/sda,500", name, text);
        json_object_set_new(device_entry(list, words[i]), key, json_integer((json_int_t) number));
    }
    return TRUE;
}

/* The devices there are, each an object with what limits it. */
static json_t *
devices_of(const SkBlockTune *tune)
{
    json_t *list = json_array();
    for (guint i = 0; tune->devices != NULL && i < tune->devices->len; i++) {
        g_autofree char *text = sk_json_encode(&sk_block_tune_device_type, tune->devices->pdata[i], 0);
        json_array_append_new(list, json_loads(text, 0, NULL));
    }
    return list;
}

/* Without a limit, a device is none to be listed. */
static void
drop_unlimited(json_t *list)
{
    for (gsize i = json_array_size(list); i > 0; i--) {
        json_t *entry = json_array_get(list, i - 1);
        gboolean any = FALSE;
        for (guint j = 0; j < G_N_ELEMENTS(device_rows); j++)
            any = any || json_integer_value(json_object_get(entry, device_rows[j].key)) > 0;
        if (!any)
            json_array_remove(list, i - 1);
    }
}

static const char *
device_key(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(device_rows); i++) {
        if (g_str_equal(device_rows[i].name, name))
            return device_rows[i].key;
    }
    return NULL;
}

gboolean
sk_lv_set_blkio_params(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags") & ~STRINGS;
    const SkXdrValue *params = sk_lv_value(call, "params");
    const SkDomainSpec *spec = check_flags(call, error) ? spec_of(call, flags, error) : NULL;
    if (spec == NULL)
        return FALSE;
    g_autoptr(json_t) patch = json_object(), list = devices_of(&spec->block_tune);
    for (guint i = 0; i < params->count; i++) {
        const SkXdrParam *param = &params->params[i];
        const char *key = param->type == SK_XDR_PARAM_STR ? device_key(param->field) : NULL;
        if (key != NULL ? !read_devices(list, param->field, key, param->text, error) : !add_number(call, &weight_set, param, patch, error))
            return FALSE;
    }
    drop_unlimited(list);
    json_object_set(patch, "devices", list);
    return dispatch(call, "block_tune", g_steal_pointer(&patch), flags, error);
}

/* -- NUMA ------------------------------------------------------------------------------------------------------------------------- */

gboolean
sk_lv_get_numa_params(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), asked = (guint) MAX(0, sk_lv_int(call, "nparams"));
    guint all = (flags & STRINGS) != 0 ? 2 : 1, shown = MIN(asked, all);
    const SkDomainSpec *spec = check_flags(call, error) ? spec_of(call, flags & ~STRINGS, error) : NULL;
    if (spec == NULL)
        return FALSE;
    const SkNumaTune *tune = spec->numa_tune;
    gsize place = sk_xdr_list_begin(call->out);
    if (shown > 0)
        sk_xdr_put_param_i32(call->out, "numa_mode", tune != NULL ? tune->mode : SK_NUMA_STRICT);
    if (shown > 1)
        sk_xdr_put_param_str(call->out, "numa_nodeset", tune != NULL && tune->nodes != NULL ? tune->nodes : "");
    sk_xdr_list_end(call->out, place, shown);
    sk_xdr_put_i32(call->out, (gint) (asked == 0 ? all : shown));
    return TRUE;
}

static gboolean
add_numa(const SkXdrParam *param, json_t *patch, GError **error)
{
    gint64 mode;
    if (g_str_equal(param->field, "numa_mode") && asked_number(param, &mode)) {
        if (mode < 0 || mode >= SK_N_NUMA_MODES)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "NUMA mode %" G_GINT64_FORMAT " is not supported: give strict, preferred or interleave", mode);
        json_object_set_new(patch, "mode", json_string(sk_enum_name(&sk_numa_mode_enum, (gint) mode)));
        return TRUE;
    }
    if (!g_str_equal(param->field, "numa_nodeset") || param->type != SK_XDR_PARAM_STR)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "there is no NUMA parameter \"%.64s\", or not of this type", param->field);
    json_object_set_new(patch, "nodes", json_string(param->text));
    return TRUE;
}

gboolean
sk_lv_set_numa_params(SkLvCall *call, GError **error)
{
    const SkXdrValue *params = sk_lv_value(call, "params");
    if (!check_flags(call, error))
        return FALSE;
    g_autoptr(json_t) patch = json_object();
    for (guint i = 0; i < params->count; i++) {
        if (!add_numa(&params->params[i], patch, error))
            return FALSE;
    }
    const char *nodes = json_string_value(json_object_get(patch, "nodes"));
    gboolean none = nodes != NULL && *nodes == '\0';
    return dispatch(call, "numa_tune", none ? json_null() : json_incref(patch), sk_lv_uint(call, "flags") & ~STRINGS, error);
}
