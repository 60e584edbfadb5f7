/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings table, and where a daemon's files are. */
#include "daemon/settings.h"

#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "network/paths.h"

/* A key of the file is "section.key" here; the section's part is cut from the front. */
#define SERVICE(key_, member_, kind_, help_, ...)                                                                \
    { .key = key_, .kind = SK_KIND_##kind_, .offset = G_STRUCT_OFFSET(SkSettings, service.member_), .help = help_, __VA_ARGS__ }
#define REST(key_, member_, kind_, help_, ...)                                                                   \
    { .key = key_, .kind = SK_KIND_##kind_, .offset = G_STRUCT_OFFSET(SkSettings, rest.member_), .help = help_, __VA_ARGS__ }
#define LIBVIRT(key_, member_, kind_, help_, ...)                                                                \
    { .key = key_, .kind = SK_KIND_##kind_, .offset = G_STRUCT_OFFSET(SkSettings, libvirt.member_), .help = help_, __VA_ARGS__ }
#define OWN(key_, member_, kind_, help_, ...)                                                                    \
    { .key = key_, .kind = SK_KIND_##kind_, .offset = G_STRUCT_OFFSET(SkSettings, member_), .help = help_, __VA_ARGS__ }

static const SkField fields[] = {
    OWN("api.listen", listen, STRING, "address and port of HTTPS; empty for none", .def = "127.0.0.1:8443", .max = 128),
    OWN("api.certificate", cert_path, STRING, "certificate of HTTPS, PEM; made by itself if not there", .max = 4096),
    OWN("api.key", key_path, STRING, "its private key, PEM", .max = 4096),
    REST("api.connections", max_connections, UINT, "connections at most", .def = "1000", .min = 10, .max = 100000),
    REST("api.connections_client", max_connections_client, UINT, "connections of one client at most", .def = "200", .min = 1, .max = 100000),
    REST("api.requests_second", requests_second, UINT, "requests a second of one client; root on the socket is exempt", .def = "200", .min = 1, .max = 1000000),
    REST("api.request_time", request_time, UINT, "seconds in which a whole request must have come", .def = "30", .min = 1, .max = 3600),
    REST("api.idle_time", idle_time, UINT, "seconds a connection may be silent", .def = "120", .min = 1, .max = 86400),

    SERVICE("qemu.binary", qemu, STRING, "QEMU; found by itself if not given", .max = 4096),
    SERVICE("qemu.kvm_fallback", kvm_fallback, BOOL, "run on TCG what asks for KVM where KVM cannot run guests"),
    SERVICE("qemu.uid_base", uid_base, UINT, "first uid for domains, one each", .def = "2130706432", .min = 1000, .max = G_MAXINT),
    SERVICE("qemu.uid_count", uid_count, UINT, "uids for domains", .def = "65536", .min = 1, .max = 16777216),
    SERVICE("domains.stop_timeout", stop_timeout, UINT, "seconds QEMU has to flush and go before it is killed", .def = "30", .min = 1, .max = 3600),
    SERVICE("domains.shutdown_timeout", shutdown_timeout, UINT, "seconds a guest has to obey a shutdown", .def = "120", .min = 1, .max = 86400),
    SERVICE("domains.console_bytes", console_bytes, UINT, "scrollback of a serial console, bytes", .def = "1048576", .min = 4096, .max = 1073741824),
    SERVICE("limits.domains", max_domains, UINT, "domains at most", .def = "20000", .min = 1, .max = 1000000),
    SERVICE("limits.jobs", max_jobs, UINT, "jobs that run or wait at once; more are refused", .def = "5000", .min = 1, .max = 1000000),
    SERVICE("storage.upkeep_interval", upkeep_interval, UINT, "seconds between looks at volumes for changes that the kernel does not tell of", .def = "60", .min = 1, .max = 86400),
    SERVICE("storage.part_age", part_age, UINT, "seconds that the part of an upload or download that broke off is kept to go on with", .def = "604800", .min = 1, .max = 31536000),
    OWN("libvirt.enabled", libvirt_enabled, BOOL, "answer libvirt's clients (virsh, virt-manager) on libvirt-sock in the run directory", .def = "true"),
    OWN("libvirt.take_over", take_over, BOOL, "listen where libvirt's clients look by themselves too (/run/libvirt), unless a libvirtd answers there; always so with --session"),
    LIBVIRT("libvirt.connections", max_connections, UINT, "connections of libvirt's clients at most", .def = "5000", .min = 10, .max = 100000),
    LIBVIRT("libvirt.connections_client", max_connections_client, UINT, "of one user or address at most; root on the socket is exempt", .def = "500", .min = 1, .max = 100000),
    LIBVIRT("libvirt.tls_listen", tls_address, STRING, "address and port for qemu+tls, such as 0.0.0.0:16514; empty for none", .max = 128),
    LIBVIRT("libvirt.tls_ca", tls_ca, STRING, "certificates of the authorities that sign clients' certificates, PEM", .def = "/etc/pki/CA/cacert.pem", .max = 4096),
    LIBVIRT("libvirt.tls_certificate", tls_cert, STRING, "the server's certificate, PEM", .def = "/etc/pki/libvirt/servercert.pem", .max = 4096),
    LIBVIRT("libvirt.tls_key", tls_key, STRING, "its private key, PEM", .def = "/etc/pki/libvirt/private/serverkey.pem", .max = 4096),
    LIBVIRT("libvirt.tls_admins", tls_roles.admins, STRING, "subjects of certificates whose owners are admins: patterns such as CN=ops,O=Example;CN=*.example.com", .max = 65536),
    LIBVIRT("libvirt.tls_operators", tls_roles.operators, STRING, "the same for operators", .max = 65536),
    LIBVIRT("libvirt.tls_viewers", tls_roles.viewers, STRING, "the same for viewers", .max = 65536),
    SERVICE("libvirt.peer_ca", peer_ca, STRING, "certificates of the authorities that sign other daemons' certificates, PEM (migration to qemu+tls)", .def = "/etc/pki/CA/cacert.pem", .max = 4096),
    SERVICE("libvirt.peer_certificate", peer_cert, STRING, "what this daemon shows to other daemons, PEM", .def = "/etc/pki/libvirt/clientcert.pem", .max = 4096),
    SERVICE("libvirt.peer_key", peer_key, STRING, "its private key, PEM", .def = "/etc/pki/libvirt/private/clientkey.pem", .max = 4096),
    LIBVIRT("libvirt.tcp_listen", tcp_address, STRING, "address and port for qemu+tcp, in clear and without asking who it is; empty for none", .max = 128),
    LIBVIRT("libvirt.tcp_role", tcp_role, ENUM, "role of everybody who comes that way", .def = "viewer", .names = &sk_role_enum),

    SERVICE("programs.directory", programs_dir, STRING, "directory of Skep's own programs: skep-repository, skep-identity, nbdkit-skep-plugin.so", .max = 4096),
    SERVICE("images.recipes", data_dir, STRING, "directory whose image-build/ has the recipes of images", .max = 4096),
};
static SK_TYPE(settings_type, SkSettings, "Settings", "setting", fields, "settings of skepd");

static const SkField *
find(const char *section, const char *key)
{
    g_autofree char *name = g_strdup_printf("%s.%s", section, key);
    return sk_type_find(&settings_type, name);
}

static gboolean
read_key(SkSettings *self, GKeyFile *file, const char *path, const char *section, const char *key, GError **error)
{
    const SkField *field = find(section, key);
    if (field == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" has [%s] %s, which is no setting; `skepd --help-settings` shows them all", path, section, key);
    g_autofree char *text = g_key_file_get_string(file, section, key, error);
    const SkType one = { .name = "Settings", .what = "setting", .size = sizeof(SkSettings), .fields = field, .n_fields = 1 };
    if (text != NULL && sk_field_set_text(field, self, text, NULL, error) && sk_value_check(&one, self, NULL, error))
        return TRUE;
    g_prefix_error(error, "\"%s\": ", path);
    return FALSE;
}

static gboolean
read_file(SkSettings *self, const char *path, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) why = NULL;
    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &why))
        return g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT) || sk_fail(error, SK_ERROR_INVALID, "\"%s\": %s", path, why->message);
    g_auto(GStrv) sections = g_key_file_get_groups(file, NULL);
    for (guint i = 0; sections[i] != NULL; i++) {
        g_auto(GStrv) keys = g_key_file_get_keys(file, sections[i], NULL, NULL);
        for (guint j = 0; keys != NULL && keys[j] != NULL; j++) {
            if (!read_key(self, file, path, sections[i], keys[j], error))
                return FALSE;
        }
    }
    return TRUE;
}

