/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of networks and leases. */
#include "model/network.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "model/dnsmasq-option.h"

static const SkEnumName forward_names[] = { { "nat", NULL, "guests reach out through the host's address" },
                                            { "route", NULL, "guests are routed with their own addresses" },
                                            { "isolated", NULL, "guests reach only each other and the host" },
                                            { "bridge", NULL, "guests sit on an existing bridge of the host" },
                                            { "open", NULL, "guests are routed, and no rule of the packet filter is made" } };
SK_ENUM_TABLE(sk_forward_enum, "forward mode", forward_names, SK_N_FORWARDS);

static const SkField host_fields[] = {
    SK_FIELD(SkNetworkHost, mac, STRING, "MAC address", .xml = "@mac", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = sk_check_mac),
    SK_FIELD(SkNetworkHost, ip, STRING, "address it always gets", .xml = "@ip", .check = sk_check_address),
    SK_FIELD(SkNetworkHost, name, STRING, "DNS name", .xml = "@name", .check = sk_check_hostname),
};
SK_TYPE(sk_network_host_type, SkNetworkHost, "NetworkHost", "host", host_fields, "a host with a fixed address and name", .xml = "host");

static const SkField range_fields[] = {
    SK_FIELD(SkAddressRange, start, STRING, "first address", .xml = "@start", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = sk_check_address),
    SK_FIELD(SkAddressRange, end, STRING, "last address", .xml = "@end", .flags = SK_FIELD_REQUIRED, .check = sk_check_address),
};
SK_TYPE(sk_address_range_type, SkAddressRange, "AddressRange", "range", range_fields, "a range of addresses", .xml = "range");

/* A DNS domain: labels joined by dots. */
static gboolean
check_domain(const char *text, const char *what, GError **error)
{
    g_auto(GStrv) labels = g_strsplit(text, ".", -1);
    for (guint i = 0; labels[i] != NULL; i++) {
        if (!sk_check_hostname(labels[i], what, error))
            return FALSE;
    }
    return strlen(text) <= 253 || sk_fail(error, SK_ERROR_INVALID, "%s is longer than 253 characters", what);
}

/* -- records of DNS -------------------------------------------------------------------------------------------- */

static gboolean
check_record_name(const char *text, const char *what, GError **error)
{
    return g_regex_match_simple("^[A-Za-z0-9_*]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\\z", text, 0, 0) ||
           sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is no name of a DNS record", what, text);
}

static const SkField dns_host_fields[] = {
    SK_FIELD(SkDnsHost, ip, STRING, "address", .xml = "@ip", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = sk_check_address),
    SK_FIELD(SkDnsHost, names, STRV, "its names", .xml = "hostname", .flags = SK_FIELD_REQUIRED, .max = 32, .check = check_record_name),
};
SK_TYPE(sk_dns_host_type, SkDnsHost, "DnsHost", "DNS host", dns_host_fields, "an address with names", .xml = "host");

static const SkField dns_text_fields[] = {
    SK_FIELD(SkDnsText, name, STRING, "name", .xml = "@name", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = check_record_name),
    SK_FIELD(SkDnsText, value, STRING, "text", .xml = "@value", .flags = SK_FIELD_REQUIRED, .max = 255),
};
SK_TYPE(sk_dns_text_type, SkDnsText, "DnsText", "TXT record", dns_text_fields, "a TXT record", .xml = "txt");

static gboolean
check_service(const char *text, const char *what, GError **error)
{
    return g_regex_match_simple("^[A-Za-z0-9_-]{1,15}\\z", text, 0, 0) ||
           sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" must be a word such as ldap or tcp", what, text);
}

