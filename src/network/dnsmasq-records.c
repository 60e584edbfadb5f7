/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names and fixed addresses of guests, as files that dnsmasq reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/thread.h"
#include "network/dnsmasq-files.h"
#include "network/leases.h"

#define RECORD_FILE_MAX (64 * 1024)

/* Held from the look at other owners to the writing, so that two workers never give one name to two. */
static GMutex records_lock;

static const char *const folders[] = { SK_DNSMASQ_DHCP_HOSTS, SK_DNSMASQ_HOSTS };

char *
sk_dnsmasq_dhcp_line(const SkDnsRecord *record)
{
    g_autoptr(GString) line = g_string_new(record->mac);
    if (record->name == NULL)
        g_string_append(line, ",set:" SK_DNSMASQ_UNNAMED);
    if (record->ipv4 != NULL)
        g_string_append_printf(line, ",%s", record->ipv4);
    if (record->ipv6 != NULL)
        g_string_append_printf(line, ",[%s]", record->ipv6);
    if (record->name != NULL)
        g_string_append_printf(line, ",%s", record->name);
    return g_string_free(g_steal_pointer(&line), FALSE);
}

static void
add_hosts_line(GString *text, const char *address, const char *name, const char *dns_domain)
{
    if (address != NULL && name != NULL)
        g_string_append_printf(text, "%s %s.%s %s\n", address, name, dns_domain, name);
}

/* Nothing that could be taken for more than one word may reach the files. */
static gboolean
check_record(const SkDnsRecord *record, GError **error)
{
    return sk_check_mac(record->mac, "MAC address", error) &&
           (record->name == NULL || sk_check_hostname(record->name, "DNS name", error)) &&
           (record->ipv4 == NULL || sk_check_address(record->ipv4, "address", error)) &&
           (record->ipv6 == NULL || sk_check_address(record->ipv6, "address", error));
}

/* -- other owners ----------------------------------------------------------------------------------------- */

