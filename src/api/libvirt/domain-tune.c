/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: resources. */
#include <string.h>
#include <unistd.h>

#include "api/libvirt/domain-define.h"
#include "api/libvirt/domain-figures.h"
#include "api/libvirt/domain-parameters.h"
#include "api/libvirt/domain-guest.h"
#include "api/libvirt/families.h"
#include "api/libvirt/network-port.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/json/json.h"
#include "model/agent.h"

enum { LIVE = 1, CONFIG = 2, MAXIMUM = 4, GUEST = 8, HOTPLUGGABLE = 16 };

static guint
flags_of(const SkLvCall *call, guint number_with_flags)
{
    return call->procedure->number == number_with_flags ? sk_lv_uint(call, "flags") : LIVE;
}

static const SkDomainSpec *
spec_now(const SkLvCall *call, guint flags, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    return domain != NULL ? sk_lv_spec_of(domain, flags, error) : NULL;
}

/* -- vCPUs ------------------------------------------------------------------------------------------------------------ */

static guint
most_vcpus(const SkDomainSpec *spec)
{
    return MAX(spec->vcpus.maximum, spec->vcpus.current);
}

static gboolean
get_max_vcpus(SkLvCall *call, GError **error)
{
    const SkDomainSpec *spec = spec_now(call, 0, error);
    if (spec == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, (gint) most_vcpus(spec));
    return TRUE;
}

static gboolean
get_vcpus_flags(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    if (!sk_lv_check_flags(call, LIVE | CONFIG | MAXIMUM | GUEST, error))
        return FALSE;
    if ((flags & GUEST) != 0)
        return (flags & CONFIG) != 0 ? sk_fail(error, SK_ERROR_INVALID, "a guest tells only what is now: not together with config")
                                     : sk_lv_count_guest_vcpus(call, (flags & MAXIMUM) != 0, error);
    const SkDomainSpec *spec = spec_now(call, flags, error);
    if (spec == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, (gint) ((flags & MAXIMUM) != 0 ? most_vcpus(spec) : spec->vcpus.current));
    return TRUE;
}

/* The maximum is said along, so that it does not follow. */
static gboolean
set_vcpus(SkLvCall *call, GError **error)
{
    guint flags = flags_of(call, 199), wanted = sk_lv_uint(call, "nvcpus");
    SkDomain *domain = sk_lv_domain(call, "dom", error);
    gint scope;
    if (domain == NULL || (call->procedure->number == 199 && !sk_lv_check_flags(call, LIVE | CONFIG | MAXIMUM | GUEST | HOTPLUGGABLE, error)))
        return FALSE;
    if ((flags & GUEST) != 0)
        return (flags & (CONFIG | MAXIMUM)) != 0 ? sk_fail(error, SK_ERROR_INVALID, "a guest can use only what it has: not together with config or maximum")
                                                 : sk_lv_use_guest_vcpus(call, wanted, error);
    if (!sk_lv_scope(domain, flags, &scope, error))
        return FALSE;
    if ((flags & MAXIMUM) != 0) {
        if (scope != SK_SCOPE_CONFIG)
            return sk_fail(error, SK_ERROR_INVALID, "the maximum of vCPUs can be changed only in the definition");
        guint current = MIN(domain->spec->vcpus.current, wanted);
        return sk_lv_patch(call, domain, flags, json_pack("{s:{s:i,s:i}}", "vcpus", "maximum", (gint) wanted, "current", (gint) current), error);
    }
    const SkDomainSpec *spec = scope == SK_SCOPE_CONFIG ? domain->spec : domain->runtime.live;
    if (wanted == 0 || wanted > most_vcpus(spec))
        return sk_fail(error, SK_ERROR_INVALID, "requested vcpus is greater than max allowable vcpus for the domain: %u > %u", wanted, most_vcpus(spec));
    return sk_lv_patch(call, domain, flags, json_pack("{s:{s:i,s:i}}", "vcpus", "current", (gint) wanted, "maximum", (gint) most_vcpus(spec)), error);
}

/* -- memory ------------------------------------------------------------------------------------------------------------- */

static guint64
most_memory(const SkDomainSpec *spec)
{
    return MAX(spec->memory.maximum, spec->memory.current);
}

static gboolean
get_max_memory(SkLvCall *call, GError **error)
{
    const SkDomainSpec *spec = spec_now(call, 0, error);
    if (spec == NULL)
        return FALSE;
    sk_xdr_put_u64(call->out, most_memory(spec) / 1024);
    return TRUE;
}

