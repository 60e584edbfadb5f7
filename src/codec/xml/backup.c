/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domainbackup> */
#include "base/error.h"
#include "codec/xml/checkpoint.h"
#include "codec/xml/domain-private.h"

/* -- reading ------------------------------------------------------------------------------------------------------ */

static gboolean
read_server(SkXmlNode *root, SkBackup *backup, GError **error)
{
    SkXmlNode *node = sk_xml_child(root, "server");
    gboolean tls = FALSE;
    if (node == NULL)
        return TRUE;
    SkBackupServer *server = backup->server = sk_value_new(&sk_backup_server_type);
    server->transport = SK_BACKUP_TCP;
    if (!sk_xml_get_enum(node, "@transport", &sk_backup_transport_enum, &server->transport, error) || !sk_xml_get_bool(node, "@tls", &tls, error))
        return FALSE;
    if (tls)
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "a backup is not offered with TLS: give a Unix socket, and carry it over ssh");
    if (server->transport == SK_BACKUP_UNIX) {
        sk_xml_get_string(node, "@socket", &server->socket);
        return TRUE;
    }
    sk_xml_get_string(node, "@name", &server->host);
    return sk_xml_get_uint(node, "@port", 65535, &server->port, error);
}

/* Where it goes: <target> of a push, <scratch> of a pull. */
static gboolean
read_file(SkXmlNode *node, const SkBackup *backup, SkBackupDisk *disk, GError **error)
{
    const char *type = sk_xml_get(node, "@type"), *place = backup->pull ? "scratch" : "target";
    SkXmlNode *file = sk_xml_child(node, place);
    disk->device = g_strcmp0(type, "block") == 0;
    if (type != NULL && !disk->device && !g_str_equal(type, "file"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "a backup goes into a file or a block device, not \"%.16s\"", type);
    if (!sk_xml_get_enum(node, "driver/@type", &sk_disk_format_enum, &disk->format, error))
        return FALSE;
    if (file == NULL)
        return !disk->device || sk_xml_fail(node, error, SK_ERROR_INVALID, "the element \"%s\" is missing: say which block device", place);
    sk_xml_get_string(file, disk->device ? "@dev" : "@file", &disk->file);
    for (SkXmlNode *label = sk_xml_child(file, "seclabel"); label != NULL; label = sk_xml_next(label)) {
        /* Files are passed to QEMU opened: nothing is labelled. */
        sk_xml_ignore(label, ".");
    }
    return disk->file != NULL ||
           sk_xml_fail(file, error, SK_ERROR_INVALID, "the attribute \"%s\" is missing: give a path", disk->device ? "dev" : "file");
}

static gboolean
read_mode(SkXmlNode *node, SkBackupDisk *disk, GError **error)
{
    const char *mode = sk_xml_get(node, "@backupmode");
    sk_xml_get_string(node, "@incremental", &disk->incremental);
    if (mode == NULL)
        disk->mode = disk->incremental != NULL ? SK_BACKUP_INCREMENTAL : SK_BACKUP_AS_ALL;
    else if (g_str_equal(mode, "full"))
        disk->mode = SK_BACKUP_FULL;
    else if (g_str_equal(mode, "incremental"))
        disk->mode = SK_BACKUP_INCREMENTAL;
    else
        return sk_xml_fail(node, error, SK_ERROR_INVALID, "backupmode is \"%.16s\": give full or incremental", mode);
    return disk->mode != SK_BACKUP_FULL || disk->incremental == NULL ||
           sk_xml_fail(node, error, SK_ERROR_INVALID, "a full backup is since no checkpoint");
}

static gboolean
read_disk(SkXmlNode *node, const SkBackup *backup, SkBackupDisk *disk, GError **error)
{
    gboolean wanted = TRUE;
    sk_xml_get_string(node, "@name", &disk->target);
    if (disk->target == NULL)
        return sk_xml_fail(node, error, SK_ERROR_INVALID, "the attribute \"name\" is missing: give the target of a disk");
    if (!sk_xml_get_bool(node, "@backup", &wanted, error))
        return FALSE;
    disk->left_out = !wanted;
    /* Counted when it is told. */
    sk_xml_ignore(node, "@index");
    sk_xml_get_string(node, "@exportname", &disk->export_name);
    sk_xml_get_string(node, "@exportbitmap", &disk->export_bitmap);
    return read_mode(node, disk, error) && read_file(node, backup, disk, error);
}

static gboolean
read_backup(SkXmlNode *root, SkBackup *backup, GError **error)
{
    const char *mode = sk_xml_get(root, "@mode");
    if (mode != NULL && !g_str_equal(mode, "push") && !g_str_equal(mode, "pull"))
        return sk_xml_fail(root, error, SK_ERROR_INVALID, "mode is \"%.16s\": give push or pull", mode);
    backup->pull = g_strcmp0(mode, "pull") == 0;
    sk_xml_ignore(root, "@id");
    sk_xml_get_string(root, "incremental", &backup->incremental);
    if (!read_server(root, backup, error))
        return FALSE;
    SkXmlNode *disks = sk_xml_child(root, "disks");
    for (SkXmlNode *node = disks != NULL ? sk_xml_child(disks, "disk") : NULL; node != NULL; node = sk_xml_next(node)) {
        if (!read_disk(node, backup, sk_xml_append(&backup->disks, &sk_backup_disk_type), error))
            return FALSE;
    }
    return sk_xml_check_read(root, error) && sk_value_check(&sk_backup_type, backup, NULL, error);
}

SkBackup *
sk_xml_backup_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, length, "backup XML", "domainbackup", error);
    if (root == NULL)
        return NULL;
    SkBackup *backup = sk_value_new(&sk_backup_type);
    if (read_backup(root, backup, error))
        return backup;
    sk_value_free(&sk_backup_type, backup);
    return NULL;
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

