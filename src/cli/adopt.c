/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * skep adopt libvirt: the definitions of an existing libvirtd host. Its files are only read; each is given to the
 * daemon as it is, which knows libvirt's XML.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

#define CONFIG_DIR "/etc/libvirt"
#define MAX_XML (4 * 1024 * 1024)

/* A kind of thing, and where libvirtd keeps it below its configuration directory. */
typedef struct {
    const char *kind;               /* as libvirt.check knows it */
    const char *dir, *autostart;    /* autostart NULL: a thing that has none */
    gint show, define, update;      /* SkOperationId */
    SkError missing;                /* what shows that there is none */
    const char *without_start;      /* parameter of define; NULL: it starts nothing anyway */
} Kind;

/* What others need comes first. */
static const Kind kinds[] = {
    { "secret", "secrets", NULL, SK_OP_SECRET_SHOW, SK_OP_SECRET_CREATE, -1, SK_ERROR_NO_SECRET, NULL },
    { "pool", "storage", "storage/autostart", SK_OP_POOL_SHOW, SK_OP_POOL_CREATE, SK_OP_POOL_UPDATE, SK_ERROR_NO_POOL, "inactive" },
    { "network", "qemu/networks", "qemu/networks/autostart", SK_OP_NETWORK_SHOW, SK_OP_NETWORK_DEFINE, SK_OP_NETWORK_UPDATE, SK_ERROR_NO_NETWORK, NULL },
    { "domain", "qemu", "qemu/autostart", SK_OP_DOMAIN_SHOW, SK_OP_DOMAIN_DEFINE, SK_OP_DOMAIN_UPDATE, SK_ERROR_NO_DOMAIN, NULL },
};

/* One thing that was found. */
typedef struct {
    const Kind *kind;
    char *file, *xml;
    char *name, *uuid, *nvram;
    gboolean take, autostart;
    const char *action;
    GString *note;
} Found;

typedef struct {
    SkCli *cli;
    const char *from;
    char *state;                    /* libvirtd's state beside from: /var/lib/libvirt */
    GPtrArray *found;
    guint taken, failed;
} Adoption;

static void
free_found(gpointer data)
{
    Found *self = data;
    g_free(self->file);
    g_free(self->xml);
    g_free(self->name);
    g_free(self->uuid);
    g_free(self->nvram);
    g_string_free(self->note, TRUE);
    g_free(self);
}

static void
clear_adoption(Adoption *self)
{
    g_free(self->state);
    g_ptr_array_unref(self->found);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Adoption, clear_adoption)

static void add_note(Found *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
add_note(Found *self, const char *format, ...)
{
    if (self->note->len > 0)
        g_string_append(self->note, "; ");
    va_list list;
    va_start(list, format);
    g_string_append_vprintf(self->note, format, list);
    va_end(list);
}

/* -- looking ------------------------------------------------------------------------------------------------------- */

static gint
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The .xml files of a directory, by name; one that is not there has none. */
static GPtrArray *
list_xml(const char *dir)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) open = g_dir_open(dir, 0, NULL);
    const char *name;
    while (open != NULL && (name = g_dir_read_name(open)) != NULL) {
        if (g_str_has_suffix(name, ".xml"))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_text);
    return names;
}

