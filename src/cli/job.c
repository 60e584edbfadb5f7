/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep job and events. */
#include <poll.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/websocket.h"
#include "codec/json/json.h"

/* -- jobs ------------------------------------------------------------------------------------------------------- */

static gboolean
run_wait(SkCli *self, const SkArgs *args, GError **error)
{
    for (const char *const *at = sk_args_rest(args, "JOB"); *at != NULL; at++) {
        g_autofree char *id = sk_cli_full_id(self, SK_OP_JOB_LIST, *at, error);
        g_autofree char *what = g_strdup_printf("job %.8s", *at);
        json_t *job = id != NULL ? sk_cli_wait_job(self, id, what, error) : NULL;
        if (job == NULL)
            return FALSE;
        sk_cli_done(self, args, id, job);
    }
    return TRUE;
}

/* -- events ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkCli *cli;
    guint left;             /* events to show yet; 0: no end */
    gboolean stop;
} Watch;

/* "state=running reason=booted"; of a job's event what it does and what came of it. */
static char *
data_text(json_t *data)
{
    const char *operation = sk_json_text_at(data, "operation"), *object = sk_json_text_at(data, "object"), *message = sk_json_text_at(data, "message");
    if (operation != NULL && object != NULL) {
        g_autofree char *text = g_strdup_printf("%s %s%s%s", operation, object, message != NULL ? ": " : "", message != NULL ? message : "");
        return sk_text_clean(text);
    }
    g_autoptr(GString) out = g_string_new(NULL);
    const char *key;
    json_t *value;
    json_object_foreach(data, key, value) {
        g_autofree char *text = sk_cell_text(value, SK_CELL_TEXT);
        g_string_append_printf(out, "%s%s=%s", out->len > 0 ? " " : "", key, text);
    }
    return sk_text_clean(out->str);
}

static void
print_event(json_t *event)
{
    g_autofree char *time = sk_cell_text(sk_json_at(event, "time"), SK_CELL_TIME);
    g_autofree char *type = sk_cell_text(sk_json_at(event, "type"), SK_CELL_TEXT);
    g_autofree char *object = sk_cell_text(sk_json_at(event, "object"), SK_CELL_TEXT);
    g_autofree char *data = data_text(sk_json_at(event, "data"));
    printf("%s  %-22s  %s%s%s\n", time, type, object, *data != '\0' ? "  " : "", data);
}

static void
on_event(gboolean text, const void *data, gsize length, gpointer user_data)
{
    Watch *self = user_data;
    g_autoptr(json_t) event = json_loadb(data, length, 0, NULL);
    if (event == NULL || self->stop)
        return;
    if (self->cli->format == SK_FORMAT_JSON)
        printf("%.*s\n", (int) length, (const char *) data);
    else if (self->cli->format == SK_FORMAT_YAML) {
        g_autoptr(GString) out = g_string_new("---\n");
        sk_output_yaml(out, event);
        fputs(out->str, stdout);
    } else {
        print_event(event);
    }
    self->stop |= fflush(stdout) != 0;
    if (self->left > 0 && --self->left == 0)
        self->stop = TRUE;
}

static SkWebSocket *
open_events(SkCli *self, const SkAsk *ask, Watch *watch, GError **error)
{
    g_autofree char *target = sk_ask_target(ask, error);
    g_autoptr(SkHttpAnswer) refusal = NULL;
    SkStream *stream = target != NULL ? sk_http_upgrade(sk_cli_http(self), target, &refusal, error) : NULL;
    if (refusal != NULL) {
        g_autoptr(json_t) body = json_loadb(refusal->body->str, refusal->body->len, 0, NULL);
        sk_cli_set_error(error, refusal->head.status, body);
    }
    return stream != NULL ? sk_websocket_new(stream, on_event, watch) : NULL;
}

gboolean
sk_run_events(SkCli *self, const SkArgs *args, GError **error)
{
    Watch watch = { .cli = self };
    if (!sk_args_uint(args, "count", 0, &watch.left, error))
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_EVENTS);
    sk_ask_fill(ask, args);
    g_autoptr(SkWebSocket) socket = open_events(self, ask, &watch, error);
    if (socket == NULL)
        return FALSE;
    GError *failure = NULL;
    while (!watch.stop && sk_websocket_receive(socket, &failure)) {
        struct pollfd poll_fd = { .fd = sk_websocket_fd(socket), .events = POLLIN };
        if (!watch.stop)
            (void) poll(&poll_fd, 1, -1);
    }
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (!watch.stop)
        return sk_fail(error, SK_ERROR_IO, "the daemon ended the events");
    sk_websocket_close(socket);
    return TRUE;
}

const SkCommand sk_job_commands[] = {
    { .words = "job ls", .ops = SK_OPS(SK_OP_JOB_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "ID", "id", SK_CELL_SHORT_ID }, { "OPERATION", "operation" }, { "OBJECT", "object" }, { "STATE", "state" },
                            { "DONE", "progress", SK_CELL_PERCENT }, { "USER", "user" }, { "CREATED", "created", SK_CELL_TIME }, { "STEP", "step" },
                            { "MESSAGE", "message" }),
      .options = SK_OPTIONS({ 's', "state", "STATE", .param = "state", .choices = "queued|running|done|failed|cancelled" }),
      .examples = "skep job ls\nskep job ls --state running" },
    { .words = "job show", .operands = "JOB", .help = "show a job", .ops = SK_OPS(SK_OP_JOB_SHOW, SK_OP_JOB_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Id", "id" }, { "Operation", "operation" }, { "Object", "object" }, { "User", "user" }, { "State", "state" },
                            { "Done", "progress", SK_CELL_PERCENT }, { "Step", "step" }, { "Created", "created", SK_CELL_TIME },
                            { "Started", "started", SK_CELL_TIME }, { "Ended", "ended", SK_CELL_TIME }, { "Error", "error" },
                            { "Message", "message" }, { "Result", "result" }),
      .examples = "skep job show 3f2a91c0" },
    { .words = "job wait", .operands = "JOB...", .help = "wait for the end of jobs", .ops = SK_OPS(SK_OP_JOB_SHOW, SK_OP_JOB_LIST), .run = run_wait,
      .done = "done", .notes = "The exit code is that of the job. --timeout gives up waiting; the job goes on.", .examples = "skep job wait 3f2a91c0" },
    { .words = "job cancel", .operands = "JOB", .ops = SK_OPS(SK_OP_JOB_CANCEL, SK_OP_JOB_LIST), .run = sk_run_operation, .done = "told to stop",
      .examples = "skep job cancel 3f2a91c0" },
    { .words = "events", .help = "watch what happens", .ops = SK_OPS(SK_OP_EVENTS), .run = sk_run_events,
      .options = SK_OPTIONS({ 0, "since", "REVISION", .param = "since" },
                            { 0, "match", "TEXT", "only events whose type or object begins with this", .param = "match" },
                            { 'n', "count", "NUMBER", "end after so many events" }),
      .notes = "Runs until Ctrl-C. With -o json each event is one line; its revision can be given to --since later.",
      .examples = "skep events\nskep events --match domain. -o json\nskep events --since 4711 --count 10" },
    { 0 },
};
