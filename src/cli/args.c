/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line parser: one pass over the words by the tables of options and operands. */
#include "cli/args.h"

#include <string.h>

#include "base/error.h"

#define MAX_OPERANDS 8

struct SkArgs {
    const SkCommand *command;
    GPtrArray *operands;        /* char *, NULL-terminated once parsed */
    GHashTable *options;        /* name to GPtrArray of char *, each NULL-terminated */
    SkOperandSpec specs[MAX_OPERANDS];
    guint n_specs;
};

static const SkOperand operand_table[] = {
    { "DOMAIN", "name", "domain", "name or UUID of a domain" },
    { "NETWORK", "name", "network", "name of a network" },
    { "POOL", "name", "pool", "name of a storage pool" },
    { "SCHEDULE", "id", "schedule", "id of a schedule" },
    { "REPOSITORY", "name", "repository", "name of a repository of backups" },
    { "BACKUP", "backup", NULL, "name of a backup, see skep backup ls" },
    { "DIRECTORY", NULL, "file", "directory" },
    { "SECRET", "name", "secret", "UUID of a secret" },
    { "IMAGE", "name", "image", "name of an image" },
    { "VOLUME", NULL, "volume", "POOL/VOLUME, or VOLUME in the pool \"default\"" },
    { "DISK", "target", "disk", "target of a disk, such as vda" },
    { "SNAPSHOT", "snapshot", NULL, "name of a snapshot" },
    { "CHECKPOINT", "checkpoint", NULL, "name of a checkpoint" },
    { "NIC", "nic", "nic", "MAC address, alias or place (0, 1, ...) of an interface" },
    { "JOB", "id", "job", "id of a job, or the beginning of it" },
    { "TOKEN", "id", "token", "id of a token, the beginning of it, or its name" },
    { "DEVICE", "id", NULL, "name of a device of the host, see skep host devices" },
    { "FILE", NULL, "file", "file" },
    { "SOURCE", NULL, "file", "file, or an https, http or file URL" },
    { "MEDIUM", NULL, "file", "file on the host, or POOL/VOLUME" },
    { "NAME", NULL, NULL, "name of what is made" },
    { "NEW-NAME", NULL, NULL, "new name" },
    { "SIZE", NULL, NULL, "size such as 512M or 20G" },
    { "SPEC", NULL, NULL, "what it shall be, see below" },
    { "KEY=VALUE", NULL, "key", "field and value" },
    { "COMMAND", NULL, NULL, "program and arguments, after --" },
    { "RECIPE", NULL, NULL, "what to build, such as debian-12" },
    { "USER", NULL, NULL, "account in the guest" },
    { "ALIAS", "alias", NULL, "id of a device in QEMU, such as rng0" },
    { "KEYS", NULL, NULL, "keys as QEMU calls them: ctrl, alt, delete, ret, a, f1" },
    { "METHOD", NULL, NULL, "GET, POST, PUT, PATCH or DELETE" },
    { "PATH", NULL, NULL, "path such as /v1/domains" },
    { "SHELL", NULL, "shell", "bash, zsh or fish" },
    { "WORD", NULL, NULL, "word of a command line" },
};

static const SkOperand *
find_operand(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(operand_table); i++) {
        if (g_str_equal(operand_table[i].name, name))
            return &operand_table[i];
    }
    return NULL;
}

guint
sk_operands_split(const char *text, SkOperandSpec *out, guint max)
{
    g_auto(GStrv) words = g_strsplit(text != NULL ? text : "", " ", -1);
    guint n = 0;
    for (guint i = 0; words[i] != NULL && n < max; i++) {
        char *word = words[i];
        if (*word == '\0')
            continue;
        SkOperandSpec *spec = &out[n++];
        memset(spec, 0, sizeof *spec);
        spec->optional = *word == '[';
        word += spec->optional;
        gsize length = strcspn(word, "].");
        spec->many = strstr(word, "...") != NULL;
        g_snprintf(spec->name, sizeof spec->name, "%.*s", (int) length, word);
        spec->kind = find_operand(spec->name);
    }
    return n;
}

/* -- options --------------------------------------------------------------------------------------------- */

static const SkOption *
find_in(const SkOption *options, const char *name, gsize length, char letter)
{
    for (const SkOption *at = options; at != NULL && at->name != NULL; at++) {
        if (letter != 0 ? at->letter == letter : strncmp(at->name, name, length) == 0 && at->name[length] == '\0')
            return at;
    }
    return NULL;
}

/* The command's own options come first: shutdown's --timeout is not the general one. */
static const SkOption *
find_option(const SkArgs *self, const char *name, gsize length, char letter)
{
    const SkOption *own = self->command != NULL ? find_in(self->command->options, name, length, letter) : NULL;
    return own != NULL ? own : find_in(sk_global_options, name, length, letter);
}

