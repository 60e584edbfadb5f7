/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Repositories of backups, through skep-repository. */
#include "storage/repository.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/undo.h"
#include "storage/context.h"

#define MAX_WORDS 12
/* Where the program finds the key. */
#define KEY_FD 3

/* What is heard of one run. */
typedef struct {
    const SkStorageContext *context;
    const char *step;
    void (*take)(json_t *line, gpointer data);
    gpointer data;
    GError *error;          /* what it said went wrong */
} Talk;

/* -- running it ------------------------------------------------------------------------------------------------------ */

static void
take_error(Talk *talk, json_t *said)
{
    const char *name = json_string_value(json_object_get(said, "code")), *message = json_string_value(json_object_get(said, "message"));
    SkError code = SK_ERROR_HOST;
    if (name != NULL)
        sk_error_from_name(name, &code);
    g_clear_error(&talk->error);
    g_set_error_literal(&talk->error, SK_ERROR, (gint) code, message != NULL ? message : "skep-repository failed");
}

static void
on_line(const char *line, gpointer data)
{
    Talk *talk = data;
    g_autoptr(json_t) said = sk_json_parse(line, strlen(line), "what skep-repository says", NULL);
    json_t *total = json_object_get(said, "total"), *error = json_object_get(said, "error");
    if (error != NULL)
        take_error(talk, error);
    else if (total != NULL)
        sk_storage_report(talk->context, talk->step, (guint64) json_integer_value(json_object_get(said, "done")), (guint64) json_integer_value(total));
    else if (said != NULL && talk->take != NULL)
        talk->take(said, talk->data);
}

/* The key as a file that only the child sees. */
static gint
open_key(const char *key, GError **error)
{
    g_auto(SkFd) fd = memfd_create("key", MFD_CLOEXEC);
    if (fd < 0 || !sk_fd_write_all(fd, key, strlen(key), NULL)) {
        sk_fail(error, SK_ERROR_HOST, "cannot hand over the key of a repository");
        return -1;
    }
    return sk_fd_steal(&fd);
}

/* Words after the options, NULL at their end; input may be NULL. */
static gboolean
run(const SkRepositoryPlace *place, const char *const *words, const char *input, Talk *talk, GError **error)
{
    const char *argv[MAX_WORDS + 5] = { place->program, "--json", "--key-file", "/dev/fd/3" };
    g_autoptr(GError) why = NULL;
    g_auto(SkFd) key = open_key(place->key, error);
    if (key < 0)
        return FALSE;
    for (guint i = 0, n = 4; words[i] != NULL; i++) {
        g_assert(i < MAX_WORDS);
        argv[n++] = words[i];
    }
    const SkFdMap fds[] = { { key, KEY_FD } };
    const SkTalk program = { .argv = argv, .fds = fds, .n_fds = 1, .input = input, .on_line = on_line, .data = talk,
                             .cancellable = talk->context != NULL ? talk->context->cancellable : NULL };
    if (sk_fault("storage/repository", error))
        return FALSE;
    gboolean is_done = sk_run_talk(&program, &why);
    /* What it said is clearer than that it failed. */
    if (!is_done)
        g_propagate_error(error, talk->error != NULL && !sk_error_is(why, SK_ERROR_CANCELLED) ? g_steal_pointer(&talk->error) : g_steal_pointer(&why));
    g_clear_error(&talk->error);
    return is_done;
}

/* -- keys ----------------------------------------------------------------------------------------------------------------- */

char *
sk_repository_new_key(const char *program, GError **error)
{
    const char *const argv[] = { program, "key", NULL };
    char *text = NULL;
    return sk_run(argv, NULL, &text, error) ? g_strchomp(text) : NULL;
}

void
sk_repository_forget_key(char *key)
{
    if (key != NULL)
        explicit_bzero(key, strlen(key));
}

gboolean
sk_repository_make(const SkRepositoryPlace *place, GError **error)
{
    const char *const words[] = { "init", place->path, NULL };
    return run(place, words, NULL, &(Talk){ 0 }, error);
}

/* -- backups ------------------------------------------------------------------------------------------------------------------ */

static void
free_backup(gpointer backup)
{
    sk_value_free(&sk_stored_backup_type, backup);
}

/* Adds {"backup":{…}}. */
static void
take_backup(json_t *line, gpointer data)
{
    g_autoptr(GError) why = NULL;
    json_t *said = json_object_get(line, "backup");
    SkStoredBackup *backup = said != NULL ? sk_json_decode(&sk_stored_backup_type, said, &why) : NULL;
    if (backup != NULL)
        g_ptr_array_add(data, backup);
    else if (why != NULL)
        g_warning("a backup is told of that cannot be understood, continuing: %s", why->message);
}

