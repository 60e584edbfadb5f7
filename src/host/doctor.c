/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `skep doctor`: one row a check. */
#include "host/doctor.h"

#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/text.h"
#include "base/thread.h"
#include "host/cgroup.h"
#include "host/firmware.h"
#include "host/kvm.h"
#include "host/root.h"

#define QEMU_OLDEST "7.2"
#define SPACE_LOW (5ull << 30)
#define SPACE_NONE (512ull << 20)

typedef struct {
    const SkDoctor *self;
    SkFinding *finding;     /* to fill in */
} Check;

/* Sets the finding; remedy may be NULL. */
static void G_GNUC_PRINTF(4, 5)
say(Check *check, SkFindingLevel level, const char *remedy, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_free(check->finding->text);
    check->finding->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_free(check->finding->remedy);
    check->finding->remedy = g_strdup(remedy);
    check->finding->level = (gint) level;
}

/* What only a daemon with privileges needs. */
static SkFindingLevel
level_for_system(const Check *check, SkFindingLevel level)
{
    return check->self->session ? MIN(level, SK_FINDING_NOTE) : level;
}

/*
 * Output of a program that gets at most a second; NULL if it failed. The program is looked up
 * here: the PATH that timeout has is another one.
 */
static char *
output_of(const char *const *argv, GError **error)
{
    g_autofree char *program = g_find_program_in_path(argv[0]);
    g_autoptr(GPtrArray) limited = g_ptr_array_new();
    char *text = NULL;
    g_ptr_array_add(limited, (gpointer) "timeout");
    g_ptr_array_add(limited, (gpointer) "-k1");
    g_ptr_array_add(limited, (gpointer) "1");
    g_ptr_array_add(limited, program != NULL ? program : (gpointer) argv[0]);
    for (guint i = 1; argv[i - 1] != NULL; i++)
        g_ptr_array_add(limited, (gpointer) argv[i]);
    return sk_run((const char *const *) limited->pdata, NULL, &text, error) ? text : NULL;
}

static gboolean
in_path(const char *program)
{
    g_autofree char *path = g_find_program_in_path(program);
    return path != NULL;
}

/* -- virtualization -------------------------------------------------------------------------------------- */

static void
check_kvm(Check *check)
{
    g_autoptr(SkKvm) kvm = sk_kvm_probe(check->self->root);
    if (kvm->accel == SK_ACCEL_KVM)
        say(check, SK_FINDING_OK, NULL, "%s%s", kvm->reason, kvm->nested ? "; guests can have KVM too" : "");
    else
        say(check, SK_FINDING_WARNING, kvm->remedy, "%s, many times slower than KVM", kvm->reason);
}

char *
sk_host_find_qemu(const char *arch)
{
    g_autofree char *name = g_strconcat("qemu-system-", arch, NULL);
    char *path = g_find_program_in_path(name);
    return path != NULL ? path : g_find_program_in_path("qemu-kvm");
}

/* "QEMU emulator version 7.2.9 (Debian ...)" */
static gboolean
parse_version(const char *text, guint *out_major, guint *out_minor)
{
    const char *at = strstr(text, "version ");
    char *end = NULL;
    if (at == NULL)
        return FALSE;
    *out_major = (guint) g_ascii_strtoull(at + strlen("version "), &end, 10);
    *out_minor = *end == '.' ? (guint) g_ascii_strtoull(end + 1, NULL, 10) : 0;
    return *out_major > 0;
}

static void
check_qemu(Check *check)
{
    const char *install = "apt-get install qemu-system-x86";
    g_autofree char *path = check->self->emulator != NULL ? g_strdup(check->self->emulator) : sk_host_find_qemu("x86_64");
    if (path == NULL) {
        say(check, SK_FINDING_PROBLEM, install, "qemu-system-x86_64 is not installed: no domain can start");
        return;
    }
    g_autoptr(GError) error = NULL;
    const char *argv[] = { path, "--version", NULL };
    g_autofree char *text = output_of(argv, &error);
    guint major, minor;
    if (text == NULL)
        say(check, SK_FINDING_PROBLEM, install, "\"%s\" does not run: %s", path, error->message);
    else if (!parse_version(text, &major, &minor))
        say(check, SK_FINDING_PROBLEM, install, "\"%s\" tells no version; is it QEMU?", path);
    else if (major < 7 || (major == 7 && minor < 2))
        say(check, SK_FINDING_PROBLEM, install, "\"%s\" is QEMU %u.%u; %s or newer is needed", path, major, minor, QEMU_OLDEST);
    else
        say(check, SK_FINDING_OK, NULL, "\"%s\" is QEMU %u.%u", path, major, minor);
}

