/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep top: the figures of active domains, alive. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "codec/json/json.h"

#define ENTER "\033[?1049h\033[?25l"    /* the other screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"

typedef enum { SORT_CPU, SORT_MEMORY, SORT_DISK, SORT_NET, SORT_NAME, N_SORTS } Sort;
static const char *const sort_names[N_SORTS] = { "cpu", "memory", "disk", "net", "name" };
static const char sort_keys[N_SORTS] = { 'c', 'm', 'd', 'n', 'a' };

/* One domain between two looks. Rates are per second. */
typedef struct {
    char *name, *state;
    guint vcpus;
    gdouble cpu;            /* of one CPU */
    guint64 memory, assigned;
    gdouble read, written, received, sent;
} Row;

static void
row_free(gpointer data)
{
    Row *self = data;
    g_free(self->name);
    g_free(self->state);
    g_free(self);
}

/* -- figures ---------------------------------------------------------------------------------------------------- */

static json_t *
find_before(json_t *list, const char *uuid)
{
    gsize i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        if (g_strcmp0(sk_json_text_at(entry, "uuid"), uuid) == 0)
            return entry;
    }
    return NULL;
}

/* Counters begin anew with a domain: less than before is a new start. */
static gdouble
rate(json_t *now, json_t *before, const char *key, gdouble seconds)
{
    gint64 a = before != NULL ? sk_json_int_at(before, key) : 0, b = sk_json_int_at(now, key);
    return before == NULL || b < a || seconds <= 0 ? 0 : (gdouble) (b - a) / seconds;
}

static Row *
make_row(json_t *now, json_t *before)
{
    Row *row = g_new0(Row, 1);
    gdouble seconds = before != NULL ? (gdouble) (sk_json_int_at(now, "time") - sk_json_int_at(before, "time")) / G_USEC_PER_SEC : 0;
    row->name = sk_cell_text(sk_json_at(now, "name"), SK_CELL_TEXT);
    row->state = sk_cell_text(sk_json_at(now, "state"), SK_CELL_TEXT);
    row->vcpus = (guint) sk_json_int_at(now, "vcpus");
    row->cpu = rate(now, before, "cpu_time", seconds) / 1e9;
    row->memory = (guint64) sk_json_int_at(now, "memory_rss");
    row->assigned = (guint64) sk_json_int_at(now, "memory_assigned");
    row->read = rate(now, before, "block_read_bytes", seconds);
    row->written = rate(now, before, "block_write_bytes", seconds);
    row->received = rate(now, before, "net_rx_bytes", seconds);
    row->sent = rate(now, before, "net_tx_bytes", seconds);
    return row;
}

static gdouble
sort_value(const Row *row, Sort sort)
{
    switch (sort) {
    case SORT_CPU:
        return row->cpu;
    case SORT_MEMORY:
        return (gdouble) row->memory;
    case SORT_DISK:
        return row->read + row->written;
    case SORT_NET:
        return row->received + row->sent;
    default:
        return 0;
    }
}

static gint
compare(gconstpointer a, gconstpointer b, gpointer data)
{
    const Row *left = *(const Row *const *) a, *right = *(const Row *const *) b;
    Sort sort = (Sort) GPOINTER_TO_UINT(data);
    gdouble x = sort_value(left, sort), y = sort_value(right, sort);
    return x > y ? -1 : x < y ? 1 : strcmp(left->name, right->name);
}

static GPtrArray *
make_rows(json_t *now, json_t *before, Sort sort)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
    gsize i;
    json_t *entry;
    json_array_foreach(now, i, entry)
        g_ptr_array_add(rows, make_row(entry, find_before(before, sk_json_text_at(entry, "uuid"))));
    g_ptr_array_sort_with_data(rows, compare, GUINT_TO_POINTER(sort));
    return rows;
}

/* -- the picture -------------------------------------------------------------------------------------------------- */

static void
add_rate(SkTable *table, gdouble bytes)
{
    g_autofree char *size = sk_size_format((guint64) bytes);
    g_autofree char *text = g_strdup_printf("%s/s", size);
    sk_table_add(table, bytes > 0 ? text : "-", TRUE);
}

static char *
make_table(const GPtrArray *rows)
{
    static const char *const titles[] = { "NAME", "STATE", "VCPUS", "CPU", "MEMORY", "RESIDENT", "READ", "WRITE", "RECEIVE", "SEND" };
    g_autoptr(SkTable) table = sk_table_new(titles, G_N_ELEMENTS(titles));
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = rows->pdata[i];
        g_autofree char *vcpus = g_strdup_printf("%u", row->vcpus), *cpu = g_strdup_printf("%.1f%%", row->cpu * 100);
        g_autofree char *assigned = sk_size_format(row->assigned), *resident = sk_size_format(row->memory);
        sk_table_add(table, row->name, FALSE);
        sk_table_add(table, row->state, FALSE);
        sk_table_add(table, vcpus, TRUE);
        sk_table_add(table, cpu, TRUE);
        sk_table_add(table, assigned, TRUE);
        sk_table_add(table, resident, TRUE);
        add_rate(table, row->read);
        add_rate(table, row->written);
        add_rate(table, row->received);
        add_rate(table, row->sent);
    }
    GString *out = g_string_new(NULL);
    sk_table_write(table, out);
    return g_string_free(out, FALSE);
}

