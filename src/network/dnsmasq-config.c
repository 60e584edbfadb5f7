/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dnsmasq's configuration file. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "network/dnsmasq-files.h"
#include "network/dnsmasq.h"
#include "network/subnet.h"

#define LEASE_LIMIT 65536

gboolean
sk_dnsmasq_wanted(const SkNetworkSpec *spec)
{
    gboolean addressed = spec->ipv4 != NULL || spec->ipv6 != NULL;
    return spec->forward != SK_FORWARD_BRIDGE && addressed && (spec->dhcp || spec->dns || spec->tftp_root != NULL);
}

/* dnsmasq splits values at commas and knows quotes and comments: what has them cannot be said to it. */
static gboolean
check_value(const char *value, const char *what, GError **error)
{
    if (value == NULL || (strpbrk(value, ",\"#\\") == NULL && !sk_text_has_control(value)))
        return TRUE;
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s \"%s\" has one of , \" # \\ in it, which dnsmasq cannot take", what, value);
}

static gboolean
check_values(const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error)
{
    const struct {
        const char *value, *what;
    } values[] = { { spec->tftp_root, "tftp_root" }, { spec->boot_file, "boot_file" }, { spec->bridge, "bridge" },
                   { paths->run_dir, "directory" }, { paths->state_dir, "directory" } };
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        if (!check_value(values[i].value, values[i].what, error))
            return FALSE;
    }
    for (guint i = 0; spec->dns_texts != NULL && i < spec->dns_texts->len; i++) {
        if (!check_value(((const SkDnsText *) spec->dns_texts->pdata[i])->value, "dns_texts.value", error))
            return FALSE;
    }
    return TRUE;
}

static void G_GNUC_PRINTF(2, 3)
add(GString *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
    g_string_append_c(text, '\n');
}

static void
add_path(GString *text, const char *key, char *path)
{
    add(text, "%s=%s", key, path);
    g_free(path);
}

/* -- DNS ------------------------------------------------------------------------------------------------- */

static void
add_routes(GString *text, const GPtrArray *routes)
{
    for (guint i = 0; routes != NULL && i < routes->len; i++) {
        const SkDnsRoute *route = routes->pdata[i];
        /* "#" is the resolvers that would be asked anyway. */
        add(text, "server=/%s/%s", route->domain, route->address != NULL ? route->address : "#");
    }
}

static void
add_service(GString *text, const SkNetworkSpec *spec, const SkDnsService *service)
{
    add(text, "srv-host=_%s._%s.%s,%s,%u,%u,%u", service->service, service->protocol, service->domain != NULL ? service->domain : spec->domain,
        service->target != NULL ? service->target : "", service->port != 0 ? service->port : 1, service->priority, service->weight);
}

static void
add_records(GString *text, const SkNetworkSpec *spec)
{
    for (guint i = 0; spec->dns_hosts != NULL && i < spec->dns_hosts->len; i++) {
        const SkDnsHost *host = spec->dns_hosts->pdata[i];
        g_autofree char *names = g_strjoinv(",", host->names);
        add(text, "host-record=%s,%s", names, host->ip);
    }
    for (guint i = 0; spec->dns_texts != NULL && i < spec->dns_texts->len; i++) {
        const SkDnsText *record = spec->dns_texts->pdata[i];
        add(text, "txt-record=%s,%s", record->name, record->value);
    }
    for (guint i = 0; spec->dns_services != NULL && i < spec->dns_services->len; i++)
        add_service(text, spec, spec->dns_services->pdata[i]);
}

static void
add_dns(GString *text, const SkNetworkSpec *spec, const SkNetworkPaths *paths)
{
    if (!spec->dns) {
        add(text, "port=0");
        return;
    }
    if (spec->domain_local)
        add(text, "local=/%s/", spec->domain);
    add(text, "no-hosts\nexpand-hosts\n%sbogus-priv", spec->dns_plain ? "" : "domain-needed\n");
    add_path(text, "addn-hosts", sk_network_run_path(paths, spec->name, SK_DNSMASQ_HOSTS));
    /* Isolated guests learn nothing of the world unless its resolvers are named. */
    if (spec->dns_forwarders != NULL || spec->forward == SK_FORWARD_ISOLATED)
        add(text, "no-resolv");
    for (char **server = spec->dns_forwarders; server != NULL && *server != NULL; server++)
        add(text, "server=%s", *server);
    add_routes(text, spec->dns_routes);
    add_records(text, spec);
}

/* -- DHCP ------------------------------------------------------------------------------------------------ */

static void
add_further_ranges(GString *text, const SkNetworkSpec *spec, gboolean six)
{
    g_autofree char *mask = six ? g_strdup_printf("%u", sk_subnet_bits(spec->ipv6)) : sk_subnet_netmask(spec->ipv4);
    for (guint i = 0; spec->dhcp_ranges != NULL && i < spec->dhcp_ranges->len; i++) {
        const SkAddressRange *range = spec->dhcp_ranges->pdata[i];
        if ((strchr(range->start, ':') != NULL) == six)
            add(text, "dhcp-range=%s,%s,%s,%u", range->start, range->end, mask, spec->lease_time);
    }
}

/* Only hosts that are named get an address. */
static void
add_static4(GString *text, const SkNetworkSpec *spec)
{
    g_autofree char *subnet = sk_subnet_network(spec->ipv4), *base = sk_subnet_address(subnet), *mask = sk_subnet_netmask(spec->ipv4);
    add(text, "dhcp-range=%s,static,%s,%u", base, mask, spec->lease_time);
}

