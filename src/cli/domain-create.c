/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep create: a definition from options, over a JSON file if one is given. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/domain.h"

#define MAX_KEY_FILE (64 * 1024)
#define MAX_USER_DATA (512 * 1024)

/* The list below key, made if it is not there. Borrowed. */
static json_t *
list_of(json_t *spec, const char *key)
{
    json_t *list = json_object_get(spec, key);
    if (json_is_array(list))
        return list;
    json_object_set_new(spec, key, json_array());
    return json_object_get(spec, key);
}

/* The object below key, made if it is not there. Borrowed. */
static json_t *
part_of(json_t *spec, const char *key)
{
    json_t *part = json_object_get(spec, key);
    if (json_is_object(part))
        return part;
    json_object_set_new(spec, key, json_object());
    return json_object_get(spec, key);
}

/* -- disks ----------------------------------------------------------------------------------------------------- */

/* TRUE if the disk is only asked for by its size, so that --image can be what it is made over. */
static gboolean
is_open(json_t *disk)
{
    static const char *const filled[] = { "image", "volume", "path" };
    for (guint i = 0; i < G_N_ELEMENTS(filled); i++) {
        if (json_object_get(disk, filled[i]) != NULL)
            return FALSE;
    }
    const char *device = sk_json_text_at(disk, "device");
    return device == NULL || g_str_equal(device, "disk");
}

/* The image goes to the first disk, or to one of its own. */
static void
place_image(json_t *disks, const char *image)
{
    json_t *first = json_array_get(disks, 0);
    if (first != NULL && is_open(first))
        json_object_set_new(first, "image", json_string(image));
    else
        json_array_insert_new(disks, 0, json_pack("{s:s}", "image", image));
}

static gboolean
add_iso(json_t *spec, const char *text, GError **error)
{
    json_t *disks = list_of(spec, "disks");
    const char *slash = strchr(text, '/');
    gboolean is_volume = slash != NULL && *text != '/' && *text != '.' && access(text, F_OK) != 0;
    if (is_volume) {
        g_autofree char *pool = g_strndup(text, (gsize) (slash - text));
        json_array_append_new(disks, json_pack("{s:s, s:s, s:s, s:s}", "device", "cdrom", "format", "raw", "pool", pool, "volume", slash + 1));
    } else {
        g_autofree char *path = g_canonicalize_filename(text, NULL);
        json_array_append_new(disks, json_pack("{s:s, s:s, s:s, s:s}", "device", "cdrom", "format", "raw", "source", "file", "path", path));
    }
    json_t *boot = part_of(spec, "boot");
    if (json_object_get(boot, "order") == NULL)
        json_object_set_new(boot, "order", json_pack("[s, s]", "disk", "cdrom"));
    return TRUE;
}

static gboolean
add_disks(json_t *spec, const SkArgs *args, GError **error)
{
    for (const char *const *at = sk_args_all(args, "disk"); *at != NULL; at++) {
        json_t *disk = sk_disk_from_text(*at, error);
        if (disk == NULL || json_array_append_new(list_of(spec, "disks"), disk) != 0)
            return FALSE;
    }
    if (sk_args_has(args, "image"))
        place_image(list_of(spec, "disks"), sk_args_get(args, "image"));
    for (const char *const *at = sk_args_all(args, "iso"); *at != NULL; at++) {
        if (!add_iso(spec, *at, error))
            return FALSE;
    }
    gsize i;
    json_t *disk;
    json_array_foreach(json_object_get(spec, "disks"), i, disk)
        sk_disk_set_bus(disk, sk_json_text_at(spec, "machine"));
    return TRUE;
}

/* -- interfaces -------------------------------------------------------------------------------------------------- */

