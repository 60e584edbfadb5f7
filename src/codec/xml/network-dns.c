/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domain> and <dns> of a network. */
#include "codec/xml/network-private.h"

gboolean
sk_xml_network_read_list(SkXmlNode *node, const char *element, const SkType *type, GPtrArray **list, guint max, GError **error)
{
    for (SkXmlNode *child = sk_xml_child(node, element); child != NULL; child = sk_xml_next(child)) {
        if (*list == NULL)
            *list = sk_value_list_new(type);
        if ((*list)->len >= max)
            return sk_xml_fail(child, error, SK_ERROR_XML, "at most %u are possible", max);
        g_ptr_array_add(*list, sk_value_new(type));
        if (!sk_xml_read_fields(child, type, (*list)->pdata[(*list)->len - 1], error))
            return FALSE;
    }
    return TRUE;
}

void
sk_xml_network_write_list(SkXmlNode *node, const char *element, const SkType *type, const GPtrArray *list)
{
    for (guint i = 0; list != NULL && i < list->len; i++)
        sk_xml_write_fields(sk_xml_add(node, element), type, list->pdata[i]);
}

/* -- resolvers ------------------------------------------------------------------------------------------------------ */

/* One with a domain is for that, the others for everything else. */
static gboolean
read_forwarders(SkXmlNode *dns, SkNetworkSpec *spec, GError **error)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
    for (SkXmlNode *node = sk_xml_child(dns, "forwarder"); node != NULL; node = sk_xml_next(node)) {
        const char *domain = sk_xml_get(node, "@domain"), *address = sk_xml_get(node, "@addr");
        if (domain == NULL && address == NULL)
            return sk_xml_fail(node, error, SK_ERROR_XML, "give addr, domain, or both");
        if (domain == NULL) {
            g_ptr_array_add(addresses, g_strdup(address));
            continue;
        }
        SkDnsRoute *route = sk_value_new(&sk_dns_route_type);
        route->domain = g_strdup(domain);
        route->address = g_strdup(address);
        if (spec->dns_routes == NULL)
            spec->dns_routes = sk_value_list_new(&sk_dns_route_type);
        g_ptr_array_add(spec->dns_routes, route);
    }
    if (addresses->len == 0)
        return TRUE;
    g_ptr_array_add(addresses, NULL);
    spec->dns_forwarders = (char **) g_ptr_array_steal(addresses, NULL);
    return TRUE;
}

static void
write_forwarders(SkXmlNode *dns, const SkNetworkSpec *spec)
{
    for (char **address = spec->dns_forwarders; address != NULL && *address != NULL; address++)
        sk_xml_set(sk_xml_add(dns, "forwarder"), "@addr", *address);
    sk_xml_network_write_list(dns, "forwarder", &sk_dns_route_type, spec->dns_routes);
}

/* -- the whole -------------------------------------------------------------------------------------------------------- */

static gboolean
read_records(SkXmlNode *dns, SkNetworkSpec *spec, GError **error)
{
    return sk_xml_network_read_list(dns, "txt", &sk_dns_text_type, &spec->dns_texts, 1024, error) &&
           sk_xml_network_read_list(dns, "srv", &sk_dns_service_type, &spec->dns_services, 1024, error) &&
           sk_xml_network_read_list(dns, "host", &sk_dns_host_type, &spec->dns_hosts, 4096, error);
}

gboolean
sk_xml_network_read_dns(SkXmlNode *network, SkNetworkSpec *spec, GError **error)
{
    SkXmlNode *dns = sk_xml_child(network, "dns"), *domain = sk_xml_child(network, "domain");
    if (domain != NULL) {
        spec->domain_local = FALSE;
        sk_xml_get_string(domain, "@name", &spec->domain);
        if (!sk_xml_get_bool(domain, "@localOnly", &spec->domain_local, error))
            return FALSE;
    }
    /* libvirt's own default is to ask for plain names; a closed network's has always been not to. */
    if (dns == NULL)
        return TRUE;
    return sk_xml_get_bool(dns, "@enable", &spec->dns, error) && sk_xml_get_bool(dns, "@forwardPlainNames", &spec->dns_plain, error) &&
           read_forwarders(dns, spec, error) && read_records(dns, spec, error);
}

void
sk_xml_network_write_dns(SkXmlNode *network, const SkNetworkSpec *spec)
{
    if (spec->forward == SK_FORWARD_BRIDGE)
        return;
    if (spec->domain != NULL) {
        sk_xml_set(network, "domain/@name", spec->domain);
        if (spec->domain_local)
            sk_xml_set(network, "domain/@localOnly", "yes");
    }
    SkXmlNode *dns = sk_xml_add(network, "dns");
    if (!spec->dns)
        sk_xml_set(dns, "@enable", "no");
    if (spec->dns_plain)
        sk_xml_set(dns, "@forwardPlainNames", "yes");
    write_forwarders(dns, spec);
    sk_xml_network_write_list(dns, "txt", &sk_dns_text_type, spec->dns_texts);
    sk_xml_network_write_list(dns, "host", &sk_dns_host_type, spec->dns_hosts);
    sk_xml_network_write_list(dns, "srv", &sk_dns_service_type, spec->dns_services);
    if (sk_xml_is_empty(dns))
        sk_xml_remove(dns);
}
