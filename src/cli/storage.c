/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep pool and volume. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/transfer.h"
#include "codec/json/json.h"
#include "model/storage.h"

/* -- pools ------------------------------------------------------------------------------------------------------ */

static gboolean
run_pool_create(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "NAME");
    json_t *body = sk_args_body(args, json_pack("{s:s}", "name", name), error);
    if (body == NULL)
        return FALSE;
    const char *path = sk_json_text_at(body, "path");
    if (path != NULL && self->target.url == NULL) {
        g_autofree char *full = g_canonicalize_filename(path, NULL);
        json_object_set_new(body, "path", json_string(full));
    }
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_POOL_CREATE);
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_pool_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete pool", sk_args_has(args, "volumes") ? " and all volumes in it" : "", error);
}

/* What is given of the definition, as a patch. */
static gboolean
run_pool_set(SkCli *self, const SkArgs *args, GError **error)
{
    const char *autostart = sk_args_get(args, "autostart");
    if (autostart == NULL || (!g_str_equal(autostart, "yes") && !g_str_equal(autostart, "no")))
        return sk_fail(error, SK_ERROR_INVALID, "give --autostart yes or --autostart no");
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_POOL_UPDATE, sk_args_operand(args, "POOL"));
    sk_ask_take_body(ask, json_pack("{s:b}", "autostart", g_str_equal(autostart, "yes")));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "POOL"), error);
}

const SkCommand sk_pool_commands[] = {
    { .words = "pool ls", .ops = SK_OPS(SK_OP_POOL_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "spec.name" }, { "ACTIVE", "status.active", SK_CELL_YES }, { "KIND", "spec.kind" },
                            { "SIZE", "status.capacity", SK_CELL_SIZE }, { "USED", "status.allocation", SK_CELL_SIZE },
                            { "FREE", "status.available", SK_CELL_SIZE }, { "VOLUMES", "status.volumes" }, { "PATH", "spec.path" }),
      .options = SK_OPTIONS({ 0, "match", "TEXT", .param = "match" }), .examples = "skep pool ls" },
    { .words = "pool show", .operands = "POOL", .ops = SK_OPS(SK_OP_POOL_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "spec.name" }, { "UUID", "spec.uuid" }, { "Kind", "spec.kind" }, { "Path", "spec.path" },
                            { "Active", "status.active" }, { "Message", "status.message" }, { "Size", "status.capacity", SK_CELL_SIZE },
                            { "Used", "status.allocation", SK_CELL_SIZE }, { "Free", "status.available", SK_CELL_SIZE },
                            { "Volumes", "status.volumes" }, { "Autostart", "spec.autostart", SK_CELL_YES }),
      .examples = "skep pool show default" },
    { .words = "pool create", .operands = "NAME", .ops = SK_OPS(SK_OP_POOL_CREATE), .run = run_pool_create, .done = "created", .body = &sk_pool_spec_type,
      .options = SK_OPTIONS({ 'p', "path", "DIR", "directory; made if it is not there; one of the daemon's own if not given", .field = "path", .choices = "@file" }),
      .examples = "skep pool create ssd --path /srv/ssd" },
    { .words = "pool set", .operands = "POOL", .ops = SK_OPS(SK_OP_POOL_UPDATE), .run = run_pool_set, .done = "changed",
      .options = SK_OPTIONS({ 0, "autostart", "YES-NO", "start it with the host or not", .choices = "yes|no" }), .examples = "skep pool set ssd --autostart no" },
    { .words = "pool build", .operands = "POOL...", .ops = SK_OPS(SK_OP_POOL_BUILD), .run = sk_run_operation, .done = "built",
      .options = SK_OPTIONS({ 0, "format", NULL, .param = "format" }, { 0, "overwrite", NULL, .param = "overwrite" }),
      .notes = "Makes the directory of a pool that is not active, if it is not there, and if asked the file system of one of kind fs.",
      .examples = "skep pool build ssd\nskep pool build disk2 --format" },
    { .words = "pool erase", .operands = "POOL...", .ops = SK_OPS(SK_OP_POOL_ERASE), .run = sk_run_operation, .done = "erased",
      .options = SK_OPTIONS({ 0, "zero", NULL, .param = "zero" }),
      .notes = "Removes the directory of a pool that is not active; it must be empty. The pool stays defined.", .examples = "skep pool erase ssd" },
    { .words = "pool sources", .ops = SK_OPS(SK_OP_POOL_SOURCES), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "name" }, { "DEVICES", "devices" }), .options = SK_OPTIONS({ 0, "kind", "KIND", .param = "kind" }),
      .notes = "The volume groups that pools of kind logical can be made of.", .examples = "skep pool sources" },
    { .words = "pool start", .operands = "POOL...", .ops = SK_OPS(SK_OP_POOL_START), .run = sk_run_operation, .done = "started",
      .examples = "skep pool start ssd" },
    { .words = "pool stop", .operands = "POOL...", .ops = SK_OPS(SK_OP_POOL_STOP), .run = sk_run_operation, .done = "stopped",
      .examples = "skep pool stop ssd" },
    { .words = "pool refresh", .operands = "POOL...", .ops = SK_OPS(SK_OP_POOL_REFRESH), .run = sk_run_operation, .done = "refreshed",
      .notes = "Seldom needed: files that come and go are seen by themselves.", .examples = "skep pool refresh default" },
    { .words = "pool delete", .operands = "POOL...", .ops = SK_OPS(SK_OP_POOL_DELETE), .run = run_pool_delete, .done = "deleted",
      .options = SK_OPTIONS({ 0, "volumes", NULL, .param = "volumes" }),
      .notes = "On a terminal it asks first, unless --yes is given.", .examples = "skep pool delete ssd\nskep pool delete ssd --volumes" },
    { 0 },
};

