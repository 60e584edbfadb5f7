/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep node, doctor, stats and audit. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/capabilities.h"

/* -- doctor ----------------------------------------------------------------------------------------------------- */

static const char *
paint(const char *level)
{
    if (!isatty(STDOUT_FILENO) || g_getenv("NO_COLOR") != NULL)
        return "";
    return g_str_equal(level, "problem") ? "\033[31m" : g_str_equal(level, "warning") ? "\033[33m" : g_str_equal(level, "ok") ? "\033[32m" : "";
}

static void
print_finding(json_t *finding)
{
    g_autofree char *level = sk_cell_text(sk_json_at(finding, "level"), SK_CELL_TEXT);
    g_autofree char *check = sk_cell_text(sk_json_at(finding, "check"), SK_CELL_TEXT);
    g_autofree char *text = sk_cell_text(sk_json_at(finding, "text"), SK_CELL_TEXT);
    g_autofree char *remedy = sk_cell_text(sk_json_at(finding, "remedy"), SK_CELL_TEXT);
    const char *colour = paint(level);
    printf("%s%-8s%s %-16s %s\n", colour, level, *colour != '\0' ? "\033[0m" : "", check, text);
    if (!g_str_equal(remedy, "-"))
        printf("%-8s %-16s mend it with: %s\n", "", "", remedy);
}

static guint
count_level(json_t *list, const char *level)
{
    guint n = 0;
    gsize i;
    json_t *finding;
    json_array_foreach(list, i, finding)
        n += g_strcmp0(sk_json_text_at(finding, "level"), level) == 0;
    return n;
}

static gboolean
run_doctor(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_NODE_DOCTOR);
    g_autoptr(json_t) list = sk_cli_list(self, ask, error);
    gsize i;
    json_t *finding;
    if (list == NULL)
        return FALSE;
    guint problems = count_level(list, "problem"), warnings = count_level(list, "warning");
    self->exit_code = problems > 0;
    if (self->format != SK_FORMAT_TABLE) {
        sk_cli_print(self, sk_args_command(args), list);
        return TRUE;
    }
    json_array_foreach(list, i, finding)
        print_finding(finding);
    if (!self->quiet)
        printf("\n%u problem%s, %u warning%s\n", problems, problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    return TRUE;
}

/* -- stats -------------------------------------------------------------------------------------------------------- */

#define FRESH_USEC (5 * G_USEC_PER_SEC)     /* the daemon looks every other second while somebody asks */
#define LOOKS 10
#define LOOK_USEC (200 * 1000)

static json_t *
ask_stats(SkCli *self, const char *name, GError **error)
{
    g_autoptr(SkAsk) ask = name != NULL ? sk_ask_new_named(SK_OP_DOMAIN_STATS, name) : sk_ask_new(SK_OP_STATS_LIST);
    return name != NULL ? sk_cli_ask(self, ask, NULL, error) : sk_cli_list(self, ask, error);
}

/* TRUE if a running domain's figures are of an earlier question, or not taken yet. */
static gboolean
is_stale(json_t *answer)
{
    gsize i;
    json_t *row;
    if (json_is_object(answer))
        return g_strcmp0(sk_json_text_at(answer, "state"), "running") == 0 && g_get_real_time() - sk_json_int_at(answer, "time") > FRESH_USEC;
    json_array_foreach(answer, i, row) {
        if (is_stale(row))
            return TRUE;
    }
    return FALSE;
}

/* The first question after a while only sets the daemon looking; one more look after the first fresh one has the disks too. */
static json_t *
fresh_stats(SkCli *self, const char *name, GError **error)
{
    json_t *answer = ask_stats(self, name, error);
    gboolean stale = answer != NULL && is_stale(answer);
    for (guint i = 0; i < LOOKS && stale && answer != NULL; i++) {
        stale = is_stale(answer);
        json_decref(answer);
        g_usleep(LOOK_USEC);
        answer = ask_stats(self, name, error);
    }
    return answer;
}

static gboolean
run_stats(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    g_autoptr(json_t) answer = fresh_stats(self, name, error);
    if (answer == NULL)
        return FALSE;
    g_autoptr(json_t) rows = json_is_array(answer) || self->format != SK_FORMAT_TABLE ? json_incref(answer) : json_pack("[O]", answer);
    sk_cli_print(self, sk_args_command(args), rows);
    return TRUE;
}

/* -- audit -------------------------------------------------------------------------------------------------------- */

/* One page: the log is long. */
static gboolean
run_audit(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_AUDIT_LIST);
    sk_ask_fill(ask, args);
    g_autoptr(json_t) page = sk_cli_ask(self, ask, NULL, error);
    if (page == NULL)
        return FALSE;
    sk_cli_print(self, sk_args_command(args), json_object_get(page, "items"));
    return TRUE;
}

/* -- the host's pages --------------------------------------------------------------------------------------------------- */

static gboolean
run_pages(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = sk_args_body(args, NULL, error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_NODE_PAGES);
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, "huge pages", error);
}

