/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports of Open vSwitch bridges. */
#include "network/ovs.h"

#include "base/error.h"
#include "base/spawn.h"
#include "base/thread.h"

/* Seconds that a vswitchd which hangs is waited for. */
#define TIMEOUT "--timeout=10"

static void G_GNUC_PRINTF(2, 3)
add(GPtrArray *argv, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(argv, g_strdup_vprintf(format, args));
    va_end(args);
}

static gboolean
run(GPtrArray *argv, const char *what, const char *name, GError **error)
{
    g_autofree char *program = g_find_program_in_path("ovs-vsctl");
    sk_assert_worker();
    if (program == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "cannot %s \"%s\": Open vSwitch is not installed (package openvswitch-switch)", what, name);
    g_free(argv->pdata[0]);
    argv->pdata[0] = g_steal_pointer(&program);
    g_ptr_array_add(argv, NULL);
    if (sk_run((const char *const *) argv->pdata, NULL, NULL, error))
        return TRUE;
    g_prefix_error(error, "cannot %s \"%s\": ", what, name);
    return FALSE;
}

static GPtrArray *
command(void)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    add(argv, "ovs-vsctl");
    add(argv, TIMEOUT);
    add(argv, "--");
    return argv;
}

/* Columns of the new row of the port. */
static void
add_vlan(GPtrArray *argv, const SkVlan *vlan)
{
    g_autoptr(GString) trunks = g_string_new(NULL);
    if (vlan == NULL)
        return;
    if (!vlan->trunk) {
        add(argv, "tag=%u", ((const SkVlanTag *) vlan->tags->pdata[0])->id);
        return;
    }
    for (guint i = 0; i < vlan->tags->len; i++) {
        const SkVlanTag *tag = vlan->tags->pdata[i];
        g_string_append_printf(trunks, "%s%u", i > 0 ? "," : "", tag->id);
        if (tag->native == SK_NATIVE_DEFAULT)
            continue;
        add(argv, "vlan_mode=native-%s", tag->native == SK_NATIVE_TAGGED ? "tagged" : "untagged");
        add(argv, "tag=%u", tag->id);
    }
    add(argv, "trunks=%s", trunks->str);
}

static void
add_ids(GPtrArray *argv, const SkOvsPlug *self)
{
    add(argv, "--");
    add(argv, "set");
    add(argv, "Interface");
    add(argv, "%s", self->port);
    add(argv, "external_ids:attached-mac=\"%s\"", self->mac);
    add(argv, "external_ids:iface-id=\"%s\"", self->settings->interface_id);
    add(argv, "external_ids:vm-id=\"%s\"", self->domain);
    add(argv, "external_ids:iface-status=active");
}

gboolean
sk_ovs_plug(const SkOvsPlug *self, GError **error)
{
    g_autoptr(GPtrArray) argv = command();
    static const char *const again[] = { "--if-exists", "del-port" };
    for (guint i = 0; i < G_N_ELEMENTS(again); i++)
        add(argv, "%s", again[i]);
    add(argv, "%s", self->port);
    add(argv, "--");
    add(argv, "add-port");
    add(argv, "%s", self->bridge);
    add(argv, "%s", self->port);
    /* Ports of guests do not outlive a reboot. */
    add(argv, "other_config:transient=true");
    add_vlan(argv, self->vlan);
    add_ids(argv, self);
    if (self->settings->profile_id != NULL) {
        add(argv, "--");
        add(argv, "set");
        add(argv, "Port");
        add(argv, "%s", self->port);
        add(argv, "external_ids:port-profile=\"%s\"", self->settings->profile_id);
    }
    return run(argv, "plug a guest into the Open vSwitch bridge", self->bridge, error);
}

gboolean
sk_ovs_unplug(const char *port, GError **error)
{
    g_autoptr(GPtrArray) argv = command();
    add(argv, "--if-exists");
    add(argv, "del-port");
    add(argv, "%s", port);
    return run(argv, "unplug from Open vSwitch", port, error);
}

gboolean
sk_ovs_check_bridge(const char *bridge, GError **error)
{
    g_autoptr(GPtrArray) argv = command();
    add(argv, "br-exists");
    add(argv, "%s", bridge);
    return run(argv, "find the Open vSwitch bridge", bridge, error);
}
