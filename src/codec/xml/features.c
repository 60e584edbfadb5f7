/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <features> */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- Hyper-V ------------------------------------------------------------------------------------------------------ */

static gboolean
read_hyperv(SkXmlNode *features, char ***out, GError **error)
{
    SkXmlNode *hyperv = sk_xml_child(features, "hyperv");
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (hyperv == NULL)
        return TRUE;
    sk_xml_is(hyperv, "@mode", "custom");
    for (SkXmlNode *node = sk_xml_first_any(hyperv); node != NULL; node = sk_xml_next_any(node)) {
        gboolean on = TRUE;
        sk_xml_at(node, ".");
        if (!sk_xml_get_bool(node, "@state", &on, error))
            return FALSE;
        if (on)
            g_ptr_array_add(names, g_strdup(sk_xml_name(node)));
        sk_xml_is(node, "@retries", "8191");
    }
    if (names->len == 0)
        return TRUE;
    g_ptr_array_add(names, NULL);
    *out = (char **) g_ptr_array_steal(names, NULL);
    return TRUE;
}

static void
write_hyperv(SkXmlNode *features, char **names)
{
    if (names == NULL || names[0] == NULL)
        return;
    SkXmlNode *hyperv = sk_xml_add(features, "hyperv");
    sk_xml_set(hyperv, "@mode", "custom");
    for (guint i = 0; names[i] != NULL; i++) {
        SkXmlNode *node = sk_xml_need(hyperv, names[i]);
        sk_xml_set(node, "@state", "on");
        if (g_str_equal(names[i], "spinlocks"))
            sk_xml_set(node, "@retries", "8191");
    }
}

/* -- the whole ------------------------------------------------------------------------------------------------------- */

/* An element without a state is on. */
static gboolean
read_switch(SkXmlNode *features, const char *name, gboolean *out, GError **error)
{
    SkXmlNode *node = sk_xml_child(features, name);
    if (node == NULL)
        return TRUE;
    *out = TRUE;
    return sk_xml_get_bool(node, "@state", out, error);
}

static gboolean
read_features(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkFeatures *self = &spec->features;
    SkXmlNode *features = sk_xml_child(domain, "features");
    /* What is not named is off there, on here. */
    self->acpi = features != NULL && sk_xml_has(features, "acpi");
    self->apic = features != NULL && sk_xml_has(features, "apic");
    if (features == NULL)
        return TRUE;
    /* Every guest of 32 bits has it. */
    sk_xml_ignore(features, "pae");
    return read_hyperv(features, &self->hyperv, error) && read_switch(features, "vmport", &self->vmport, error) &&
           read_switch(features, "smm", &self->smm, error) && sk_xml_get_bool(features, "kvm/hidden/@state", &self->kvm_hidden, error);
}

static void
write_features(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkFeatures *self = &writer->spec->features;
    SkXmlNode *features = sk_xml_add(domain, "features");
    if (self->acpi)
        sk_xml_add(features, "acpi");
    if (self->apic)
        sk_xml_add(features, "apic");
    write_hyperv(features, self->hyperv);
    if (self->kvm_hidden)
        sk_xml_set(features, "kvm/hidden/@state", "on");
    if (sk_domain_spec_machine_family(writer->spec) != SK_MACHINE_MICROVM)
        sk_xml_set(features, "vmport/@state", self->vmport ? "on" : "off");
    if (self->smm)
        sk_xml_set(features, "smm/@state", "on");
}

const SkXmlPart sk_xml_features_part = { read_features, write_features };
