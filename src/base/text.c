/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes, durations, names and addresses as text. */
#include "base/text.h"

#include <math.h>
#include <string.h>

#include <gio/gio.h>

#include "base/error.h"

/* -- sizes and times ------------------------------------------------------------------------------ */

static const char size_units[] = "KMGTPE";

/* The multiplier of a suffix like "", "b", "K", "kB", "KiB"; 0 if it is none. */
static gdouble
size_unit(const char *suffix)
{
    if (*suffix == '\0' || g_ascii_strcasecmp(suffix, "b") == 0)
        return 1;
    const char *unit = strchr(size_units, g_ascii_toupper(*suffix));
    if (unit == NULL)
        return 0;
    const char *rest = suffix + 1;
    if (*rest != '\0' && g_ascii_strcasecmp(rest, "b") != 0 && g_ascii_strcasecmp(rest, "ib") != 0)
        return 0;
    return ldexp(1, 10 * (int) (unit - size_units + 1));
}

gboolean
sk_size_parse(const char *text, const char *what, guint64 *out_bytes, GError **error)
{
    guint64 whole;
    if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &whole, NULL)) {
        *out_bytes = whole;
        return TRUE;
    }

    /* Digits and a point only: strtod would take "0x10" and "1e3" too. */
    gsize length = strspn(text, "0123456789.");
    g_autofree char *digits = g_strndup(text, length);
    char *end = NULL;
    gdouble number = g_ascii_isdigit(*digits) ? g_ascii_strtod(digits, &end) : -1;
    const char *suffix = text + length + strspn(text + length, " ");
    gdouble unit = number >= 0 && *end == '\0' ? size_unit(suffix) : 0;
    if (unit == 0 || !isfinite(number))
        return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", give a size such as 512M or 20G", what, text);
    if (number * unit >= (gdouble) G_MAXINT64)
        return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", that is more than can be counted", what, text);
    *out_bytes = (guint64) (number * unit);
    return TRUE;
}

char *
sk_size_format(guint64 bytes)
{
    guint power = 0;
    gdouble number = (gdouble) bytes;
    while (number >= 1024 && power < strlen(size_units)) {
        number /= 1024;
        power++;
    }
    if (power == 0)
        return g_strdup_printf("%u B", (guint) bytes);
    const char *format = number == floor(number) ? "%.0f %ciB" : "%.1f %ciB";
    return g_strdup_printf(format, number, size_units[power - 1]);
}

gboolean
sk_duration_parse(const char *text, const char *what, guint64 *out_seconds, GError **error)
{
    static const struct {
        char unit;
        guint seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
    char *end = NULL;
    guint64 number = g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, 10) : 0;

    if (end != NULL && *end == '\0' && number < G_MAXINT) {
        *out_seconds = number;
        return TRUE;
    }
    for (guint i = 0; end != NULL && number < G_MAXINT && i < G_N_ELEMENTS(units); i++) {
        if (end[0] == units[i].unit && end[1] == '\0') {
            *out_seconds = number * units[i].seconds;
            return TRUE;
        }
    }
    return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", give a time such as 90s, 15m, 12h or 30d", what, text);
}

char *
sk_time_format(gint64 usec)
{
    g_autoptr(GDateTime) seconds = g_date_time_new_from_unix_utc(usec / G_USEC_PER_SEC);
    g_autofree char *text = seconds != NULL ? g_date_time_format(seconds, "%Y-%m-%dT%H:%M:%S") : NULL;
    return g_strdup_printf("%s.%03dZ", text != NULL ? text : "?", (gint) (usec / 1000 % 1000));
}

gboolean
sk_text_has_control(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c))
            return TRUE;
    }
    return FALSE;
}

/* -- checks ---------------------------------------------------------------------------------------- */

static gboolean
consists_of(const char *text, const char *extra, gsize max)
{
    gsize length = strlen(text);
    if (length == 0 || length > max || !g_ascii_isalnum(text[0]))
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && strchr(extra, text[i]) == NULL)
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_check_name(const char *text, const char *what, GError **error)
{
    if (consists_of(text, "-_.+", 128))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID,
                   "%s \"%.64s\"%s is not a name: give 1 to 128 letters, digits or -_.+, beginning with a letter or digit",
                   what, text, strlen(text) > 64 ? "..." : "");
}

