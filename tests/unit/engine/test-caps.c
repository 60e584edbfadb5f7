/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking QEMU binaries what they can do, with shell scripts as binaries. */
#include <glib/gstdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/caps.h"
#include "worker.h"

static char *dir, *binary, *cache, *runs;

#define ANSWERS                                                                                                         \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 3, \"minor\": 1, \"major\": 8}}, \"capabilities\": []}}\n"          \
    "{\"return\": {}, \"id\": 0}\n"                                                                                     \
    "{\"return\": {\"qemu\": {\"micro\": 3, \"minor\": 1, \"major\": 8}, \"package\": \"x\"}, \"id\": 1}\n"             \
    "{\"return\": {\"arch\": \"x86_64\"}, \"id\": 2}\n"                                                                 \
    "{\"return\": [{\"name\": \"pc-q35-8.1\", \"alias\": \"q35\", \"cpu-max\": 288, \"hotpluggable-cpus\": true},"      \
    " {\"name\": \"microvm\", \"cpu-max\": 288, \"deprecated\": false}], \"id\": 3}\n"                                  \
    "{\"return\": [{\"name\": \"virtio-blk-pci\"}, {\"name\": \"Haswell-x86_64-cpu\"}], \"id\": 4}\n"                   \
    "{\"event\": \"NEW\"}\n"                                                                                            \
    "{\"return\": [{\"name\": \"secret\"}], \"id\": 5}\n"                                                               \
    "{\"return\": [{\"name\": \"tcg-accel\"}], \"id\": 6}\n"                                                            \
    "{\"return\": [{\"option\": \"sandbox\", \"parameters\": []}, {\"option\": \"\"}], \"id\": 7}\n"        \
    "{\"return\": [{\"name\": \"qemu64\", \"unavailable-features\": []}, {\"name\": \"Haswell\", \"unavailable-features\": [\"fma\"]}], \"id\": 8}\n"

/* A binary that does body; its time of change differs from that of the one before. */
static void
make_binary(const char *body)
{
    static gint64 second = 1000;
    struct timespec times[2] = { { .tv_sec = ++second }, { .tv_sec = second } };
    g_autofree char *script = g_strdup_printf("#!/bin/sh\necho x >> '%s'\n%s\n", runs, body);
    g_assert_true(g_file_set_contents(binary, script, -1, NULL));
    g_assert_cmpint(chmod(binary, 0755), ==, 0);
    g_assert_cmpint(utimensat(AT_FDCWD, binary, times, 0), ==, 0);
}

static void
make_good_binary(void)
{
    make_binary("cat <<'END'\n" ANSWERS "END\nexec sleep 1000");
}

static gsize
count_runs(void)
{
    gsize length = 0;
    g_autofree char *text = NULL;
    g_file_get_contents(runs, &text, &length, NULL);
    return length / 2;
}

static void
check_caps(const SkQemuCaps *caps)
{
    g_assert_cmpstr(sk_qemu_caps_binary(caps), ==, binary);
    g_assert_cmpstr(sk_qemu_caps_version(caps), ==, "8.1.3");
    g_assert_cmpuint(sk_qemu_caps_version_number(caps), ==, 80103);
    g_assert_cmpstr(sk_qemu_caps_arch(caps), ==, "x86_64");
    g_assert_true(sk_qemu_caps_has(caps, "virtio-blk-pci"));
    g_assert_true(sk_qemu_caps_has(caps, "Haswell-x86_64-cpu"));
    g_assert_true(sk_qemu_caps_has(caps, "secret"));
    g_assert_true(sk_qemu_caps_has(caps, "tcg-accel"));
    g_assert_false(sk_qemu_caps_has(caps, "kvm-accel"));
    g_assert_true(sk_qemu_caps_has_option(caps, "sandbox"));
    g_assert_false(sk_qemu_caps_has_option(caps, "spice"));
    g_assert_cmpuint(sk_qemu_caps_machines(caps)->len, ==, 2);
    const SkQemuMachine *machine = sk_qemu_caps_machine(caps, "q35");
    g_assert_nonnull(machine);
    g_assert_cmpstr(machine->name, ==, "pc-q35-8.1");
    g_assert_true(machine->hotplug_cpus);
    g_assert_cmpuint(machine->max_cpus, ==, 288);
    g_assert_true(sk_qemu_caps_machine(caps, "pc-q35-8.1") == machine);
    g_assert_null(sk_qemu_caps_machine(caps, "pc"));
}

static void
get_good(gpointer data, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkQemuCaps) caps = sk_qemu_caps_get(binary, cache, &error);
    g_assert_no_error(error);
    check_caps(caps);
}

