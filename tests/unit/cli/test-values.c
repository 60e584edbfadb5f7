/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text as JSON by the field tables, patches, YAML, cells and widths. */
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/domain.h"

static void
check_set(const char *before, const char *pair, const char *after)
{
    g_autoptr(json_t) object = json_loads(before, 0, NULL), wanted = json_loads(after, 0, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_nonnull(wanted);
    g_assert_true(sk_json_set_pair(&sk_domain_spec_type, object, pair, &error));
    g_assert_no_error(error);
    if (!json_equal(object, wanted))
        g_test_fail_printf("%s over %s is %s, not %s", pair, before, json_dumps(object, 0), after);
}

static void
test_set(void)
{
    check_set("{}", "title=a=b", "{\"title\": \"a=b\"}");
    check_set("{}", "title=", "{\"title\": null}");
    check_set("{}", "cpu.mode=maximum", "{\"cpu\": {\"mode\": \"maximum\"}}");
    check_set("{\"cpu\": {\"model\": \"x\"}}", "cpu.mode=custom", "{\"cpu\": {\"model\": \"x\", \"mode\": \"custom\"}}");
    check_set("{}", "memory.current=1.5G", "{\"memory\": {\"current\": 1610612736}}");
    check_set("{}", "memory.limit=0", "{\"memory\": {\"limit\": 0}}");
    check_set("{}", "memory.locked=no", "{\"memory\": {\"locked\": false}}");
    check_set("{}", "tags=a,b", "{\"tags\": [\"a\", \"b\"]}");
    check_set("{}", "tags=", "{\"tags\": []}");
    check_set("{}", "metadata.org.example/x=1", "{\"metadata\": {\"org.example/x\": \"1\"}}");
    check_set("{}", "watchdog.action=reset", "{\"watchdog\": {\"action\": \"reset\"}}");
    check_set("{\"disks\": [{\"target\": \"vda\"}, {\"target\": \"vdb\"}]}", "disks[vdb].cache=none",
              "{\"disks\": [{\"target\": \"vda\"}, {\"target\": \"vdb\", \"cache\": \"none\"}]}");
    check_set("{\"interfaces\": [{\"mac\": \"52:54:00:00:00:01\"}]}", "interfaces[52:54:00:00:00:01].link=down",
              "{\"interfaces\": [{\"mac\": \"52:54:00:00:00:01\", \"link\": \"down\"}]}");
    check_set("{\"disks\": [{\"target\": \"vda\"}]}", "disks[0].limits.read_iops_sec=5",
              "{\"disks\": [{\"target\": \"vda\", \"limits\": {\"read_iops_sec\": 5}}]}");
    check_set("{}", "disks=[{\"size\": 1}]", "{\"disks\": [{\"size\": 1}]}");
}

static void
test_bad_set(void)
{
    static const char *const bad[] = { "title", "=x", "nothing=1", "cpu=x", "cpu.mode=x", "cpu.mode.x=1", "title.x=1", "vcpus.current=-1",
                                       "disks[vda].cache=none", "disks.cache=none", "disks[=1", "memory.current=lots", "disks={", "." };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) object = json_object();
        g_autoptr(GError) error = NULL;
        if (sk_json_set_pair(&sk_domain_spec_type, object, bad[i], &error))
            g_test_fail_printf("\"%s\" was taken as %s", bad[i], json_dumps(object, 0));
        else
            g_assert_nonnull(error);
    }
}

static void
test_diff(void)
{
    static const struct {
        const char *a, *b, *patch;
    } rows[] = {
        { "{\"x\": 1}", "{\"x\": 1}", "{}" },
        { "{\"x\": 1}", "{}", "{\"x\": null}" },
        { "{\"x\": {\"y\": 1, \"z\": 2}}", "{\"x\": {\"y\": 1, \"z\": 3}}", "{\"x\": {\"z\": 3}}" },
        { "{\"x\": [1]}", "{\"x\": [1, 2]}", "{\"x\": [1, 2]}" },
        { "{\"x\": 1}", "{\"x\": {\"y\": 1}}", "{\"x\": {\"y\": 1}}" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) a = json_loads(rows[i].a, 0, NULL), b = json_loads(rows[i].b, 0, NULL);
        g_autoptr(json_t) wanted = json_loads(rows[i].patch, 0, NULL), patch = sk_json_diff(a, b);
        g_assert_true(json_equal(patch, wanted));
    }
}

static void
check_yaml(const char *json, const char *yaml)
{
    g_autoptr(json_t) value = json_loads(json, JSON_DECODE_ANY, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    sk_output_yaml(out, value);
    g_assert_cmpstr(out->str, ==, yaml);
}

static void
test_yaml(void)
{
    check_yaml("{}", "{}\n");
    check_yaml("[]", "[]\n");
    check_yaml("\"no\"", "\"no\"\n");
    check_yaml("{\"a\": \"b c\", \"d\": [], \"e\": {}}", "a: b c\nd: []\ne: {}\n");
    check_yaml("{\"a\": {\"b\": [1, {\"c\": true, \"d\": null}, []]}}", "a:\n  b:\n    - 1\n    - c: true\n      d: null\n    - []\n");
    check_yaml("[\"yes\", \"12\", \"1e3\", \"a: b\", \"a #b\", \"-x\", \"x\\ny\", \"\", \"ü\", \"a:b\", \"end \"]",
               "- \"yes\"\n- \"12\"\n- \"1e3\"\n- \"a: b\"\n- \"a #b\"\n- \"-x\"\n- \"x\\ny\"\n- \"\"\n- \"ü\"\n- a:b\n- \"end \"\n");
}

static void
test_clean(void)
{
    g_autofree char *clean = sk_text_clean("a\033[31mb\nc\xc2\x9b");
    g_assert_cmpstr(clean, ==, "a\\x1b[31mb c\\x9b");
    g_autofree char *broken = sk_text_clean("ab\xff" "cd");
    g_assert_cmpstr(broken, ==, "ab?");
    g_assert_cmpuint(sk_text_width("abc"), ==, 3);
    g_assert_cmpuint(sk_text_width("für"), ==, 3);
    g_assert_cmpuint(sk_text_width("蜂巢"), ==, 4);
    g_assert_cmpuint(sk_text_width("e\xcc\x81"), ==, 1);
}

static void
test_nearest(void)
{
    static const char *const words[] = { "start", "stop", "state", "ls", NULL };
    g_assert_cmpstr(sk_nearest("strat", words), ==, "start");
    g_assert_cmpstr(sk_nearest("sto", words), ==, "stop");
    g_assert_cmpstr(sk_nearest("lss", words), ==, "ls");
    g_assert_null(sk_nearest("nothing", words));
    g_assert_null(sk_nearest("x", words));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/values/set", test_set);
    g_test_add_func("/cli/values/bad-set", test_bad_set);
    g_test_add_func("/cli/values/diff", test_diff);
    g_test_add_func("/cli/values/yaml", test_yaml);
    g_test_add_func("/cli/values/clean", test_clean);
    g_test_add_func("/cli/values/nearest", test_nearest);
    return g_test_run();
}
