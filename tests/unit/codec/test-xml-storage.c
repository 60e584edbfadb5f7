/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The golden cases of tests/golden/xml-storage: CASE.in.xml in; CASE.json (the value) and CASE.out.xml (as it is shown), or CASE.error
 * out. What is shown of volumes comes from values of our own. SKEP_REGENERATE=1 writes what comes out instead.
 */
#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"
#include "codec/xml/storage.h"

#define ENDING ".in.xml"

/* -- what comes out ------------------------------------------------------------------------------------------------- */

typedef struct {
    char *json, *out, *error;
} Result;

static void
result_clear(Result *self)
{
    g_free(self->json);
    g_free(self->out);
    g_free(self->error);
    *self = (Result){ 0 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Result, result_clear)

static char *
json_of(const SkType *type, gconstpointer value)
{
    g_autofree char *text = sk_json_encode(type, value, SK_JSON_NO_DEFAULTS);
    g_autoptr(json_t) object = sk_json_parse(text, strlen(text), "own", NULL);
    char *pretty = json_dumps(object, JSON_INDENT(2));
    char *result = g_strconcat(pretty, "\n", NULL);
    free(pretty);
    return result;
}

static gboolean
run_pool(const char *text, Result *out, GError **error)
{
    SkPoolSpec *spec = sk_xml_pool_parse(text, -1, error);
    if (spec == NULL)
        return FALSE;
    out->json = json_of(&sk_pool_spec_type, spec);
    out->out = sk_xml_pool_format(spec, NULL);
    SkPoolSpec *again = sk_xml_pool_parse(out->out, -1, NULL);
    g_assert_true(again != NULL && sk_value_equal(&sk_pool_spec_type, spec, again));
    sk_value_free(&sk_pool_spec_type, spec);
    sk_value_free(&sk_pool_spec_type, again);
    return TRUE;
}

static gboolean
run_volume(const char *text, Result *out, GError **error)
{
    SkVolumeCreate create = { 0 };
    g_autofree char *backing = NULL;
    if (!sk_xml_volume_parse(text, -1, &create, &backing, error))
        return FALSE;
    g_autofree char *json = json_of(&sk_volume_create_type, &create);
    out->json = backing != NULL ? g_strdup_printf("%sover %s\n", json, backing) : g_steal_pointer(&json);
    sk_value_clear(&sk_volume_create_type, &create);
    return TRUE;
}

static gboolean
run_secret(const char *text, Result *out, GError **error)
{
    SkSecretSpec *spec = sk_xml_secret_parse(text, -1, error);
    if (spec == NULL)
        return FALSE;
    out->json = json_of(&sk_secret_spec_type, spec);
    out->out = sk_xml_secret_format(spec);
    SkSecretSpec *again = sk_xml_secret_parse(out->out, -1, NULL);
    g_assert_true(again != NULL && sk_value_equal(&sk_secret_spec_type, spec, again));
    sk_value_free(&sk_secret_spec_type, spec);
    sk_value_free(&sk_secret_spec_type, again);
    return TRUE;
}

static void
run(const char *name, const char *text, Result *out)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = g_str_has_prefix(name, "volume-") ? run_volume(text, out, &error)
                  : g_str_has_prefix(name, "secret-") ? run_secret(text, out, &error) : run_pool(text, out, &error);
    if (!ok)
        out->error = g_strdup_printf("%s: %s\n", sk_error_info_of(error)->name, error->message);
}

/* -- comparing -------------------------------------------------------------------------------------------------------- */

static void
compare(const char *name, const char *ending, const char *is)
{
    g_autofree char *file = g_strconcat(name, ending, NULL);
    g_autofree char *path = g_build_filename(g_getenv("SKEP_GOLDEN"), file, NULL), *wanted = NULL;
    if (g_getenv("SKEP_REGENERATE") != NULL && is != NULL)
        g_assert_true(g_file_set_contents(path, is, -1, NULL));
    g_file_get_contents(path, &wanted, NULL, NULL);
    g_test_message("%s", file);
    g_assert_cmpstr(is, ==, wanted);
}

