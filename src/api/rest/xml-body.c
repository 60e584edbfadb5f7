/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which types have a form in libvirt's XML. */
#include "api/rest/xml-body.h"

#include "codec/xml/storage.h"
#include "codec/xml/xml.h"

static gpointer
parse_domain(const char *text, gssize length, GError **error)
{
    return sk_xml_domain_parse(text, length, error);
}

static gpointer
parse_network(const char *text, gssize length, GError **error)
{
    return sk_xml_network_parse(text, length, error);
}

static gpointer
parse_pool(const char *text, gssize length, GError **error)
{
    return sk_xml_pool_parse(text, length, error);
}

static gpointer
parse_secret(const char *text, gssize length, GError **error)
{
    return sk_xml_secret_parse(text, length, error);
}

static const struct {
    const SkType *type;
    gpointer (*parse)(const char *text, gssize length, GError **error);
} forms[] = {
    { &sk_domain_spec_type, parse_domain },
    { &sk_network_spec_type, parse_network },
    { &sk_pool_spec_type, parse_pool },
    { &sk_secret_spec_type, parse_secret },
};

gboolean
sk_rest_has_xml(const SkType *type)
{
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (forms[i].type == type)
            return TRUE;
    }
    return FALSE;
}

gpointer
sk_rest_decode_xml(const SkType *type, const char *text, gsize length, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (forms[i].type == type)
            return forms[i].parse(text, (gssize) length, error);
    }
    g_return_val_if_reached(NULL);
}
