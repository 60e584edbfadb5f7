/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/command.h"

/*
 * A parsed command line. Options may stand anywhere; "--" ends them. Strings belong
 * to the args. One thread.
 */

/* What an operand in a command's row stands for. */
typedef struct {
    const char *name;       /* "DOMAIN" */
    const char *param;      /* parameter of the operation it fills; NULL: the command's own */
    const char *complete;   /* kind of names to offer ("domain", "file"); NULL: none */
    const char *help;
} SkOperand;

/* An operand of one command, from its row's text. */
typedef struct {
    char name[24];
    const SkOperand *kind;  /* NULL: not in the table */
    gboolean optional, many;
} SkOperandSpec;

/* Splits a row's operands; at most max. Returns their number. */
guint sk_operands_split(const char *text, SkOperandSpec *out, guint max);

/*
 * Parses the words after the program's name. *out_command and *out_args are set even on error as far
 * as they are known (for help). Without a command (only "skep", or a group) *out_command is NULL
 * and the group's word, if any, is in the args' operands.
 */
gboolean sk_args_parse(char **words, SkArgs **out_args, GError **error);
void sk_args_free(SkArgs *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkArgs, sk_args_free)

/* NULL: no command was named. */
const SkCommand *sk_args_command(const SkArgs *self);

/* The value of an option (the last one given), "" for a flag; NULL if it was not given. */
const char *sk_args_get(const SkArgs *self, const char *option);
gboolean sk_args_has(const SkArgs *self, const char *option);
/* All values of an option, in order; empty if none. NULL-terminated, belongs to the args. */
const char *const *sk_args_all(const SkArgs *self, const char *option);
/* A number option; fallback if it was not given. */
gboolean sk_args_uint(const SkArgs *self, const char *option, guint fallback, guint *out, GError **error);

/* The operand of this name in the command's row; NULL if it was not given. */
const char *sk_args_operand(const SkArgs *self, const char *name);
/* The operands from this name's place on: what "..." took. NULL-terminated. */
const char *const *sk_args_rest(const SkArgs *self, const char *name);
/* All operands. */
const char *const *sk_args_operands(const SkArgs *self);
