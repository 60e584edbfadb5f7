/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and pictures: SEND_KEY, SCREENSHOT, INJECT_NMI. */
#include "api/libvirt/domain-keys.h"

#include "api/libvirt/objects.h"
#include "api/libvirt/stream.h"
#include "base/error.h"

/* -- keys ------------------------------------------------------------------------------------------------------------ */

enum { CODES_LINUX, CODES_XT, CODES_ATSET1, CODES_ATSET2, CODES_ATSET3, CODES_OSX, CODES_XT_KBD, CODES_USB, CODES_WIN32, CODES_QNUM, N_CODES };

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

/* Usages of USB's keyboard page. */
static const char *const usb_words[] = {
    [4] = "a", [5] = "b", [6] = "c", [7] = "d", [8] = "e", [9] = "f", [10] = "g", [11] = "h", [12] = "i", [13] = "j", [14] = "k",
    [15] = "l", [16] = "m", [17] = "n", [18] = "o", [19] = "p", [20] = "q", [21] = "r", [22] = "s", [23] = "t", [24] = "u", [25] = "v",
    [26] = "w", [27] = "x", [28] = "y", [29] = "z", [30] = "1", [31] = "2", [32] = "3", [33] = "4", [34] = "5", [35] = "6", [36] = "7",
    [37] = "8", [38] = "9", [39] = "0", [40] = "ret", [41] = "esc", [42] = "backspace", [43] = "tab", [44] = "spc", [45] = "minus",
    [46] = "equal", [47] = "bracket_left", [48] = "bracket_right", [49] = "backslash", [50] = "backslash", [51] = "semicolon",
    [52] = "apostrophe", [53] = "grave_accent", [54] = "comma", [55] = "dot", [56] = "slash", [57] = "caps_lock", [58] = "f1",
    [59] = "f2", [60] = "f3", [61] = "f4", [62] = "f5", [63] = "f6", [64] = "f7", [65] = "f8", [66] = "f9", [67] = "f10", [68] = "f11",
    [69] = "f12", [70] = "sysrq", [71] = "scroll_lock", [72] = "pause", [73] = "insert", [74] = "home", [75] = "pgup", [76] = "delete",
    [77] = "end", [78] = "pgdn", [79] = "right", [80] = "left", [81] = "down", [82] = "up", [83] = "num_lock", [84] = "kp_divide",
    [85] = "kp_multiply", [86] = "kp_subtract", [87] = "kp_add", [88] = "kp_enter", [89] = "kp_1", [90] = "kp_2", [91] = "kp_3",
    [92] = "kp_4", [93] = "kp_5", [94] = "kp_6", [95] = "kp_7", [96] = "kp_8", [97] = "kp_9", [98] = "kp_0", [99] = "kp_decimal",
    [100] = "less", [101] = "compose", [102] = "power", [103] = "kp_equals", [224] = "ctrl", [225] = "shift", [226] = "alt",
    [227] = "meta_l", [228] = "ctrl_r", [229] = "shift_r", [230] = "alt_r", [231] = "meta_r",
};