/* -- places ---------------------------------------------------------------------------------------------------- */

static void
set_places(SkSettings *self, const char *root, gboolean session)
{
    SkServiceSettings *service = &self->service;
    service->session = session;
    if (root != NULL) {
        g_autofree char *full = g_canonicalize_filename(root, NULL);
        service->etc_dir = g_build_filename(full, "etc", NULL);
        service->lib_dir = g_build_filename(full, "lib", NULL);
        service->run_dir = g_build_filename(full, "run", NULL);
        service->log_dir = g_build_filename(full, "log", NULL);
        service->tag = sk_network_tag_of_root(full);
    } else if (session) {
        service->etc_dir = g_build_filename(g_get_user_config_dir(), "skep", NULL);
        service->lib_dir = g_build_filename(g_get_user_data_dir(), "skep", NULL);
        service->run_dir = g_build_filename(g_get_user_runtime_dir(), "skep", NULL);
        service->log_dir = g_build_filename(g_get_user_cache_dir(), "skep", "log", NULL);
        service->tag = g_strdup("");
    } else {
        service->etc_dir = g_strdup("/etc/skep");
        service->lib_dir = g_strdup("/var/lib/skep");
        service->run_dir = g_strdup("/run/skep");
        service->log_dir = g_strdup("/var/log/skep");
        service->tag = g_strdup("");
    }
}

