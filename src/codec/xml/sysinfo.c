/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <sysinfo>: SMBIOS and fw_cfg */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- SMBIOS -------------------------------------------------------------------------------------------------------- */

static gboolean
read_block(SkXmlNode *node, gint block, guint index, GPtrArray **out, GError **error)
{
    for (SkXmlNode *child = sk_xml_child(node, "entry"); child != NULL; child = sk_xml_next(child)) {
        SkSysinfoEntry *entry = sk_xml_append(out, &sk_sysinfo_entry_type);
        if ((*out)->len > 64)
            return sk_xml_fail(child, error, SK_ERROR_XML, "at most 64 entries are possible");
        entry->block = block;
        entry->index = index;
        sk_xml_get_string(child, "@name", &entry->name);
        sk_xml_get_string(child, ".", &entry->value);
    }
    return TRUE;
}

static gboolean
read_smbios(SkXmlNode *sysinfo, GPtrArray **out, GError **error)
{
    for (gint block = 0; block < SK_N_SYSINFO_BLOCKS; block++) {
        guint index = 0;
        SkXmlNode *node = sk_xml_child(sysinfo, sk_xml_enum_name(&sk_sysinfo_block_enum, block));
        for (; node != NULL; node = sk_xml_next(node)) {
            if (index > 0 && block != SK_SYSINFO_BASE_BOARD)
                return sk_xml_fail(node, error, SK_ERROR_XML, "one <%s> is possible", sk_xml_name(node));
            if (!read_block(node, block, index++, out, error))
                return FALSE;
        }
    }
    return TRUE;
}

static void
write_smbios(SkXmlNode *domain, const GPtrArray *entries)
{
    SkXmlNode *sysinfo = sk_xml_add(domain, "sysinfo");
    const SkSysinfoEntry *last = NULL;
    SkXmlNode *node = NULL;
    sk_xml_set(sysinfo, "@type", "smbios");
    for (guint i = 0; i < entries->len; i++) {
        const SkSysinfoEntry *entry = entries->pdata[i];
        if (last == NULL || last->block != entry->block || last->index != entry->index)
            node = sk_xml_add(sysinfo, sk_xml_enum_name(&sk_sysinfo_block_enum, entry->block));
        SkXmlNode *child = sk_xml_add(node, "entry");
        sk_xml_set(child, "@name", entry->name);
        sk_xml_set(child, ".", entry->value);
        last = entry;
    }
}

/* -- fw_cfg ------------------------------------------------------------------------------------------------------------- */

static gboolean
read_fw_cfg(SkXmlNode *sysinfo, GPtrArray **out, GError **error)
{
    for (SkXmlNode *child = sk_xml_child(sysinfo, "entry"); child != NULL; child = sk_xml_next(child)) {
        SkFwCfg *entry = sk_xml_append(out, &sk_fw_cfg_type);
        if ((*out)->len > 16)
            return sk_xml_fail(child, error, SK_ERROR_XML, "at most 16 entries are possible");
        if (!sk_xml_read_fields(child, &sk_fw_cfg_type, entry, error))
            return FALSE;
        if (entry->file == NULL)
            sk_xml_get_string(child, ".", &entry->value);
    }
    return TRUE;
}

static void
write_fw_cfg(SkXmlNode *domain, const GPtrArray *entries)
{
    SkXmlNode *sysinfo = sk_xml_add(domain, "sysinfo");
    sk_xml_set(sysinfo, "@type", "fwcfg");
    for (guint i = 0; i < entries->len; i++) {
        const SkFwCfg *entry = entries->pdata[i];
        SkXmlNode *child = sk_xml_add(sysinfo, "entry");
        sk_xml_write_fields(child, &sk_fw_cfg_type, entry);
        sk_xml_set(child, ".", entry->value);
    }
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

static gboolean
read_sysinfo(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    for (SkXmlNode *node = sk_xml_child(domain, "sysinfo"); node != NULL; node = sk_xml_next(node)) {
        gboolean fw_cfg = sk_xml_is(node, "@type", "fwcfg");
        if (!fw_cfg && !sk_xml_is(node, "@type", "smbios"))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "the type must be smbios or fwcfg");
        if (!(fw_cfg ? read_fw_cfg(node, &spec->fw_cfg, error) : read_smbios(node, &spec->sysinfo, error)))
            return FALSE;
    }
    return TRUE;
}

static void
write_sysinfo(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkDomainSpec *spec = writer->spec;
    if (spec->sysinfo != NULL && spec->sysinfo->len > 0)
        write_smbios(domain, spec->sysinfo);
    if (spec->fw_cfg != NULL && spec->fw_cfg->len > 0)
        write_fw_cfg(domain, spec->fw_cfg);
}

const SkXmlPart sk_xml_sysinfo_part = { read_sysinfo, write_sysinfo };
