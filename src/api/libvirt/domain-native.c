/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A definition as QEMU's command line (virsh domxml-to-native). */
#include "api/libvirt/domain-define.h"
#include "base/error.h"
#include "codec/xml/xml.h"
#include "engine/launch.h"

gboolean
sk_lv_domain_to_native(SkLvCall *call, GError **error)
{
    const char *format = sk_lv_str(call, "nativeFormat");
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (g_strcmp0(format, "qemu-argv") != 0)
        return sk_fail(error, SK_ERROR_INVALID, "native format \"%.32s\" is not known here: give qemu-argv", format != NULL ? format : "");
    SkDomainSpec *spec = sk_xml_domain_parse(sk_lv_str(call, "domainXml"), -1, error);
    if (spec == NULL)
        return FALSE;
    gint accel = spec->accel != SK_ACCEL_AUTO ? spec->accel : call->service->node.accel;
    g_autofree char *text = sk_engine_native(spec, (SkAccel) accel, call->service->settings->qemu, error);
    sk_value_free(&sk_domain_spec_type, spec);
    if (text != NULL)
        sk_xdr_put_str(call->out, text);
    return text != NULL;
}
