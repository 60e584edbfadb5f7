/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completion. The scripts of the shells are short: they give the words so far to the hidden command
 * `skep __complete -- WORD...`, which prints candidates, or ":file" where a file name is wanted.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "codec/json/json.h"

static void
offer(const char *word, const char *candidate)
{
    if (candidate != NULL && g_str_has_prefix(candidate, word) && !sk_text_has_control(candidate))
        printf("%s\n", candidate);
}

/* -- names the daemon knows ----------------------------------------------------------------------------------------- */

static const struct {
    const char *kind;
    SkOperationId op;
    const char *path;
} name_lists[] = {
    { "domain", SK_OP_DOMAIN_LIST, "name" }, { "network", SK_OP_NETWORK_LIST, "spec.name" }, { "pool", SK_OP_POOL_LIST, "spec.name" },
    { "schedule", SK_OP_SCHEDULE_LIST, "id" },
    { "repository", SK_OP_REPOSITORY_LIST, "name" },
    { "secret", SK_OP_SECRET_LIST, "spec.uuid" },
    { "image", SK_OP_IMAGE_LIST, "name" },   { "job", SK_OP_JOB_LIST, "id" },              { "token", SK_OP_TOKEN_LIST, "id" },
};

static void
offer_list(SkCli *self, const char *word, SkOperationId op, const char *path, const char *pool)
{
    g_autoptr(SkAsk) ask = sk_ask_new(op);
    sk_ask_set(ask, "name", pool);
    g_autoptr(json_t) list = sk_cli_list(self, ask, NULL);
    gsize i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        const char *name = sk_json_text_at(entry, path);
        g_autofree char *full = pool != NULL && name != NULL ? g_strdup_printf("%s/%s", pool, name) : g_strdup(name);
        offer(word, full);
    }
}

/* Volumes of the pool that was begun, or of all. */
static void
offer_volumes(SkCli *self, const char *word)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_POOL_LIST);
    g_autoptr(json_t) pools = sk_cli_list(self, ask, NULL);
    gsize i;
    json_t *entry;
    json_array_foreach(pools, i, entry) {
        const char *pool = sk_json_text_at(entry, "spec.name");
        if (pool != NULL)
            offer_list(self, word, SK_OP_VOLUME_LIST, "name", pool);
    }
}

/* Disks or interfaces of the domain on the line. */
static void
offer_devices(SkCli *self, const char *word, const char *domain, const char *list, const char *key)
{
    g_autoptr(json_t) view = domain != NULL ? sk_cli_show(self, SK_OP_DOMAIN_SHOW, domain, NULL, NULL) : NULL;
    gsize i;
    json_t *entry;
    json_array_foreach(json_object_get(sk_view_spec(view), list), i, entry)
        offer(word, sk_json_text_at(entry, key));
}

static void
offer_keys(const char *word, const SkType *type)
{
    for (guint i = 0; type != NULL && i < type->n_fields; i++) {
        g_autofree char *pair = g_strconcat(type->fields[i].key, "=", NULL);
        if (!(type->fields[i].flags & SK_FIELD_READONLY))
            offer(word, pair);
    }
}

static void
offer_kind(SkCli *self, const SkCommand *command, const char *kind, const char *word, const char *domain)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };
    for (guint i = 0; i < G_N_ELEMENTS(name_lists); i++) {
        if (g_str_equal(kind, name_lists[i].kind))
            offer_list(self, word, name_lists[i].op, name_lists[i].path, NULL);
    }
    for (guint i = 0; g_str_equal(kind, "shell") && i < G_N_ELEMENTS(shells); i++)
        offer(word, shells[i]);
    if (g_str_equal(kind, "file"))
        printf(":file\n");
    else if (g_str_equal(kind, "volume"))
        offer_volumes(self, word);
    else if (g_str_equal(kind, "disk"))
        offer_devices(self, word, domain, "disks", "target");
    else if (g_str_equal(kind, "nic"))
        offer_devices(self, word, domain, "interfaces", "mac");
    else if (g_str_equal(kind, "key"))
        offer_keys(word, command->body);
}

/* -- options ------------------------------------------------------------------------------------------------------------ */

static void
offer_options(const SkOption *options, const char *word)
{
    for (const SkOption *at = options; at != NULL && at->name != NULL; at++) {
        g_autofree char *text = g_strconcat("--", at->name, NULL);
        offer(word, text);
    }
}

/* The option whose value the word after text is, or NULL. */
static const SkOption *
option_before(const SkCommand *command, const char *text)
{
    const SkOption *tables[] = { command != NULL ? command->options : NULL, sk_global_options };
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const SkOption *at = tables[i]; at != NULL && at->name != NULL; at++) {
            gboolean is_long = g_str_has_prefix(text, "--") && g_str_equal(text + 2, at->name);
            gboolean is_short = text[0] == '-' && at->letter != 0 && text[1] == at->letter && text[2] == '\0';
            if ((is_long || is_short) && at->value != NULL)
                return at;
        }
    }
    return NULL;
}

static void
offer_value(SkCli *self, const SkCommand *command, const SkOption *option, const char *word, const char *domain)
{
    if (option->choices != NULL && *option->choices == '@') {
        offer_kind(self, command, option->choices + 1, word, domain);
    } else if (option->choices != NULL) {
        g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
        for (guint i = 0; choices[i] != NULL; i++)
            offer(word, choices[i]);
    } else if (option->keys != NULL) {
        offer_keys(word, option->keys);
    }
}

/* -- words ---------------------------------------------------------------------------------------------------------------- */

