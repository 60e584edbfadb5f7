/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boot order, boot menu and direct kernel boot. */
#include <string.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "engine/cmdline/builder.h"

static const char *const boot_kinds[] = { "disk", "cdrom", "network", "floppy" };

/* Room for every device of a kind between two kinds of the order. */
#define BOOT_STEP 1000

static gboolean
any_own_order(const SkDomainSpec *spec)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        if (((const SkDisk *) spec->disks->pdata[i])->boot_order > 0)
            return TRUE;
    }
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        if (((const SkInterface *) spec->interfaces->pdata[i])->boot_order > 0)
            return TRUE;
    }
    for (guint i = 0; spec->hostdevs != NULL && i < spec->hostdevs->len; i++) {
        if (((const SkHostdev *) spec->hostdevs->pdata[i])->boot_order > 0)
            return TRUE;
    }
    return FALSE;
}

/*
 * Place of a kind in the order, -1: not in it. Without an order the network comes in only where nothing else could
 * boot: a boot ROM on each card would cost every start its time.
 */
static gint
place_of_kind(const SkDomainSpec *spec, const char *kind)
{
    static const char *const usual[] = { "disk", "cdrom", NULL }, *const diskless[] = { "network", NULL };
    gboolean empty = spec->disks == NULL || spec->disks->len == 0;
    const char *const *order = spec->boot.order != NULL ? (const char *const *) spec->boot.order : empty ? diskless : usual;
    for (gint i = 0; order[i] != NULL; i++) {
        if (g_str_equal(order[i], kind))
            return i;
    }
    return -1;
}

gboolean
sk_builder_boots(const SkBuilder *self, guint order, const char *kind)
{
    if (any_own_order(self->spec))
        return order > 0;
    return place_of_kind(self->spec, kind) >= 0;
}

void
sk_builder_boot(SkBuilder *self, json_t *device, guint order, const char *kind)
{
    guint number = 0;
    for (guint i = 0; i < G_N_ELEMENTS(boot_kinds); i++) {
        if (g_str_equal(boot_kinds[i], kind))
            number = self->boot_seen[i]++;
    }
    /* A device that comes while the guest runs boots nothing; its number could be another's. */
    if (self->steps != NULL || self->machine == SK_MACHINE_MICROVM || !sk_builder_boots(self, order, kind))
        return;
    gint place = place_of_kind(self->spec, kind);
    json_int_t index = order > 0 ? (json_int_t) order : (json_int_t) place * BOOT_STEP + number + 1;
    json_object_set_new(device, "bootindex", json_integer(index));
}

/* -- direct boot ------------------------------------------------------------------------------------------------ */

#define TSC_USEC 10000

/* Rate of the host's time stamp counter in kHz, which TCG hands on to the guest as it is. */
static guint64
measure_tsc(void)
{
#ifdef __x86_64__
    static gsize khz;
    if (g_once_init_enter(&khz)) {
        gint64 start = g_get_monotonic_time();
        guint64 first = __rdtsc();
        g_usleep(TSC_USEC);
        guint64 ticks = __rdtsc() - first;
        g_once_init_leave(&khz, MAX(ticks * 1000 / (guint64) MAX(g_get_monotonic_time() - start, 1), 1));
    }
    return khz;
#else
    return 0;
#endif
}

/*
 * A microvm with ACPI has no timer of known rate, and without KVM no clock that would tell one: Linux stops while it
 * calibrates its own. So it is told the rate.
 */
static char *
kernel_cmdline(const SkBuilder *self)
{
    const char *given = self->spec->boot.cmdline;
    if (self->machine != SK_MACHINE_MICROVM || self->kvm || !self->spec->features.acpi ||
        (given != NULL && strstr(given, "tsc_early_khz=") != NULL))
        return g_strdup(given);
    guint64 khz = self->launch->tsc_khz > 0 ? self->launch->tsc_khz : measure_tsc();
    return g_strdup_printf("%s%stsc_early_khz=%" G_GUINT64_FORMAT, given != NULL ? given : "", given != NULL ? " " : "", khz);
}

static void
add_kernel(SkBuilder *self)
{
    const SkBoot *boot = &self->spec->boot;
    const SkLaunch *launch = self->launch;
    if (boot->kernel == NULL)
        return;
    sk_builder_arg(self, "-kernel", launch->kernel_fd >= 0 ? sk_builder_fd_path(self, launch->kernel_fd) : g_strdup(boot->kernel));
    if (boot->initrd != NULL)
        sk_builder_arg(self, "-initrd", launch->initrd_fd >= 0 ? sk_builder_fd_path(self, launch->initrd_fd) : g_strdup(boot->initrd));
    g_autofree char *cmdline = kernel_cmdline(self);
    if (cmdline != NULL)
        sk_builder_arg(self, "-append", g_steal_pointer(&cmdline));
}

gboolean
sk_build_boot(SkBuilder *self, GError **error)
{
    const SkBoot *boot = &self->spec->boot;
    if (self->machine != SK_MACHINE_MICROVM) {
        GString *text = g_string_new("strict=on");
        if (boot->menu)
            g_string_append(text, ",menu=on");
        if (boot->menu && boot->menu_timeout > 0)
            g_string_append_printf(text, ",splash-time=%u", boot->menu_timeout);
        if (boot->reboot_timeout != 0)
            g_string_append_printf(text, ",reboot-timeout=%d", boot->reboot_timeout);
        sk_builder_arg(self, "-boot", g_string_free(text, FALSE));
    }
    add_kernel(self);
    return TRUE;
}
