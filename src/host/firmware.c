/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UEFI firmware by QEMU's firmware descriptors. */
#include "host/firmware.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "codec/json/json.h"
#include "host/root.h"

#define DESCRIPTOR_MAX (64 * 1024)
#define DESCRIPTORS_MAX 256

/* Where distributions without descriptors put it. */
static const struct {
    const char *arch, *code, *vars;
    gboolean secure_boot;
} known[] = {
    { "x86_64", "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", TRUE },
    { "x86_64", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", FALSE },
    { "x86_64", "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd", FALSE },
    { "x86_64", "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd", FALSE },
    { "x86_64", "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd", FALSE },
    { "aarch64", "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd", FALSE },
};

void
sk_uefi_free(SkUefi *self)
{
    if (self == NULL)
        return;
    g_free(self->code);
    g_free(self->vars);
    g_free(self->code_format);
    g_free(self->vars_format);
    g_free(self);
}

/* -- descriptors ------------------------------------------------------------------------------------------- */

static gboolean
list_has(json_t *list, const char *text)
{
    for (gsize i = 0; i < json_array_size(list); i++) {
        const char *entry = json_string_value(json_array_get(list, i));
        if (entry != NULL && g_str_equal(entry, text))
            return TRUE;
    }
    return FALSE;
}

/* Descriptors name pinned machine types by pattern ("pc-q35-*"); ours may be short ("q35"). */
static gboolean
machine_fits(json_t *machines, const char *machine)
{
    g_autofree char *pinned = g_str_equal(machine, "q35")  ? g_strdup("pc-q35-0")
                              : g_str_equal(machine, "pc") ? g_strdup("pc-i440fx-0")
                                                           : g_strdup(machine);
    for (gsize i = 0; i < json_array_size(machines); i++) {
        const char *pattern = json_string_value(json_array_get(machines, i));
        if (pattern != NULL && (g_pattern_match_simple(pattern, pinned) || g_pattern_match_simple(pattern, machine)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
target_fits(json_t *targets, const char *arch, const char *machine)
{
    for (gsize i = 0; i < json_array_size(targets); i++) {
        json_t *target = json_array_get(targets, i);
        const char *name = json_string_value(json_object_get(target, "architecture"));
        if (g_strcmp0(name, arch) == 0 && machine_fits(json_object_get(target, "machines"), machine))
            return TRUE;
    }
    return FALSE;
}

/* Reads { "filename": ..., "format": ... }. */
static gboolean
take_file(json_t *file, const char *root, char **out_path, char **out_format)
{
    const char *path = json_string_value(json_object_get(file, "filename"));
    const char *format = json_string_value(json_object_get(file, "format"));
    if (path == NULL || !g_path_is_absolute(path) || !sk_host_exists(root, path))
        return FALSE;
    *out_path = sk_host_path(root, path);
    *out_format = g_strdup(format != NULL ? format : "raw");
    return TRUE;
}

/* The firmware of a descriptor if it is what is asked for, else NULL. */
static SkUefi *
judge(json_t *descriptor, const char *root, const char *arch, const char *machine, gboolean secure_boot)
{
    json_t *mapping = json_object_get(descriptor, "mapping");
    json_t *features = json_object_get(descriptor, "features");
    const char *device = json_string_value(json_object_get(mapping, "device"));
    gboolean smm = list_has(features, "requires-smm");
    gboolean secure = list_has(features, "secure-boot") && list_has(features, "enrolled-keys");

    if (!list_has(json_object_get(descriptor, "interface-types"), "uefi") || g_strcmp0(device, "flash") != 0 ||
        !target_fits(json_object_get(descriptor, "targets"), arch, machine))
        return NULL;
    if (secure_boot ? !secure : secure || smm)
        return NULL;
    g_autoptr(SkUefi) self = g_new0(SkUefi, 1);
    self->secure_boot = secure;
    self->needs_smm = smm;
    if (!take_file(json_object_get(mapping, "executable"), root, &self->code, &self->code_format) ||
        !take_file(json_object_get(mapping, "nvram-template"), root, &self->vars, &self->vars_format))
        return NULL;
    return g_steal_pointer(&self);
}

SkUefi *
sk_uefi_parse(const char *root, const char *text, gsize length, const char *arch, const char *machine, gboolean secure_boot,
              GError **error)
{
    g_autoptr(json_t) descriptor = sk_json_parse(text, length, "firmware descriptor", error);
    return descriptor != NULL ? judge(descriptor, root, arch, machine, secure_boot) : NULL;
}

/* The firmware of the descriptor at path if it fits. One that cannot be read is like one that does not fit. */
static SkUefi *
read_descriptor(const char *root, const char *path, const char *arch, const char *machine, gboolean secure_boot)
{
    g_autoptr(GError) error = NULL;
    gsize length;
    g_autofree char *text = sk_fs_read(path, DESCRIPTOR_MAX, &length, &error);
    SkUefi *found = text != NULL ? sk_uefi_parse(root, text, length, arch, machine, secure_boot, &error) : NULL;
    if (error != NULL)
        g_debug("firmware descriptor \"%s\" left out: %s", path, error->message);
    return found;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *) a, *(const char *const *) b);
}

/* Names of the descriptors, in the order of their names; a file of /etc hides the packaged one of its name. */
static GPtrArray *
descriptor_names(const char *root, const char *const *dirs)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; dirs[i] != NULL; i++) {
        g_autofree char *path = sk_host_path(root, dirs[i]);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        const char *entry;
        while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL && names->len < DESCRIPTORS_MAX) {
            if (!g_str_has_suffix(entry, ".json") || g_hash_table_contains(seen, entry))
                continue;
            g_ptr_array_add(names, g_strdup(entry));
            g_hash_table_add(seen, names->pdata[names->len - 1]);
        }
    }
    g_ptr_array_sort(names, by_name);
    return names;
}