gboolean
sk_check_hostname(const char *text, const char *what, GError **error)
{
    if (consists_of(text, "-", 63) && !g_str_has_suffix(text, "-"))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a host name: give 1 to 63 letters, digits or \"-\"",
                   what, text);
}

void
sk_uuid_normalize(char **uuid)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (*uuid == NULL)
        return;
    for (const char *at = *uuid; *at != '\0'; at++) {
        if (*at == '-' || *at == ' ')
            continue;
        if (text->len == 8 || text->len == 13 || text->len == 18 || text->len == 23)
            g_string_append_c(text, '-');
        g_string_append_c(text, g_ascii_tolower(*at));
    }
    if (!g_uuid_string_is_valid(text->str))
        return;
    g_free(*uuid);
    *uuid = g_strdup(text->str);
}

void
sk_uuid_complete(char **uuid)
{
    if (*uuid == NULL)
        *uuid = g_uuid_string_random();
    sk_uuid_normalize(uuid);
}

gboolean
sk_check_uuid(const char *text, const char *what, GError **error)
{
    return g_uuid_string_is_valid(text) ||
           sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a UUID", what, text);
}

gboolean
sk_check_mac(const char *text, const char *what, GError **error)
{
    gboolean ok = strlen(text) == 17;
    for (guint i = 0; ok && i < 17; i++)
        ok = i % 3 == 2 ? text[i] == ':' : g_ascii_isxdigit(text[i]);
    if (!ok)
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a MAC address such as 52:54:00:12:34:56", what, text);
    if (g_ascii_xdigit_value(text[1]) & 1)
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" is a multicast address, an interface needs a unicast one", what, text);
    if (strspn(text, "0:") == 17)
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" is no interface's address", what, text);
    return TRUE;
}

gboolean
sk_check_address(const char *text, const char *what, GError **error)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);
    return address != NULL || sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not an IP address", what, text);
}

gboolean
sk_check_subnet(const char *text, const char *what, GError **error)
{
    const char *slash = strchr(text, '/');
    g_autofree char *host = slash != NULL ? g_strndup(text, (gsize) (slash - text)) : NULL;
    g_autoptr(GInetAddress) address = host != NULL ? g_inet_address_new_from_string(host) : NULL;
    guint64 bits;
    if (address != NULL &&
        g_ascii_string_to_unsigned(slash + 1, 10, 1, g_inet_address_get_native_size(address) * 8, &bits, NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a subnet such as 192.168.100.1/24", what, text);
}

gboolean
sk_check_path(const char *text, const char *what, GError **error)
{
    gboolean up = strstr(text, "/../") != NULL || g_str_has_suffix(text, "/..");
    if (g_path_is_absolute(text) && !up)
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.200s\" is not a full path: begin with \"/\" and use no \"..\"", what, text);
}

gboolean
sk_check_ifname(const char *text, const char *what, GError **error)
{
    if (consists_of(text, "-_.", 15))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not an interface name: give 1 to 15 letters, digits or -_.", what, text);
}

gboolean
sk_check_url(const char *text, const char *what, GError **error)
{
    static const char *const schemes[] = { "https://", "http://", "file:///" };
    for (guint i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (g_str_has_prefix(text, schemes[i]) && text[strlen(schemes[i])] != '\0')
            return TRUE;
    }
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.200s\" is not an https, http or file URL", what, text);
}

gboolean
sk_check_sha256(const char *text, const char *what, GError **error)
{
    gboolean ok = strlen(text) == 64;
    for (guint i = 0; ok && i < 64; i++)
        ok = g_ascii_isxdigit(text[i]);
    return ok || sk_fail(error, SK_ERROR_INVALID, "%s \"%.80s\" is not a SHA-256: give 64 hex digits", what, text);
}
