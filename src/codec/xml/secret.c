/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <secret> */
#include "codec/xml/storage-private.h"

/* Where each usage has what it is for. */
static const char *const places[SK_N_SECRET_USAGES] = {
    [SK_SECRET_VOLUME] = "usage/volume", [SK_SECRET_CEPH] = "usage/name", [SK_SECRET_ISCSI] = "usage/target",
    [SK_SECRET_TLS] = "usage/name", [SK_SECRET_VTPM] = "usage/name",
};

static gboolean
read_usage(SkXmlNode *node, SkSecretSpec *spec, GError **error)
{
    if (sk_xml_child(node, "usage") == NULL)
        return TRUE;
    if (!sk_xml_has(node, "usage/@type"))
        return sk_xml_fail(node, error, SK_ERROR_XML, "missing secret usage type");
    if (!sk_xml_get_enum(node, "usage/@type", &sk_secret_usage_enum, &spec->usage_type, error))
        return FALSE;
    const char *place = places[spec->usage_type];
    if (place == NULL)
        return TRUE;
    sk_xml_get_string(node, place, &spec->usage);
    return spec->usage != NULL || sk_xml_fail(node, error, SK_ERROR_XML, "the element <%s> is missing", place);
}

static gboolean
read_secret(SkXmlNode *node, SkSecretSpec *spec, GError **error)
{
    return sk_xml_read_fields(node, &sk_secret_spec_type, spec, error) && read_usage(node, spec, error) &&
           sk_xml_check_read(node, error) && sk_xml_check_value(&sk_secret_spec_type, spec, "secret", error);
}

SkSecretSpec *
sk_xml_secret_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) node = sk_xml_parse(text, length, "secret XML", "secret", error);
    SkSecretSpec *spec = sk_value_new(&sk_secret_spec_type);
    if (node != NULL && read_secret(node, spec, error))
        return spec;
    sk_value_free(&sk_secret_spec_type, spec);
    return NULL;
}

char *
sk_xml_secret_format(const SkSecretSpec *spec)
{
    g_autoptr(SkXmlNode) node = sk_xml_new("secret");
    sk_xml_write_fields(node, &sk_secret_spec_type, spec);
    if (spec->usage_type != SK_SECRET_NONE) {
        sk_xml_set(node, "usage/@type", sk_enum_name(&sk_secret_usage_enum, spec->usage_type));
        sk_xml_set(node, places[spec->usage_type], spec->usage);
    }
    return sk_xml_text(node);
}