static gboolean
set_memory(SkLvCall *call, GError **error)
{
    guint number = call->procedure->number;
    guint flags = number == 204 ? sk_lv_uint(call, "flags") : number == 30 ? CONFIG | MAXIMUM : LIVE;
    guint64 kib = sk_lv_uint64(call, "memory");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    gint scope;
    if (domain == NULL || (number == 204 && !sk_lv_check_flags(call, LIVE | CONFIG | MAXIMUM, error)) ||
        !sk_lv_scope(domain, flags, &scope, error))
        return FALSE;
    if (kib > (guint64) G_MAXINT64 / 1024)
        return sk_fail(error, SK_ERROR_INVALID, "%" G_GUINT64_FORMAT " KiB are too much", kib);
    json_int_t bytes = (json_int_t) kib * 1024;
    if ((flags & MAXIMUM) != 0) {
        if (scope != SK_SCOPE_CONFIG)
            return sk_fail(error, SK_ERROR_STATE, "cannot resize the maximum memory on an active domain");
        json_int_t current = MIN((json_int_t) domain->spec->memory.current, bytes);
        return sk_lv_patch(call, domain, flags, json_pack("{s:{s:I,s:I}}", "memory", "maximum", bytes, "current", current), error);
    }
    const SkDomainSpec *spec = scope == SK_SCOPE_CONFIG ? domain->spec : domain->runtime.live;
    if ((guint64) bytes > most_memory(spec))
        return sk_fail(error, SK_ERROR_INVALID, "cannot set memory higher than max memory");
    return sk_lv_patch(call, domain, flags, json_pack("{s:{s:I,s:I}}", "memory", "current", bytes, "maximum", (json_int_t) most_memory(spec)), error);
}

static gboolean
set_stats_period(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    gint period = sk_lv_int(call, "period");
    if (domain == NULL || !sk_lv_check_flags(call, LIVE | CONFIG, error))
        return FALSE;
    if (period < 0 || domain->spec->balloon == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no balloon, or %d is no period", sk_domain_name(domain), period);
    return sk_lv_patch(call, domain, sk_lv_uint(call, "flags"), json_pack("{s:{s:i}}", "balloon", "stats_period", period), error);
}

/* -- pins --------------------------------------------------------------------------------------------------------------------- */

static guint
host_cpus(void)
{
    glong count = sysconf(_SC_NPROCESSORS_CONF);
    return count > 0 ? (guint) count : 1;
}

/* A client's bits as "0,2,3"; NULL: no CPU of this host is in it. Free with g_free(). */
static char *
cpuset_of(const SkXdrValue *map)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint cpu = 0; cpu < host_cpus() && cpu / 8 < map->count; cpu++) {
        if ((map->bytes[cpu / 8] >> (cpu % 8) & 1) != 0)
            g_string_append_printf(text, "%s%u", text->len > 0 ? "," : "", cpu);
    }
    return text->len > 0 ? g_strdup(text->str) : NULL;
}

/* "0-3,^2" as bits; NULL: all there are. */
static void
fill_map(guint8 *map, guint length, const char *cpuset)
{
    g_auto(GStrv) parts = g_strsplit(cpuset != NULL ? cpuset : "0-65535", ",", -1);
    for (guint i = 0; parts[i] != NULL; i++) {
        gboolean out = parts[i][0] == '^';
        char *dash = NULL;
        guint64 first = g_ascii_strtoull(parts[i] + out, &dash, 10);
        guint64 last = *dash == '-' ? g_ascii_strtoull(dash + 1, NULL, 10) : first;
        for (guint64 cpu = first; cpu <= last && cpu < host_cpus() && cpu / 8 < length; cpu++) {
            if (out)
                map[cpu / 8] &= (guint8) ~(1u << (cpu % 8));
            else
                map[cpu / 8] |= (guint8) (1u << (cpu % 8));
        }
    }
}

static const char *
pin_of(const GPtrArray *pins, guint id)
{
    for (guint i = 0; pins != NULL && i < pins->len; i++) {
        const SkPin *pin = pins->pdata[i];
        if (pin->id == id)
            return pin->cpuset;
    }
    return NULL;
}

