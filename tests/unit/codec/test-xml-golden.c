/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The golden cases of tests/golden/xml: CASE.in.xml in; CASE.json (the value), CASE.out.xml (the definition as it is shown) and,
 * for domains, CASE.live.xml (as it runs), or CASE.error out. SKEP_REGENERATE=1 writes what comes out instead.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"
#include "codec/xml/xml.h"
#include "engine/launch.h"

#define ENDING ".in.xml"

static const SkXmlOptions shown = { .flags = SK_XML_SECURE };
static const SkXmlOptions running = { .flags = SK_XML_SECURE | SK_XML_LIVE, .id = 7 };

/* -- what comes out ------------------------------------------------------------------------------------------------- */

typedef struct {
    char *json, *out, *live, *error;
} Result;

static void
result_clear(Result *self)
{
    g_free(self->json);
    g_free(self->out);
    g_free(self->live);
    g_free(self->error);
    *self = (Result){ 0 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Result, result_clear)

static char *
json_of(const SkType *type, gconstpointer value)
{
    g_autofree char *text = sk_json_encode(type, value, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autoptr(json_t) object = sk_json_parse(text, strlen(text), "own", NULL);
    char *pretty = json_dumps(object, JSON_INDENT(2));
    char *result = g_strconcat(pretty, "\n", NULL);
    free(pretty);
    return result;
}

/* What is shown reads as the same value, and is shown the same again. */
static void
assert_comes_back(const SkDomainSpec *spec, const char *out)
{
    g_autoptr(GError) error = NULL;
    SkDomainSpec *again = sk_xml_domain_parse(out, -1, &error);
    g_assert_no_error(error);
    g_autofree char *json = json_of(&sk_domain_spec_type, spec), *json_again = json_of(&sk_domain_spec_type, again);
    g_autofree char *out_again = sk_xml_domain_format(again, &shown);
    g_assert_cmpstr(json_again, ==, json);
    g_assert_cmpstr(out_again, ==, out);
    sk_value_free(&sk_domain_spec_type, again);
}

/* As the front doors show what runs. */
static char *
live_text(const SkDomainSpec *spec)
{
    SkDomainSpec *whole = sk_engine_show(spec);
    char *text = sk_xml_domain_format(whole, &running);
    sk_value_free(&sk_domain_spec_type, whole);
    return text;
}

/* A running domain's XML, defined again, is the same domain. */
static void
assert_live_comes_back(const SkDomainSpec *spec, const char *live)
{
    g_autoptr(GError) error = NULL;
    SkDomainSpec *again = sk_xml_domain_parse(live, -1, &error);
    g_assert_no_error(error);
    g_assert_true(sk_engine_assign(again, &error));
    g_assert_no_error(error);
    g_autofree char *live_again = live_text(again);
    g_assert_cmpstr(live_again, ==, live);
    /* In the place of the definition it came from it is no change. */
    sk_engine_hide(spec, again);
    sk_xml_domain_keep(spec, again);
    g_autoptr(GPtrArray) differences = sk_value_diff(&sk_domain_spec_type, spec, again, NULL);
    for (guint i = 0; i < differences->len; i++)
        g_test_message("%s", (const char *) differences->pdata[i]);
    g_assert_cmpuint(differences->len, ==, 0);
    sk_value_free(&sk_domain_spec_type, again);
}

/* The command line for people names files, and tells no password. */
static void
assert_native(const SkDomainSpec *spec)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = sk_engine_native(spec, (SkAccel) spec->accel, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(text, "qemu-system-x86_64 \\\n"));
    g_assert_null(strstr(text, "/dev/fdset/"));
    g_assert_null(strstr(text, "=secret"));
    const SkDisk *disk = spec->disks != NULL ? spec->disks->pdata[0] : NULL;
    if (disk != NULL && disk->path != NULL)
        g_assert_nonnull(strstr(text, disk->path));
}

static gboolean
run_domain(const char *text, Result *out, GError **error)
{
    SkDomainSpec *spec = sk_xml_domain_parse(text, -1, error);
    if (spec == NULL)
        return FALSE;
    out->json = json_of(&sk_domain_spec_type, spec);
    out->out = sk_xml_domain_format(spec, &shown);
    assert_comes_back(spec, out->out);
    sk_domain_spec_complete(spec);
    gboolean ok = sk_engine_assign(spec, error);
    out->live = ok ? live_text(spec) : NULL;
    if (ok) {
        assert_live_comes_back(spec, out->live);
        assert_native(spec);
    }
    sk_value_free(&sk_domain_spec_type, spec);
    return ok;
}

static gboolean
run_device(const char *text, Result *out, GError **error)
{
    g_auto(SkXmlDevice) device = { 0 }, again = { 0 };
    if (!sk_xml_device_parse(text, -1, NULL, &device, error))
        return FALSE;
    g_autofree char *json = json_of(device.field->type, device.value);
    out->json = g_strdup_printf("\"%s\": %s", device.field->key, json);
    out->out = sk_xml_device_format(device.field->type, device.value, NULL, &shown);
    g_assert_true(sk_xml_device_parse(out->out, -1, NULL, &again, NULL));
    g_assert_true(again.field == device.field && sk_value_equal(device.field->type, device.value, again.value));
    return TRUE;
}

/* What is shown reads as the same network, and is shown the same again. */
static gboolean
run_network(const char *text, Result *out, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    SkNetworkSpec *spec = sk_xml_network_parse(text, -1, error);
    if (spec == NULL)
        return FALSE;
    out->json = json_of(&sk_network_spec_type, spec);
    out->out = sk_xml_network_format(spec, 0);
    SkNetworkSpec *again = sk_xml_network_parse(out->out, -1, &wrong);
    g_assert_no_error(wrong);
    g_autofree char *out_again = sk_xml_network_format(again, 0);
    g_assert_cmpstr(out_again, ==, out->out);
    g_assert_true(sk_value_equal(&sk_network_spec_type, spec, again));
    sk_value_free(&sk_network_spec_type, again);
    sk_value_free(&sk_network_spec_type, spec);
    return TRUE;
}

static void
run(const char *text, Result *out)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = g_str_has_prefix(text, "<network") ? run_network(text, out, &error)
                  : strstr(text, "<domain") != NULL  ? run_domain(text, out, &error)
                                                     : run_device(text, out, &error);
    if (ok)
        return;
    result_clear(out);
    out->error = g_strdup_printf("%s: %s\n", sk_error_info_of(error)->name, error->message);
}

