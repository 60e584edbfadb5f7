/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "model/operation.h"

/*
 * The command table: every `skep` command is a row that names its words, operands, options
 * and columns, the operations it uses and the function that runs it. Parsing, help,
 * completion, the manual page and the reference are read off these rows. One thread.
 */

typedef struct SkCli SkCli;
typedef struct SkArgs SkArgs;

/* How the text of a cell is made from its JSON value. */
typedef enum {
    SK_CELL_TEXT,       /* as it is; lists joined by commas */
    SK_CELL_SIZE,       /* bytes as "20 GiB" */
    SK_CELL_TIME,       /* microseconds since the epoch as local time; 0 is "-" */
    SK_CELL_SECONDS,    /* the same from seconds */
    SK_CELL_DURATION,   /* nanoseconds as "12.5 s" */
    SK_CELL_KNOWN,      /* as it is, but "unknown" is "-" */
    SK_CELL_YES,        /* "yes" or "-" */
    SK_CELL_PERCENT,    /* 0..1 as "45%"; below 0 is "-" */
    SK_CELL_SHORT_ID,   /* the first 8 characters of a UUID */
} SkCell;

typedef struct {
    const char *title;
    const char *path;       /* dotted path in the operation's result type */
    SkCell cell;
} SkColumn;

/* A list inside an object that `show` prints as a table of its own. */
typedef struct {
    const char *title;
    const char *path;
    const SkColumn *columns;
} SkSection;

typedef enum {
    SK_OPTION_MANY = 1 << 0,    /* may be given again; all values count */
    SK_OPTION_MAYBE = 1 << 1,   /* the value may be left out, only --name=value gives it */
} SkOptionFlags;

typedef struct {
    char letter;            /* 0: none */
    const char *name;       /* without the dashes */
    const char *value;      /* what the value is called in help; NULL: no value */
    const char *help;       /* NULL: that of the field or parameter */
    const char *field;      /* dotted path in the command's body that it sets */
    const char *param;      /* parameter of the operation that it sets */
    const SkType *keys;     /* the value is KEY=VALUE,... with the fields of this type */
    const char *choices;    /* "a|b|c", or a kind of name: "@domain", "@image", "@file" ... */
    guint flags;
} SkOption;

typedef gboolean (*SkCommandRun)(SkCli *cli, const SkArgs *args, GError **error);

typedef struct {
    const char *words;      /* "disk attach" */
    const char *operands;   /* "DOMAIN [SIZE]", "DOMAIN..."; NULL: none. Kinds: see operands.c */
    const char *help;       /* one line; NULL: that of the first operation */
    const gint *ops;        /* SkOperationId, ended by -1; NULL: uses none */
    const SkOption *options;    /* ended by a row without name; NULL: none */
    const SkColumn *columns;    /* ended by a row without title */
    const SkSection *sections;  /* ended by a row without title */
    const SkType *body;     /* what KEY=VALUE operands and options with .field set */
    const char *done;       /* "started": what to say when it has been done */
    const char *notes;      /* more help, whole paragraphs; may be NULL */
    const char *examples;   /* command lines, one a line */
    SkCommandRun run;
    gboolean hidden;
} SkCommand;

#define SK_OPS(...) (const gint[]) { __VA_ARGS__, -1 }
#define SK_OPTIONS(...) (const SkOption[]) { __VA_ARGS__, { 0 } }
#define SK_COLUMNS(...) (const SkColumn[]) { __VA_ARGS__, { 0 } }
#define SK_SECTIONS(...) (const SkSection[]) { __VA_ARGS__, { 0 } }

/* A family of commands: a heading of the help and rows ended by one without words. */
typedef struct {
    const char *title;
    const SkCommand *commands;
} SkFamily;

extern const SkFamily sk_families[];    /* ended by a row without title */
extern const SkOption sk_global_options[];

extern const SkCommand sk_domain_commands[], sk_domain_create_commands[], sk_domain_set_commands[], sk_saved_commands[], sk_inspect_commands[], sk_device_commands[], sk_console_commands[],
    sk_disk_commands[], sk_nic_commands[], sk_image_commands[], sk_network_commands[], sk_pool_commands[], sk_secret_commands[], sk_repository_commands[], sk_schedule_commands[],
    sk_volume_commands[], sk_job_commands[], sk_token_commands[], sk_agent_commands[], sk_node_commands[],
    sk_general_commands[], sk_adopt_commands[];

extern const SkCommand sk_snapshot_commands[];
extern const SkCommand sk_checkpoint_commands[], sk_backup_commands[];

/* -- lookup --------------------------------------------------------------------------------------------- */

/* The first row, or the one after row; NULL at the end. Goes through all families. */
const SkCommand *sk_command_next(const SkCommand *row);

/*
 * The command that words begin with, and how many of them name it. NULL with an error that suggests
 * the nearest; NULL without one if words are just the beginning of a group ("disk").
 */
const SkCommand *sk_command_find(char **words, guint n_words, guint *out_used, GError **error);

/* TRUE if some command's words begin with this one word and go on. */
gboolean sk_command_is_group(const char *word);

/* The help line of a command or option. */
const char *sk_command_help(const SkCommand *self);
const char *sk_option_help(const SkCommand *command, const SkOption *self);

/* The candidate nearest to text if it is near at all, else NULL. candidates: NULL-terminated. */
const char *sk_nearest(const char *text, const char *const *candidates);

/* The field at a dotted path of a type; NULL if there is none. */
const SkField *sk_type_find_path(const SkType *type, const char *path);