static void
default_path(char **path, const char *dir, const char *name)
{
    if (*path == NULL)
        *path = g_build_filename(dir, name, NULL);
}

/* Clients of a user's own daemon find it only here. */
static char *
default_socket_dir(const SkSettings *self, const char *root, gboolean session)
{
    if (session && (root == NULL || self->take_over))
        return g_build_filename(g_get_user_runtime_dir(), "libvirt", NULL);
    return !session && self->take_over ? g_strdup("/run/libvirt") : NULL;
}

/* Beside the daemon where it runs from a build folder. */
static char *
find_programs(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = self != NULL ? g_path_get_dirname(self) : g_strdup(".");
    g_autofree char *program = g_build_filename(dir, "skep-repository", NULL);
    return g_strdup(g_file_test(program, G_FILE_TEST_IS_EXECUTABLE) ? dir : SKEP_PROGRAMS_DIR);
}

SkSettings *
sk_settings_load(const char *root, gboolean session, GError **error)
{
    g_autoptr(SkSettings) self = sk_value_new(&settings_type);
    set_places(self, root, session);
    g_autofree char *path = g_build_filename(self->service.etc_dir, "skepd.conf", NULL);
    if (!read_file(self, path, error))
        return NULL;
    default_path(&self->cert_path, self->service.lib_dir, "tls/cert.pem");
    default_path(&self->key_path, self->service.lib_dir, "tls/key.pem");
    default_path(&self->unix_path, self->service.run_dir, "skep.sock");
    self->libvirt.socket_dir = self->service.run_dir;
    self->libvirt.default_dir = self->libvirt_dir = default_socket_dir(self, root, session);
    self->libvirt.session = session;
    if (self->service.programs_dir == NULL)
        self->service.programs_dir = find_programs();
    if (self->service.data_dir == NULL)
        self->service.data_dir = g_strdup(g_getenv("SKEP_DATA_DIR") != NULL ? g_getenv("SKEP_DATA_DIR") : SKEP_DATA_DIR);
    return g_steal_pointer(&self);
}

void
sk_settings_free(SkSettings *self)
{
    if (self == NULL)
        return;
    g_free(self->service.etc_dir);
    g_free(self->service.lib_dir);
    g_free(self->service.run_dir);
    g_free(self->service.log_dir);
    g_free(self->service.tag);
    g_free(self->unix_path);
    g_free(self->libvirt_dir);
    sk_value_free(&settings_type, self);
}

char *
sk_settings_reference(void)
{
    GString *out = g_string_new(NULL);
    const char *section = "";
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        const char *dot = strchr(fields[i].key, '.');
        gsize length = (gsize) (dot - fields[i].key);
        if (strncmp(section, fields[i].key, length) != 0 || section[length] != '.')
            g_string_append_printf(out, "%s[%.*s]\n", i > 0 ? "\n" : "", (gint) length, fields[i].key);
        section = fields[i].key;
        g_string_append_printf(out, "# %s\n#%s = %s\n", fields[i].help, dot + 1, fields[i].def != NULL ? fields[i].def : "");
    }
    return g_string_free(out, FALSE);
}