/* Windows' virtual keys. */
static const char *const win32_words[] = {
    [8] = "backspace", [9] = "tab", [13] = "ret", [16] = "shift", [17] = "ctrl", [18] = "alt", [19] = "pause", [20] = "caps_lock",
    [27] = "esc", [32] = "spc", [33] = "pgup", [34] = "pgdn", [35] = "end", [36] = "home", [37] = "left", [38] = "up", [39] = "right",
    [40] = "down", [44] = "sysrq", [45] = "insert", [46] = "delete", [48] = "0", [49] = "1", [50] = "2", [51] = "3", [52] = "4",
    [53] = "5", [54] = "6", [55] = "7", [56] = "8", [57] = "9", [65] = "a", [66] = "b", [67] = "c", [68] = "d", [69] = "e", [70] = "f",
    [71] = "g", [72] = "h", [73] = "i", [74] = "j", [75] = "k", [76] = "l", [77] = "m", [78] = "n", [79] = "o", [80] = "p", [81] = "q",
    [82] = "r", [83] = "s", [84] = "t", [85] = "u", [86] = "v", [87] = "w", [88] = "x", [89] = "y", [90] = "z", [91] = "meta_l",
    [92] = "meta_r", [93] = "compose", [96] = "kp_0", [97] = "kp_1", [98] = "kp_2", [99] = "kp_3", [100] = "kp_4", [101] = "kp_5",
    [102] = "kp_6", [103] = "kp_7", [104] = "kp_8", [105] = "kp_9", [106] = "kp_multiply", [107] = "kp_add", [109] = "kp_subtract",
    [110] = "kp_decimal", [111] = "kp_divide", [112] = "f1", [113] = "f2", [114] = "f3", [115] = "f4", [116] = "f5", [117] = "f6",
    [118] = "f7", [119] = "f8", [120] = "f9", [121] = "f10", [122] = "f11", [123] = "f12", [144] = "num_lock", [145] = "scroll_lock",
    [160] = "shift", [161] = "shift_r", [162] = "ctrl", [163] = "ctrl_r", [164] = "alt", [165] = "alt_r", [186] = "semicolon",
    [187] = "equal", [188] = "comma", [189] = "minus", [190] = "dot", [191] = "slash", [192] = "grave_accent", [219] = "bracket_left",
    [220] = "backslash", [221] = "bracket_right", [222] = "apostrophe", [226] = "less",
};

/* Virtual keys of Macs. */
static const char *const osx_words[] = {
    [0] = "a", [1] = "s", [2] = "d", [3] = "f", [4] = "h", [5] = "g", [6] = "z", [7] = "x", [8] = "c", [9] = "v", [11] = "b",
    [12] = "q", [13] = "w", [14] = "e", [15] = "r", [16] = "y", [17] = "t", [18] = "1", [19] = "2", [20] = "3", [21] = "4", [22] = "6",
    [23] = "5", [24] = "equal", [25] = "9", [26] = "7", [27] = "minus", [28] = "8", [29] = "0", [30] = "bracket_right", [31] = "o",
    [32] = "u", [33] = "bracket_left", [34] = "i", [35] = "p", [36] = "ret", [37] = "l", [38] = "j", [39] = "apostrophe", [40] = "k",
    [41] = "semicolon", [42] = "backslash", [43] = "comma", [44] = "slash", [45] = "n", [46] = "m", [47] = "dot", [48] = "tab",
    [49] = "spc", [50] = "grave_accent", [51] = "backspace", [53] = "esc", [54] = "meta_r", [55] = "meta_l", [56] = "shift",
    [57] = "caps_lock", [58] = "alt", [59] = "ctrl", [60] = "shift_r", [61] = "alt_r", [62] = "ctrl_r", [65] = "kp_decimal",
    [67] = "kp_multiply", [69] = "kp_add", [71] = "num_lock", [75] = "kp_divide", [76] = "kp_enter", [78] = "kp_subtract",
    [81] = "kp_equals", [82] = "kp_0", [83] = "kp_1", [84] = "kp_2", [85] = "kp_3", [86] = "kp_4", [87] = "kp_5", [88] = "kp_6",
    [89] = "kp_7", [91] = "kp_8", [92] = "kp_9", [96] = "f5", [97] = "f6", [98] = "f7", [99] = "f3", [100] = "f8", [101] = "f9",
    [103] = "f11", [109] = "f10", [111] = "f12", [115] = "home", [116] = "pgup", [117] = "delete", [118] = "f4", [119] = "end",
    [120] = "f2", [121] = "pgdn", [122] = "f1", [123] = "left", [124] = "right", [125] = "down", [126] = "up",
};

/* Keys that came with the 101 keys' keyboard: what an XT keyboard sends behind 0xe0. */
static const char *const extended_words[] = {
    [0x1c] = "kp_enter", [0x1d] = "ctrl_r", [0x20] = "audiomute", [0x2e] = "volumedown", [0x30] = "volumeup", [0x35] = "kp_divide",
    [0x37] = "sysrq", [0x38] = "alt_r", [0x46] = "pause", [0x47] = "home", [0x48] = "up", [0x49] = "pgup", [0x4b] = "left",
    [0x4d] = "right", [0x4f] = "end", [0x50] = "down", [0x51] = "pgdn", [0x52] = "insert", [0x53] = "delete", [0x5b] = "meta_l",
    [0x5c] = "meta_r", [0x5d] = "compose", [0x5e] = "power",
};

