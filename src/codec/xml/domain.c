/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domain>: its general elements, and all the parts in their order. */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- names -------------------------------------------------------------------------------------------------------- */

static gboolean
read_general(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    const char *type = sk_xml_get(domain, "@type");
    if (type == NULL || !sk_xml_enum_parse(&sk_accel_enum, type, "domain type", &spec->accel, error))
        return type != NULL ? FALSE : sk_xml_fail(domain, error, SK_ERROR_INVALID, "the attribute \"type\" is missing: give kvm or qemu");
    /* The number of a running domain. */
    sk_xml_ignore(domain, "@id");
    sk_xml_get_string(domain, "name", &spec->name);
    sk_xml_get_string(domain, "uuid", &spec->uuid);
    sk_xml_get_string(domain, "title", &spec->title);
    sk_xml_get_string(domain, "description", &spec->description);
    return sk_xml_read_metadata(domain, &spec->metadata, error);
}

static void
write_general(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkDomainSpec *spec = writer->spec;
    gint accel = spec->accel != SK_ACCEL_AUTO ? spec->accel : writer->options.accel;
    sk_xml_set_enum(domain, "@type", &sk_accel_enum, accel != SK_ACCEL_AUTO ? accel : SK_ACCEL_KVM);
    if (sk_xml_is_live(writer))
        sk_xml_set_uint(domain, "@id", writer->options.id);
    sk_xml_set(domain, "name", spec->name);
    sk_xml_set(domain, "uuid", spec->uuid);
    sk_xml_set(domain, "title", spec->title);
    sk_xml_set(domain, "description", spec->description);
    sk_xml_write_metadata(domain, spec->metadata);
}

const SkXmlPart sk_xml_general_part = { read_general, write_general };

/* -- memory ----------------------------------------------------------------------------------------------------------- */

static gboolean
read_memory(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkMemory *self = &spec->memory;
    if (!sk_xml_has(domain, "memory") && !sk_xml_has(domain, "currentMemory"))
        return sk_xml_fail(domain, error, SK_ERROR_INVALID, "the element <memory> is missing");
    self->current = 0;
    if (!sk_xml_get_size(domain, "maxMemory", "KiB", &self->limit, error) || !sk_xml_get_size(domain, "memory", "KiB", &self->maximum, error) ||
        !sk_xml_get_size(domain, "currentMemory", "KiB", &self->current, error) ||
        !sk_xml_get_uint(domain, "maxMemory/@slots", 256, &self->slots, error))
        return FALSE;
    /* libvirt corrects this silently too: what virt-install writes may differ by its rounding. */
    if (self->current == 0 || self->current > self->maximum)
        self->current = self->maximum;
    return TRUE;
}

static void
write_memory(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkMemory *self = &writer->spec->memory;
    if (self->limit > 0) {
        sk_xml_set_uint(domain, "maxMemory/@slots", self->slots);
        sk_xml_set_size(domain, "maxMemory", self->limit);
    }
    sk_xml_set_size(domain, "memory", MAX(self->maximum, self->current));
    sk_xml_set_size(domain, "currentMemory", self->current);
}

const SkXmlPart sk_xml_memory_part = { read_memory, write_memory };

/* -- clock and actions ------------------------------------------------------------------------------------------------ */

static gboolean
read_clock(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkXmlNode *clock = sk_xml_child(domain, "clock");
    return clock == NULL || sk_xml_read_fields(clock, &sk_clock_type, &spec->clock, error);
}

static void
write_clock(SkXmlNode *domain, const SkXmlWriter *writer)
{
    sk_xml_write_fields(sk_xml_add(domain, "clock"), &sk_clock_type, &writer->spec->clock);
}

const SkXmlPart sk_xml_clock_part = { read_clock, write_clock };

static gboolean
read_actions(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    return sk_xml_get_enum(domain, "on_poweroff", &sk_on_action_enum, &spec->on_poweroff, error) &&
           sk_xml_get_enum(domain, "on_reboot", &sk_on_action_enum, &spec->on_reboot, error) &&
           sk_xml_get_enum(domain, "on_crash", &sk_on_action_enum, &spec->on_crash, error);
}

