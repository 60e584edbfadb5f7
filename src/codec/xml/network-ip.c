/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <ip> of a network: the host's addresses, DHCP, network boot. */
#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"
#include "codec/xml/network-private.h"

static const SkEnumName unit_names[] = { { "seconds" }, { "minutes" }, { "hours" } };
SK_ENUM_TABLE(unit_enum, "unit", unit_names, 3);

/* -- addresses ------------------------------------------------------------------------------------------------------ */

/* Bits of a netmask, such as 24 of 255.255.255.0; 0 if it is none. */
static guint
mask_bits(const char *netmask)
{
    struct in_addr address;
    if (inet_pton(AF_INET, netmask, &address) != 1)
        return 0;
    guint32 mask = g_ntohl(address.s_addr), bits = 0;
    while (bits < 32 && (mask & 0x80000000u >> bits) != 0)
        bits++;
    return bits == 32 || (mask << bits) == 0 ? bits : 0;
}

/* The bits of an address without a mask: by its class. */
static guint
class_bits(const char *address)
{
    guint first = (guint) g_ascii_strtoull(address, NULL, 10);
    return first < 128 ? 8 : first < 192 ? 16 : 24;
}

char *
sk_xml_network_subnet(SkXmlNode *ip, gboolean six, GError **error)
{
    const char *address = sk_xml_get(ip, "@address"), *netmask = sk_xml_get(ip, "@netmask");
    guint bits = 0;
    if (address == NULL) {
        sk_xml_fail(ip, error, SK_ERROR_XML, "the attribute \"address\" is missing");
        return NULL;
    }
    if (!sk_check_address(address, "address", error) || !sk_xml_get_uint(ip, "@prefix", six ? 128 : 32, &bits, error))
        return NULL;
    if (netmask != NULL && (six || (bits = mask_bits(netmask)) == 0)) {
        sk_xml_fail(ip, error, SK_ERROR_XML, "netmask \"%.64s\" must be like 255.255.255.0%s", netmask, six ? "; IPv6 takes prefix" : "");
        return NULL;
    }
    if (bits == 0)
        bits = six ? 64 : class_bits(address);
    return g_strdup_printf("%s/%u", address, bits);
}

static gboolean
read_subnet(SkXmlNode *ip, gboolean six, char **out, GError **error)
{
    if (*out != NULL)
        return sk_xml_fail(ip, error, SK_ERROR_UNSUPPORTED, "a network has one address of each family, and this is the second");
    *out = sk_xml_network_subnet(ip, six, error);
    return *out != NULL;
}

gboolean
sk_xml_network_family(SkXmlNode *node, gboolean *six, GError **error)
{
    const char *family = sk_xml_get(node, "@family"), *address = sk_xml_get(node, "@address");
    *six = g_strcmp0(family, "ipv6") == 0 || (family == NULL && address != NULL && strchr(address, ':') != NULL);
    return family == NULL || *six || g_str_equal(family, "ipv4") ||
           sk_xml_fail(node, error, SK_ERROR_XML, "family \"%.32s\" must be ipv4 or ipv6", family);
}

/* -- DHCP ------------------------------------------------------------------------------------------------------------- */

/* The time is one for the whole network. */
static gboolean
read_lease(SkXmlNode *node, SkNetworkSpec *spec, GError **error)
{
    static const guint seconds[] = { 1, 60, 3600 };
    SkXmlNode *lease = sk_xml_child(node, "lease");
    guint expiry = 0;
    gint unit = 1;
    if (lease == NULL)
        return TRUE;
    if (!sk_xml_get_uint(lease, "@expiry", 31536000, &expiry, error) || !sk_xml_get_enum(lease, "@unit", &unit_enum, &unit, error))
        return FALSE;
    guint64 time = (guint64) expiry * seconds[unit];
    if (expiry == 0 || time > 31536000)
        return sk_xml_fail(lease, error, SK_ERROR_UNSUPPORTED, "an address is lent for two minutes to a year");
    if (spec->lease_time != 3600 && spec->lease_time != time)
        return sk_xml_fail(lease, error, SK_ERROR_UNSUPPORTED, "the time is one for the whole network");
    spec->lease_time = (guint) time;
    return TRUE;
}