/* The pins there are, with another for one id. */
static json_t *
pins_with(const GPtrArray *pins, guint id, const char *cpuset)
{
    json_t *list = json_array();
    for (guint i = 0; pins != NULL && i < pins->len; i++) {
        const SkPin *pin = pins->pdata[i];
        if (pin->id != id)
            json_array_append_new(list, json_pack("{s:i,s:s}", "id", (gint) pin->id, "cpuset", pin->cpuset));
    }
    json_array_append_new(list, json_pack("{s:i,s:s}", "id", (gint) id, "cpuset", cpuset));
    return list;
}

static char *
asked_cpuset(const SkLvCall *call, GError **error)
{
    char *cpuset = cpuset_of(sk_lv_value(call, "cpumap"));
    if (cpuset == NULL)
        sk_fail(error, SK_ERROR_INVALID, "no CPU of this host, which has %u, is selected", host_cpus());
    return cpuset;
}

static gboolean
pin_vcpu(SkLvCall *call, GError **error)
{
    guint flags = flags_of(call, 225), vcpu = sk_lv_uint(call, "vcpu");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, flags, error) : NULL;
    if (spec == NULL)
        return FALSE;
    if (vcpu >= most_vcpus(spec))
        return sk_fail(error, SK_ERROR_INVALID, "vcpu %u is out of range: domain \"%s\" has %u", vcpu, spec->name, most_vcpus(spec));
    g_autofree char *cpuset = asked_cpuset(call, error);
    return cpuset != NULL && sk_lv_patch(call, domain, flags, json_pack("{s:{s:o}}", "cpu_tune", "vcpu_pins", pins_with(spec->cpu_tune.vcpu_pins, vcpu, cpuset)), error);
}

static gboolean
pin_iothread(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), id = sk_lv_uint(call, "iothreads_id");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, flags, error) : NULL;
    if (spec == NULL)
        return FALSE;
    if (id == 0 || id > spec->iothreads)
        return sk_fail(error, SK_ERROR_INVALID, "iothread %u not found: domain \"%s\" has %u", id, spec->name, spec->iothreads);
    g_autofree char *cpuset = asked_cpuset(call, error);
    return cpuset != NULL && sk_lv_patch(call, domain, flags, json_pack("{s:{s:o}}", "cpu_tune", "iothread_pins", pins_with(spec->cpu_tune.iothread_pins, id, cpuset)), error);
}

static gboolean
pin_emulator(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    g_autofree char *cpuset = domain != NULL ? asked_cpuset(call, error) : NULL;
    return cpuset != NULL && sk_lv_patch(call, domain, sk_lv_uint(call, "flags"), json_pack("{s:{s:s}}", "cpu_tune", "emulator_pin", cpuset), error);
}

/* Maps one behind the other; a pin that is not given is the domain's own CPU set. */
static gboolean
put_vcpu_pins(SkLvCall *call, const SkDomainSpec *spec, guint count, guint length)
{
    g_autofree guint8 *maps = g_malloc0((gsize) count * length + 1);
    for (guint i = 0; i < count; i++) {
        const char *pin = pin_of(spec->cpu_tune.vcpu_pins, i);
        fill_map(maps + (gsize) i * length, length, pin != NULL ? pin : spec->vcpus.cpuset);
    }
    sk_xdr_put_bytes(call->out, maps, (gsize) count * length);
    return TRUE;
}

static gboolean
check_maps(const SkLvCall *call, gint count, gint length, GError **error)
{
    return (count >= 0 && count <= 16384 && length >= 0 && length <= 2048 && (gint64) count * length <= 8388608) ||
           sk_fail(error, SK_ERROR_INVALID, "%s: %d maps of %d bytes are too much", call->procedure->name, count, length);
}

static gboolean
get_vcpu_pins(SkLvCall *call, GError **error)
{
    gint asked = sk_lv_int(call, "ncpumaps"), length = sk_lv_int(call, "maplen");
    const SkDomainSpec *spec = spec_now(call, sk_lv_uint(call, "flags"), error);
    if (spec == NULL || !check_maps(call, asked, length, error))
        return FALSE;
    guint count = MIN((guint) asked, most_vcpus(spec));
    put_vcpu_pins(call, spec, count, (guint) length);
    sk_xdr_put_i32(call->out, (gint) count);
    return TRUE;
}

static gboolean
get_emulator_pin(SkLvCall *call, GError **error)
{
    gint length = sk_lv_int(call, "maplen");
    const SkDomainSpec *spec = spec_now(call, sk_lv_uint(call, "flags"), error);
    if (spec == NULL || !check_maps(call, 1, length, error))
        return FALSE;
    g_autofree guint8 *map = g_malloc0((gsize) length + 1);
    fill_map(map, (guint) length, spec->cpu_tune.emulator_pin != NULL ? spec->cpu_tune.emulator_pin : spec->vcpus.cpuset);
    sk_xdr_put_bytes(call->out, map, (gsize) length);
    sk_xdr_put_i32(call->out, 1);
    return TRUE;
}

