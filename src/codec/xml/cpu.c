/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vcpu>, <iothreads>, <cpu> */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- vCPUs ----------------------------------------------------------------------------------------------------------- */

/* iothreads are numbered from 1; ids that say the same say nothing. */
static gboolean
check_ids(SkXmlNode *domain, const SkDomainSpec *spec, GError **error)
{
    SkXmlNode *ids = sk_xml_child(domain, "iothreadids");
    guint count = 0;
    for (SkXmlNode *node = ids != NULL ? sk_xml_child(ids, "iothread") : NULL; node != NULL; node = sk_xml_next(node)) {
        guint id = 0;
        if (!sk_xml_get_uint(node, "@id", G_MAXUINT, &id, error))
            return FALSE;
        if (id != ++count || count > spec->iothreads)
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "iothreads are numbered from 1 to their count (%u)", spec->iothreads);
    }
    return TRUE;
}

/* libvirt tells of each vCPU of a domain that has some switched off: here those are always the last. */
static gboolean
check_each_vcpu(SkXmlNode *domain, const SkVcpus *self, GError **error)
{
    SkXmlNode *vcpus = sk_xml_child(domain, "vcpus");
    for (SkXmlNode *node = vcpus != NULL ? sk_xml_child(vcpus, "vcpu") : NULL; node != NULL; node = sk_xml_next(node)) {
        guint id = 0;
        gboolean on = TRUE;
        if (!sk_xml_has(node, "@id") || !sk_xml_get_uint(node, "@id", 511, &id, error) || !sk_xml_get_bool(node, "@enabled", &on, error))
            return (error != NULL && *error != NULL) ? FALSE : sk_xml_fail(node, error, SK_ERROR_XML, "the attribute \"id\" is missing");
        if (on != (id < self->current))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "vCPUs are switched on in their order: of these %u the first %u are on", self->maximum, self->current);
        /* Who can be unplugged, and in which order they came, is the machine's. */
        sk_xml_ignore(node, "@hotpluggable");
        sk_xml_ignore(node, "@order");
    }
    return TRUE;
}

static gboolean
read_vcpus(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkVcpus *self = &spec->vcpus;
    self->maximum = 1;
    if (!sk_xml_get_uint(domain, "vcpu", 512, &self->maximum, error))
        return FALSE;
    self->current = self->maximum;
    sk_xml_is(domain, "vcpu/@placement", "static");
    sk_xml_get_string(domain, "vcpu/@cpuset", &self->cpuset);
    return sk_xml_get_uint(domain, "vcpu/@current", 512, &self->current, error) && check_each_vcpu(domain, self, error) &&
           sk_xml_get_uint(domain, "iothreads", 64, &spec->iothreads, error) && check_ids(domain, spec, error);
}

static void
write_vcpus(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkVcpus *self = &writer->spec->vcpus;
    guint maximum = MAX(self->maximum, self->current);
    SkXmlNode *node = sk_xml_add(domain, "vcpu");
    sk_xml_set(node, "@placement", "static");
    sk_xml_set(node, "@cpuset", self->cpuset);
    if (self->current < maximum)
        sk_xml_setf(node, "@current", "%u", self->current);
    sk_xml_setf(node, ".", "%u", maximum);
    sk_xml_set_uint(domain, "iothreads", writer->spec->iothreads);
}

const SkXmlPart sk_xml_vcpus_part = { read_vcpus, write_vcpus };

/* -- NUMA nodes ------------------------------------------------------------------------------------------------------------ */

static gboolean
read_cells(SkXmlNode *cpu, SkCpu *self, GError **error)
{
    SkXmlNode *numa = sk_xml_child(cpu, "numa");
    guint count = 0;
    for (SkXmlNode *node = numa != NULL ? sk_xml_child(numa, "cell") : NULL; node != NULL; node = sk_xml_next(node), count++) {
        SkNumaCell *cell = sk_xml_append(&self->cells, &sk_numa_cell_type);
        guint64 number = 0, factor = 1024;
        cell->id = count;
        if (count >= 64)
            return sk_xml_fail(node, error, SK_ERROR_XML, "at most 64 nodes are possible");
        if (sk_xml_is(node, "@unit", "MiB") || sk_xml_is(node, "@unit", "M"))
            factor = 1 << 20;
        else if (sk_xml_is(node, "@unit", "GiB") || sk_xml_is(node, "@unit", "G"))
            factor = 1 << 30;
        sk_xml_is(node, "@unit", "KiB");
        sk_xml_is(node, "@discard", "no");
        if (!sk_xml_read_fields(node, &sk_numa_cell_type, cell, error) || !sk_xml_get_uint64(node, "@memory", G_MAXINT64 / factor, &number, error))
            return FALSE;
        cell->memory = number * factor;
    }
    return TRUE;
}

