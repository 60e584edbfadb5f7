/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <memory>, <currentMemory>, <maxMemory>, <memoryBacking>, and <memory> devices. */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- sizes ------------------------------------------------------------------------------------------------------- */

/* What <memory> of a domain counts, and .maximum does not. */
static guint64
in_slots(const SkDomainSpec *spec)
{
    guint64 sum = 0;
    for (guint i = 0; spec->dimms != NULL && i < spec->dimms->len; i++)
        sum += ((const SkDimm *) spec->dimms->pdata[i])->size;
    return sum;
}

static gboolean
read_sizes(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkMemory *self = &spec->memory;
    guint64 slots = in_slots(spec);
    if (!sk_xml_has(domain, "memory"))
        return sk_xml_fail(domain, error, SK_ERROR_XML, "the element <memory> is missing");
    self->current = 0;
    if (!sk_xml_get_size(domain, "maxMemory", "KiB", &self->limit, error) || !sk_xml_get_size(domain, "memory", "KiB", &self->maximum, error) ||
        !sk_xml_get_size(domain, "currentMemory", "KiB", &self->current, error) ||
        !sk_xml_get_uint(domain, "maxMemory/@slots", 256, &self->slots, error))
        return FALSE;
    if (self->maximum == 0)
        return sk_xml_fail(domain, error, SK_ERROR_XML, "<memory> is 0");
    if (self->maximum <= slots)
        return sk_xml_fail(domain, error, SK_ERROR_XML, "<memory> counts the memory devices too, so it must be more than they are");
    self->maximum -= slots;
    /* libvirt corrects this silently too: what virt-install writes may differ by its rounding. */
    if (self->current == 0 || self->current > self->maximum)
        self->current = self->maximum;
    sk_xml_is(domain, "memory/@dumpCore", "off");
    return TRUE;
}

static void
write_sizes(SkXmlNode *domain, const SkDomainSpec *spec)
{
    const SkMemory *self = &spec->memory;
    if (self->limit > 0) {
        sk_xml_set_uint(domain, "maxMemory/@slots", self->slots);
        sk_xml_set_size(domain, "maxMemory", self->limit);
    }
    sk_xml_set_size(domain, "memory", MAX(self->maximum, self->current) + in_slots(spec));
    sk_xml_set_size(domain, "currentMemory", self->current + (self->current == self->maximum ? in_slots(spec) : 0));
}

/* -- what it is made of --------------------------------------------------------------------------------------------- */

static gboolean
read_huge_pages(SkXmlNode *backing, SkMemory *self, GError **error)
{
    SkXmlNode *pages = sk_xml_child(backing, "hugepages");
    if (pages == NULL)
        return TRUE;
    self->hugepage_size = 2 * 1024 * 1024;
    SkXmlNode *page = sk_xml_child(pages, "page");
    guint64 number = 0, factor = 1024;
    if (page == NULL)
        return TRUE;
    if (sk_xml_next(page) != NULL)
        return sk_xml_fail(page, error, SK_ERROR_UNSUPPORTED, "one size of huge pages is possible");
    if (sk_xml_is(page, "@unit", "M") || sk_xml_is(page, "@unit", "MiB"))
        factor = 1 << 20;
    else if (sk_xml_is(page, "@unit", "G") || sk_xml_is(page, "@unit", "GiB"))
        factor = 1 << 30;
    else if (!sk_xml_is(page, "@unit", "KiB") && !sk_xml_is(page, "@unit", "K"))
        factor = 1024;
    if (!sk_xml_get_uint64(page, "@size", G_MAXINT64 / factor, &number, error))
        return FALSE;
    self->hugepage_size = number * factor;
    return TRUE;
}

static gboolean
read_backing(SkXmlNode *domain, SkMemory *self, GError **error)
{
    SkXmlNode *backing = sk_xml_child(domain, "memoryBacking");
    if (backing == NULL)
        return TRUE;
    self->shared = sk_xml_is(backing, "access/@mode", "shared");
    sk_xml_is(backing, "access/@mode", "private");
    self->prealloc = sk_xml_is(backing, "allocation/@mode", "immediate");
    sk_xml_is(backing, "allocation/@mode", "ondemand");
    return sk_xml_read_fields(backing, &sk_memory_type, self, error) && read_huge_pages(backing, self, error);
}

static void
write_backing(SkXmlNode *domain, const SkMemory *self)
{
    SkXmlNode *backing = sk_xml_add(domain, "memoryBacking");
    if (self->hugepage_size > 0) {
        sk_xml_setf(backing, "hugepages/page/@size", "%" G_GUINT64_FORMAT, self->hugepage_size / 1024);
        sk_xml_set(backing, "hugepages/page/@unit", "KiB");
    }
    sk_xml_write_fields(backing, &sk_memory_type, self);
    if (self->shared)
        sk_xml_set(backing, "access/@mode", "shared");
    if (self->prealloc)
        sk_xml_set(backing, "allocation/@mode", "immediate");
    if (sk_xml_is_empty(backing))
        sk_xml_remove(backing);
}

static gboolean
read_memory(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    return read_sizes(domain, spec, error) && read_backing(domain, &spec->memory, error);
}

static void
write_memory(SkXmlNode *domain, const SkXmlWriter *writer)
{
    write_sizes(domain, writer->spec);
    write_backing(domain, &writer->spec->memory);
}

const SkXmlPart sk_xml_memory_part = { read_memory, write_memory };

/* -- memory in slots ----------------------------------------------------------------------------------------------------- */

static gboolean
read_dimm(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkDimm *dimm = value;
    guint cell = dimm->node >= 0 ? (guint) dimm->node : 0;
    if (!sk_xml_is(node, "@model", "dimm"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only the model \"dimm\" is supported");
    if (!sk_xml_get_uint(node, "target/node", 127, &cell, error))
        return FALSE;
    if (sk_xml_has(node, "target/node"))
        dimm->node = (gint) cell;
    sk_xml_is(node, "@discard", "no");
    return TRUE;
}

static void
write_dimm(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkDimm *dimm = value;
    sk_xml_set(node, "@model", "dimm");
    if (dimm->node >= 0)
        sk_xml_setf(node, "target/node", "%d", dimm->node);
    sk_xml_write_fields(node, &sk_dimm_type, value);
}

const SkXmlFamily sk_xml_memory_families[] = {
    { "memory", "dimms", &sk_dimm_type, read_dimm, write_dimm, NULL },
    { NULL },
};
