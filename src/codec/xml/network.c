/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <network>: names, bridge, forwarding; addresses and DNS are in network-ip.c and network-dns.c. */
#include <string.h>

#include "codec/xml/network-private.h"

/* -- forwarding -------------------------------------------------------------------------------------------------- */

static gboolean
read_nat(SkXmlNode *forward, SkNetworkSpec *spec, GError **error)
{
    SkXmlNode *nat = sk_xml_child(forward, "nat");
    if (nat == NULL)
        return TRUE;
    SkXmlNode *addresses = sk_xml_child(nat, "address");
    if (addresses != NULL) {
        spec->nat_addresses = sk_value_new(&sk_address_range_type);
        if (!sk_xml_read_fields(addresses, &sk_address_range_type, spec->nat_addresses, error))
            return FALSE;
    }
    return sk_xml_get_bool(nat, "@ipv6", &spec->nat6, error) &&
           sk_xml_get_uint(nat, "port/@start", 65535, &spec->nat_port_start, error) &&
           sk_xml_get_uint(nat, "port/@end", 65535, &spec->nat_port_end, error);
}

/* One link to go out through, as an attribute, an element, or both. */
static gboolean
read_devices(SkXmlNode *forward, SkNetworkSpec *spec, GError **error)
{
    sk_xml_get_string(forward, "@dev", &spec->forward_device);
    for (SkXmlNode *node = sk_xml_child(forward, "interface"); node != NULL; node = sk_xml_next(node)) {
        const char *device = sk_xml_get(node, "@dev");
        if (device == NULL)
            return sk_xml_fail(node, error, SK_ERROR_XML, "the attribute \"dev\" is missing");
        if (spec->forward == SK_FORWARD_BRIDGE)
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "networks of macvtap links are not supported: give <bridge name='...'/>, or an interface of type direct");
        if (spec->forward_device != NULL && !g_str_equal(spec->forward_device, device))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "a network goes out through one link only");
        g_free(spec->forward_device);
        spec->forward_device = g_strdup(device);
        sk_xml_ignore(node, "@connections");
    }
    return TRUE;
}

static gboolean
read_forward(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    SkXmlNode *forward = sk_xml_child(network, "forward");
    const char *mode = forward != NULL ? sk_xml_get(forward, "@mode") : "none";
    spec->nat6 = FALSE;
    if (g_strcmp0(mode, "none") == 0)
        spec->forward = SK_FORWARD_ISOLATED;
    else if (g_strcmp0(mode, "isolated") == 0 || (mode != NULL && !sk_xml_enum_parse(&sk_forward_enum, mode, "forward mode", &spec->forward, NULL)))
        return sk_xml_fail(forward, error, SK_ERROR_UNSUPPORTED, "the mode \"%.32s\" is not supported: nat, route, open, none and bridge are", mode);
    return forward == NULL || (read_nat(forward, spec, error) && read_devices(forward, spec, error));
}

static void
write_forward(SkXmlNode *network, const SkNetworkSpec *spec)
{
    if (spec->forward == SK_FORWARD_ISOLATED)
        return;
    SkXmlNode *forward = sk_xml_add(network, "forward");
    if (spec->forward_device != NULL)
        sk_xml_set(forward, "@dev", spec->forward_device);
    sk_xml_set_enum(forward, "@mode", &sk_forward_enum, spec->forward);
    gboolean ports = spec->nat_port_start != 0, six = spec->nat6 && spec->ipv6 != NULL;
    if (spec->forward == SK_FORWARD_NAT && (ports || six || spec->nat_addresses != NULL)) {
        SkXmlNode *nat = sk_xml_add(forward, "nat");
        if (six)
            sk_xml_set(nat, "@ipv6", "yes");
        if (spec->nat_addresses != NULL)
            sk_xml_write_fields(sk_xml_add(nat, "address"), &sk_address_range_type, spec->nat_addresses);
        if (ports) {
            sk_xml_setf(nat, "port/@start", "%u", spec->nat_port_start);
            sk_xml_setf(nat, "port/@end", "%u", spec->nat_port_end);
        }
    }
    if (spec->forward_device != NULL)
        sk_xml_set(sk_xml_add(forward, "interface"), "@dev", spec->forward_device);
}

/* -- the bridge ---------------------------------------------------------------------------------------------------- */

static gboolean
read_bridge(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    SkXmlNode *bridge = sk_xml_child(network, "bridge");
    sk_xml_get_string(network, "mac/@address", &spec->mac);
    if (!sk_xml_get_uint(network, "mtu/@size", 65535, &spec->mtu, error))
        return FALSE;
    if (bridge == NULL)
        return TRUE;
    sk_xml_get_string(bridge, "@name", &spec->bridge);
    /* The kernel learns who is behind which port: that is how bridges are here. */
    sk_xml_is(bridge, "@macTableManager", "kernel");
    return sk_xml_get_bool(bridge, "@stp", &spec->stp, error) && sk_xml_get_uint(bridge, "@delay", 30, &spec->stp_delay, error);
}

static void
write_bridge(SkXmlNode *network, const SkNetworkSpec *spec)
{
    if (spec->bridge != NULL) {
        SkXmlNode *bridge = sk_xml_add(network, "bridge");
        sk_xml_set(bridge, "@name", spec->bridge);
        if (spec->forward != SK_FORWARD_BRIDGE) {
            sk_xml_set(bridge, "@stp", spec->stp ? "on" : "off");
            sk_xml_setf(bridge, "@delay", "%u", spec->stp_delay);
        }
    }
    if (spec->mtu != 0)
        sk_xml_setf(network, "mtu/@size", "%u", spec->mtu);
    sk_xml_set(network, "mac/@address", spec->mac);
}

