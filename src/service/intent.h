/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/service-private.h"

/*
 * Intents: files that are about to be made or removed together with a change of the
 * database, written down first.  If the daemon dies in between, the next one removes the
 * files: those of a create that did not come to its end, and those of a delete that did.
 *
 * Filled on any one thread; what writes or removes is for workers, or start-up.
 */

typedef struct {
    char *what;             /* "the creation of domain web1" */
    char **paths;           /* files and directories to remove: the daemon's own, whatever is there */
    char **files;           /* "ID PATH": to remove if it is still that file; others can make files where these are */
    char *from, *to;        /* a file to give its name: what was made beside is kept; NULL: none */
    char *id;               /* of the record; not in it */
    SkStore *store;         /* borrowed; not in it */
} SkIntent;

/* Nothing is written yet. Takes what. */
SkIntent *sk_intent_new(SkStore *store, char *what);
void sk_intent_free(SkIntent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkIntent, sk_intent_free)

void sk_intent_add_path(SkIntent *self, const char *path);
/* The file that is at present at the path now, and is or will be at path. FALSE if there is none. */
gboolean sk_intent_add_file(SkIntent *self, const char *now, const char *path, GError **error);

/* Instead of removing: the file at `from` is to be given the name `to`. */
void sk_intent_set_name(SkIntent *self, const char *from, const char *to);

/* Writes it down durably; once more after it has grown. One of nothing is not written, here and below. */
gboolean sk_intent_note(SkIntent *self, GError **error);
/* A create's: in the batch that makes the change it was for. */
void sk_intent_settle(const SkIntent *self, SkStoreBatch *batch);
/* A delete's: in the batch that removes the record. */
void sk_intent_promise(const SkIntent *self, SkStoreBatch *batch);

/* Gives the file its name, durably, then removes the note. Workers. */
gboolean sk_intent_give_name(const SkIntent *self, GError **error);
/* Removes the files, or gives one its name, then removes the note. What cannot be removed is told in the log. */
void sk_intent_carry_out(const SkIntent *self);
/* At start-up: carries out all that are left, and says so in the log. */
gboolean sk_intent_recover(SkStore *store, GError **error);
