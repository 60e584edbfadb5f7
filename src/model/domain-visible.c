/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which differences of two definitions a guest that goes on from its memory would notice. */
#include "base/error.h"
#include "model/domain.h"

/* Paths of sk_value_diff() that are the host's business alone. */
static const char *const hidden[] = {
    "title", "description", "tags*", "metadata*", "autostart", "exact", "accel", "emulator", "on_*", "cloud_init*",
    "cpu_tune*", "memory_tune*", "block_tune*", "numa_tune*", "vcpus.cpuset", "memory.current",
    "boot.kernel", "boot.initrd", "boot.cmdline", "firmware.loader", "firmware.nvram*", "graphics*", "balloon.stats_period",
    "disks*.source", "disks*.path", "disks*.pool", "disks*.volume", "disks*.image", "disks*.size", "disks*.format", "disks*.cache", "disks*.io",
    "disks*.limits*", "disks*.discard", "disks*.detect_zeroes", "disks*.startup", "disks*.shareable",
    "interfaces*.kind", "interfaces*.network", "interfaces*.bridge", "interfaces*.device", "interfaces*.mode", "interfaces*.link", "interfaces*.link_name",
    "interfaces*.bandwidth*", "interfaces*.vhost", "interfaces*.ipv4", "interfaces*.ipv6",
    "serials*.backend", "serials*.path", "serials*.host", "serials*.connect", "serials*.telnet", "serials*.log_*",
    "consoles*.backend", "consoles*.path", "consoles*.host", "consoles*.connect", "consoles*.telnet", "consoles*.log_*",
    "parallels*.backend", "parallels*.path", "parallels*.host", "channels*.kind", "channels*.path", "channels*.host",
    "filesystems*.source", "rngs*.kind", "rngs*.path", "audios*",
};

static gboolean
is_hidden(const char *path)
{
    for (guint i = 0; i < G_N_ELEMENTS(hidden); i++) {
        if (g_pattern_match_simple(hidden[i], path))
            return TRUE;
    }
    return FALSE;
}

gboolean
sk_domain_spec_check_visible(const SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    g_autoptr(GPtrArray) paths = sk_value_diff(&sk_domain_spec_type, live, wanted, NULL);
    for (guint i = 0; i < paths->len; i++) {
        const char *path = paths->pdata[i];
        if (!is_hidden(path))
            return sk_fail(error, SK_ERROR_INVALID, "the guest of domain \"%s\" would see that \"%s\" is another than it runs with: leave it as it is", live->name,
                           path);
    }
    return TRUE;
}
