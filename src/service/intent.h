/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/undo.h"
#include "service/service-private.h"

/*
 * Intents: files that are about to be made or removed together with a change of the
 * database, written down first.  If the daemon dies in between, the next one removes the
 * files: those of a create that did not come to its end, and those of a delete that did.
 */

typedef struct {
    char *what;             /* "domain.create web1" */
    char **paths;           /* files and directories to remove */
} SkIntent;

/* Writes it down durably; out_id names it. Workers. */
gboolean sk_intent_note(SkStore *store, const char *what, const char *const *paths, char **out_id, GError **error);
/* In the batch that makes the change it was for: it is done with (create), or to be carried out (delete). */
void sk_intent_settle(SkStoreBatch *batch, const char *id);
/* A delete's: in the same batch as the record's removal. Gives the id. Free with g_free(). */
char *sk_intent_promise(SkStoreBatch *batch, const char *what, const char *const *paths);
/* Removes the files, then the note. Workers. */
void sk_intent_carry_out(SkStore *store, const char *id, const char *const *paths);
/* At start-up: carries out all that are left, and says so in the log. */
gboolean sk_intent_recover(SkStore *store, GError **error);