/* -- volumes ------------------------------------------------------------------------------------------------------- */

static gboolean
run_volume_list(SkCli *self, const SkArgs *args, GError **error)
{
    const char *pool = sk_args_operand(args, "POOL");
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_VOLUME_LIST, pool != NULL ? pool : "default");
    g_autoptr(json_t) list = sk_cli_list(self, ask, error);
    if (list == NULL)
        return FALSE;
    sk_cli_print(self, sk_args_command(args), list);
    return TRUE;
}

/* A change of one volume: body from the options and extra. Takes extra. */
static gboolean
change_volume(SkCli *self, const SkArgs *args, SkOperationId op, json_t *extra, GError **error)
{
    json_t *body = sk_args_body(args, extra, error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(op);
    sk_ask_fill(ask, args);
    sk_ask_take_body(ask, body);
    ask->what = g_strdup_printf("%s %s", sk_args_command(args)->words, sk_args_operand(args, "VOLUME"));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "VOLUME"), error);
}

/* [POOL/]NAME of the new volume: the pool goes into the path, the name into the body. */
static gboolean
run_volume_create(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) split = sk_ask_new(SK_OP_VOLUME_SHOW);
    const char *below = sk_args_get(args, "backing");
    sk_ask_set_volume(split, sk_args_operand(args, "VOLUME"));
    g_autoptr(json_t) body = json_pack("{s:s}", "name", g_hash_table_lookup(split->params, "volume"));
    if (below != NULL) {
        g_autoptr(SkAsk) other = sk_ask_new(SK_OP_VOLUME_SHOW);
        sk_ask_set_volume(other, below);
        json_object_set_new(body, "backing_volume", json_string(g_hash_table_lookup(other->params, "volume")));
        json_object_set_new(body, "backing_pool", json_string(g_hash_table_lookup(other->params, "name")));
    }
    g_autoptr(json_t) full = sk_args_body(args, g_steal_pointer(&body), error);
    if (full == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_VOLUME_CREATE, g_hash_table_lookup(split->params, "name"));
    sk_ask_take_body(ask, g_steal_pointer(&full));
    ask->what = g_strdup_printf("create %s", sk_args_operand(args, "VOLUME"));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "VOLUME"), error);
}

static gboolean
run_volume_clone(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "NEW-NAME"), *slash = strchr(name, '/');
    json_t *body = json_pack("{s:s}", "name", slash != NULL ? slash + 1 : name);
    if (slash != NULL)
        json_object_set_new(body, "pool", json_stringn(name, (gsize) (slash - name)));
    return change_volume(self, args, SK_OP_VOLUME_CLONE, body, error);
}

static gboolean
run_volume_resize(SkCli *self, const SkArgs *args, GError **error)
{
    guint64 size;
    if (!sk_size_parse(sk_args_operand(args, "SIZE"), "SIZE", &size, error))
        return FALSE;
    return change_volume(self, args, SK_OP_VOLUME_RESIZE, json_pack("{s:I}", "size", (json_int_t) size), error);
}