static void
write_server(SkXmlNode *root, const SkBackupServer *server)
{
    SkXmlNode *node = sk_xml_add(root, "server");
    sk_xml_set_enum(node, "@transport", &sk_backup_transport_enum, server->transport);
    if (server->transport == SK_BACKUP_UNIX) {
        sk_xml_set(node, "@socket", server->socket);
        return;
    }
    sk_xml_set(node, "@name", server->host);
    sk_xml_set_uint(node, "@port", server->port);
}

static void
write_disk(SkXmlNode *disks, const SkBackup *backup, const SkBackupDisk *disk)
{
    static const char *const modes[SK_N_BACKUP_MODES] = { [SK_BACKUP_FULL] = "full", [SK_BACKUP_INCREMENTAL] = "incremental" };
    SkXmlNode *node = sk_xml_add(disks, "disk");
    sk_xml_set(node, "@name", disk->target);
    sk_xml_set(node, "@backup", disk->left_out ? "no" : "yes");
    if (disk->left_out)
        return;
    sk_xml_set(node, "@type", disk->device ? "block" : "file");
    sk_xml_set(node, "@backupmode", modes[disk->mode]);
    if (disk->mode != SK_BACKUP_FULL)
        sk_xml_set(node, "@incremental", disk->incremental);
    sk_xml_set(node, "@exportname", disk->export_name);
    sk_xml_set(node, "@exportbitmap", disk->export_bitmap);
    if (disk->file == NULL)
        return;
    sk_xml_set_enum(node, "driver/@type", &sk_disk_format_enum, disk->format);
    SkXmlNode *file = sk_xml_add(node, backup->pull ? "scratch" : "target");
    sk_xml_set(file, disk->device ? "@dev" : "@file", disk->file);
}

char *
sk_xml_backup_format(const SkBackup *backup)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("domainbackup");
    sk_xml_set(root, "@mode", backup->pull ? "pull" : "push");
    sk_xml_set(root, "incremental", backup->incremental);
    if (backup->server != NULL)
        write_server(root, backup->server);
    if (backup->disks != NULL && backup->disks->len > 0) {
        SkXmlNode *disks = sk_xml_add(root, "disks");
        for (guint i = 0; i < backup->disks->len; i++)
            write_disk(disks, backup, backup->disks->pdata[i]);
    }
    return sk_xml_text(root);
}
