/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keyboards, mice and tablets. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

static gboolean
build_input(SkBuilder *self, const SkInput *input, GError **error)
{
    static const char *const usb[SK_N_INPUT_KINDS] = { [SK_INPUT_TABLET] = "usb-tablet", [SK_INPUT_MOUSE] = "usb-mouse",
                                                       [SK_INPUT_KEYBOARD] = "usb-kbd" };
    static const char *const virtio[SK_N_INPUT_KINDS] = { [SK_INPUT_TABLET] = "virtio-tablet", [SK_INPUT_MOUSE] = "virtio-mouse",
                                                          [SK_INPUT_KEYBOARD] = "virtio-keyboard" };
    g_autofree char *driver = input->bus == SK_INPUT_USB ? g_strdup(usb[input->kind]) : sk_builder_virtio(self, virtio[input->kind]);

    if (input->bus == SK_INPUT_PS2) {
        if (input->kind == SK_INPUT_TABLET || self->machine == SK_MACHINE_MICROVM)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "input device \"%s\": machine \"%s\" has no PS/2 %s: give bus %s", input->alias,
                           self->spec->machine, sk_enum_name(&sk_input_kind_enum, input->kind),
                           self->machine == SK_MACHINE_MICROVM ? "virtio" : "usb");
        /* PS/2 keyboard and mouse are on the board. */
        return TRUE;
    }
    json_t *device = json_pack("{s:s,s:s}", "driver", driver, "id", input->alias);
    return input->bus == SK_INPUT_USB ? sk_builder_usb(self, device, input->address, error)
                                      : sk_builder_pci(self, device, input->address, error);
}

gboolean
sk_build_inputs(SkBuilder *self, GError **error)
{
    const GPtrArray *inputs = self->spec->inputs;
    for (guint i = 0; inputs != NULL && i < inputs->len; i++) {
        if (!build_input(self, inputs->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}
