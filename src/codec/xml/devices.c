/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All devices: what they have in common, <devices>, and a device alone. */
#include <string.h>

#include "codec/xml/domain-private.h"

#define USUAL_EMULATOR "/usr/bin/qemu-system-x86_64"

static const SkXmlFamily *const tables[] = {
    sk_xml_disk_families, sk_xml_controller_families, sk_xml_host_families, sk_xml_interface_families, sk_xml_char_families,
    sk_xml_graphics_families, sk_xml_small_families, sk_xml_memory_families, sk_xml_extra_families,
};

/* The order libvirt writes them in. */
static const char *const order[] = {
    "disk", "controller", "filesystem", "interface", "smartcard", "serial", "parallel", "console", "channel", "input", "tpm", "graphics", "sound",
    "audio", "video", "hostdev", "redirdev", "hub", "watchdog", "memballoon", "rng", "panic", "shmem", "memory", "iommu", "vsock",
};

const SkXmlFamily *
sk_xml_find_family(const char *element)
{
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const SkXmlFamily *family = tables[i]; family->element != NULL; family++) {
            if (g_str_equal(family->element, element))
                return family;
        }
    }
    return NULL;
}

static const SkField *
member_of(const SkXmlFamily *family)
{
    return sk_type_find(&sk_domain_spec_type, family->member);
}

gboolean
sk_xml_is_live(const SkXmlWriter *self)
{
    return (self->options.flags & SK_XML_LIVE) != 0;
}

gboolean
sk_xml_is_secure(const SkXmlWriter *self)
{
    return (self->options.flags & SK_XML_SECURE) != 0;
}

gpointer
sk_xml_append(GPtrArray **list, const SkType *type)
{
    gpointer value = sk_value_new(type);
    if (*list == NULL)
        *list = sk_value_list_new(type);
    g_ptr_array_add(*list, value);
    return value;
}

/* -- one device ---------------------------------------------------------------------------------------------------- */

/* The text member of a value, if its type has one of that key. */
static char **
text_member(const SkType *type, gpointer value, const char *key)
{
    const SkField *field = sk_type_find(type, key);
    return field != NULL ? sk_field_ptr(field, value) : NULL;
}

/* Only names that a client chose are kept; the others are given anew. */
static void
read_alias(SkXmlNode *node, char **out)
{
    const char *alias = sk_xml_get(node, "alias/@name");
    if (out == NULL || alias == NULL || !g_str_has_prefix(alias, "ua-"))
        return;
    g_free(*out);
    *out = g_strdup(alias);
}

static gboolean
read_device(SkXmlNode *node, const SkXmlFamily *family, gpointer value, const SkDomainSpec *spec, GError **error)
{
    char **address = text_member(family->type, value, "address");
    if (!sk_xml_read_fields(node, family->type, value, error) || (family->read != NULL && !family->read(node, value, spec, error)))
        return FALSE;
    read_alias(node, text_member(family->type, value, "alias"));
    return address == NULL || sk_xml_read_address(node, address, error);
}

static void
write_device(SkXmlNode *node, const SkXmlFamily *family, gpointer value, const SkXmlWriter *writer)
{
    char **alias = text_member(family->type, value, "alias"), **address = text_member(family->type, value, "address");
    if (family->write != NULL)
        family->write(node, value, writer);
    else
        sk_xml_write_fields(node, family->type, value);
    if (alias != NULL && *alias != NULL && !family->nameless && (sk_xml_is_live(writer) || g_str_has_prefix(*alias, "ua-")))
        sk_xml_set(node, "alias/@name", *alias);
    if (address != NULL)
        sk_xml_write_address(node, *address, writer);
}

/* -- reading <devices> --------------------------------------------------------------------------------------------------- */

gboolean
sk_xml_read_device_into(SkXmlNode *node, const SkXmlFamily *family, SkDomainSpec *spec, GError **error)
{
    const SkField *field = member_of(family);
    gpointer at = sk_field_ptr(field, spec);
    gpointer value;
    if (field->kind == SK_KIND_LIST) {
        const GPtrArray *list = *(GPtrArray **) at;
        if (list != NULL && list->len >= sk_field_max_count(field))
            return sk_xml_fail(node, error, SK_ERROR_XML, "the domain has more than %u %s", sk_field_max_count(field), field->key);
        value = sk_xml_append(at, field->type);
    } else {
        if (*(gpointer *) at != NULL)
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "a domain can have one %s", field->type->what);
        value = *(gpointer *) at = sk_value_new(field->type);
    }
    return read_device(node, family, value, spec, error);
}