static gboolean
get_iothreads(SkLvCall *call, GError **error)
{
    const SkDomainSpec *spec = spec_now(call, sk_lv_uint(call, "flags"), error);
    guint length = (host_cpus() + 7) / 8;
    if (spec == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 1; i <= spec->iothreads; i++) {
        g_autofree guint8 *map = g_malloc0(length);
        const char *pin = pin_of(spec->cpu_tune.iothread_pins, i);
        fill_map(map, length, pin != NULL ? pin : spec->vcpus.cpuset);
        sk_xdr_put_u32(call->out, i);
        sk_xdr_put_bytes(call->out, map, length);
    }
    sk_xdr_list_end(call->out, place, spec->iothreads);
    sk_xdr_put_u32(call->out, spec->iothreads);
    return TRUE;
}

/* -- iothreads, single vCPUs ----------------------------------------------------------------------------------------------------- */

/* They are numbered from 1 to their count, so that one comes and goes at the end. */
static gboolean
change_iothreads(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), id = sk_lv_uint(call, "iothread_id");
    gboolean more = call->procedure->number == 355;
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL && sk_lv_check_flags(call, LIVE | CONFIG, error) ? sk_lv_spec_of(domain, flags, error) : NULL;
    if (spec == NULL)
        return FALSE;
    if (more && id != 0 && id <= spec->iothreads)
        return sk_fail(error, SK_ERROR_INVALID, "an IOThread is already using iothread_id '%u' in domain \"%s\"", id, spec->name);
    if (!more && (id == 0 || id > spec->iothreads))
        return sk_fail(error, SK_ERROR_INVALID, "cannot find IOThread '%u' in domain \"%s\", which has %u", id, spec->name, spec->iothreads);
    if (id != (more ? spec->iothreads + 1 : spec->iothreads))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "iothreads are numbered from 1 without a gap: of domain \"%s\" %u is next to %s", spec->name,
                       more ? spec->iothreads + 1 : spec->iothreads, more ? "come" : "go");
    return sk_lv_patch(call, domain, flags, json_pack("{s:i}", "iothreads", (gint) (more ? id : id - 1)), error);
}

static guint64
number_of(const SkXdrParam *param)
{
    return param->type == SK_XDR_PARAM_I32 || param->type == SK_XDR_PARAM_I64 ? (guint64) MAX(0, param->i) : param->u;
}

/* Only of what runs: a definition has no place for it. */
static gboolean
set_iothread_params(SkLvCall *call, GError **error)
{
    const SkXdrValue *params = sk_lv_value(call, "params");
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, LIVE, error))
        return FALSE;
    g_autoptr(json_t) body = json_pack("{s:i}", "id", (gint) sk_lv_uint(call, "iothread_id"));
    for (guint i = 0; i < params->count; i++) {
        const SkXdrParam *param = &params->params[i];
        if (sk_type_find(&sk_iothread_tuning_type, param->field) == NULL || param->type > SK_XDR_PARAM_U64)
            return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is no number that an iothread can be told", param->field);
        json_object_set_new(body, param->field, json_integer((json_int_t) MIN(number_of(param), (guint64) G_MAXINT64)));
    }
    gpointer value = sk_json_decode(&sk_iothread_tuning_type, body, error);
    if (value == NULL)
        return FALSE;
    SkCall *op = sk_lv_ask_agent(call, SK_OP_DOMAIN_IOTHREAD, value, error);
    return op != NULL && sk_lv_dispatch(call, op, NULL);
}

static gboolean
is_listed(const char *list, guint id)
{
    g_auto(GStrv) parts = g_strsplit(list, ",", -1);
    for (guint i = 0; parts[i] != NULL; i++) {
        const char *dash = strchr(parts[i], '-');
        guint64 first = g_ascii_strtoull(parts[i], NULL, 10), last = dash != NULL ? g_ascii_strtoull(dash + 1, NULL, 10) : first;
        if (id >= first && id <= last)
            return TRUE;
    }
    return FALSE;
}

