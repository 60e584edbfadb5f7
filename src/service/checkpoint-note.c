/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is under way with a domain's checkpoints, and what the next daemon makes of it. */
#include <string.h>

#include "base/error.h"
#include "service/checkpoint.h"

gboolean
sk_checkpoint_note(const SkSnapshotSite *site, const SkCheckpoint *checkpoint, GError **error)
{
    g_autofree char *json = sk_json_encode(&sk_checkpoint_type, checkpoint, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autoptr(SkRecord) record = sk_record_new("checkpoint-note", site->uuid, site->uuid, json);
    return sk_store_put(site->store, record, error);
}

void
sk_checkpoint_note_settle(const SkSnapshotSite *site, SkStoreBatch *batch)
{
    sk_store_batch_remove(batch, "checkpoint-note", site->uuid);
}

void
sk_checkpoint_note_drop(const SkSnapshotSite *site)
{
    g_autoptr(GError) error = NULL;
    if (!sk_store_remove(site->store, "checkpoint-note", site->uuid, &error))
        g_warning("domain \"%s\": %s, continuing", site->name, error->message);
}

void
sk_service_recover_checkpoints(SkService *self)
{
    g_autoptr(GPtrArray) records = NULL;
    g_autoptr(GError) error = NULL;
    if (!sk_store_load(self->store, "checkpoint-note", &records, &error)) {
        g_warning("%s, continuing", error->message);
        return;
    }
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, record->uuid);
        SkCheckpoint *checkpoint = sk_json_decode_text(&sk_checkpoint_type, record->spec, strlen(record->spec), "note", NULL);
        if (domain != NULL && checkpoint != NULL) {
            g_message("domain \"%s\": removing checkpoint \"%s\", which a former daemon was at work with", sk_domain_name(domain), checkpoint->name);
            sk_checkpoint_delete_by_daemon(domain, g_steal_pointer(&checkpoint));
        }
        sk_value_free(&sk_checkpoint_type, checkpoint);
    }
}
