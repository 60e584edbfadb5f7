/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skepd: the daemon. Everything it consists of is made and ended here, in one visible order. */
#include <glib-unix.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/notify.h"
#include "base/thread.h"
#include "daemon/settings.h"

/* Time that running work has to come to its end when the daemon is told to end. */
#define DRAIN_MS 10000

typedef struct {
    char *root, *listen;
    gboolean session, version, help_settings, verbose;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->root);
    g_free(options->listen);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean
parse_options(Options *options, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &options->root, "put everything under DIR, for tests and trials", "DIR" },
        { "listen", 0, 0, G_OPTION_ARG_STRING, &options->listen, "address of HTTPS (default 127.0.0.1:8443; \"none\": no HTTPS)", "ADDR:PORT" },
        { "session", 0, 0, G_OPTION_ARG_NONE, &options->session, "run without privileges, for yourself alone", NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose, "log debugging messages too", NULL },
        { "help-settings", 0, 0, G_OPTION_ARG_NONE, &options->help_settings, "print all settings of skepd.conf", NULL },
        { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "print the version", NULL },
        { 0 },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- the Skep virtualization daemon");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_description(context, "It stays in the foreground, and says \"ready\" on standard error when it answers.\n"
                                              "Guests go on running when it ends; the next one takes them back.");
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    return *argc == 1 || sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not an option of skepd", (*argv)[1]);
}

static gboolean
on_signal(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

/* One line a message on standard error; the journal adds time and origin by itself. */
static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer verbose)
{
    const char *message = "", *domain = "";
    if (!GPOINTER_TO_INT(verbose) && level > G_LOG_LEVEL_MESSAGE)
        return G_LOG_WRITER_HANDLED;
    if (g_log_writer_is_journald(fileno(stderr)))
        return g_log_writer_journald(level, fields, n_fields, NULL);
    for (gsize i = 0; i < n_fields; i++) {
        if (g_str_equal(fields[i].key, "MESSAGE"))
            message = fields[i].value;
        else if (g_str_equal(fields[i].key, "GLIB_DOMAIN"))
            domain = fields[i].value;
    }
    const char *word = level <= G_LOG_LEVEL_CRITICAL ? "error: " : level <= G_LOG_LEVEL_WARNING ? "warning: " : "";
    fprintf(stderr, "%s: %s%s\n", domain, word, message);
    return G_LOG_WRITER_HANDLED;
}

static void
tell_ready(const SkSettings *settings, SkRest *rest, SkLibvirt *libvirt)
{
    if (sk_rest_port(rest) > 0)
        fprintf(stderr, "https port %u, certificate SHA-256 %s\n", sk_rest_port(rest), sk_rest_fingerprint(rest));
    if (libvirt != NULL && sk_libvirt_tls_port(libvirt) > 0)
        fprintf(stderr, "libvirt TLS port %u\n", sk_libvirt_tls_port(libvirt));
    if (libvirt != NULL && sk_libvirt_tcp_port(libvirt) > 0)
        fprintf(stderr, "libvirt TCP port %u, in clear\n", sk_libvirt_tcp_port(libvirt));
    fprintf(stderr, "socket %s\nready\n", settings->unix_path);
    sk_notify("READY=1");
}

/* Top to bottom: what is made later may use what is made earlier, and is ended before it. */
static gboolean
run(SkSettings *settings, GError **error)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGINT, on_signal, loop);
    g_unix_signal_add(SIGTERM, on_signal, loop);

    g_autoptr(SkService) service = sk_service_new(&settings->service, error);
    if (service == NULL)
        return FALSE;
    g_autoptr(SkAuth) auth = sk_auth_new(sk_service_store(service), error);
    if (auth == NULL)
        return FALSE;
    g_autoptr(SkOps) ops = sk_ops_new(service, auth, error);
    if (ops == NULL)
        return FALSE;
    g_autoptr(SkRest) rest = sk_rest_new(&settings->rest, ops, auth, service, error);
    if (rest == NULL)
        return FALSE;
    g_autoptr(SkLibvirt) libvirt = settings->libvirt_enabled ? sk_libvirt_new(&settings->libvirt, ops, auth, service, error) : NULL;
    if (settings->libvirt_enabled && libvirt == NULL)
        return FALSE;
    sk_service_start(service);
    tell_ready(settings, rest, libvirt);
    g_main_loop_run(loop);

    sk_notify("STOPPING=1");
    g_clear_pointer(&libvirt, sk_libvirt_free);
    g_clear_pointer(&rest, sk_rest_free);
    if (!sk_worker_drain_for(DRAIN_MS)) {
        g_message("work is still going on; it is put in order at the next start");
        /* As by a crash, which everything is made for: what the workers use cannot be freed. */
        _exit(0);
    }
    return TRUE;
}

static gboolean
configure(const Options *options, SkSettings **out_settings, GError **error)
{
    SkSettings *settings = sk_settings_load(options->root, options->session, error);
    if (settings == NULL)
        return FALSE;
    if (options->listen != NULL) {
        g_free(settings->listen);
        settings->listen = g_strdup(options->listen);
    }
    gboolean none = settings->listen == NULL || *settings->listen == '\0' || g_str_equal(settings->listen, "none");
    settings->rest.https_address = none ? NULL : settings->listen;
    settings->rest.unix_path = settings->unix_path;
    settings->rest.cert_path = settings->cert_path;
    settings->rest.key_path = settings->key_path;
    *out_settings = settings;
    if (geteuid() != 0 && !options->session)
        return sk_fail(error, SK_ERROR_DENIED, "skepd needs root: run it as root, or `skepd --session` for yourself alone");
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;
    g_autoptr(SkSettings) settings = NULL;

    /* Few arenas: many short-lived workers must not each keep one. */
    mallopt(M_ARENA_MAX, 2);
    sk_thread_init();
    if (!parse_options(&options, &argc, &argv, &error)) {
        fprintf(stderr, "skepd: %s\n", error->message);
        return 2;
    }
    if (options.version) {
        printf("skepd %s\n", SKEP_VERSION);
        return 0;
    }
    if (options.help_settings) {
        g_autofree char *text = sk_settings_reference();
        fputs(text, stdout);
        return 0;
    }
    g_log_set_writer_func(write_log, GINT_TO_POINTER(options.verbose), NULL);
    if (!configure(&options, &settings, &error) || !run(settings, &error)) {
        fprintf(stderr, "skepd: %s\n", error->message);
        return sk_error_info_of(error)->exit_code;
    }
    return 0;
}
