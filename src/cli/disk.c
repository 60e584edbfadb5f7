/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep disk and cdrom: what a domain's drives hold. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/disk.h"

static gboolean
run_list(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, sk_args_operand(args, "DOMAIN"), NULL, error);
    if (view == NULL)
        return FALSE;
    json_t *disks = json_object_get(sk_view_spec(view), "disks");
    g_autoptr(json_t) none = json_array();
    sk_cli_print(self, sk_args_command(args), disks != NULL ? disks : none);
    return TRUE;
}

static gboolean
run_attach(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    json_t *disk = sk_disk_from_text(sk_args_operand(args, "SPEC"), error);
    if (disk == NULL)
        return FALSE;
    sk_disk_set_bus(disk, NULL);
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_DISK_ATTACH, name);
    sk_ask_take_body(ask, disk);
    ask->what = g_strdup_printf("attach disk to %s", name);
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    const char *target = sk_json_text_at(result, "target");
    sk_cli_done(self, args, target != NULL ? target : name, json_incref(result));
    return TRUE;
}

static gboolean
run_detach(SkCli *self, const SkArgs *args, GError **error)
{
    gboolean asked = sk_args_has(args, "delete-volume");
    if (asked && !sk_cli_confirm(self, "Detach %s of %s and delete its volume?", sk_args_operand(args, "DISK"), sk_args_operand(args, "DOMAIN")))
        return sk_fail(error, SK_ERROR_CANCELLED, "nothing was detached");
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_DISK_DETACH);
    sk_ask_fill(ask, args);
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "DISK"), error);
}

/* "50G", or "+10G" more than it has now. */
static gboolean
size_of(SkCli *self, const SkArgs *args, guint64 *out, GError **error)
{
    const char *text = sk_args_operand(args, "SIZE");
    if (*text != '+')
        return sk_size_parse(text, "SIZE", out, error);
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, sk_args_operand(args, "DOMAIN"), NULL, error);
    gsize i;
    json_t *disk;
    if (view == NULL || !sk_size_parse(text + 1, "SIZE", out, error))
        return FALSE;
    json_array_foreach(json_object_get(sk_view_spec(view), "disks"), i, disk) {
        const char *pool = sk_json_text_at(disk, "pool"), *volume = sk_json_text_at(disk, "volume");
        if (g_strcmp0(sk_json_text_at(disk, "target"), sk_args_operand(args, "DISK")) != 0 || volume == NULL)
            continue;
        g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_VOLUME_SHOW, pool != NULL ? pool : "default");
        sk_ask_set(ask, "volume", volume);
        g_autoptr(json_t) found = sk_cli_ask(self, ask, NULL, error);
        *out += (guint64) sk_json_int_at(found, "capacity");
        return found != NULL;
    }
    return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%s\" on a volume", sk_args_operand(args, "DOMAIN"), sk_args_operand(args, "DISK"));
}

static gboolean
run_resize(SkCli *self, const SkArgs *args, GError **error)
{
    guint64 size;
    if (!size_of(self, args, &size, error))
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_DISK_RESIZE);
    sk_ask_fill(ask, args);
    sk_ask_take_body(ask, json_pack("{s:I}", "size", (json_int_t) size));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "DISK"), error);
}

/* -- cdrom ------------------------------------------------------------------------------------------------------- */

/* The drive that was named, or the only one there is. */
static char *
choose_drive(SkCli *self, const SkArgs *args, GError **error)
{
    const char *domain = sk_args_operand(args, "DOMAIN"), *found = NULL;
    if (sk_args_has(args, "drive"))
        return g_strdup(sk_args_get(args, "drive"));
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, domain, NULL, error);
    gsize i;
    json_t *disk;
    if (view == NULL)
        return NULL;
    json_array_foreach(json_object_get(sk_view_spec(view), "disks"), i, disk) {
        const char *device = sk_json_text_at(disk, "device");
        if (device == NULL || g_str_equal(device, "disk"))
            continue;
        if (found != NULL) {
            sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has more than one drive: say which with --drive, such as --drive %s", domain, found);
            return NULL;
        }
        found = sk_json_text_at(disk, "target");
    }
    if (found == NULL)
        sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no cdrom or floppy drive: skep disk attach %s device=cdrom,source=none", domain, domain);
    return g_strdup(found);
}

