/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine, its accelerator and what it does at its end. */
#include "base/error.h"
#include "engine/caps.h"
#include "engine/cmdline/builder.h"

static const char *
on_off(gboolean on)
{
    return on ? "on" : "off";
}

/* Secure boot keeps the variables out of the guest kernel's reach by system management mode. */
static gboolean
needs_smm(const SkDomainSpec *spec)
{
    return spec->features.smm || spec->firmware.secure_boot;
}

/* What only some definitions ask for. */
static void
add_switches(const SkBuilder *self, GString *text)
{
    const SkDomainSpec *spec = self->spec;
    const SkTimer *hpet = sk_clock_find_timer(&spec->clock, SK_TIMER_HPET);
    gboolean remaps = spec->iommu != NULL && spec->iommu->interrupt_remapping == SK_SWITCH_ON;
    if (hpet != NULL && hpet->present != SK_SWITCH_DEFAULT && self->machine != SK_MACHINE_MICROVM)
        g_string_append_printf(text, ",hpet=%s", on_off(hpet->present == SK_SWITCH_ON));
    if (spec->memory.no_merge)
        g_string_append(text, ",mem-merge=off");
    if (spec->boot.bios_serial == SK_SWITCH_ON && self->machine != SK_MACHINE_MICROVM)
        g_string_append(text, ",graphics=off");
    if (self->kvm && (remaps || spec->features.ioapic != SK_IOAPIC_DEFAULT))
        g_string_append_printf(text, ",kernel-irqchip=%s", remaps || spec->features.ioapic == SK_IOAPIC_QEMU ? "split" : "on");
}

static char *
machine_text(const SkBuilder *self)
{
    const SkDomainSpec *spec = self->spec;
    gboolean microvm = self->machine == SK_MACHINE_MICROVM;
    g_autofree char *name = sk_qemu_quote(spec->machine);
    GString *text = g_string_new(name);

    if (microvm)
        g_string_append(text, ",isa-serial=off");
    else
        g_string_append_printf(text, ",usb=off,vmport=%s,smm=%s", on_off(spec->features.vmport), on_off(needs_smm(spec)));
    g_string_append_printf(text, ",acpi=%s,dump-guest-core=off", on_off(spec->features.acpi));
    /* NUMA nodes have backends of their own. */
    if (spec->cpu.cells == NULL || spec->cpu.cells->len == 0)
        g_string_append(text, ",memory-backend=mem");
    add_switches(self, text);
    if (spec->firmware.kind == SK_FIRMWARE_UEFI) {
        g_string_append(text, ",pflash0=pflash0");
        if (self->launch->nvram != NULL)
            g_string_append(text, ",pflash1=nvram");
    }
    return g_string_free(text, FALSE);
}

/*
 * QEMU knows only its own end and a pause. Where the definition wants the domain kept it pauses; where it is to
 * start again QEMU ends and the daemon starts it anew, with what was pending.
 */
static char *
action_text(const SkDomainSpec *spec)
{
    static const char *const watchdog[SK_N_WATCHDOG_ACTIONS] = {
        [SK_WATCHDOG_RESET] = "reset", [SK_WATCHDOG_POWEROFF] = "poweroff", [SK_WATCHDOG_SHUTDOWN] = "shutdown",
        [SK_WATCHDOG_PAUSE] = "pause", [SK_WATCHDOG_NOTHING] = "none", [SK_WATCHDOG_NMI] = "inject-nmi",
    };
    gboolean keep = spec->on_poweroff == SK_ON_PRESERVE || spec->on_reboot == SK_ON_PRESERVE;
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "reboot=%s,shutdown=%s,panic=%s", spec->on_reboot == SK_ON_RESTART ? "reset" : "shutdown",
                           keep ? "pause" : "poweroff", spec->on_crash == SK_ON_PRESERVE ? "pause" : "shutdown");
    if (spec->watchdog != NULL)
        g_string_append_printf(text, ",watchdog=%s", watchdog[spec->watchdog->action]);
    return g_string_free(text, FALSE);
}

static gboolean
check_machine(const SkBuilder *self, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    const SkQemuCaps *caps = self->launch->caps;
    if (caps == NULL)
        return TRUE;
    const SkQemuMachine *machine = sk_qemu_caps_machine(caps, spec->machine);
    if (machine == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"%s\" of domain \"%s\" is not known to QEMU %s (\"%s\"): give q35 or pc", spec->machine,
                       spec->name, sk_qemu_caps_version(caps), sk_qemu_caps_binary(caps));
    if (!sk_qemu_caps_has(caps, self->kvm ? "kvm-accel" : "tcg-accel"))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "QEMU %s (\"%s\") was built without %s", sk_qemu_caps_version(caps),
                       sk_qemu_caps_binary(caps), self->kvm ? "KVM" : "TCG");
    if (machine->max_cpus > 0 && MAX(spec->vcpus.maximum, spec->vcpus.current) > machine->max_cpus)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" has up to %u vCPUs, machine \"%s\" takes %u", spec->name,
                       MAX(spec->vcpus.maximum, spec->vcpus.current), spec->machine, machine->max_cpus);
    return TRUE;
}

