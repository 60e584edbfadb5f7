/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors and memory. */
#include "base/error.h"
#include "base/text.h"
#include "engine/cmdline/builder.h"

/* -- CPU model -------------------------------------------------------------------------------------------------- */

/* The definition's word and QEMU's flags; some make sense only with others. */
static const struct {
    const char *name, *flags;
} hyperv[] = {
    { "relaxed", "hv-relaxed=on" },
    { "vapic", "hv-vapic=on" },
    { "spinlocks", "hv-spinlocks=0x1fff" },
    { "vpindex", "hv-vpindex=on" },
    { "runtime", "hv-runtime=on" },
    { "synic", "hv-synic=on" },
    { "stimer", "hv-time=on,hv-stimer=on" },
    { "reset", "hv-reset=on" },
    { "frequencies", "hv-frequencies=on" },
    { "tlbflush", "hv-tlbflush=on" },
    { "ipi", "hv-ipi=on" },
    { "time", "hv-time=on" },
};

static const char *
hyperv_flags(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(hyperv); i++) {
        if (g_str_equal(hyperv[i].name, name))
            return hyperv[i].flags;
    }
    return NULL;
}

/* Under TCG the flags would mean nothing; the words are checked all the same. */
static gboolean
add_hyperv(const SkBuilder *self, GString *text, GError **error)
{
    char **names = self->spec->features.hyperv;
    for (guint i = 0; names != NULL && names[i] != NULL; i++) {
        const char *flags = hyperv_flags(names[i]);
        if (flags == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "hyperv \"%s\" is not an enlightenment: give relaxed, vapic, spinlocks, vpindex, "
                           "runtime, synic, stimer, reset, frequencies, tlbflush, ipi or time", names[i]);
        if (self->kvm)
            g_string_append_printf(text, ",%s", flags);
    }
    return TRUE;
}

static const char *
cpu_model(const SkBuilder *self)
{
    const SkCpu *cpu = &self->spec->cpu;
    switch (cpu->mode) {
    case SK_CPU_CUSTOM:
        return cpu->model;
    case SK_CPU_MAXIMUM:
        return "max";
    case SK_CPU_HOST_PASSTHROUGH:
        return "host,migratable=off";
    default:
        return self->kvm ? "host,migratable=on" : "max";
    }
}

static gboolean
add_model(SkBuilder *self, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    const SkCpu *cpu = &spec->cpu;

    if (cpu->mode == SK_CPU_HOST_PASSTHROUGH && !self->kvm)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "CPU mode host-passthrough of domain \"%s\" needs KVM: give default or maximum", spec->name);
    g_autoptr(GString) text = g_string_new(cpu_model(self));
    for (guint i = 0; cpu->features != NULL && i < cpu->features->len; i++) {
        const SkCpuFeature *feature = cpu->features->pdata[i];
        g_string_append_printf(text, ",%s=%s", feature->name, feature->policy == SK_CPU_REQUIRE ? "on" : "off");
    }
    if (!spec->features.apic)
        g_string_append(text, ",apic=off");
    if (spec->features.kvm_hidden && self->kvm)
        g_string_append(text, ",kvm=off");
    if (!add_hyperv(self, text, error))
        return FALSE;
    sk_builder_arg(self, "-cpu", g_strdup(text->str));
    return TRUE;
}

gboolean
sk_build_cpu(SkBuilder *self, GError **error)
{
    const SkVcpus *vcpus = &self->spec->vcpus;
    guint maximum = MAX(vcpus->maximum, vcpus->current);
    guint cores = MAX(vcpus->cores, 1), threads = MAX(vcpus->threads, 1);
    guint sockets = vcpus->sockets > 0 ? vcpus->sockets : MAX(maximum / (cores * threads), 1);
    guint most = self->machine == SK_MACHINE_Q35 || self->machine == SK_MACHINE_MICROVM ? 288 : 255;

    if (maximum > most)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" has up to %u vCPUs, machine \"%s\" takes %u", self->spec->name,
                       maximum, self->spec->machine, most);
    sk_builder_arg(self, "-smp", g_strdup_printf("cpus=%u,maxcpus=%u,sockets=%u,cores=%u,threads=%u", vcpus->current, maximum, sockets,
                                                 cores, threads));
    return add_model(self, error);
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

/* virtiofsd reads the guest's memory, so it must be shared with it. */
static gboolean
is_shared(const SkDomainSpec *spec)
{
    for (guint i = 0; spec->filesystems != NULL && i < spec->filesystems->len; i++) {
        if (((const SkFilesystem *) spec->filesystems->pdata[i])->kind == SK_FS_VIRTIOFS)
            return TRUE;
    }
    return spec->memory.shared;
}

static json_t *
memory_backend(const SkDomainSpec *spec, guint64 size)
{
    const SkMemory *memory = &spec->memory;
    gboolean huge = memory->hugepage_size > 0, shared = is_shared(spec);
    json_t *backend = json_pack("{s:s,s:s,s:I}", "qom-type", huge || shared ? "memory-backend-memfd" : "memory-backend-ram", "id", "mem",
                                "size", (json_int_t) size);
    if (shared)
        json_object_set_new(backend, "share", json_true());
    else if (huge)
        json_object_set_new(backend, "share", json_false());
    if (huge) {
        json_object_set_new(backend, "hugetlb", json_true());
        json_object_set_new(backend, "hugetlbsize", json_integer((json_int_t) memory->hugepage_size));
    }
    if (huge || memory->locked)
        json_object_set_new(backend, "prealloc", json_true());
    return backend;
}

gboolean
sk_build_memory(SkBuilder *self, GError **error)
{
    const SkMemory *memory = &self->spec->memory;
    guint64 size = MAX(memory->maximum, memory->current), unit = MAX(memory->hugepage_size, 4096);
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "size=%" G_GUINT64_FORMAT "k", size / 1024);
    if (memory->limit > size)
        g_string_append_printf(text, ",slots=%u,maxmem=%" G_GUINT64_FORMAT "k", memory->slots, memory->limit / 1024);
    sk_builder_arg(self, "-m", g_string_free(text, FALSE));
    if (size % unit != 0 || memory->limit % unit != 0) {
        g_autofree char *have = sk_size_format(size), *step = sk_size_format(unit);
        return sk_fail(error, SK_ERROR_INVALID, "memory of domain \"%s\" is %s, it and its limit must be whole pages of %s", self->spec->name,
                       have, step);
    }
    if (memory->limit > size && self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"microvm\" takes no more memory while running: leave out limit and slots");
    if (memory->locked)
        sk_builder_arg(self, "-overcommit", g_strdup("mem-lock=on"));
    return sk_builder_object(self, memory_backend(self->spec, size), error);
}
