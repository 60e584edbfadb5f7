/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM or TCG: the rule and the reason. */
#include "host/kvm.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "host/cpuinfo.h"
#include "host/root.h"

typedef enum { CPU_VMX, CPU_SVM, CPU_SIE, CPU_OTHER, CPU_CANNOT } CpuKind;

/*
 * What the CPU shows. x86 lists its features under "flags", s390 under "features"; the others
 * list nothing of the kind, there the device alone tells.
 */
static CpuKind
cpu_kind(const char *cpuinfo, gboolean *out_is_guest)
{
    g_autofree char *flags = sk_cpuinfo_get(cpuinfo, "flags");
    g_autofree char *features = sk_cpuinfo_get(cpuinfo, "features");
    *out_is_guest = flags != NULL && sk_words_have(flags, "hypervisor");
    if (flags != NULL && sk_words_have(flags, "vmx"))
        return CPU_VMX;
    if (flags != NULL && sk_words_have(flags, "svm"))
        return CPU_SVM;
    if (flags != NULL)
        return CPU_CANNOT;
    if (features != NULL)
        return sk_words_have(features, "sie") ? CPU_SIE : CPU_CANNOT;
    return CPU_OTHER;
}

static gboolean
is_nested(const char *root)
{
    static const char *const parameters[] = { "/sys/module/kvm_intel/parameters/nested", "/sys/module/kvm_amd/parameters/nested" };
    for (guint i = 0; i < G_N_ELEMENTS(parameters); i++) {
        g_autofree char *text = sk_host_read(root, parameters[i]);
        if (text != NULL && (*text == 'Y' || *text == '1'))
            return TRUE;
    }
    return FALSE;
}

static gint
open_device(const char *root)
{
    g_autofree char *path = sk_host_path(root, "/dev/kvm");
    g_auto(SkFd) fd = open(path, O_RDWR | O_CLOEXEC);
    return fd >= 0 ? 0 : errno;
}

/* The CPU can, but the device does not open. */
static void
explain_device(SkKvm *self, CpuKind cpu, gint errnum)
{
    static const char *const modules[] = { [CPU_VMX] = "kvm_intel", [CPU_SVM] = "kvm_amd", [CPU_SIE] = "kvm", [CPU_OTHER] = "kvm" };
    if (errnum == EACCES || errnum == EPERM) {
        self->reason = g_strdup("/dev/kvm is there, but this user may not open it, so domains are emulated (TCG)");
        self->remedy = g_strdup("usermod -aG kvm USER, and log in again");
    } else if (errnum == ENOENT || errnum == ENODEV || errnum == ENXIO) {
        self->reason = g_strdup_printf("/dev/kvm is not there: the module %s is not loaded, so domains are emulated (TCG)", modules[cpu]);
        self->remedy = g_strdup_printf("modprobe %s", modules[cpu]);
    } else {
        self->reason = g_strdup_printf("/dev/kvm does not open (%s), so domains are emulated (TCG)", g_strerror(errnum));
        self->remedy = g_strdup("dmesg | grep -i kvm");
    }
}

static void
explain_cpu(SkKvm *self, gboolean is_guest)
{
    const char *where = is_guest ? "this host is itself a virtual machine without nested virtualization"
                                 : "virtualization is off in the firmware setup, or the CPU has none";
    self->reason = g_strdup_printf("%s the CPU shows neither vmx nor svm (%s), so domains are emulated (TCG)",
                                   self->device_opens ? "/dev/kvm opens, but" : "/dev/kvm does not open, and", where);
    self->remedy = g_strdup(is_guest ? "on the host below: modprobe -r kvm_intel kvm_amd; modprobe kvm_intel nested=1 (or kvm_amd), and give this machine the CPU host-passthrough"
                                     : "turn on VT-x (Intel) or SVM (AMD) in the firmware setup");
}

SkKvm *
sk_kvm_probe(const char *root)
{
    static const char *const shows[] = { [CPU_VMX] = "the CPU shows vmx", [CPU_SVM] = "the CPU shows svm", [CPU_SIE] = "the CPU shows sie",
                                         [CPU_OTHER] = "this architecture needs no more" };
    g_autofree char *cpuinfo = sk_host_read(root, "/proc/cpuinfo");
    SkKvm *self = g_new0(SkKvm, 1);
    gboolean is_guest = FALSE;
    CpuKind cpu = cpuinfo != NULL ? cpu_kind(cpuinfo, &is_guest) : CPU_OTHER;
    gint errnum = open_device(root);

    self->device_opens = errnum == 0;
    self->cpu_can = cpu != CPU_CANNOT;
    self->accel = self->device_opens && self->cpu_can ? SK_ACCEL_KVM : SK_ACCEL_TCG;
    self->nested = self->accel == SK_ACCEL_KVM && is_nested(root);
    if (self->accel == SK_ACCEL_KVM)
        self->reason = g_strdup_printf("/dev/kvm opens and %s", shows[cpu]);
    else if (self->cpu_can)
        explain_device(self, cpu, errnum);
    else
        explain_cpu(self, is_guest);
    return self;
}

void
sk_kvm_free(SkKvm *self)
{
    if (self == NULL)
        return;
    g_free(self->reason);
    g_free(self->remedy);
    g_free(self);
}