const SkCommand sk_node_commands[] = {
    { .words = "node", .ops = SK_OPS(SK_OP_NODE_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Host name", "hostname" }, { "System", "os" }, { "Kernel", "kernel" }, { "Architecture", "arch" },
                            { "CPU", "cpu_model" }, { "CPUs", "cpus" }, { "Memory", "memory_total", SK_CELL_SIZE },
                            { "Memory free", "memory_available", SK_CELL_SIZE }, { "Accelerator", "accel" }, { "Because", "accel_reason" },
                            { "QEMU", "qemu_path" }, { "QEMU version", "qemu_version" }, { "skepd version", "version" },
                            { "Domains", "domains" }, { "Running", "running" }, { "Daemon started", "started", SK_CELL_TIME }),
      .examples = "skep node\nskep node -o json" },
    { .words = "doctor", .ops = SK_OPS(SK_OP_NODE_DOCTOR), .run = run_doctor,
      .columns = SK_COLUMNS({ "CHECK", "check" }, { "LEVEL", "level" }, { "TEXT", "text" }, { "REMEDY", "remedy" }),
      .notes = "Exits with 1 if there is a problem; notes and warnings are none.", .examples = "skep doctor\nskep doctor -o json" },
    { .words = "top", .help = "watch the figures of active domains", .ops = SK_OPS(SK_OP_STATS_LIST, SK_OP_NODE_SHOW), .run = sk_run_top,
      .options = SK_OPTIONS({ 'd', "delay", "SECONDS", "seconds between two looks; 2 if not given" },
                            { 's', "sort", "COLUMN", "cpu, memory, disk, net or name", .choices = "cpu|memory|disk|net|name" },
                            { '1', "once", NULL, "print it once, over one second" }),
      .notes = "Keys: c, m, d, n, a sort by CPU, memory, disk, network or name; q ends. Without a terminal it is printed once.",
      .examples = "skep top\nskep top --once --sort memory" },
    { .words = "stats", .operands = "[DOMAIN]", .help = "show the figures of active domains as they are", .ops = SK_OPS(SK_OP_STATS_LIST, SK_OP_DOMAIN_STATS),
      .run = run_stats,
      .columns = SK_COLUMNS({ "NAME", "name" }, { "STATE", "state" }, { "VCPUS", "vcpus" }, { "CPU TIME", "cpu_time", SK_CELL_DURATION },
                            { "MEMORY", "memory_assigned", SK_CELL_SIZE }, { "RESIDENT", "memory_rss", SK_CELL_SIZE },
                            { "READ", "block_read_bytes", SK_CELL_SIZE }, { "WRITTEN", "block_write_bytes", SK_CELL_SIZE },
                            { "RECEIVED", "net_rx_bytes", SK_CELL_SIZE }, { "SENT", "net_tx_bytes", SK_CELL_SIZE }),
      .notes = "Counters are since the start of the domain.", .examples = "skep stats\nskep stats web1 -o json" },
    { .words = "host capabilities", .ops = SK_OPS(SK_OP_NODE_CAPABILITIES), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "UUID", "uuid" }, { "Architecture", "arch" }, { "CPU model", "cpu_model" }, { "CPU vendor", "cpu_vendor" },
                            { "Sockets", "sockets" }, { "Dies", "dies" }, { "Cores", "cores" }, { "Threads", "threads" }, { "IOMMU", "iommu", SK_CELL_YES },
                            { "KVM", "kvm", SK_CELL_YES }, { "QEMU", "emulator" }, { "QEMU version", "version" }, { "UEFI", "loaders" }),
      .notes = "-o json has NUMA nodes, machine types and CPU models too.", .examples = "skep host capabilities -o json" },
    { .words = "host devices", .ops = SK_OPS(SK_OP_NODE_DEVICES), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "name" }, { "KIND", "kind" }, { "DRIVER", "driver" }, { "PRODUCT", "product_name" }, { "PARENT", "parent" }),
      .examples = "skep host devices" },
    { .words = "host detach", .operands = "DEVICE", .ops = SK_OPS(SK_OP_NODE_DEVICE_DETACH), .run = sk_run_operation, .done = "detached",
      .examples = "skep host detach pci_0000_01_00_0" },
    { .words = "host reattach", .operands = "DEVICE", .ops = SK_OPS(SK_OP_NODE_DEVICE_REATTACH), .run = sk_run_operation, .done = "given back",
      .examples = "skep host reattach pci_0000_01_00_0" },
    { .words = "host reset", .operands = "DEVICE", .ops = SK_OPS(SK_OP_NODE_DEVICE_RESET), .run = sk_run_operation, .done = "reset",
      .examples = "skep host reset pci_0000_01_00_0" },
    { .words = "host pages", .operands = "KEY=VALUE...", .ops = SK_OPS(SK_OP_NODE_PAGES), .run = run_pages, .done = "set aside",
      .body = &sk_page_request_type, .examples = "skep host pages size=2048 count=512" },
    { .words = "audit", .ops = SK_OPS(SK_OP_AUDIT_LIST), .run = run_audit,
      .columns = SK_COLUMNS({ "NUMBER", "id" }, { "TIME", "time", SK_CELL_TIME }, { "USER", "user" }, { "FROM", "from" }, { "OPERATION", "operation" },
                            { "OBJECT", "object" }, { "RESULT", "result" }, { "MESSAGE", "message" }),
      .options = SK_OPTIONS({ 0, "limit", "NUMBER", .param = "limit" }, { 0, "after", "NUMBER", "go on after this entry", .param = "after" }),
      .notes = "Newest first.", .examples = "skep audit\nskep audit --limit 20" },
    { 0 },
};
