/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which differences of two definitions a guest that goes on from its memory would notice. */
#include "base/error.h"
#include "model/domain.h"

/*
 * Paths of sk_value_diff() that are the host's business alone: what backs a device, what limits it, what happens around the
 * guest. Whatever is not here, the guest would see, or QEMU's state would not fit; so a new field is not here until
 * somebody has thought about it (tests/unit/model/test-visible.c has them all by name).
 */
static const char *const hidden[] = {
    /* words about it, and what the host does with it */
    "name", "title", "description", "tags*", "metadata*", "autostart", "exact", "accel", "emulator", "on_*",
    "cpu_tune*", "memory_tune*", "block_tune*", "numa_tune*", "vcpus.cpuset", "memory.current", "balloon.stats_period",
    /* read when it boots: it has. That there is a seed at all it sees, as a drive. */
    "boot.kernel", "boot.initrd", "boot.cmdline", "firmware.loader", "firmware.nvram*", "cloud_init.*",
    /* where the bytes of a disk are, and how they are fetched */
    "disks*.source", "disks*.path", "disks*.pool", "disks*.volume", "disks*.image", "disks*.size", "disks*.format", "disks*.cache", "disks*.io",
    "disks*.limits*", "disks*.discard", "disks*.detect_zeroes", "disks*.startup", "disks*.shareable", "disks*.copy_on_read", "disks*.on_*_error",
    "disks*.snapshot",
    /* what an interface is plugged into; its addresses there are for the DHCP server */
    "interfaces*.kind", "interfaces*.network", "interfaces*.bridge", "interfaces*.device", "interfaces*.mode", "interfaces*.forwards*",
    "interfaces*.link", "interfaces*.link_name", "interfaces*.tap", "interfaces*.bandwidth*", "interfaces*.vhost", "interfaces*.ipv4",
    "interfaces*.ipv6",
    /* who is at the other end of a line */
    "serials*.backend", "serials*.path", "serials*.host", "serials*.connect", "serials*.telnet", "serials*.log_*",
    "consoles*.backend", "consoles*.path", "consoles*.host", "consoles*.connect", "consoles*.telnet", "consoles*.log_*",
    "parallels*.backend", "parallels*.path", "parallels*.host", "parallels*.connect", "parallels*.telnet", "parallels*.log_*",
    "channels*.kind", "channels*.path", "channels*.host", "filesystems*.source", "rngs*.kind", "rngs*.path", "graphics*", "audios*",
};

gboolean
sk_domain_path_is_hidden(const char *path)
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
        if (!sk_domain_path_is_hidden(path))
            return sk_fail(error, SK_ERROR_INVALID, "the guest of domain \"%s\" would see that \"%s\" is another than it runs with: leave it as it is", live->name,
                           path);
    }
    return TRUE;
}
