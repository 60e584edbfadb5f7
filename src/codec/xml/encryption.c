/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <encryption> */
#include "codec/xml/encryption.h"

#include <string.h>

static gboolean
read_secret(SkXmlNode *node, SkEncryption *self, GError **error)
{
    SkXmlNode *secret = sk_xml_child(node, "secret");
    if (secret == NULL)
        return TRUE;
    if (!sk_xml_is(secret, "@type", "passphrase"))
        return sk_xml_fail(secret, error, SK_ERROR_XML, "the type of an encryption's secret is passphrase");
    sk_xml_get_string(secret, "@uuid", &self->secret);
    sk_xml_get_string(secret, "@usage", &self->usage);
    if ((self->secret == NULL) == (self->usage == NULL))
        return sk_xml_fail(secret, error, SK_ERROR_XML, "a secret is named by its uuid or its usage, by one of them");
    return sk_xml_next(secret) == NULL || sk_xml_fail(secret, error, SK_ERROR_UNSUPPORTED, "a disk is opened with one secret");
}

static void
read_cipher(SkXmlNode *node, SkEncryption *self)
{
    const char *name = sk_xml_get(node, "cipher/@name"), *size = sk_xml_get(node, "cipher/@size");
    if (name != NULL)
        self->cipher = size != NULL ? g_strdup_printf("%s-%s", name, size) : g_strdup(name);
    sk_xml_get_string(node, "cipher/@mode", &self->mode);
    sk_xml_get_string(node, "cipher/@hash", &self->hash);
    sk_xml_get_string(node, "ivgen/@name", &self->ivgen);
    sk_xml_get_string(node, "ivgen/@hash", &self->ivgen_hash);
}

gboolean
sk_xml_read_encryption(SkXmlNode *node, const char *path, SkEncryption **out, GError **error)
{
    SkXmlNode *child = sk_xml_at(node, path);
    if (child == NULL)
        return TRUE;
    const char *format = sk_xml_get(child, "@format"), *by = sk_xml_get(child, "@engine");
    if (format == NULL || !g_str_equal(format, "luks"))
        return sk_xml_fail(child, error, SK_ERROR_UNSUPPORTED, "encryption of format \"%.32s\" is not supported: give luks", format != NULL ? format : "");
    if (by != NULL && !g_str_equal(by, "qemu"))
        return sk_xml_fail(child, error, SK_ERROR_UNSUPPORTED, "encryption by engine \"%.32s\" is not supported: give qemu", by);
    sk_value_free(&sk_encryption_type, *out);
    *out = sk_value_new(&sk_encryption_type);
    if (!read_secret(child, *out, error))
        return FALSE;
    read_cipher(child, *out);
    return TRUE;
}

void
sk_xml_write_encryption(SkXmlNode *node, const SkEncryption *self)
{
    if (self == NULL)
        return;
    SkXmlNode *child = sk_xml_add(node, "encryption");
    sk_xml_set(child, "@format", "luks");
    if (self->secret != NULL || self->usage != NULL)
        sk_xml_set(child, "secret/@type", "passphrase");
    sk_xml_set(child, "secret/@uuid", self->secret);
    if (self->secret == NULL)
        sk_xml_set(child, "secret/@usage", self->usage);
    if (self->cipher != NULL) {
        const char *dash = strrchr(self->cipher, '-');
        g_autofree char *name = dash != NULL ? g_strndup(self->cipher, (gsize) (dash - self->cipher)) : g_strdup(self->cipher);
        sk_xml_set(child, "cipher/@name", name);
        sk_xml_set(child, "cipher/@size", dash != NULL ? dash + 1 : NULL);
        sk_xml_set(child, "cipher/@mode", self->mode);
        sk_xml_set(child, "cipher/@hash", self->hash);
    }
    sk_xml_set(child, "ivgen/@name", self->ivgen);
    if (self->ivgen != NULL)
        sk_xml_set(child, "ivgen/@hash", self->ivgen_hash);
}
