/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps of an order, done. */
#include "identity/apply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/random.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SEED_MAX 512
#define FILE_MAX (64u * 1024)

static int
failed(const char *what, const char **out_what)
{
    *out_what = what;
    return errno != 0 ? errno : EINVAL;
}

static int
wrong(const char *what, const char **out_what)
{
    *out_what = what;
    return EINVAL;
}

/* -- files ---------------------------------------------------------------------------------------------------------- */

static int
write_all(int fd, const void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, (const char *) bytes + done, length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        done += (size_t) n;
    }
    return 0;
}

/* Not fsynced: the guest's disk is a fresh overlay, and what is lost with it is lost as a whole. */
static int
write_file(const char *root, const char *path, const void *bytes, size_t length, mode_t mode, const char **out_what)
{
    char name[PATH_MAX], temp[PATH_MAX];
    errno = ENAMETOOLONG;
    if ((size_t) snprintf(name, sizeof name, "%s%s", root, path) >= sizeof name ||
        (size_t) snprintf(temp, sizeof temp, "%s%s.skep", root, path) >= sizeof temp)
        return failed("path", out_what);
    unlink(temp);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return failed("open", out_what);
    if (fchmod(fd, mode) < 0 || write_all(fd, bytes, length) < 0) {
        int why = failed("write", out_what);
        close(fd);
        unlink(temp);
        return why;
    }
    close(fd);
    return rename(temp, name) == 0 ? 0 : failed("rename", out_what);
}

static int
apply_file(const SkIdentityStep *step, const char *root, const char **out_what)
{
    static uint8_t bytes[FILE_MAX];
    char *end = NULL;
    unsigned long mode = strtoul(step->words[0], &end, 8);
    long length = sk_identity_parse_hex(step->words[2], bytes, sizeof bytes);
    if (*end != '\0' || mode > 07777 || step->words[1][0] != '/' || length < 0)
        return wrong("mode, path or bytes", out_what);
    int why = write_file(root, step->words[1], bytes, (size_t) length, (mode_t) mode, out_what);
    /* Keys do not stay in memory. */
    explicit_bzero(bytes, sizeof bytes);
    return why;
}

static int
apply_remove(const SkIdentityStep *step, const char *root, const char **out_what)
{
    char name[PATH_MAX];
    errno = ENAMETOOLONG;
    if ((size_t) snprintf(name, sizeof name, "%s%s", root, step->words[0]) >= sizeof name)
        return failed("path", out_what);
    return unlink(name) == 0 || errno == ENOENT ? 0 : failed("unlink", out_what);
}

static int
apply_machine_id(const SkIdentityStep *step, const char *root, const char **out_what)
{
    uint8_t bytes[16];
    char text[34];
    if (sk_identity_parse_hex(step->words[0], bytes, sizeof bytes) != sizeof bytes)
        return wrong("machine-id", out_what);
    int length = snprintf(text, sizeof text, "%s\n", step->words[0]);
    return write_file(root, "/etc/machine-id", text, (size_t) length, 0444, out_what);
}

static int
apply_hostname(const SkIdentityStep *step, const char *root, const char **out_what)
{
    char text[HOST_NAME_MAX + 2];
    int length = snprintf(text, sizeof text, "%s\n", step->words[0]);
    if ((size_t) length >= sizeof text)
        return wrong("host name", out_what);
    if (*root == '\0' && sethostname(step->words[0], (size_t) length - 1) < 0)
        return failed("sethostname", out_what);
    return write_file(root, "/etc/hostname", text, (size_t) length, 0644, out_what);
}

/* -- random numbers, clock, processes -------------------------------------------------------------------------------------- */

static int
apply_seed(const SkIdentityStep *step, const char *root, const char **out_what)
{
    struct {
        struct rand_pool_info info;
        uint8_t bytes[SEED_MAX];
    } pool = { .info = { 0 } };
    long length = sk_identity_parse_hex(step->words[0], pool.bytes, sizeof pool.bytes);
    if (length < 16)
        return wrong("seed", out_what);
    if (*root != '\0')
        return 0;
    pool.info.entropy_count = (int) length * 8;
    pool.info.buf_size = (int) length;
    int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return failed("open /dev/urandom", out_what);
    int why = ioctl(fd, RNDADDENTROPY, &pool) < 0   ? failed("RNDADDENTROPY", out_what)
              : ioctl(fd, RNDRESEEDCRNG, NULL) < 0 ? failed("RNDRESEEDCRNG", out_what)
                                                   : 0;
    explicit_bzero(&pool, sizeof pool);
    close(fd);
    return why;
}

static int
apply_time(const SkIdentityStep *step, const char *root, const char **out_what)
{
    char *end = NULL;
    unsigned long long now = strtoull(step->words[0], &end, 10);
    const struct timespec time = { .tv_sec = (time_t) (now / 1000000000), .tv_nsec = (long) (now % 1000000000) };
    if (*end != '\0')
        return wrong("time", out_what);
    return *root != '\0' || clock_settime(CLOCK_REALTIME, &time) == 0 ? 0 : failed("clock_settime", out_what);
}

