/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/args.h"
#include "cli/command.h"
#include "cli/http.h"
#include "cli/output.h"

/*
 * One run of `skep`: the global options, the connection to the daemon, and what all commands
 * share. One thread, blocking.
 */

struct SkCli {
    const SkArgs *args;
    SkTarget target;        /* which daemon, see http.h */
    SkHttp *http;           /* made at the first question */
    SkFormat format;
    gboolean quiet, no_wait, yes;
    guint timeout;          /* seconds to wait for jobs and guests; 0: no limit */
    gint exit_code;         /* of a run that succeeded: 0 unless a command sets it */
};

/* Runs a command line and returns the exit code. Prints errors. */
gint sk_cli_main(int argc, char **argv);

/* -- asking the daemon -------------------------------------------------------------------------------------- */

/* One question: an operation, its parameters as text, its body. */
typedef struct {
    const SkOperation *op;
    GHashTable *params;     /* parameter to text */
    json_t *body;           /* or NULL */
    char *xml;              /* the body in libvirt's XML instead; or NULL */
    char *if_match;
    char *what;             /* for progress: "start web1" */
} SkAsk;

SkAsk *sk_ask_new(SkOperationId op);
void sk_ask_free(SkAsk *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkAsk, sk_ask_free)
/* A new question about one named thing. */
SkAsk *sk_ask_new_named(SkOperationId op, const char *name);
/* Sets a parameter; NULL text is nothing. */
void sk_ask_set(SkAsk *self, const char *param, const char *text);
/* Takes the body. */
void sk_ask_take_body(SkAsk *self, json_t *body);
/* "/v1/domains/web1/start?paused=true": path and query with everything escaped. */
char *sk_ask_target(const SkAsk *self, GError **error);

/*
 * Asks and returns the answer. A job is waited for, with progress, and its result returned (json
 * null if it has none); with --no-wait the job itself. out_etag may be NULL.
 */
json_t *sk_cli_ask(SkCli *self, const SkAsk *ask, char **out_etag, GError **error);
/* All entries of a list, over its pages. */
json_t *sk_cli_list(SkCli *self, const SkAsk *ask, GError **error);
/* A short form: one named thing shown. */
json_t *sk_cli_show(SkCli *self, SkOperationId op, const char *name, char **out_etag, GError **error);
/* Waits for a job's end with progress; returns the job when it is done. */
json_t *sk_cli_wait_job(SkCli *self, const char *id, const char *what, GError **error);
/* The error a status and body tell of. */
void sk_cli_set_error(GError **error, guint status, json_t *body);
SkHttp *sk_cli_http(SkCli *self);

/* -- shared pieces of commands ------------------------------------------------------------------------------- */

/*
 * The run function of commands that just do their first operation: operands and options fill the
 * parameters and the body by the tables, the answer is printed by the columns. With "NAME..." it is done for each.
 */
gboolean sk_run_operation(SkCli *self, const SkArgs *args, GError **error);

/* Fills parameters from the operands and from options with .param. */
void sk_ask_fill(SkAsk *self, const SkArgs *args);
/* The body that options with .field and KEY=VALUE operands make over base (taken; NULL: empty). */
json_t *sk_args_body(const SkArgs *args, json_t *base, GError **error);

/*
 * The end of most changes: asks, then says that it was done to name; NULL: to what the answer calls it. FALSE if it
 * was refused.
 */
gboolean sk_cli_ask_done(SkCli *self, const SkArgs *args, const SkAsk *ask, const char *name, GError **error);
/*
 * sk_run_operation for what cannot be taken back: on a terminal asks first, "WHAT NAME, NAME TAIL?" ("Delete image a, b?").
 */
gboolean sk_run_confirmed(SkCli *self, const SkArgs *args, const char *what, const char *tail, GError **error);

/*
 * The id that text means among the entries of a list: the id, its beginning, or the entry's name.
 * What is not there is returned as it is, for the daemon to refuse. Free.
 */
char *sk_cli_full_id(SkCli *self, SkOperationId list, const char *text, GError **error);

/* Prints what a change answered, or says that it was done ("web1 started"). Takes result. */
void sk_cli_done(SkCli *self, const SkArgs *args, const char *name, json_t *result);
/* Prints an object as the command's columns and sections say, or a list. Do not free what is given. */
void sk_cli_print(SkCli *self, const SkCommand *command, json_t *value);

/* TRUE if the user says yes, or nobody can be asked (no terminal), or --yes. */
gboolean sk_cli_confirm(SkCli *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The part of a view: view.spec, or the view itself if it is flat. Borrowed. */
json_t *sk_view_spec(json_t *view);
/* What runs now, with links and sockets; the definition of a domain that is off. Borrowed. */
json_t *sk_view_running(json_t *view);
json_t *sk_view_status(json_t *view);

/* -- values as text (values.c) ----------------------------------------------------------------------------------- */

/*
 * Sets the field at a dotted path of a JSON object from text by the type's fields ("cpu.mode", "tags").
 * List entries: "disks[vda].cache" (by key) or "disks[0].cache", which must be there.
 */
gboolean sk_json_set_path(const SkType *type, json_t *object, const char *path, const char *text, GError **error);
/* "KEY=VALUE". */
gboolean sk_json_set_pair(const SkType *type, json_t *object, const char *pair, GError **error);
/* "KEY=VALUE,KEY=VALUE"; a first part without "=" is given to lead. Again a list's key appends. */
typedef gboolean (*SkLeadFunc)(json_t *object, const char *text, GError **error);
json_t *sk_json_from_pairs(const SkType *type, const char *text, const char *what, SkLeadFunc lead, GError **error);
/* The RFC 7396 patch that makes b of a. New reference. */
json_t *sk_json_diff(json_t *a, json_t *b);
/* Reads a file, or standard input for "-". */
char *sk_read_input(const char *path, gsize max, gsize *out_length, GError **error);
json_t *sk_read_json(const char *path, GError **error);

/* --disk and --network: what their values mean. New references. */
json_t *sk_disk_from_text(const char *text, GError **error);
json_t *sk_nic_from_text(const char *text, GError **error);
/* Gives a cdrom or floppy without a bus the usual one of the machine (NULL: q35). */
void sk_disk_set_bus(json_t *disk, const char *machine);
/* "pool/volume", "volume" (pool default) into parameters name and volume. */
void sk_ask_set_volume(SkAsk *self, const char *text);

/* -- guests (guest.c) ---------------------------------------------------------------------------------------------- */

/* Where a guest's ssh answers, as far as its view tells. address NULL: not known. */
typedef struct { char *address; guint port; } SkGuestAddress;
void sk_guest_address_clear(SkGuestAddress *self);
/* From the view of a domain; FALSE if none is known yet. */
gboolean sk_guest_ssh_address(SkCli *cli, json_t *view, SkGuestAddress *out);
/*
 * Waits until the guest answers by ssh, or by its agent if nobody gave it ssh keys or ssh does not come; says how it answers.
 */
gboolean sk_guest_wait(SkCli *cli, const char *name, GError **error);

/* -- hidden and generated ------------------------------------------------------------------------------------------ */

void sk_help_print_all(GString *out);
void sk_help_print_group(GString *out, const char *word);
void sk_help_print_command(GString *out, const SkCommand *command);
gboolean sk_run_complete(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_completion(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_man(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_reference(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_top(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_events(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_console(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_vnc(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_ssh(SkCli *cli, const SkArgs *args, GError **error);
gboolean sk_run_create(SkCli *cli, const SkArgs *args, GError **error);