GPtrArray *
sk_repository_list(const SkRepositoryPlace *place, const char *domain, GCancellable *cancellable, GError **error)
{
    const char *const words[] = { "ls", place->path, domain != NULL ? "--domain" : NULL, domain, NULL };
    g_autoptr(GPtrArray) backups = g_ptr_array_new_with_free_func(free_backup);
    const SkStorageContext context = { .cancellable = cancellable };
    return run(place, words, NULL, &(Talk){ .context = &context, .take = take_backup, .data = backups }, error) ? g_steal_pointer(&backups) : NULL;
}

/* The one that was told of; NULL, with the error, if none was. */
static SkStoredBackup *
take_only(GPtrArray *backups, const SkRepositoryPlace *place, GError **error)
{
    if (backups->len == 1) {
        g_ptr_array_set_free_func(backups, NULL);
        return backups->pdata[0];
    }
    sk_fail(error, SK_ERROR_IO, "skep-repository did not say what backup there is in \"%s\"", place->path);
    return NULL;
}

SkStoredBackup *
sk_repository_show(const SkRepositoryPlace *place, const char *name, GCancellable *cancellable, GError **error)
{
    const char *const words[] = { "show", place->path, name, NULL };
    g_autoptr(GPtrArray) backups = g_ptr_array_new_with_free_func(free_backup);
    const SkStorageContext context = { .cancellable = cancellable };
    return run(place, words, NULL, &(Talk){ .context = &context, .take = take_backup, .data = backups }, error) ? take_only(backups, place, error) : NULL;
}

SkStoredBackup *
sk_repository_create(const SkRepositoryPlace *place, const SkBackupOrder *order, const SkStorageContext *context, GError **error)
{
    const char *const words[] = { "--leash", "create", place->path, NULL };
    g_autoptr(GPtrArray) backups = g_ptr_array_new_with_free_func(free_backup);
    g_autofree char *text = sk_json_encode(&sk_backup_order_type, order, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autofree char *input = g_strconcat(text, "\n", NULL);
    Talk talk = { .context = context, .step = "reading disks", .take = take_backup, .data = backups };
    return run(place, words, input, &talk, error) ? take_only(backups, place, error) : NULL;
}

/* -- upkeep ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const SkType *type;
    const char *key;        /* {"KEY":{…}}; NULL: the line itself */
    gpointer value;
} Wanted;

static void
take_value(json_t *line, gpointer data)
{
    Wanted *wanted = data;
    json_t *said = wanted->key != NULL ? json_object_get(line, wanted->key) : line;
    if (said != NULL && wanted->value == NULL)
        wanted->value = sk_json_decode(wanted->type, said, NULL);
}

static gpointer
run_for(const SkRepositoryPlace *place, const char *const *words, const SkStorageContext *context, const char *step, const SkType *type,
        const char *key, GError **error)
{
    Wanted wanted = { .type = type, .key = key };
    if (!run(place, words, NULL, &(Talk){ .context = context, .step = step, .take = take_value, .data = &wanted }, error)) {
        sk_value_free(type, wanted.value);
        return NULL;
    }
    if (wanted.value == NULL)
        sk_fail(error, SK_ERROR_IO, "skep-repository did not say what came of its work in \"%s\"", place->path);
    return wanted.value;
}

SkRepositoryReport *
sk_repository_verify(const SkRepositoryPlace *place, const char *name, const SkStorageContext *context, GError **error)
{
    const char *const words[] = { "verify", place->path, name, NULL };
    return run_for(place, words, context, "verifying", &sk_repository_report_type, "verified", error);
}

SkRepositoryPruned *
sk_repository_prune(const SkRepositoryPlace *place, const SkRepositoryPrune *prune, GCancellable *cancellable, GError **error)
{
    const char *words[MAX_WORDS] = { "prune", place->path, "--keep", prune->keep };
    const SkStorageContext context = { .cancellable = cancellable };
    guint n = 4;
    if (prune->dry_run)
        words[n++] = "--dry-run";
    if (prune->domain != NULL) {
        words[n++] = "--domain";
        words[n++] = prune->domain;
    }
    return run_for(place, words, &context, "pruning", &sk_repository_pruned_type, NULL, error);
}

SkRepositoryPruned *
sk_repository_remove(const SkRepositoryPlace *place, const char *name, GCancellable *cancellable, GError **error)
{
    const char *const words[] = { "remove", place->path, name, NULL };
    const SkStorageContext context = { .cancellable = cancellable };
    return run_for(place, words, &context, "removing", &sk_repository_pruned_type, NULL, error);
}