static gboolean
run_volume_wipe(SkCli *self, const SkArgs *args, GError **error)
{
    if (!sk_cli_confirm(self, "Wipe volume %s?", sk_args_operand(args, "VOLUME")))
        return sk_fail(error, SK_ERROR_CANCELLED, "nothing was wiped");
    return change_volume(self, args, SK_OP_VOLUME_WIPE, json_object(), error);
}

static gboolean
run_volume_find(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_VOLUME_FIND);
    g_autofree char *full = self->target.url == NULL ? g_canonicalize_filename(sk_args_operand(args, "FILE"), NULL) : NULL;
    sk_ask_set(ask, "path", full != NULL ? full : sk_args_operand(args, "FILE"));
    g_autoptr(json_t) volume = sk_cli_ask(self, ask, NULL, error);
    if (volume == NULL)
        return FALSE;
    sk_cli_print(self, sk_args_command(args), volume);
    return TRUE;
}

static gboolean
run_volume_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete volume", "", error);
}

static gboolean
run_volume_upload(SkCli *self, const SkArgs *args, GError **error)
{
    const char *text = sk_args_get(args, "offset");
    guint64 offset = 0;
    if (text != NULL && !sk_size_parse(text, "option \"--offset\"", &offset, error))
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_VOLUME_UPLOAD);
    sk_ask_set_volume(ask, sk_args_operand(args, "VOLUME"));
    if (sk_args_has(args, "resume") && text != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "give --resume or --offset, not both");
    if (sk_args_has(args, "resume") && !sk_upload_offset(self, ask, &offset, error))
        return FALSE;
    g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT, offset);
    if (offset > 0)
        sk_ask_set(ask, "offset", bytes);
    json_t *result = sk_upload(self, ask, sk_args_operand(args, "FILE"), offset, error);
    if (result == NULL)
        return FALSE;
    sk_cli_done(self, args, sk_args_operand(args, "VOLUME"), result);
    return TRUE;
}

static gboolean
run_volume_download(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_VOLUME_DOWNLOAD);
    sk_ask_set_volume(ask, sk_args_operand(args, "VOLUME"));
    const char *path = sk_args_operand(args, "FILE");
    if (path == NULL)
        path = g_hash_table_lookup(ask->params, "volume");
    if (!sk_download(self, ask, path, sk_args_has(args, "resume"), error))
        return FALSE;
    if (!g_str_equal(path, "-"))
        sk_cli_done(self, args, sk_args_operand(args, "VOLUME"), NULL);
    return TRUE;
}

static const SkColumn volume_columns[] = {
    { "NAME", "name" }, { "POOL", "pool" }, { "KIND", "kind" }, { "FORMAT", "format" }, { "SIZE", "capacity", SK_CELL_SIZE },
    { "ON DISK", "allocation", SK_CELL_SIZE }, { "USED BY", "used_by" }, { "BACKED BY", "backing_path" }, { 0 },
};

