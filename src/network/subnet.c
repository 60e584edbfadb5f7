/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing and comparing subnets. */
#include "network/subnet.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "network/netlink/links.h"
#include "network/paths.h"

/* IPv6 addresses are handed out from ::100 of the subnet on. */
#define DHCP6_FIRST 0x100
#define DHCP6_LAST  0xffff
#define BRIDGES_MAX 1024

typedef struct {
    gint family;        /* AF_INET or AF_INET6 */
    guint length;       /* bytes of an address */
    guint bits;
    guint8 address[16];
} Subnet;

/* -- arithmetic ---------------------------------------------------------------------------------------------- */

static gboolean
parse(const char *text, Subnet *out)
{
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", "/", 2);
    guint64 bits;
    Subnet subnet = { 0 };
    if (g_strv_length(parts) != 2)
        return FALSE;
    if (inet_pton(AF_INET, parts[0], subnet.address) == 1)
        subnet.family = AF_INET;
    else if (inet_pton(AF_INET6, parts[0], subnet.address) == 1)
        subnet.family = AF_INET6;
    else
        return FALSE;
    subnet.length = subnet.family == AF_INET ? 4 : 16;
    if (!g_ascii_string_to_unsigned(parts[1], 10, 0, subnet.length * 8, &bits, NULL))
        return FALSE;
    subnet.bits = (guint) bits;
    *out = subnet;
    return TRUE;
}

static char *
address_text(const Subnet *subnet)
{
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(subnet->family, subnet->address, text, sizeof text);
    return g_strdup(text);
}

/* Sets the bits behind the prefix to all 0 or all 1. */
static void
fill_host_part(Subnet *subnet, gboolean ones)
{
    for (guint bit = subnet->bits; bit < subnet->length * 8; bit++) {
        guint8 mask = (guint8) (0x80 >> bit % 8);
        if (ones)
            subnet->address[bit / 8] |= mask;
        else
            subnet->address[bit / 8] &= (guint8) ~mask;
    }
}

gboolean
sk_subnet_overlaps(const char *a, const char *b)
{
    Subnet one, two;
    if (!parse(a, &one) || !parse(b, &two) || one.family != two.family)
        return FALSE;
    one.bits = two.bits = MIN(one.bits, two.bits);
    fill_host_part(&one, FALSE);
    fill_host_part(&two, FALSE);
    return memcmp(one.address, two.address, one.length) == 0;
}

char *
sk_subnet_network(const char *subnet)
{
    Subnet parsed;
    if (!parse(subnet, &parsed))
        return NULL;
    fill_host_part(&parsed, FALSE);
    g_autofree char *address = address_text(&parsed);
    return g_strdup_printf("%s/%u", address, parsed.bits);
}

char *
sk_subnet_address(const char *subnet)
{
    return g_strndup(subnet, strcspn(subnet, "/"));
}

guint
sk_subnet_bits(const char *subnet)
{
    Subnet parsed;
    return parse(subnet, &parsed) ? parsed.bits : 0;
}

char *
sk_subnet_netmask(const char *ipv4)
{
    Subnet parsed;
    if (!parse(ipv4, &parsed))
        return NULL;
    memset(parsed.address, 0xff, sizeof parsed.address);
    fill_host_part(&parsed, FALSE);
    return address_text(&parsed);
}

static guint32
as_number(const Subnet *subnet)
{
    guint32 number;
    memcpy(&number, subnet->address, sizeof number);
    return g_ntohl(number);
}

static char *
number_text(guint32 number)
{
    Subnet subnet = { .family = AF_INET };
    number = g_htonl(number);
    memcpy(subnet.address, &number, sizeof number);
    return address_text(&subnet);
}

/* The larger side of the host's own address; first and last of the subnet are not for hosts. */
static gboolean
range4(const char *text, const Subnet *subnet, char **out_start, char **out_end, GError **error)
{
    Subnet first = *subnet, last = *subnet;
    fill_host_part(&first, FALSE);
    fill_host_part(&last, TRUE);
    guint32 low = as_number(&first), high = as_number(&last), own = as_number(subnet);
    if (high - low < 3)
        return sk_fail(error, SK_ERROR_INVALID, "subnet \"%s\" is too small for DHCP: give one of /30 or larger", text);
    gboolean above = high - own >= own - low;
    *out_start = number_text(above ? MAX(own, low) + 1 : low + 1);
    *out_end = number_text(above ? high - 1 : MIN(own, high) - 1);
    return TRUE;
}

gboolean
sk_subnet_dhcp_range(const char *subnet, char **out_start, char **out_end, GError **error)
{
    Subnet parsed;
    if (!parse(subnet, &parsed))
        return sk_check_subnet(subnet, "subnet", error);
    if (parsed.family == AF_INET)
        return range4(subnet, &parsed, out_start, out_end, error);
    if (parsed.bits > 112)
        return sk_fail(error, SK_ERROR_INVALID, "subnet \"%s\" is too small for DHCP: give one of /112 or larger, best /64", subnet);
    fill_host_part(&parsed, FALSE);
    parsed.address[14] = DHCP6_FIRST >> 8;
    parsed.address[15] = DHCP6_FIRST & 0xff;
    *out_start = address_text(&parsed);
    parsed.address[14] = DHCP6_LAST >> 8;
    parsed.address[15] = DHCP6_LAST & 0xff;
    *out_end = address_text(&parsed);
    return TRUE;
}

