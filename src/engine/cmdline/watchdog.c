/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Watchdogs, and the device by which a guest tells that its kernel died. Their actions are in machine.c. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

gboolean
sk_build_watchdog(SkBuilder *self, GError **error)
{
    const SkWatchdog *watchdog = self->spec->watchdog;
    if (watchdog == NULL)
        return TRUE;
    if (watchdog->model == SK_WATCHDOG_ITCO && self->machine == SK_MACHINE_Q35) {
        /* It is there always; without this the chipset ignores it. */
        sk_builder_arg(self, "-global", g_strdup("ICH9-LPC.noreboot=off"));
        return TRUE;
    }
    if (watchdog->model == SK_WATCHDOG_ITCO || self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "watchdog \"%s\" is not possible on machine \"%s\"%s",
                       sk_enum_name(&sk_watchdog_model_enum, watchdog->model), self->spec->machine,
                       self->machine == SK_MACHINE_PC ? ": give model i6300esb" : "");
    return sk_builder_pci(self, json_pack("{s:s,s:s}", "driver", "i6300esb", "id", watchdog->alias), watchdog->address, error);
}

gboolean
sk_build_panic(SkBuilder *self, GError **error)
{
    const SkPanic *panic = self->spec->panic;
    if (panic == NULL)
        return TRUE;
    if (self->machine == SK_MACHINE_MICROVM && panic->model == SK_PANIC_PVPANIC)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "panic device \"pvpanic\": machine \"microvm\" has no PCI bus: give model isa");
    if (panic->model == SK_PANIC_ISA)
        return sk_builder_device(self, json_pack("{s:s,s:s}", "driver", "pvpanic", "id", panic->alias), error);
    return sk_builder_pci(self, json_pack("{s:s,s:s}", "driver", "pvpanic-pci", "id", panic->alias), panic->address, error);
}
