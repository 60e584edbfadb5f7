/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and pictures: SEND_KEY, SCREENSHOT, INJECT_NMI. */
#include "api/libvirt/domain-keys.h"

#include "api/libvirt/objects.h"
#include "api/libvirt/stream.h"
#include "base/error.h"

/* -- keys ------------------------------------------------------------------------------------------------------------ */

enum { CODES_LINUX = 0, CODES_XT = 1, CODES_ATSET1 = 2 };

/* Linux's key numbers, which those of XT keyboards equal up to 88, in QEMU's words. */
static const char *const words[] = {
    [1] = "esc", [2] = "1", [3] = "2", [4] = "3", [5] = "4", [6] = "5", [7] = "6", [8] = "7", [9] = "8", [10] = "9", [11] = "0",
    [12] = "minus", [13] = "equal", [14] = "backspace", [15] = "tab", [16] = "q", [17] = "w", [18] = "e", [19] = "r", [20] = "t",
    [21] = "y", [22] = "u", [23] = "i", [24] = "o", [25] = "p", [26] = "bracket_left", [27] = "bracket_right", [28] = "ret",
    [29] = "ctrl", [30] = "a", [31] = "s", [32] = "d", [33] = "f", [34] = "g", [35] = "h", [36] = "j", [37] = "k", [38] = "l",
    [39] = "semicolon", [40] = "apostrophe", [41] = "grave_accent", [42] = "shift", [43] = "backslash", [44] = "z", [45] = "x",
    [46] = "c", [47] = "v", [48] = "b", [49] = "n", [50] = "m", [51] = "comma", [52] = "dot", [53] = "slash", [54] = "shift_r",
    [55] = "kp_multiply", [56] = "alt", [57] = "spc", [58] = "caps_lock", [59] = "f1", [60] = "f2", [61] = "f3", [62] = "f4",
    [63] = "f5", [64] = "f6", [65] = "f7", [66] = "f8", [67] = "f9", [68] = "f10", [69] = "num_lock", [70] = "scroll_lock",
    [71] = "kp_7", [72] = "kp_8", [73] = "kp_9", [74] = "kp_subtract", [75] = "kp_4", [76] = "kp_5", [77] = "kp_6", [78] = "kp_add",
    [79] = "kp_1", [80] = "kp_2", [81] = "kp_3", [82] = "kp_0", [83] = "kp_decimal", [86] = "less", [87] = "f11", [88] = "f12",
    [96] = "kp_enter", [97] = "ctrl_r", [98] = "kp_divide", [99] = "sysrq", [100] = "alt_r", [102] = "home", [103] = "up",
    [104] = "pgup", [105] = "left", [106] = "right", [107] = "end", [108] = "down", [109] = "pgdn", [110] = "insert",
    [111] = "delete", [113] = "audiomute", [114] = "volumedown", [115] = "volumeup", [116] = "power", [117] = "kp_equals",
    [119] = "pause", [125] = "meta_l", [126] = "meta_r", [127] = "compose",
};

static const char *
word_of(guint codeset, guint code)
{
    guint last = codeset == CODES_LINUX ? G_N_ELEMENTS(words) - 1 : 88;
    return code <= last ? words[code] : NULL;
}

gboolean
sk_lv_send_key(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    const SkXdrValue *codes = sk_lv_value(call, "keycodes");
    guint codeset = sk_lv_uint(call, "codeset");
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (codeset > CODES_ATSET1)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "codeset %u is not known here: give linux, xt or atset1", codeset);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    for (guint i = 0; i < codes->count; i++) {
        const char *word = word_of(codeset, (guint) codes->items[i].u);
        if (word == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "invalid keycode: %u", (guint) codes->items[i].u);
        g_ptr_array_add(keys, (gpointer) word);
    }
    if (keys->len == 0)
        return sk_fail(error, SK_ERROR_INVALID, "no key was given");
    g_ptr_array_add(keys, NULL);
    SkSendKey *body = sk_value_new(&sk_send_key_type);
    body->keys = g_strdupv((char **) keys->pdata);
    body->hold = MIN(sk_lv_uint(call, "holdtime"), 60000);
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_SEND_KEY);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body;
    return sk_lv_dispatch(call, op, NULL);
}

/* -- pictures -------------------------------------------------------------------------------------------------------- */

static void
send_picture(SkLvStream *stream)
{
    GBytes *bytes = sk_lv_stream_data(stream);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    /* Once: what the client has not read waits in the connection. */
    if (length == 0)
        return;
    sk_lv_stream_send(stream, data, length);
    sk_lv_stream_eof(stream);
}

static void
end_picture(SkLvStream *stream, gboolean completed)
{
    (void) completed;
    g_bytes_unref(sk_lv_stream_data(stream));
}

static gboolean
put_picture(SkLvCall *call, SkCall *op, GError **error)
{
    static const SkLvStreamFuncs funcs = { .room = send_picture, .end = end_picture };
    GBytes *bytes = g_bytes_new(op->answer->str, op->answer->len);
    if (sk_lv_stream_open(call, &funcs, bytes, error) == NULL) {
        g_bytes_unref(bytes);
        return FALSE;
    }
    sk_xdr_put_optional_str(call->out, "image/png");
    return TRUE;
}

gboolean
sk_lv_screenshot(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (sk_lv_uint(call, "screen") != 0)
        return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no screen %u", sk_domain_name(domain), sk_lv_uint(call, "screen"));
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_SCREENSHOT);
    op->params.name = g_strdup(domain->spec->uuid);
    return sk_lv_dispatch(call, op, put_picture);
}
