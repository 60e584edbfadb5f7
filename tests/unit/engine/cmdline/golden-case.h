/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/launch.h"

/*
 * A golden case of the command line: a file with a domain and, beside it, what the
 * start is to have ("launch"). Descriptors are numbers that nobody has open.
 */

typedef struct {
    SkDomainSpec *spec;
    json_t *launch;         /* the case's wishes; may be NULL */
} GoldenCase;

/* Reads and completes a case; UUID and MACs that it leaves out are always the same. */
gboolean golden_case_load(GoldenCase *self, const char *text, gsize length, GError **error);
void golden_case_clear(GoldenCase *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GoldenCase, golden_case_clear)

/* What comes out: arguments one a line, then the setup; or the steps of a plug. Free with g_free(). */
char *golden_case_run(const GoldenCase *self, GError **error);
