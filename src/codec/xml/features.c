/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <features> */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- Hyper-V ------------------------------------------------------------------------------------------------------ */

/* Some have values of their own. */
static gboolean
read_details(SkXmlNode *node, SkFeatures *self, GError **error)
{
    const char *name = sk_xml_name(node);
    if (g_str_equal(name, "spinlocks"))
        return sk_xml_get_uint(node, "@retries", G_MAXUINT, &self->hyperv_spinlocks, error);
    if (g_str_equal(name, "vendor_id"))
        sk_xml_get_string(node, "@value", &self->hyperv_vendor);
    if (g_str_equal(name, "stimer"))
        return sk_xml_get_bool(node, "direct/@state", &self->hyperv_direct, error);
    return TRUE;
}

static gboolean
read_hyperv(SkXmlNode *features, SkFeatures *self, GError **error)
{
    SkXmlNode *hyperv = sk_xml_child(features, "hyperv");
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (hyperv == NULL)
        return TRUE;
    self->hyperv_passthrough = sk_xml_is(hyperv, "@mode", "passthrough");
    sk_xml_is(hyperv, "@mode", "custom");
    for (SkXmlNode *node = sk_xml_first_any(hyperv); node != NULL; node = sk_xml_next_any(node)) {
        gboolean on = TRUE;
        sk_xml_at(node, ".");
        if (!sk_xml_get_bool(node, "@state", &on, error) || !read_details(node, self, error))
            return FALSE;
        if (on)
            g_ptr_array_add(names, g_strdup(sk_xml_name(node)));
    }
    if (names->len == 0)
        return TRUE;
    g_ptr_array_add(names, NULL);
    self->hyperv = (char **) g_ptr_array_steal(names, NULL);
    return TRUE;
}

static void
write_hyperv(SkXmlNode *features, const SkFeatures *self)
{
    gboolean any = self->hyperv != NULL && self->hyperv[0] != NULL;
    if (!any && !self->hyperv_passthrough)
        return;
    SkXmlNode *hyperv = sk_xml_add(features, "hyperv");
    sk_xml_set(hyperv, "@mode", self->hyperv_passthrough ? "passthrough" : "custom");
    for (guint i = 0; any && self->hyperv[i] != NULL; i++) {
        SkXmlNode *node = sk_xml_add(hyperv, self->hyperv[i]);
        sk_xml_set(node, "@state", "on");
        if (g_str_equal(self->hyperv[i], "spinlocks"))
            sk_xml_setf(node, "@retries", "%u", self->hyperv_spinlocks > 0 ? self->hyperv_spinlocks : 8191);
        if (g_str_equal(self->hyperv[i], "vendor_id"))
            sk_xml_set(node, "@value", self->hyperv_vendor);
        if (g_str_equal(self->hyperv[i], "stimer") && self->hyperv_direct)
            sk_xml_set(node, "direct/@state", "on");
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

/* The same for those that have a default of QEMU's too; a state that is there is read with the fields. */
static void
read_stateless(SkXmlNode *features, SkFeatures *self)
{
    const struct {
        const char *name;
        gint *at;
    } rows[] = { { "vmcoreinfo", &self->vmcoreinfo }, { "pmu", &self->pmu }, { "pvspinlock", &self->pv_spinlock } };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        SkXmlNode *node = sk_xml_child(features, rows[i].name);
        if (node == NULL || sk_xml_has(node, "@state"))
            continue;
        sk_xml_at(node, ".");
        *rows[i].at = SK_SWITCH_ON;
    }
}

static gboolean
read_features(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkFeatures *self = &spec->features;
    SkXmlNode *features = sk_xml_child(domain, "features");
    /* What is not named is off there, on here; but libvirt takes no guest its APIC, without which a q35 does not start. */
    self->acpi = features != NULL && sk_xml_has(features, "acpi");
    self->apic = TRUE;
    sk_xml_ignore(domain, "features/apic");
    if (features == NULL)
        return TRUE;
    /* Every guest of 32 bits has it. */
    sk_xml_ignore(features, "pae");
    read_stateless(features, self);
    return sk_xml_read_fields(features, &sk_features_type, self, error) && read_hyperv(features, self, error) && read_switch(features, "vmport", &self->vmport, error) &&
           read_switch(features, "smm", &self->smm, error) && sk_xml_get_bool(features, "kvm/hidden/@state", &self->kvm_hidden, error) &&
           sk_xml_get_size(features, "smm/tseg", "MiB", &self->smm_tseg, error);
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
    write_hyperv(features, self);
    if (self->kvm_hidden)
        sk_xml_set(features, "kvm/hidden/@state", "on");
    if (sk_domain_spec_machine_family(writer->spec) != SK_MACHINE_MICROVM)
        sk_xml_set(features, "vmport/@state", self->vmport ? "on" : "off");
    if (self->smm)
        sk_xml_set(features, "smm/@state", "on");
    if (self->smm && self->smm_tseg > 0)
        sk_xml_set_size(features, "smm/tseg", self->smm_tseg);
    sk_xml_write_fields(features, &sk_features_type, self);
}

const SkXmlPart sk_xml_features_part = { read_features, write_features };