static gboolean
fail_unknown(const SkArgs *self, const char *word, GError **error)
{
    g_autofree char *name = g_strndup(word, strcspn(word, "="));
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);
    const SkOption *tables[] = { self->command != NULL ? self->command->options : NULL, sk_global_options };
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const SkOption *at = tables[i]; at != NULL && at->name != NULL; at++)
            g_ptr_array_add(known, g_strconcat("--", at->name, NULL));
    }
    g_ptr_array_add(known, NULL);

    const char *near = g_str_has_prefix(name, "--") ? sk_nearest(name, (const char *const *) known->pdata) : NULL;
    g_autofree char *where = self->command != NULL ? g_strdup_printf("skep %s", self->command->words) : g_strdup("skep");
    if (near != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s has no option \"%s\"; did you mean \"%s\"?", where, name, near);
    return sk_fail(error, SK_ERROR_INVALID, "%s has no option \"%s\"; see %s --help", where, name, where);
}

static gboolean
add_value(SkArgs *self, const SkOption *option, const char *value, GError **error)
{
    GPtrArray *values = g_hash_table_lookup(self->options, option->name);
    if (values == NULL) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(values, NULL);
        g_hash_table_insert(self->options, (gpointer) option->name, values);
    } else if (option->value != NULL && !(option->flags & SK_OPTION_MANY)) {
        return sk_fail(error, SK_ERROR_INVALID, "option \"--%s\" is given twice", option->name);
    }
    values->pdata[values->len - 1] = g_strdup(value);
    g_ptr_array_add(values, NULL);
    return TRUE;
}

static gboolean
check_choice(const SkOption *option, const char *value, GError **error)
{
    if (option->choices == NULL || *option->choices == '@')
        return TRUE;
    g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
    if (g_strv_contains((const char *const *) choices, value))
        return TRUE;
    g_autofree char *list = g_strjoinv(", ", choices);
    return sk_fail(error, SK_ERROR_INVALID, "option \"--%s\" is \"%.64s\", give one of %s", option->name, value, list);
}

