/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of families, looking commands up, and what is near a mistyped word. */
#include "cli/command.h"

#include <string.h>

#include "base/error.h"

const SkFamily sk_families[] = {
    { "Domains", sk_domain_commands },
    { "Creating domains", sk_domain_create_commands },
    { "Changing domains", sk_domain_set_commands },
    { "Saved states and definitions", sk_saved_commands },
    { "Looking into a guest", sk_inspect_commands },
    { "Snapshots", sk_snapshot_commands },
    { "Checkpoints", sk_checkpoint_commands },
    { "Backups", sk_backup_commands },
    { "Schedules", sk_schedule_commands },
    { "Repositories of backups", sk_repository_commands },
    { "Getting at the guest", sk_console_commands },
    { "Guest agent", sk_agent_commands },
    { "Disks and drives", sk_disk_commands },
    { "Network interfaces", sk_nic_commands },
    { "Other devices", sk_device_commands },
    { "Images", sk_image_commands },
    { "Networks", sk_network_commands },
    { "Storage pools", sk_pool_commands },
    { "Secrets", sk_secret_commands },
    { "Volumes", sk_volume_commands },
    { "Jobs and events", sk_job_commands },
    { "Access tokens", sk_token_commands },
    { "The host", sk_node_commands },
    { "Moving in", sk_adopt_commands },
    { "General", sk_general_commands },
    { 0 },
};

const SkCommand *
sk_command_next(const SkCommand *row)
{
    gboolean found = row == NULL;
    for (const SkFamily *family = sk_families; family->title != NULL; family++) {
        for (const SkCommand *at = family->commands; at->words != NULL; at++) {
            if (found)
                return at;
            found = at == row;
        }
    }
    return NULL;
}

/* How many of the words name this command; 0: they do not. */
static guint
match(const SkCommand *command, char **words, guint n_words)
{
    g_auto(GStrv) own = g_strsplit(command->words, " ", -1);
    guint n_own = g_strv_length(own);
    for (guint i = 0; i < n_own; i++) {
        if (i >= n_words || !g_str_equal(own[i], words[i]))
            return 0;
    }
    return n_own;
}

gboolean
sk_command_is_group(const char *word)
{
    gsize length = strlen(word);
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        if (!row->hidden && strncmp(row->words, word, length) == 0 && row->words[length] == ' ')
            return TRUE;
    }
    return FALSE;
}

/* The words that may stand after the group word, or at the very start for NULL. */
static GPtrArray *
following_words(const char *group)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        g_auto(GStrv) own = g_strsplit(row->words, " ", -1);
        const char *word = group == NULL ? own[0] : g_str_equal(own[0], group) ? own[1] : NULL;
        if (word != NULL && !row->hidden && g_hash_table_add(seen, g_strdup(word)))
            g_ptr_array_add(out, g_strdup(word));
    }
    g_ptr_array_add(out, NULL);
    return out;
}

static void
set_unknown(char **words, guint n_words, GError **error)
{
    gboolean group = sk_command_is_group(words[0]);
    g_autoptr(GPtrArray) known = following_words(group ? words[0] : NULL);
    const char *word = words[group ? 1 : 0];
    const char *near = sk_nearest(word, (const char *const *) known->pdata);
    g_autofree char *what = group ? g_strdup_printf("%s %s", words[0], word) : g_strdup(word);

    if (near != NULL)
        sk_fail(error, SK_ERROR_INVALID, "there is no command \"%s\"; did you mean \"%s%s%s\"?", what, group ? words[0] : "",
                group ? " " : "", near);
    else
        sk_fail(error, SK_ERROR_INVALID, "there is no command \"%s\"; see skep %s%s--help", what, group ? words[0] : "", group ? " " : "");
}

const SkCommand *
sk_command_find(char **words, guint n_words, guint *out_used, GError **error)
{
    const SkCommand *best = NULL;
    guint most = 0;
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        guint used = match(row, words, n_words);
        if (used > most) {
            most = used;
            best = row;
        }
    }
    *out_used = most;
    if (best == NULL && n_words > 0 && !(n_words == 1 && sk_command_is_group(words[0])))
        set_unknown(words, n_words, error);
    return best;
}

/* -- help lines ------------------------------------------------------------------------------------------- */

const char *
sk_command_help(const SkCommand *self)
{
    if (self->help != NULL)
        return self->help;
    return self->ops != NULL ? sk_operation((SkOperationId) self->ops[0])->help : "";
}

const SkField *
sk_type_find_path(const SkType *type, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    const SkField *field = NULL;
    for (guint i = 0; parts[i] != NULL; i++) {
        char *bracket = strchr(parts[i], '[');
        if (bracket != NULL)
            *bracket = '\0';
        field = type != NULL ? sk_type_find(type, parts[i]) : NULL;
        if (field == NULL)
            return NULL;
        type = field->type;
    }
    return field;
}

const char *
sk_option_help(const SkCommand *command, const SkOption *self)
{
    if (self->help != NULL)
        return self->help;
    const SkField *field = NULL;
    if (self->field != NULL && command != NULL && command->body != NULL)
        field = sk_type_find_path(command->body, self->field);
    else if (self->param != NULL && command != NULL && command->ops != NULL)
        field = sk_type_find(sk_operation((SkOperationId) command->ops[0])->params, self->param);
    return field != NULL ? field->help : "";
}

/* -- what was meant ------------------------------------------------------------------------------------------ */

/* Levenshtein distance; long words are cut, they are near nothing. */
static guint
distance(const char *a, const char *b)
{
    enum { MAX_WORD = 40 };
    guint n = MIN(strlen(a), MAX_WORD), m = MIN(strlen(b), MAX_WORD);
    guint row[MAX_WORD + 1];
    for (guint j = 0; j <= m; j++)
        row[j] = j;
    for (guint i = 1; i <= n; i++) {
        guint diagonal = row[0];
        row[0] = i;
        for (guint j = 1; j <= m; j++) {
            guint best = MIN(MIN(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

const char *
sk_nearest(const char *text, const char *const *candidates)
{
    const char *nearest = NULL;
    guint best = strlen(text) <= 3 ? 2 : (guint) strlen(text) / 4 + 2;
    for (guint i = 0; candidates[i] != NULL; i++) {
        guint far = distance(text, candidates[i]);
        gboolean begins = strlen(text) >= 2 && g_str_has_prefix(candidates[i], text);
        if (begins)
            far = 1;
        if (far < best && far < strlen(candidates[i])) {
            best = far;
            nearest = candidates[i];
        }
    }
    return nearest;
}