static gboolean
exists_in(const char *dir, const char *sub, const char *name, const char *ending)
{
    g_autofree char *file = g_strconcat(name, ending, NULL);
    g_autofree char *path = g_build_filename(dir, sub, file, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* Asks the daemon whether it can take it, and under which name. */
static gboolean
check_found(Adoption *self, Found *found, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_LIBVIRT_CHECK);
    sk_ask_take_body(ask, json_pack("{s:s, s:s}", "kind", found->kind->kind, "xml", found->xml));
    g_autoptr(json_t) info = sk_cli_ask(self->cli, ask, NULL, error);
    if (info == NULL)
        return FALSE;
    found->name = g_strdup(sk_json_text_at(info, "name"));
    found->uuid = g_strdup(sk_json_text_at(info, "uuid"));
    found->nvram = g_strdup(sk_json_text_at(info, "nvram"));
    return TRUE;
}

/* What Skep has under this name or UUID: TRUE with *out_uuid if there is something. */
static gboolean
is_here(Adoption *self, const Found *found, const char *key, char **out_uuid, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) view = key != NULL ? sk_cli_show(self->cli, found->kind->show, key, NULL, &failure) : NULL;
    if (view != NULL) {
        *out_uuid = g_strdup(sk_json_text_at(sk_view_spec(view), "uuid"));
        return TRUE;
    }
    if (failure != NULL && !sk_error_is(failure, found->kind->missing))
        g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* What of libvirtd's stays behind. */
static void
note_what_stays(const Adoption *self, Found *found)
{
    if (found->kind->define != SK_OP_DOMAIN_DEFINE)
        return;
    if (exists_in(self->state, "qemu/save", found->name, ".save"))
        add_note(found, "its saved state stays with libvirtd");
    if (exists_in(self->state, "qemu/snapshot", found->name, ""))
        add_note(found, "its list of snapshots stays with libvirtd");
    if (found->nvram != NULL)
        add_note(found, g_file_test(found->nvram, G_FILE_TEST_EXISTS) ? "starts with a copy of its firmware variables" : "its firmware variables are not there: it gets new ones");
    if (g_str_equal(self->from, CONFIG_DIR) && exists_in("/run/libvirt", "qemu", found->name, ".pid"))
        add_note(found, "runs under libvirtd: shut it down there before it is started here");
}

static gboolean
plan(Adoption *self, Found *found, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *uuid = NULL;
    found->action = "cannot";
    if (!check_found(self, found, &failure)) {
        found->name = g_path_get_basename(found->file);
        found->name[strlen(found->name) - strlen(".xml")] = '\0';
        add_note(found, "%s", failure->message);
        return TRUE;
    }
    gboolean here = is_here(self, found, found->name, &uuid, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (here && found->uuid != NULL && uuid != NULL && !g_str_equal(uuid, found->uuid)) {
        add_note(found, "Skep has another %s of this name: rename or delete that one to take this", found->kind->kind);
        return TRUE;
    }
    if (here) {
        found->action = "is here";
        return TRUE;
    }
    found->take = TRUE;
    found->action = "adopt";
    g_autofree char *dir = found->kind->autostart != NULL ? g_build_filename(self->from, found->kind->autostart, NULL) : NULL;
    found->autostart = dir != NULL && exists_in(dir, "", found->name, ".xml");
    if (found->autostart)
        add_note(found, "starts with the host");
    note_what_stays(self, found);
    return TRUE;
}

static gboolean
look_for(Adoption *self, const Kind *kind, GError **error)
{
    g_autofree char *dir = g_build_filename(self->from, kind->dir, NULL);
    g_autoptr(GPtrArray) names = list_xml(dir);
    for (guint i = 0; i < names->len; i++) {
        Found *found = g_new0(Found, 1);
        found->kind = kind;
        found->note = g_string_new(NULL);
        found->file = g_build_filename(dir, names->pdata[i], NULL);
        g_ptr_array_add(self->found, found);
        gsize length;
        found->xml = sk_read_input(found->file, MAX_XML, &length, error);
        if (found->xml == NULL || !plan(self, found, error))
            return FALSE;
    }
    return TRUE;
}

/* -- taking -------------------------------------------------------------------------------------------------------- */

static json_t *
settings_of(const Found *found)
{
    json_t *patch = json_object();
    if (found->kind->autostart != NULL)
        json_object_set_new(patch, "autostart", json_boolean(found->autostart));
    /* The variables are libvirtd's file: what is here begins as a copy of it. */
    if (found->nvram != NULL && g_file_test(found->nvram, G_FILE_TEST_EXISTS))
        json_object_set_new(patch, "firmware", json_pack("{s:n, s:s}", "nvram", "nvram_template", found->nvram));
    else if (found->nvram != NULL)
        json_object_set_new(patch, "firmware", json_pack("{s:n}", "nvram"));
    return patch;
}

/* A secret's value is in a file beside its definition; one that was never set has none. */
static gboolean
take_value(Adoption *self, const Found *found, GError **error)
{
    g_autofree char *stem = g_strndup(found->file, strlen(found->file) - strlen(".xml"));
    g_autofree char *path = g_strconcat(stem, ".base64", NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    gsize length;
    g_autofree char *value = sk_read_input(path, MAX_XML, &length, error);
    if (value == NULL)
        return FALSE;
    g_autoptr(SkAsk) set = sk_ask_new_named(SK_OP_SECRET_SET, found->name);
    sk_ask_take_body(set, json_pack("{s:s}", "value", g_strstrip(value)));
    g_autoptr(json_t) done = sk_cli_ask(self->cli, set, NULL, error);
    memset(value, 0, length);
    return done != NULL;
}

static gboolean
take(Adoption *self, const Found *found, GError **error)
{
    g_autoptr(SkAsk) define = sk_ask_new(found->kind->define);
    if (strstr(define->op->path, "{name}") != NULL)
        sk_ask_set(define, "name", found->name);
    if (found->kind->without_start != NULL)
        sk_ask_set(define, found->kind->without_start, "true");
    define->xml = g_strdup(found->xml);
    define->what = g_strdup_printf("adopt %s %s", found->kind->kind, found->name);
    g_autoptr(json_t) made = sk_cli_ask(self->cli, define, NULL, error);
    if (made == NULL)
        return FALSE;
    if (found->kind->define == SK_OP_SECRET_CREATE)
        return take_value(self, found, error);
    g_autoptr(json_t) patch = settings_of(found);
    if (json_object_size(patch) == 0)
        return TRUE;
    g_autoptr(SkAsk) update = sk_ask_new_named(found->kind->update, found->name);
    sk_ask_take_body(update, json_incref(patch));
    g_autoptr(json_t) changed = sk_cli_ask(self->cli, update, NULL, error);
    return changed != NULL;
}

/* Goes on after one that failed. */
static void
take_all(Adoption *self)
{
    for (guint i = 0; i < self->found->len; i++) {
        Found *found = self->found->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (!found->take)
            continue;
        if (take(self, found, &failure)) {
            found->action = "adopted";
            self->taken++;
            continue;
        }
        found->action = "failed";
        g_string_assign(found->note, failure->message);
        self->failed++;
    }
}

/* -- the command --------------------------------------------------------------------------------------------------- */

/* The table is the command's own, not an answer of the daemon's. */
static const SkCommand list = {
    .words = "", .columns = SK_COLUMNS({ "KIND", "kind" }, { "NAME", "name" }, { "ACTION", "action" }, { "NOTE", "note" }),
};

static void
print_found(const Adoption *self)
{
    json_t *rows = json_array();
    for (guint i = 0; i < self->found->len; i++) {
        const Found *found = self->found->pdata[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s}", "kind", found->kind->kind, "name", found->name, "action", found->action,
                                              "note", found->note->len > 0 ? found->note->str : "-"));
    }
    sk_cli_print(self->cli, &list, rows);
    json_decref(rows);
}

static guint
count_wanted(const Adoption *self)
{
    guint n = 0;
    for (guint i = 0; i < self->found->len; i++)
        n += ((const Found *) self->found->pdata[i])->take;
    return n;
}

/* "/srv/old/var/lib/libvirt" of "/srv/old/etc/libvirt"; the host's own of a directory of another name. */
static char *
state_beside(const char *from)
{
    if (!g_str_has_suffix(from, CONFIG_DIR))
        return g_strdup("/var/lib/libvirt");
    g_autofree char *top = g_strndup(from, strlen(from) - strlen(CONFIG_DIR));
    return g_strconcat(top, "/var/lib/libvirt", NULL);
}

static gboolean
run_adopt(SkCli *cli, const SkArgs *args, GError **error)
{
    const char *given = sk_args_get(args, "from");
    g_autofree char *from = g_canonicalize_filename(given != NULL ? given : CONFIG_DIR, NULL);
    g_auto(Adoption) self = { .cli = cli, .from = from, .state = state_beside(from), .found = g_ptr_array_new_with_free_func(free_found) };

    if (cli->target.url != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "adopting reads the files of this host: run it on the host itself, without --url");
    if (!g_file_test(from, G_FILE_TEST_IS_DIR))
        return sk_fail(error, SK_ERROR_NOT_FOUND, "there is no directory \"%s\": give libvirtd's configuration directory with --from", from);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!look_for(&self, &kinds[i], error))
            return FALSE;
    }
    guint wanted = count_wanted(&self);
    if (sk_args_has(args, "dry-run") || wanted == 0) {
        print_found(&self);
        return TRUE;
    }
    if (!cli->yes) {
        print_found(&self);
        if (!sk_cli_confirm(cli, "Adopt %u of %u? Nothing of libvirtd's is changed.", wanted, self.found->len))
            return sk_fail(error, SK_ERROR_CANCELLED, "nothing was adopted");
    }
    take_all(&self);
    print_found(&self);
    return self.failed == 0 || sk_fail(error, SK_ERROR_STATE, "%u of %u could not be adopted; run it again when what is said above is mended", self.failed, wanted);
}

