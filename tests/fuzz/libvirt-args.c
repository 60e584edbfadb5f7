/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the arguments, or the reply, of any procedure: the first four bytes say which. All that is decoded can be looked at. */
#include <string.h>

#include "api/libvirt/procedure.h"

/* In the first byte. */
#define QEMU 0x80
#define REPLY 0x40

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void walk(const SkXdrRecord *record);

static void
look_at_params(const SkXdrValue *value)
{
    for (guint i = 0; i < value->count; i++) {
        const SkXdrParam *param = &value->params[i];
        g_assert_true(g_utf8_validate(param->field, -1, NULL));
        g_assert_nonnull(sk_xdr_param(value, param->field));
        if (param->type == SK_XDR_PARAM_STR)
            g_assert_true(g_utf8_validate(param->text, -1, NULL));
    }
}

static void
look_at(const SkXdrRecord *record, const SkXdrField *field)
{
    const SkXdrValue *value = sk_xdr_value(record, field->name);
    if (!value->present)
        return;
    g_assert_true(field->max == 0 || value->count <= field->max);
    if (field->kind == SK_XDR_PARAMS) {
        look_at_params(value);
    } else if (field->kind == SK_XDR_STR && field->many != SK_XDR_COUNTED) {
        g_assert_cmpuint(strlen(value->text), ==, value->count);
    } else if (field->kind == SK_XDR_STRUCT && field->many == SK_XDR_COUNTED) {
        for (guint i = 0; i < value->count; i++) {
            SkXdrRecord item = sk_xdr_item(record, field->name, i);
            walk(&item);
        }
    } else if (field->kind == SK_XDR_STRUCT) {
        const SkXdrRecord member = { .signature = field->members, .values = value->items };
        walk(&member);
    }
}

static void
walk(const SkXdrRecord *record)
{
    for (guint i = 0; i < record->signature->n_fields; i++)
        look_at(record, &record->signature->fields[i]);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size < 4)
        return 0;
    guint number = (guint) data[2] << 8 | data[3];
    const SkLvProcedure *row = sk_lv_procedure((data[0] & QEMU) != 0 ? SK_LV_PROGRAM_QEMU : SK_LV_PROGRAM_REMOTE, number, NULL);
    if (row == NULL)
        return 0;
    const SkXdrSignature *signature = (data[0] & REPLY) != 0 ? sk_lv_returns(row) : sk_lv_args(row);
    g_autoptr(SkXdrMessage) message = sk_xdr_decode(signature, data + 4, size - 4, NULL);
    if (message == NULL)
        return 0;
    SkXdrRecord record = sk_xdr_message_record(message);
    walk(&record);
    return 0;
}