static SkUefi *
find_described(const char *root, const char *arch, const char *machine, gboolean secure_boot)
{
    static const char *const dirs[] = { "/etc/qemu/firmware", "/usr/share/qemu/firmware", NULL };
    g_autoptr(GPtrArray) names = descriptor_names(root, dirs);
    for (guint i = 0; i < names->len; i++) {
        for (guint d = 0; dirs[d] != NULL; d++) {
            g_autofree char *below = g_build_filename(dirs[d], names->pdata[i], NULL);
            if (!sk_host_exists(root, below))
                continue;
            g_autofree char *path = sk_host_path(root, below);
            SkUefi *found = read_descriptor(root, path, arch, machine, secure_boot);
            if (found != NULL)
                return found;
            break;
        }
    }
    return NULL;
}

static SkUefi *
find_known(const char *root, const char *arch, gboolean secure_boot)
{
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        if (!g_str_equal(known[i].arch, arch) || known[i].secure_boot != secure_boot ||
            !sk_host_exists(root, known[i].code) || !sk_host_exists(root, known[i].vars))
            continue;
        SkUefi *self = g_new0(SkUefi, 1);
        self->code = sk_host_path(root, known[i].code);
        self->vars = sk_host_path(root, known[i].vars);
        self->code_format = g_strdup("raw");
        self->vars_format = g_strdup("raw");
        self->secure_boot = self->needs_smm = secure_boot;
        return self;
    }
    return NULL;
}

SkUefi *
sk_uefi_find(const char *root, const char *arch, const char *machine, gboolean secure_boot, GError **error)
{
    SkUefi *found = find_described(root, arch, machine, secure_boot);
    if (found == NULL)
        found = find_known(root, arch, secure_boot);
    if (found == NULL)
        sk_fail(error, SK_ERROR_HOST, "there is no UEFI firmware%s for %s machines of type \"%s\" on this host; install the package %s",
                secure_boot ? " with secure boot" : "", arch, machine, g_str_equal(arch, "aarch64") ? "qemu-efi-aarch64" : "ovmf");
    return found;
}
