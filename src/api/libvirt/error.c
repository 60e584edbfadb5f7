/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors on the wire: number, subsystem, and the text with the prefix that clients print. */
#include <stdarg.h>

#include "api/libvirt/private.h"
#include "base/error.h"

G_DEFINE_QUARK(sk-lv-error-quark, sk_lv_error)

/*
 * What a number's text begins with, and the subsystem it always comes from (0: the procedure's own). Clients
 * renumber 61 to 63 unless they come from the network filters.
 */
static const struct {
    gint code;
    SkLvSubsystem subsystem;
    const char *prefix;
} numbers[] = {
    { 1, 0, "internal error" },
    { 3, 0, "this function is not supported by the connection driver" },
    { 5, 0, "no connection driver available for" },
    { 8, 0, "invalid argument" },
    { 9, 0, "operation failed" },
    { 27, 0, "XML error" },
    { 29, 0, "operation forbidden" },
    { 38, SK_LV_FROM_QEMU, NULL },
    { 39, SK_LV_FROM_RPC, NULL },
    { 42, SK_LV_FROM_QEMU, "Domain not found" },
    { 43, SK_LV_FROM_NETWORK, "Network not found" },
    { 45, 0, "authentication failed" },
    { 49, SK_LV_FROM_STORAGE, "Storage pool not found" },
    { 50, SK_LV_FROM_STORAGE, "Storage volume not found" },
    { 53, SK_LV_FROM_NODEDEV, "Node device not found" },
    { 55, 0, "Requested operation is not valid" },
    { 57, SK_LV_FROM_INTERFACE, "Interface not found" },
    { 62, SK_LV_FROM_NWFILTER, "Network filter not found" },
    { 66, SK_LV_FROM_SECRET, "Secret not found" },
    { 67, 0, "unsupported configuration" },
    { 68, 0, "Timed out during operation" },
    { 72, SK_LV_FROM_SNAPSHOT, "Domain snapshot not found" },
    { 74, 0, "argument unsupported" },
    { 77, 0, "revert requires force" },
    { 78, 0, "operation aborted" },
    { 80, SK_LV_FROM_QEMU, "metadata not found" },
    { 84, 0, "Operation not supported" },
    { 86, SK_LV_FROM_QEMU, "Guest agent is not responding" },
    { 87, 0, "resource busy" },
    { 88, 0, "access denied" },
    { 90, SK_LV_FROM_STORAGE, "storage volume exists already" },
    { 92, 0, "XML document failed to validate against schema" },
    { 99, SK_LV_FROM_QEMU, "device not found" },
    { 103, SK_LV_FROM_CHECKPOINT, "Domain checkpoint not found" },
    { 104, 0, "Domain backup job id not found" },
    { 107, SK_LV_FROM_NETWORK, "network port not found" },
    { 108, 0, "no hostname found" },
};

gboolean
sk_lv_fail(GError **error, gint code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, SK_LV_ERROR, code, text);
    return FALSE;
}

static gint
number_of(const GError *error)
{
    return error->domain == SK_LV_ERROR ? error->code : sk_error_info_of(error)->libvirt_number;
}

void
sk_lv_put_error(GByteArray *out, SkLvSubsystem subsystem, const GError *error)
{
    gint code = number_of(error);
    const char *prefix = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (numbers[i].code != code)
            continue;
        prefix = numbers[i].prefix;
        subsystem = numbers[i].subsystem != 0 ? numbers[i].subsystem : subsystem;
    }
    /* Clients print the text as it is. */
    const char *glue = code == SK_LV_ERROR_NO_CONNECT ? " " : ": ";
    g_autofree char *text = prefix != NULL ? g_strconcat(prefix, glue, error->message, NULL) : g_strdup(error->message);
    g_autofree char *format = prefix != NULL ? g_strconcat(prefix, glue, "%s", NULL) : g_strdup("%s");
    sk_xdr_put_i32(out, code);
    sk_xdr_put_i32(out, (gint) subsystem);
    sk_xdr_put_optional_str(out, text);
    sk_xdr_put_i32(out, 2);                     /* an error, not a warning */
    sk_xdr_put_u32(out, 0);                     /* no domain */
    sk_xdr_put_optional_str(out, format);
    sk_xdr_put_optional_str(out, error->message);
    sk_xdr_put_optional_str(out, NULL);
    sk_xdr_put_i32(out, -1);
    sk_xdr_put_i32(out, -1);
    sk_xdr_put_u32(out, 0);                     /* no network */
}