/* -- the cases ----------------------------------------------------------------------------------------------------------- */

static void
compare(const char *path, const char *ending, const char *result)
{
    g_autofree char *expected_path = g_strdup_printf("%.*s%s", (int) (strlen(path) - strlen(ENDING)), path, ending), *expected = NULL;
    if (g_getenv("SKEP_REGENERATE") != NULL) {
        if (result != NULL)
            g_assert_true(g_file_set_contents(expected_path, result, -1, NULL));
        else
            g_remove(expected_path);
        return;
    }
    g_file_get_contents(expected_path, &expected, NULL, NULL);
    g_assert_cmpstr(result, ==, expected);
}

static void
test_case(gconstpointer data)
{
    g_autofree char *text = NULL;
    g_auto(Result) result = { 0 };
    g_assert_true(g_file_get_contents(data, &text, NULL, NULL));
    run(text, &result);
    compare(data, ".json", result.json);
    compare(data, ".out.xml", result.out);
    compare(data, ".live.xml", result.live);
    compare(data, ".error", result.error);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static guint
add_folder(const char *root, const char *folder)
{
    g_autofree char *path = g_build_filename(root, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        if (g_str_has_suffix(name, ENDING))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *test = g_strdup_printf("/xml/%s/%.*s", folder, (int) (strlen(name) - strlen(ENDING)), name);
        g_test_add_data_func_full(test, g_build_filename(path, name, NULL), test_case, g_free);
    }
    return names->len;
}

gint
main(gint argc, char **argv)
{
    static const char *const folders[] = { "virt-install", "domain", "device", "network", "refused" };
    const char *root = g_getenv("SKEP_GOLDEN");
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++)
        g_assert_cmpuint(add_folder(root, folders[i]), >, 0);
    return g_test_run();
}