/* Set 2 of AT keyboards in Linux's numbers: what nearly every PC's keyboard sends. */
static const guint8 atset2[] = {
    [0x01] = 67, [0x03] = 63, [0x04] = 61, [0x05] = 59, [0x06] = 60, [0x07] = 88, [0x09] = 68, [0x0a] = 66, [0x0b] = 64, [0x0c] = 62,
    [0x0d] = 15, [0x0e] = 41, [0x11] = 56, [0x12] = 42, [0x14] = 29, [0x15] = 16, [0x16] = 2, [0x1a] = 44, [0x1b] = 31, [0x1c] = 30,
    [0x1d] = 17, [0x1e] = 3, [0x21] = 46, [0x22] = 45, [0x23] = 32, [0x24] = 18, [0x25] = 5, [0x26] = 4, [0x29] = 57, [0x2a] = 47,
    [0x2b] = 33, [0x2c] = 20, [0x2d] = 19, [0x2e] = 6, [0x31] = 49, [0x32] = 48, [0x33] = 35, [0x34] = 34, [0x35] = 21, [0x36] = 7,
    [0x3a] = 50, [0x3b] = 36, [0x3c] = 22, [0x3d] = 8, [0x3e] = 9, [0x41] = 51, [0x42] = 37, [0x43] = 23, [0x44] = 24, [0x45] = 11,
    [0x46] = 10, [0x49] = 52, [0x4a] = 53, [0x4b] = 38, [0x4c] = 39, [0x4d] = 25, [0x4e] = 12, [0x52] = 40, [0x54] = 26, [0x55] = 13,
    [0x58] = 58, [0x59] = 54, [0x5a] = 28, [0x5b] = 27, [0x5d] = 43, [0x61] = 86, [0x66] = 14, [0x69] = 79, [0x6b] = 75, [0x6c] = 71,
    [0x70] = 82, [0x71] = 83, [0x72] = 80, [0x73] = 76, [0x74] = 77, [0x75] = 72, [0x76] = 1, [0x77] = 69, [0x78] = 87, [0x79] = 78,
    [0x7a] = 81, [0x7b] = 74, [0x7c] = 55, [0x7d] = 73, [0x7e] = 70, [0x83] = 65,
};

/* And behind 0xe0. */
static const guint8 atset2_extended[] = {
    [0x11] = 100, [0x14] = 97, [0x1f] = 125, [0x21] = 114, [0x23] = 113, [0x27] = 126, [0x2f] = 127, [0x32] = 115, [0x37] = 116,
    [0x4a] = 98, [0x5a] = 96, [0x69] = 107, [0x6b] = 105, [0x6c] = 102, [0x70] = 110, [0x71] = 111, [0x72] = 108, [0x74] = 106,
    [0x75] = 103, [0x77] = 119, [0x7a] = 109, [0x7c] = 99, [0x7d] = 104,
};