static void
write_cells(SkXmlNode *cpu, const GPtrArray *cells)
{
    for (guint i = 0; cells != NULL && i < cells->len; i++) {
        const SkNumaCell *cell = cells->pdata[i];
        SkXmlNode *node = sk_xml_add(sk_xml_need(cpu, "numa"), "cell");
        sk_xml_write_fields(node, &sk_numa_cell_type, cell);
        sk_xml_setf(node, "@memory", "%" G_GUINT64_FORMAT, cell->memory / 1024);
        sk_xml_set(node, "@unit", "KiB");
    }
}

/* -- the model ---------------------------------------------------------------------------------------------------------- */

static gboolean
read_topology(SkXmlNode *cpu, SkVcpus *vcpus, GError **error)
{
    if (!sk_xml_get_uint(cpu, "topology/@dies", 512, &vcpus->dies, error) || !sk_xml_get_uint(cpu, "topology/@sockets", 512, &vcpus->sockets, error) ||
        !sk_xml_get_uint(cpu, "topology/@cores", 512, &vcpus->cores, error) || !sk_xml_get_uint(cpu, "topology/@threads", 512, &vcpus->threads, error))
        return FALSE;
    vcpus->dies = vcpus->dies == 1 ? 0 : vcpus->dies;
    if (sk_xml_child(cpu, "topology") != NULL && (vcpus->sockets == 0 || vcpus->cores == 0 || vcpus->threads == 0))
        return sk_xml_fail(sk_xml_child(cpu, "topology"), error, SK_ERROR_XML, "give sockets, cores and threads");
    return TRUE;
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
    if (!sk_xml_get_enum(cpu, "model/@fallback", &sk_cpu_fallback_enum, &spec->cpu.fallback, error))
        return FALSE;
    if (!sk_xml_read_fields(cpu, &sk_cpu_type, &spec->cpu, error))
        return FALSE;
    /* Of the modes that take the host's CPU, a model only tells which that was. */
    if (spec->cpu.mode != SK_CPU_CUSTOM)
        g_clear_pointer(&spec->cpu.model, g_free);
    return read_cells(cpu, &spec->cpu, error) && read_topology(cpu, &spec->vcpus, error);
}

static void
write_cpu(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkVcpus *vcpus = &writer->spec->vcpus;
    gboolean topology = vcpus->sockets > 0 || vcpus->dies > 0 || vcpus->cores > 0 || vcpus->threads > 0;
    SkXmlNode *cpu = sk_xml_add(domain, "cpu");
    sk_xml_write_fields(cpu, &sk_cpu_type, &writer->spec->cpu);
    if (writer->spec->cpu.fallback != SK_FALLBACK_DEFAULT)
        sk_xml_set_enum(cpu, "model/@fallback", &sk_cpu_fallback_enum, writer->spec->cpu.fallback);
    if (topology) {
        sk_xml_setf(cpu, "topology/@sockets", "%u", MAX(vcpus->sockets, 1));
        sk_xml_setf(cpu, "topology/@dies", "%u", MAX(vcpus->dies, 1));
        sk_xml_setf(cpu, "topology/@cores", "%u", MAX(vcpus->cores, 1));
        sk_xml_setf(cpu, "topology/@threads", "%u", MAX(vcpus->threads, 1));
    }
    write_cells(cpu, writer->spec->cpu.cells);
    if (sk_xml_is_empty(cpu))
        sk_xml_remove(cpu);
}

const SkXmlPart sk_xml_cpu_part = { read_cpu, write_cpu };
