/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <os>: machine, firmware, what is booted. */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- boot order ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *ours, *theirs;
} boot_names[] = { { "disk", "hd" }, { "cdrom", "cdrom" }, { "network", "network" }, { "floppy", "fd" } };

static gboolean
read_boot(SkXmlNode *os, SkBoot *boot, GError **error)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func(g_free);
    for (SkXmlNode *node = sk_xml_child(os, "boot"); node != NULL; node = sk_xml_next(node)) {
        const char *name = sk_xml_get(node, "@dev"), *ours = NULL;
        for (guint i = 0; name != NULL && i < G_N_ELEMENTS(boot_names); i++)
            ours = g_str_equal(boot_names[i].theirs, name) ? boot_names[i].ours : ours;
        if (ours == NULL)
            return sk_xml_fail(node, error, SK_ERROR_XML, "dev is \"%.32s\", give hd, cdrom, network or fd", name != NULL ? name : "");
        g_ptr_array_add(order, g_strdup(ours));
    }
    if (order->len == 0)
        return TRUE;
    g_ptr_array_add(order, NULL);
    g_strfreev(boot->order);
    boot->order = (char **) g_ptr_array_steal(order, NULL);
    return TRUE;
}

static void
write_boot(SkXmlNode *os, const SkBoot *boot)
{
    for (guint i = 0; boot->order != NULL && boot->order[i] != NULL; i++) {
        for (guint j = 0; j < G_N_ELEMENTS(boot_names); j++) {
            if (g_str_equal(boot_names[j].ours, boot->order[i]))
                sk_xml_set(sk_xml_add(os, "boot"), "@dev", boot_names[j].theirs);
        }
    }
}

/* -- firmware ----------------------------------------------------------------------------------------------------------- */

/* What UEFI of the host is to be like: secure boot, with or without keys. */
static gboolean
read_wishes(SkXmlNode *os, SkFirmware *firmware, GError **error)
{
    SkXmlNode *wishes = sk_xml_child(os, "firmware");
    for (SkXmlNode *node = wishes != NULL ? sk_xml_child(wishes, "feature") : NULL; node != NULL; node = sk_xml_next(node)) {
        const char *name = sk_xml_get(node, "@name");
        gboolean on = FALSE;
        if (!sk_xml_get_bool(node, "@enabled", &on, error))
            return FALSE;
        if (g_strcmp0(name, "secure-boot") == 0)
            firmware->secure_boot = on;
        else if (g_strcmp0(name, "enrolled-keys") != 0)
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "firmware feature \"%.32s\" is not supported: give secure-boot or enrolled-keys",
                               name != NULL ? name : "");
    }
    return TRUE;
}

static gboolean
read_loader(SkXmlNode *os, SkFirmware *firmware, GError **error)
{
    SkXmlNode *loader = sk_xml_child(os, "loader");
    gboolean read_only = TRUE, secure = firmware->secure_boot;
    if (loader == NULL)
        return TRUE;
    const char *type = sk_xml_get(loader, "@type"), *path = sk_xml_get(loader, ".");
    if (!sk_xml_get_bool(loader, "@readonly", &read_only, error) || !sk_xml_get_bool(loader, "@secure", &secure, error))
        return FALSE;
    if (!read_only && g_strcmp0(type, "pflash") == 0)
        return sk_xml_fail(loader, error, SK_ERROR_UNSUPPORTED, "firmware that the guest can write to is not supported: give readonly=\"yes\"");
    if (type != NULL && !g_str_equal(type, "pflash") && !g_str_equal(type, "rom"))
        return sk_xml_fail(loader, error, SK_ERROR_XML, "type is \"%.32s\", give pflash or rom", type);
    if (g_strcmp0(type, "pflash") == 0)
        firmware->kind = SK_FIRMWARE_UEFI;
    firmware->secure_boot = secure;
    if (path != NULL && *path != '\0')
        firmware->loader = g_strdup(path);
    sk_xml_is(loader, "@stateless", "no");
    sk_xml_is(loader, "@format", "raw");
    return TRUE;
}

static gboolean
read_firmware(SkXmlNode *os, SkFirmware *firmware, GError **error)
{
    if (!sk_xml_get_enum(os, "@firmware", &sk_firmware_enum, &firmware->kind, error) || !read_wishes(os, firmware, error) ||
        !read_loader(os, firmware, error))
        return FALSE;
    const char *nvram = sk_xml_get(os, "nvram");
    if (nvram != NULL && *nvram != '\0')
        firmware->nvram = g_strdup(nvram);
    sk_xml_get_string(os, "nvram/@template", &firmware->nvram_template);
    sk_xml_is(os, "nvram/@format", "raw");
    return TRUE;
}

