/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vcpu>, <iothreads>, <cpu> */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- vCPUs ----------------------------------------------------------------------------------------------------------- */

static gboolean
read_vcpus(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkVcpus *self = &spec->vcpus;
    self->maximum = 1;
    if (!sk_xml_get_uint(domain, "vcpu", 512, &self->maximum, error))
        return FALSE;
    self->current = self->maximum;
    sk_xml_is(domain, "vcpu/@placement", "static");
    return sk_xml_get_uint(domain, "vcpu/@current", 512, &self->current, error) &&
           sk_xml_get_uint(domain, "iothreads", 64, &spec->iothreads, error);
}

static void
write_vcpus(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkVcpus *self = &writer->spec->vcpus;
    guint maximum = MAX(self->maximum, self->current);
    SkXmlNode *node = sk_xml_add(domain, "vcpu");
    sk_xml_set(node, "@placement", "static");
    if (self->current < maximum)
        sk_xml_setf(node, "@current", "%u", self->current);
    sk_xml_setf(node, ".", "%u", maximum);
    sk_xml_set_uint(domain, "iothreads", writer->spec->iothreads);
}

const SkXmlPart sk_xml_vcpus_part = { read_vcpus, write_vcpus };

/* -- the model ---------------------------------------------------------------------------------------------------------- */

static gboolean
read_topology(SkXmlNode *cpu, SkVcpus *vcpus, GError **error)
{
    guint dies = 1;
    return sk_xml_get_uint(cpu, "topology/@sockets", 512, &vcpus->sockets, error) && sk_xml_get_uint(cpu, "topology/@cores", 512, &vcpus->cores, error) &&
           sk_xml_get_uint(cpu, "topology/@threads", 512, &vcpus->threads, error) && sk_xml_get_uint(cpu, "topology/@dies", 1, &dies, error);
}

static gboolean
read_cpu(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkXmlNode *cpu = sk_xml_child(domain, "cpu");
    if (cpu == NULL)
        return TRUE;
    /* A model or a match without a mode means a custom one; a topology alone leaves the model to us. */
    if (!sk_xml_has(cpu, "@mode") && sk_xml_has(cpu, "model"))
        spec->cpu.mode = SK_CPU_CUSTOM;
    return sk_xml_read_fields(cpu, &sk_cpu_type, &spec->cpu, error) && read_topology(cpu, &spec->vcpus, error);
}

static void
write_cpu(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkVcpus *vcpus = &writer->spec->vcpus;
    gboolean topology = vcpus->sockets > 0 || vcpus->cores > 0 || vcpus->threads > 0;
    SkXmlNode *cpu = sk_xml_new("cpu");
    sk_xml_write_fields(cpu, &sk_cpu_type, &writer->spec->cpu);
    if (topology) {
        sk_xml_setf(cpu, "topology/@sockets", "%u", MAX(vcpus->sockets, 1));
        sk_xml_set(cpu, "topology/@dies", "1");
        sk_xml_setf(cpu, "topology/@cores", "%u", MAX(vcpus->cores, 1));
        sk_xml_setf(cpu, "topology/@threads", "%u", MAX(vcpus->threads, 1));
    }
    g_autofree char *text = sk_xml_text(cpu);
    if (!g_str_equal(text, "<cpu/>\n"))
        sk_xml_add_raw(domain, text);
    sk_xml_free(cpu);
}

const SkXmlPart sk_xml_cpu_part = { read_cpu, write_cpu };