/* -- power, and what has no machine option ------------------------------------------------------------------------------ */

/* The chipset's ACPI device, which has switches for the states. */
static void
add_power(SkBuilder *self)
{
    const SkPower *power = &self->spec->power;
    const struct {
        gint value;
        const char *property;
    } rows[] = { { power->suspend_memory, "disable_s3" }, { power->suspend_disk, "disable_s4" } };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].value != SK_SWITCH_DEFAULT && self->machine != SK_MACHINE_MICROVM)
            sk_builder_arg(self, "-global", g_strdup_printf("%s.%s=%d", self->machine == SK_MACHINE_Q35 ? "ICH9-LPC" : "PIIX4_PM",
                                                            rows[i].property, rows[i].value == SK_SWITCH_OFF));
    }
}

/* The guest finds it by ACPI, in a page that its firmware sets aside. */
static gboolean
add_genid(SkBuilder *self, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    if (self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "genid of domain \"%s\": machine \"microvm\" cannot show one: give machine q35", spec->name);
    return sk_builder_device(self, json_pack("{s:s,s:s,s:s}", "driver", "vmgenid", "guid", spec->genid, "id", "vmgenid0"), error);
}

static gboolean
add_rest(SkBuilder *self, GError **error)
{
    const SkFeatures *features = &self->spec->features;
    const SkTimer *pit = sk_clock_find_timer(&self->spec->clock, SK_TIMER_PIT);
    add_power(self);
    /* Only KVM's timer has a choice; its usual one is to catch up. */
    if (self->kvm && pit != NULL && (pit->tick_policy == SK_TICK_DELAY || pit->tick_policy == SK_TICK_DISCARD))
        sk_builder_arg(self, "-global", g_strdup_printf("kvm-pit.lost_tick_policy=%s", sk_enum_name(&sk_tick_enum, pit->tick_policy)));
    if (features->smm_tseg > 0 && self->machine == SK_MACHINE_Q35)
        sk_builder_arg(self, "-global", g_strdup_printf("mch.extended-tseg-mbytes=%" G_GUINT64_FORMAT, features->smm_tseg >> 20));
    if (self->spec->genid != NULL && !add_genid(self, error))
        return FALSE;
    if (features->vmcoreinfo != SK_SWITCH_ON)
        return TRUE;
    return sk_builder_device(self, json_pack("{s:s}", "driver", "vmcoreinfo"), error);
}

/* -- the whole --------------------------------------------------------------------------------------------------------- */