static const SkField dns_service_fields[] = {
    SK_FIELD(SkDnsService, service, STRING, "service, such as ldap", .xml = "@service", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = check_service),
    SK_FIELD(SkDnsService, protocol, STRING, "tcp or udp", .xml = "@protocol", .flags = SK_FIELD_REQUIRED, .check = check_service),
    SK_FIELD(SkDnsService, domain, STRING, "domain it is for; the network's if not given", .xml = "@domain", .check = check_domain),
    SK_FIELD(SkDnsService, target, STRING, "host that offers it; none if not given", .xml = "@target", .check = check_record_name),
    SK_FIELD(SkDnsService, port, UINT, "its port", .xml = "@port", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDnsService, priority, UINT, "lower is tried first", .xml = "@priority", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDnsService, weight, UINT, "share among equals", .xml = "@weight", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_dns_service_type, SkDnsService, "DnsService", "SRV record", dns_service_fields, "a SRV record", .xml = "srv");

static const SkField dns_route_fields[] = {
    SK_FIELD(SkDnsRoute, domain, STRING, "DNS domain", .xml = "@domain", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = check_domain),
    SK_FIELD(SkDnsRoute, address, STRING, "resolver to ask; the host's own if not given", .xml = "@addr", .check = sk_check_address),
};
SK_TYPE(sk_dns_route_type, SkDnsRoute, "DnsRoute", "DNS route", dns_route_fields, "whom to ask of a DNS domain", .xml = "forwarder");

/* -- routes, port groups ----------------------------------------------------------------------------------------- */

static const SkField route_fields[] = {
    SK_FIELD(SkNetworkRoute, subnet, STRING, "what is reached, such as 10.20.0.0/16", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .check = sk_check_subnet),
    SK_FIELD(SkNetworkRoute, gateway, STRING, "who on the network forwards it", .flags = SK_FIELD_REQUIRED, .check = sk_check_address),
    SK_FIELD(SkNetworkRoute, metric, UINT, "of several routes the lowest is taken", .min = 0, .max = G_MAXINT32, .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_network_route_type, SkNetworkRoute, "NetworkRoute", "route", route_fields, "what the host reaches through a guest of the network", .xml = "route");

static const SkField group_fields[] = {
    SK_FIELD(SkPortGroup, name, STRING, "name", .xml = "@name", .flags = SK_FIELD_KEY | SK_FIELD_REQUIRED, .max = 64, .check = sk_check_name),
    SK_FIELD(SkPortGroup, is_default, BOOL, "interfaces that name no port group are in it", .xml = "@default|yes", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkPortGroup, bandwidth, STRUCT, "rate limits of each interface", .xml = "bandwidth", .type = &sk_bandwidth_type, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkPortGroup, vlan, OPTIONAL, "VLANs of its interfaces", .xml = "vlan", .type = &sk_vlan_type),
    SK_FIELD(SkPortGroup, openvswitch, OPTIONAL, "its interfaces are ports of Open vSwitch", .xml = "~virtualport", .type = &sk_ovs_port_type),
};
SK_TYPE(sk_port_group_type, SkPortGroup, "PortGroup", "port group", group_fields, "settings that interfaces take by a name", .xml = "portgroup");

/* -- networks ---------------------------------------------------------------------------------------------------- */

static const SkField spec_fields[] = {
    SK_FIELD(SkNetworkSpec, name, STRING, "name, unique on the host", .xml = "name", .flags = SK_FIELD_REQUIRED, .max = 50, .check = sk_check_name),
    SK_FIELD(SkNetworkSpec, uuid, STRING, "UUID; made if not given", .xml = "uuid", .check = sk_check_uuid),
    SK_FIELD(SkNetworkSpec, forward, ENUM, "how guests reach out", .xml = "forward/@mode", .names = &sk_forward_enum),
    SK_FIELD(SkNetworkSpec, forward_device, STRING, "only out through this link", .xml = "forward/@dev", .check = sk_check_ifname),
    SK_FIELD(SkNetworkSpec, bridge, STRING, "bridge; made and named if not given", .xml = "bridge/@name", .check = sk_check_ifname),
    SK_FIELD(SkNetworkSpec, mac, STRING, "MAC address of the bridge", .xml = "mac/@address", .check = sk_check_mac),
    SK_FIELD(SkNetworkSpec, mtu, UINT, "MTU, 0 for the usual", .xml = "mtu/@size", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkNetworkSpec, stp, BOOL, "spanning tree on the bridge", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkNetworkSpec, stp_delay, UINT, "seconds that a new port listens before it takes part", .min = 0, .max = 30, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkNetworkSpec, nat_addresses, OPTIONAL, "addresses of the host that guests appear as", .type = &sk_address_range_type),
    SK_FIELD(SkNetworkSpec, nat_port_start, UINT, "first port that guests appear from", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkNetworkSpec, nat_port_end, UINT, "last port that guests appear from", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkNetworkSpec, nat6, BOOL, "forward \"nat\" hides IPv6 addresses too", .def = "true"),
    SK_FIELD(SkNetworkSpec, addressed, BOOL, "the host has an address on it", .def = "true"),
    SK_FIELD(SkNetworkSpec, ipv4, STRING, "the host's address and the subnet, such as 192.168.100.1/24; a free one if not given", .check = sk_check_subnet),
    SK_FIELD(SkNetworkSpec, ipv6, STRING, "the host's IPv6 address and the subnet, such as fd00:1::1/64", .check = sk_check_subnet),
    SK_FIELD(SkNetworkSpec, dhcp, BOOL, "hand out addresses", .def = "true"),
    SK_FIELD(SkNetworkSpec, dhcp_dynamic, BOOL, "hand them out to everybody, not only to hosts that are named", .def = "true"),
    SK_FIELD(SkNetworkSpec, dhcp6, BOOL, "hand out IPv6 addresses; else guests make their own", .def = "true"),
    SK_FIELD(SkNetworkSpec, dhcp_start, STRING, "first address to hand out", .xml = "ip/dhcp/range/@start", .check = sk_check_address),
    SK_FIELD(SkNetworkSpec, dhcp_end, STRING, "last address to hand out", .xml = "ip/dhcp/range/@end", .check = sk_check_address),
    SK_FIELD(SkNetworkSpec, dhcp6_start, STRING, "first IPv6 address to hand out", .check = sk_check_address),
    SK_FIELD(SkNetworkSpec, dhcp6_end, STRING, "last IPv6 address to hand out", .check = sk_check_address),
    SK_FIELD(SkNetworkSpec, dhcp_ranges, LIST, "further ranges to hand out", .type = &sk_address_range_type, .max = 64),
    SK_FIELD(SkNetworkSpec, lease_time, UINT, "seconds an address is lent for", .def = "3600", .min = 120, .max = 31536000),
    SK_FIELD(SkNetworkSpec, dns, BOOL, "answer the guests' DNS questions", .xml = "dns/@enable", .def = "true"),
    SK_FIELD(SkNetworkSpec, dns_plain, BOOL, "ask for names without a dot outside too", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkNetworkSpec, domain_local, BOOL, "never ask for names of the domain outside", .def = "true"),
    SK_FIELD(SkNetworkSpec, domain, STRING, "DNS domain of the guests; <name>.skep if not given", .xml = "domain/@name", .check = check_domain),
    SK_FIELD(SkNetworkSpec, dns_forwarders, STRV, "resolvers to ask; the host's own if not given", .xml = "dns/forwarder/@addr", .max = 8, .check = sk_check_address),
    SK_FIELD(SkNetworkSpec, dns_routes, LIST, "resolvers of single DNS domains", .type = &sk_dns_route_type, .max = 64),
    SK_FIELD(SkNetworkSpec, dns_hosts, LIST, "further names", .type = &sk_dns_host_type, .max = 4096),
    SK_FIELD(SkNetworkSpec, dns_texts, LIST, "TXT records", .type = &sk_dns_text_type, .max = 1024),
    SK_FIELD(SkNetworkSpec, dns_services, LIST, "SRV records", .type = &sk_dns_service_type, .max = 1024),
    SK_FIELD(SkNetworkSpec, hosts, LIST, "hosts with fixed addresses and names", .type = &sk_network_host_type, .max = 4096),
    SK_FIELD(SkNetworkSpec, dnsmasq_options, STRV, "further lines of dnsmasq's configuration", .max = 256, .check = sk_check_dnsmasq_option),
    SK_FIELD(SkNetworkSpec, routes, LIST, "what the host reaches through guests", .type = &sk_network_route_type, .max = 256),
    SK_FIELD(SkNetworkSpec, vlan, OPTIONAL, "VLANs of interfaces that give none", .type = &sk_vlan_type),
    SK_FIELD(SkNetworkSpec, openvswitch, OPTIONAL, "the bridge is Open vSwitch's (bridge)", .type = &sk_ovs_port_type),
    SK_FIELD(SkNetworkSpec, portgroups, LIST, "settings that interfaces take by a name", .type = &sk_port_group_type, .max = 256),
    SK_FIELD(SkNetworkSpec, tftp_root, STRING, "directory served by TFTP", .xml = "ip/tftp/@root", .check = sk_check_path),
    SK_FIELD(SkNetworkSpec, boot_file, STRING, "file that network boot loads", .xml = "ip/dhcp/bootp/@file", .max = 255),
    SK_FIELD(SkNetworkSpec, boot_server, STRING, "host that has it; this one if not given", .check = sk_check_address),
    SK_FIELD(SkNetworkSpec, autostart, BOOL, "start with the host", .def = "true"),
    SK_FIELD(SkNetworkSpec, metadata, MAP, "other programs' data, kept as it came"),
};

static gboolean
in_subnet(const char *subnet, const char *address, const char *key, GError **error)
{
    if (address == NULL)
        return TRUE;
    if (subnet == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" needs a subnet to be in", key, address);
    g_auto(GStrv) parts = g_strsplit(subnet, "/", 2);
    g_autoptr(GInetAddress) base = g_inet_address_new_from_string(parts[0]);
    g_autoptr(GInetAddress) one = g_inet_address_new_from_string(address);
    guint bits = (guint) g_ascii_strtoull(parts[1], NULL, 10);
    const guint8 *a = g_inet_address_to_bytes(base), *b = g_inet_address_to_bytes(one);
    gboolean same = g_inet_address_get_family(base) == g_inet_address_get_family(one);
    for (guint i = 0; same && i < bits; i++)
        same = (a[i / 8] >> (7 - i % 8) & 1) == (b[i / 8] >> (7 - i % 8) & 1);
    return same || sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" is not in the subnet %s", key, address, subnet);
}

static gboolean
same_address(const char *a, const char *b)
{
    g_autoptr(GInetAddress) one = g_inet_address_new_from_string(a), other = g_inet_address_new_from_string(b);
    return g_inet_address_equal(one, other);
}

/* Each host's MAC is its own, and so is each address of a host; seen has what those before have. */
static gboolean
check_host(const SkNetworkSpec *self, const SkNetworkHost *host, GHashTable *seen, GError **error)
{
    gboolean six = host->ip != NULL && strchr(host->ip, ':') != NULL;
    const char *subnet = six ? self->ipv6 : self->ipv4;
    if (!in_subnet(subnet, host->ip, "hosts.ip", error))
        return FALSE;
    g_autofree char *own = g_strndup(subnet != NULL ? subnet : "", strcspn(subnet != NULL ? subnet : "", "/"));
    if (host->ip != NULL && same_address(host->ip, own))
        return sk_fail(error, SK_ERROR_INVALID, "hosts.ip \"%s\" is the host's own address", host->ip);
    g_autofree char *mac = g_ascii_strdown(host->mac, -1);
    if (!g_hash_table_add(seen, g_strconcat(mac, six ? " 6" : " 4", NULL)))
        return sk_fail(error, SK_ERROR_INVALID, "two hosts have the MAC address \"%s\"", host->mac);
    if (host->ip != NULL && !g_hash_table_add(seen, g_strdup(host->ip)))
        return sk_fail(error, SK_ERROR_INVALID, "two hosts have the address \"%s\"", host->ip);
    return TRUE;
}

static gboolean
check_hosts(const SkNetworkSpec *self, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; self->hosts != NULL && i < self->hosts->len; i++) {
        if (!check_host(self, self->hosts->pdata[i], seen, error))
            return FALSE;
    }
    return TRUE;
}