static json_t *
medium_json(const char *text, gboolean force)
{
    const char *slash = strchr(text, '/');
    gboolean is_volume = slash != NULL && *text != '/' && *text != '.' && access(text, F_OK) != 0;
    g_autofree char *path = g_canonicalize_filename(text, NULL);
    json_t *body = is_volume ? json_pack("{s:s%, s:s}", "pool", text, (size_t) (slash - text), "volume", slash + 1)
                             : json_pack("{s:s}", "path", path);
    if (force)
        json_object_set_new(body, "force", json_true());
    return body;
}

static gboolean
change_medium(SkCli *self, const SkArgs *args, SkOperationId op, json_t *body, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new_named(op, sk_args_operand(args, "DOMAIN"));
    sk_ask_take_body(ask, body);
    g_autofree char *drive = choose_drive(self, args, error);
    if (drive == NULL)
        return FALSE;
    sk_ask_set(ask, "target", drive);
    if (sk_args_has(args, "force"))
        sk_ask_set(ask, "force", "true");
    return sk_cli_ask_done(self, args, ask, drive, error);
}

static gboolean
run_insert(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = medium_json(sk_args_operand(args, "MEDIUM"), sk_args_has(args, "force"));
    return change_medium(self, args, SK_OP_MEDIA_INSERT, body, error);
}

static gboolean
run_eject(SkCli *self, const SkArgs *args, GError **error)
{
    return change_medium(self, args, SK_OP_MEDIA_EJECT, NULL, error);
}

static const SkColumn disk_columns[] = {
    { "TARGET", "target" }, { "DEVICE", "device" }, { "BUS", "bus" }, { "SOURCE", "source" }, { "POOL", "pool" }, { "VOLUME", "volume" },
    { "PATH", "path" }, { "FORMAT", "format" }, { "CACHE", "cache" }, { "READ-ONLY", "read_only", SK_CELL_YES }, { 0 },
};

const SkCommand sk_disk_commands[] = {
    { .words = "disk ls", .operands = "DOMAIN", .help = "list a domain's disks", .ops = SK_OPS(SK_OP_DOMAIN_SHOW), .run = run_list,
      .columns = disk_columns, .examples = "skep disk ls web1" },
    { .words = "disk attach", .operands = "DOMAIN SPEC", .ops = SK_OPS(SK_OP_DISK_ATTACH), .run = run_attach, .done = "attached",
      .body = &sk_disk_type, .columns = disk_columns,
      .notes = "SPEC is the SIZE of a new volume, /path of a file or block device, POOL/VOLUME, or KEY=VALUE,... A running guest sees the disk at once.",
      .examples = "skep disk attach web1 10G\nskep disk attach web1 size=10G,bus=scsi,pool=ssd\nskep disk attach web1 default/data.qcow2" },
    { .words = "disk detach", .operands = "DOMAIN DISK", .ops = SK_OPS(SK_OP_DISK_DETACH), .run = run_detach, .done = "detached",
      .options = SK_OPTIONS({ 0, "delete-volume", NULL, "delete its volume too", .param = "volumes" }),
      .notes = "The volume stays, unless --delete-volume is given.",
      .examples = "skep disk detach web1 vdb\nskep disk detach web1 vdb --delete-volume" },
    { .words = "disk resize", .operands = "DOMAIN DISK SIZE", .ops = SK_OPS(SK_OP_DISK_RESIZE, SK_OP_DOMAIN_SHOW, SK_OP_VOLUME_SHOW),
      .run = run_resize, .done = "resized",
      .notes = "SIZE is the new size, or +SIZE for so much more. A running guest sees it at once; its file system is for it to grow.",
      .examples = "skep disk resize web1 vda 40G\nskep disk resize web1 vda +10G" },
    { .words = "cdrom insert", .operands = "DOMAIN MEDIUM", .ops = SK_OPS(SK_OP_MEDIA_INSERT, SK_OP_DOMAIN_SHOW), .run = run_insert,
      .done = "has the medium",
      .options = SK_OPTIONS({ 0, "drive", "DISK", "target of the drive, if there is more than one", .choices = "@disk" },
                            { 'f', "force", NULL, "even if the guest has locked the tray" }),
      .examples = "skep cdrom insert web1 /srv/iso/tools.iso\nskep cdrom insert web1 default/tools.iso --drive sdb" },
    { .words = "cdrom eject", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_MEDIA_EJECT, SK_OP_DOMAIN_SHOW), .run = run_eject, .done = "is empty",
      .options = SK_OPTIONS({ 0, "drive", "DISK", "target of the drive, if there is more than one", .choices = "@disk" },
                            { 'f', "force", NULL, .param = "force" }),
      .examples = "skep cdrom eject web1" },
    { 0 },
};
