/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep schedule, and skep snapshot schedule. */
#include "cli/cli.h"

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete schedule", "", error);
}

const SkCommand sk_schedule_commands[] = {
    { .words = "snapshot schedule", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_SCHEDULE_CREATE), .run = sk_run_operation, .done = "scheduled", .body = &sk_schedule_type,
      .options = SK_OPTIONS({ 0, "every", "TIME", .field = "every" }, { 0, "keep", "RULE", .field = "keep" }, { 0, "memory", NULL, .field = "memory" }),
      .notes = "24h,7d,4w keeps the newest of each of the last 24 hours, 7 days and 4 weeks that have one. Snapshots made by hand are never touched.",
      .examples = "skep snapshot schedule web1 --every 1h --keep 24h,7d,4w" },
    { .words = "schedule ls", .ops = SK_OPS(SK_OP_SCHEDULE_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "ID", "id" }, { "DOMAIN", "domain_name" }, { "MAKES", "kind" }, { "EVERY", "every" }, { "KEEPS", "keep" }, { "THERE", "made" },
                            { "LAST", "last", SK_CELL_TIME }, { "NEXT", "next", SK_CELL_TIME }, { "ERROR", "error" }),
      .examples = "skep schedule ls" },
    { .words = "schedule show", .operands = "SCHEDULE", .ops = SK_OPS(SK_OP_SCHEDULE_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Id", "id" }, { "Domain", "domain_name" }, { "Makes", "kind" }, { "Every", "every" }, { "Keeps", "keep" }, { "There", "made" },
                            { "Memory", "memory", SK_CELL_YES }, { "Paused", "paused", SK_CELL_YES }, { "Last", "last", SK_CELL_TIME },
                            { "Next", "next", SK_CELL_TIME }, { "Error", "error" }),
      .examples = "skep schedule show 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11" },
    { .words = "schedule set", .operands = "SCHEDULE KEY=VALUE...", .ops = SK_OPS(SK_OP_SCHEDULE_UPDATE), .run = sk_run_operation, .done = "changed",
      .body = &sk_schedule_type, .examples = "skep schedule set 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11 paused=true" },
    { .words = "schedule run", .operands = "SCHEDULE", .ops = SK_OPS(SK_OP_SCHEDULE_RUN), .run = sk_run_operation, .done = "begun",
      .notes = "At once, whenever it is due.", .examples = "skep schedule run 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11" },
    { .words = "schedule delete", .operands = "SCHEDULE...", .ops = SK_OPS(SK_OP_SCHEDULE_DELETE), .run = run_delete, .done = "deleted",
      .notes = "What it made stays. On a terminal it asks first, unless --yes is given.", .examples = "skep schedule delete 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11" },
    { 0 },
};