/* Set 3, of terminals: one code a key. */
static const guint8 atset3[] = {
    [0x07] = 59, [0x08] = 1, [0x0d] = 15, [0x0e] = 41, [0x0f] = 60, [0x11] = 29, [0x12] = 42, [0x13] = 86, [0x14] = 58, [0x15] = 16,
    [0x16] = 2, [0x17] = 61, [0x19] = 56, [0x1a] = 44, [0x1b] = 31, [0x1c] = 30, [0x1d] = 17, [0x1e] = 3, [0x1f] = 62, [0x21] = 46,
    [0x22] = 45, [0x23] = 32, [0x24] = 18, [0x25] = 5, [0x26] = 4, [0x27] = 63, [0x29] = 57, [0x2a] = 47, [0x2b] = 33, [0x2c] = 20,
    [0x2d] = 19, [0x2e] = 6, [0x2f] = 64, [0x31] = 49, [0x32] = 48, [0x33] = 35, [0x34] = 34, [0x35] = 21, [0x36] = 7, [0x37] = 65,
    [0x39] = 100, [0x3a] = 50, [0x3b] = 36, [0x3c] = 22, [0x3d] = 8, [0x3e] = 9, [0x3f] = 66, [0x41] = 51, [0x42] = 37, [0x43] = 23,
    [0x44] = 24, [0x45] = 11, [0x46] = 10, [0x47] = 67, [0x49] = 52, [0x4a] = 53, [0x4b] = 38, [0x4c] = 39, [0x4d] = 25, [0x4e] = 12,
    [0x4f] = 68, [0x52] = 40, [0x54] = 26, [0x55] = 13, [0x56] = 87, [0x57] = 99, [0x58] = 97, [0x59] = 54, [0x5a] = 28, [0x5b] = 27,
    [0x5c] = 43, [0x5e] = 88, [0x5f] = 70, [0x60] = 108, [0x61] = 105, [0x62] = 119, [0x63] = 103, [0x64] = 111, [0x65] = 107, [0x66] = 14,
    [0x67] = 110, [0x69] = 79, [0x6a] = 106, [0x6b] = 75, [0x6c] = 71, [0x6d] = 109, [0x6e] = 102, [0x6f] = 104, [0x70] = 82, [0x71] = 83,
    [0x72] = 80, [0x73] = 76, [0x74] = 77, [0x75] = 72, [0x76] = 69, [0x77] = 98, [0x79] = 96, [0x7a] = 81, [0x7c] = 78, [0x7d] = 73,
    [0x7e] = 55, [0x84] = 74, [0x8b] = 125, [0x8c] = 126, [0x8d] = 127,
};

/* What Linux's driver of XT keyboards has behind the plain codes. */
static const guint8 xt_kbd[] = {
    [101] = 87, [102] = 88, [107] = 110, [108] = 111, [109] = 103, [110] = 108, [111] = 105, [112] = 106,
};

/* Plain codes of an XT keyboard, and how its extended ones are told from them. */
#define XT_LAST 88
#define EXTENDED(code, mark, mask) (((code) & ~(guint) (mask)) == (mark))

static const char *
word_in(const char *const *table, guint n, guint code)
{
    return code < n ? table[code] : NULL;
}

/* By way of Linux's numbers. */
static const char *
word_by(const guint8 *table, guint n, guint code)
{
    return code < n && table[code] != 0 ? words[table[code]] : NULL;
}

#define WORD_BY(table, code) word_by(table, G_N_ELEMENTS(table), code)
#define WORD_IN(table, code) word_in(table, G_N_ELEMENTS(table), code)

/* QEMU's word for a key; NULL: there is no such key. */
static const char *
word_of(guint codeset, guint code)
{
    switch (codeset) {
    case CODES_LINUX:
        return WORD_IN(words, code);
    case CODES_XT:
    case CODES_ATSET1:
        return EXTENDED(code, 0xe000, 0xff) ? WORD_IN(extended_words, code & 0xff) : code <= XT_LAST ? words[code] : NULL;
    case CODES_ATSET2:
        return EXTENDED(code, 0xe000, 0xff) ? WORD_BY(atset2_extended, code & 0xff) : WORD_BY(atset2, code);
    case CODES_ATSET3:
        return WORD_BY(atset3, code);
    case CODES_XT_KBD:
        return code <= XT_LAST ? words[code] : WORD_BY(xt_kbd, code);
    case CODES_QNUM:
        return EXTENDED(code, 0x80, 0x7f) ? WORD_IN(extended_words, code & 0x7f) : code <= XT_LAST ? words[code] : NULL;
    case CODES_USB:
        return WORD_IN(usb_words, code);
    case CODES_WIN32:
        return WORD_IN(win32_words, code);
    case CODES_OSX:
        return WORD_IN(osx_words, code);
    default:
        return NULL;
    }
}

gboolean
sk_lv_send_key(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    const SkXdrValue *codes = sk_lv_value(call, "keycodes");
    guint codeset = sk_lv_uint(call, "codeset");
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (codeset >= N_CODES)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "codeset %u is not known here", codeset);
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
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_SCREENSHOT);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.screen = sk_lv_uint(call, "screen");
    return sk_lv_dispatch(call, op, put_picture);
}