const SkCommand sk_volume_commands[] = {
    { .words = "volume ls", .operands = "[POOL]", .ops = SK_OPS(SK_OP_VOLUME_LIST), .run = run_volume_list, .columns = volume_columns,
      .notes = "Without POOL the pool \"default\".", .examples = "skep volume ls\nskep volume ls ssd -o name" },
    { .words = "volume show", .operands = "VOLUME", .ops = SK_OPS(SK_OP_VOLUME_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "name" }, { "Pool", "pool" }, { "Kind", "kind" }, { "Format", "format" }, { "Foreign format", "foreign_format" },
                            { "Path", "path" }, { "Size", "capacity", SK_CELL_SIZE }, { "On disk", "allocation", SK_CELL_SIZE },
                            { "Backed by", "backing_path" }, { "Used by", "used_by" }, { "Image", "image", SK_CELL_YES },
                            { "Changed", "modified", SK_CELL_TIME }),
      .examples = "skep volume show default/web1.qcow2" },
    { .words = "volume create", .operands = "VOLUME", .ops = SK_OPS(SK_OP_VOLUME_CREATE), .run = run_volume_create, .done = "created",
      .body = &sk_volume_create_type,
      .options = SK_OPTIONS({ 's', "size", "SIZE", .field = "capacity" }, { 0, "format", "FORMAT", .field = "format", .choices = "qcow2|raw" },
                            { 0, "foreign-format", "FORMAT", .field = "options.foreign_format", .choices = "qed|vdi|vmdk|vpc" },
                            { 0, "preallocation", "MODE", .field = "preallocation" },
                            { 'b', "backing", "VOLUME", "volume to lay it over", .choices = "@volume" },
                            { 0, "secret", "UUID", "encrypt it (LUKS), with the value of this secret", .field = "options.encryption.secret" }),
      .examples = "skep volume create data.qcow2 --size 100G\nskep volume create ssd/fast.raw --size 20G --format raw --preallocation full\n"
                  "skep volume create test.qcow2 --backing default/base.qcow2\n"
                  "skep volume create safe.qcow2 --size 20G --secret 1b0c7e2a-5a53-4e3f-9c57-0d6f0c1d2e3f" },
    { .words = "volume clone", .operands = "VOLUME NEW-NAME", .ops = SK_OPS(SK_OP_VOLUME_CLONE), .run = run_volume_clone, .done = "cloned",
      .body = &sk_volume_clone_type,
      .options = SK_OPTIONS({ 0, "linked", NULL, .field = "linked" }, { 0, "foreign-format", "FORMAT", .field = "options.foreign_format", .choices = "qed|vdi|vmdk|vpc" }),
      .notes = "NEW-NAME may be POOL/NAME.", .examples = "skep volume clone data.qcow2 data2.qcow2\nskep volume clone data.qcow2 ssd/data.qcow2 --linked" },
    { .words = "volume resize", .operands = "VOLUME SIZE", .ops = SK_OPS(SK_OP_VOLUME_RESIZE), .run = run_volume_resize, .done = "resized",
      .body = &sk_resize_type, .options = SK_OPTIONS({ 0, "shrink", NULL, .param = "shrink" }, { 0, "allocate", NULL, .param = "allocate" }), .examples = "skep volume resize data.qcow2 200G" },
    { .words = "volume wipe", .operands = "VOLUME", .ops = SK_OPS(SK_OP_VOLUME_WIPE), .run = run_volume_wipe, .done = "wiped", .body = &sk_volume_wipe_type,
      .options = SK_OPTIONS({ 0, "algorithm", "NAME", "what is written over it: zero, random, trim, dod ...", .field = "algorithm" }),
      .notes = "All that is in it is lost. A qcow2 volume is an empty one of its size afterwards. On a terminal it asks first, unless --yes is given.",
      .examples = "skep volume wipe old.qcow2\nskep volume wipe ssd/fast.raw --algorithm random --yes" },
    { .words = "volume find", .operands = "FILE", .ops = SK_OPS(SK_OP_VOLUME_FIND), .run = run_volume_find, .columns = volume_columns,
      .notes = "Shows which volume of which pool a file is.", .examples = "skep volume find /srv/ssd/data.qcow2" },
    { .words = "volume upload", .operands = "VOLUME FILE", .ops = SK_OPS(SK_OP_VOLUME_UPLOAD), .run = run_volume_upload, .done = "uploaded",
      .options = SK_OPTIONS({ 0, "resume", NULL, "go on where an upload that was cut stopped; the daemon knows where" },
                            { 0, "offset", "BYTES", "go on from this byte" }),
      .notes = "A new volume is made of the file.", .examples = "skep volume upload tools.iso ./tools.iso\nskep volume upload --resume tools.iso ./tools.iso" },
    { .words = "volume download", .operands = "VOLUME [FILE]", .ops = SK_OPS(SK_OP_VOLUME_DOWNLOAD), .run = run_volume_download, .done = "downloaded",
      .options = SK_OPTIONS({ 0, "resume", NULL, "go on with FILE.part" }),
      .notes = "FILE is the volume's name if not given; - is standard output.",
      .examples = "skep volume download data.qcow2 ./data.qcow2\nskep volume download default/data.qcow2 - | sha256sum" },
    { .words = "volume delete", .operands = "VOLUME...", .ops = SK_OPS(SK_OP_VOLUME_DELETE), .run = run_volume_delete, .done = "deleted",
      .options = SK_OPTIONS({ 0, "zero", NULL, .param = "zero" }),
      .notes = "A volume that a domain has or that another volume is laid over is not deleted.", .examples = "skep volume delete data.qcow2 ssd/fast.raw" },
    { 0 },
};
