/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of domains. */
#include "service/domain-tell.h"

void
sk_domain_tell(SkDomain *self, const char *type, json_t *data)
{
    g_autofree char *object = sk_domain_object(self);
    sk_events_emit(self->service->events, type, object, self->spec->uuid, data != NULL ? json_dumps(data, JSON_COMPACT) : NULL);
    json_decref(data);
}

/* -- devices ------------------------------------------------------------------------------------------------------ */

/* Everything in a definition that carries an alias; borrowed. */
static GHashTable *
aliases_of(const SkDomainSpec *spec)
{
    GHashTable *aliases = g_hash_table_new(g_str_hash, g_str_equal);
    const SkType *type = &sk_domain_spec_type;
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        const SkField *alias = field->kind == SK_KIND_LIST ? sk_type_find(field->type, "alias") : NULL;
        const GPtrArray *list = alias != NULL ? *(GPtrArray *const *) sk_field_const_ptr(field, spec) : NULL;
        for (guint j = 0; list != NULL && j < list->len; j++) {
            char *name = *(char *const *) sk_field_const_ptr(alias, list->pdata[j]);
            if (name != NULL)
                g_hash_table_add(aliases, name);
        }
    }
    return aliases;
}

void
sk_domain_tell_devices(SkDomain *self, const SkDomainSpec *old)
{
    if (old == NULL || self->runtime.live == NULL)
        return;
    g_autoptr(GHashTable) before = aliases_of(old), now = aliases_of(self->runtime.live);
    GHashTableIter iter;
    gpointer alias;
    g_hash_table_iter_init(&iter, now);
    while (g_hash_table_iter_next(&iter, &alias, NULL)) {
        if (!g_hash_table_contains(before, alias))
            sk_domain_tell(self, "domain.device-added", json_pack("{s:s}", "device", alias));
    }
}

/* -- metadata --------------------------------------------------------------------------------------------------------- */

static void
tell_metadata(SkDomain *self, const char *kind, const char *uri)
{
    sk_domain_tell(self, "domain.metadata", json_pack("{s:s, s:s*}", "kind", kind, "uri", uri));
}

/* Elements that are in one table and not, or otherwise, in the other; by_value FALSE: those that are in both do not count. */
static void
tell_elements(SkDomain *self, GHashTable *of, GHashTable *other, gboolean by_value)
{
    GHashTableIter iter;
    gpointer uri, text;
    if (of == NULL)
        return;
    g_hash_table_iter_init(&iter, of);
    while (g_hash_table_iter_next(&iter, &uri, &text)) {
        const char *now = other != NULL ? g_hash_table_lookup(other, uri) : NULL;
        if (now == NULL || (by_value && g_strcmp0(now, text) != 0))
            tell_metadata(self, "element", uri);
    }
}

void
sk_domain_tell_metadata(SkDomain *self, const SkDomainSpec *old)
{
    const SkDomainSpec *now = self->spec;
    if (g_strcmp0(old->title, now->title) != 0)
        tell_metadata(self, "title", NULL);
    if (g_strcmp0(old->description, now->description) != 0)
        tell_metadata(self, "description", NULL);
    tell_elements(self, now->metadata, old->metadata, TRUE);
    tell_elements(self, old->metadata, now->metadata, FALSE);
}

/* -- QEMU's own ------------------------------------------------------------------------------------------------------- */

struct SkQmpListener {
    SkQmpWatch func;
    gpointer data;
};

void
sk_service_watch_qmp(SkService *service, SkQmpWatch func, gpointer data)
{
    g_clear_pointer(&service->qmp_listener, g_free);
    if (func == NULL)
        return;
    service->qmp_listener = g_new0(struct SkQmpListener, 1);
    service->qmp_listener->func = func;
    service->qmp_listener->data = data;
}

void
sk_domain_tell_qmp(SkDomain *self, const SkQmpEvent *event)
{
    const struct SkQmpListener *listener = self->service->qmp_listener;
    if (listener != NULL)
        listener->func(self, event, listener->data);
}
