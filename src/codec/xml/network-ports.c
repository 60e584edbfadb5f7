/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a network says of its guests' ports, its static routes, and lines for dnsmasq. */
#include <string.h>

#include "codec/xml/network-private.h"
#include "codec/xml/port.h"

#define DNSMASQ "http://libvirt.org/schemas/network/dnsmasq/1.0"

/* -- ports ------------------------------------------------------------------------------------------------------ */

gboolean
sk_xml_network_read_group(SkXmlNode *node, SkPortGroup *group, GError **error)
{
    sk_xml_is(node, "@trustGuestRxFilters", "no");
    if (!sk_xml_read_fields(node, &sk_port_group_type, group, error))
        return FALSE;
    sk_xml_settle_vlan(group->vlan);
    return sk_xml_read_virtualport(node, &group->openvswitch, error);
}

static gboolean
read_groups(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    for (SkXmlNode *node = sk_xml_child(network, "portgroup"); node != NULL; node = sk_xml_next(node)) {
        if (spec->portgroups == NULL)
            spec->portgroups = sk_value_list_new(&sk_port_group_type);
        if (spec->portgroups->len >= 256)
            return sk_xml_fail(node, error, SK_ERROR_XML, "at most 256 are possible");
        SkPortGroup *group = sk_value_new(&sk_port_group_type);
        g_ptr_array_add(spec->portgroups, group);
        if (!sk_xml_network_read_group(node, group, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_xml_network_read_ports(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    SkXmlNode *vlan = sk_xml_child(network, "vlan");
    if (vlan != NULL) {
        spec->vlan = sk_value_new(&sk_vlan_type);
        if (!sk_xml_read_fields(vlan, &sk_vlan_type, spec->vlan, error))
            return FALSE;
        sk_xml_settle_vlan(spec->vlan);
    }
    return sk_xml_read_virtualport(network, &spec->openvswitch, error) && read_groups(network, spec, error);
}

void
sk_xml_network_write_ports(SkXmlNode *network, const SkNetworkSpec *spec)
{
    sk_xml_write_virtualport(network, spec->openvswitch);
    if (spec->vlan != NULL)
        sk_xml_write_fields(sk_xml_add(network, "vlan"), &sk_vlan_type, spec->vlan);
    for (guint i = 0; spec->portgroups != NULL && i < spec->portgroups->len; i++) {
        const SkPortGroup *group = spec->portgroups->pdata[i];
        SkXmlNode *node = sk_xml_add(network, "portgroup");
        sk_xml_write_fields(node, &sk_port_group_type, group);
        sk_xml_write_virtualport(node, group->openvswitch);
    }
}

/* -- routes -------------------------------------------------------------------------------------------------------- */

static gboolean
read_route(SkXmlNode *node, SkNetworkRoute *route, GError **error)
{
    gboolean six;
    if (!sk_xml_network_family(node, &six, error))
        return FALSE;
    route->subnet = sk_xml_network_subnet(node, six, error);
    sk_xml_get_string(node, "@gateway", &route->gateway);
    if (route->subnet != NULL && route->gateway == NULL)
        return sk_xml_fail(node, error, SK_ERROR_XML, "the attribute \"gateway\" is missing");
    return route->subnet != NULL && sk_xml_get_uint(node, "@metric", G_MAXINT32, &route->metric, error);
}

gboolean
sk_xml_network_read_routes(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    for (SkXmlNode *node = sk_xml_child(network, "route"); node != NULL; node = sk_xml_next(node)) {
        if (spec->routes == NULL)
            spec->routes = sk_value_list_new(&sk_network_route_type);
        if (spec->routes->len >= 256)
            return sk_xml_fail(node, error, SK_ERROR_XML, "at most 256 are possible");
        SkNetworkRoute *route = sk_value_new(&sk_network_route_type);
        g_ptr_array_add(spec->routes, route);
        if (!read_route(node, route, error))
            return FALSE;
    }
    return TRUE;
}

void
sk_xml_network_write_routes(SkXmlNode *network, const SkNetworkSpec *spec)
{
    for (guint i = 0; spec->routes != NULL && i < spec->routes->len; i++) {
        const SkNetworkRoute *route = spec->routes->pdata[i];
        g_auto(GStrv) parts = g_strsplit(route->subnet, "/", 2);
        SkXmlNode *node = sk_xml_add(network, "route");
        if (strchr(route->subnet, ':') != NULL)
            sk_xml_set(node, "@family", "ipv6");
        sk_xml_set(node, "@address", parts[0]);
        sk_xml_set(node, "@prefix", parts[1]);
        sk_xml_set(node, "@gateway", route->gateway);
        sk_xml_set_uint(node, "@metric", route->metric);
    }
}

/* -- dnsmasq:options ------------------------------------------------------------------------------------------------ */

gboolean
sk_xml_network_read_options(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (SkXmlNode *node = sk_xml_first_any(network); node != NULL; node = sk_xml_next_any(node)) {
        if (g_strcmp0(sk_xml_namespace(node), DNSMASQ) != 0 || !g_str_equal(sk_xml_name(node), "options"))
            continue;
        sk_xml_at(node, ".");
        for (SkXmlNode *child = sk_xml_first_any(node); child != NULL; child = sk_xml_next_any(child)) {
            const char *line = g_str_equal(sk_xml_name(child), "option") && sk_xml_at(child, ".") != NULL ? sk_xml_get(child, "@value") : NULL;
            if (line == NULL)
                return sk_xml_fail(child, error, SK_ERROR_XML, "give <dnsmasq:option value='...'/>");
            g_ptr_array_add(lines, g_strdup(line));
        }
    }
    if (lines->len == 0)
        return TRUE;
    g_ptr_array_add(lines, NULL);
    spec->dnsmasq_options = (char **) g_ptr_array_steal(lines, NULL);
    return TRUE;
}

void
sk_xml_network_write_options(SkXmlNode *network, const SkNetworkSpec *spec)
{
    if (spec->dnsmasq_options == NULL)
        return;
    g_autoptr(SkXmlNode) options = sk_xml_parse("<dnsmasq:options xmlns:dnsmasq='" DNSMASQ "'/>", -1, "", NULL, NULL);
    for (char **line = spec->dnsmasq_options; *line != NULL; line++)
        sk_xml_set(sk_xml_add_beside(options, "option"), "@value", *line);
    g_autofree char *text = sk_xml_text(options);
    sk_xml_add_raw(network, text);
}
