/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guest's firmware tells of the machine, and data for it. */
#include <string.h>

#include "engine/cmdline/builder.h"

static const guint smbios_types[SK_N_SYSINFO_BLOCKS] = { [SK_SYSINFO_BIOS] = 0, [SK_SYSINFO_SYSTEM] = 1, [SK_SYSINFO_BASE_BOARD] = 2,
                                                         [SK_SYSINFO_CHASSIS] = 3, [SK_SYSINFO_OEM] = 11 };

/* One argument a block: entries of one block follow each other. */
static void
add_blocks(SkBuilder *self, const GPtrArray *entries)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < entries->len; i++) {
        const SkSysinfoEntry *entry = entries->pdata[i], *next = i + 1 < entries->len ? entries->pdata[i + 1] : NULL;
        g_autofree char *value = sk_qemu_quote(entry->value);
        if (text->len == 0)
            g_string_append_printf(text, "type=%u", smbios_types[entry->block]);
        g_string_append_printf(text, ",%s=%s", entry->name != NULL ? entry->name : "value", value);
        if (next != NULL && next->block == entry->block && next->index == entry->index)
            continue;
        sk_builder_arg(self, "-smbios", g_strdup(text->str));
        g_string_truncate(text, 0);
    }
}

static void
add_fw_cfg(SkBuilder *self, const SkFwCfg *entry)
{
    g_autofree char *name = sk_qemu_quote(entry->name), *data = sk_qemu_quote(entry->file != NULL ? entry->file : entry->value);
    sk_builder_arg(self, "-fw_cfg", g_strdup_printf("name=%s,%s=%s", name, entry->file != NULL ? "file" : "string", data));
}

gboolean
sk_build_smbios(SkBuilder *self, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    if (spec->sysinfo != NULL && spec->boot.smbios != SK_SMBIOS_EMULATE)
        add_blocks(self, spec->sysinfo);
    for (guint i = 0; spec->fw_cfg != NULL && i < spec->fw_cfg->len; i++)
        add_fw_cfg(self, spec->fw_cfg->pdata[i]);
    return TRUE;
}
