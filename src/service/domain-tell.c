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

void
sk_domain_tell_missing_media(SkDomain *self)
{
    const SkDomainSpec *live = self->runtime.live;
    for (guint i = 0; live != NULL && live->disks != NULL && i < live->disks->len; i++) {
        const SkDisk *now = live->disks->pdata[i], *defined = sk_domain_spec_find_disk(self->spec, now->target);
        if (now->source == SK_SOURCE_NONE && defined != NULL && defined->source != SK_SOURCE_NONE && defined->path != NULL)
            sk_domain_tell(self, "domain.disk-change", json_pack("{s:s,s:s*,s:s}", "old", defined->path, "device", now->alias, "reason", "missing"));
    }
}

/* -- pins, limits ----------------------------------------------------------------------------------------------------- */

static const char *
pin_of(const GPtrArray *pins, guint id)
{
    for (guint i = 0; pins != NULL && i < pins->len; i++) {
        const SkPin *pin = pins->pdata[i];
        if (pin->id == id)
            return pin->cpuset;
    }
    return NULL;
}

static void
add_pins(json_t *data, const char *name, const GPtrArray *now, const GPtrArray *before)
{
    for (guint i = 0; now != NULL && i < now->len; i++) {
        const SkPin *pin = now->pdata[i];
        g_autofree char *key = g_strdup_printf("cputune.%s%u", name, pin->id);
        if (g_strcmp0(pin->cpuset, pin_of(before, pin->id)) != 0)
            json_object_set_new(data, key, json_string(pin->cpuset));
    }
}

/* Takes data. */
static void
tell_changed(SkDomain *self, json_t *data)
{
    if (json_object_size(data) > 0)
        sk_domain_tell(self, "domain.tunable", data);
    else
        json_decref(data);
}

/* All limits of a disk of which one has changed. */
static json_t *
limits_of(const SkDisk *disk)
{
    json_t *data = json_pack("{s:s}", "blkdeviotune.disk", disk->target);
    for (guint i = 0; i < sk_disk_limits_type.n_fields; i++) {
        const SkField *field = &sk_disk_limits_type.fields[i];
        g_autofree char *key = g_strconcat("blkdeviotune.", field->key, NULL);
        gconstpointer place = sk_field_const_ptr(field, &disk->limits);
        if (field->kind == SK_KIND_STRING && *(char *const *) place != NULL)
            json_object_set_new(data, key, json_string(*(char *const *) place));
        else if (field->kind == SK_KIND_UINT)
            json_object_set_new(data, key, json_integer(*(const guint *) place));
        else if (field->kind == SK_KIND_UINT64 || field->kind == SK_KIND_SIZE)
            json_object_set_new(data, key, json_integer((json_int_t) *(const guint64 *) place));
    }
    return data;
}

void
sk_domain_tell_tunables(SkDomain *self, const SkDomainSpec *old)
{
    const SkDomainSpec *now = self->runtime.live;
    if (old == NULL || now == NULL)
        return;
    json_t *data = json_object();
    add_pins(data, "vcpupin", now->cpu_tune.vcpu_pins, old->cpu_tune.vcpu_pins);
    add_pins(data, "iothreadpin", now->cpu_tune.iothread_pins, old->cpu_tune.iothread_pins);
    if (now->cpu_tune.emulator_pin != NULL && g_strcmp0(now->cpu_tune.emulator_pin, old->cpu_tune.emulator_pin) != 0)
        json_object_set_new(data, "cputune.emulatorpin", json_string(now->cpu_tune.emulator_pin));
    tell_changed(self, data);
    for (guint i = 0; now->disks != NULL && i < now->disks->len; i++) {
        const SkDisk *disk = now->disks->pdata[i], *before = sk_domain_spec_find_disk(old, disk->target);
        if (before != NULL && !sk_value_equal(&sk_disk_limits_type, &disk->limits, &before->limits))
            tell_changed(self, limits_of(disk));
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