/* The first range of a family has a place of its own. */
static gboolean
read_ranges(SkXmlNode *dhcp, SkNetworkSpec *spec, gboolean six, GError **error)
{
    char **start = six ? &spec->dhcp6_start : &spec->dhcp_start, **end = six ? &spec->dhcp6_end : &spec->dhcp_end;
    for (SkXmlNode *node = sk_xml_child(dhcp, "range"); node != NULL; node = sk_xml_next(node)) {
        if (!read_lease(node, spec, error))
            return FALSE;
        if (*start == NULL) {
            sk_xml_get_string(node, "@start", start);
            sk_xml_get_string(node, "@end", end);
            if (*start == NULL || *end == NULL)
                return sk_xml_fail(node, error, SK_ERROR_XML, "give start and end");
            continue;
        }
        if (spec->dhcp_ranges == NULL)
            spec->dhcp_ranges = sk_value_list_new(&sk_address_range_type);
        if (spec->dhcp_ranges->len >= 64)
            return sk_xml_fail(node, error, SK_ERROR_XML, "at most 65 ranges are possible");
        SkAddressRange *range = sk_value_new(&sk_address_range_type);
        g_ptr_array_add(spec->dhcp_ranges, range);
        if (!sk_xml_read_fields(node, &sk_address_range_type, range, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_hosts(SkXmlNode *dhcp, SkNetworkSpec *spec, GError **error)
{
    for (SkXmlNode *node = sk_xml_child(dhcp, "host"); node != NULL; node = sk_xml_next(node)) {
        if (!sk_xml_has(node, "@mac"))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "hosts are known by their MAC address here: give mac");
        if (!read_lease(node, spec, error))
            return FALSE;
    }
    return sk_xml_network_read_list(dhcp, "host", &sk_network_host_type, &spec->hosts, 4096, error);
}

static gboolean
read_dhcp(SkXmlNode *ip, SkNetworkSpec *spec, gboolean six, GError **error)
{
    SkXmlNode *dhcp = sk_xml_child(ip, "dhcp");
    if (dhcp == NULL)
        return TRUE;
    if (six)
        spec->dhcp6 = TRUE;
    spec->dhcp = TRUE;
    sk_xml_get_string(dhcp, "bootp/@file", &spec->boot_file);
    sk_xml_get_string(dhcp, "bootp/@server", &spec->boot_server);
    if (!read_ranges(dhcp, spec, six, error) || !read_hosts(dhcp, spec, error))
        return FALSE;
    if (!six)
        spec->dhcp_dynamic = spec->dhcp_start != NULL;
    return TRUE;
}

/* -- the whole ---------------------------------------------------------------------------------------------------------- */

static gboolean
read_ip(SkXmlNode *ip, SkNetworkSpec *spec, GError **error)
{
    gboolean six;
    if (!sk_xml_network_family(ip, &six, error))
        return FALSE;
    sk_xml_is(ip, "@localPtr", "no");
    sk_xml_get_string(ip, "tftp/@root", &spec->tftp_root);
    return read_subnet(ip, six, six ? &spec->ipv6 : &spec->ipv4, error) && read_dhcp(ip, spec, six, error);
}

gboolean
sk_xml_network_read_ips(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    spec->dhcp = spec->dhcp6 = FALSE;
    for (SkXmlNode *ip = sk_xml_child(network, "ip"); ip != NULL; ip = sk_xml_next(ip)) {
        if (!read_ip(ip, spec, error))
            return FALSE;
    }
    spec->addressed = spec->ipv4 != NULL || spec->ipv6 != NULL;
    gboolean forwards = spec->forward == SK_FORWARD_NAT || spec->forward == SK_FORWARD_ROUTE;
    if (forwards && !spec->addressed)
        return sk_xml_fail(network, error, SK_ERROR_XML, "forwarding needs an <ip> with the network's address");
    if (spec->dhcp6 && spec->ipv4 != NULL && sk_xml_at(network, "ip/dhcp") == NULL)
        return sk_xml_fail(network, error, SK_ERROR_UNSUPPORTED, "DHCP for IPv6 alone is not supported beside an IPv4 address: give both a <dhcp>");
    return TRUE;
}

static void
write_range(SkXmlNode *dhcp, const SkNetworkSpec *spec, const char *start, const char *end)
{
    SkXmlNode *range = sk_xml_add(dhcp, "range");
    sk_xml_set(range, "@start", start);
    sk_xml_set(range, "@end", end);
    if (spec->lease_time == 3600)
        return;
    sk_xml_setf(range, "lease/@expiry", "%u", spec->lease_time);
    sk_xml_set(range, "lease/@unit", "seconds");
}

static void
write_hosts(SkXmlNode *dhcp, const GPtrArray *hosts, gboolean six)
{
    for (guint i = 0; hosts != NULL && i < hosts->len; i++) {
        const SkNetworkHost *host = hosts->pdata[i];
        if ((host->ip != NULL && strchr(host->ip, ':') != NULL) == six)
            sk_xml_write_fields(sk_xml_add(dhcp, "host"), &sk_network_host_type, host);
    }
}

static void
write_dhcp(SkXmlNode *ip, const SkNetworkSpec *spec, gboolean six)
{
    const char *start = six ? spec->dhcp6_start : spec->dhcp_start, *end = six ? spec->dhcp6_end : spec->dhcp_end;
    SkXmlNode *dhcp = sk_xml_add(ip, "dhcp");
    if (start != NULL)
        write_range(dhcp, spec, start, end);
    for (guint i = 0; spec->dhcp_ranges != NULL && i < spec->dhcp_ranges->len; i++) {
        const SkAddressRange *range = spec->dhcp_ranges->pdata[i];
        if ((strchr(range->start, ':') != NULL) == six)
            write_range(dhcp, spec, range->start, range->end);
    }
    write_hosts(dhcp, spec->hosts, six);
    if (!six && spec->boot_file != NULL) {
        sk_xml_set(dhcp, "bootp/@file", spec->boot_file);
        sk_xml_set(dhcp, "bootp/@server", spec->boot_server);
    }
}

static void
write_ip(SkXmlNode *network, const SkNetworkSpec *spec, const char *subnet)
{
    gboolean six = strchr(subnet, ':') != NULL;
    guint bits = (guint) g_ascii_strtoull(strchr(subnet, '/') + 1, NULL, 10);
    g_autofree char *address = g_strndup(subnet, strcspn(subnet, "/"));
    SkXmlNode *ip = sk_xml_add(network, "ip");
    if (six)
        sk_xml_set(ip, "@family", "ipv6");
    sk_xml_set(ip, "@address", address);
    if (six) {
        sk_xml_setf(ip, "@prefix", "%u", bits);
    } else {
        guint32 mask = bits == 0 ? 0 : 0xffffffffu << (32 - bits);
        sk_xml_setf(ip, "@netmask", "%u.%u.%u.%u", mask >> 24, mask >> 16 & 0xff, mask >> 8 & 0xff, mask & 0xff);
        sk_xml_set(ip, "tftp/@root", spec->tftp_root);
    }
    if (spec->dhcp && (!six || spec->dhcp6))
        write_dhcp(ip, spec, six);
}

void
sk_xml_network_write_ips(SkXmlNode *network, const SkNetworkSpec *spec)
{
    if (spec->ipv4 != NULL)
        write_ip(network, spec, spec->ipv4);
    if (spec->ipv6 != NULL)
        write_ip(network, spec, spec->ipv6);
}
