/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An emulated TPM: swtpm at the other end of a socket. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

gboolean
sk_build_tpm(SkBuilder *self, GError **error)
{
    const SkTpm *tpm = self->spec->tpm;
    if (tpm == NULL)
        return TRUE;
    const SkDeviceEnd *end = sk_launch_find_device(self->launch, tpm->alias);
    if (self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"microvm\" has no TPM: give machine q35");
    if (tpm->version == SK_TPM_1_2 && tpm->model == SK_TPM_CRB)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "a TPM of version 1.2 has no crb interface: give model tis");
    if (end == NULL || end->path == NULL)
        return sk_fail(error, SK_ERROR_INTERNAL, "no swtpm was started for the TPM of domain \"%s\"", self->spec->name);
    g_autofree char *path = sk_qemu_quote(end->path), *backend = g_strconcat("tpm-", tpm->alias, NULL);
    sk_builder_arg(self, "-chardev", g_strdup_printf("socket,id=char%s,path=%s", tpm->alias, path));
    sk_builder_arg(self, "-tpmdev", g_strdup_printf("emulator,id=%s,chardev=char%s", backend, tpm->alias));
    return sk_builder_device(self, json_pack("{s:s,s:s,s:s}", "driver", tpm->model == SK_TPM_CRB ? "tpm-crb" : "tpm-tis", "id", tpm->alias,
                                             "tpmdev", backend), error);
}
