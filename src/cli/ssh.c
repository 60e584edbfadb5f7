/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep ssh: finds address, port and account, then becomes ssh. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "codec/json/json.h"

/* -- the account -------------------------------------------------------------------------------------------------- */

/* The default user of the image whose file lies below the domain's first volume. */
static char *
user_of_backing(SkCli *self, json_t *disk)
{
    const char *pool = sk_json_text_at(disk, "pool"), *volume = sk_json_text_at(disk, "volume");
    if (volume == NULL)
        return NULL;
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_VOLUME_SHOW, pool != NULL ? pool : "default");
    sk_ask_set(ask, "volume", volume);
    g_autoptr(json_t) found = sk_cli_ask(self, ask, NULL, NULL);
    const char *below = sk_json_text_at(found, "backing_path");
    g_autoptr(SkAsk) list_ask = sk_ask_new(SK_OP_IMAGE_LIST);
    g_autoptr(json_t) images = below != NULL ? sk_cli_list(self, list_ask, NULL) : NULL;
    gsize i;
    json_t *image;
    json_array_foreach(images, i, image) {
        if (g_strcmp0(sk_json_text_at(image, "path"), below) == 0)
            return g_strdup(sk_json_text_at(image, "default_user"));
    }
    return NULL;
}

static char *
user_of_image(SkCli *self, json_t *view)
{
    json_t *disk = json_array_get(json_object_get(sk_view_spec(view), "disks"), 0);
    const char *name = sk_json_text_at(disk, "image");
    if (name == NULL)
        return user_of_backing(self, disk);
    g_autoptr(json_t) image = sk_cli_show(self, SK_OP_IMAGE_SHOW, name, NULL, NULL);
    return g_strdup(sk_json_text_at(image, "default_user"));
}

/* NULL: ssh's own choice. */
static char *
choose_user(SkCli *self, const SkArgs *args, json_t *view)
{
    const char *text = sk_args_get(args, "user");
    if (text == NULL)
        text = sk_json_text_at(sk_view_spec(view), "cloud_init.user");
    g_autofree char *found = text != NULL ? g_strdup(text) : user_of_image(self, view);
    return found != NULL && *found != '\0' ? g_steal_pointer(&found) : NULL;
}

/* -- the command line ------------------------------------------------------------------------------------------------- */

/* A file of host keys for each domain: its UUID is what stays the same. */
static char *
known_hosts(json_t *view, GError **error)
{
    const char *uuid = sk_json_text_at(view, "spec.uuid");
    g_autofree char *dir = g_build_filename(g_get_user_data_dir(), "skep", "known_hosts", NULL);
    if (uuid == NULL || strlen(uuid) != 36 || strchr(uuid, '/') != NULL) {
        sk_fail(error, SK_ERROR_IO, "the daemon gave no UUID of the domain");
        return NULL;
    }
    return sk_fs_make_dir(dir, 0700, error) ? g_build_filename(dir, uuid, NULL) : NULL;
}

static void
add(GPtrArray *argv, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
add(GPtrArray *argv, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_ptr_array_add(argv, g_strdup_vprintf(format, list));
    va_end(list);
}

static GPtrArray *
make_argv(SkCli *self, const SkArgs *args, json_t *view, const SkGuestAddress *at, GError **error)
{
    g_autofree char *hosts = known_hosts(view, error);
    if (hosts == NULL)
        return NULL;
    g_autofree char *user = choose_user(self, args, view);
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    add(argv, "ssh");
    add(argv, "-oUserKnownHostsFile=\"%s\"", hosts);
    add(argv, "-oHostKeyAlias=%s", sk_json_text_at(view, "spec.uuid"));
    add(argv, "-oStrictHostKeyChecking=accept-new");
    add(argv, "-oLogLevel=ERROR");
    if (at->port != 22)
        add(argv, "-p%u", at->port);
    if (user != NULL)
        add(argv, "-l%s", user);
    if (sk_args_has(args, "identity")) {
        add(argv, "-i%s", sk_args_get(args, "identity"));
        add(argv, "-oIdentitiesOnly=yes");
    }
    add(argv, "--");
    add(argv, "%s", at->address);
    for (const char *const *word = sk_args_rest(args, "COMMAND"); *word != NULL; word++)
        add(argv, "%s", *word);
    return argv;
}

static void
print_argv(const GPtrArray *argv)
{
    for (guint i = 0; argv->pdata[i] != NULL; i++) {
        g_autofree char *quoted = g_shell_quote(argv->pdata[i]);
        gboolean plain = strspn(argv->pdata[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:@,") == strlen(argv->pdata[i]);
        printf("%s%s", i > 0 ? " " : "", plain ? (char *) argv->pdata[i] : quoted);
    }
    printf("\n");
}

gboolean
sk_run_ssh(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    SkGuestAddress at = { 0 };
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, name, NULL, error);
    if (view == NULL)
        return FALSE;
    const char *state = sk_json_text_at(sk_view_status(view), "state");
    if (g_strcmp0(state, "running") != 0)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is %s: skep start --wait %s", name, state != NULL ? state : "not running", name);
    if (!sk_guest_ssh_address(self, view, &at))
        return sk_fail(error, SK_ERROR_NOT_FOUND, "no address of domain \"%s\" is known yet; see skep console %s", name, name);
    g_autoptr(GPtrArray) argv = make_argv(self, args, view, &at, error);
    sk_guest_address_clear(&at);
    if (argv == NULL)
        return FALSE;
    g_ptr_array_add(argv, NULL);
    if (sk_args_has(args, "print")) {
        print_argv(argv);
        return TRUE;
    }
    execvp("ssh", (char **) argv->pdata);
    return sk_fail_errno(error, errno, "cannot run ssh (Debian: apt install openssh-client)");
}
