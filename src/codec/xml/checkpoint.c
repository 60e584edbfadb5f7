/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domaincheckpoint> */
#include "codec/xml/checkpoint.h"

#include "codec/xml/domain-private.h"

/* -- reading ------------------------------------------------------------------------------------------------------ */

/* What is said of one disk, alike in a request and in what is told. */
static gboolean
read_disk(SkXmlNode *node, char **out_target, gint *out_kind, char **out_bitmap, GError **error)
{
    const char *name = sk_xml_get(node, "@name");
    if (name == NULL)
        return sk_xml_fail(node, error, SK_ERROR_INVALID, "the attribute \"name\" is missing: give the target of a disk, or its file");
    *out_target = g_strdup(name);
    sk_xml_get_string(node, "@bitmap", out_bitmap);
    sk_xml_ignore(node, "@size");
    return sk_xml_get_enum(node, "@checkpoint", &sk_checkpoint_kind_enum, out_kind, error);
}

static gboolean
read_wishes(SkXmlNode *root, SkCheckpointCreate *body, GError **error)
{
    SkXmlNode *disks = sk_xml_child(root, "disks");
    for (SkXmlNode *node = disks != NULL ? sk_xml_child(disks, "disk") : NULL; node != NULL; node = sk_xml_next(node)) {
        SkCheckpointWish *wish = sk_xml_append(&body->disks, &sk_checkpoint_wish_type);
        if (!read_disk(node, &wish->target, &wish->kind, &wish->bitmap, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_request(SkXmlNode *root, SkCheckpointCreate *body, GError **error)
{
    static const char *const told[] = { "creationTime", "parent", "domain" };
    for (guint i = 0; i < G_N_ELEMENTS(told); i++)
        sk_xml_ignore(root, told[i]);
    sk_xml_get_string(root, "name", &body->name);
    sk_xml_get_string(root, "description", &body->description);
    return read_wishes(root, body, error) && sk_xml_check_read(root, error) && sk_value_check(&sk_checkpoint_create_type, body, NULL, error);
}

SkCheckpointCreate *
sk_xml_checkpoint_parse_request(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, length, "checkpoint XML", "domaincheckpoint", error);
    if (root == NULL)
        return NULL;
    SkCheckpointCreate *body = sk_value_new(&sk_checkpoint_create_type);
    if (read_request(root, body, error))
        return body;
    sk_value_free(&sk_checkpoint_create_type, body);
    return NULL;
}

static gboolean
read_disks(SkXmlNode *root, SkCheckpoint *checkpoint, GError **error)
{
    SkXmlNode *disks = sk_xml_child(root, "disks");
    for (SkXmlNode *node = disks != NULL ? sk_xml_child(disks, "disk") : NULL; node != NULL; node = sk_xml_next(node)) {
        SkCheckpointDisk *disk = sk_xml_append(&checkpoint->disks, &sk_checkpoint_disk_type);
        if (!read_disk(node, &disk->target, &disk->kind, &disk->bitmap, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_definition(SkXmlNode *root, SkCheckpoint *checkpoint, GError **error)
{
    SkXmlNode *domain = sk_xml_child(root, "domain");
    if (domain == NULL)
        return TRUE;
    if (!sk_xml_has(domain, "@type")) {
        /* All that some clients tell is which domain it is of. */
        sk_xml_ignore(domain, "uuid");
        return TRUE;
    }
    checkpoint->definition = sk_xml_read_domain(domain, error);
    return checkpoint->definition != NULL;
}

static gboolean
read_checkpoint(SkXmlNode *root, SkCheckpoint *checkpoint, GError **error)
{
    guint64 seconds = 0;
    sk_xml_get_string(root, "name", &checkpoint->name);
    sk_xml_get_string(root, "description", &checkpoint->description);
    sk_xml_get_string(root, "parent/name", &checkpoint->parent);
    if (!sk_xml_get_uint64(root, "creationTime", G_MAXINT64 / G_USEC_PER_SEC, &seconds, error))
        return FALSE;
    checkpoint->created = (gint64) seconds * G_USEC_PER_SEC;
    return read_disks(root, checkpoint, error) && read_definition(root, checkpoint, error) && sk_xml_check_read(root, error) &&
           sk_value_check(&sk_checkpoint_type, checkpoint, NULL, error);
}

SkCheckpoint *
sk_xml_checkpoint_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, length, "checkpoint XML", "domaincheckpoint", error);
    if (root == NULL)
        return NULL;
    SkCheckpoint *checkpoint = sk_value_new(&sk_checkpoint_type);
    if (read_checkpoint(root, checkpoint, error))
        return checkpoint;
    sk_value_free(&sk_checkpoint_type, checkpoint);
    return NULL;
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

static void
write_disk(SkXmlNode *disks, const SkCheckpointDisk *disk, gboolean sizes)
{
    SkXmlNode *node = sk_xml_add(disks, "disk");
    sk_xml_set(node, "@name", disk->target);
    sk_xml_set_enum(node, "@checkpoint", &sk_checkpoint_kind_enum, disk->kind);
    if (disk->kind != SK_CHECKPOINT_BITMAP)
        return;
    sk_xml_set(node, "@bitmap", disk->bitmap);
    if (sizes)
        sk_xml_setf(node, "@size", "%" G_GUINT64_FORMAT, disk->size);
}

char *
sk_xml_checkpoint_format(const SkCheckpoint *checkpoint, gboolean sizes, const SkXmlOptions *options)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("domaincheckpoint");
    sk_xml_set(root, "name", checkpoint->name);
    sk_xml_set(root, "description", checkpoint->description);
    sk_xml_set(root, "parent/name", checkpoint->parent);
    sk_xml_setf(root, "creationTime", "%" G_GINT64_FORMAT, checkpoint->created / G_USEC_PER_SEC);
    if (checkpoint->disks != NULL && checkpoint->disks->len > 0) {
        SkXmlNode *disks = sk_xml_add(root, "disks");
        for (guint i = 0; i < checkpoint->disks->len; i++)
            write_disk(disks, checkpoint->disks->pdata[i], sizes);
    }
    if (checkpoint->definition != NULL)
        sk_xml_write_domain(sk_xml_add(root, "domain"), checkpoint->definition, options);
    return sk_xml_text(root);
}