/* -- the host ---------------------------------------------------------------------------------------------------- */

/* What the host uses, as far as subnets of ours may not overlap it. */
typedef struct {
    GPtrArray *routes, *addresses;
    guint ignore_link;
} Host;

static void
host_clear(Host *host)
{
    g_clear_pointer(&host->routes, g_ptr_array_unref);
    g_clear_pointer(&host->addresses, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Host, host_clear)

static gboolean
host_read(Host *host, const char *ignore_link, GError **error)
{
    host->ignore_link = ignore_link != NULL ? sk_netlink_index(ignore_link) : 0;
    host->routes = sk_netlink_routes(error);
    host->addresses = host->routes != NULL ? sk_netlink_addresses(NULL, error) : NULL;
    return host->addresses != NULL;
}

static gboolean
check_prefixes(const char *subnet, const GPtrArray *prefixes, guint ignore_link, const char *what, GError **error)
{
    char link[IF_NAMESIZE];
    for (guint i = 0; i < prefixes->len; i++) {
        const SkPrefix *prefix = prefixes->pdata[i];
        if (sk_subnet_bits(prefix->subnet) == 0 || (ignore_link != 0 && prefix->link == ignore_link) ||
            !sk_subnet_overlaps(subnet, prefix->subnet))
            continue;
        if (if_indextoname(prefix->link, link) == NULL)
            g_strlcpy(link, "another link", sizeof link);
        return sk_fail(error, SK_ERROR_IN_USE, "subnet \"%s\" overlaps the host's %s %s on \"%s\": choose another", subnet, what,
                       prefix->subnet, link);
    }
    return TRUE;
}

static gboolean
check_free(const char *subnet, const Host *host, const char *const *taken, GError **error)
{
    for (guint i = 0; taken != NULL && taken[i] != NULL; i++) {
        if (sk_subnet_overlaps(subnet, taken[i]))
            return sk_fail(error, SK_ERROR_IN_USE, "subnet \"%s\" overlaps %s of another network: choose another", subnet, taken[i]);
    }
    /* Addresses first: they have routes of their own, and are what people look for. */
    return check_prefixes(subnet, host->addresses, host->ignore_link, "address", error) &&
           check_prefixes(subnet, host->routes, host->ignore_link, "route", error);
}

gboolean
sk_subnet_check_free(const char *subnet, const char *ignore_link, const char *const *taken, GError **error)
{
    g_auto(Host) host = { 0 };
    return sk_check_subnet(subnet, "subnet", error) && host_read(&host, ignore_link, error) &&
           check_free(subnet, &host, taken, error);
}

char *
sk_subnet_choose_ipv4(const char *const *taken, GError **error)
{
    g_auto(Host) host = { 0 };
    if (!host_read(&host, NULL, error))
        return NULL;
    for (guint i = 100; i < 255 + 65536; i++) {
        guint n = i - 255;
        g_autofree char *subnet = i < 255 ? g_strdup_printf("192.168.%u.1/24", i)
                                          : g_strdup_printf("10.%u.%u.1/24", n >> 8, n & 0xff);
        if (check_free(subnet, &host, taken, NULL))
            return g_steal_pointer(&subnet);
    }
    sk_fail(error, SK_ERROR_IN_USE, "no private IPv4 /24 is free on this host: give a subnet");
    return NULL;
}

char *
sk_subnet_choose_ipv6(const char *const *taken, GError **error)
{
    g_auto(Host) host = { 0 };
    if (!host_read(&host, NULL, error))
        return NULL;
    for (guint i = 0; i < 16; i++) {
        guint32 high = g_random_int(), low = g_random_int();
        g_autofree char *subnet = g_strdup_printf("fd%02x:%x:%x:%x::1/64", high & 0xff, high >> 16, low & 0xffff, low >> 16);
        if (check_free(subnet, &host, taken, NULL))
            return g_steal_pointer(&subnet);
    }
    sk_fail(error, SK_ERROR_IN_USE, "no free IPv6 /64 was found: give a subnet");
    return NULL;
}

char *
sk_network_choose_bridge(const char *tag, const char *const *taken, GError **error)
{
    for (guint i = 0; i < BRIDGES_MAX; i++) {
        g_autofree char *number = g_strdup_printf("%u", i);
        g_autofree char *name = sk_network_link_name(SK_LINK_BRIDGE, number, tag);
        if (sk_netlink_index(name) == 0 && (taken == NULL || !g_strv_contains(taken, name)))
            return g_steal_pointer(&name);
    }
    sk_fail(error, SK_ERROR_TOO_MANY, "all %d bridge names are taken: give one", BRIDGES_MAX);
    return NULL;
}
