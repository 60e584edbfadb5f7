/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error table: one row a code, read by REST, libvirt RPC and the CLI. */
#include "base/error.h"

#include <errno.h>
#include <string.h>

#define MESSAGE_MAX 4096

G_DEFINE_QUARK(sk-error-quark, sk_error)

/*
 * Exit codes: 1 failed, 2 usage, 3 not found, 4 in the way, 5 not allowed,
 * 6 no daemon, 7 timed out, 8 cancelled, 9 not supported here.
 * libvirt numbers: virErrorNumber as sent on the wire (shared/libvirt-wire.md, section 4).
 */
static const SkErrorInfo error_table[] = {
    [SK_ERROR_INTERNAL] = { "internal", 500, 1, 1, "a fault of the daemon; please report it" },
    [SK_ERROR_INVALID] = { "invalid", 400, 8, 2, "a value in the request is wrong" },
    [SK_ERROR_UNSUPPORTED] = { "unsupported", 422, 67, 9, "this host or version cannot do it" },
    [SK_ERROR_NO_DOMAIN] = { "no-domain", 404, 42, 3, "there is no such domain" },
    [SK_ERROR_NO_NETWORK] = { "no-network", 404, 43, 3, "there is no such network" },
    [SK_ERROR_NO_POOL] = { "no-pool", 404, 49, 3, "there is no such storage pool" },
    [SK_ERROR_NO_VOLUME] = { "no-volume", 404, 50, 3, "there is no such volume" },
    [SK_ERROR_NO_IMAGE] = { "no-image", 404, 50, 3, "there is no such image" },
    [SK_ERROR_NO_DEVICE] = { "no-device", 404, 99, 3, "the domain has no such device" },
    [SK_ERROR_NO_JOB] = { "no-job", 404, 8, 3, "there is no such job" },
    [SK_ERROR_NO_TOKEN] = { "no-token", 404, 8, 3, "there is no such token" },
    [SK_ERROR_NO_SNAPSHOT] = { "no-snapshot", 404, 72, 3, "the domain has no such snapshot" },
    [SK_ERROR_NO_CHECKPOINT] = { "no-checkpoint", 404, 103, 3, "the domain has no such checkpoint" },
    [SK_ERROR_NO_BACKUP] = { "no-backup", 404, 104, 3, "no backup of the domain is running, or the repository has none of that name" },
    [SK_ERROR_NO_REPOSITORY] = { "no-repository", 404, 8, 3, "there is no such repository of backups" },
    [SK_ERROR_NO_SECRET] = { "no-secret", 404, 66, 3, "there is no such secret" },
    [SK_ERROR_NO_NODE_DEVICE] = { "no-node-device", 404, 53, 3, "the host has no such device" },
    [SK_ERROR_NO_INTERFACE] = { "no-interface", 404, 57, 3, "the host has no such network interface" },
    [SK_ERROR_NO_NWFILTER] = { "no-nwfilter", 404, 62, 3, "there is no such network filter" },
    [SK_ERROR_NO_METADATA] = { "no-metadata", 404, 80, 3, "it was never set" },
    [SK_ERROR_NOT_FOUND] = { "not-found", 404, 8, 3, "what was asked for is not there" },
    [SK_ERROR_NO_PROCEDURE] = { "no-procedure", 501, 3, 9, "this version does not offer it" },
    [SK_ERROR_XML] = { "xml", 400, 27, 2, "the XML is malformed, or an element in it is wrong or unknown" },
    [SK_ERROR_XML_SCHEMA] = { "xml-schema", 400, 92, 2, "the XML breaks its schema" },
    [SK_ERROR_RISKY] = { "risky", 409, 77, 4, "possible only by force" },
    [SK_ERROR_EXISTS] = { "exists", 409, 9, 4, "the name or address is taken" },
    [SK_ERROR_STATE] = { "state", 409, 55, 4, "not possible in the object's present state" },
    [SK_ERROR_IN_USE] = { "in-use", 409, 55, 4, "something else is using it" },
    [SK_ERROR_CHANGED] = { "changed", 409, 55, 4, "somebody else changed it in between" },
    [SK_ERROR_UNAUTHENTICATED] = { "unauthenticated", 401, 45, 5, "log in or give a token" },
    [SK_ERROR_DENIED] = { "denied", 403, 88, 5, "the caller's role does not allow it" },
    [SK_ERROR_TOO_LARGE] = { "too-large", 413, 8, 2, "the request is larger than the limit" },
    [SK_ERROR_TOO_MANY] = { "too-many", 429, 1, 4, "a rate or quota limit is reached" },
    [SK_ERROR_NO_SPACE] = { "no-space", 507, 38, 1, "the disk is full" },
    [SK_ERROR_TIMEOUT] = { "timeout", 504, 68, 7, "it took too long and was given up" },
    [SK_ERROR_CANCELLED] = { "cancelled", 409, 78, 8, "the job was cancelled" },
    [SK_ERROR_HOST] = { "host", 500, 38, 1, "the host lacks something or refused" },
    [SK_ERROR_QEMU] = { "qemu", 500, 1, 1, "QEMU refused or ended; its own words follow" },
    [SK_ERROR_AGENT] = { "agent", 502, 86, 1, "the guest agent did not answer or refused" },
    [SK_ERROR_IO] = { "io", 502, 38, 1, "a transfer broke in the middle" },
    [SK_ERROR_UNREACHABLE] = { "unreachable", 503, 38, 6, "the daemon cannot be reached" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(error_table) == SK_N_ERRORS);

const SkErrorInfo *
sk_error_info(SkError code)
{
    return &error_table[(guint) code < SK_N_ERRORS ? code : SK_ERROR_INTERNAL];
}

const SkErrorInfo *
sk_error_info_of(const GError *error)
{
    if (error != NULL && error->domain == SK_ERROR)
        return sk_error_info((SkError) error->code);
    return sk_error_info(SK_ERROR_INTERNAL);
}

gboolean
sk_error_from_name(const char *name, SkError *out_code)
{
    for (guint i = 0; i < SK_N_ERRORS; i++) {
        if (g_strcmp0(error_table[i].name, name) == 0) {
            *out_code = (SkError) i;
            return TRUE;
        }
    }
    return FALSE;
}

/*
 * Messages carry names and values that came from outside, sometimes cut in the middle of a
 * character: what leaves here is short valid UTF-8 that a terminal can show.
 */
static char *
make_showable(const char *text)
{
    char *message = g_utf8_make_valid(text, (gssize) strnlen(text, MESSAGE_MAX));
    for (char *c = message; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c) && *c != '\n' && *c != '\t')
            *c = '?';
    }
    return message;
}

gboolean
sk_fail(GError **error, SkError code, const char *format, ...)
{
    if (error == NULL)
        return FALSE;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *message = make_showable(text);
    g_propagate_error(error, g_error_new_literal(SK_ERROR, (gint) code, message));
    return FALSE;
}

gboolean
sk_fail_errno(GError **error, int errnum, const char *format, ...)
{
    if (error == NULL)
        return FALSE;
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    SkError code = errnum == ENOSPC || errnum == EDQUOT ? SK_ERROR_NO_SPACE : errnum == EFBIG ? SK_ERROR_INVALID : SK_ERROR_HOST;
    return sk_fail(error, code, "%s: %s", what, g_strerror(errnum));
}

gboolean
sk_error_is(const GError *error, SkError code)
{
    return g_error_matches(error, SK_ERROR, (gint) code);
}
