/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of ports of switches. */
#include "model/vlan.h"

#include "base/error.h"
#include "base/text.h"

static const SkEnumName native_names[] = { { "default" }, { "tagged", NULL, "it gets them with a tag" }, { "untagged", NULL, "it gets them without" } };
SK_ENUM_TABLE(sk_vlan_native_enum, "native mode", native_names, SK_N_NATIVES);

static const SkField tag_fields[] = {
    SK_FIELD(SkVlanTag, id, UINT, "number of the VLAN", .xml = "@id", .flags = SK_FIELD_REQUIRED, .min = 1, .max = 4094),
    SK_FIELD(SkVlanTag, native, ENUM, "packets without a tag belong to it (trunk)", .xml = "@nativeMode", .names = &sk_vlan_native_enum, .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_vlan_tag_type, SkVlanTag, "VlanTag", "VLAN tag", tag_fields, "a VLAN", .xml = "tag");

static const SkField vlan_fields[] = {
    SK_FIELD(SkVlan, trunk, BOOL, "the guest sees the tags", .xml = "@trunk|yes", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVlan, tags, LIST, "the VLANs it is in", .xml = "tag", .type = &sk_vlan_tag_type, .max = 4094),
};

static gboolean
check_vlan(gconstpointer value, GError **error)
{
    const SkVlan *self = value;
    guint count = self->tags != NULL ? self->tags->len : 0, natives = 0;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    if (count == 0)
        return sk_fail(error, SK_ERROR_INVALID, "tags are missing: give the VLAN's number");
    for (guint i = 0; i < count; i++) {
        const SkVlanTag *tag = self->tags->pdata[i];
        natives += tag->native != SK_NATIVE_DEFAULT;
        if (!g_hash_table_add(seen, GUINT_TO_POINTER(tag->id)))
            return sk_fail(error, SK_ERROR_INVALID, "VLAN %u is there twice", tag->id);
    }
    if (!self->trunk && (count > 1 || natives > 0))
        return sk_fail(error, SK_ERROR_INVALID, "several tags, and a native one, are for a trunk");
    return natives <= 1 || sk_fail(error, SK_ERROR_INVALID, "a trunk has one native VLAN");
}
SK_TYPE(sk_vlan_type, SkVlan, "Vlan", "vlan", vlan_fields, "VLANs of a port", .xml = "vlan", .check = check_vlan);

/* It becomes a word of a command of ovs-vsctl. */
static gboolean
check_profile(const char *text, const char *what, GError **error)
{
    return g_regex_match_simple("^[A-Za-z0-9_.:-]{1,39}\\z", text, 0, 0) ||
           sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" must be 1 to 39 letters, digits or _ . : -", what, text);
}

static const SkField ovs_fields[] = {
    SK_FIELD(SkOvsPort, interface_id, STRING, "UUID that controllers know it by; made if not given", .xml = "parameters/@interfaceid", .check = sk_check_uuid),
    SK_FIELD(SkOvsPort, profile_id, STRING, "port profile", .xml = "parameters/@profileid", .check = check_profile),
};
SK_TYPE(sk_ovs_port_type, SkOvsPort, "OvsPort", "Open vSwitch port", ovs_fields, "a port of an Open vSwitch bridge");