static void
write_actions(SkXmlNode *domain, const SkXmlWriter *writer)
{
    sk_xml_set_enum(domain, "on_poweroff", &sk_on_action_enum, writer->spec->on_poweroff);
    sk_xml_set_enum(domain, "on_reboot", &sk_on_action_enum, writer->spec->on_reboot);
    sk_xml_set_enum(domain, "on_crash", &sk_on_action_enum, writer->spec->on_crash);
}

const SkXmlPart sk_xml_actions_part = { read_actions, write_actions };

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

static const SkXmlPart *const parts[] = {
    &sk_xml_general_part, &sk_xml_memory_part, &sk_xml_vcpus_part, &sk_xml_os_part, &sk_xml_features_part,
    &sk_xml_cpu_part, &sk_xml_clock_part, &sk_xml_actions_part, &sk_xml_devices_part,
};

static gboolean
read_parts(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!parts[i]->read(domain, spec, error))
            return FALSE;
    }
    return TRUE;
}

SkDomainSpec *
sk_xml_domain_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) domain = sk_xml_parse(text, length, "domain XML", "domain", error);
    if (domain == NULL)
        return NULL;
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    spec->exact = TRUE;
    if (read_parts(domain, spec, error) && sk_xml_check_read(domain, error) && sk_value_check(&sk_domain_spec_type, spec, NULL, error))
        return spec;
    sk_value_free(&sk_domain_spec_type, spec);
    return NULL;
}

/* Counts the devices of each PCI slot, for what is to be said of function 0. */
static void
count_slots(GHashTable *slots, const SkType *type, gconstpointer value)
{
    const SkField *field = sk_type_find(type, "address");
    const char *address = field != NULL ? *(char *const *) sk_field_const_ptr(field, value) : NULL;
    if (address == NULL || !g_str_has_prefix(address, "pci:") || strlen(address) < 4)
        return;
    char *slot = g_strndup(address, strlen(address) - 2);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(slots, slot));
    g_hash_table_insert(slots, slot, GUINT_TO_POINTER(count + 1));
}

static GHashTable *
collect_slots(const SkDomainSpec *spec)
{
    GHashTable *slots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < sk_domain_spec_type.n_fields; i++) {
        const SkField *field = &sk_domain_spec_type.fields[i];
        gpointer at = field->kind == SK_KIND_LIST || field->kind == SK_KIND_OPTIONAL ? *(gpointer *) sk_field_ptr(field, (gpointer) spec) : NULL;
        const GPtrArray *list = field->kind == SK_KIND_LIST ? at : NULL;
        if (field->kind == SK_KIND_OPTIONAL && at != NULL)
            count_slots(slots, field->type, at);
        for (guint j = 0; list != NULL && j < list->len; j++)
            count_slots(slots, field->type, list->pdata[j]);
    }
    return slots;
}

char *
sk_xml_domain_format(const SkDomainSpec *spec, const SkXmlOptions *options)
{
    g_autoptr(SkXmlNode) domain = sk_xml_new("domain");
    g_autoptr(GHashTable) slots = collect_slots(spec);
    SkXmlWriter writer = { .spec = spec, .slots = slots };
    if (options != NULL)
        writer.options = *options;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        parts[i]->write(domain, &writer);
    return sk_xml_text(domain);
}

/* -- what XML has no place for ---------------------------------------------------------------------------------------------- */

static void
keep_interfaces(const SkDomainSpec *old, SkDomainSpec *spec)
{
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        SkInterface *nic = spec->interfaces->pdata[i];
        const SkInterface *before = nic->mac != NULL ? sk_domain_spec_find_interface(old, nic->mac) : NULL;
        if (before == NULL)
            continue;
        g_free(nic->ipv4);
        g_free(nic->ipv6);
        nic->ipv4 = g_strdup(before->ipv4);
        nic->ipv6 = g_strdup(before->ipv6);
    }
}

void
sk_xml_domain_keep(const SkDomainSpec *old, SkDomainSpec *spec)
{
    g_strfreev(spec->tags);
    spec->tags = g_strdupv(old->tags);
    spec->autostart = old->autostart;
    sk_value_free(&sk_cloud_init_type, spec->cloud_init);
    spec->cloud_init = sk_value_copy(&sk_cloud_init_type, old->cloud_init);
    if (spec->uuid == NULL)
        spec->uuid = g_strdup(old->uuid);
    keep_interfaces(old, spec);
    sk_value_inherit(&sk_domain_spec_type, old, spec);
}
