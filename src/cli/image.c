/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep image: what domains are made from. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/transfer.h"
#include "codec/json/json.h"
#include "model/storage.h"

static gboolean
is_url(const char *source)
{
    return strstr(source, "://") != NULL;
}

/* "debian-12" of ".../debian-12.qcow2.xz" */
static char *
usual_name(const char *source)
{
    static const char *const endings[] = { ".xz", ".zst", ".gz", ".qcow2", ".img", ".raw", ".vmdk", ".vdi", ".vhd", ".vhdx", ".qed", ".qcow", ".dmg" };
    char *name = g_path_get_basename(source);
    name[strcspn(name, "?#")] = '\0';
    for (guint i = 0; i < G_N_ELEMENTS(endings); i++) {
        if (g_str_has_suffix(name, endings[i]) && strlen(name) > strlen(endings[i]))
            name[strlen(name) - strlen(endings[i])] = '\0';
    }
    return name;
}

static json_t *
upload_image(SkCli *self, const SkArgs *args, const char *name, GError **error)
{
    const char *path = sk_args_operand(args, "SOURCE"), *wanted = sk_args_get(args, "sha256");
    g_autofree char *sum = wanted != NULL ? sk_file_sha256(path, error) : NULL;
    if (wanted != NULL && sum == NULL)
        return NULL;
    if (wanted != NULL && g_ascii_strcasecmp(sum, wanted) != 0) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" has the SHA-256 %s, not %s", path, sum, wanted);
        return NULL;
    }
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_IMAGE_UPLOAD, name);
    return sk_upload(self, ask, path, 0, error);
}

/* The daemon reads a local file itself if it is on this host, else it is sent. */
static json_t *
import_source(SkCli *self, const SkArgs *args, const char *name, GError **error)
{
    const char *source = sk_args_operand(args, "SOURCE");
    g_autofree char *path = is_url(source) ? g_strdup(source) : g_canonicalize_filename(source, NULL);
    if (!is_url(source) && access(source, R_OK) != 0) {
        sk_fail(error, SK_ERROR_NOT_FOUND, "cannot read \"%s\": give a file or an https, http or file URL", source);
        return NULL;
    }
    if (!is_url(source) && (self->target.url != NULL || sk_args_has(args, "upload")))
        return upload_image(self, args, name, error);
    json_t *body = sk_args_body(args, json_pack("{s:s, s:s}", "name", name, "url", path), error);
    if (body == NULL)
        return NULL;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_IMAGE_IMPORT);
    sk_ask_take_body(ask, body);
    ask->what = g_strdup_printf("import %s", name);
    return sk_cli_ask(self, ask, NULL, error);
}

static gboolean
run_import(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *name = sk_args_has(args, "name") ? g_strdup(sk_args_get(args, "name")) : usual_name(sk_args_operand(args, "SOURCE"));
    json_t *result = import_source(self, args, name, error);
    if (result == NULL)
        return FALSE;
    sk_cli_done(self, args, name, result);
    return TRUE;
}

static gboolean
run_build(SkCli *self, const SkArgs *args, GError **error)
{
    const char *recipe = sk_args_operand(args, "RECIPE");
    json_t *body = sk_args_body(args, json_pack("{s:s}", "recipe", recipe), error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_IMAGE_BUILD);
    sk_ask_take_body(ask, body);
    ask->what = g_strdup_printf("build %s", recipe);
    const char *name = sk_args_get(args, "name");
    return sk_cli_ask_done(self, args, ask, name != NULL ? name : recipe, error);
}

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete image", "", error);
}

const SkCommand sk_image_commands[] = {
    { .words = "image ls", .ops = SK_OPS(SK_OP_IMAGE_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "name" }, { "OS", "os" }, { "SIZE", "capacity", SK_CELL_SIZE }, { "ON DISK", "allocation", SK_CELL_SIZE },
                            { "USER", "default_user" }, { "USED BY", "users" }, { "CREATED", "created", SK_CELL_TIME }),
      .options = SK_OPTIONS({ 0, "match", "TEXT", .param = "match" }), .examples = "skep image ls" },
    { .words = "image show", .operands = "IMAGE", .ops = SK_OPS(SK_OP_IMAGE_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "name" }, { "OS", "os" }, { "Path", "path" }, { "Size", "capacity", SK_CELL_SIZE },
                            { "On disk", "allocation", SK_CELL_SIZE }, { "Default user", "default_user" }, { "Source", "source" },
                            { "SHA-256", "sha256" }, { "Original format", "original_format" }, { "Created", "created", SK_CELL_TIME },
                            { "Volumes over it", "users" }),
      .examples = "skep image show debian-12" },
    { .words = "image import", .operands = "SOURCE", .help = "import an image from a file or a URL", .ops = SK_OPS(SK_OP_IMAGE_IMPORT, SK_OP_IMAGE_UPLOAD),
      .run = run_import, .done = "imported", .body = &sk_image_import_type,
      .options = SK_OPTIONS({ 'n', "name", "NAME", "name of the image; that of the file if not given" },
                            { 0, "sha256", "HEX", .field = "sha256" }, { 0, "os", "NAME", .field = "os" },
                            { 'u', "user", "NAME", .field = "default_user" },
                            { 0, "upload", NULL, "send the file instead of letting the daemon read it" }),
      .notes = "Any format that qemu-img reads is converted to qcow2; .xz, .zst and .gz are unpacked. A daemon on this host reads the file "
               "itself; over --url it is sent.",
      .examples = "skep image import ./debian-12.qcow2 --name debian-12\n"
                  "skep image import https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2 -n debian-12 --user debian" },
    { .words = "image build", .operands = "RECIPE", .ops = SK_OPS(SK_OP_IMAGE_BUILD), .run = run_build, .done = "built", .body = &sk_image_build_type,
      .options = SK_OPTIONS({ 'n', "name", "NAME", .field = "name" }, { 0, "size", "SIZE", .field = "size" }),
      .examples = "skep image build debian-12\nskep image build debian-12 --name web-base --size 4G" },
    { .words = "image delete", .operands = "IMAGE...", .ops = SK_OPS(SK_OP_IMAGE_DELETE), .run = run_delete, .done = "deleted",
      .notes = "An image that volumes are laid over is not deleted.", .examples = "skep image delete debian-11" },
    { 0 },
};