/* Takes the option at words[*at]; moves *at on if its value is the next word. inline_value: what stood behind "=" or the letter. */
static gboolean
take_option(SkArgs *self, const SkOption *option, const char *inline_value, char **words, guint *at, GError **error)
{
    if (option->value == NULL) {
        if (inline_value != NULL)
            return sk_fail(error, SK_ERROR_INVALID, "option \"--%s\" takes no value", option->name);
        return add_value(self, option, "", error);
    }
    const char *value = inline_value;
    if (value == NULL && (option->flags & SK_OPTION_MAYBE))
        value = "";
    else if (value == NULL && words[*at + 1] != NULL)
        value = words[++*at];
    if (value == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "option \"--%s\" needs a value: %s", option->name, option->value);
    if (!g_utf8_validate(value, -1, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "option \"--%s\" has a value that is not UTF-8", option->name);
    return check_choice(option, value, error) && add_value(self, option, value, error);
}

static gboolean
parse_long(SkArgs *self, char **words, guint *at, GError **error)
{
    const char *name = words[*at] + 2, *equals = strchr(name, '=');
    gsize length = equals != NULL ? (gsize) (equals - name) : strlen(name);
    const SkOption *option = find_option(self, name, length, 0);
    if (option == NULL)
        return fail_unknown(self, words[*at], error);
    return take_option(self, option, equals != NULL ? equals + 1 : NULL, words, at, error);
}

/* "-q", "-qy", "-ojson", "-o json" */
static gboolean
parse_short(SkArgs *self, char **words, guint *at, GError **error)
{
    for (const char *letter = words[*at] + 1; *letter != '\0'; letter++) {
        const SkOption *option = find_option(self, NULL, 0, *letter);
        if (option == NULL)
            return fail_unknown(self, words[*at], error);
        if (option->value != NULL)
            return take_option(self, option, letter[1] != '\0' ? letter + 1 : NULL, words, at, error);
        if (!take_option(self, option, NULL, words, at, error))
            return FALSE;
    }
    return TRUE;
}

/* -- the command --------------------------------------------------------------------------------------------- */

/* TRUE if the option takes the next word as its value, judged before the command is known. */
static gboolean
takes_next(const char *word)
{
    const SkOption *option = g_str_has_prefix(word, "--") ? find_in(sk_global_options, word + 2, strlen(word + 2), 0)
                                                          : word[1] != '\0' && word[2] == '\0' ? find_in(sk_global_options, NULL, 0, word[1]) : NULL;
    return option != NULL && option->value != NULL;
}

/* Finds the command among the words that are no options; the places of its words are for the parser to pass over. */
static gboolean
find_command(SkArgs *self, char **words, guint *places, guint *n_places, GError **error)
{
    char *plain[3] = { NULL };
    guint n = 0;
    for (guint i = 0; words[i] != NULL && n < 2; i++) {
        if (g_str_equal(words[i], "--"))
            break;
        if (words[i][0] == '-' && words[i][1] != '\0') {
            i += takes_next(words[i]) && words[i + 1] != NULL;
            continue;
        }
        places[n] = i;
        plain[n++] = words[i];
    }
    *n_places = 0;
    if (n == 0)
        return TRUE;
    GError *failure = NULL;
    self->command = sk_command_find(plain, n, n_places, &failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

static gboolean
check_operands(SkArgs *self, GError **error)
{
    guint least = 0, n = self->operands->len;
    gboolean many = FALSE;
    for (guint i = 0; i < self->n_specs; i++) {
        least += !self->specs[i].optional;
        many |= self->specs[i].many;
    }
    if (n < least) {
        const SkOperandSpec *missing = &self->specs[MIN(n, self->n_specs - 1)];
        return sk_fail(error, SK_ERROR_INVALID, "skep %s needs %s%s%s: skep %s %s", self->command->words, missing->name,
                       missing->kind != NULL ? ", the " : "", missing->kind != NULL ? missing->kind->help : "", self->command->words,
                       self->command->operands);
    }
    if (!many && n > self->n_specs)
        return sk_fail(error, SK_ERROR_INVALID, "skep %s does not take \"%.64s\"; see skep %s --help", self->command->words,
                       (char *) self->operands->pdata[self->n_specs], self->command->words);
    return TRUE;
}

static gboolean
parse_words(SkArgs *self, char **words, const guint *places, guint n_places, GError **error)
{
    gboolean options = TRUE;
    for (guint i = 0; words[i] != NULL; i++) {
        gboolean is_command = (n_places > 0 && i == places[0]) || (n_places > 1 && i == places[1]);
        gboolean ok = TRUE;
        if (is_command)
            continue;
        if (options && g_str_equal(words[i], "--"))
            options = FALSE;
        else if (options && g_str_has_prefix(words[i], "--"))
            ok = parse_long(self, words, &i, error);
        else if (options && words[i][0] == '-' && words[i][1] != '\0')
            ok = parse_short(self, words, &i, error);
        else if (!g_utf8_validate(words[i], -1, NULL))
            ok = sk_fail(error, SK_ERROR_INVALID, "argument %u is not UTF-8", i + 1);
        else
            g_ptr_array_add(self->operands, g_strdup(words[i]));
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_args_parse(char **words, SkArgs **out_args, GError **error)
{
    SkArgs *self = g_new0(SkArgs, 1);
    self->operands = g_ptr_array_new_with_free_func(g_free);
    self->options = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_ptr_array_unref);
    *out_args = self;

    guint places[2] = { 0 }, n_places = 0;
    gboolean ok = find_command(self, words, places, &n_places, error);
    if (ok && self->command != NULL)
        self->n_specs = sk_operands_split(self->command->operands, self->specs, MAX_OPERANDS);
    ok = ok && parse_words(self, words, places, n_places, error);
    if (ok && self->command != NULL && !sk_args_has(self, "help"))
        ok = check_operands(self, error);
    g_ptr_array_add(self->operands, NULL);
    return ok;
}

void
sk_args_free(SkArgs *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->operands);
    g_hash_table_unref(self->options);
    g_free(self);
}

/* -- query ----------------------------------------------------------------------------------------------------- */

const SkCommand *
sk_args_command(const SkArgs *self)
{
    return self->command;
}

const char *const *
sk_args_all(const SkArgs *self, const char *option)
{
    static const char *const none[] = { NULL };
    const GPtrArray *values = g_hash_table_lookup(self->options, option);
    return values != NULL ? (const char *const *) values->pdata : none;
}

const char *
sk_args_get(const SkArgs *self, const char *option)
{
    const GPtrArray *values = g_hash_table_lookup(self->options, option);
    return values != NULL ? values->pdata[values->len - 2] : NULL;
}

gboolean
sk_args_has(const SkArgs *self, const char *option)
{
    return g_hash_table_contains(self->options, option);
}

gboolean
sk_args_uint(const SkArgs *self, const char *option, guint fallback, guint *out, GError **error)
{
    const char *text = sk_args_get(self, option);
    guint64 number = fallback;
    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &number, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "option \"--%s\" is \"%.64s\", give a number", option, text);
    *out = (guint) number;
    return TRUE;
}

const char *const *
sk_args_operands(const SkArgs *self)
{
    return (const char *const *) self->operands->pdata;
}

const char *const *
sk_args_rest(const SkArgs *self, const char *name)
{
    guint n = self->operands->len - 1;
    for (guint i = 0; i < self->n_specs; i++) {
        if (g_str_equal(self->specs[i].name, name))
            return sk_args_operands(self) + MIN(i, n);
    }
    return sk_args_operands(self) + n;
}

const char *
sk_args_operand(const SkArgs *self, const char *name)
{
    return *sk_args_rest(self, name);
}