/* A server that is not there has nothing to take up. */
static int
apply_hup(const SkIdentityStep *step, const char *root, const char **out_what)
{
    char name[PATH_MAX], text[32] = "";
    errno = ENAMETOOLONG;
    if ((size_t) snprintf(name, sizeof name, "%s%s", root, step->words[0]) >= sizeof name)
        return failed("path", out_what);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : failed("open", out_what);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return pid <= 1 || kill((pid_t) pid, SIGHUP) == 0 || errno == ESRCH ? 0 : failed("kill", out_what);
}

/* -- links ------------------------------------------------------------------------------------------------------------------------ */

/* The link that has this MAC into request->ifr_name; -1: none. */
static int
find_link(int fd, const uint8_t mac[6], struct ifreq *request)
{
    struct if_nameindex *links = if_nameindex();
    int found = -1;
    for (unsigned i = 0; links != NULL && found < 0 && links[i].if_index != 0; i++) {
        memset(request, 0, sizeof *request);
        snprintf(request->ifr_name, sizeof request->ifr_name, "%s", links[i].if_name);
        if (ioctl(fd, SIOCGIFHWADDR, request) == 0 && request->ifr_hwaddr.sa_family == ARPHRD_ETHER &&
            memcmp(request->ifr_hwaddr.sa_data, mac, 6) == 0)
            found = 0;
    }
    if (links != NULL)
        if_freenameindex(links);
    errno = found < 0 ? ENODEV : 0;
    return found;
}

/* A device that does not take an address while it is up is taken down for it. */
static int
set_mac(int fd, struct ifreq *request)
{
    struct ifreq flags = *request;
    if (ioctl(fd, SIOCSIFHWADDR, request) == 0)
        return 0;
    if (errno != EBUSY || ioctl(fd, SIOCGIFFLAGS, &flags) < 0)
        return -1;
    flags.ifr_flags &= (short) ~IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &flags) < 0)
        return -1;
    int is_set = ioctl(fd, SIOCSIFHWADDR, request);
    flags.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &flags) == 0 ? is_set : -1;
}

static int
apply_mac(int fd, const SkIdentityStep *step, const char **out_what)
{
    uint8_t old[6], new[6];
    struct ifreq request;
    if (sk_identity_parse_mac(step->words[0], old) < 0 || sk_identity_parse_mac(step->words[1], new) < 0)
        return wrong("MAC address", out_what);
    if (find_link(fd, old, &request) < 0)
        return failed("no link has this MAC address", out_what);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, new, 6);
    return set_mac(fd, &request) == 0 ? 0 : failed("SIOCSIFHWADDR", out_what);
}

static void
put_address(struct sockaddr *out, uint32_t address)
{
    const struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = address };
    memcpy(out, &in, sizeof in);
}

static int
apply_address(int fd, const SkIdentityStep *step, const char **out_what)
{
    uint8_t mac[6];
    uint32_t address, mask;
    struct ifreq request;
    if (sk_identity_parse_mac(step->words[0], mac) < 0 || sk_identity_parse_address(step->words[1], &address, &mask) < 0)
        return wrong("address", out_what);
    if (find_link(fd, mac, &request) < 0)
        return failed("no link has this MAC address", out_what);
    put_address(&request.ifr_addr, address);
    if (ioctl(fd, SIOCSIFADDR, &request) < 0)
        return failed("SIOCSIFADDR", out_what);
    put_address(&request.ifr_netmask, mask);
    return ioctl(fd, SIOCSIFNETMASK, &request) == 0 ? 0 : failed("SIOCSIFNETMASK", out_what);
}

static int
apply_gateway(int fd, const SkIdentityStep *step, const char **out_what)
{
    struct in_addr gateway;
    struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
    if (inet_pton(AF_INET, step->words[0], &gateway) != 1)
        return wrong("gateway", out_what);
    put_address(&route.rt_dst, 0);
    put_address(&route.rt_genmask, 0);
    put_address(&route.rt_gateway, gateway.s_addr);
    return ioctl(fd, SIOCADDRT, &route) == 0 || errno == EEXIST ? 0 : failed("SIOCADDRT", out_what);
}

/* -- all ---------------------------------------------------------------------------------------------------------------------------- */

static int (*const on_files[SK_IDENTITY_N_VERBS])(const SkIdentityStep *step, const char *root, const char **out_what) = {
    [SK_IDENTITY_SEED] = apply_seed,         [SK_IDENTITY_TIME] = apply_time, [SK_IDENTITY_HOSTNAME] = apply_hostname,
    [SK_IDENTITY_MACHINE_ID] = apply_machine_id, [SK_IDENTITY_FILE] = apply_file, [SK_IDENTITY_REMOVE] = apply_remove,
    [SK_IDENTITY_HUP] = apply_hup,
};
static int (*const on_links[SK_IDENTITY_N_VERBS])(int fd, const SkIdentityStep *step, const char **out_what) = {
    [SK_IDENTITY_MAC] = apply_mac,
    [SK_IDENTITY_ADDRESS] = apply_address,
    [SK_IDENTITY_GATEWAY] = apply_gateway,
};

int
sk_identity_apply(const SkIdentityStep *step, const char *root, const char **out_what)
{
    errno = 0;
    if (on_files[step->verb] != NULL)
        return on_files[step->verb](step, root, out_what);
    if (*root != '\0')
        return 0;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failed("socket", out_what);
    int why = on_links[step->verb](fd, step, out_what);
    close(fd);
    return why;
}