static void
write_loader(SkXmlNode *os, const SkFirmware *firmware, const char *path)
{
    gboolean uefi = firmware->kind == SK_FIRMWARE_UEFI;
    SkXmlNode *loader = sk_xml_add(os, "loader");
    sk_xml_set(loader, "@readonly", uefi ? "yes" : NULL);
    sk_xml_set(loader, "@secure", firmware->secure_boot ? "yes" : NULL);
    sk_xml_set(loader, "@type", uefi ? "pflash" : "rom");
    sk_xml_set(loader, ".", path);
}

/* What runs tells the files that were found and made for it too. */
static const char *
shown(const char *given, const char *found, gboolean live)
{
    return given != NULL || !live ? given : found;
}

static void
write_firmware(SkXmlNode *os, const SkFirmware *firmware, gboolean live)
{
    const char *path = shown(firmware->loader, firmware->code, live);
    const char *variables = shown(firmware->nvram, firmware->variables, live);
    const char *template = shown(firmware->nvram_template, firmware->variables_template, live);
    if (firmware->kind == SK_FIRMWARE_UEFI && firmware->secure_boot && firmware->loader == NULL) {
        SkXmlNode *feature = sk_xml_add(sk_xml_need(os, "firmware"), "feature");
        sk_xml_set(feature, "@enabled", "yes");
        sk_xml_set(feature, "@name", "secure-boot");
    }
    if (path != NULL)
        write_loader(os, firmware, path);
    if (variables != NULL || template != NULL) {
        SkXmlNode *nvram = sk_xml_add(os, "nvram");
        sk_xml_set(nvram, "@template", template);
        sk_xml_set(nvram, ".", variables);
    }
}

/* -- <os> ------------------------------------------------------------------------------------------------------------------ */

static gboolean
read_type(SkXmlNode *os, SkDomainSpec *spec, GError **error)
{
    const char *machine = sk_xml_get(os, "type/@machine");
    if (!sk_xml_is(os, "type", "hvm"))
        return sk_xml_fail(os, error, SK_ERROR_UNSUPPORTED, "the type must be \"hvm\": nothing else can run on this host");
    sk_xml_get_string(os, "type/@arch", &spec->arch);
    /* What libvirt takes where none is given. */
    g_free(spec->machine);
    spec->machine = g_strdup(machine != NULL ? machine : "pc");
    return TRUE;
}

static gboolean
read_os(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkXmlNode *os = sk_xml_child(domain, "os");
    SkBoot *boot = &spec->boot;
    if (os == NULL)
        return sk_xml_fail(domain, error, SK_ERROR_XML, "the element <os> is missing");
    gint64 timeout = 0;
    if (!sk_xml_read_fields(os, &sk_boot_type, boot, error) || !sk_xml_get_int64(os, "bios/@rebootTimeout", &timeout, error))
        return FALSE;
    boot->reboot_timeout = (gint) CLAMP(timeout, -1, 65535);
    return read_type(os, spec, error) && read_firmware(os, &spec->firmware, error) && read_boot(os, boot, error) &&
           sk_xml_get_bool(os, "bootmenu/@enable", &boot->menu, error) &&
           sk_xml_get_uint(os, "bootmenu/@timeout", 65535, &boot->menu_timeout, error);
}

static void
write_os(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkDomainSpec *spec = writer->spec;
    SkXmlNode *os = sk_xml_add(domain, "os");
    if (spec->firmware.kind == SK_FIRMWARE_UEFI && spec->firmware.loader == NULL)
        sk_xml_set(os, "@firmware", "efi");
    sk_xml_set(os, "type", "hvm");
    sk_xml_set(os, "type/@arch", spec->arch);
    sk_xml_set(os, "type/@machine", spec->machine);
    write_firmware(os, &spec->firmware, sk_xml_is_live(writer));
    sk_xml_write_fields(os, &sk_boot_type, &spec->boot);
    if (spec->boot.reboot_timeout != 0)
        sk_xml_setf(os, "bios/@rebootTimeout", "%d", spec->boot.reboot_timeout);
    write_boot(os, &spec->boot);
    if (spec->boot.menu)
        sk_xml_set(os, "bootmenu/@enable", "yes");
    if (spec->boot.menu)
        sk_xml_set_uint(os, "bootmenu/@timeout", spec->boot.menu_timeout);
}

const SkXmlPart sk_xml_os_part = { read_os, write_os };
