/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDR values, signatures, and what decoding refuses. */
#include <string.h>

#include "base/error.h"
#include "codec/xdr/signature.h"

#define UUID "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f000001"

static void
test_put(void)
{
    static const guint8 wanted[] = {
        0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 'a', 0, 0, 0, 0,
    };
    g_autoptr(GByteArray) out = g_byte_array_new();
    sk_xdr_put_i32(out, -2);
    sk_xdr_put_u64(out, 0x100000002);
    sk_xdr_put_str(out, "hello");
    sk_xdr_put_optional_str(out, NULL);
    sk_xdr_put_optional_str(out, "");
    sk_xdr_put_chars(out, "a");
    g_assert_cmpmem(out->data, out->len, wanted, sizeof wanted);
}

static void
test_round_trip(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    sk_xdr_put_str(out, "web1");
    sk_xdr_put_uuid(out, UUID);
    sk_xdr_put_i32(out, -1);
    sk_xdr_put_optional_str(out, NULL);
    sk_xdr_put_u32(out, 7);
    gsize list = sk_xdr_list_begin(out);
    sk_xdr_put_param_i32(out, "i", -5);
    sk_xdr_put_param_u64(out, "u", G_MAXUINT64);
    sk_xdr_put_param_f64(out, "f", 2.5);
    sk_xdr_put_param_bool(out, "b", TRUE);
    sk_xdr_put_param_str(out, "s", "text");
    sk_xdr_list_end(out, list, 5);
    sk_xdr_put_bytes(out, "\1\2\3", 3);
    sk_xdr_put_chars(out, "none");

    g_autoptr(SkXdrSignature) signature =
        sk_xdr_signature_new("dom path:str? flags params:tp<16> map:bytes<8> label:char<64>");
    g_autoptr(SkXdrMessage) message = sk_xdr_decode(signature, out->data, out->len, &error);
    g_assert_no_error(error);
    SkXdrRecord record = sk_xdr_message_record(message);
    g_autofree char *uuid = sk_xdr_uuid(&record, "dom.uuid");
    g_assert_cmpstr(sk_xdr_str(&record, "dom.name"), ==, "web1");
    g_assert_cmpstr(uuid, ==, UUID);
    g_assert_cmpint(sk_xdr_int(&record, "dom.id"), ==, -1);
    g_assert_null(sk_xdr_str(&record, "path"));
    g_assert_false(sk_xdr_value(&record, "path")->present);
    g_assert_cmpuint(sk_xdr_uint(&record, "flags"), ==, 7);
    const SkXdrValue *params = sk_xdr_value(&record, "params");
    g_assert_cmpuint(params->count, ==, 5);
    g_assert_cmpint(sk_xdr_param(params, "i")->i, ==, -5);
    g_assert_cmpuint(sk_xdr_param(params, "u")->u, ==, G_MAXUINT64);
    g_assert_cmpfloat(sk_xdr_param(params, "f")->f, ==, 2.5);
    g_assert_cmpint(sk_xdr_param(params, "b")->i, ==, 1);
    g_assert_cmpstr(sk_xdr_param(params, "s")->text, ==, "text");
    g_assert_null(sk_xdr_param(params, "none"));
    g_assert_cmpmem(sk_xdr_value(&record, "map")->bytes, sk_xdr_value(&record, "map")->count, "\1\2\3", 3);
    g_assert_cmpstr(sk_xdr_str(&record, "label"), ==, "none");
}

static void
test_nested_lists(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    sk_xdr_put_u32(out, 2);
    sk_xdr_put_str(out, "vnet0");
    sk_xdr_put_u32(out, 1);
    sk_xdr_put_i32(out, 0);
    sk_xdr_put_str(out, "192.0.2.7");
    sk_xdr_put_str(out, "vnet1");
    sk_xdr_put_u32(out, 0);
    sk_xdr_put_u32(out, 2);

    g_autoptr(SkXdrSignature) signature = sk_xdr_signature_new("ifaces:{name:str addrs:{type:i32 addr:str}<8>}<4> ret:u32");
    g_autoptr(SkXdrMessage) message = sk_xdr_decode(signature, out->data, out->len, &error);
    g_assert_no_error(error);
    SkXdrRecord record = sk_xdr_message_record(message), first = sk_xdr_item(&record, "ifaces", 0),
                second = sk_xdr_item(&record, "ifaces", 1), address = sk_xdr_item(&first, "addrs", 0);
    g_assert_cmpuint(sk_xdr_value(&record, "ifaces")->count, ==, 2);
    g_assert_cmpstr(sk_xdr_str(&first, "name"), ==, "vnet0");
    g_assert_cmpstr(sk_xdr_str(&address, "addr"), ==, "192.0.2.7");
    g_assert_cmpstr(sk_xdr_str(&second, "name"), ==, "vnet1");
    g_assert_cmpuint(sk_xdr_value(&second, "addrs")->count, ==, 0);
}

