/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Migration to and from a descriptor, a file's or a socket's. */
#include "engine/qmp/migrate.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "engine/qmp/commands.h"

#define NAME "skep-state"
/* How often progress is told while QEMU's own event of the end has not come. */
#define PACE_MS 200
#define SETTLE_MS 10000

static gboolean
set_capability(SkQmp *self, const char *name, gboolean on, GError **error)
{
    return sk_qmp_run(self, "migrate-set-capabilities", json_pack("{s:[{s:s,s:b}]}", "capabilities", "capability", name, "state", on), error);
}

static gboolean
set_capabilities(SkQmp *self, GError **error)
{
    return set_capability(self, "events", TRUE, error);
}

/* The rate is for sharing a wire; a file takes what it can. */
static gboolean
set_rate(SkQmp *self, GError **error)
{
    return sk_qmp_run(self, "migrate-set-parameters", json_pack("{s:I}", "max-bandwidth", (json_int_t) G_MAXINT64 / 2), error);
}

#define USUAL_CACHE    (64 * 1024 * 1024)
#define USUAL_THREADS  8

static guint
or_usual(guint given, guint usual)
{
    return given > 0 ? given : usual;
}

static json_t *
parameters_of(const SkMigrateOptions *options)
{
    json_int_t rate = options->bandwidth > 0 ? (json_int_t) MIN(options->bandwidth, G_MAXINT64 / 2) : (json_int_t) G_MAXINT64 / 2;
    json_t *parameters = json_pack("{s:I,s:I,s:I,s:i,s:i}", "max-bandwidth", rate, "downtime-limit", (json_int_t) options->downtime, "xbzrle-cache-size",
                                   options->cache > 0 ? (json_int_t) options->cache : (json_int_t) USUAL_CACHE, "cpu-throttle-initial",
                                   (int) or_usual(options->throttle_initial, 20), "cpu-throttle-increment",
                                   (int) or_usual(options->throttle_increment, 10));
    /* Newer QEMUs do not have these. */
    if (options->deflate) {
        json_object_set_new(parameters, "compress-threads", json_integer(or_usual(options->deflate_threads, USUAL_THREADS)));
        json_object_set_new(parameters, "compress-level", json_integer(or_usual(options->deflate_level, 1)));
    }
    if (options->channels > 0)
        json_object_set_new(parameters, "multifd-channels", json_integer(options->channels));
    return parameters;
}

/* All of them each time: what a former migration set stays set. was: what is set now, NULL: the usual. */
static gboolean
set_options(SkQmp *self, const SkMigrateOptions *options, const SkMigrateOptions *was, GError **error)
{
    const struct {
        const char *name;
        gboolean on, optional;
    } capabilities[] = {
        { "events", TRUE }, { "auto-converge", options->auto_converge }, { "xbzrle", options->compress },
        { "pause-before-switchover", options->paused != NULL },
        { "compress", options->deflate, !options->deflate && (was == NULL || !was->deflate) },
        { "multifd", options->channels > 0, options->channels == 0 && (was == NULL || was->channels == 0) },
    };
    json_t *list = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (!capabilities[i].optional)
            json_array_append_new(list, json_pack("{s:s,s:b}", "capability", capabilities[i].name, "state", capabilities[i].on));
    }
    return sk_qmp_run(self, "migrate-set-capabilities", json_pack("{s:o}", "capabilities", list), error) &&
           sk_qmp_run(self, "migrate-set-parameters", parameters_of(options), error);
}

static gboolean
hand_over(SkQmp *self, gint fd, GError **error)
{
    g_autoptr(json_t) done = sk_qmp_call_fd(self, "getfd", json_pack("{s:s}", "fdname", NAME), fd, 0, error);
    return done != NULL;
}

typedef struct {
    gboolean over, paused;  /* paused: it waits before the last of it */
    guint64 done, total;
} Progress;

