/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes of files to remove if the daemon dies in the middle. */
#include "service/intent.h"

#include <string.h>

#include "base/fs.h"

static const SkField fields[] = {
    SK_FIELD(SkIntent, what, STRING, "what was being done"),
    SK_FIELD(SkIntent, paths, STRV, "files to remove", .max = 4096),
};
static SK_TYPE(intent_type, SkIntent, "Intent", "intent", fields, "files to remove if the daemon dies");

static SkRecord *
intent_record(const char *what, const char *const *paths)
{
    const SkIntent intent = { .what = (char *) what, .paths = (char **) paths };
    g_autofree char *id = g_uuid_string_random();
    g_autofree char *json = sk_json_encode(&intent_type, &intent, 0);
    return sk_record_new("intent", id, id, json);
}

gboolean
sk_intent_note(SkStore *store, const char *what, const char *const *paths, char **out_id, GError **error)
{
    g_autoptr(SkRecord) record = intent_record(what, paths);
    if (!sk_store_put(store, record, error))
        return FALSE;
    *out_id = g_strdup(record->uuid);
    return TRUE;
}

void
sk_intent_settle(SkStoreBatch *batch, const char *id)
{
    sk_store_batch_remove(batch, "intent", id);
}

char *
sk_intent_promise(SkStoreBatch *batch, const char *what, const char *const *paths)
{
    g_autoptr(SkRecord) record = intent_record(what, paths);
    sk_store_batch_put(batch, record);
    return g_strdup(record->uuid);
}

void
sk_intent_carry_out(SkStore *store, const char *id, const char *const *paths)
{
    for (guint i = 0; paths != NULL && paths[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        if (!sk_fs_remove_tree(paths[i], &error))
            g_warning("%s, continuing", error->message);
    }
    sk_store_remove(store, "intent", id, NULL);
}

gboolean
sk_intent_recover(SkStore *store, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(store, "intent", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkIntent *intent = sk_json_decode_text(&intent_type, record->spec, strlen(record->spec), "intent", NULL);
        if (intent == NULL)
            continue;
        g_message("finishing what a former daemon left: %s", intent->what);
        sk_intent_carry_out(store, record->uuid, (const char *const *) intent->paths);
        sk_value_free(&intent_type, intent);
    }
    return TRUE;
}