static void
check_qemu_img(Check *check)
{
    if (in_path("qemu-img"))
        say(check, SK_FINDING_OK, NULL, "qemu-img is installed");
    else
        say(check, SK_FINDING_PROBLEM, "apt-get install qemu-utils", "qemu-img is not installed: no disk can be made or imported");
}

static void
check_firmware(Check *check)
{
    g_autoptr(SkUefi) plain = sk_uefi_find(check->self->root, "x86_64", "q35", FALSE, NULL);
    g_autoptr(SkUefi) secure = sk_uefi_find(check->self->root, "x86_64", "q35", TRUE, NULL);
    if (plain == NULL)
        say(check, SK_FINDING_NOTE, "apt-get install ovmf", "there is no UEFI firmware: domains can only boot by BIOS");
    else
        say(check, SK_FINDING_OK, NULL, "UEFI firmware is installed, secure boot %s", secure != NULL ? "too" : "not");
}

static void
check_swtpm(Check *check)
{
    if (in_path("swtpm"))
        say(check, SK_FINDING_OK, NULL, "swtpm is installed");
    else
        say(check, SK_FINDING_NOTE, "apt-get install swtpm", "swtpm is not installed: domains cannot have a TPM");
}

static void
check_hugepages(Check *check)
{
    gint64 total = sk_host_read_number(check->self->root, "/proc/sys/vm/nr_hugepages", 0);
    if (total > 0)
        say(check, SK_FINDING_OK, NULL, "%d huge pages are set aside", (gint) total);
    else
        say(check, SK_FINDING_NOTE, "sysctl -w vm.nr_hugepages=1024", "no huge pages are set aside: domains that ask for them cannot start");
}

static void
check_cgroup(Check *check)
{
    g_autofree char *tree = sk_cgroup_tree(check->self->root);
    if (tree != NULL)
        say(check, SK_FINDING_OK, NULL, "limits of CPU time, memory and block I/O are groups under \"%s\"", tree);
    else
        say(check, SK_FINDING_NOTE, "boot with systemd.unified_cgroup_hierarchy=1",
            "there is no cgroup v2 tree with a memory controller to write to: CPU time, memory and block I/O of domains cannot be limited");
}

/* -- network ------------------------------------------------------------------------------------------------ */

static void
check_dnsmasq(Check *check)
{
    if (in_path("dnsmasq"))
        say(check, SK_FINDING_OK, NULL, "dnsmasq is installed");
    else
        say(check, level_for_system(check, SK_FINDING_PROBLEM), "apt-get install dnsmasq-base",
            "dnsmasq is not installed: networks have no DHCP and no DNS");
}

static void
check_release(Check *check)
{
    if (in_path("dhcp_release"))
        say(check, SK_FINDING_OK, NULL, "dhcp_release is installed");
    else
        say(check, level_for_system(check, SK_FINDING_WARNING), "apt-get install dnsmasq-utils",
            "dhcp_release is not installed: the address of a domain that is deleted stays taken until its lease ends");
}

static void
check_nft(Check *check)
{
    g_autoptr(GError) error = NULL;
    const char *argv[] = { "nft", "list", "tables", NULL };
    if (!in_path("nft")) {
        say(check, level_for_system(check, SK_FINDING_WARNING), "apt-get install nftables", "nft is not installed: rules of networks cannot be looked at");
        return;
    }
    g_autofree char *text = output_of(argv, &error);
    if (text != NULL)
        say(check, SK_FINDING_OK, NULL, "nftables answers");
    else
        say(check, level_for_system(check, SK_FINDING_PROBLEM), "modprobe nf_tables", "nftables does not answer, so NAT networks cannot be made: %s", error->message);
}

static void
check_forward(Check *check)
{
    if (sk_host_read_number(check->self->root, "/proc/sys/net/ipv4/ip_forward", 0) == 1)
        say(check, SK_FINDING_OK, NULL, "IPv4 forwarding is on");
    else
        say(check, SK_FINDING_NOTE, "sysctl -w net.ipv4.ip_forward=1", "IPv4 forwarding is off; it is turned on with the first NAT or routed network");
}

