/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Small text formats that people type and read: sizes, durations, names, addresses. Any thread. */

/*
 * "512M", "20G", "1.5T", "4096", "64KiB": powers of 1024; a bare number is bytes.
 * what starts the message.  Written only on success.
 */
gboolean sk_size_parse(const char *text, const char *what, guint64 *out_bytes, GError **error);

/* "20 GiB", "1.5 MiB"; free with g_free(). */
char *sk_size_format(guint64 bytes);

/* "90s", "15m", "12h", "30d", a bare number is seconds. */
gboolean sk_duration_parse(const char *text, const char *what, guint64 *out_seconds, GError **error);

/* RFC 3339 in UTC with milliseconds; microseconds since the epoch in. Free with g_free(). */
char *sk_time_format(gint64 usec);

gboolean sk_text_has_control(const char *text);

/* One spelling for each UUID: lower case, with dashes. Text that is none, and NULL, stay as they are. */
void sk_uuid_normalize(char **uuid);
/* A new one, if there is none; else as above. */
void sk_uuid_complete(char **uuid);

/* -- field checks (SkFieldCheck) ------------------------------------------------------------------ */

/* An object's name: 1-128 of letters, digits and "-_.+", beginning with a letter or digit. */
gboolean sk_check_name(const char *text, const char *what, GError **error);
/* A DNS label: 1-63 of letters, digits and "-". */
gboolean sk_check_hostname(const char *text, const char *what, GError **error);
gboolean sk_check_uuid(const char *text, const char *what, GError **error);
/* aa:bb:cc:dd:ee:ff, unicast. */
gboolean sk_check_mac(const char *text, const char *what, GError **error);
/* An IPv4 or IPv6 address. */
gboolean sk_check_address(const char *text, const char *what, GError **error);
/* address/prefix length. */
gboolean sk_check_subnet(const char *text, const char *what, GError **error);
/* A path that begins with "/" and has no ".." in it. */
gboolean sk_check_path(const char *text, const char *what, GError **error);
/* A Linux interface name: 1-15 characters. */
gboolean sk_check_ifname(const char *text, const char *what, GError **error);
/* https://, http:// or file:// */
gboolean sk_check_url(const char *text, const char *what, GError **error);
/* Hex digits of a SHA-256. */
gboolean sk_check_sha256(const char *text, const char *what, GError **error);

G_END_DECLS