/* Asked once; then from memory, then from the file, and anew when the binary has changed. */
static void
test_caches(void)
{
    make_good_binary();
    on_worker(get_good, NULL);
    g_assert_cmpuint(count_runs(), ==, 1);
    on_worker(get_good, NULL);
    g_assert_cmpuint(count_runs(), ==, 1);
    sk_qemu_caps_forget();
    on_worker(get_good, NULL);
    g_assert_cmpuint(count_runs(), ==, 1);
    make_good_binary();
    on_worker(get_good, NULL);
    g_assert_cmpuint(count_runs(), ==, 2);
}

/* A cache file that is broken is made anew. */
static void
test_broken_cache(void)
{
    static const char *const broken[] = { "", "{", "[]", "{\"format\": 1}",
                                          "{\"format\": 1, \"size\": 1, \"mtime\": 1, \"caps\": {\"binary\": 7}}" };
    const char *name;
    make_good_binary();
    on_worker(get_good, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autoptr(GDir) files = g_dir_open(cache, 0, NULL);
        while ((name = g_dir_read_name(files)) != NULL) {
            g_autofree char *path = g_build_filename(cache, name, NULL);
            g_assert_true(g_file_set_contents(path, broken[i], -1, NULL));
        }
        gsize before = count_runs();
        sk_qemu_caps_forget();
        on_worker(get_good, NULL);
        g_assert_cmpuint(count_runs(), ==, before + 1);
    }
}

static void
get_bad(gpointer data, gpointer unused)
{
    const char *message = data;
    g_autoptr(GError) error = NULL;
    g_assert_null(sk_qemu_caps_get(binary, cache, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    if (strstr(error->message, message) == NULL)
        g_error("\"%s\" is not in \"%s\"", message, error->message);
}

static void
test_bad_binaries(void)
{
    static const struct {
        const char *body, *message;
    } bad[] = {
        { "echo 'cannot load libfdt.so.1' >&2; exit 127", "does not work as QEMU: cannot load libfdt.so.1" },
        { "exit 0", "it ended without a word" },
        { "echo hello; exec sleep 1000", "not a QMP message" },
        { "echo '{\"return\": {}, \"id\": 99}'; exec sleep 1000", "it answers what was not asked" },
        { "echo '{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no query-machines\"}, \"id\": 3}'; exec sleep 1000",
          "no query-machines" },
        { "for i in 0 1 2 3 4 5 6 7 8; do echo \"{\\\"return\\\": {}, \\\"id\\\": $i}\"; done; exec sleep 1000",
          "it does not tell its version" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        make_binary(bad[i].body);
        on_worker(get_bad, (gpointer) bad[i].message);
    }
    g_assert_true(g_file_set_contents(binary, "\x7f" "ELF", 4, NULL));
    g_assert_cmpint(chmod(binary, 0755), ==, 0);
    on_worker(get_bad, (gpointer) "cannot run");
    g_unlink(binary);
    on_worker(get_bad, (gpointer) "there is no QEMU");
}

/* The value survives its own JSON; a cache directory that cannot be made is no reason to fail. */
static void
test_value(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    make_good_binary();
    on_worker(get_good, NULL);
    g_autoptr(GDir) files = g_dir_open(cache, 0, NULL);
    g_autofree char *path = g_build_filename(cache, g_dir_read_name(files), NULL);
    gsize length;
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    json_t *root = json_loads(text, 0, NULL);
    g_autoptr(SkQemuCaps) caps = sk_qemu_caps_from_json(json_object_get(root, "caps"), &error);
    g_assert_no_error(error);
    json_t *again = sk_qemu_caps_to_json(caps);
    g_autoptr(SkQemuCaps) same = sk_qemu_caps_from_json(again, &error);
    g_assert_no_error(error);
    check_caps(same);
    json_decref(again);
    json_decref(root);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    dir = g_dir_make_tmp("skep-caps-XXXXXX", NULL);
    binary = g_build_filename(dir, "qemu", NULL);
    cache = g_build_filename(dir, "cache", NULL);
    runs = g_build_filename(dir, "runs", NULL);
    g_test_add_func("/caps/caches", test_caches);
    g_test_add_func("/caps/broken-cache", test_broken_cache);
    g_test_add_func("/caps/value", test_value);
    g_test_add_func("/caps/bad-binaries", test_bad_binaries);
    gint result = g_test_run();
    sk_qemu_caps_forget();
    sk_fs_remove_tree(dir, NULL);
    g_free(dir);
    g_free(binary);
    g_free(cache);
    g_free(runs);
    return result;
}