const SkCommand sk_adopt_commands[] = {
    { .words = "adopt libvirt", .help = "take over the definitions of an existing libvirtd host",
      .ops = SK_OPS(SK_OP_LIBVIRT_CHECK, SK_OP_SECRET_SHOW, SK_OP_SECRET_CREATE, SK_OP_SECRET_SET, SK_OP_POOL_SHOW, SK_OP_POOL_CREATE, SK_OP_POOL_UPDATE,
                    SK_OP_NETWORK_SHOW, SK_OP_NETWORK_DEFINE, SK_OP_NETWORK_UPDATE, SK_OP_DOMAIN_SHOW, SK_OP_DOMAIN_DEFINE, SK_OP_DOMAIN_UPDATE), .run = run_adopt,
      .options = SK_OPTIONS({ 0, "from", "DIR", "libvirtd's configuration directory; " CONFIG_DIR " if not given", .choices = "@file" },
                            { 0, "dry-run", NULL, "only say what would be done" }),
      .notes = "Says what it will do, and asks on a terminal. Domains, networks, pools and secrets are defined here under the same names and "
               "UUIDs, with their autostart flags; firmware variables are copied when a domain first starts. Nothing of libvirtd's is changed, "
               "nothing is started, and what is here already is left alone, so that it can be run again. What cannot be taken is listed with the reason.",
      .examples = "skep adopt libvirt --dry-run\nskep adopt libvirt --yes\nskep adopt libvirt --from /mnt/old/etc/libvirt" },
    { 0 },
};
