/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep screenshot, keys, nmi, dump, memory: looking into a guest from outside. */
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "codec/json/json.h"
#include "model/agent.h"

static gboolean
run_picture(SkCli *self, const SkArgs *args, GError **error)
{
    if (isatty(STDOUT_FILENO))
        return sk_fail(error, SK_ERROR_INVALID, "a picture is nothing for a terminal: skep screenshot %s > screen.png", sk_args_operand(args, "DOMAIN"));
    return sk_run_bytes(self, args, error);
}

static gboolean
ask_with(SkCli *self, const SkArgs *args, SkOperationId op, json_t *fields, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new_named(op, sk_args_operand(args, "DOMAIN"));
    json_t *body = sk_args_body(args, fields, error);
    if (body == NULL)
        return FALSE;
    sk_ask_take_body(ask, body);
    ask->what = g_strdup_printf("%s %s", sk_args_command(args)->words, sk_args_operand(args, "DOMAIN"));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "DOMAIN"), error);
}

static gboolean
run_keys(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *keys = json_array();
    for (const char *const *at = sk_args_rest(args, "KEYS"); *at != NULL; at++)
        json_array_append_new(keys, json_string(*at));
    return ask_with(self, args, SK_OP_DOMAIN_SEND_KEY, json_pack("{s:o}", "keys", keys), error);
}

static gboolean
run_dump(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(sk_args_operand(args, "FILE"), NULL);
    return ask_with(self, args, SK_OP_DOMAIN_DUMP, json_pack("{s:s}", "path", path), error);
}

const SkCommand sk_inspect_commands[] = {
    { .words = "screenshot", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_DOMAIN_SCREENSHOT), .run = run_picture,
      .options = SK_OPTIONS({ 0, "screen", "NUMBER", .param = "screen" }),
      .notes = "The picture goes to standard output.", .examples = "skep screenshot web1 > web1.png" },
    { .words = "keys", .operands = "DOMAIN KEYS...", .ops = SK_OPS(SK_OP_DOMAIN_SEND_KEY), .run = run_keys, .done = "got the keys",
      .body = &sk_send_key_type, .options = SK_OPTIONS({ 0, "hold", "MS", .field = "hold" }), .notes = "They are pressed together.",
      .examples = "skep keys web1 ctrl alt delete" },
    { .words = "iothread", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_DOMAIN_IOTHREAD), .run = sk_run_operation, .done = "has its iothread tuned",
      .body = &sk_iothread_tuning_type,
      .options = SK_OPTIONS({ 0, "id", "NUMBER", .field = "id" }, { 0, "poll-max-ns", "NS", .field = "poll_max_ns" }, { 0, "poll-grow", "NUMBER", .field = "poll_grow" },
                            { 0, "poll-shrink", "NUMBER", .field = "poll_shrink" }, { 0, "thread-pool-min", "NUMBER", .field = "thread_pool_min" },
                            { 0, "thread-pool-max", "NUMBER", .field = "thread_pool_max" }),
      .notes = "How many there are is iothreads of the definition: skep set web1 iothreads=2.", .examples = "skep iothread web1 --id 1 --poll-max-ns 32768" },
    { .words = "dirty-rate", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_DIRTY_RATE), .run = sk_run_operation, .done = "is being watched",
      .body = &sk_dirty_rate_request_type, .options = SK_OPTIONS({ 0, "seconds", "NUMBER", .field = "seconds" }),
      .notes = "What it comes to is dirty_rate of the domain's figures: skep stats web1 -o json.", .examples = "skep dirty-rate web1 --seconds 2" },
    { .words = "nmi", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_NMI), .run = sk_run_operation, .done = "got an NMI", .examples = "skep nmi web1" },
    { .words = "dump", .operands = "DOMAIN FILE", .ops = SK_OPS(SK_OP_DOMAIN_DUMP), .run = run_dump, .done = "dumped", .body = &sk_dump_type,
      .options = SK_OPTIONS({ 0, "format", "FORMAT", .field = "format", .choices = "elf|kdump-zlib|kdump-lzo|kdump-snappy" },
                            { 0, "live", NULL, .field = "live" }),
      .notes = "FILE is on the host. The guest stands still meanwhile, unless --live is given.", .examples = "skep dump web1 /var/tmp/web1.core" },
    { .words = "disk content", .operands = "DOMAIN DISK", .ops = SK_OPS(SK_OP_DISK_CONTENT), .run = sk_run_bytes,
      .options = SK_OPTIONS({ 0, "offset", "BYTES", .param = "offset" }, { 0, "size", "BYTES", .param = "size" }),
      .notes = "Bytes of the file that the disk is on go to standard output.", .examples = "skep disk content web1 vda --size 512 | xxd" },
    { .words = "memory", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_DOMAIN_MEMORY), .run = sk_run_bytes,
      .options = SK_OPTIONS({ 0, "offset", "BYTES", .param = "offset" }, { 0, "size", "BYTES", .param = "size" }, { 0, "virtual", NULL, .param = "virtual" }),
      .notes = "Bytes go to standard output.", .examples = "skep memory web1 --offset 1048576 --size 4096 | xxd" },
    { 0 },
};