static void
check_tun(Check *check)
{
    if (sk_host_exists(check->self->root, "/dev/net/tun"))
        say(check, SK_FINDING_OK, NULL, "/dev/net/tun is there");
    else
        say(check, level_for_system(check, SK_FINDING_PROBLEM), "modprobe tun", "/dev/net/tun is not there: interfaces of domains cannot be made");
}

static void
check_bridge(Check *check)
{
    if (sk_host_exists(check->self->root, "/sys/module/bridge"))
        say(check, SK_FINDING_OK, NULL, "the kernel has bridges");
    else
        say(check, SK_FINDING_NOTE, "modprobe bridge", "the module bridge is not loaded; the kernel loads it with the first network if it has it");
}

static void
check_vhost_net(Check *check)
{
    if (sk_host_exists(check->self->root, "/dev/vhost-net"))
        say(check, SK_FINDING_OK, NULL, "/dev/vhost-net is there");
    else
        say(check, SK_FINDING_NOTE, "modprobe vhost_net", "/dev/vhost-net is not there: QEMU itself moves the packets of domains, which costs some CPU");
}

/* Other firewalls do not know our bridges: a chain that drops what is forwarded cuts guests off. */
static void
check_firewall(Check *check)
{
    const char *argv[] = { "nft", "list", "chain", "ip", "filter", "FORWARD", NULL };
    g_autofree char *chain = in_path("nft") ? output_of(argv, NULL) : NULL;
    if (sk_host_exists(check->self->root, "/run/firewalld/firewalld.pid") || sk_host_exists(check->self->root, "/run/firewalld.pid"))
        say(check, SK_FINDING_WARNING, "firewall-cmd --permanent --zone=trusted --add-interface=skbr0; firewall-cmd --reload",
            "firewalld is running: it may drop what guests send until their bridges are in a zone that lets it through");
    else if (chain != NULL && strstr(chain, "policy drop") != NULL)
        say(check, SK_FINDING_WARNING, "iptables -I DOCKER-USER -i skbr+ -j ACCEPT; iptables -I DOCKER-USER -o skbr+ -j ACCEPT",
            "another program (Docker does) drops forwarded packets by default: guests are cut off from other machines");
    else
        say(check, SK_FINDING_OK, NULL, "no other firewall drops what is forwarded");
}

