/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NoCloud seed: golden renderings (tests/golden/cloud-init; SKEP_GOLDEN=write
 * writes them again), checks of raw input, the password, the image.
 */
#include <crypt.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "codec/json/json.h"
#include "guest/cloud-init.h"
#include "guest/seed-image.h"

#define UUID "2f1c6b1e-8f0e-4d0a-9a55-0c5d5a3b7a10"

static const char *const two_macs[] = { "52:54:00:00:00:01", "52:54:00:00:00:02", NULL };
static const SkSeedFor whose = { .domain = "my_web.1", .uuid = UUID, .macs = two_macs };

static SkCloudInit *
settings(const char *json)
{
    g_autoptr(GError) error = NULL;
    SkCloudInit *self = sk_json_decode_text(&sk_cloud_init_type, json, strlen(json), "settings", &error);
    g_assert_no_error(error);
    return self;
}

static void
free_settings(SkCloudInit *self)
{
    sk_value_free(&sk_cloud_init_type, self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkCloudInit, free_settings)

/* -- rendering ------------------------------------------------------------------------------------ */

static char *
seed_as_text(const SkSeed *seed)
{
    return g_strdup_printf("== meta-data\n%s== user-data\n%s== network-config\n%s", seed->meta_data, seed->user_data,
                           seed->network_config != NULL ? seed->network_config : "(none)\n");
}

static void
test_golden(gconstpointer data)
{
    const char *name = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *in = g_strconcat(SK_GOLDEN_DIR, "/", name, ".json", NULL);
    g_autofree char *out = g_strconcat(SK_GOLDEN_DIR, "/", name, ".txt", NULL);
    g_autofree char *json = sk_fs_read(in, 65536, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(SkCloudInit) self = settings(json);
    g_autoptr(SkSeed) seed = sk_cloud_init_render(self, &whose, &error);
    g_assert_no_error(error);
    g_autofree char *text = seed_as_text(seed);

    if (g_strcmp0(g_getenv("SKEP_GOLDEN"), "write") == 0)
        g_assert_true(g_file_set_contents(out, text, -1, NULL));
    g_autofree char *expected = sk_fs_read(out, 65536, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
    /* What we make ourselves has to pass our own check. */
    SkCloudInit again = { .user_data = seed->user_data, .network_config = seed->network_config };
    g_assert_true(sk_cloud_init_check(&again, &error));
    g_assert_no_error(error);
}

static void
add_golden_tests(void)
{
    g_autoptr(GDir) dir = g_dir_open(SK_GOLDEN_DIR, 0, NULL);
    g_assert_nonnull(dir);
    guint n = 0;
    for (const char *entry = g_dir_read_name(dir); entry != NULL; entry = g_dir_read_name(dir)) {
        if (!g_str_has_suffix(entry, ".json"))
            continue;
        char *name = g_strndup(entry, strlen(entry) - strlen(".json"));
        g_autofree char *path = g_strconcat("/guest/cloud-init/golden/", name, NULL);
        g_test_add_data_func_full(path, name, test_golden, g_free);
        n++;
    }
    g_assert_cmpuint(n, >, 0);
}

static void
test_plain_password_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkCloudInit) self = settings("{\"password\": \"secret\"}");
    g_assert_null(sk_cloud_init_render(self, &whose, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INTERNAL);
}

static void
test_host_name(void)
{
    static const struct {
        const char *domain, *expect;
    } cases[] = {
        { "web1", "\"web1\"" },
        { "my_web.1", "\"my-web-1\"" },
        { "a+.", "\"a\"" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(SkCloudInit) self = settings("{}");
        SkSeedFor one = { .domain = cases[i].domain, .uuid = UUID };
        g_autoptr(SkSeed) seed = sk_cloud_init_render(self, &one, NULL);
        g_assert_nonnull(strstr(seed->meta_data, cases[i].expect));
        g_assert_null(seed->network_config);
    }
}

/* -- password ------------------------------------------------------------------------------------- */

static void
test_password(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkCloudInit) self = settings("{\"password\": \"correct horse\"}");
    g_assert_true(sk_cloud_init_hash_password(self, &error));
    g_assert_no_error(error);
    g_assert_null(self->password);
    g_assert_true(g_str_has_prefix(self->password_hash, "$y$"));
    g_assert_cmpstr(crypt("correct horse", self->password_hash), ==, self->password_hash);
    g_assert_cmpstr(crypt("wrong horse", self->password_hash), !=, self->password_hash);
    g_assert_true(sk_value_check(&sk_cloud_init_type, self, "cloud_init", &error));
    g_assert_no_error(error);

    /* Nothing more to do the second time. */
    g_autofree char *before = g_strdup(self->password_hash);
    g_assert_true(sk_cloud_init_hash_password(self, &error));
    g_assert_cmpstr(self->password_hash, ==, before);
}

/* -- checks of raw input -------------------------------------------------------------------------- */

typedef struct {
    const char *user_data;
    const char *network_config;
    const char *message;        /* part of it; NULL: right */
} CheckCase;

static const CheckCase check_cases[] = {
    { "#cloud-config\npackages: [a]\n", NULL, NULL },
    { "#cloud-config\r\n{\"packages\": [\"a\"]}", NULL, NULL },
    { "#cloud-config-archive\n- type: text/cloud-config\n", NULL, NULL },
    { "#!/bin/sh\necho\n", NULL, NULL },
    { "#! /usr/bin/python3\n", NULL, NULL },
    { "#include\nhttp://example.org/x\n", NULL, NULL },
    { "Content-Type: multipart/mixed; boundary=x\n", NULL, NULL },
    { "## template: jinja\n#cloud-config\n{% if x %}\n", NULL, NULL },
    { "#cloud-config\npackages:\n  - a\n bad\n", NULL, "line 4" },
    { "#cloud-config\na: [1, 2\n", NULL, "line 3" },
    { "#cloud-config\na: *nobody\n", NULL, "line 2" },
    { "#cloud-config\na: \"\tx\n", NULL, "line" },
    { "#cloud-config\n- a\n", NULL, "mapping" },
    { "#cloud-config\n", NULL, "empty" },
    { "#cloud-config\na: 1\n---\nb: 2\n", NULL, "line 3" },
    { "#cloud-config-archive\na: 1\n", NULL, "list" },
    { "#!sh\n", NULL, "line 1" },
    { "packages: [a]\n", NULL, "\"packages: [a]\" is nothing cloud-init knows" },
    { "", NULL, "line 1" },
    { "#cloud-config\nusers: default, anna\npackages:\nruncmd: ~\n", NULL, NULL },
    { "#cloud-config\na: !!binary aGk=\nb: !!str 5\nc: ! x\n", NULL, NULL },
    { "#cloud-config\na: &x {b: 1}\nc: {<<: *x, b: 2}\n", NULL, NULL },
    { "#cloud-config\na: 1\nb: 2\na: 3\n", NULL, "line 4: \"a\" is given twice" },
    { "#cloud-config\nx:\n  - {a: 1, a: 2}\n", NULL, "line 3" },
    { "#cloud-config\na: !!python/object:os.system x\n", NULL, "python/object" },
    { "#cloud-config\na: !mine x\n", NULL, "!mine" },
    { "#cloud-config\nusers: 5\n", NULL, "line 2: \"users\"" },
    { "#cloud-config\nruncmd: {a: b}\n", NULL, "must be a list" },
    { NULL, "version: 2\nethernets: [a]\n", "must be a mapping" },
    { NULL, "version: 1\nconfig: disabled\n", "must be a list" },
    { NULL, "version: 2\nversion: 2\n", "twice" },
    { NULL, "version: 2\nethernets: {}\n", NULL },
    { NULL, "network:\n  version: 2\n", NULL },
    { NULL, "version: 1\nconfig: []\n", NULL },
    { NULL, "version: 1\n", "line 1: version 1 needs" },
    { NULL, "ethernets: {}\n", "give \"version: 2\"" },
    { NULL, "ethernets: {}\nversion: 3\n", "line 2" },
    { NULL, "network: {config: disabled}\n", "give \"version: 2\"" },
    { NULL, "a: b: c\n", "line 1" },
};

static void
test_check(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(check_cases); i++) {
        const CheckCase *c = &check_cases[i];
        SkCloudInit self = { .user_data = (char *) c->user_data, .network_config = (char *) c->network_config };
        g_autoptr(GError) error = NULL;
        g_test_message("case %u", i);
        if (c->message == NULL) {
            g_assert_true(sk_cloud_init_check(&self, &error));
            g_assert_no_error(error);
            continue;
        }
        g_assert_false(sk_cloud_init_check(&self, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, c->message));
    }
}

/* Input that would keep libyaml busy for minutes ends in a message at once. */
static void
test_costly_yaml(void)
{
    static const struct {
        const char *piece, *message;
    } cases[] = {
        { "[", "nested" },
        { "- ", "nested" },
        { "? ", "nested" },
        { "- &a x\n", "anchors" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new("#cloud-config\n");
        while (text->len < 512 * 1024)
            g_string_append(text, cases[i].piece);
        SkCloudInit self = { .user_data = text->str };
        g_autoptr(GError) error = NULL;
        g_assert_false(sk_cloud_init_check(&self, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].message));
    }
}

/* -- the image ------------------------------------------------------------------------------------ */

typedef struct {
    char *dir, *path;
} Place;

static void
place_set_up(Place *self, gconstpointer data)
{
    self->dir = g_dir_make_tmp("skep-seed-XXXXXX", NULL);
    self->path = g_build_filename(self->dir, "seed.iso", NULL);
}

static void
place_tear_down(Place *self, gconstpointer data)
{
    sk_fs_remove_tree(self->dir, NULL);
    g_free(self->dir);
    g_free(self->path);
}

static gboolean
write_seed(Place *place, const char *json, GError **error)
{
    g_autoptr(SkCloudInit) self = settings(json);
    gboolean changed = FALSE;
    gboolean ok = sk_cloud_init_write_seed(self, &whose, place->path, &changed, error);
    return ok && changed;
}

static void
test_image(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(write_seed(place, "{}", &error));
    g_assert_no_error(error);

    struct stat info;
    g_assert_cmpint(stat(place->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0600);
    g_assert_cmpint(info.st_size % 2048, ==, 0);
    gsize length = 0;
    g_autofree char *image = sk_fs_read(place->path, 4 << 20, &length, &error);
    g_assert_no_error(error);
    /* ISO 9660: the volume descriptor in sector 16, its id at 40. */
    g_assert_cmpint(memcmp(image + 16 * 2048 + 1, "CD001", 5), ==, 0);
    g_assert_cmpint(memcmp(image + 16 * 2048 + 40, "cidata ", 7), ==, 0);
    g_assert_nonnull(memmem(image, length, UUID, strlen(UUID)));
    g_assert_nonnull(memmem(image, length, "network-config", strlen("network-config")));
}

static void
test_image_is_stable(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(write_seed(place, "{}", &error));
    g_assert_false(write_seed(place, "{}", &error));
    g_assert_no_error(error);
    g_assert_true(write_seed(place, "{\"hostname\": \"other\"}", &error));
    g_assert_no_error(error);
}

/* Each step made to fail: an error, and the old seed still there as it was. The step is read once in a process. */
static void
test_fault(gconstpointer step)
{
    if (!g_test_subprocess()) {
        g_setenv("SKEP_FAULT", step, TRUE);
        g_test_trap_subprocess(NULL, 0, 0);
        g_unsetenv("SKEP_FAULT");
        g_test_trap_assert_passed();
        return;
    }
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("skep-seed-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "seed.iso", NULL);
    g_assert_true(g_file_set_contents(path, "old", -1, NULL));
    Place place = { dir, path };
    g_assert_false(write_seed(&place, "{}", &error));
    g_assert_nonnull(strstr(error->message, step));

    g_autofree char *left = sk_fs_read(path, 100, NULL, NULL);
    g_assert_cmpstr(left, ==, "old");
    g_assert_true(sk_fs_remove(path, NULL));
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void
test_no_directory(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_free(place->path);
    place->path = g_build_filename(place->dir, "not", "there", NULL);
    g_assert_false(write_seed(place, "{}", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_golden_tests();
    g_test_add_func("/guest/cloud-init/plain-password-is-refused", test_plain_password_is_refused);
    g_test_add_func("/guest/cloud-init/host-name", test_host_name);
    g_test_add_func("/guest/cloud-init/password", test_password);
    g_test_add_func("/guest/cloud-init/check", test_check);
    g_test_add_func("/guest/cloud-init/costly-yaml", test_costly_yaml);
    g_test_add("/guest/cloud-init/image", Place, NULL, place_set_up, test_image, place_tear_down);
    g_test_add("/guest/cloud-init/image-is-stable", Place, NULL, place_set_up, test_image_is_stable, place_tear_down);
    g_test_add_data_func("/guest/cloud-init/fault/image", "seed/image", test_fault);
    g_test_add_data_func("/guest/cloud-init/fault/write", "seed/write", test_fault);
    g_test_add("/guest/cloud-init/no-directory", Place, NULL, place_set_up, test_no_directory, place_tear_down);
    return g_test_run();
}
