/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep set and edit: changes of a domain's definition as merge patches. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/domain.h"

/* -- set ------------------------------------------------------------------------------------------------------- */

/* A number of vCPUs or bytes above the maximum raises it too; else only the present value changes. */
static void
raise_maximum(json_t *patch, json_t *spec, const char *part)
{
    json_t *asked = json_object_get(patch, part), *now = json_object_get(spec, part);
    gint64 current = json_integer_value(json_object_get(asked, "current"));
    if (asked == NULL || json_object_get(asked, "maximum") != NULL)
        return;
    if (current > json_integer_value(json_object_get(now, "maximum")) && json_integer_value(json_object_get(now, "maximum")) > 0)
        json_object_set_new(asked, "maximum", json_integer(current));
}

/* Lists replace as a whole, so a pair that names an entry needs what is there. Borrowed lists are copied. */
static void
borrow_lists(json_t *patch, json_t *spec, const char *const *pairs)
{
    for (; *pairs != NULL; pairs++) {
        gsize length = strcspn(*pairs, "[=.");
        g_autofree char *key = g_strndup(*pairs, length);
        json_t *list = json_object_get(spec, key);
        if ((*pairs)[length] == '[' && json_is_array(list) && json_object_get(patch, key) == NULL)
            json_object_set_new(patch, key, json_deep_copy(list));
    }
}

static json_t *
make_patch(const SkArgs *args, json_t *spec, GError **error)
{
    g_autoptr(json_t) start = json_object();
    borrow_lists(start, spec, sk_args_rest(args, "KEY=VALUE"));
    g_autoptr(json_t) patch = sk_args_body(args, g_steal_pointer(&start), error);
    if (patch == NULL)
        return NULL;
    raise_maximum(patch, spec, "vcpus");
    raise_maximum(patch, spec, "memory");
    return g_steal_pointer(&patch);
}

static char *
etag_of(json_t *view, const char *header)
{
    const char *text = sk_json_text_at(view, "etag");
    return g_strdup(header != NULL ? header : text);
}

/* Tells what has to wait for the next start. */
static void
print_pending(SkCli *self, const char *name)
{
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, name, NULL, NULL);
    json_t *pending = sk_json_at(view, "status.pending");
    if (json_array_size(pending) == 0)
        return;
    g_autofree char *list = sk_cell_text(pending, SK_CELL_TEXT);
    printf("%s: takes effect at the next start: %s\n", name, list);
}

static gboolean
send_patch(SkCli *self, const SkArgs *args, const char *name, char *etag, json_t *patch, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_DOMAIN_UPDATE, name);
    ask->if_match = etag;
    ask->what = g_strdup_printf("change %s", name);
    sk_ask_take_body(ask, patch);
    if (!sk_cli_ask_done(self, args, ask, name, error))
        return FALSE;
    if (!self->quiet && !self->no_wait && self->format == SK_FORMAT_TABLE)
        print_pending(self, name);
    return TRUE;
}

/* TRUE if the line asks for any change. */
static gboolean
has_change(const SkArgs *args)
{
    gboolean any = *sk_args_rest(args, "KEY=VALUE") != NULL;
    for (const SkOption *at = sk_args_command(args)->options; at->name != NULL; at++)
        any |= sk_args_has(args, at->name);
    return any;
}

static gboolean
run_set(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    if (!has_change(args))
        return sk_fail(error, SK_ERROR_INVALID, "skep set needs something to set: an option or KEY=VALUE; see skep set --help");
    g_autofree char *header = NULL;
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, name, &header, error);
    if (view == NULL)
        return FALSE;
    json_t *patch = make_patch(args, sk_view_spec(view), error);
    return patch != NULL && send_patch(self, args, name, etag_of(view, header), patch, error);
}

/* -- edit ------------------------------------------------------------------------------------------------------- */

static char *
write_draft(json_t *spec, const char *name, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/skep-%.100s-XXXXXX.json", g_get_tmp_dir(), name);
    g_auto(SkFd) fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    g_autoptr(GString) text = g_string_new(NULL);
    sk_output_json(text, spec);
    if (fd < 0) {
        sk_fail(error, SK_ERROR_HOST, "cannot make a file in \"%s\" to edit", g_get_tmp_dir());
        return NULL;
    }
    return sk_fd_write_all(fd, text->str, text->len, error) ? g_steal_pointer(&path) : NULL;
}

