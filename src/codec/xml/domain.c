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
        return type != NULL ? FALSE : sk_xml_fail(domain, error, SK_ERROR_XML, "the attribute \"type\" is missing: give kvm or qemu");
    /* The number of a running domain. */
    sk_xml_ignore(domain, "@id");
    sk_xml_get_string(domain, "name", &spec->name);
    sk_xml_get_string(domain, "uuid", &spec->uuid);
    sk_xml_get_string(domain, "title", &spec->title);
    sk_xml_get_string(domain, "description", &spec->description);
    /* An empty one asks for one. */
    const char *genid = sk_xml_get(domain, "genid");
    if (sk_xml_child(domain, "genid") != NULL)
        spec->genid = g_strdup(genid != NULL && *genid != '\0' ? genid : "auto");
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
    sk_xml_set(domain, "genid", spec->genid);
    sk_xml_set(domain, "title", spec->title);
    sk_xml_set(domain, "description", spec->description);
    sk_xml_write_metadata(domain, spec->metadata);
}

const SkXmlPart sk_xml_general_part = { read_general, write_general };

/* -- actions ---------------------------------------------------------------------------------------------------------- */

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

/* -- what is known and means nothing, and what is refused by name --------------------------------------------------------- */

gboolean
sk_xml_read_labels(SkXmlNode *parent, GError **error)
{
    for (SkXmlNode *node = sk_xml_child(parent, "seclabel"); node != NULL; node = sk_xml_next(node)) {
        const char *type = sk_xml_get(node, "@type"), *model = sk_xml_get(node, "@model");
        gboolean keep = g_strcmp0(sk_xml_get(node, "@relabel"), "no") == 0 && !sk_xml_has(node, "label");
        if (g_strcmp0(type, "none") != 0 && g_strcmp0(model, "dac") != 0 && !keep)
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "security label of model \"%.32s\" and type \"%.32s\": only the type \"none\" and the model \"dac\" are accepted",
                               model != NULL ? model : "", type != NULL ? type : "");
        sk_xml_ignore(node, ".");
    }
    return TRUE;
}

static const SkXmlRefusal refused[] = {
    { "launchSecurity", "encrypted memory (SEV, TDX) is not supported" },
    { "idmap", "mapping of user ids is for containers" },
    { "bootloader", "boot loaders on the host are for Xen" },
    { "perf", "performance events are not counted by domain" },
    { "keywrap", "key wrapping is for s390x" },
    { "defaultiothread", "iothreads take no settings of their own" },
};

#define QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* <qemu:arg value='...'/> as it is; whether a caller may is judged elsewhere. */
static gboolean
read_arguments(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);
    for (SkXmlNode *node = sk_xml_first_any(domain); node != NULL; node = sk_xml_next_any(node)) {
        if (g_strcmp0(sk_xml_namespace(node), QEMU_NAMESPACE) != 0)
            continue;
        if (!g_str_equal(sk_xml_name(node), "commandline"))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only <qemu:commandline> of QEMU's namespace is supported");
        sk_xml_at(node, ".");
        for (SkXmlNode *child = sk_xml_first_any(node); child != NULL; child = sk_xml_next_any(child)) {
            if (!g_str_equal(sk_xml_name(child), "arg"))
                return sk_xml_fail(child, error, SK_ERROR_UNSUPPORTED, "only <qemu:arg> is supported: QEMU's environment cannot be chosen");
            sk_xml_at(child, ".");
            const char *text = sk_xml_get(child, "@value");
            g_ptr_array_add(arguments, g_strdup(text != NULL ? text : ""));
        }
    }
    if (arguments->len == 0)
        return TRUE;
    g_ptr_array_add(arguments, NULL);
    spec->qemu_args = (char **) g_ptr_array_steal(arguments, NULL);
    return TRUE;
}

/* Where libvirt puts everybody, and tells so of running domains, is no choice. */
static gboolean
read_resource(SkXmlNode *domain, GError **error)
{
    SkXmlNode *resource = sk_xml_child(domain, "resource");
    if (resource == NULL || sk_xml_is(resource, "partition", "/machine"))
        return TRUE;
    return sk_xml_fail(resource, error, SK_ERROR_UNSUPPORTED, "the control group of a domain is chosen by the daemon");
}

static gboolean
read_last(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    return sk_xml_refuse(domain, refused, G_N_ELEMENTS(refused), error) && sk_xml_read_labels(domain, error) && read_resource(domain, error) && read_arguments(domain, spec, error);
}

static void
write_last(SkXmlNode *domain, const SkXmlWriter *writer)
{
    char **arguments = writer->spec->qemu_args;
    if (arguments == NULL || arguments[0] == NULL)
        return;
    g_autoptr(SkXmlNode) tree = sk_xml_parse("<qemu:commandline xmlns:qemu='" QEMU_NAMESPACE "'/>", -1, "", NULL, NULL);
    for (guint i = 0; arguments[i] != NULL; i++)
        sk_xml_set(sk_xml_add_beside(tree, "arg"), "@value", arguments[i]);
    g_autofree char *text = sk_xml_text(tree);
    sk_xml_add_raw(domain, text);
}

const SkXmlPart sk_xml_last_part = { read_last, write_last };

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

static const SkXmlPart *const parts[] = {
    &sk_xml_general_part, &sk_xml_devices_part_read, &sk_xml_memory_part, &sk_xml_tune_part, &sk_xml_vcpus_part, &sk_xml_sysinfo_part,
    &sk_xml_os_part, &sk_xml_features_part, &sk_xml_cpu_part, &sk_xml_clock_part, &sk_xml_actions_part, &sk_xml_power_part,
    &sk_xml_devices_part, &sk_xml_last_part,
};

static gboolean
read_parts(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i]->read != NULL && !parts[i]->read(domain, spec, error))
            return FALSE;
    }
    return TRUE;
}

SkDomainSpec *
sk_xml_read_domain(SkXmlNode *domain, GError **error)
{
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    spec->exact = TRUE;
    if (read_parts(domain, spec, error) && sk_xml_check_value(&sk_domain_spec_type, spec, NULL, error))
        return spec;
    sk_value_free(&sk_domain_spec_type, spec);
    return NULL;
}

SkDomainSpec *
sk_xml_domain_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) domain = sk_xml_parse(text, length, "domain XML", "domain", error);
    if (domain == NULL)
        return NULL;
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    spec->exact = TRUE;
    if (read_parts(domain, spec, error) && sk_xml_check_read(domain, error) && sk_xml_check_value(&sk_domain_spec_type, spec, NULL, error))
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

void
sk_xml_write_domain(SkXmlNode *domain, const SkDomainSpec *spec, const SkXmlOptions *options)
{
    g_autoptr(GHashTable) slots = collect_slots(spec);
    SkXmlWriter writer = { .spec = spec, .slots = slots };
    if (options != NULL)
        writer.options = *options;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i]->write != NULL)
            parts[i]->write(domain, &writer);
}

char *
sk_xml_domain_format(const SkDomainSpec *spec, const SkXmlOptions *options)
{
    g_autoptr(SkXmlNode) domain = sk_xml_new("domain");
    sk_xml_write_domain(domain, spec, options);
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