static void
check_conntrack(Check *check)
{
    gint64 count = sk_host_read_number(check->self->root, "/proc/sys/net/netfilter/nf_conntrack_count", 0);
    gint64 max = sk_host_read_number(check->self->root, "/proc/sys/net/netfilter/nf_conntrack_max", 0);
    if (max > 0 && count > max / 5 * 4)
        say(check, SK_FINDING_WARNING, "sysctl -w net.netfilter.nf_conntrack_max=1048576",
            "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " tracked connections are in use: new ones of guests will be dropped", count, max);
    else
        say(check, SK_FINDING_OK, NULL, "connection tracking has room");
}

/* -- the host itself ------------------------------------------------------------------------------------------- */

/* The nearest directory above that exists: the state directory may be made later. */
static gboolean
space_at(const char *path, struct statvfs *out)
{
    g_autofree char *at = g_strdup(path);
    while (statvfs(at, out) < 0) {
        if (strlen(at) <= 1)
            return FALSE;
        char *up = g_path_get_dirname(at);
        g_free(at);
        at = up;
    }
    return TRUE;
}

static void
check_space(Check *check)
{
    const char *dir = check->self->state_dir != NULL ? check->self->state_dir : "/var/lib/skep";
    struct statvfs fs;
    if (!space_at(dir, &fs)) {
        say(check, SK_FINDING_PROBLEM, NULL, "\"%s\" cannot be looked at", dir);
        return;
    }
    guint64 free_bytes = (guint64) fs.f_bavail * fs.f_frsize;
    g_autofree char *text = sk_size_format(free_bytes);
    g_autofree char *remedy = g_strdup_printf("df -h %s", dir);
    if (free_bytes < SPACE_NONE)
        say(check, SK_FINDING_PROBLEM, remedy, "%s are free for \"%s\": guests will stop when their disks grow", text, dir);
    else if (free_bytes < SPACE_LOW)
        say(check, SK_FINDING_WARNING, remedy, "only %s are free for \"%s\"", text, dir);
    else
        say(check, SK_FINDING_OK, NULL, "%s are free for \"%s\"", text, dir);
}

static void
check_clock(Check *check)
{
    struct timex now = { 0 };
    gint state = adjtimex(&now);
    if (state >= 0 && state != TIME_ERROR && !(now.status & STA_UNSYNC))
        say(check, SK_FINDING_OK, NULL, "the clock is synchronized");
    else
        say(check, SK_FINDING_NOTE, "timedatectl set-ntp true", "the clock is not synchronized; guests take theirs from it");
}

static void
check_group(Check *check)
{
    g_autofree char *groups = sk_host_read(check->self->root, "/etc/group");
    if (groups != NULL && (g_str_has_prefix(groups, "skep:") || strstr(groups, "\nskep:") != NULL))
        say(check, SK_FINDING_OK, NULL, "members of the group skep may use the daemon");
    else
        say(check, SK_FINDING_NOTE, "groupadd --system skep", "there is no group skep: only root may use the daemon's socket");
}

static void
check_libvirtd(Check *check)
{
    if (sk_host_exists(check->self->root, "/run/libvirt/libvirt-sock") || sk_host_exists(check->self->root, "/run/libvirt/virtqemud-sock"))
        say(check, SK_FINDING_WARNING, "systemctl disable --now libvirtd libvirtd.socket virtqemud virtqemud.socket",
            "libvirtd is there too: its domains and networks are not seen here, and both may want one disk or subnet");
    else
        say(check, SK_FINDING_OK, NULL, "no libvirtd is running beside");
}

static void
check_inotify(Check *check)
{
    gint64 watches = sk_host_read_number(check->self->root, "/proc/sys/fs/inotify/max_user_watches", G_MAXINT);
    gint64 instances = sk_host_read_number(check->self->root, "/proc/sys/fs/inotify/max_user_instances", G_MAXINT);
    if (watches < 8192 || instances < 128)
        say(check, SK_FINDING_WARNING, "sysctl -w fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=512",
            "few inotify watches are allowed: files put into pools by hand may be seen only by a refresh");
    else
        say(check, SK_FINDING_OK, NULL, "inotify limits are high enough");
}

static void
check_files(Check *check)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < 8192)
        say(check, SK_FINDING_WARNING, "LimitNOFILE=65536 in skepd.service, or ulimit -n 65536",
            "only %u files may be open at once: a domain needs about twenty", (guint) limit.rlim_max);
    else
        say(check, SK_FINDING_OK, NULL, "enough files may be open at once");
}

/* -- all ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(Check *check);
} checks[] = {
    { "kvm", check_kvm },
    { "qemu", check_qemu },
    { "qemu-img", check_qemu_img },
    { "firmware", check_firmware },
    { "swtpm", check_swtpm },
    { "dnsmasq", check_dnsmasq },
    { "dhcp-release", check_release },
    { "nftables", check_nft },
    { "ip-forward", check_forward },
    { "firewall", check_firewall },
    { "conntrack", check_conntrack },
    { "tun", check_tun },
    { "bridge", check_bridge },
    { "vhost-net", check_vhost_net },
    { "space", check_space },
    { "clock", check_clock },
    { "cgroup", check_cgroup },
    { "hugepages", check_hugepages },
    { "group", check_group },
    { "libvirtd", check_libvirtd },
    { "inotify", check_inotify },
    { "open-files", check_files },
};

static void
free_finding(gpointer finding)
{
    sk_value_free(&sk_finding_type, finding);
}

GPtrArray *
sk_doctor_run(const SkDoctor *self)
{
    sk_assert_worker();
    GPtrArray *findings = g_ptr_array_new_with_free_func(free_finding);
    for (guint i = 0; i < G_N_ELEMENTS(checks); i++) {
        Check check = { self, sk_value_new(&sk_finding_type) };
        check.finding->check = g_strdup(checks[i].name);
        checks[i].run(&check);
        g_ptr_array_add(findings, check.finding);
    }
    return findings;
}

gint
sk_doctor_worst(const GPtrArray *findings)
{
    gint worst = SK_FINDING_OK;
    for (guint i = 0; i < findings->len; i++)
        worst = MAX(worst, ((const SkFinding *) findings->pdata[i])->level);
    return worst;
}