/* The host's own address must be one that a host can have: neither the subnet's first nor its last, nor a special one. */
static gboolean
check_host_address(const char *subnet, const char *key, GError **error)
{
    if (subnet == NULL)
        return TRUE;
    g_auto(GStrv) parts = g_strsplit(subnet, "/", 2);
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(parts[0]);
    const guint8 *bytes = g_inet_address_to_bytes(address);
    gboolean four = g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV4;
    guint bits = (guint) g_ascii_strtoull(parts[1], NULL, 10), size = four ? 32 : 128;
    gboolean zeros = TRUE, ones = four;
    for (guint i = bits; i < size; i++) {
        gboolean one = bytes[i / 8] >> (7 - i % 8) & 1;
        zeros = zeros && !one;
        ones = ones && one;
    }
    gboolean mapped = !four && memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
    if (g_inet_address_get_is_loopback(address) || g_inet_address_get_is_link_local(address) || mapped || g_inet_address_get_is_multicast(address) || g_inet_address_get_is_any(address) ||
        (four && (bytes[0] == 0 || bytes[0] == 127 || bytes[0] >= 240)))
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" is not a subnet for guests: give one such as %s", key, subnet,
                       four ? "192.168.100.1/24" : "fd00:1::1/64");
    return bits + 1 >= size || !(zeros || ones) ||
           sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" has the subnet's %s address, which no host can have: give the host's own, such as %s", key,
                   subnet, zeros ? "first" : "last", four ? "192.168.100.1/24" : "fd00:1::1/64");
}

