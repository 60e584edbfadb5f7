/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep device: devices of any kind, described in JSON. */
#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/device.h"

#define MAX_DEVICE (256 * 1024)

/* {"rng":{}} as it is given, or from a file. */
static json_t *
read_device(const char *text, GError **error)
{
    gsize length = 0;
    if (*text == '{')
        return sk_json_parse(text, -1, "SPEC", error);
    g_autofree char *read = sk_read_input(text, MAX_DEVICE, &length, error);
    return read != NULL ? sk_json_parse(read, (gssize) length, text, error) : NULL;
}

static gboolean
run_described(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new((SkOperationId) sk_args_command(args)->ops[0]);
    sk_ask_fill(ask, args);
    json_t *device = read_device(sk_args_operand(args, "SPEC"), error);
    if (device == NULL)
        return FALSE;
    sk_ask_take_body(ask, device);
    ask->what = g_strdup_printf("%s %s", sk_args_command(args)->words, sk_args_operand(args, "DOMAIN"));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "DOMAIN"), error);
}

#define SCOPE { 0, "scope", "SCOPE", .param = "scope", .choices = "both|live|config" }

const SkCommand sk_device_commands[] = {
    { .words = "device attach", .operands = "DOMAIN SPEC", .ops = SK_OPS(SK_OP_DEVICE_ATTACH), .run = run_described, .done = "has one device more",
      .options = SK_OPTIONS(SCOPE),
      .notes = "SPEC is JSON with one member that names the kind, or a file with that; - is standard input. The kinds: disk, interface, controller, "
               "serial, parallel, console, channel, graphics, video, input, rng, sound, hostdev, filesystem, redirdev, hub, smartcard, shmem, dimm, audio, "
               "balloon, watchdog, tpm, panic, vsock, iommu.",
      .examples = "skep device attach web1 '{\"rng\":{}}'\nskep device attach web1 '{\"hostdev\":{\"kind\":\"usb\",\"host\":\"1d6b:0002\"}}' --scope live" },
    { .words = "device update", .operands = "DOMAIN SPEC", .ops = SK_OPS(SK_OP_DEVICE_UPDATE), .run = run_described, .done = "has the device changed",
      .options = SK_OPTIONS(SCOPE, { 'f', "force", NULL, .param = "force" }), .examples = "skep device update web1 disk.json" },
    { .words = "device detach", .operands = "DOMAIN SPEC", .ops = SK_OPS(SK_OP_DEVICE_DETACH), .run = run_described, .done = "has one device less",
      .options = SK_OPTIONS(SCOPE), .examples = "skep device detach web1 '{\"rng\":{}}'" },
    { .words = "device remove", .operands = "DOMAIN ALIAS", .ops = SK_OPS(SK_OP_DEVICE_REMOVE), .run = sk_run_operation, .done = "has one device less",
      .options = SK_OPTIONS(SCOPE), .examples = "skep device remove web1 rng0" },
    { 0 },
};
