/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking a QEMU binary: one process without a machine, all questions at once on
 * its standard input, answers read until the last one is there.  No main loop is
 * needed for it.
 */
#include "engine/caps-probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "codec/json/json.h"
#include "engine/lines.h"
#include "engine/qmp/qmp-message.h"

#define PROBE_TIMEOUT_MS 20000

enum { ASK_CAPABILITIES, ASK_VERSION, ASK_TARGET, ASK_MACHINES, ASK_DEVICES, ASK_OBJECTS, ASK_ACCELS, ASK_OPTIONS, ASK_CPUS, N_ASKS };

static const struct {
    const char *command;
    const char *implements; /* of qom-list-types */
} questions[N_ASKS] = {
    [ASK_CAPABILITIES] = { "qmp_capabilities" },
    [ASK_VERSION] = { "query-version" },
    [ASK_TARGET] = { "query-target" },
    [ASK_MACHINES] = { "query-machines" },
    [ASK_DEVICES] = { "qom-list-types", "device" },
    [ASK_OBJECTS] = { "qom-list-types", "user-creatable" },
    [ASK_ACCELS] = { "qom-list-types", "accel" },
    [ASK_OPTIONS] = { "query-command-line-options" },
    [ASK_CPUS] = { "query-cpu-definitions" },
};

typedef struct {
    const char *binary;
    gboolean kvm;
    pid_t pid;
    SkFd pidfd, socket, err;    /* socket: its standard input and output; err: a memory file */
    SkLines lines;
    json_t *answers[N_ASKS];
    guint n_answers;
} Probe;

static void
probe_clear(Probe *probe)
{
    if (probe->pid > 0) {
        kill(probe->pid, SIGKILL);
        sk_spawn_wait(probe->pid, probe->pidfd, -1, NULL, NULL);
    }
    sk_fd_clear(&probe->pidfd);
    sk_fd_clear(&probe->socket);
    sk_fd_clear(&probe->err);
    sk_lines_clear(&probe->lines);
    for (guint i = 0; i < N_ASKS; i++)
        json_decref(probe->answers[i]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Probe, probe_clear)

/* -- start ------------------------------------------------------------------------------------------------------ */

static gboolean
probe_spawn(Probe *probe, GError **error)
{
    const char *const argv[] = { probe->binary, "-machine", probe->kvm ? "none,accel=kvm:tcg" : "none,accel=tcg", "-nodefaults", "-no-user-config",
                                 "-display", "none", "-qmp", "stdio", NULL };
    gint ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return sk_fail_errno(error, errno, "cannot make a socket pair");
    probe->socket = ends[0];
    g_auto(SkFd) theirs = ends[1];
    probe->err = memfd_create("qemu-stderr", MFD_CLOEXEC);
    SkSpawn spawn = { .argv = argv, .in = theirs, .out = theirs, .err = MAX(0, probe->err), .new_session = TRUE,
                      .no_new_privs = TRUE };
    return sk_spawn(&spawn, &probe->pid, &probe->pidfd, error);
}

static void
probe_ask(Probe *probe)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (gint i = 0; i < N_ASKS; i++) {
        g_autoptr(json_t) args = questions[i].implements != NULL
                                     ? json_pack("{s:s, s:b}", "implements", questions[i].implements, "abstract", 0)
                                     : NULL;
        g_autofree char *line = sk_qmp_message_compose(questions[i].command, args, i);
        g_string_append(text, line);
    }
    /* Far less than a socket holds. A process that has ended already is seen when its answers are read. */
    gssize n = send(probe->socket, text->str, text->len, MSG_NOSIGNAL);
    (void) n;
}

/* -- answers ------------------------------------------------------------------------------------------------------ */

/* "does not work as QEMU: <why>", with what it said on standard error if it said something. */
static gboolean
no_qemu(Probe *probe, const char *why, GError **error)
{
    char text[600] = "";
    gssize n = pread(probe->err, text, sizeof text - 1, 0);
    if (n > 0) {
        g_strdelimit(g_strstrip(text), "\n\r\t", ' ');
        why = text;
    }
    g_autofree char *valid = g_utf8_make_valid(why, -1);
    return sk_fail(error, SK_ERROR_HOST, "\"%s\" does not work as QEMU: %s", probe->binary, valid);
}

static gboolean
take_line(Probe *probe, const char *line, gsize length, GError **error)
{
    g_auto(SkQmpMessage) message = { 0 };
    g_autoptr(GError) reason = NULL;
    if (!sk_qmp_message_parse(line, length, &message, &reason))
        return no_qemu(probe, reason->message, error);
    if (message.kind == SK_QMP_FAILED)
        return no_qemu(probe, message.text, error);
    if (message.kind != SK_QMP_RETURN)
        return TRUE;
    if (message.id < 0 || message.id >= N_ASKS || probe->answers[message.id] != NULL)
        return no_qemu(probe, "it answers what was not asked", error);
    probe->answers[message.id] = json_incref(message.body);
    probe->n_answers++;
    return TRUE;
}

