/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* How an interface is a port of a switch: its VLANs, and what Open vSwitch is told of it. Values; any thread. */

typedef enum { SK_NATIVE_DEFAULT, SK_NATIVE_TAGGED, SK_NATIVE_UNTAGGED, SK_N_NATIVES } SkVlanNative;

typedef struct {
    guint id;
    gint native;            /* SkVlanNative: packets without a tag belong to this VLAN */
} SkVlanTag;

typedef struct {
    gboolean trunk;         /* the guest sees the tags; FALSE: it is in the one VLAN and sees none */
    GPtrArray *tags;        /* SkVlanTag */
} SkVlan;

/* A port of an Open vSwitch bridge. */
typedef struct {
    char *interface_id;     /* what controllers know it by; made if not given */
    char *profile_id;
} SkOvsPort;

extern const SkEnum sk_vlan_native_enum;
extern const SkType sk_vlan_tag_type, sk_vlan_type, sk_ovs_port_type;
