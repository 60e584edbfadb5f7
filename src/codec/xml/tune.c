/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <cputune>, <numatune>, <memtune>, <blkiotune> */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- pins ---------------------------------------------------------------------------------------------------------- */

static gboolean
read_pins(SkXmlNode *tune, const char *element, const char *number, GPtrArray **out, GError **error)
{
    for (SkXmlNode *node = sk_xml_child(tune, element); node != NULL; node = sk_xml_next(node)) {
        SkPin *pin = sk_xml_append(out, &sk_pin_type);
        if ((*out)->len > 512 || !sk_xml_has(node, number))
            return sk_xml_fail(node, error, SK_ERROR_XML, "the attribute \"%s\" is missing, or there are too many", number + 1);
        if (!sk_xml_get_uint(node, number, 511, &pin->id, error) || !sk_xml_read_fields(node, &sk_pin_type, pin, error))
            return FALSE;
    }
    return TRUE;
}

static void
write_pins(SkXmlNode *tune, const char *element, const char *number, const GPtrArray *pins)
{
    for (guint i = 0; pins != NULL && i < pins->len; i++) {
        const SkPin *pin = pins->pdata[i];
        SkXmlNode *node = sk_xml_add(tune, element);
        sk_xml_setf(node, number, "%u", pin->id);
        sk_xml_write_fields(node, &sk_pin_type, pin);
    }
}

/* -- the whole -------------------------------------------------------------------------------------------------------- */

static gboolean
read_part(SkXmlNode *domain, const SkType *type, gpointer value, GError **error)
{
    SkXmlNode *node = sk_xml_child(domain, type->xml);
    return node == NULL || sk_xml_read_fields(node, type, value, error);
}

static gboolean
read_cpu_tune(SkXmlNode *domain, SkCpuTune *self, GError **error)
{
    SkXmlNode *tune = sk_xml_child(domain, "cputune");
    return tune == NULL || (sk_xml_read_fields(tune, &sk_cpu_tune_type, self, error) &&
                            read_pins(tune, "vcpupin", "@vcpu", &self->vcpu_pins, error) &&
                            read_pins(tune, "iothreadpin", "@iothread", &self->iothread_pins, error));
}

static gboolean
read_numa_tune(SkXmlNode *domain, SkNumaTune **out, GError **error)
{
    SkXmlNode *tune = sk_xml_child(domain, "numatune");
    if (tune == NULL || sk_xml_child(tune, "memory") == NULL)
        return TRUE;
    sk_xml_is(tune, "memory/@placement", "static");
    *out = sk_value_new(&sk_numa_tune_type);
    return sk_xml_read_fields(tune, &sk_numa_tune_type, *out, error);
}

static gboolean
read_tune(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    return read_cpu_tune(domain, &spec->cpu_tune, error) && read_numa_tune(domain, &spec->numa_tune, error) &&
           read_part(domain, &sk_memory_tune_type, &spec->memory_tune, error) && read_part(domain, &sk_block_tune_type, &spec->block_tune, error);
}

static void
write_part(SkXmlNode *domain, const SkType *type, gconstpointer value)
{
    SkXmlNode *node = sk_xml_add(domain, type->xml);
    sk_xml_write_fields(node, type, value);
    if (sk_xml_is_empty(node))
        sk_xml_remove(node);
}

static void
write_tune(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkDomainSpec *spec = writer->spec;
    write_part(domain, &sk_block_tune_type, &spec->block_tune);
    write_part(domain, &sk_memory_tune_type, &spec->memory_tune);
    SkXmlNode *tune = sk_xml_add(domain, "cputune");
    sk_xml_write_fields(tune, &sk_cpu_tune_type, &spec->cpu_tune);
    write_pins(tune, "vcpupin", "@vcpu", spec->cpu_tune.vcpu_pins);
    write_pins(tune, "iothreadpin", "@iothread", spec->cpu_tune.iothread_pins);
    if (sk_xml_is_empty(tune))
        sk_xml_remove(tune);
    if (spec->numa_tune != NULL)
        sk_xml_write_fields(sk_xml_add(domain, "numatune"), &sk_numa_tune_type, spec->numa_tune);
}

const SkXmlPart sk_xml_tune_part = { read_tune, write_tune };