/* What cannot be: signature, the bytes, and the sentence. */
static void
test_refusals(void)
{
    static const struct {
        const char *signature;
        guint8 bytes[16];
        guint length;
        const char *sentence;
    } cases[] = {
        { "a:i32", { 0, 0, 0 }, 3, "the message ends in the middle of \"a\"" },
        { "a:i32", { 0, 0, 0, 0, 0 }, 5, "the message has 1 bytes too many" },
        { "a:u64", { 0, 0, 0, 0 }, 4, "the message ends in the middle of \"a\"" },
        { "a:str", { 0xff, 0xff, 0xff, 0xff }, 4, "\"a\" has 4294967295 bytes, at most 4194304 are allowed" },
        { "a:str", { 0, 0, 0, 5, 'a', 'b', 'c', 'd' }, 8, "the message ends in the middle of \"a\"" },
        { "a:str", { 0, 0, 0, 2, 'a', 'b' }, 6, "the message ends in the middle of \"a\"" },
        { "a:str", { 0, 0, 0, 2, 'a', 0, 0, 0 }, 8, "\"a\" is not UTF-8 text" },
        { "a:str", { 0, 0, 0, 2, 0xc3, '(', 0, 0 }, 8, "\"a\" is not UTF-8 text" },
        { "a:str?", { 0, 0, 0, 2 }, 4, "\"a\" is given 2 times, where 0 or 1 is right" },
        { "a:i32<3>", { 0, 0, 0, 4 }, 4, "\"a\" has 4 entries, at most 3 are allowed" },
        { "a:i32<3>", { 0, 0, 0, 3, 0, 0, 0, 0 }, 8, "the message ends in the middle of \"a\"" },
        { "a:bytes<8>", { 0, 0, 0, 9 }, 4, "\"a\" has 9 entries, at most 8 are allowed" },
        { "a:bytes<8>", { 0, 0, 0, 8, 1 }, 5, "the message ends in the middle of \"a\"" },
        { "a:char<9>", { 0, 0, 0, 2, 0, 0, 0, 'a' }, 8, "the message ends in the middle of \"a\"" },
        { "a:tp<4>", { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0 }, 16, "parameter \"\" has the type 9, which there is not" },
        { "a:tp<4>", { 0, 0, 0, 4, 0, 0, 0, 0 }, 8, "the message ends in the middle of \"a\"" },
        { "uuid", { 1, 2, 3 }, 3, "the message ends in the middle of \"uuid\"" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SkXdrSignature) signature = sk_xdr_signature_new(cases[i].signature);
        g_assert_null(sk_xdr_decode(signature, cases[i].bytes, cases[i].length, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
        g_assert_cmpstr(error->message, ==, cases[i].sentence);
    }
}

/* Many small strings take more memory than their bytes on the wire. */
static void
test_memory(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    guint count = 4 * 1024 * 1024;
    sk_xdr_put_u32(out, count);
    for (guint i = 0; i < count; i++)
        sk_xdr_put_u32(out, 0);
    g_autoptr(SkXdrSignature) signature = sk_xdr_signature_new("names:str<8000000>");
    g_assert_null(sk_xdr_decode(signature, out->data, out->len, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TOO_LARGE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xdr/put", test_put);
    g_test_add_func("/xdr/round-trip", test_round_trip);
    g_test_add_func("/xdr/nested-lists", test_nested_lists);
    g_test_add_func("/xdr/refusals", test_refusals);
    g_test_add_func("/xdr/memory", test_memory);
    return g_test_run();
}