/* Nothing was said about networks: the default network if there is one, else user-mode. */
static gboolean
add_usual_nic(SkCli *self, json_t *spec, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_NETWORK_SHOW, "default", NULL, &failure);
    if (view == NULL && !sk_error_is(failure, SK_ERROR_NO_NETWORK) && !sk_error_is(failure, SK_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    json_t *nic = view != NULL ? json_pack("{s:s}", "network", "default") : json_pack("{s:s}", "kind", "user");
    return json_array_append_new(list_of(spec, "interfaces"), nic) == 0;
}

static gboolean
add_nics(SkCli *self, json_t *spec, const SkArgs *args, GError **error)
{
    const char *const *given = sk_args_all(args, "network");
    if (*given == NULL)
        return json_object_get(spec, "interfaces") != NULL || sk_args_has(args, "file") || add_usual_nic(self, spec, error);
    if (g_str_equal(*given, "none") && given[1] == NULL)
        return json_object_set_new(spec, "interfaces", json_array()) == 0;
    for (; *given != NULL; given++) {
        json_t *nic = sk_nic_from_text(*given, error);
        if (nic == NULL || json_array_append_new(list_of(spec, "interfaces"), nic) != 0)
            return FALSE;
    }
    return TRUE;
}

/* -- cloud-init ------------------------------------------------------------------------------------------------------ */

static gboolean
add_key_file(json_t *keys, const char *path, GError **error)
{
    g_autofree char *text = sk_read_input(path, MAX_KEY_FILE, NULL, error);
    if (text == NULL)
        return FALSE;
    if (strstr(text, "PRIVATE KEY") != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a private key: give the public one, \"%s.pub\"", path, path);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gsize before = json_array_size(keys);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_strstrip(lines[i]);
        if (*lines[i] != '\0' && *lines[i] != '#')
            json_array_append_new(keys, json_string(lines[i]));
    }
    return json_array_size(keys) > before || sk_fail(error, SK_ERROR_INVALID, "\"%s\" has no ssh public key in it", path);
}

static gboolean
add_keys(json_t *spec, const SkArgs *args, GError **error)
{
    for (const char *const *at = sk_args_all(args, "ssh-key"); *at != NULL; at++) {
        json_t *keys = list_of(part_of(spec, "cloud_init"), "ssh_keys");
        gboolean literal = g_str_has_prefix(*at, "ssh-") || g_str_has_prefix(*at, "ecdsa-") || g_str_has_prefix(*at, "sk-");
        if (literal && strchr(*at, ' ') != NULL)
            json_array_append_new(keys, json_string(*at));
        else if (!add_key_file(keys, *at, error))
            return FALSE;
    }
    return TRUE;
}

