/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * skep-repository: a repository of backups read and written by hand, on any host, with nothing but its key. The daemon runs it too: with
 * --json it tells how far it is, and what came of it, a line each.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "codec/json/json.h"
#include "repository/disk-reader.h"
#include "repository/upkeep.h"

#define KEY_MAX 1024
#define COPY_BYTES (4 * SK_REPO_WINDOW)

typedef struct {
    char *key_file, *domain, *keep;
    gboolean json, leash, dry_run;
    GStrv operands;         /* after the command */
    SkRepo *repo;
    gint64 told;            /* when progress was told last */
} Tool;

/* -- what is said ----------------------------------------------------------------------------------------------------- */

static void
say(const char *text)
{
    fputs(text, stdout);
    putchar('\n');
    fflush(stdout);
}

/* A tenth of a second apart, and the end. */
static void
on_progress(guint64 done, guint64 total, gpointer data)
{
    Tool *tool = data;
    gint64 now = g_get_monotonic_time();
    if (!tool->json || (done < total && now - tool->told < G_USEC_PER_SEC / 10))
        return;
    tool->told = now;
    g_autofree char *line = g_strdup_printf("{\"done\":%" G_GUINT64_FORMAT ",\"total\":%" G_GUINT64_FORMAT "}", done, total);
    say(line);
}

static void
say_error(const Tool *tool, const GError *error)
{
    fprintf(stderr, "skep-repository: %s\n", error->message);
    if (!tool->json)
        return;
    g_autoptr(GString) line = g_string_new("{\"error\":{\"code\":");
    sk_json_write_string(line, sk_error_info_of(error)->name);
    g_string_append(line, ",\"message\":");
    sk_json_write_string(line, error->message);
    g_string_append(line, "}}");
    say(line->str);
}

/* {"key":VALUE}, or for people only the value's fields that count. */
static void
say_backup(const Tool *tool, const SkStoredBackup *backup)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *when = sk_time_format(backup->created);
    g_autofree char *read = sk_size_format(backup->read), *written = sk_size_format(backup->written);
    if (tool->json) {
        g_string_append(line, "{\"backup\":");
        sk_json_write(line, &sk_stored_backup_type, backup, NULL, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
        g_string_append_c(line, '}');
    } else
        g_string_printf(line, "%s  %s  %-20s  %s  read %s, added %s", backup->name, when, backup->domain,
                        backup->incremental ? "incremental" : "full", read, written);
    say(line->str);
}

/* -- commands ---------------------------------------------------------------------------------------------------------------- */

static char *
read_key(const Tool *tool, GError **error)
{
    gsize length;
    const char *path = tool->key_file != NULL ? tool->key_file : g_getenv("SKEP_REPOSITORY_KEY_FILE");
    if (path == NULL) {
        sk_fail(error, SK_ERROR_INVALID, "give the file that has the repository's key: --key-file FILE");
        return NULL;
    }
    return sk_fs_read(path, KEY_MAX, &length, error);
}

static gboolean
run_key(Tool *tool, GError **error)
{
    char *key = sk_repo_key_new();
    (void) tool;
    (void) error;
    say(key);
    sk_repo_key_free(key);
    return TRUE;
}

static gboolean
run_init(Tool *tool, GError **error)
{
    char *key = read_key(tool, error);
    gboolean is_made = key != NULL && sk_repo_init(tool->operands[0], key, error);
    sk_repo_key_free(key);
    return is_made;
}

/* The first line of standard input; more may follow only when the leash is let go. */
static char *
read_line(GError **error)
{
    g_autoptr(GByteArray) line = g_byte_array_new();
    guint8 byte;
    for (;;) {
        gssize n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || byte == '\n')
            break;
        g_byte_array_append(line, &byte, 1);
        if (line->len > SK_JSON_MAX_BYTES) {
            sk_fail(error, SK_ERROR_TOO_LARGE, "the order is too long");
            return NULL;
        }
    }
    return g_strndup((const char *) line->data, line->len);
}

/* Whoever started us is gone: what is half done is nothing to anybody. */
static gpointer
hold_leash(gpointer data)
{
    guint8 byte;
    gssize n;
    (void) data;
    while ((n = read(STDIN_FILENO, &byte, 1)) > 0 || (n < 0 && errno == EINTR))
        ;
    _exit(1);
}