/* -- refused by name --------------------------------------------------------------------------------------------------- */

static const SkXmlRefusal refused[] = {
    { "bandwidth", "limits of a whole network are not supported: give them to interfaces" },
    { "port", "isolated ports are not supported" },
};

static gboolean
check_refused(SkXmlNode *network, GError **error)
{
    /* How many use it, and what is so here anyway: IPv6 among guests, receive filters that nobody trusts. */
    sk_xml_ignore(network, "@connections");
    sk_xml_ignore(network, "@ipv6");
    sk_xml_is(network, "@trustGuestRxFilters", "no");
    return sk_xml_refuse(network, refused, G_N_ELEMENTS(refused), error);
}

/* -- the whole ---------------------------------------------------------------------------------------------------------- */

static gboolean
read_network(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    sk_xml_get_string(network, "name", &spec->name);
    sk_xml_get_string(network, "uuid", &spec->uuid);
    return sk_xml_read_metadata(network, &spec->metadata, error) && check_refused(network, error) && read_forward(network, spec, error) &&
           read_bridge(network, spec, error) && sk_xml_network_read_dns(network, spec, error) && sk_xml_network_read_ips(network, spec, error) &&
           sk_xml_network_read_ports(network, spec, error) && sk_xml_network_read_routes(network, spec, error) &&
           sk_xml_network_read_options(network, spec, error);
}

SkNetworkSpec *
sk_xml_network_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) network = sk_xml_parse(text, length, "network XML", "network", error);
    if (network == NULL)
        return NULL;
    SkNetworkSpec *spec = sk_value_new(&sk_network_spec_type);
    spec->autostart = FALSE;
    if (read_network(network, spec, error) && sk_xml_check_read(network, error) && sk_xml_check_value(&sk_network_spec_type, spec, NULL, error))
        return spec;
    sk_value_free(&sk_network_spec_type, spec);
    return NULL;
}

void
sk_xml_network_keep(const SkNetworkSpec *old, SkNetworkSpec *spec)
{
    spec->autostart = old->autostart;
}

char *
sk_xml_network_format(const SkNetworkSpec *spec, guint connections)
{
    g_autoptr(SkXmlNode) network = sk_xml_new("network");
    sk_xml_set_uint(network, "@connections", connections);
    sk_xml_set(network, "name", spec->name);
    sk_xml_set(network, "uuid", spec->uuid);
    sk_xml_write_metadata(network, spec->metadata);
    write_forward(network, spec);
    write_bridge(network, spec);
    sk_xml_network_write_dns(network, spec);
    sk_xml_network_write_ips(network, spec);
    sk_xml_network_write_routes(network, spec);
    sk_xml_network_write_ports(network, spec);
    sk_xml_network_write_options(network, spec);
    return sk_xml_text(network);
}

/* -- a change of one thing ------------------------------------------------------------------------------------------------- */

/* What each section's element is and where it goes. */
static const struct {
    const char *element;
    gsize offset;
    const SkType *type;
} sections[SK_XML_N_NETWORK_SECTIONS] = {
    [SK_XML_NETWORK_HOST] = { "host", G_STRUCT_OFFSET(SkNetworkEdit, host), &sk_network_host_type },
    [SK_XML_NETWORK_RANGE] = { "range", G_STRUCT_OFFSET(SkNetworkEdit, range), &sk_address_range_type },
    [SK_XML_NETWORK_DNS_HOST] = { "host", G_STRUCT_OFFSET(SkNetworkEdit, dns_host), &sk_dns_host_type },
    [SK_XML_NETWORK_DNS_TEXT] = { "txt", G_STRUCT_OFFSET(SkNetworkEdit, dns_text), &sk_dns_text_type },
    [SK_XML_NETWORK_DNS_SERVICE] = { "srv", G_STRUCT_OFFSET(SkNetworkEdit, dns_service), &sk_dns_service_type },
    [SK_XML_NETWORK_GROUP] = { "portgroup", G_STRUCT_OFFSET(SkNetworkEdit, portgroup), &sk_port_group_type },
    [SK_XML_NETWORK_INTERFACE] = { "interface", G_STRUCT_OFFSET(SkNetworkEdit, forward_device), NULL },
};

static gboolean
read_edit(SkXmlNode *node, SkXmlNetworkSection section, SkNetworkEdit *edit, GError **error)
{
    if (sections[section].type == NULL) {
        sk_xml_get_string(node, "@dev", &edit->forward_device);
        return edit->forward_device != NULL || sk_xml_fail(node, error, SK_ERROR_XML, "the attribute \"dev\" is missing");
    }
    gpointer value = sk_value_new(sections[section].type);
    *(gpointer *) ((guint8 *) edit + sections[section].offset) = value;
    if (section == SK_XML_NETWORK_GROUP ? !sk_xml_network_read_group(node, value, error)
                                        : !sk_xml_read_fields(node, sections[section].type, value, error))
        return FALSE;
    /* What is deleted needs only to be found. */
    return edit->verb == SK_EDIT_DELETE || sk_xml_check_value(sections[section].type, value, sections[section].element, error);
}

SkNetworkEdit *
sk_xml_network_edit_parse(const char *text, gssize length, SkXmlNetworkSection section, SkEditVerb verb, GError **error)
{
    g_autoptr(SkXmlNode) node = sk_xml_parse(text, length, "network XML", sections[section].element, error);
    if (node == NULL)
        return NULL;
    SkNetworkEdit *edit = sk_value_new(&sk_network_edit_type);
    edit->verb = (gint) verb;
    if (read_edit(node, section, edit, error) && sk_xml_check_read(node, error))
        return edit;
    sk_value_free(&sk_network_edit_type, edit);
    return NULL;
}
