/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Names of enumerations.  An enum is 0..n-1 and has one table of names, tied to
 * it with SK_ENUM_TABLE; JSON, XML, the CLI and messages all use these names.
 * Where libvirt's spelling differs, the row says so.
 *
 * Any thread.
 */

typedef struct {
    const char *name;       /* ours */
    const char *libvirt;    /* libvirt's spelling, or NULL if the same */
    const char *help;       /* for the reference, may be NULL */
} SkEnumName;

typedef struct {
    const char *what;       /* "disk bus": used in messages */
    const SkEnumName *names;
    guint count;
} SkEnum;

/* Defines `const SkEnum symbol`; fails to compile if the table and the enum differ in length. */
#define SK_ENUM_TABLE(symbol, what_, table, n_values)                                              \
    G_STATIC_ASSERT(G_N_ELEMENTS(table) == (n_values));                                            \
    const SkEnum symbol = { .what = (what_), .names = (table), .count = (n_values) }

/* The name of a value, or "?" for one out of range. */
const char *sk_enum_name(const SkEnum *self, gint value);

/* The value of a name; an unknown one is an INVALID error that lists the right ones. */
gboolean sk_enum_parse(const SkEnum *self, const char *name, gint *out_value, GError **error);

/* "a, b or c": for messages and help. Free with g_free(). */
char *sk_enum_list(const SkEnum *self);

G_END_DECLS