/* start and end are of one family here: both are in its subnet. */
static gboolean
check_range(const char *start, const char *end, const char *key, GError **error)
{
    if (start == NULL || end == NULL)
        return TRUE;
    g_autoptr(GInetAddress) first = g_inet_address_new_from_string(start);
    g_autoptr(GInetAddress) last = g_inet_address_new_from_string(end);
    return memcmp(g_inet_address_to_bytes(first), g_inet_address_to_bytes(last), g_inet_address_get_native_size(first)) <= 0 ||
           sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" is after its end \"%s\"", key, start, end);
}

/* What the kernel keeps for itself below /proc/sys/net would never become a link. */
static gboolean
check_link(const SkNetworkSpec *self, GError **error)
{
    if (self->bridge != NULL && (strcmp(self->bridge, "all") == 0 || strcmp(self->bridge, "default") == 0))
        return sk_fail(error, SK_ERROR_INVALID, "bridge \"%s\" is a name that the kernel keeps for itself", self->bridge);
    guint least = self->ipv6 != NULL ? 1280 : 68;
    return self->mtu == 0 || self->mtu >= least ||
           sk_fail(error, SK_ERROR_INVALID, "mtu is %u, it must be at least %u%s", self->mtu, least, self->ipv6 != NULL ? " for IPv6" : "");
}