static gboolean
run_create(Tool *tool, GError **error)
{
    g_autofree char *text = read_line(error);
    SkBackupOrder *order = text != NULL ? sk_json_decode_text(&sk_backup_order_type, text, strlen(text), "the order", error) : NULL;
    if (order == NULL)
        return FALSE;
    if (tool->leash)
        g_thread_unref(g_thread_new("leash", hold_leash, NULL));
    gboolean is_made = sk_repo_lock(tool->repo, FALSE, error) && sk_repo_make_backup(tool->repo, order, on_progress, tool, error);
    if (is_made)
        say_backup(tool, order->backup);
    sk_value_free(&sk_backup_order_type, order);
    return is_made;
}

static gboolean
run_ls(Tool *tool, GError **error)
{
    g_autoptr(GPtrArray) damaged = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) backups = sk_repo_load_backups(tool->repo, tool->domain, damaged, error);
    for (guint i = 0; backups != NULL && i < backups->len; i++)
        say_backup(tool, backups->pdata[i]);
    for (guint i = 0; i < damaged->len; i++)
        fprintf(stderr, "skep-repository: %s\n", (const char *) damaged->pdata[i]);
    return backups != NULL;
}

/* A backup by its name, whole or without the domain. */
static SkStoredBackup *
load(Tool *tool, const char *name, GError **error)
{
    g_autofree char *whole = sk_repo_find_backup(tool->repo, name, error);
    return whole == NULL ? NULL : sk_repo_load_backup(tool->repo, whole, error);
}

static gboolean
run_show(Tool *tool, GError **error)
{
    SkStoredBackup *backup = load(tool, tool->operands[1], error);
    if (backup == NULL)
        return FALSE;
    if (tool->json)
        say_backup(tool, backup);
    else {
        g_autofree char *text = sk_json_encode(&sk_stored_backup_type, backup, SK_JSON_SECRETS);
        say(text);
    }
    sk_value_free(&sk_stored_backup_type, backup);
    return TRUE;
}