/* vCPUs come and go in order: what is asked for must leave the first so many. */
static gboolean
set_vcpu(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), count = 0, listed = 0;
    const char *list = sk_lv_str(call, "cpumap");
    gboolean on = sk_lv_int(call, "state") != 0;
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL && sk_lv_check_flags(call, LIVE | CONFIG, error) ? sk_lv_spec_of(domain, flags, error) : NULL;
    if (spec == NULL)
        return FALSE;
    if (!g_regex_match_simple("^[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*$", list, 0, 0))
        return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is no list of vCPUs, give for example 2-3", list);
    guint last = 0;
    for (guint id = 0; id < most_vcpus(spec); id++) {
        gboolean asked = is_listed(list, id);
        listed += asked ? 1 : 0;
        if (asked ? on : id < spec->vcpus.current) {
            count++;
            last = id;
        }
    }
    if (listed == 0)
        return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no vCPU of %s: it can have %u", spec->name, list, most_vcpus(spec));
    if (count == 0 || last + 1 != count)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "vCPUs of domain \"%s\" come and go in their order: of its %u, %u is the next to %s", spec->name,
                       spec->vcpus.current, on ? spec->vcpus.current : spec->vcpus.current - 1, on ? "come" : "go");
    return sk_lv_patch(call, domain, flags, json_pack("{s:{s:i,s:i}}", "vcpus", "current", (gint) count, "maximum", (gint) most_vcpus(spec)), error);
}