/* Command words that may come next: all after the group, or the first ones. */
static void
offer_commands(const char *group, const char *word)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (const SkCommand *row = sk_command_next(NULL); row != NULL; row = sk_command_next(row)) {
        g_auto(GStrv) words = g_strsplit(row->words, " ", -1);
        const char *candidate = group == NULL ? words[0] : g_str_equal(words[0], group) ? words[1] : NULL;
        if (!row->hidden && candidate != NULL && g_hash_table_add(seen, g_strdup(candidate)))
            offer(word, candidate);
    }
}

static void
offer_operand(SkCli *self, const SkCommand *command, guint place, const char *word, const char *domain)
{
    SkOperandSpec specs[8];
    guint n = sk_operands_split(command->operands, specs, G_N_ELEMENTS(specs));
    if (n == 0)
        return;
    const SkOperandSpec *spec = &specs[MIN(place, n - 1)];
    if ((place < n || spec->many) && spec->kind != NULL && spec->kind->complete != NULL)
        offer_kind(self, command, spec->kind->complete, word, domain);
}

/* The words before the last that are no options and no values of options. */
static GPtrArray *
plain_words(const char *const *words, guint n)
{
    GPtrArray *plain = g_ptr_array_new();
    for (guint i = 0; i < n; i++) {
        guint used;
        const SkCommand *command = plain->len > 0 ? sk_command_find((char **) plain->pdata, MIN(plain->len, 2), &used, NULL) : NULL;
        if (words[i][0] != '-')
            g_ptr_array_add(plain, (gpointer) words[i]);
        else if (option_before(command, words[i]) != NULL)
            i++;
    }
    return plain;
}

/* A daemon named on the line being completed is the one to ask. */
static void
use_target(SkCli *self, const char *const *words)
{
    for (guint i = 0; words[i] != NULL && words[i + 1] != NULL; i++) {
        if (g_str_equal(words[i], "--root")) {
            g_free(self->target.socket);
            self->target.socket = g_build_filename(words[i + 1], "run", "skep.sock", NULL);
        } else if (g_str_equal(words[i], "--socket")) {
            g_free(self->target.socket);
            self->target.socket = g_strdup(words[i + 1]);
        }
    }
}

gboolean
sk_run_complete(SkCli *self, const SkArgs *args, GError **error)
{
    const char *const *words = sk_args_operands(args);
    guint n = g_strv_length((char **) words), used = 0;
    const char *word = n > 0 ? words[n - 1] : "";
    use_target(self, words);
    g_autoptr(GPtrArray) plain = plain_words(words, n > 0 ? n - 1 : 0);
    const SkCommand *command = plain->len > 0 ? sk_command_find((char **) plain->pdata, MIN(plain->len, 2), &used, NULL) : NULL;
    const char *domain = plain->len > used ? plain->pdata[used] : NULL;
    const SkOption *option = n > 1 ? option_before(command, words[n - 2]) : NULL;

    if (option != NULL)
        offer_value(self, command, option, word, domain);
    else if (*word == '-') {
        offer_options(command != NULL ? command->options : NULL, word);
        offer_options(sk_global_options, word);
    } else if (command != NULL)
        offer_operand(self, command, plain->len - used, word, domain);
    else if (plain->len <= 1)
        offer_commands(plain->len == 1 ? plain->pdata[0] : NULL, word);
    return TRUE;
}

/* -- scripts -------------------------------------------------------------------------------------------------------------- */

static const char bash_script[] =
    "# bash completion of skep, made by `skep completion bash`\n"
    "_skep() {\n"
    "    local cur words cword line\n"
    "    COMPREPLY=()\n"
    "    if declare -F _get_comp_words_by_ref >/dev/null; then\n"
    "        _get_comp_words_by_ref -n =: cur words cword\n"
    "    else\n"
    "        cur=${COMP_WORDS[COMP_CWORD]} words=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD\n"
    "    fi\n"
    "    while IFS= read -r line; do\n"
    "        if [ \"$line\" = :file ]; then\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            while IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen -f -- \"$cur\")\n"
    "        else\n"
    "            COMPREPLY+=(\"$line\")\n"
    "            case $line in *=|*/) compopt -o nospace 2>/dev/null ;; esac\n"
    "        fi\n"
    "    done < <(\"${words[0]}\" __complete -- \"${words[@]:1:cword}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _skep skep\n";

static const char zsh_script[] =
    "#compdef skep\n"
    "# zsh completion of skep, made by `skep completion zsh`\n"
    "_skep() {\n"
    "    local -a lines\n"
    "    lines=(\"${(@f)$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
    "    if [[ ${lines[(r):file]} == :file ]]; then\n"
    "        _files\n"
    "    else\n"
    "        compadd -- \"${(@)lines:#}\"\n"
    "    fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _skep ]; then _skep \"$@\"; else compdef _skep skep; fi\n";

static const char fish_script[] =
    "# fish completion of skep, made by `skep completion fish`\n"
    "function __skep_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l program $words[1]\n"
    "    set -e words[1]\n"
    "    set -l current (commandline -ct)\n"
    "    for line in ($program __complete -- $words $current 2>/dev/null)\n"
    "        if test \"$line\" = ':file'\n"
    "            __fish_complete_path $current\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c skep -f -a '(__skep_complete)'\n";

gboolean
sk_run_completion(SkCli *self, const SkArgs *args, GError **error)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };
    const char *shell = sk_args_operand(args, "SHELL");
    for (guint i = 0; i < G_N_ELEMENTS(scripts); i++) {
        if (g_str_equal(shell, scripts[i].shell)) {
            fputs(scripts[i].script, stdout);
            return TRUE;
        }
    }
    return sk_fail(error, SK_ERROR_INVALID, "there is no completion for \"%.32s\": give bash, zsh or fish", shell);
}
