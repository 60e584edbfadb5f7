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

/* -- long work on a disk of a domain that runs ----------------------------------------------------------------- */

static gboolean
ask_with(SkCli *self, const SkArgs *args, json_t *base, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new((SkOperationId) sk_args_command(args)->ops[0]);
    sk_ask_fill(ask, args);
    json_t *body = sk_args_body(args, base, error);
    if (body == NULL)
        return FALSE;
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "DISK"), error);
}

static gboolean
run_job(SkCli *self, const SkArgs *args, GError **error)
{
    return ask_with(self, args, NULL, error);
}

/* Left to itself it goes over when it can: who runs a command wants its end. */
static gboolean
run_commit(SkCli *self, const SkArgs *args, GError **error)
{
    return ask_with(self, args, json_pack("{s:s}", "then", sk_args_has(args, "stay") ? "finish" : "pivot"), error);
}

static gboolean
run_copy(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = medium_json(sk_args_operand(args, "SPEC"), FALSE);
    json_object_set_new(body, "then", json_string(sk_args_has(args, "pivot") ? "pivot" : "finish"));
    if (!sk_args_has(args, "format"))
        json_object_set_new(body, "same_format", json_true());
    return ask_with(self, args, body, error);
}

static gboolean
run_speed(SkCli *self, const SkArgs *args, GError **error)
{
    return ask_with(self, args, json_pack("{s:s}", "speed", sk_args_operand(args, "SIZE")), error);
}

static gboolean
run_threshold(SkCli *self, const SkArgs *args, GError **error)
{
    return ask_with(self, args, json_pack("{s:s}", "bytes", sk_args_operand(args, "SIZE")), error);
}

static const SkColumn job_columns[] = {
    { "Disk", "target" }, { "Kind", "kind" }, { "State", "state" }, { "Done", "done", SK_CELL_SIZE }, { "Of", "total", SK_CELL_SIZE },
    { "Speed", "speed", SK_CELL_SIZE }, { "File", "path" }, { "Base", "base" }, { "Top", "top" }, { "Goes over to", "destination" }, { "Job", "job" }, { 0 },
};

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
    { .words = "disk pull", .operands = "DOMAIN DISK", .ops = SK_OPS(SK_OP_DISK_PULL), .run = run_job, .done = "pulled", .body = &sk_disk_pull_type,
      .options = SK_OPTIONS({ 0, "base", "FILE", .field = "base" }, { 0, "speed", "SIZE", .field = "speed" }),
      .notes = "What is below the file that the guest writes to goes into it, while the guest runs; what is below --base stays there.",
      .examples = "skep disk pull web1 vda\nskep disk pull web1 vda --base vda[3] --speed 50M" },
    { .words = "disk commit", .operands = "DOMAIN DISK", .ops = SK_OPS(SK_OP_DISK_COMMIT), .run = run_commit, .done = "committed", .body = &sk_disk_commit_type,
      .options = SK_OPTIONS({ 0, "base", "FILE", .field = "base" }, { 0, "top", "FILE", .field = "top" }, { 0, "shallow", NULL, .field = "shallow" },
                            { 0, "delete", NULL, .field = "remove" }, { 0, "stay", NULL, "do not go over to the base" }, { 0, "speed", "SIZE", .field = "speed" }),
      .notes = "The files of a disk go down into one of them, while the guest runs. If the one that the guest writes to goes too, the guest writes to the base then.",
      .examples = "skep disk commit web1 vda --delete\nskep disk commit web1 vda --top vda[2] --base vda[3]" },
    { .words = "disk copy", .operands = "DOMAIN DISK SPEC", .ops = SK_OPS(SK_OP_DISK_COPY), .run = run_copy, .done = "copied", .body = &sk_disk_copy_type,
      .options = SK_OPTIONS({ 0, "pivot", NULL, "the guest goes on with the copy" }, { 0, "format", "FORMAT", .field = "format", .choices = "qcow2|raw" },
                            { 0, "shallow", NULL, .field = "shallow" }, { 0, "reuse", NULL, .field = "reuse" }, { 0, "speed", "SIZE", .field = "speed" }),
      .notes = "SPEC is the path of a file or POOL/VOLUME. Without --pivot the guest stays where it is, and the copy is the disk of that moment.",
      .examples = "skep disk copy web1 vda ssd/web1.qcow2 --pivot\nskep disk copy web1 vda /srv/copy.raw --format raw" },
    { .words = "disk job", .operands = "DOMAIN DISK", .ops = SK_OPS(SK_OP_DISK_JOB), .run = sk_run_operation, .columns = job_columns,
      .examples = "skep disk job web1 vda" },
    { .words = "disk job-speed", .operands = "DOMAIN DISK SIZE", .ops = SK_OPS(SK_OP_DISK_JOB_CHANGE), .run = run_speed, .done = "has its speed",
      .notes = "SIZE is what may be done in a second; 0: no limit.", .examples = "skep disk job-speed web1 vda 100M" },
    { .words = "disk job-end", .operands = "DOMAIN DISK", .ops = SK_OPS(SK_OP_DISK_JOB_END), .run = run_job, .done = "has no job any more",
      .body = &sk_disk_job_end_type, .options = SK_OPTIONS({ 0, "pivot", NULL, .field = "pivot" }, { 0, "no-wait", NULL, .field = "no_wait" }),
      .examples = "skep disk job-end web1 vda\nskep disk job-end web1 vda --pivot" },
    { .words = "disk threshold", .operands = "DOMAIN DISK SIZE", .ops = SK_OPS(SK_OP_DISK_THRESHOLD), .run = run_threshold, .done = "is watched",
      .notes = "An event, domain.block-threshold, tells when the disk's file has grown to SIZE; 0: no more.", .examples = "skep disk threshold web1 vda 20G" },
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