/* FALSE if it failed. */
static gboolean
look(SkQmp *self, Progress *out, GError **error)
{
    g_autoptr(json_t) info = sk_qmp_call(self, "query-migrate", NULL, 0, error);
    const char *status = json_string_value(json_object_get(info, "status"));
    json_t *ram = json_object_get(info, "ram");
    if (info == NULL)
        return FALSE;
    out->over = g_strcmp0(status, "completed") == 0;
    out->paused = g_strcmp0(status, "pre-switchover") == 0;
    out->total = (guint64) json_integer_value(json_object_get(ram, "total"));
    out->done = out->total - MIN(out->total, (guint64) json_integer_value(json_object_get(ram, "remaining")));
    if (g_strcmp0(status, "failed") == 0) {
        const char *words = json_string_value(json_object_get(info, "error-desc"));
        return sk_fail(error, SK_ERROR_QEMU, "QEMU of domain \"%s\" could not move its state: %s", sk_qmp_domain(self), words != NULL ? words : "it does not say why");
    }
    if (g_strcmp0(status, "cancelled") == 0)
        return sk_fail(error, SK_ERROR_CANCELLED, "moving the state of domain \"%s\" was cancelled", sk_qmp_domain(self));
    return TRUE;
}

/* What is to be done while the guest stands still, then the last of it. */
static gboolean
go_on(SkQmp *self, const SkMigrateOptions *options, GError **error)
{
    if (options->paused(options->paused_data, error) &&
        sk_qmp_run(self, "migrate-continue", json_pack("{s:s}", "state", "pre-switchover"), error))
        return TRUE;
    sk_qmp_migrate_cancel(self);
    return FALSE;
}

/* Until it is over one way or the other. options: of what is sent; NULL: it is received. */
static gboolean
await(SkQmp *self, const SkMigrateOptions *options, GCancellable *cancellable, SkMigrateProgress progress, gpointer data, GError **error)
{
    static const char *const names[] = { "MIGRATION", NULL };
    gboolean went_on = options == NULL || options->paused == NULL;
    while (TRUE) {
        g_autoptr(SkQmpExpect) change = sk_qmp_expect(self, names, NULL, NULL);
        g_autoptr(GError) not_yet = NULL;
        Progress now;
        if (!look(self, &now, error))
            return FALSE;
        if (progress != NULL && now.total > 0)
            progress(now.done, now.total, data);
        if (now.over)
            return TRUE;
        gboolean cancelled = cancellable != NULL && g_cancellable_is_cancelled(cancellable);
        if (cancelled)
            sk_qmp_migrate_cancel(self);
        /* QEMU is seen to wait for a moment after it was told to go on. */
        if (!cancelled && now.paused && !went_on) {
            if (!go_on(self, options, error))
                return FALSE;
            went_on = TRUE;
        } else if (!sk_qmp_expect_wait(change, PACE_MS, "the state is moved", NULL, NULL, &not_yet) && !sk_error_is(not_yet, SK_ERROR_TIMEOUT)) {
            g_propagate_error(error, g_steal_pointer(&not_yet));
            return FALSE;
        }
    }
}

/* QEMU tells of the end a moment before it takes commands on the guest's state again. */
static gboolean
settle(SkQmp *self, GError **error)
{
    SkQmpStatus status;
    for (guint i = 0; i < SETTLE_MS; i++) {
        if (!sk_qmp_query_status(self, &status, error))
            return FALSE;
        if (!g_str_equal(status.status, "finish-migrate"))
            return TRUE;
        g_usleep(1000);
    }
    return sk_fail(error, SK_ERROR_TIMEOUT, "QEMU of domain \"%s\" does not come to an end with moving its state", sk_qmp_domain(self));
}

static gboolean
run(SkQmp *self, const char *command, gint fd, const SkMigrateOptions *options, GCancellable *cancellable, SkMigrateProgress progress, gpointer data,
    GError **error)
{
    gboolean own = options != NULL && options->channels > 0;
    g_autofree char *uri = own ? g_strconcat("unix:", options->path, NULL) : g_strdup("fd:" NAME);
    return !sk_fault("engine/migrate", error) && (own || hand_over(self, fd, error)) &&
           sk_qmp_run(self, command, json_pack("{s:s}", "uri", uri), error) &&
           await(self, options, cancellable, progress, data, error);
}

gboolean
sk_qmp_migrate_to_fd(SkQmp *self, gint fd, GCancellable *cancellable, SkMigrateProgress progress, gpointer data, GError **error)
{
    return set_capabilities(self, error) && set_rate(self, error) && run(self, "migrate", fd, NULL, cancellable, progress, data, error) &&
           settle(self, error);
}

