/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a NoCloud seed.  All of them are JSON, which is YAML too: nothing a
 * person types can change their structure.
 */
#include "guest/cloud-init.h"

#include <crypt.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "codec/json/json.h"
#include "guest/seed-image.h"

#define MAX_SEED_BYTES (4 * 1024 * 1024)

/* -- password ------------------------------------------------------------------------------------- */

gboolean
sk_cloud_init_hash_password(SkCloudInit *self, GError **error)
{
    if (self->password == NULL)
        return TRUE;

    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting) == NULL)
        return sk_fail_errno(error, errno, "cannot make a salt for the password");
    struct crypt_data scratch = { 0 };
    const char *hash = crypt_rn(self->password, setting, &scratch, sizeof scratch);
    gint errnum = errno;
    if (hash != NULL) {
        g_free(self->password_hash);
        self->password_hash = g_strdup(hash);
        explicit_bzero(self->password, strlen(self->password));
        g_clear_pointer(&self->password, g_free);
    }
    explicit_bzero(&scratch, sizeof scratch);
    return hash != NULL || sk_fail_errno(error, errnum, "cannot hash the password");
}

/* -- rendering ------------------------------------------------------------------------------------ */

/* A domain's name as a host name: what is not allowed there becomes "-". */
static char *
host_name(const SkCloudInit *self, const SkSeedFor *whose)
{
    if (self->hostname != NULL)
        return g_strdup(self->hostname);
    char *name = g_strndup(whose->domain, 63);
    for (char *c = name; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c))
            *c = '-';
    for (gsize n = strlen(name); n > 0 && name[n - 1] == '-'; n--)
        name[n - 1] = '\0';
    return name;
}

static json_t *
strv_json(char **strv)
{
    json_t *list = json_array();
    for (guint i = 0; strv != NULL && strv[i] != NULL; i++)
        json_array_append_new(list, json_string(strv[i]));
    return list;
}

/* Keys in the order they were put in; ends with a newline. */
static char *
json_text(const char *before, json_t *object)
{
    char *dump = json_dumps(object, JSON_INDENT(2));
    char *text = g_strconcat(before, dump, "\n", NULL);
    free(dump);
    return text;
}

static char *
meta_data(const SkCloudInit *self, const SkSeedFor *whose)
{
    g_autofree char *name = host_name(self, whose);
    g_autoptr(json_t) meta = json_object();
    json_object_set_new(meta, "instance-id", json_string(self->instance_id != NULL ? self->instance_id : whose->uuid));
    json_object_set_new(meta, "local-hostname", json_string(name));
    return json_text("", meta);
}

/*
 * The key "user" lays its settings over the image's own default user, so that the
 * account gets the groups and sudo rule that this distribution gives to it.
 */
static void
put_user(json_t *config, const SkCloudInit *self)
{
    if (self->user == NULL && self->password_hash == NULL)
        return;
    json_t *user = json_object();
    if (self->user != NULL)
        json_object_set_new(user, "name", json_string(self->user));
    if (self->password_hash != NULL) {
        json_object_set_new(user, "lock_passwd", json_false());
        json_object_set_new(user, "hashed_passwd", json_string(self->password_hash));
        /* A password alone has to be good for ssh too; beside keys it is for the console. */
        if (self->ssh_keys == NULL)
            json_object_set_new(config, "ssh_pwauth", json_true());
    }
    json_object_set_new(config, "user", user);
}

static char *
user_data(const SkCloudInit *self)
{
    if (self->user_data != NULL)
        return g_strdup(self->user_data);

    g_autoptr(json_t) config = json_object();
    put_user(config, self);
    if (self->ssh_keys != NULL)
        json_object_set_new(config, "ssh_authorized_keys", strv_json(self->ssh_keys));
    if (self->packages != NULL) {
        json_object_set_new(config, "package_update", json_true());
        json_object_set_new(config, "packages", strv_json(self->packages));
    }
    if (self->runcmd != NULL)
        json_object_set_new(config, "runcmd", strv_json(self->runcmd));
    return json_text("#cloud-config\n", config);
}

/* Version 2 with a name for each NIC: every renderer of cloud-init takes that form. */
static char *
network_config(const SkCloudInit *self, const SkSeedFor *whose)
{
    if (self->network_config != NULL)
        return g_strdup(self->network_config);
    if (whose->macs == NULL || whose->macs[0] == NULL)
        return NULL;

    json_t *ethernets = json_object();
    for (guint i = 0; whose->macs[i] != NULL; i++) {
        char name[16];
        g_snprintf(name, sizeof name, "eth%u", i);
        json_object_set_new(ethernets, name, json_pack("{s:{s:s}, s:s, s:b}", "match", "macaddress", whose->macs[i],
                                                       "set-name", name, "dhcp4", 1));
    }
    g_autoptr(json_t) config = json_pack("{s:i, s:o}", "version", 2, "ethernets", ethernets);
    return json_text("", config);
}

SkSeed *
sk_cloud_init_render(const SkCloudInit *self, const SkSeedFor *whose, GError **error)
{
    if (self->password != NULL) {
        sk_fail(error, SK_ERROR_INTERNAL, "the password of \"%s\" was not hashed before its seed is made", whose->domain);
        return NULL;
    }
    SkSeed *seed = g_new0(SkSeed, 1);
    seed->meta_data = meta_data(self, whose);
    seed->user_data = user_data(self);
    seed->network_config = network_config(self, whose);
    return seed;
}

void
sk_seed_free(SkSeed *self)
{
    if (self == NULL)
        return;
    g_free(self->meta_data);
    g_free(self->user_data);
    g_free(self->network_config);
    g_free(self);
}

/* -- the seed's file ------------------------------------------------------------------------------ */

/* TRUE if path holds exactly these bytes. */
static gboolean
holds(const char *path, GBytes *image)
{
    gsize length = 0;
    g_autofree char *old = sk_fs_read(path, MAX_SEED_BYTES, &length, NULL);
    return old != NULL && length == g_bytes_get_size(image) && memcmp(old, g_bytes_get_data(image, NULL), length) == 0;
}

gboolean
sk_cloud_init_write_seed(const SkCloudInit *self, const SkSeedFor *whose, const char *path,
                         gboolean *out_changed, GError **error)
{
    g_autoptr(SkSeed) seed = sk_cloud_init_render(self, whose, error);
    if (seed == NULL || sk_fault("seed/image", error))
        return FALSE;
    const SkSeedFile files[] = {
        { "meta-data", seed->meta_data },
        { "user-data", seed->user_data },
        { "network-config", seed->network_config },
    };
    g_autoptr(GBytes) image = sk_seed_image(files, G_N_ELEMENTS(files), error);
    if (image == NULL || sk_fault("seed/write", error))
        return FALSE;

    gboolean changed = !holds(path, image);
    if (changed && !sk_fs_write(path, g_bytes_get_data(image, NULL), (gssize) g_bytes_get_size(image), 0600, error))
        return FALSE;
    if (out_changed != NULL)
        *out_changed = changed;
    return TRUE;
}