/* Copies what is not zeros; the file is as long as the disk. */
static gboolean
copy_disk(Tool *tool, SkRepoDiskReader *disk, gint fd, const char *path, GError **error)
{
    const guint64 size = sk_repo_disk_reader_size(disk);
    g_autofree guint8 *bytes = g_malloc(SK_REPO_WINDOW);
    if (ftruncate(fd, (off_t) size) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", path);
    for (guint64 offset = 0, length; offset < size; offset += length) {
        gboolean is_zero;
        if (!sk_repo_disk_extent(disk, offset, &length, &is_zero, error) ||
            (!is_zero && !sk_repo_disk_read(disk, offset, bytes, length, error)))
            return FALSE;
        if (!is_zero && pwrite(fd, bytes, length, (off_t) offset) != (gssize) length)
            return sk_fail_errno(error, errno, "cannot write \"%s\"", path);
        on_progress(offset + length, size, tool);
    }
    return fsync(fd) == 0 || sk_fail_errno(error, errno, "cannot write \"%s\"", path);
}

static gboolean
extract_disk(Tool *tool, const SkStoredDisk *disk, const char *path, GError **error)
{
    SkRepoId root;
    if (disk->map == NULL || !sk_repo_id_parse(disk->map, &root))
        return sk_fail(error, SK_ERROR_IO, "disk \"%s\" of the backup has no map", disk->target);
    g_autoptr(SkRepoDiskReader) reader = sk_repo_disk_reader_new(tool->repo, &root, disk->size, error);
    g_auto(SkFd) fd = reader != NULL ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : SK_FD_NONE;
    if (reader != NULL && fd < 0)
        return sk_fail_errno(error, errno, "cannot make \"%s\"", path);
    if (reader != NULL && copy_disk(tool, reader, fd, path, error))
        return TRUE;
    if (fd >= 0)
        unlink(path);
    return FALSE;
}

static gboolean
extract_file(Tool *tool, const SkStoredFile *file, const char *path, GError **error)
{
    SkRepoId id;
    if (file->object == NULL || !sk_repo_id_parse(file->object, &id))
        return sk_fail(error, SK_ERROR_IO, "\"%s\" of the backup has no object", file->name);
    g_autoptr(GByteArray) bytes = sk_repo_get(tool->repo, SK_REPO_FILE, &id, error);
    return bytes != NULL && sk_fs_write(path, bytes->data, bytes->len, 0600, error);
}

/* REPOSITORY BACKUP DISK FILE: a raw file, or one of the small files beside the disks. */
static gboolean
run_extract(Tool *tool, GError **error)
{
    const char *part = tool->operands[2], *path = tool->operands[3];
    SkStoredBackup *backup = sk_repo_lock(tool->repo, FALSE, error) ? load(tool, tool->operands[1], error) : NULL;
    if (backup == NULL)
        return FALSE;
    const SkStoredDisk *disk = sk_stored_backup_find_disk(backup, part);
    const SkStoredFile *file = sk_stored_backup_find_file(backup, part);
    gboolean is_done = disk != NULL   ? extract_disk(tool, disk, path, error)
                       : file != NULL ? extract_file(tool, file, path, error)
                                      : sk_fail(error, SK_ERROR_NOT_FOUND, "backup \"%s\" has neither disk nor file \"%s\"", backup->name, part);
    sk_value_free(&sk_stored_backup_type, backup);
    return is_done;
}

static gboolean
run_verify(Tool *tool, GError **error)
{
    g_auto(SkRepoReport) report = { 0 };
    g_autofree char *name = tool->operands[1] != NULL ? sk_repo_find_backup(tool->repo, tool->operands[1], error) : NULL;
    if ((tool->operands[1] != NULL && name == NULL) || !sk_repo_lock(tool->repo, FALSE, error) ||
        !sk_repo_verify(tool->repo, name, on_progress, tool, &report, error))
        return FALSE;
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *bytes = sk_size_format(report.bytes);
    if (tool->json) {
        g_string_printf(line, "{\"verified\":{\"backups\":%" G_GUINT64_FORMAT ",\"objects\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT ",\"damaged\":[",
                        report.backups, report.objects, report.bytes);
        for (guint i = 0; i < report.damaged->len; i++) {
            g_string_append(line, i > 0 ? "," : "");
            sk_json_write_string(line, report.damaged->pdata[i]);
        }
        g_string_append(line, "]}}");
    } else {
        g_string_printf(line, "%" G_GUINT64_FORMAT " backups, %" G_GUINT64_FORMAT " objects, %s read", report.backups, report.objects, bytes);
        for (guint i = 0; i < report.damaged->len; i++)
            fprintf(stderr, "skep-repository: %s\n", (const char *) report.damaged->pdata[i]);
    }
    say(line->str);
    return tool->json || report.damaged->len == 0 ||
           sk_fail(error, SK_ERROR_IO, "%u parts of backups are damaged", report.damaged->len);
}

static void
say_names(const Tool *tool, const char *key, const char *const *names, guint n, const SkRepoFreed *freed)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *bytes = sk_size_format(freed->bytes);
    if (tool->json)
        g_string_append_printf(line, "{\"%s\":[", key);
    for (guint i = 0; i < n; i++) {
        if (tool->json) {
            g_string_append(line, i > 0 ? "," : "");
            sk_json_write_string(line, names[i]);
        } else
            g_string_append_printf(line, "%s %s\n", key, names[i]);
    }
    g_string_append_printf(line, tool->json ? "],\"objects\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT "}" : "%" G_GUINT64_FORMAT " objects freed, ",
                           freed->objects, freed->bytes);
    if (!tool->json)
        g_string_append(line, bytes);
    say(line->str);
}

static gboolean
remove_names(SkRepo *repo, const char *const *names, guint n, GError **error)
{
    for (guint i = 0; i < n; i++) {
        g_autofree char *whole = sk_repo_find_backup(repo, names[i], error);
        if (whole == NULL || !sk_repo_remove_backup(repo, whole, error))
            return FALSE;
    }
    return TRUE;
}

/* REPOSITORY BACKUP...: these go, and what only they needed. */
static gboolean
run_remove(Tool *tool, GError **error)
{
    SkRepoFreed freed = { 0 };
    const char *const *names = (const char *const *) tool->operands + 1;
    guint n = g_strv_length((char **) names);
    if (!sk_repo_lock(tool->repo, TRUE, error) || !remove_names(tool->repo, names, n, error) || !sk_repo_collect(tool->repo, &freed, error))
        return FALSE;
    say_names(tool, "removed", names, n, &freed);
    return TRUE;
}

static gboolean
run_prune(Tool *tool, GError **error)
{
    SkRetention keep;
    SkRepoFreed freed = { 0 };
    if (tool->keep == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "say what is kept: --keep 24h,7d,4w");
    if (!sk_retention_parse(tool->keep, "--keep", &keep, error) || !sk_repo_lock(tool->repo, !tool->dry_run, error))
        return FALSE;
    g_autoptr(GPtrArray) names = sk_repo_plan_prune(tool->repo, tool->domain, &keep, error);
    if (names == NULL)
        return FALSE;
    if (!tool->dry_run && (!remove_names(tool->repo, (const char *const *) names->pdata, names->len, error) || !sk_repo_collect(tool->repo, &freed, error)))
        return FALSE;
    say_names(tool, tool->dry_run && !tool->json ? "would remove" : "removed", (const char *const *) names->pdata, names->len, &freed);
    return TRUE;
}

