/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes, durations, names, addresses; error messages and enum names. */
#include "base/text.h"

#include <errno.h>
#include <string.h>

#include "base/enum.h"
#include "base/error.h"

/* -- sizes and times ------------------------------------------------------------------------------------ */

static void
test_size(void)
{
    static const struct {
        const char *text;
        gint64 bytes;       /* -1: refused */
    } cases[] = {
        { "0", 0 }, { "4096", 4096 }, { "1b", 1 }, { "1K", 1024 }, { "1kB", 1024 }, { "64KiB", 65536 },
        { "512M", 536870912 }, { "20G", 21474836480 }, { "1.5T", 1649267441664 }, { "2 G", 2147483648 },
        { "0.5k", 512 }, { "9223372036854775807", G_MAXINT64 }, { "7E", G_GINT64_CONSTANT(7) << 60 },
        { "9223372036854775808", -1 }, { "8E", -1 }, { "", -1 }, { " 1", -1 }, { "-1", -1 }, { "1.2.3G", -1 },
        { "G", -1 }, { "1X", -1 }, { "1KK", -1 }, { "1KBs", -1 }, { "0x10", -1 }, { "1e3", -1 }, { "inf", -1 },
        { "nan", -1 }, { ".5G", -1 }, { "1G\n", -1 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint64 bytes = 77;
        gboolean ok = sk_size_parse(cases[i].text, "memory", &bytes, &error);
        g_test_message("\"%s\"", cases[i].text);
        g_assert_cmpint(ok, ==, cases[i].bytes >= 0);
        g_assert_cmpuint(bytes, ==, ok ? (guint64) cases[i].bytes : 77);
        if (!ok)
            g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    }
    g_autoptr(GError) error = NULL;
    guint64 bytes;
    g_assert_false(sk_size_parse("lots", "memory.current", &bytes, &error));
    g_assert_cmpstr(error->message, ==, "memory.current is \"lots\", give a size such as 512M or 20G");
}

static void
test_size_format(void)
{
    static const struct {
        guint64 bytes;
        const char *text;
    } cases[] = {
        { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1 KiB" }, { 1536, "1.5 KiB" }, { 21474836480, "20 GiB" }, { G_MAXUINT64, "16 EiB" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = sk_size_format(cases[i].bytes);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void
test_duration(void)
{
    static const struct {
        const char *text;
        gint64 seconds;     /* -1: refused */
    } cases[] = {
        { "0", 0 }, { "90", 90 }, { "90s", 90 }, { "15m", 900 }, { "12h", 43200 }, { "30d", 2592000 }, { "2w", 1209600 },
        { "", -1 }, { "s", -1 }, { "1y", -1 }, { "1mm", -1 }, { "-5", -1 }, { "99999999999999999999", -1 }, { "2147483647w", -1 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint64 seconds = 77;
        gboolean ok = sk_duration_parse(cases[i].text, "expires", &seconds, NULL);
        g_test_message("\"%s\"", cases[i].text);
        g_assert_cmpint(ok, ==, cases[i].seconds >= 0);
        g_assert_cmpuint(seconds, ==, ok ? (guint64) cases[i].seconds : 77);
    }
}

static void
test_time(void)
{
    g_autofree char *zero = sk_time_format(0);
    g_autofree char *some = sk_time_format(G_GINT64_CONSTANT(1700000000123456));
    g_autofree char *never = sk_time_format(G_MAXINT64);
    g_assert_cmpstr(zero, ==, "1970-01-01T00:00:00.000Z");
    g_assert_cmpstr(some, ==, "2023-11-14T22:13:20.123Z");
    g_assert_nonnull(never);
}

/* -- checks ------------------------------------------------------------------------------------------------ */

typedef gboolean (*CheckFunc)(const char *text, const char *what, GError **error);

/* Texts that are right, then texts that are wrong; each list ends with NULL. */
static void
check_all(CheckFunc check, const char *const *right, const char *const *wrong)
{
    for (guint i = 0; right[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        check(right[i], "field", &error);
        g_assert_no_error(error);
    }
    for (guint i = 0; wrong[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("\"%s\"", wrong[i]);
        g_assert_false(check(wrong[i], "field", &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, "field \""));
    }
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
test_checks(void)
{
    g_autofree char *long_name = g_strnfill(129, 'a');
    g_autofree char *long_label = g_strnfill(64, 'a');
    check_all(sk_check_name, LIST("a", "web1", "Web-1_x.y+z", "9"), LIST("", "-a", ".a", "a/b", "a b", "a\nb", "é", long_name));
    check_all(sk_check_hostname, LIST("a", "web-1"), LIST("", "-a", "a-", "a.b", "a_b", long_label));
    check_all(sk_check_uuid, LIST("123e4567-e89b-12d3-a456-426614174000"), LIST("", "123e4567", "123e4567-e89b-12d3-a456-42661417400g"));
    check_all(sk_check_mac, LIST("52:54:00:12:34:56", "02:AB:cd:00:00:01"),
              LIST("", "52:54:00:12:34", "52-54-00-12-34-56", "52:54:00:12:34:5g", "01:00:5e:00:00:01", "52:54:00:12:34:56:78"));
    check_all(sk_check_address, LIST("192.168.1.1", "fd00::1"), LIST("", "192.168.1", "192.168.1.256", "fd00::g"));
    check_all(sk_check_subnet, LIST("192.168.1.1/24", "fd00::1/64", "10.0.0.1/32"),
              LIST("192.168.1.1", "192.168.1.1/33", "192.168.1.1/0", "192.168.1.1/", "/24", "fd00::/129", "1.2.3.4/24x"));
    check_all(sk_check_path, LIST("/", "/a/b", "/a..b", "/a/..b"), LIST("", "a", "./a", "/a/../b", "/..", "/a/.."));
    check_all(sk_check_ifname, LIST("eth0", "br-1.2_3", "a23456789012345"), LIST("", "a234567890123456", "a/b", "a b", "a:b", "."));
    check_all(sk_check_url, LIST("https://x", "http://x/y", "file:///x"), LIST("", "https://", "ftp://x", "file://x", "HTTPS://x"));
    g_autofree char *sum = g_strnfill(64, 'a');
    check_all(sk_check_sha256, LIST(sum), LIST("", "abc", long_name));
}

/* -- errors -------------------------------------------------------------------------------------------------- */

static void
test_error_table(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < SK_N_ERRORS; i++) {
        const SkErrorInfo *info = sk_error_info((SkError) i);
        SkError code;
        g_assert_nonnull(info->name);
        g_assert_true(g_hash_table_add(names, (gpointer) info->name));
        g_assert_true(sk_error_from_name(info->name, &code));
        g_assert_cmpint(code, ==, i);
        g_assert_cmpuint(info->http_status, >=, 400);
        g_assert_cmpuint(info->http_status, <, 600);
        g_assert_cmpint(info->libvirt_number, >, 0);
        g_assert_cmpint(info->exit_code, >, 0);
        g_assert_nonnull(info->help);
    }
    SkError code;
    g_assert_false(sk_error_from_name("nothing", &code));
    g_assert_true(sk_error_info((SkError) 9999) == sk_error_info(SK_ERROR_INTERNAL));
    g_assert_true(sk_error_info_of(NULL) == sk_error_info(SK_ERROR_INTERNAL));
}

static void
test_error_messages(void)
{
    g_autoptr(GError) full = NULL;
    g_autoptr(GError) other = NULL;
    g_autoptr(GError) cut = NULL;
    g_autoptr(GError) control = NULL;
    g_autoptr(GError) huge = NULL;
    g_assert_false(sk_fail_errno(&full, ENOSPC, "cannot write \"%s\"", "x"));
    g_assert_error(full, SK_ERROR, SK_ERROR_NO_SPACE);
    g_assert_cmpstr(full->message, ==, "cannot write \"x\": No space left on device");
    sk_fail_errno(&other, EACCES, "x");
    g_assert_true(sk_error_is(other, SK_ERROR_HOST));

    /* Cut in the middle of a character, control characters, and no end. */
    sk_fail(&cut, SK_ERROR_INVALID, "%.3s", "aéé");
    g_assert_cmpstr(cut->message, ==, "aé");
    g_clear_error(&cut);
    sk_fail(&cut, SK_ERROR_INVALID, "%.2s", "aé");
    g_assert_true(g_utf8_validate(cut->message, -1, NULL));
    sk_fail(&control, SK_ERROR_INVALID, "a\x1b[31m\rb\nc");
    g_assert_cmpstr(control->message, ==, "a?[31m?b\nc");
    g_autofree char *text = g_strnfill(1 << 20, 'x');
    sk_fail(&huge, SK_ERROR_INVALID, "%s", text);
    g_assert_cmpuint(strlen(huge->message), <=, 4096);
    g_assert_false(sk_fail(NULL, SK_ERROR_INVALID, "nobody asks"));
}

/* -- enums ----------------------------------------------------------------------------------------------------- */

static const SkEnumName color_names[] = { { "red" }, { "green" }, { "blue" } };
static const SkEnum color_enum = { .what = "color", .names = color_names, .count = 3 };

static void
test_enum(void)
{
    g_autoptr(GError) error = NULL;
    gint value = 7;
    g_assert_true(sk_enum_parse(&color_enum, "blue", &value, &error));
    g_assert_cmpint(value, ==, 2);
    g_assert_false(sk_enum_parse(&color_enum, "Blue", &value, &error));
    g_assert_cmpstr(error->message, ==, "\"Blue\" is not a color: give red, green or blue");
    g_assert_cmpint(value, ==, 2);
    g_assert_false(sk_enum_parse(&color_enum, NULL, &value, NULL));
    g_assert_cmpstr(sk_enum_name(&color_enum, 1), ==, "green");
    g_assert_cmpstr(sk_enum_name(&color_enum, 3), ==, "?");
    g_assert_cmpstr(sk_enum_name(&color_enum, -1), ==, "?");
}

static void
test_uuid(void)
{
    static const char *const cases[][2] = {
        { "123E4567-E89B-12D3-A456-426614174000", "123e4567-e89b-12d3-a456-426614174000" },
        { "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-426614174000" },
        { "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000" },
        { "nothing", "nothing" },
        { "123e4567e89b12d3a4564266141740000", "123e4567e89b12d3a4564266141740000" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *uuid = g_strdup(cases[i][0]);
        sk_uuid_normalize(&uuid);
        g_assert_cmpstr(uuid, ==, cases[i][1]);
    }
    g_autofree char *made = NULL;
    sk_uuid_normalize(&made);
    g_assert_null(made);
    sk_uuid_complete(&made);
    g_assert_true(g_uuid_string_is_valid(made));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/size", test_size);
    g_test_add_func("/text/size-format", test_size_format);
    g_test_add_func("/text/duration", test_duration);
    g_test_add_func("/text/time", test_time);
    g_test_add_func("/text/checks", test_checks);
    g_test_add_func("/error/table", test_error_table);
    g_test_add_func("/error/messages", test_error_messages);
    g_test_add_func("/enum", test_enum);
    g_test_add_func("/text/uuid", test_uuid);
    return g_test_run();
}