static gboolean
read_devices(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkXmlNode *devices = sk_xml_child(domain, "devices");
    if (devices == NULL)
        return TRUE;
    /* The host's own need not be named; what names it would be an administrator's to choose. */
    if (!sk_xml_is(devices, "emulator", USUAL_EMULATOR))
        sk_xml_get_string(devices, "emulator", &spec->emulator);
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        const SkXmlFamily *family = sk_xml_find_family(order[i]);
        /* What a console is depends on its place. */
        if (g_str_equal(order[i], "console")) {
            if (!sk_xml_read_consoles(devices, spec, error))
                return FALSE;
            continue;
        }
        for (SkXmlNode *node = family != NULL ? sk_xml_child(devices, order[i]) : NULL; node != NULL; node = sk_xml_next(node)) {
            if (!sk_xml_read_device_into(node, family, spec, error))
                return FALSE;
        }
    }
    return sk_xml_number_controllers(spec, error);
}

/* -- writing <devices> ------------------------------------------------------------------------------------------------------ */

static void
write_one(SkXmlNode *devices, const SkXmlFamily *family, gpointer value, const SkXmlWriter *writer)
{
    if (value != NULL && (family->shown == NULL || family->shown(value, writer)))
        write_device(sk_xml_add(devices, family->element), family, value, writer);
}

static void
write_devices(SkXmlNode *domain, const SkXmlWriter *writer)
{
    SkXmlNode *devices = sk_xml_add(domain, "devices");
    const char *usual = writer->options.emulator != NULL && g_path_is_absolute(writer->options.emulator) ? writer->options.emulator : USUAL_EMULATOR;
    sk_xml_set(devices, "emulator", writer->spec->emulator != NULL ? writer->spec->emulator : usual);
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        const SkXmlFamily *family = sk_xml_find_family(order[i]);
        if (family == NULL)
            continue;
        if (g_str_equal(order[i], "controller"))
            sk_xml_write_root_controller(devices, writer);
        if (g_str_equal(order[i], "console"))
            sk_xml_write_console_of_serial(devices, writer);
        const SkField *field = member_of(family);
        gpointer at = *(gpointer *) sk_field_ptr(field, (gpointer) writer->spec);
        const GPtrArray *list = field->kind == SK_KIND_LIST ? at : NULL;
        if (field->kind != SK_KIND_LIST)
            write_one(devices, family, at, writer);
        for (guint j = 0; list != NULL && j < list->len; j++)
            write_one(devices, family, list->pdata[j], writer);
    }
}

/* Memory in slots counts into the domain's, so devices come first when reading. */
const SkXmlPart sk_xml_devices_part_read = { read_devices, NULL };
const SkXmlPart sk_xml_devices_part = { NULL, write_devices };

/* -- a device alone ----------------------------------------------------------------------------------------------------------- */

/* A console of type serial is the first serial port by another name. */
static const SkXmlFamily *
family_of(SkXmlNode *node)
{
    const char *target = g_str_equal(sk_xml_name(node), "console") ? sk_xml_get(node, "target/@type") : NULL;
    if (g_str_equal(sk_xml_name(node), "console") && (target == NULL || g_str_equal(target, "serial")))
        return sk_xml_find_family("serial");
    return sk_xml_find_family(sk_xml_name(node));
}

static gpointer
parse_device(SkXmlNode *node, const SkXmlFamily *family, const SkDomainSpec *spec, GError **error)
{
    gpointer value = sk_value_new(family->type);
    if (read_device(node, family, value, spec, error) && sk_xml_check_read(node, error) &&
        sk_xml_check_value(family->type, value, family->type->what, error))
        return value;
    sk_value_free(family->type, value);
    return NULL;
}

gboolean
sk_xml_device_parse(const char *text, gssize length, const SkDomainSpec *spec, SkXmlDevice *out, GError **error)
{
    g_autoptr(SkXmlNode) node = sk_xml_parse(text, length, "device XML", NULL, error);
    if (node == NULL)
        return FALSE;
    const SkXmlFamily *family = family_of(node);
    if (family == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "device XML begins with <%.64s>, which is no device that is supported here", sk_xml_name(node));
    gpointer value = parse_device(node, family, spec, error);
    if (value == NULL)
        return FALSE;
    *out = (SkXmlDevice){ member_of(family), value };
    return TRUE;
}

void
sk_xml_device_clear(SkXmlDevice *self)
{
    if (self->field != NULL)
        sk_value_free(self->field->type, self->value);
    *self = (SkXmlDevice){ 0 };
}

char *
sk_xml_device_format(const SkType *type, gconstpointer value, const SkDomainSpec *spec, const SkXmlOptions *options)
{
    SkXmlWriter writer = { .spec = spec };
    if (options != NULL)
        writer.options = *options;
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        const SkXmlFamily *family = sk_xml_find_family(order[i]);
        if (family == NULL || family->type != type)
            continue;
        g_autoptr(SkXmlNode) node = sk_xml_new(family->element);
        write_device(node, family, (gpointer) value, &writer);
        return sk_xml_text(node);
    }
    return NULL;
}