/* The text of a file as a cloud-init field; a password loses its newline. */
static gboolean
add_file(json_t *spec, const SkArgs *args, const char *option, const char *key, gboolean chomp, GError **error)
{
    const char *path = sk_args_get(args, option);
    if (path == NULL)
        return TRUE;
    g_autofree char *text = sk_read_input(path, MAX_USER_DATA, NULL, error);
    if (text == NULL)
        return FALSE;
    if (chomp)
        text[strcspn(text, "\r\n")] = '\0';
    json_t *value = json_string(text);
    if (value == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not UTF-8 text", path);
    return json_object_set_new(part_of(spec, "cloud_init"), key, value) == 0;
}

static gboolean
add_cloud_init(json_t *spec, const SkArgs *args, GError **error)
{
    for (const char *const *at = sk_args_all(args, "cloud-init"); *at != NULL; at++) {
        if (!sk_json_set_pair(&sk_cloud_init_type, part_of(spec, "cloud_init"), *at, error))
            return FALSE;
    }
    return add_keys(spec, args, error) && add_file(spec, args, "password-file", "password", TRUE, error) &&
           add_file(spec, args, "user-data", "user_data", FALSE, error) &&
           add_file(spec, args, "network-config", "network_config", FALSE, error);
}

/* -- firmware, graphics, paths ------------------------------------------------------------------------------------------ */

/* "socket", "none", "ADDRESS" or "ADDRESS:PORT" */
static gboolean
add_vnc(json_t *spec, const char *text, GError **error)
{
    if (text == NULL)
        return TRUE;
    g_autoptr(json_t) vnc = json_pack("{s:s}", "kind", "vnc");
    const char *colon = strrchr(text, ':');
    gboolean six = colon != NULL && strchr(text, ':') != colon && *text != '[';
    if (g_str_equal(text, "socket") || g_str_equal(text, "none")) {
        json_object_set_new(vnc, "listen", json_string(text));
    } else {
        g_autofree char *host = colon != NULL && !six ? g_strndup(text, (gsize) (colon - text)) : g_strdup(text);
        guint64 port = 0;
        if (colon != NULL && !six && !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
            return sk_fail(error, SK_ERROR_INVALID, "option \"--vnc\" is \"%.64s\", give socket, none, ADDRESS or ADDRESS:PORT", text);
        json_object_set_new(vnc, "listen", json_string("address"));
        json_object_set_new(vnc, "host", json_string(g_strdelimit(host, "[]", '\0') + (*text == '[')));
        if (port > 0)
            json_object_set_new(vnc, "port", json_integer((json_int_t) port));
    }
    return json_array_append(list_of(spec, "graphics"), vnc) == 0;
}

static void
add_path(json_t *spec, const SkArgs *args, const char *option)
{
    const char *text = sk_args_get(args, option);
    if (text == NULL)
        return;
    g_autofree char *path = g_canonicalize_filename(text, NULL);
    json_object_set_new(part_of(spec, "boot"), option, json_string(path));
}

static gboolean
add_platform(json_t *spec, const SkArgs *args, GError **error)
{
    if (sk_args_has(args, "uefi") || sk_args_has(args, "secure-boot"))
        json_object_set_new(part_of(spec, "firmware"), "kind", json_string("uefi"));
    if (sk_args_has(args, "secure-boot"))
        json_object_set_new(part_of(spec, "firmware"), "secure_boot", json_true());
    if (sk_args_has(args, "tpm"))
        (void) part_of(spec, "tpm");
    add_path(spec, args, "kernel");
    add_path(spec, args, "initrd");
    return add_vnc(spec, sk_args_get(args, "vnc"), error);
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

static json_t *
make_spec(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(json_t) base = sk_args_has(args, "file") ? sk_read_json(sk_args_get(args, "file"), error) : json_object();
    if (base == NULL)
        return NULL;
    if (!json_is_object(base)) {
        sk_fail(error, SK_ERROR_INVALID, "the definition is not a JSON object");
        return NULL;
    }
    /* What `skep show -o json` prints can be given back. */
    json_t *inner = json_object_get(base, "spec");
    g_autoptr(json_t) start = json_incref(inner != NULL ? inner : base);
    g_autoptr(json_t) spec = sk_args_body(args, g_steal_pointer(&start), error);
    const char *name = sk_args_operand(args, "NAME");
    if (spec == NULL)
        return NULL;
    if (name != NULL)
        json_object_set_new(spec, "name", json_string(name));
    if (sk_json_text_at(spec, "name") == NULL) {
        sk_fail(error, SK_ERROR_INVALID, "skep create needs NAME, the name of the domain");
        return NULL;
    }
    if (!add_disks(spec, args, error) || !add_cloud_init(spec, args, error) || !add_platform(spec, args, error) ||
        !add_nics(self, spec, args, error))
        return NULL;
    for (const char *const *at = sk_args_all(args, "set"); *at != NULL; at++) {
        if (!sk_json_set_pair(&sk_domain_spec_type, spec, *at, error))
            return NULL;
    }
    return g_steal_pointer(&spec);
}

/* Says it here, before the daemon is asked: unknown keys, limits, rules. */
static gboolean
check_spec(json_t *spec, GError **error)
{
    gpointer value = sk_json_decode(&sk_domain_spec_type, spec, error);
    if (value == NULL)
        return FALSE;
    sk_value_free(&sk_domain_spec_type, value);
    return TRUE;
}

/* The daemon would start it in a job of its own; asked for apart, its failure is seen here. */
static gboolean
start_created(SkCli *self, const char *name, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_DOMAIN_START, name);
    ask->what = g_strdup_printf("start %s", name);
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        g_prefix_error(error, "%s was created, but not started: ", name);
    else if (!self->quiet && self->format == SK_FORMAT_TABLE)
        printf("%s started\n", name);
    return result != NULL;
}

gboolean
sk_run_create(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(json_t) spec = make_spec(self, args, error);
    if (spec == NULL)
        return FALSE;
    if (sk_args_has(args, "dry-run")) {
        sk_cli_print(self, sk_args_command(args), spec);
        return check_spec(spec, error);
    }
    gboolean wait = sk_args_has(args, "wait") && !self->no_wait, start = sk_args_has(args, "start") || sk_args_has(args, "wait");
    g_autofree char *name = g_strdup(sk_json_text_at(spec, "name"));
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_DOMAIN_CREATE);
    if (start && self->no_wait)
        sk_ask_set(ask, "start", "true");
    sk_ask_take_body(ask, g_steal_pointer(&spec));
    ask->what = g_strdup_printf("create %s", name);
    if (!sk_cli_ask_done(self, args, ask, name, error) || (start && !self->no_wait && !start_created(self, name, error)))
        return FALSE;
    return !wait || sk_guest_wait(self, name, error);
}

const SkCommand sk_domain_create_commands[] = {
    { .words = "create", .operands = "[NAME]", .ops = SK_OPS(SK_OP_DOMAIN_CREATE, SK_OP_DOMAIN_START, SK_OP_NETWORK_SHOW), .run = sk_run_create, .done = "created",
      .body = &sk_domain_spec_type,
      .options = SK_OPTIONS(
          { 'i', "image", "IMAGE", "image to make the first disk over", .choices = "@image" },
          { 'c', "cpus", "NUMBER", "vCPUs", .field = "vcpus.current" },
          { 'm', "memory", "SIZE", "memory, such as 1G", .field = "memory.current" },
          { 'd', "disk", "SPEC", "SIZE of a new volume, /path of a file or block device, POOL/VOLUME, or KEY=VALUE,...",
            .keys = &sk_disk_type, .flags = SK_OPTION_MANY },
          { 'n', "network", "SPEC", "name of a network, user, none, or KEY=VALUE,... such as bridge=br0,model=e1000e", .keys = &sk_interface_type,
            .choices = "@network", .flags = SK_OPTION_MANY },
          { 0, "iso", "FILE", "file on the host or POOL/VOLUME in a cdrom drive", .choices = "@file", .flags = SK_OPTION_MANY },
          { 'k', "ssh-key", "FILE", "public key that may log in, or a file of them", .choices = "@file", .flags = SK_OPTION_MANY },
          { 'u', "user", "NAME", .field = "cloud_init.user" },
          { 0, "hostname", "NAME", .field = "cloud_init.hostname" },
          { 0, "password-file", "FILE", "file with the password of the account; - is standard input", .choices = "@file" },
          { 0, "user-data", "FILE", "raw cloud-init user-data instead of the options above", .choices = "@file" },
          { 0, "network-config", "FILE", "raw cloud-init network-config", .choices = "@file" },
          { 0, "cloud-init", "KEY=VALUE", "another cloud-init setting", .keys = &sk_cloud_init_type, .flags = SK_OPTION_MANY },
          { 0, "uefi", NULL, "UEFI instead of BIOS" },
          { 0, "secure-boot", NULL, "UEFI that only starts signed systems" },
          { 0, "machine", "NAME", .field = "machine" },
          { 0, "accel", "NAME", .field = "accel", .choices = "auto|kvm|tcg" },
          { 0, "cpu", "MODE", "how the CPU model is chosen", .field = "cpu.mode", .choices = "default|host-model|host-passthrough|maximum|custom" },
          { 0, "kernel", "FILE", "kernel on the host to boot directly", .choices = "@file" },
          { 0, "initrd", "FILE", "its initial ram disk", .choices = "@file" },
          { 0, "cmdline", "TEXT", "its command line", .field = "boot.cmdline" },
          { 0, "tpm", NULL, "a TPM 2.0" },
          { 0, "vnc", "WHERE", "socket (the usual one), none, ADDRESS or ADDRESS:PORT" },
          { 0, "title", "TEXT", .field = "title" },
          { 0, "description", "TEXT", .field = "description" },
          { 't', "tag", "TAG", .field = "tags", .flags = SK_OPTION_MANY },
          { 0, "autostart", NULL, .field = "autostart" },
          { 's', "set", "KEY=VALUE", "any other field of the definition, such as cpu.mode=maximum", .flags = SK_OPTION_MANY },
          { 'f', "file", "FILE", "JSON definition to start from; - is standard input", .choices = "@file" },
          { 0, "start", NULL, .param = "start" },
          { 'w', "wait", NULL, "start it and wait until the guest answers by ssh or by its agent" },
          { 0, "dry-run", NULL, "print the definition and make nothing" }),
      .notes = "Without --network the domain gets an interface on the network \"default\" if there is one, else a user-mode one. The first "
               "--disk that has only a size is made over the --image. --wait gives up after --timeout seconds (600 if not given).",
      .examples = "skep create web1 --image debian-12 --cpus 2 --memory 1G --disk 20G --network default --ssh-key ~/.ssh/id_ed25519.pub --wait\n"
                  "skep create db1 -i debian-12 -m 4G -d 20G -d size=100G,bus=scsi,pool=ssd -n bridge=br0,model=e1000e\n"
                  "skep create install --iso ./installer.iso -d 40G --uefi --start\n"
                  "skep show web1 -o json | skep create web2 -f - --set uuid=" },
    { 0 },
};