static gboolean
add_range4(GString *text, const SkNetworkSpec *spec, GError **error)
{
    g_autofree char *start = g_strdup(spec->dhcp_start), *end = g_strdup(spec->dhcp_end);
    g_autofree char *mask = sk_subnet_netmask(spec->ipv4);
    gboolean whole = start == NULL && spec->dhcp_dynamic;
    if (whole && !sk_subnet_dhcp_range(spec->ipv4, &start, &end, error))
        return FALSE;
    if (start != NULL)
        add(text, "dhcp-range=%s,%s,%s,%u", start, end, mask, spec->lease_time);
    else
        add_static4(text, spec);
    add_further_ranges(text, spec, FALSE);
    if (spec->forward == SK_FORWARD_ISOLATED)
        add(text, "dhcp-option=option:router");
    if (spec->mtu != 0)
        add(text, "dhcp-option=option:mtu,%u", spec->mtu);
    return TRUE;
}

static gboolean
add_range6(GString *text, const SkNetworkSpec *spec, GError **error)
{
    g_autofree char *start = g_strdup(spec->dhcp6_start), *end = g_strdup(spec->dhcp6_end);
    guint bits = sk_subnet_bits(spec->ipv6);
    if (bits < 64)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "ipv6 \"%s\" is too large for DHCP: give a /64, or no DHCP", spec->ipv6);
    gboolean fixed = spec->dhcp6 && start == NULL && !spec->dhcp_dynamic;
    if (start == NULL && spec->dhcp6 && !fixed && !sk_subnet_dhcp_range(spec->ipv6, &start, &end, error))
        return FALSE;
    g_autofree char *subnet = sk_subnet_network(spec->ipv6), *base = sk_subnet_address(subnet);
    if (start != NULL)
        add(text, "enable-ra\ndhcp-range=%s,%s,%u,%u", start, end, bits, spec->lease_time);
    else if (fixed)
        add(text, "enable-ra\ndhcp-range=%s,static,%u,%u", base, bits, spec->lease_time);
    else
        add(text, "enable-ra\ndhcp-range=%s,ra-only,%u", base, bits);
    add_further_ranges(text, spec, TRUE);
    if (spec->forward == SK_FORWARD_ISOLATED)
        add(text, "ra-param=%s,0,0", spec->bridge);
    return TRUE;
}

static void
add_static_hosts(GString *text, const SkNetworkSpec *spec)
{
    for (guint i = 0; spec->hosts != NULL && i < spec->hosts->len; i++) {
        const SkNetworkHost *host = spec->hosts->pdata[i];
        gboolean six = host->ip != NULL && strchr(host->ip, ':') != NULL;
        SkDnsRecord record = { host->name, host->mac, six ? NULL : host->ip, six ? host->ip : NULL };
        g_autofree char *line = sk_dnsmasq_dhcp_line(&record);
        add(text, "dhcp-host=%s", line);
        if (host->name != NULL && host->ip != NULL && spec->dns)
            add(text, "host-record=%s.%s,%s,%s", host->name, spec->domain, host->name, host->ip);
    }
}

static gboolean
add_dhcp(GString *text, const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error)
{
    if (!spec->dhcp)
        return TRUE;
    add(text, "dhcp-authoritative\ndhcp-no-override\nquiet-dhcp\nquiet-dhcp6\nquiet-ra");
    /* The subnet is ours: asking around before each offer would cost guests three seconds of their start. */
    add(text, "no-ping");
    /* Names come from us: a guest cannot take another's, nor "wpad". */
    add(text, "dhcp-ignore-names=tag:!known\ndhcp-ignore-names=tag:" SK_DNSMASQ_UNNAMED);
    add(text, "dhcp-lease-max=%d", LEASE_LIMIT);
    add_path(text, "dhcp-leasefile", sk_network_lease_path(paths, spec->name));
    add_path(text, "dhcp-hostsfile", sk_network_run_path(paths, spec->name, SK_DNSMASQ_DHCP_HOSTS));
    add_static_hosts(text, spec);
    return (spec->ipv4 == NULL || add_range4(text, spec, error)) && (spec->ipv6 == NULL || add_range6(text, spec, error));
}

static void
add_boot(GString *text, const SkNetworkSpec *spec)
{
    if (spec->tftp_root != NULL)
        add(text, "enable-tftp\ntftp-no-fail\ntftp-root=%s", spec->tftp_root);
    if (spec->boot_file != NULL && spec->boot_server != NULL)
        add(text, "dhcp-boot=%s,,%s", spec->boot_file, spec->boot_server);
    else if (spec->boot_file != NULL)
        add(text, "dhcp-boot=%s", spec->boot_file);
}

char *
sk_dnsmasq_config(const SkNetworkSpec *spec, const SkNetworkPaths *paths, const char *user, GError **error)
{
    g_autoptr(GString) text = g_string_new("# Made by skepd from the network's definition; changes are lost.\n");
    if (!check_values(spec, paths, error))
        return NULL;
    if (user != NULL)
        add(text, "user=%s", user);
    add_path(text, "pid-file", sk_network_run_path(paths, spec->name, SK_DNSMASQ_PID));
    add(text, "interface=%s\nexcept-interface=lo\nbind-dynamic", spec->bridge);
    add(text, "domain=%s", spec->domain);
    add_dns(text, spec, paths);
    if (!add_dhcp(text, spec, paths, error))
        return NULL;
    add_boot(text, spec);
    /* Last: what is said twice counts as it is said here. */
    for (char **option = spec->dnsmasq_options; option != NULL && *option != NULL; option++)
        add(text, "%s", *option);
    return g_string_free(g_steal_pointer(&text), FALSE);
}
