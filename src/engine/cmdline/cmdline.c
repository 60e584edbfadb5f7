/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole command line: the families in their order. */
#include "engine/cmdline/builder.h"

gboolean
sk_build_arguments(SkBuilder *self, GError **error)
{
    char **arguments = self->spec->qemu_args;
    for (guint i = 0; arguments != NULL && arguments[i] != NULL; i++)
        g_ptr_array_add(self->argv, g_strdup(arguments[i]));
    return TRUE;
}

/* Nodes before the machine that names them, buses before what sits on them. */
static const SkBuildFunc families[] = {
    sk_build_machine,  sk_build_cpu,      sk_build_memory,  sk_build_clock,       sk_build_smbios,   sk_build_boot,
    sk_build_firmware, sk_build_iommu,    sk_build_controllers, sk_build_hubs,    sk_build_dimms,    sk_build_videos,  sk_build_disks,  sk_build_seed,        sk_build_interfaces, sk_build_serials,
    sk_build_parallels, sk_build_consoles, sk_build_channels, sk_build_graphics, sk_build_inputs,     sk_build_sounds,   sk_build_rngs,
    sk_build_hostdevs, sk_build_filesystems, sk_build_balloon, sk_build_watchdog, sk_build_tpm,      sk_build_panic,
    sk_build_vsock,    sk_build_redirdevs, sk_build_smartcards, sk_build_shmems,  sk_build_arguments,
};

static const char *
emulator_of(const SkLaunch *launch)
{
    if (launch->emulator != NULL)
        return launch->emulator;
    return launch->spec->emulator != NULL ? launch->spec->emulator : "qemu-system-x86_64";
}

static SkCmdline *
finish(SkBuilder *self, const SkLaunch *launch)
{
    SkCmdline *result = g_new0(SkCmdline, 1);
    result->stopped = launch->paused || launch->incoming || self->setup->len > 0;
    /* QEMU must wait while there is something to set up, even if the domain is to run at once. */
    if (result->stopped && !launch->paused && !launch->incoming)
        sk_builder_arg(self, "-S", NULL);
    g_ptr_array_add(self->argv, NULL);
    result->argv = (char **) g_ptr_array_steal(self->argv, NULL);
    result->fds = g_array_ref(self->fds);
    result->setup = g_ptr_array_ref(self->setup);
    return result;
}

SkCmdline *
sk_cmdline_build(const SkLaunch *launch, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) setup = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(SkFdMap));
    SkBuilder self = {
        .spec = launch->spec,
        .launch = launch,
        .machine = sk_domain_spec_machine_family(launch->spec),
        .kvm = launch->accel == SK_ACCEL_KVM,
        .argv = argv,
        .fds = fds,
        .setup = setup,
    };

    g_ptr_array_add(argv, g_strdup(emulator_of(launch)));
    for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
        if (!families[i](&self, error))
            return NULL;
    }
    return finish(&self, launch);
}
