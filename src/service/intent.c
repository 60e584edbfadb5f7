/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes of files to remove if the daemon dies in the middle. */
#include "service/intent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"

static const SkField fields[] = {
    SK_FIELD(SkIntent, what, STRING, "what was being done"),
    SK_FIELD(SkIntent, paths, STRV, "files and directories to remove", .max = 4096),
    SK_FIELD(SkIntent, from, STRING, "file to give its name"),
    SK_FIELD(SkIntent, to, STRING, "that name"),
    SK_FIELD(SkIntent, files, STRV, "files to remove if they are still the same", .max = 4096),
};
static SK_TYPE(intent_type, SkIntent, "Intent", "intent", fields, "files to remove if the daemon dies");

SkIntent *
sk_intent_new(SkStore *store, char *what)
{
    SkIntent *self = g_new0(SkIntent, 1);
    self->store = store;
    self->what = what;
    self->id = g_uuid_string_random();
    return self;
}

void
sk_intent_free(SkIntent *self)
{
    if (self == NULL)
        return;
    g_free(self->id);
    sk_value_free(&intent_type, self);
}

/* Takes text. */
static void
append(char ***list, char *text)
{
    guint length = *list != NULL ? g_strv_length(*list) : 0;
    *list = g_renew(char *, *list, length + 2);
    (*list)[length] = text;
    (*list)[length + 1] = NULL;
}

void
sk_intent_add_path(SkIntent *self, const char *path)
{
    append(&self->paths, g_strdup(path));
}

gboolean
sk_intent_add_file(SkIntent *self, const char *now, const char *path, GError **error)
{
    GError *why = NULL;
    g_autofree char *id = sk_fs_file_id(now, &why);
    if (id != NULL)
        append(&self->files, g_strconcat(id, " ", path, NULL));
    else if (why != NULL)
        g_propagate_error(error, why);
    else
        sk_fail(error, SK_ERROR_NO_VOLUME, "there is no file \"%s\"", now);
    return id != NULL;
}

void
sk_intent_set_name(SkIntent *self, const char *from, const char *to)
{
    self->from = g_strdup(from);
    self->to = g_strdup(to);
}

/* -- the note ------------------------------------------------------------------------------------------------ */

/* Nothing to do, whatever happens: there is no note of it. */
static gboolean
is_empty(const SkIntent *self)
{
    return self->paths == NULL && self->files == NULL && self->from == NULL;
}

static SkRecord *
record_of(const SkIntent *self)
{
    g_autofree char *json = sk_json_encode(&intent_type, self, 0);
    return sk_record_new("intent", self->id, self->id, json);
}

gboolean
sk_intent_note(SkIntent *self, GError **error)
{
    if (is_empty(self))
        return TRUE;
    g_autoptr(SkRecord) record = record_of(self);
    return sk_store_put(self->store, record, error);
}

void
sk_intent_settle(const SkIntent *self, SkStoreBatch *batch)
{
    if (!is_empty(self))
        sk_store_batch_remove(batch, "intent", self->id);
}

void
sk_intent_promise(const SkIntent *self, SkStoreBatch *batch)
{
    if (is_empty(self))
        return;
    g_autoptr(SkRecord) record = record_of(self);
    sk_store_batch_put(batch, record);
}

/* -- what it says ----------------------------------------------------------------------------------------------- */

static gboolean
remove_file(const char *entry, GError **error)
{
    const char *space = strchr(entry, ' ');
    if (space == NULL)
        return TRUE;
    g_autofree char *id = g_strndup(entry, (gsize) (space - entry));
    return sk_fs_remove_same(space + 1, id, error);
}

gboolean
sk_intent_give_name(const SkIntent *self, GError **error)
{
    if (rename(self->from, self->to) < 0 && errno != ENOENT)
        return sk_fail_errno(error, errno, "cannot make \"%s\"", self->to);
    return sk_fs_sync_dir_of(self->to, error) && sk_store_remove(self->store, "intent", self->id, error);
}

void
sk_intent_carry_out(const SkIntent *self)
{
    if (is_empty(self))
        return;
    for (guint i = 0; self->paths != NULL && self->paths[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        if (!sk_fs_remove_tree(self->paths[i], &error))
            g_warning("%s, continuing", error->message);
    }
    for (guint i = 0; self->files != NULL && self->files[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        if (!remove_file(self->files[i], &error))
            g_warning("%s, continuing", error->message);
    }
    g_autoptr(GError) why = NULL;
    if (self->from != NULL && !sk_intent_give_name(self, &why))
        g_warning("%s, continuing", why->message);
    sk_store_remove(self->store, "intent", self->id, NULL);
}

gboolean
sk_intent_recover(SkStore *store, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(store, "intent", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        g_autoptr(SkIntent) intent = sk_json_decode_text(&intent_type, record->spec, strlen(record->spec), "intent", NULL);
        if (intent == NULL)
            continue;
        intent->store = store;
        intent->id = g_strdup(record->uuid);
        g_message("finishing what a former daemon left: %s", intent->what);
        sk_intent_carry_out(intent);
    }
    return TRUE;
}
