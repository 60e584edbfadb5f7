/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest that goes on from its memory does not notice: every field of a definition is decided here by name. */
#include <string.h>

#include "model/domain.h"

/* All that may differ, in the tables' order; "[x]" is any entry of a list. A new one is to be thought about, not only added. */
static const char *const expected[] = {
    "name", "title", "description", "tags", "metadata", "accel", "emulator", "vcpus.cpuset", "memory.current", "firmware.loader",
    "firmware.nvram_template", "firmware.nvram", "boot.kernel", "boot.initrd", "boot.cmdline", "on_poweroff", "on_reboot", "on_crash", "cpu_tune",
    "numa_tune", "memory_tune", "block_tune", "autostart", "exact", "disks[x].source", "disks[x].pool", "disks[x].volume", "disks[x].path",
    "disks[x].image", "disks[x].size", "disks[x].format", "disks[x].cache", "disks[x].io", "disks[x].discard", "disks[x].detect_zeroes",
    "disks[x].shareable", "disks[x].limits", "disks[x].on_write_error", "disks[x].on_read_error", "disks[x].copy_on_read", "disks[x].startup",
    "disks[x].snapshot", "interfaces[x].kind", "interfaces[x].network", "interfaces[x].bridge", "interfaces[x].device", "interfaces[x].mode",
    "interfaces[x].forwards", "interfaces[x].link", "interfaces[x].ipv4", "interfaces[x].ipv6", "interfaces[x].bandwidth", "interfaces[x].link_name",
    "interfaces[x].vhost", "interfaces[x].tap", "serials[x].backend", "serials[x].path", "serials[x].host", "serials[x].connect", "serials[x].telnet",
    "serials[x].log_file", "serials[x].log_truncate", "consoles[x].backend", "consoles[x].path", "consoles[x].host", "consoles[x].connect", "consoles[x].telnet",
    "consoles[x].log_file", "consoles[x].log_truncate", "channels[x].kind", "channels[x].path", "channels[x].host", "graphics[x]", "rngs[x].kind", "rngs[x].path",
    "filesystems[x].source", "parallels[x].backend", "parallels[x].path", "parallels[x].host", "parallels[x].connect", "parallels[x].telnet",
    "parallels[x].log_file", "parallels[x].log_truncate", "audios[x]", "balloon.stats_period", "cloud_init.hostname", "cloud_init.user", "cloud_init.ssh_keys",
    "cloud_init.password", "cloud_init.password_hash", "cloud_init.packages", "cloud_init.runcmd", "cloud_init.user_data",
    "cloud_init.network_config", "cloud_init.instance_id",
};

static void
walk(const SkType *type, const char *prefix, GPtrArray *out)
{
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        gboolean list = field->kind == SK_KIND_LIST;
        g_autofree char *path = g_strconcat(prefix, field->key, list ? "[x]" : "", NULL);
        g_autofree char *below = g_strconcat(path, ".", NULL);
        if (sk_domain_path_is_hidden(path))
            g_ptr_array_add(out, g_strdup(path));
        else if (field->type != NULL)
            walk(field->type, below, out);
    }
}

static void
test_every_field(void)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    walk(&sk_domain_spec_type, "", found);
    for (guint i = 0; i < MAX(found->len, G_N_ELEMENTS(expected)); i++)
        g_assert_cmpstr(i < found->len ? found->pdata[i] : NULL, ==, i < G_N_ELEMENTS(expected) ? expected[i] : NULL);
}

static void
test_check(void)
{
    SkDomainSpec *live = sk_value_new(&sk_domain_spec_type), *wanted = sk_value_new(&sk_domain_spec_type);
    g_autoptr(GError) error = NULL;
    live->name = g_strdup("web1");
    wanted->name = g_strdup("web2");
    wanted->title = g_strdup("moved");
    wanted->memory.current = live->memory.current + 1;
    g_assert_true(sk_domain_spec_check_visible(live, wanted, &error));
    wanted->vcpus.maximum = live->vcpus.maximum + 1;
    g_assert_false(sk_domain_spec_check_visible(live, wanted, &error));
    g_assert_nonnull(strstr(error->message, "would see that \"vcpus.maximum\""));
    sk_value_free(&sk_domain_spec_type, live);
    sk_value_free(&sk_domain_spec_type, wanted);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/visible/every-field", test_every_field);
    g_test_add_func("/visible/check", test_check);
    return g_test_run();
}