gboolean
sk_build_machine(SkBuilder *self, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    const SkLaunch *launch = self->launch;
    g_autofree char *name = sk_qemu_quote(spec->name);

    if (!check_machine(self, error))
        return FALSE;
    sk_builder_arg(self, "-name", g_strdup_printf("guest=%s,debug-threads=on", name));
    sk_builder_arg(self, "-nodefaults", NULL);
    sk_builder_arg(self, "-no-user-config", NULL);
    sk_builder_arg(self, "-sandbox", g_strdup("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
    sk_builder_arg(self, "-msg", g_strdup("timestamp=on"));
    sk_builder_arg(self, "-display", g_strdup("none"));
    if (launch->paused || launch->incoming)
        sk_builder_arg(self, "-S", NULL);
    if (launch->incoming)
        sk_builder_arg(self, "-incoming", g_strdup("defer"));
    sk_builder_arg(self, "-uuid", g_strdup(spec->uuid));
    sk_builder_arg(self, "-machine", machine_text(self));
    sk_builder_arg(self, "-accel", g_strdup(self->kvm ? "kvm" : "tcg,thread=multi"));
    sk_builder_arg(self, "-action", action_text(spec));
    if (launch->monitor_fd >= 0) {
        gint fd = sk_builder_pass_fd(self, launch->monitor_fd);
        sk_builder_arg(self, "-chardev", g_strdup_printf("socket,id=monitor,fd=%d,server=on,wait=off", fd));
        sk_builder_arg(self, "-mon", g_strdup("chardev=monitor,mode=control"));
    }
    return add_rest(self, error);
}

/* -- firmware ---------------------------------------------------------------------------------------------------- */

static gboolean
add_loader(SkBuilder *self, const char *loader, GError **error)
{
    return sk_builder_blockdev(self, json_pack("{s:s,s:s,s:b,s:{s:s,s:s,s:b}}", "driver", "raw", "node-name", "pflash0", "read-only", 1,
                                               "file", "driver", "file", "filename", loader, "read-only", 1), error);
}

gboolean
sk_build_firmware(SkBuilder *self, GError **error)
{
    const SkFirmware *firmware = &self->spec->firmware;
    const SkLaunch *launch = self->launch;
    const char *loader = launch->loader != NULL ? launch->loader : firmware->loader;
    SkBlockOptions options = { .cache = SK_CACHE_WRITEBACK };

    if (firmware->kind == SK_FIRMWARE_BIOS) {
        if (loader != NULL)
            sk_builder_arg(self, "-bios", g_strdup(loader));
        return TRUE;
    }
    if (self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"microvm\" has no UEFI: give firmware bios or machine q35");
    if (loader == NULL)
        return sk_fail(error, SK_ERROR_HOST, "domain \"%s\" needs UEFI firmware and none is installed: install ovmf", self->spec->name);
    if (firmware->secure_boot && self->machine != SK_MACHINE_Q35)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "secure boot needs machine q35, domain \"%s\" has \"%s\"", self->spec->name, self->spec->machine);
    if (firmware->secure_boot && launch->nvram == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "secure boot of domain \"%s\" needs a file for the firmware's variables", self->spec->name);
    if (!add_loader(self, loader, error))
        return FALSE;
    if (firmware->secure_boot)
        sk_builder_arg(self, "-global", g_strdup("driver=cfi.pflash01,property=secure,value=on"));
    if (launch->nvram == NULL)
        return TRUE;
    json_t *nodes = sk_build_chain(self, launch->nvram, "nvram", &options, "firmware variables", error);
    return nodes != NULL && sk_builder_blockdev(self, nodes, error);
}

/* -- clock --------------------------------------------------------------------------------------------------------- */

/* A base other than UTC and the host's local time is a date, which runs on from the start. */
static char *
clock_base(const SkClock *clock, gint64 now, GError **error)
{
    g_autoptr(GTimeZone) zone = g_time_zone_new_utc();
    gint64 seconds = now > 0 ? now : g_get_real_time() / G_USEC_PER_SEC;

    if (clock->offset == SK_CLOCK_UTC)
        return g_strdup("utc");
    if (clock->offset == SK_CLOCK_LOCALTIME)
        return g_strdup("localtime");
    if (clock->offset == SK_CLOCK_VARIABLE) {
        seconds += clock->adjustment;
        if (clock->local_basis) {
            g_time_zone_unref(zone);
            zone = g_time_zone_new_local();
        }
    } else {
        g_time_zone_unref(zone);
        zone = g_time_zone_new_identifier(clock->timezone);
        if (zone == NULL) {
            sk_fail(error, SK_ERROR_INVALID, "time zone \"%s\" is not known here, give one such as Europe/Berlin", clock->timezone);
            return NULL;
        }
    }
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(seconds);
    g_autoptr(GDateTime) local = utc != NULL ? g_date_time_to_timezone(utc, zone) : NULL;
    if (local == NULL)
        sk_fail(error, SK_ERROR_INVALID, "clock adjustment %" G_GINT64_FORMAT " leads out of the calendar", clock->adjustment);
    return local != NULL ? g_date_time_format(local, "%Y-%m-%dT%H:%M:%S") : NULL;
}

gboolean
sk_build_clock(SkBuilder *self, GError **error)
{
    g_autofree char *base = clock_base(&self->spec->clock, self->launch->now, error);
    const SkTimer *rtc = sk_clock_find_timer(&self->spec->clock, SK_TIMER_RTC);
    if (base == NULL)
        return FALSE;
    if (rtc != NULL && (rtc->tick_policy == SK_TICK_MERGE || rtc->tick_policy == SK_TICK_DISCARD))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "timer rtc of domain \"%s\": tick policy %s is not possible: give catchup or delay",
                       self->spec->name, sk_enum_name(&sk_tick_enum, rtc->tick_policy));
    gboolean lazy = self->machine == SK_MACHINE_MICROVM || (rtc != NULL && rtc->tick_policy == SK_TICK_DELAY);
    gboolean guest = rtc != NULL && rtc->track == SK_TRACK_GUEST;
    sk_builder_arg(self, "-rtc", g_strdup_printf("base=%s%s%s", base, guest ? ",clock=vm" : "", lazy ? "" : ",driftfix=slew"));
    return TRUE;
}