static gboolean
has_word(const char *text, const char *word)
{
    g_auto(GStrv) words = g_strsplit_set(text, ",[]\n", -1);
    for (guint i = 0; word != NULL && words[i] != NULL; i++) {
        if (g_ascii_strcasecmp(words[i], word) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_against(const char *text, const char *network, const SkDnsRecord *record, GError **error)
{
    const struct {
        const char *value, *what;
    } keys[] = { { record->name, "name" }, { record->mac, "MAC address" }, { record->ipv4, "address" }, { record->ipv6, "address" } };
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (has_word(text, keys[i].value))
            return sk_fail(error, SK_ERROR_IN_USE, "the %s \"%s\" is another guest's on the network \"%s\"", keys[i].what,
                           keys[i].value, network);
    }
    return TRUE;
}

static gboolean
check_others(const char *network, const char *dir, const char *owner, const SkDnsRecord *records, guint n, GError **error)
{
    g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
    const char *file;
    while (files != NULL && (file = g_dir_read_name(files)) != NULL) {
        g_autofree char *path = g_build_filename(dir, file, NULL);
        g_autofree char *text = g_str_equal(file, owner) ? NULL : sk_fs_read(path, RECORD_FILE_MAX, NULL, NULL);
        for (guint i = 0; text != NULL && i < n; i++) {
            if (!check_against(text, network, &records[i], error))
                return FALSE;
        }
    }
    return TRUE;
}

/* -- files ------------------------------------------------------------------------------------------------- */

static gboolean
is_same(const char *dir, const char *owner, const GString *text)
{
    g_autofree char *path = g_build_filename(dir, owner, NULL);
    g_autofree char *old = sk_fs_read(path, RECORD_FILE_MAX, NULL, NULL);
    return g_str_equal(old != NULL ? old : "", text->str);
}

/*
 * Writes the file, or removes it if there is nothing to say. Whole or not at all, but not made durable: the daemon
 * writes records anew after a reboot. dnsmasq does not look at names that begin with a dot.
 */
static gboolean
put_file(const char *dir, const char *owner, const GString *text, GError **error)
{
    g_autofree char *path = g_build_filename(dir, owner, NULL);
    g_autofree char *hidden = g_strconcat(".", owner, NULL);
    g_autofree char *beside = g_build_filename(dir, hidden, NULL);
    if (text->len == 0)
        return sk_fs_remove(path, error);
    if (!sk_fs_make_dir(dir, 0755, error))
        return FALSE;
    g_auto(SkFd) fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || !sk_fd_write_all(fd, text->str, text->len, NULL) || fchmod(fd, 0644) < 0 || rename(beside, path) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", path);
    return TRUE;
}

/* The two files' contents. */
static gboolean
write_records(const SkDnsRecord *records, guint n, const char *dns_domain, GString *dhcp, GString *dns, GError **error)
{
    for (guint i = 0; i < n; i++) {
        if (!check_record(&records[i], error))
            return FALSE;
        g_autofree char *line = sk_dnsmasq_dhcp_line(&records[i]);
        g_string_append_printf(dhcp, "%s\n", line);
        add_hosts_line(dns, records[i].ipv4, records[i].name, dns_domain);
        add_hosts_line(dns, records[i].ipv6, records[i].name, dns_domain);
    }
    return TRUE;
}

gboolean
sk_dnsmasq_record_set(const char *network, const char *dns_domain, const SkNetworkPaths *paths, const char *owner,
                      const SkDnsRecord *records, guint n, GError **error)
{
    g_autofree char *dhcp_dir = sk_network_run_path(paths, network, SK_DNSMASQ_DHCP_HOSTS);
    g_autofree char *dns_dir = sk_network_run_path(paths, network, SK_DNSMASQ_HOSTS);
    g_autoptr(GString) dhcp = g_string_new(NULL);
    g_autoptr(GString) dns = g_string_new(NULL);

    sk_assert_worker();
    if (!sk_check_name(owner, "owner", error) || !write_records(records, n, dns_domain, dhcp, dns, error))
        return FALSE;
    /* The usual case at a domain's start; to compare with a thousand others would take long. */
    if (is_same(dhcp_dir, owner, dhcp) && is_same(dns_dir, owner, dns))
        return TRUE;
    g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&records_lock);
    return check_others(network, dhcp_dir, owner, records, n, error) && put_file(dhcp_dir, owner, dhcp, error) &&
           put_file(dns_dir, owner, dns, error) && sk_dnsmasq_reload(network, paths, error);
}

/* -- leases of interfaces that are gone ---------------------------------------------------------------------- */

static gboolean
names_mac(const SkDnsRecord *records, guint n, const char *mac)
{
    for (guint i = 0; i < n; i++) {
        if (g_ascii_strcasecmp(records[i].mac, mac) == 0)
            return TRUE;
    }
    return FALSE;
}

void
sk_dnsmasq_record_release(const char *network, const SkNetworkPaths *paths, const char *owner, const SkDnsRecord *records, guint n)
{
    g_autofree char *dir = sk_network_run_path(paths, network, SK_DNSMASQ_DHCP_HOSTS);
    g_autofree char *path = g_build_filename(dir, owner, NULL);
    g_autofree char *old = sk_fs_read(path, RECORD_FILE_MAX, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(old != NULL ? old : "", "\n", -1);
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; lines[i] != NULL; i++) {
        char *mac = g_strndup(lines[i], strcspn(lines[i], ","));
        if (*mac != '\0' && !names_mac(records, n, mac))
            g_ptr_array_add(gone, mac);
        else
            g_free(mac);
    }
    g_ptr_array_add(gone, NULL);
    sk_leases_release(network, paths, (const char *const *) gone->pdata);
}

/* -- the daemon's start --------------------------------------------------------------------------------------- */

static void
release_dead(const char *network, const SkNetworkPaths *paths, const char *const *keep)
{
    g_autofree char *dir = sk_network_run_path(paths, network, SK_DNSMASQ_DHCP_HOSTS);
    g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
    const char *file;
    while (files != NULL && (file = g_dir_read_name(files)) != NULL) {
        if (keep == NULL || !g_strv_contains(keep, file))
            sk_dnsmasq_record_release(network, paths, file, NULL, 0);
    }
}

static gboolean
sweep_dir(const char *dir, const char *const *keep, gboolean *out_changed, GError **error)
{
    g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
    const char *file;
    while (files != NULL && (file = g_dir_read_name(files)) != NULL) {
        g_autofree char *path = g_build_filename(dir, file, NULL);
        if (keep != NULL && g_strv_contains(keep, file))
            continue;
        if (!sk_fs_remove(path, error))
            return FALSE;
        *out_changed = TRUE;
    }
    return TRUE;
}

gboolean
sk_dnsmasq_record_sweep(const char *network, const SkNetworkPaths *paths, const char *const *keep, GError **error)
{
    gboolean changed = FALSE;
    sk_assert_worker();
    release_dead(network, paths, keep);
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *dir = sk_network_run_path(paths, network, folders[i]);
        if (!sweep_dir(dir, keep, &changed, error))
            return FALSE;
    }
    return !changed || sk_dnsmasq_reload(network, paths, error);
}