static gboolean
run_editor(const char *path, GError **error)
{
    const char *editor = g_getenv("VISUAL") != NULL ? g_getenv("VISUAL") : g_getenv("EDITOR");
    if (editor == NULL || *editor == '\0')
        editor = "vi";
    g_auto(GStrv) words = NULL;
    if (!g_shell_parse_argv(editor, NULL, &words, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "EDITOR is \"%s\", give the command of an editor", editor);
    guint n = g_strv_length(words);
    g_autofree char **argv = g_new0(char *, n + 2);
    memcpy(argv, words, n * sizeof *argv);
    argv[n] = (char *) path;
    gint status;
    g_autoptr(GError) failure = NULL;
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL, &status, &failure) ||
        !g_spawn_check_wait_status(status, &failure))
        return sk_fail(error, SK_ERROR_HOST, "the editor \"%s\" failed: %s", editor, failure->message);
    return TRUE;
}

/* Sends what the file says now. *out_again: it was wrong, but could be mended. */
static gboolean
apply_draft(SkCli *self, const SkArgs *args, const char *path, json_t *view, const char *etag, gboolean *out_again, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    *out_again = TRUE;
    g_autoptr(json_t) edited = sk_read_json(path, error);
    if (edited == NULL)
        return FALSE;
    g_autoptr(json_t) patch = sk_json_diff(sk_view_spec(view), edited);
    if (json_object_size(patch) == 0) {
        if (!self->quiet)
            printf("%s is unchanged\n", name);
        return TRUE;
    }
    g_autoptr(GError) failure = NULL;
    if (send_patch(self, args, name, g_strdup(etag), g_steal_pointer(&patch), &failure))
        return TRUE;
    *out_again = sk_error_is(failure, SK_ERROR_INVALID) || sk_error_is(failure, SK_ERROR_UNSUPPORTED);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
want_again(SkCli *self, const GError *failure)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return FALSE;
    SkCli asking = { .yes = FALSE };
    return sk_cli_confirm(&asking, "skep: %s\nEdit again?", failure->message);
}

static gboolean
run_edit(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    g_autofree char *header = NULL;
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, name, &header, error);
    g_autofree char *path = view != NULL ? write_draft(sk_view_spec(view), name, error) : NULL;
    if (path == NULL)
        return FALSE;
    g_autofree char *etag = etag_of(view, header);
    for (;;) {
        g_autoptr(GError) failure = NULL;
        gboolean again = FALSE;
        if (run_editor(path, &failure) && apply_draft(self, args, path, view, etag, &again, &failure)) {
            (void) unlink(path);
            return TRUE;
        }
        if (again && want_again(self, failure))
            continue;
        g_propagate_prefixed_error(error, g_steal_pointer(&failure), "what was edited is kept in \"%s\": ", path);
        return FALSE;
    }
}

const SkCommand sk_domain_set_commands[] = {
    { .words = "set", .operands = "DOMAIN [KEY=VALUE...]", .ops = SK_OPS(SK_OP_DOMAIN_UPDATE, SK_OP_DOMAIN_SHOW), .run = run_set, .done = "changed",
      .body = &sk_domain_spec_type,
      .options = SK_OPTIONS({ 'c', "cpus", "NUMBER", "vCPUs", .field = "vcpus.current" },
                            { 'm', "memory", "SIZE", "memory, such as 2G", .field = "memory.current" },
                            { 0, "title", "TEXT", .field = "title" }, { 0, "description", "TEXT", .field = "description" },
                            { 't', "tag", "TAG", .field = "tags", .flags = SK_OPTION_MANY },
                            { 0, "cpu", "MODE", .help = "how the CPU model is chosen", .field = "cpu.mode" },
                            { 0, "machine", "NAME", .field = "machine" }),
      .notes = "A running guest takes at once what it can; the rest is pending until the next start, and shown so. An empty VALUE sets a field "
               "back to its default. More vCPUs or memory than the maximum raise the maximum too. An entry of a list is named by its key or its "
               "place: disks[vda].cache=none.",
      .examples = "skep set web1 --cpus 4 --memory 2G\nskep set web1 cpu.mode=host-passthrough on_crash=restart\n"
                  "skep set web1 disks[vda].limits.write_iops_sec=500\nskep set web1 title=" },
    { .words = "edit", .operands = "DOMAIN", .help = "edit a domain's definition as JSON", .ops = SK_OPS(SK_OP_DOMAIN_UPDATE, SK_OP_DOMAIN_SHOW),
      .run = run_edit, .done = "changed",
      .notes = "VISUAL or EDITOR says which editor. If somebody else changes the domain meanwhile, nothing is overwritten and the edited file is kept.",
      .examples = "skep edit web1\nEDITOR=nano skep edit web1" },
    { 0 },
};