static const SkLvProcedure rows[] = {
    { 17, "DOMAIN_GET_MAX_MEMORY", "dom", "memory:u64", SK_OP_DOMAIN_SHOW, get_max_memory },
    { 18, "DOMAIN_GET_MAX_VCPUS", "dom", "num:i32", SK_OP_DOMAIN_SHOW, get_max_vcpus },
    { 20, "DOMAIN_GET_VCPUS", "dom maxinfo:i32 maplen:i32", "info:{number:u32 state:i32 cpu_time:u64 cpu:i32}<16384> cpumaps:bytes<8388608>", SK_OP_DOMAIN_STATS, sk_lv_get_vcpus },
    { 26, "DOMAIN_PIN_VCPU", "dom vcpu:u32 cpumap:bytes<2048>", "", SK_OP_DOMAIN_UPDATE, pin_vcpu },
    { 30, "DOMAIN_SET_MAX_MEMORY", "dom memory:u64", "", SK_OP_DOMAIN_UPDATE, set_memory },
    { 31, "DOMAIN_SET_MEMORY", "dom memory:u64", "", SK_OP_DOMAIN_UPDATE, set_memory },
    { 32, "DOMAIN_SET_VCPUS", "dom nvcpus:u32", "", SK_OP_DOMAIN_UPDATE, set_vcpus },
    { 56, "DOMAIN_GET_SCHEDULER_TYPE", "dom", "type:str nparams:i32", SK_OP_DOMAIN_SHOW, sk_lv_get_scheduler_type },
    { 57, "DOMAIN_GET_SCHEDULER_PARAMETERS", "dom nparams:i32", "params:tp<16>", SK_OP_DOMAIN_SHOW, sk_lv_get_scheduler_params },
    { 58, "DOMAIN_SET_SCHEDULER_PARAMETERS", "dom params:tp<16>", "", SK_OP_DOMAIN_UPDATE, sk_lv_set_scheduler_params },
    { 197, "DOMAIN_SET_MEMORY_PARAMETERS", "dom params:tp<16> flags", "", SK_OP_DOMAIN_UPDATE, sk_lv_set_memory_params },
    { 198, "DOMAIN_GET_MEMORY_PARAMETERS", "dom nparams:i32 flags", "params:tp<16> nparams:i32", SK_OP_DOMAIN_SHOW, sk_lv_get_memory_params },
    { 199, "DOMAIN_SET_VCPUS_FLAGS", "dom nvcpus:u32 flags", "", SK_OP_DOMAIN_UPDATE, set_vcpus },
    { 200, "DOMAIN_GET_VCPUS_FLAGS", "dom flags", "num:i32", SK_OP_DOMAIN_SHOW, get_vcpus_flags },
    { 204, "DOMAIN_SET_MEMORY_FLAGS", "dom memory:u64 flags", "", SK_OP_DOMAIN_UPDATE, set_memory },
    { 205, "DOMAIN_SET_BLKIO_PARAMETERS", "dom params:tp<16> flags", "", SK_OP_DOMAIN_UPDATE, sk_lv_set_blkio_params },
    { 206, "DOMAIN_GET_BLKIO_PARAMETERS", "dom nparams:i32 flags", "params:tp<16> nparams:i32", SK_OP_DOMAIN_SHOW, sk_lv_get_blkio_params },
    { 219, "DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS", "dom params:tp<16> flags", "", SK_OP_DOMAIN_UPDATE, sk_lv_set_scheduler_params },
    { 223, "DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS", "dom nparams:i32 flags", "params:tp<16>", SK_OP_DOMAIN_SHOW, sk_lv_get_scheduler_params },
    { 225, "DOMAIN_PIN_VCPU_FLAGS", "dom vcpu:u32 cpumap:bytes<2048> flags", "", SK_OP_DOMAIN_UPDATE, pin_vcpu },
    { 230, "DOMAIN_GET_VCPU_PIN_INFO", "dom ncpumaps:i32 maplen:i32 flags", "cpumaps:bytes<8388608> num:i32", SK_OP_DOMAIN_SHOW, get_vcpu_pins },
    { 254, "DOMAIN_SET_NUMA_PARAMETERS", "dom params:tp<16> flags", "", SK_OP_DOMAIN_UPDATE, sk_lv_set_numa_params, .lacks = "while the domain runs" },
    { 255, "DOMAIN_GET_NUMA_PARAMETERS", "dom nparams:i32 flags", "params:tp<16> nparams:i32", SK_OP_DOMAIN_SHOW, sk_lv_get_numa_params },
    { 256, "DOMAIN_SET_INTERFACE_PARAMETERS", "dom device:str params:tp<16> flags", "", SK_OP_NIC_UPDATE, sk_lv_set_interface_params },
    { 257, "DOMAIN_GET_INTERFACE_PARAMETERS", "dom device:str nparams:i32 flags", "params:tp<16> nparams:i32", SK_OP_DOMAIN_SHOW, sk_lv_get_interface_params },
    { 279, "DOMAIN_PIN_EMULATOR", "dom cpumap:bytes<2048> flags", "", SK_OP_DOMAIN_UPDATE, pin_emulator },
    { 280, "DOMAIN_GET_EMULATOR_PIN_INFO", "dom maplen:i32 flags", "cpumaps:bytes<8388608> ret:i32", SK_OP_DOMAIN_SHOW, get_emulator_pin },
    { 308, "DOMAIN_SET_MEMORY_STATS_PERIOD", "dom period:i32 flags", "", SK_OP_DOMAIN_UPDATE, set_stats_period },
    { 351, "DOMAIN_GET_IOTHREAD_INFO", "dom flags", "info:{iothread_id:u32 cpumap:bytes<2048>}<16384> ret:u32", SK_OP_DOMAIN_SHOW, get_iothreads },
    { 352, "DOMAIN_PIN_IOTHREAD", "dom iothreads_id:u32 cpumap:bytes<2048> flags", "", SK_OP_DOMAIN_UPDATE, pin_iothread },
    { 355, "DOMAIN_ADD_IOTHREAD", "dom iothread_id:u32 flags", "", SK_OP_DOMAIN_UPDATE, change_iothreads, .lacks = "numbers with gaps" },
    { 356, "DOMAIN_DEL_IOTHREAD", "dom iothread_id:u32 flags", "", SK_OP_DOMAIN_UPDATE, change_iothreads, .lacks = "numbers with gaps" },
    { 365, "DOMAIN_GET_PERF_EVENTS", "dom flags", "params:tp<64>" },
    { 366, "DOMAIN_SET_PERF_EVENTS", NULL, NULL },
    { 371, "DOMAIN_GET_GUEST_VCPUS", "dom flags", "params:tp<64>", SK_OP_AGENT_VCPUS, sk_lv_get_guest_vcpus },
    { 372, "DOMAIN_SET_GUEST_VCPUS", "dom cpumap:str state:i32 flags", "", SK_OP_AGENT_SET_VCPUS, sk_lv_set_guest_vcpus },
    { 384, "DOMAIN_SET_VCPU", "dom cpumap:str state:i32 flags", "", SK_OP_DOMAIN_UPDATE, set_vcpu, .lacks = "vCPUs out of their order" },
    { 402, "DOMAIN_SET_IOTHREAD_PARAMS", "dom iothread_id:u32 params:tp<64> flags", "", SK_OP_DOMAIN_IOTHREAD, set_iothread_params },
};
SK_LV_FAMILY(sk_lv_domain_tune_family, "Domain: resources", QEMU, rows);