gboolean
sk_qmp_migrate_from_fd(SkQmp *self, gint fd, GError **error)
{
    return set_capabilities(self, error) && run(self, "migrate-incoming", fd, NULL, NULL, NULL, NULL, error);
}

static gboolean
leave_memory(SkQmp *self, GError **error)
{
    return sk_qmp_run(self, "migrate-set-capabilities", json_pack("{s:[{s:s,s:b},{s:s,s:b}]}", "capabilities", "capability", "events", "state", 1,
                                                                  "capability", "x-ignore-shared", "state", 1), error);
}

gboolean
sk_qmp_migrate_devices_to_fd(SkQmp *self, gint fd, GError **error)
{
    return leave_memory(self, error) && set_rate(self, error) && run(self, "migrate", fd, NULL, NULL, NULL, NULL, error) && settle(self, error);
}

gboolean
sk_qmp_migrate_devices_from_fd(SkQmp *self, gint fd, GError **error)
{
    return leave_memory(self, error) && run(self, "migrate-incoming", fd, NULL, NULL, NULL, NULL, error);
}

/* The other end is told by the socket's end, and so are we. */
gboolean
sk_qmp_migrate_live(SkQmp *self, gint fd, const SkMigrateOptions *options, GCancellable *cancellable, SkMigrateProgress progress, gpointer data,
                    GError **error)
{
    static const SkMigrateOptions usual = { .downtime = 300 };
    gboolean ok = set_options(self, options, NULL, error) && run(self, "migrate", fd, options, cancellable, progress, data, error) && settle(self, error);
    set_options(self, &usual, options, NULL);
    return ok;
}

gboolean
sk_qmp_migrate_limit(SkQmp *self, guint64 bandwidth, guint downtime, guint64 cache, GError **error)
{
    g_autoptr(json_t) parameters = json_object();
    if (bandwidth > 0)
        json_object_set_new(parameters, "max-bandwidth", json_integer((json_int_t) MIN(bandwidth, G_MAXINT64 / 2)));
    if (downtime > 0)
        json_object_set_new(parameters, "downtime-limit", json_integer((json_int_t) downtime));
    if (cache > 0)
        json_object_set_new(parameters, "xbzrle-cache-size", json_integer((json_int_t) cache));
    return sk_qmp_run(self, "migrate-set-parameters", g_steal_pointer(&parameters), error);
}

/* Threads come before the capability that makes use of them, channels before QEMU listens. */
gboolean
sk_qmp_migrate_expect(SkQmp *self, const SkMigrateComing *coming, GError **error)
{
    g_autofree char *uri = g_strconcat("unix:", coming->path, NULL);
    json_int_t threads = or_usual(coming->inflate_threads, 2);
    if (coming->deflate &&
        (!sk_qmp_run(self, "migrate-set-parameters", json_pack("{s:I}", "decompress-threads", threads), error) ||
         !set_capability(self, "compress", TRUE, error)))
        return FALSE;
    return coming->channels == 0 ||
           (set_capabilities(self, error) && set_capability(self, "multifd", TRUE, error) &&
            sk_qmp_run(self, "migrate-set-parameters", json_pack("{s:I}", "multifd-channels", (json_int_t) coming->channels), error) &&
            sk_qmp_run(self, "migrate-incoming", json_pack("{s:s}", "uri", uri), error));
}

gboolean
sk_qmp_migrate_receive(SkQmp *self, gint fd, GError **error)
{
    return set_capabilities(self, error) && hand_over(self, fd, error) &&
           sk_qmp_run(self, "migrate-incoming", json_pack("{s:s}", "uri", "fd:" NAME), error);
}

gboolean
sk_qmp_migrate_received(SkQmp *self, const SkMigrateComing *coming, GError **error)
{
    return await(self, NULL, NULL, NULL, NULL, error) && (!coming->deflate || set_capability(self, "compress", FALSE, error)) &&
           (coming->channels == 0 || set_capability(self, "multifd", FALSE, error));
}

void
sk_qmp_migrate_cancel(SkQmp *self)
{
    if (sk_qmp_run(self, "migrate_cancel", NULL, NULL))
        settle(self, NULL);
}