/* -- main -------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *operands, *help;
    guint least, most;          /* operands */
    gboolean opens;             /* the first operand is a repository that is there */
    gboolean (*run)(Tool *tool, GError **error);
} Command;

static const Command commands[] = {
    { "key", "", "print a new key", 0, 0, FALSE, run_key },
    { "init", "REPOSITORY", "make a repository in an empty directory", 1, 1, FALSE, run_init },
    { "create", "REPOSITORY", "make a backup: the order is the first line of standard input", 1, 1, TRUE, run_create },
    { "ls", "REPOSITORY", "list backups", 1, 1, TRUE, run_ls },
    { "show", "REPOSITORY BACKUP", "show a backup as JSON", 2, 2, TRUE, run_show },
    { "extract", "REPOSITORY BACKUP DISK FILE", "write a disk to a raw file", 4, 4, TRUE, run_extract },
    { "verify", "REPOSITORY [BACKUP]", "read everything, and say what is damaged", 1, 2, TRUE, run_verify },
    { "remove", "REPOSITORY BACKUP...", "remove backups, and what only they needed", 1, 1000, TRUE, run_remove },
    { "prune", "REPOSITORY", "remove the backups that are not to be kept", 1, 1, TRUE, run_prune },
};

static const Command *
find_command(const char *name)
{
    for (guint i = 0; name != NULL && i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static char *
describe_commands(void)
{
    GString *text = g_string_new("Commands:\n");
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        g_string_append_printf(text, "  %-7s %-28s %s\n", commands[i].name, commands[i].operands, commands[i].help);
    return g_string_free(text, FALSE);
}

static gboolean
run_command(Tool *tool, const Command *command, GError **error)
{
    guint n = g_strv_length(tool->operands);
    if (n < command->least || n > command->most)
        return sk_fail(error, SK_ERROR_INVALID, "usage: skep-repository %s %s", command->name, command->operands);
    if (command->opens) {
        char *key = read_key(tool, error);
        tool->repo = key != NULL ? sk_repo_open(tool->operands[0], key, error) : NULL;
        sk_repo_key_free(key);
        if (tool->repo == NULL)
            return FALSE;
    }
    return command->run(tool, error);
}

static gboolean
parse_options(Tool *tool, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        { "key-file", 'k', 0, G_OPTION_ARG_FILENAME, &tool->key_file, "file that has the repository's key", "FILE" },
        { "domain", 0, 0, G_OPTION_ARG_STRING, &tool->domain, "ls, prune: only backups of this domain", "DOMAIN" },
        { "keep", 0, 0, G_OPTION_ARG_STRING, &tool->keep, "prune: what is kept, such as 24h,7d,4w", "RULE" },
        { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &tool->dry_run, "prune: only say what would go", NULL },
        { "json", 0, 0, G_OPTION_ARG_NONE, &tool->json, "say everything as JSON, a line each", NULL },
        { "leash", 0, 0, G_OPTION_ARG_NONE, &tool->leash, "create: end when standard input is closed", NULL },
        { 0 },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("COMMAND [OPERAND...]");
    g_autofree char *text = describe_commands();
    g_option_context_set_description(context, text);
    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, argc, argv, error);
}

int
main(int argc, char **argv)
{
    Tool tool = { 0 };
    g_autoptr(GError) error = NULL;
    if (!parse_options(&tool, &argc, &argv, &error)) {
        say_error(&tool, error);
        return 2;
    }
    const Command *command = find_command(argc > 1 ? argv[1] : NULL);
    tool.operands = g_strdupv(argc > 2 ? argv + 2 : argv + argc);
    if (command == NULL)
        sk_fail(&error, SK_ERROR_INVALID, "there is no command \"%s\": see skep-repository --help", argc > 1 ? argv[1] : "");
    gboolean is_done = command != NULL && run_command(&tool, command, &error);
    if (!is_done)
        say_error(&tool, error);
    sk_repo_free(tool.repo);
    g_strfreev(tool.operands);
    g_free(tool.key_file);
    g_free(tool.domain);
    g_free(tool.keep);
    return is_done ? 0 : sk_error_info_of(error)->exit_code;
}