static void
test_case(gconstpointer data)
{
    const char *name = data;
    g_autofree char *file = g_strconcat(name, ENDING, NULL);
    g_autofree char *path = g_build_filename(g_getenv("SKEP_GOLDEN"), file, NULL), *text = NULL;
    g_auto(Result) result = { 0 };
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    run(name, text, &result);
    compare(name, ".json", result.json);
    compare(name, ".out.xml", result.out);
    compare(name, ".error", result.error);
}

/* -- volumes as they are shown --------------------------------------------------------------------------------------------- */

static void
test_shown(void)
{
    const SkVolume base = { .name = (char *) "base.img", .path = (char *) "/srv/p/base.img", .format = SK_FORMAT_RAW, .capacity = 4096,
                            .mode = (char *) "0444", .owner = 3, .group = 4, .modified = 1700000000000001 };
    SkVolume volume = { .name = (char *) "v.qcow2", .path = (char *) "/srv/p/v.qcow2", .format = SK_FORMAT_QCOW2, .capacity = 8192,
                        .allocation = 4096, .physical = 5000, .mode = (char *) "0600", .owner = 107, .group = 0, .compat = (char *) "1.1",
                        .cluster_size = 65536, .lazy_refcounts = TRUE, .extended_l2 = TRUE, .backing_path = (char *) "/srv/p/base.img",
                        .backing_format = SK_FORMAT_RAW, .accessed = 1, .modified = 1700000000123456, .changed = 1700000001000000,
                        .born = 1600000000999999 };
    g_autofree char *known = sk_xml_volume_format(&volume, &base), *unknown = sk_xml_volume_format(&volume, NULL);
    compare("volume-shown", ".out.xml", known);
    compare("volume-shown-lost", ".out.xml", unknown);
    const SkVolume block = { .name = (char *) "lv", .path = (char *) "/dev/vg/lv", .format = SK_FORMAT_RAW, .block = TRUE, .capacity = 512 };
    g_autofree char *device = sk_xml_volume_format(&block, NULL);
    compare("volume-shown-block", ".out.xml", device);
    const SkVolume foreign = { .name = (char *) "x", .path = (char *) "/srv/x", .kind = SK_VOLUME_FOREIGN, .foreign_format = (char *) "unknown" };
    g_autofree char *file = sk_xml_volume_format(&foreign, NULL);
    compare("volume-shown-foreign", ".out.xml", file);
}

static void
test_capabilities(void)
{
    g_autofree char *text = sk_xml_pool_capabilities();
    compare("capabilities", ".out.xml", text);
}

static void
test_status(void)
{
    SkPoolSpec spec = { .name = (char *) "p", .uuid = (char *) "4a7c2e90-11d2-4b7e-9d55-3f6a9a8b0001", .path = (char *) "/srv/p" };
    const SkPoolStatus status = { .active = TRUE, .capacity = 30, .allocation = 10, .available = 20 };
    g_autofree char *text = sk_xml_pool_format(&spec, &status);
    compare("pool-shown", ".out.xml", text);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autoptr(GDir) dir = g_dir_open(g_getenv("SKEP_GOLDEN"), 0, NULL);
    const char *file;
    while ((file = g_dir_read_name(dir)) != NULL) {
        if (!g_str_has_suffix(file, ENDING))
            continue;
        char *name = g_strndup(file, strlen(file) - strlen(ENDING));
        g_autofree char *path = g_strconcat("/xml-storage/", name, NULL);
        g_test_add_data_func_full(path, name, test_case, g_free);
    }
    g_test_add_func("/xml-storage/shown", test_shown);
    g_test_add_func("/xml-storage/capabilities", test_capabilities);
    g_test_add_func("/xml-storage/status", test_status);
    return g_test_run();
}
