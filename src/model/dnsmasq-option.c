/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a network may say to its dnsmasq in dnsmasq's own words. */
#include "model/dnsmasq-option.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define RUNS   "would make dnsmasq run a program"
#define WRITES "would make dnsmasq write a file"
#define READS  "would take what dnsmasq is told from a file that nobody checks"
#define OURS   "is the daemon's to say"
#define FILTER "would make dnsmasq change the host's packet filter"
#define BUS    "would let other programs steer dnsmasq"

static const struct {
    const char *name, *why;
} refused[] = {
    { "dhcp-script", RUNS }, { "dhcp-luascript", RUNS }, { "dhcp-scriptuser", RUNS }, { "script-arp", RUNS }, { "script-on-renewal", RUNS },
    { "conf-script", RUNS }, { "conf-file", READS }, { "conf-dir", READS }, { "servers-file", READS }, { "dhcp-optsfile", READS },
    { "dhcp-optsdir", READS }, { "dhcp-hostsfile", READS }, { "dhcp-hostsdir", READS }, { "read-ethers", READS }, { "hostsdir", READS },
    { "addn-hosts", READS }, { "resolv-file", READS }, { "log-facility", WRITES }, { "dumpfile", WRITES }, { "dumpmask", WRITES },
    { "dhcp-leasefile", OURS }, { "leasefile-ro", OURS }, { "pid-file", OURS }, { "user", OURS }, { "group", OURS }, { "interface", OURS },
    { "except-interface", OURS }, { "listen-address", OURS }, { "bind-interfaces", OURS }, { "bind-dynamic", OURS }, { "port", OURS },
    { "keep-in-foreground", OURS }, { "no-daemon", OURS }, { "test", OURS }, { "no-dhcp-interface", OURS }, { "local-service", OURS },
    { "ipset", FILTER }, { "nftset", FILTER }, { "connmark-allowlist", FILTER }, { "connmark-allowlist-enable", FILTER },
    { "enable-dbus", BUS }, { "enable-ubus", BUS },
};

/* What only says how it answers and what it hands out. */
static const char *const taken[] = {
    "add-cpe-id", "add-mac", "add-subnet", "address", "alias", "all-servers", "auth-peer", "auth-sec-servers", "auth-server", "auth-soa", "auth-ttl",
    "auth-zone", "bogus-nxdomain", "bogus-priv", "bootp-dynamic", "bridge-interface", "cache-rr", "cache-size", "caa-record", "clear-on-reload", "cname",
    "dhcp-alternate-port", "dhcp-authoritative", "dhcp-boot", "dhcp-broadcast", "dhcp-circuitid", "dhcp-client-update", "dhcp-duid", "dhcp-fqdn",
    "dhcp-generate-names", "dhcp-host", "dhcp-ignore", "dhcp-ignore-clid", "dhcp-ignore-names", "dhcp-lease-max", "dhcp-mac", "dhcp-match",
    "dhcp-name-match", "dhcp-no-override", "dhcp-option", "dhcp-option-force", "dhcp-option-pxe", "dhcp-prefix-class", "dhcp-proxy", "dhcp-pxe-vendor",
    "dhcp-range", "dhcp-rapid-commit", "dhcp-relay", "dhcp-remoteid", "dhcp-reply-delay", "dhcp-sequential-ip", "dhcp-subscrid", "dhcp-ttl",
    "dhcp-userclass", "dhcp-vendorclass", "dns-forward-max", "dns-loop-detect", "dns-rr", "dnssec", "dnssec-check-unsigned", "dnssec-no-timecheck",
    "domain", "domain-needed", "domain-suffix", "dynamic-host", "edns-packet-max", "enable-ra", "enable-tftp", "expand-hosts", "fast-dns-retry",
    "filter-A", "filter-AAAA", "filter-rr", "filterwin2k", "host-record", "ignore-address", "interface-name", "ip6-prefix", "local", "local-ttl",
    "localise-queries", "localmx", "log-async", "log-debug", "log-dhcp", "log-malloc", "log-queries", "max-cache-ttl", "max-port", "max-tcp-connections",
    "max-ttl", "min-cache-ttl", "min-port", "mx-host", "mx-target", "naptr-record", "neg-ttl", "no-0x20-encode", "no-hosts", "no-ident", "no-negcache",
    "no-ping", "no-poll", "no-resolv", "no-round-robin", "port-limit", "proxy-dnssec", "ptr-record", "pxe-prompt", "pxe-service", "query-port", "quiet-dhcp",
    "quiet-dhcp6", "quiet-ra", "quiet-tftp", "ra-param", "rebind-domain-ok", "rebind-localhost-ok", "rev-server", "selfmx", "server", "shared-network",
    "srv-host", "stop-dns-rebind", "strict-order", "strip-mac", "strip-subnet", "synth-domain", "tag-if", "tftp-lowercase", "tftp-max", "tftp-mtu",
    "tftp-no-blocksize", "tftp-no-fail", "tftp-port-range", "tftp-root", "tftp-secure", "tftp-single-port", "tftp-unique-root", "trust-anchor",
    "txt-record", "umbrella", "use-stale-cache",
};

gboolean
sk_check_dnsmasq_option(const char *text, const char *what, GError **error)
{
    g_autofree char *name = g_strndup(text, strcspn(text, "="));
    if (strlen(text) > 1024 || sk_text_has_control(text) || !g_regex_match_simple("^[A-Za-z0-9-]+\\z", name, 0, 0))
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is no line of dnsmasq's configuration such as address=/x.test/10.0.0.1", what, text);
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (g_str_equal(name, refused[i].name))
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s: the option \"%s\" of dnsmasq %s", what, name, refused[i].why);
    }
    for (guint i = 0; i < G_N_ELEMENTS(taken); i++) {
        if (g_str_equal(name, taken[i]))
            return TRUE;
    }
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s: the option \"%.64s\" is none of dnsmasq's that is known here", what, name);
}
