/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dnsmasq's lease file. */
#include "network/leases.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/thread.h"

/*
 * A line is: expiry, MAC (DHCPv6: IAID), address, name, client id (DHCPv6: DUID); "*" is none.
 * A line "duid ..." is the server's own.
 */
enum { EXPIRES, MAC, ADDRESS, NAME, CLIENT_ID, N_WORDS };

#define LEASES_MAX         65536
#define LINE_BYTES_MAX     1024
#define HOSTNAME_BYTES_MAX 253

/* The guest's word for its own name: labels joined by dots, or it is dropped. */
static char *
hostname_of(const char *word)
{
    if (strlen(word) > HOSTNAME_BYTES_MAX)
        return NULL;
    g_auto(GStrv) labels = g_strsplit(word, ".", -1);
    for (guint i = 0; labels[i] != NULL; i++) {
        if (!sk_check_hostname(labels[i], "name", NULL))
            return NULL;
    }
    return g_ascii_strdown(word, -1);
}

/* Hex bytes joined by ":". */
static char *
client_id_of(const char *word)
{
    gsize length = strlen(word);
    for (gsize i = 0; i < length; i++) {
        if (i % 3 == 2 ? word[i] != ':' : !g_ascii_isxdigit(word[i]))
            return NULL;
    }
    return length % 3 == 2 ? g_strdup(word) : NULL;
}

/* The MAC in a DUID made from a link's address (RFC 8415: 1 with a time, 3 without), hardware type Ethernet. */
static char *
mac_of_duid(const char *duid)
{
    static const struct {
        const char *prefix;
        gsize mac_at, length;
    } kinds[] = { { "00:01:00:01:", 24, 41 }, { "00:03:00:01:", 12, 29 } };
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strlen(duid) == kinds[i].length && g_str_has_prefix(duid, kinds[i].prefix))
            return g_ascii_strdown(duid + kinds[i].mac_at, -1);
    }
    return NULL;
}

static SkLease *
parse_line(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", N_WORDS + 1);
    guint64 expires;
    if (g_strv_length(words) != N_WORDS || !g_ascii_string_to_unsigned(words[EXPIRES], 10, 0, G_MAXINT64, &expires, NULL) ||
        !sk_check_address(words[ADDRESS], "address", NULL))
        return NULL;
    gboolean six = strchr(words[ADDRESS], ':') != NULL;
    if (!six && !sk_check_mac(words[MAC], "MAC", NULL))
        return NULL;

    SkLease *lease = sk_value_new(&sk_lease_type);
    lease->expires = (gint64) expires;
    lease->ip = g_strdup(words[ADDRESS]);
    lease->hostname = hostname_of(words[NAME]);
    lease->client_id = client_id_of(words[CLIENT_ID]);
    /* A temporary address has a T before it. */
    const char *iaid = words[MAC] + (words[MAC][0] == 'T');
    if (six && *iaid != '\0' && strspn(iaid, "0123456789") == strlen(iaid))
        lease->iaid = g_strdup(iaid);
    if (!six)
        lease->mac = g_ascii_strdown(words[MAC], -1);
    else if (lease->client_id != NULL)
        lease->mac = mac_of_duid(lease->client_id);
    return lease;
}

static void
lease_free(gpointer lease)
{
    sk_value_free(&sk_lease_type, lease);
}

GPtrArray *
sk_leases_parse(const char *text, gsize length)
{
    GPtrArray *leases = g_ptr_array_new_with_free_func(lease_free);
    const char *end = text + MIN(length, SK_LEASES_MAX_BYTES);
    while (text < end && leases->len < LEASES_MAX) {
        const char *newline = memchr(text, '\n', (gsize) (end - text));
        gsize size = (gsize) ((newline != NULL ? newline : end) - text);
        /* A last line without its end is still being written. */
        if (newline != NULL && size < LINE_BYTES_MAX && memchr(text, '\0', size) == NULL) {
            g_autofree char *line = g_strndup(text, size);
            SkLease *lease = parse_line(line);
            if (lease != NULL)
                g_ptr_array_add(leases, lease);
        }
        text += size + 1;
    }
    return leases;
}

GPtrArray *
sk_leases_read(const char *path, GError **error)
{
    gsize length = 0;
    sk_assert_worker();
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return g_ptr_array_new_with_free_func(lease_free);
    g_autofree char *text = sk_fs_read(path, SK_LEASES_MAX_BYTES, &length, error);
    return text != NULL ? sk_leases_parse(text, length) : NULL;
}

static gboolean
is_better(const SkLease *lease, const SkLease *than)
{
    gboolean four = strchr(lease->ip, ':') == NULL, than_four = strchr(than->ip, ':') == NULL;
    if (four != than_four)
        return four;
    return than->expires != 0 && (lease->expires == 0 || lease->expires > than->expires);
}

const SkLease *
sk_leases_find(const GPtrArray *leases, const char *mac)
{
    const SkLease *best = NULL;
    for (guint i = 0; leases != NULL && i < leases->len; i++) {
        const SkLease *lease = leases->pdata[i];
        if (lease->mac != NULL && g_ascii_strcasecmp(lease->mac, mac) == 0 && (best == NULL || is_better(lease, best)))
            best = lease;
    }
    return best;
}