/* As many lines as the window has, each cut at its width. */
static void
draw(const char *table, const char *header)
{
    struct winsize size = { 0 };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    g_autoptr(GString) out = g_string_new("\033[H");
    g_string_append_printf(out, "%.*s\033[K\r\n", size.ws_col, header);
    for (guint i = 0; lines[i] != NULL && *lines[i] != '\0' && i + 2 < size.ws_row; i++) {
        g_autofree char *cut = g_utf8_substring(lines[i], 0, MIN(size.ws_col, g_utf8_strlen(lines[i], -1)));
        g_string_append_printf(out, i == 0 ? "\033[7m%s\033[K\033[0m\r\n" : "%s\033[K\r\n", cut);
    }
    g_string_append(out, "\033[J");
    fwrite(out->str, 1, out->len, stdout);
    fflush(stdout);
}

/* -- the loop -------------------------------------------------------------------------------------------------------- */

static json_t *
look(SkCli *self, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_STATS_LIST);
    return sk_cli_list(self, ask, error);
}

static Sort
find_sort(const char *name)
{
    for (guint i = 0; name != NULL && i < N_SORTS; i++) {
        if (g_str_equal(sort_names[i], name))
            return (Sort) i;
    }
    return SORT_CPU;
}

static gboolean
run_once(SkCli *self, Sort sort, guint delay, GError **error)
{
    g_autoptr(json_t) before = look(self, error);
    if (before == NULL)
        return FALSE;
    if (json_array_size(before) > 0)
        g_usleep((gulong) delay * G_USEC_PER_SEC);
    g_autoptr(json_t) now = look(self, error);
    if (now == NULL)
        return FALSE;
    if (self->format != SK_FORMAT_TABLE) {
        sk_cli_print(self, sk_args_command(self->args), now);
        return TRUE;
    }
    g_autoptr(GPtrArray) rows = make_rows(now, before, sort);
    g_autofree char *table = make_table(rows);
    fputs(table, stdout);
    return TRUE;
}

/* Waits for a key until the time is over; FALSE: the user wants to end. */
static gboolean
wait_key(Sort *sort, guint delay)
{
    struct pollfd poll_fd = { .fd = STDIN_FILENO, .events = POLLIN };
    char key;
    if (poll(&poll_fd, 1, (gint) delay * 1000) <= 0)
        return TRUE;
    if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 3 || key == 4)
        return FALSE;
    for (guint i = 0; i < N_SORTS; i++) {
        if (key == sort_keys[i])
            *sort = (Sort) i;
    }
    return TRUE;
}

static void
leave_screen(void)
{
    (void) !write(STDOUT_FILENO, LEAVE, strlen(LEAVE));
}

static gboolean
run_live(SkCli *self, Sort sort, guint delay, GError **error)
{
    g_autoptr(json_t) before = look(self, error);
    if (before == NULL || !sk_terminal_raw())
        return before != NULL;
    (void) atexit(leave_screen);
    fputs(ENTER, stdout);
    gboolean more = TRUE;
    g_autoptr(json_t) now = json_incref(before);
    while (more && now != NULL) {
        g_autoptr(GPtrArray) rows = make_rows(now, before, sort);
        g_autofree char *table = make_table(rows);
        g_autofree char *header = g_strdup_printf("skep top: %u active, sorted by %s  (c m d n a: sort, q: end)", rows->len, sort_names[sort]);
        draw(table, header);
        more = wait_key(&sort, delay);
        json_decref(before);
        before = g_steal_pointer(&now);
        now = look(self, error);
    }
    sk_terminal_restore();
    return now != NULL;
}

gboolean
sk_run_top(SkCli *self, const SkArgs *args, GError **error)
{
    guint delay;
    Sort sort = find_sort(sk_args_get(args, "sort"));
    gboolean once = sk_args_has(args, "once") || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || self->format != SK_FORMAT_TABLE;
    if (!sk_args_uint(args, "delay", once ? 1 : 2, &delay, error))
        return FALSE;
    if (delay == 0 || delay > 3600)
        return sk_fail(error, SK_ERROR_INVALID, "option \"--delay\" is \"%u\", give 1 to 3600 seconds", delay);
    return once ? run_once(self, sort, delay, error) : run_live(self, sort, delay, error);
}
