/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/command.h"

/*
 * Answers as tables, JSON, YAML or names. Control characters of guests and names never
 * reach the terminal. One thread.
 */

typedef enum { SK_FORMAT_TABLE, SK_FORMAT_JSON, SK_FORMAT_YAML, SK_FORMAT_NAME, SK_N_FORMATS } SkFormat;
extern const SkEnum sk_format_enum;

/* The value at a dotted path; "spec.x" and "status.x" are found in flat objects too. Borrowed; NULL if not there. */
json_t *sk_json_at(json_t *value, const char *path);
/* The text there, or NULL. */
const char *sk_json_text_at(json_t *value, const char *path);
gint64 sk_json_int_at(json_t *value, const char *path);

/* A cell's text; free with g_free(). */
char *sk_cell_text(json_t *value, SkCell cell);

/* Columns of text, widths as needed. */
typedef struct SkTable SkTable;
SkTable *sk_table_new(const char *const *titles, guint n_columns);
void sk_table_free(SkTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkTable, sk_table_free)
/* Adds the next cell, copied. Numbers and sizes look better to the right. */
void sk_table_add(SkTable *self, const char *text, gboolean to_right);
void sk_table_write(const SkTable *self, GString *out);

/* A list as a table by columns. */
void sk_output_table(GString *out, json_t *list, const SkColumn *columns);
/* One object as "Title: value" lines and its sections. */
void sk_output_sheet(GString *out, json_t *object, const SkColumn *columns, const SkSection *sections);
void sk_output_json(GString *out, json_t *value);
void sk_output_yaml(GString *out, json_t *value);
/* The names of a list or an object: its name, else id, ip, check. */
void sk_output_names(GString *out, json_t *value);

/* Text without control characters, so that it may be shown; free with g_free(). */
char *sk_text_clean(const char *text);
/* Columns of a terminal that text takes. */
guint sk_text_width(const char *text);