static gboolean
take_bytes(Probe *probe, const char *bytes, gsize length, GError **error)
{
    char *line;
    if (!sk_lines_push(&probe->lines, bytes, length))
        return no_qemu(probe, "its answer is too long", error);
    while ((line = sk_lines_pop(&probe->lines, &length)) != NULL) {
        if (!take_line(probe, line, length, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
probe_read(Probe *probe, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + PROBE_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;
    g_autofree char *bytes = g_malloc(65536);
    while (probe->n_answers < N_ASKS) {
        struct pollfd ready = { .fd = probe->socket, .events = POLLIN };
        gint64 left = (deadline - g_get_monotonic_time()) / 1000;
        gint n_ready = left > 0 ? poll(&ready, 1, (gint) left) : 0;
        if (n_ready == 0)
            return no_qemu(probe, "it does not answer", error);
        if (n_ready < 0)
            continue;
        gssize n = read(probe->socket, bytes, 65536);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return no_qemu(probe, "it ended without a word", error);
        if (n > 0 && !take_bytes(probe, bytes, (gsize) n, error))
            return FALSE;
    }
    return TRUE;
}

/* -- the result ---------------------------------------------------------------------------------------------------- */

/* Adds the texts under key of a list's entries to out. */
static void
collect(json_t *out, json_t *list, const char *key)
{
    gsize i;
    json_t *entry;
    json_array_foreach (list, i, entry) {
        json_t *name = json_object_get(entry, key);
        if (json_is_string(name) && json_string_length(name) > 0)
            json_array_append(out, name);
    }
}

static json_t *
collect_machines(json_t *list)
{
    json_t *machines = json_array();
    gsize i;
    json_t *entry;
    json_array_foreach (list, i, entry) {
        json_t *machine = json_object();
        static const char *const keys[] = { "name", "alias", "cpu-max", "hotpluggable-cpus", "is-default", "deprecated" };
        for (guint key = 0; key < G_N_ELEMENTS(keys); key++) {
            json_t *value = json_object_get(entry, keys[key]);
            if (value != NULL && !json_is_false(value))
                json_object_set(machine, keys[key], value);
        }
        json_array_append_new(machines, machine);
    }
    return machines;
}

/* What a model lacks is told as of the accelerator that the probe runs with. */
static json_t *
collect_cpus(json_t *list)
{
    json_t *cpus = json_array();
    gsize i;
    json_t *entry;
    json_array_foreach (list, i, entry) {
        static const char *const keys[] = { "name", "deprecated", "unavailable-features" };
        json_t *cpu = json_object();
        for (guint key = 0; key < G_N_ELEMENTS(keys); key++) {
            json_t *value = json_object_get(entry, keys[key]);
            if (value != NULL && !json_is_false(value))
                json_object_set(cpu, keys[key], value);
        }
        json_array_append_new(cpus, cpu);
    }
    return cpus;
}

static json_t *
summarize(Probe *probe)
{
    json_t *types = json_array();
    json_t *options = json_array();
    json_t *version = json_object_get(probe->answers[ASK_VERSION], "qemu");
    collect(types, probe->answers[ASK_DEVICES], "name");
    collect(types, probe->answers[ASK_OBJECTS], "name");
    collect(types, probe->answers[ASK_ACCELS], "name");
    collect(options, probe->answers[ASK_OPTIONS], "option");
    return json_pack("{s:s, s:O, s:O, s:O, s:O, s:o, s:o, s:o, s:o}", "binary", probe->binary,
                     "major", json_object_get(version, "major"), "minor", json_object_get(version, "minor"),
                     "micro", json_object_get(version, "micro"),
                     "arch", json_object_get(probe->answers[ASK_TARGET], "arch"),
                     "machines", collect_machines(probe->answers[ASK_MACHINES]), "types", types, "options", options,
                     "cpus", collect_cpus(probe->answers[ASK_CPUS]));
}

json_t *
sk_qemu_probe(const char *binary, gboolean kvm, GError **error)
{
    g_auto(Probe) probe = { .binary = binary, .kvm = kvm, .pidfd = SK_FD_NONE, .socket = SK_FD_NONE, .err = SK_FD_NONE };
    sk_lines_init(&probe.lines, SK_JSON_MAX_BYTES);
    if (!probe_spawn(&probe, error))
        return NULL;
    probe_ask(&probe);
    if (!probe_read(&probe, error))
        return NULL;
    json_t *summary = summarize(&probe);
    if (summary == NULL)
        no_qemu(&probe, "it does not tell its version", error);
    return summary;
}
