/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: host: what it and its QEMU can do, and which CPUs guests may have. */
#include "api/libvirt/node-capabilities.h"

#include <string.h>

#include "base/error.h"
#include "codec/xml/xml.h"
#include "host/topology.h"
#include "service/service-private.h"

static gboolean
with_capabilities(SkLvCall *call, SkLvDone done)
{
    return sk_lv_dispatch(call, sk_lv_operation(call, SK_OP_NODE_CAPABILITIES), done);
}

static const SkCapabilities *
caps_of(const SkLvCall *call)
{
    return call->service->capabilities;
}

/* -- documents ---------------------------------------------------------------------------------------------------------- */

static gboolean
put_capabilities(SkLvCall *call, SkCall *op, GError **error)
{
    (void) op, (void) error;
    g_autofree char *xml = sk_xml_capabilities_format(caps_of(call));
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

gboolean
sk_lv_get_capabilities(SkLvCall *call, GError **error)
{
    (void) error;
    return with_capabilities(call, put_capabilities);
}

/* The host's own QEMU is the only one; a link to it is it too. */
static gboolean
is_our_emulator(const char *path, const char *ours)
{
    g_autofree char *name = g_path_get_basename(path), *own = g_path_get_basename(ours);
    return g_str_equal(name, own) || g_str_equal(name, "kvm") || g_str_equal(name, "qemu-kvm");
}

/* What kind of domain is asked about, and whether there is such a one. */
static gboolean
check_target(const SkLvCall *call, const char *emulator_name, gboolean *out_kvm, GError **error)
{
    const SkCapabilities *caps = caps_of(call);
    const char *emulator = sk_lv_str(call, emulator_name), *arch = sk_lv_str(call, "arch"), *type = sk_lv_str(call, "virttype");
    if (emulator != NULL && !is_our_emulator(emulator, caps->emulator))
        return sk_fail(error, SK_ERROR_INVALID, "emulator '%.256s' is not the one of this host, %s", emulator, caps->emulator);
    if (arch != NULL && !g_str_equal(arch, caps->emulator_arch))
        return sk_fail(error, SK_ERROR_INVALID, "guests of architecture '%.32s' are not supported: the host's QEMU is for %s", arch, caps->emulator_arch);
    if (type != NULL && !g_str_equal(type, "kvm") && !g_str_equal(type, "qemu"))
        return sk_fail(error, SK_ERROR_INVALID, "unknown virttype: %.32s", type);
    /* Where KVM does not work, domains of type kvm run without it. */
    *out_kvm = type != NULL ? g_str_equal(type, "kvm") : caps->kvm;
    return TRUE;
}

static gboolean
put_domain_capabilities(SkLvCall *call, SkCall *op, GError **error)
{
    gboolean kvm;
    (void) op;
    if (!check_target(call, "emulatorbin", &kvm, error))
        return FALSE;
    g_autofree char *xml = sk_xml_domain_capabilities_format(caps_of(call), sk_lv_str(call, "machine"), kvm, error);
    if (xml == NULL)
        return FALSE;
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

gboolean
sk_lv_get_domain_capabilities(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && with_capabilities(call, put_domain_capabilities);
}

static gboolean
put_model_names(SkLvCall *call, SkCall *op, GError **error)
{
    const SkCapabilities *caps = caps_of(call);
    const char *arch = sk_lv_str(call, "arch");
    gboolean results = sk_lv_int(call, "need_results") != 0;
    (void) op;
    if (!g_str_equal(arch, caps->emulator_arch) && !(g_str_equal(arch, "i686") && g_str_equal(caps->emulator_arch, "x86_64")))
        return sk_fail(error, SK_ERROR_INVALID, "guests of architecture '%.32s' are not supported", arch);
    guint count = caps->cpu_models != NULL ? caps->cpu_models->len : 0;
    sk_xdr_put_u32(call->out, results ? count : 0);
    for (guint i = 0; results && i < count; i++)
        sk_xdr_put_str(call->out, ((const SkCpuModel *) caps->cpu_models->pdata[i])->name);
    sk_xdr_put_i32(call->out, (gint) count);
    return TRUE;
}

gboolean
sk_lv_get_cpu_model_names(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && with_capabilities(call, put_model_names);
}

/* -- CPUs compared -------------------------------------------------------------------------------------------------------- */

enum { INCOMPATIBLE = 0, IDENTICAL = 1, SUPERSET = 2 };
enum { FAIL_INCOMPATIBLE = 1, VALIDATE = 2 };

static const SkCpuModel *
find_model(const SkCapabilities *caps, const char *name)
{
    for (guint i = 0; caps->cpu_models != NULL && i < caps->cpu_models->len; i++) {
        if (g_str_equal(((const SkCpuModel *) caps->cpu_models->pdata[i])->name, name))
            return caps->cpu_models->pdata[i];
    }
    return NULL;
}

/* The kernel writes "sse4_1" where libvirt has "sse4.1" or QEMU "sse4-1". */
static gboolean
host_has(const SkCapabilities *caps, const char *feature)
{
    g_autofree char *name = g_strdelimit(g_ascii_strdown(feature, -1), ".-", '_');
    return caps->cpu_features != NULL && g_strv_contains((const char *const *) caps->cpu_features, name);
}

static gint
judge(const SkCapabilities *caps, const char *model, char **features)
{
    const SkCpuModel *known = find_model(caps, model);
    gboolean same = g_strcmp0(caps->cpu_model, model) == 0;
    if (!same && (known == NULL || !known->usable))
        return INCOMPATIBLE;
    for (guint i = 0; features[i] != NULL; i++) {
        if (!host_has(caps, features[i]))
            return INCOMPATIBLE;
    }
    return same ? IDENTICAL : SUPERSET;
}

static gboolean
put_comparison(SkLvCall *call, SkCall *op, GError **error)
{
    gboolean hypervisor = call->procedure->number == 393, kvm;
    g_autofree char *model = NULL;
    g_auto(GStrv) features = NULL;
    (void) op;
    if ((hypervisor && !check_target(call, "emulator", &kvm, error)) ||
        !sk_xml_cpu_parse(sk_lv_str(call, hypervisor ? "xmlCPU" : "xml"), &model, &features, error))
        return FALSE;
    gint result = judge(caps_of(call), model, features);
    if (result == INCOMPATIBLE && (sk_lv_uint(call, "flags") & FAIL_INCOMPATIBLE) != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "the host's CPU cannot be a %.64s with what is required of it", model);
    sk_xdr_put_i32(call->out, result);
    return TRUE;
}

gboolean
sk_lv_compare_cpu(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, FAIL_INCOMPATIBLE | VALIDATE, error) && with_capabilities(call, put_comparison);
}

/* -- baseline --------------------------------------------------------------------------------------------------------------- */

/* Features that all have. */
static void
keep_common(GPtrArray *common, char **features)
{
    for (guint i = common->len; i > 0; i--) {
        if (!g_strv_contains((const char *const *) features, common->pdata[i - 1]))
            g_ptr_array_remove_index(common, i - 1);
    }
}

/* Of different models the oldest, which hosts of the others can be too. */
static gboolean
collect(SkLvCall *call, char **out_model, GPtrArray *common, GError **error)
{
    const SkXdrValue *list = sk_lv_value(call, "xmlCPUs");
    guint least = G_MAXUINT;
    if (list->count == 0)
        return sk_fail(error, SK_ERROR_INVALID, "no CPUs were given");
    for (guint i = 0; i < list->count; i++) {
        g_autofree char *model = NULL;
        g_auto(GStrv) features = NULL;
        if (!sk_xml_cpu_parse(list->items[i].text, &model, &features, error))
            return FALSE;
        guint rank = sk_cpu_model_rank(model);
        if (*out_model == NULL || rank < least) {
            g_free(*out_model);
            *out_model = g_steal_pointer(&model);
            least = rank;
        }
        for (guint j = 0; i == 0 && features[j] != NULL; j++)
            g_ptr_array_add(common, g_strdup(features[j]));
        keep_common(common, features);
    }
    return TRUE;
}

static gboolean
put_baseline(SkLvCall *call, SkCall *op, GError **error)
{
    g_autofree char *model = NULL;
    g_autoptr(GPtrArray) common = g_ptr_array_new_with_free_func(g_free);
    gboolean kvm;
    (void) op;
    if ((call->procedure->number == 394 && !check_target(call, "emulator", &kvm, error)) || !collect(call, &model, common, error))
        return FALSE;
    const SkCpuModel *known = find_model(caps_of(call), model);
    if (known == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "CPU model '%.64s' is not known", model);
    g_ptr_array_add(common, NULL);
    g_autofree char *xml = sk_xml_cpu_format(model, known->vendor, (const char *const *) common->pdata);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

gboolean
sk_lv_baseline_cpu(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 3, error) && with_capabilities(call, put_baseline);
}

/* -- other formats ------------------------------------------------------------------------------------------------------------ */

gboolean
sk_lv_xml_from_native(SkLvCall *call, GError **error)
{
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "a definition cannot be made from '%.32s': give its XML, or create the domain with skep",
                   sk_lv_str(call, "nativeFormat"));
}
