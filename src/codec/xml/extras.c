/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rarer devices: <redirdev>, <hub>, <smartcard>, <audio>, <shmem>, <iommu>. */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- USB ------------------------------------------------------------------------------------------------------------ */

static gboolean
read_redirdev(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkRedirdev *self = value;
    sk_xml_is(node, "@bus", "usb");
    if (self->kind == SK_REDIR_SPICEVMC)
        return TRUE;
    if (!sk_xml_is(node, "source/@mode", "connect"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only a source of mode \"connect\" is supported");
    sk_xml_is(node, "protocol/@type", "raw");
    if (self->kind == SK_REDIR_UNIX)
        sk_xml_get_string(node, "source/@path", &self->path);
    else
        self->host = sk_xml_read_host(node, "source");
    return TRUE;
}

static void
write_redirdev(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkRedirdev *self = value;
    sk_xml_write_fields(node, &sk_redirdev_type, value);
    sk_xml_set(node, "@bus", "usb");
    if (self->kind == SK_REDIR_SPICEVMC)
        return;
    sk_xml_set(node, "source/@mode", "connect");
    sk_xml_set(node, "source/@path", self->path);
    if (self->kind == SK_REDIR_TCP) {
        sk_xml_write_host(node, "source", self->host);
        sk_xml_set(node, "protocol/@type", "raw");
    }
}

static gboolean
read_hub(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    return sk_xml_is(node, "@type", "usb") || sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only the type \"usb\" is supported");
}

static void
write_hub(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    sk_xml_set(node, "@type", "usb");
    sk_xml_write_fields(node, &sk_hub_type, value);
}

static gboolean
read_smartcard(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    const SkSmartcard *self = value;
    if (self->kind == SK_SMARTCARD_HOST || sk_xml_is(node, "@type", "spicevmc"))
        return TRUE;
    return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "a smartcard of mode \"passthrough\" must be of type spicevmc");
}

static void
write_smartcard(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkSmartcard *self = value;
    sk_xml_write_fields(node, &sk_smartcard_type, value);
    if (self->kind == SK_SMARTCARD_PASSTHROUGH)
        sk_xml_set(node, "@type", "spicevmc");
}

/* -- shared memory -------------------------------------------------------------------------------------------------------- */

static gboolean
read_shmem(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkShmem *self = value;
    gboolean ioeventfd = TRUE;
    if (!sk_xml_get_bool(node, "msi/@enabled", &ioeventfd, error) || !sk_xml_get_size(node, "size", "MiB", &self->size, error))
        return FALSE;
    sk_xml_is(node, "msi/@ioeventfd", "on");
    if (self->size == 0 && self->model == SK_SHMEM_PLAIN)
        self->size = 4 << 20;
    return TRUE;
}

static void
write_shmem(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkShmem *self = value;
    sk_xml_write_fields(node, &sk_shmem_type, value);
    if (self->size == 0)
        return;
    gboolean whole = self->size % (1 << 20) == 0;
    sk_xml_set(node, "size/@unit", whole ? "M" : "b");
    sk_xml_setf(node, "size", "%" G_GUINT64_FORMAT, whole ? self->size >> 20 : self->size);
}

const SkXmlFamily sk_xml_extra_families[] = {
    { "redirdev", "redirdevs", &sk_redirdev_type, read_redirdev, write_redirdev, NULL },
    { "hub", "hubs", &sk_hub_type, read_hub, write_hub, NULL },
    { "smartcard", "smartcards", &sk_smartcard_type, read_smartcard, write_smartcard, NULL, TRUE },
    { "audio", "audios", &sk_audio_type, NULL, NULL, NULL },
    { "shmem", "shmems", &sk_shmem_type, read_shmem, write_shmem, NULL },
    { "iommu", "iommu", &sk_iommu_type, NULL, NULL, NULL },
    { NULL },
};