static gboolean
check_ranges(const SkNetworkSpec *self, GError **error)
{
    for (guint i = 0; self->dhcp_ranges != NULL && i < self->dhcp_ranges->len; i++) {
        const SkAddressRange *range = self->dhcp_ranges->pdata[i];
        const char *subnet = strchr(range->start, ':') != NULL ? self->ipv6 : self->ipv4;
        if (!in_subnet(subnet, range->start, "dhcp_ranges.start", error) || !in_subnet(subnet, range->end, "dhcp_ranges.end", error) ||
            !check_range(range->start, range->end, "dhcp_ranges.start", error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_routes(const SkNetworkSpec *self, GError **error)
{
    for (guint i = 0; self->routes != NULL && i < self->routes->len; i++) {
        const SkNetworkRoute *route = self->routes->pdata[i];
        gboolean six = strchr(route->subnet, ':') != NULL;
        const char *subnet = six ? self->ipv6 : self->ipv4;
        if (self->forward == SK_FORWARD_BRIDGE || subnet == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "routes.subnet \"%s\" needs a network with an address of the family", route->subnet);
        if (!in_subnet(subnet, route->gateway, "routes.gateway", error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_groups(const SkNetworkSpec *self, GError **error)
{
    guint defaults = 0;
    gboolean ovs = self->openvswitch != NULL;
    for (guint i = 0; self->portgroups != NULL && i < self->portgroups->len; i++) {
        const SkPortGroup *group = self->portgroups->pdata[i];
        defaults += group->is_default;
        ovs = ovs || group->openvswitch != NULL;
        if (sk_network_spec_port_group(self, group->name) != group)
            return sk_fail(error, SK_ERROR_INVALID, "two port groups are called \"%s\"", group->name);
    }
    if (ovs && self->forward != SK_FORWARD_BRIDGE)
        return sk_fail(error, SK_ERROR_INVALID, "openvswitch is for forward \"bridge\": the bridge is made with ovs-vsctl");
    return defaults <= 1 || sk_fail(error, SK_ERROR_INVALID, "a network has one default port group");
}

static gboolean
check_nat(const SkNetworkSpec *self, GError **error)
{
    const SkAddressRange *range = self->nat_addresses;
    if ((range != NULL || self->nat_port_start != 0 || self->nat_port_end != 0) && self->forward != SK_FORWARD_NAT)
        return sk_fail(error, SK_ERROR_INVALID, "nat_addresses and ports are for forward \"nat\" only");
    if (range != NULL && (strchr(range->start, ':') != NULL || strchr(range->end, ':') != NULL))
        return sk_fail(error, SK_ERROR_INVALID, "nat_addresses must be IPv4 addresses");
    if (range != NULL && !check_range(range->start, range->end, "nat_addresses.start", error))
        return FALSE;
    return ((self->nat_port_start == 0) == (self->nat_port_end == 0) && self->nat_port_start <= self->nat_port_end) ||
           sk_fail(error, SK_ERROR_INVALID, "nat_port_start %u and nat_port_end %u are no range", self->nat_port_start, self->nat_port_end);
}

static gboolean
check_spec(gconstpointer value, GError **error)
{
    const SkNetworkSpec *self = value;
    if (!check_link(self, error) || !check_nat(self, error))
        return FALSE;
    if (self->forward == SK_FORWARD_BRIDGE && self->bridge == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "bridge is missing: forward \"bridge\" needs the name of an existing one");
    if (self->forward == SK_FORWARD_BRIDGE && (self->ipv4 != NULL || self->ipv6 != NULL))
        return sk_fail(error, SK_ERROR_INVALID, "ipv4 and ipv6 are not ours to give on an existing bridge");
    if (self->ipv4 != NULL && strchr(self->ipv4, ':') != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "ipv4 \"%s\" is an IPv6 subnet", self->ipv4);
    if (self->ipv6 != NULL && strchr(self->ipv6, ':') == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "ipv6 \"%s\" is an IPv4 subnet", self->ipv6);
    if ((self->dhcp_start == NULL) != (self->dhcp_end == NULL) || (self->dhcp6_start == NULL) != (self->dhcp6_end == NULL))
        return sk_fail(error, SK_ERROR_INVALID, "the start and the end of a DHCP range go together: both or none");
    return in_subnet(self->ipv4, self->dhcp_start, "dhcp_start", error) && in_subnet(self->ipv4, self->dhcp_end, "dhcp_end", error) &&
           in_subnet(self->ipv6, self->dhcp6_start, "dhcp6_start", error) && in_subnet(self->ipv6, self->dhcp6_end, "dhcp6_end", error) &&
           check_host_address(self->ipv4, "ipv4", error) && check_host_address(self->ipv6, "ipv6", error) &&
           check_range(self->dhcp_start, self->dhcp_end, "dhcp_start", error) &&
           check_range(self->dhcp6_start, self->dhcp6_end, "dhcp6_start", error) && check_ranges(self, error) && check_hosts(self, error) &&
           check_routes(self, error) && check_groups(self, error);
}
SK_TYPE(sk_network_spec_type, SkNetworkSpec, "Network", "network", spec_fields, "a network for domains", .xml = "network", .check = check_spec);

static const SkField status_fields[] = {
    SK_FIELD(SkNetworkStatus, active, BOOL, "it is up"),
    SK_FIELD(SkNetworkStatus, persistent, BOOL, "it is defined; else it is gone when it is stopped"),
    SK_FIELD(SkNetworkStatus, pending, BOOL, "the definition is another than what is up", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkNetworkStatus, bridge, STRING, "bridge in use"),
    SK_FIELD(SkNetworkStatus, connected, UINT, "interfaces of running domains on it"),
    SK_FIELD(SkNetworkStatus, message, STRING, "the last failure"),
};
SK_TYPE(sk_network_status_type, SkNetworkStatus, "NetworkStatus", "network status", status_fields, "what is known of a network at the moment");

static const SkField view_fields[] = {
    SK_FIELD(SkNetworkView, spec, STRUCT, "definition", .type = &sk_network_spec_type),
    SK_FIELD(SkNetworkView, status, STRUCT, "status", .type = &sk_network_status_type),
    SK_FIELD(SkNetworkView, live, OPTIONAL, "what is up, if that is another than the definition", .type = &sk_network_spec_type),
    SK_FIELD(SkNetworkView, etag, STRING, "changes with every change of the definition"),
};
SK_TYPE(sk_network_view_type, SkNetworkView, "NetworkView", "network", view_fields, "a network: definition and status");

static const SkEnumName edit_names[] = { { "modify" }, { "delete" }, { "add" }, { "add-first" } };
SK_ENUM_TABLE(sk_edit_enum, "change", edit_names, SK_N_EDITS);

static const SkField edit_fields[] = {
    SK_FIELD(SkNetworkEdit, verb, ENUM, "what to do", .names = &sk_edit_enum, .def = "add"),
    SK_FIELD(SkNetworkEdit, host, OPTIONAL, "host with a fixed address", .type = &sk_network_host_type),
    SK_FIELD(SkNetworkEdit, range, OPTIONAL, "range of DHCP", .type = &sk_address_range_type),
    SK_FIELD(SkNetworkEdit, dns_host, OPTIONAL, "further names", .type = &sk_dns_host_type),
    SK_FIELD(SkNetworkEdit, dns_text, OPTIONAL, "TXT record", .type = &sk_dns_text_type),
    SK_FIELD(SkNetworkEdit, dns_service, OPTIONAL, "SRV record", .type = &sk_dns_service_type),
    SK_FIELD(SkNetworkEdit, portgroup, OPTIONAL, "port group", .type = &sk_port_group_type),
    SK_FIELD(SkNetworkEdit, forward_device, STRING, "link that guests go out through", .check = sk_check_ifname),
};

static gboolean
check_edit(gconstpointer value, GError **error)
{
    const SkNetworkEdit *self = value;
    guint given = (self->host != NULL) + (self->range != NULL) + (self->dns_host != NULL) + (self->dns_text != NULL) +
                  (self->dns_service != NULL) + (self->portgroup != NULL) + (self->forward_device != NULL);
    return given == 1 || sk_fail(error, SK_ERROR_INVALID, "give one of host, range, dns_host, dns_text, dns_service, portgroup, forward_device");
}
SK_TYPE(sk_network_edit_type, SkNetworkEdit, "NetworkEdit", "change", edit_fields, "a change of one thing in a network", .check = check_edit);

static const SkField lease_fields[] = {
    SK_FIELD(SkLease, mac, STRING, "MAC address"),
    SK_FIELD(SkLease, ip, STRING, "address"),
    SK_FIELD(SkLease, hostname, STRING, "name the guest gave"),
    SK_FIELD(SkLease, client_id, STRING, "DHCP client id"),
    SK_FIELD(SkLease, iaid, STRING, "DHCPv6: number of the interface within the guest"),
    SK_FIELD(SkLease, expires, INT64, "seconds since 1970; 0: never"),
    SK_FIELD(SkLease, domain, STRING, "domain that has the interface"),
};
SK_TYPE(sk_lease_type, SkLease, "Lease", "lease", lease_fields, "an address that was handed out");

const SkPortGroup *
sk_network_spec_port_group(const SkNetworkSpec *self, const char *name)
{
    for (guint i = 0; self->portgroups != NULL && i < self->portgroups->len; i++) {
        const SkPortGroup *group = self->portgroups->pdata[i];
        if (name != NULL ? g_str_equal(group->name, name) : group->is_default)
            return group;
    }
    return NULL;
}

/* A name may have characters that a DNS label may not. */
static char *
dns_label(const char *name)
{
    char *label = g_strndup(name, 50);
    for (char *c = label; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c))
            *c = '-';
    }
    for (gsize length = strlen(label); length > 0 && label[length - 1] == '-'; length--)
        label[length - 1] = '\0';
    return label;
}

void
sk_network_spec_complete(SkNetworkSpec *self)
{
    sk_uuid_complete(&self->uuid);
    if (self->mac == NULL && self->forward != SK_FORWARD_BRIDGE) {
        guint32 bits = g_random_int();
        self->mac = g_strdup_printf("52:54:00:%02x:%02x:%02x", bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff);
    }
    if (self->domain == NULL) {
        g_autofree char *label = dns_label(self->name);
        self->domain = g_strdup_printf("%s.skep", label);
    }
}
