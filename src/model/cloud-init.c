/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field table of cloud-init settings. */
#include "model/cloud-init.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* A user name as useradd takes it. */
static gboolean
check_user(const char *text, const char *what, GError **error)
{
    if (g_regex_match_simple("^[a-z_][a-z0-9_-]{0,31}\\z", text, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a user name: give up to 32 lower-case letters, digits, _ or -", what, text);
}

/* One line of authorized_keys: type, base64, comment. */
static gboolean
check_ssh_key(const char *text, const char *what, GError **error)
{
    if (g_regex_match_simple("^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]{32,}={0,3}( [^\\r\\n]*)?\\z", text, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.40s\" is not an ssh public key: give the line from a .pub file", what, text);
}

/* crypt(5): $id$...; what `mkpasswd` prints */
static gboolean
check_hash(const char *text, const char *what, GError **error)
{
    if (g_regex_match_simple("^\\$[a-z0-9]{1,2}\\$[!-9;-~]{10,}\\z", text, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s is not a password hash in crypt form such as $y$...; give password for a plain one", what);
}

/* A package as apt, dnf and zypper take it, with a version or a release if need be; never an option. */
static gboolean
check_package(const char *text, const char *what, GError **error)
{
    if (g_regex_match_simple("^[@A-Za-z0-9][A-Za-z0-9@+.:~=_/*-]{0,255}\\z", text, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not the name of a package", what, text);
}

static const SkField fields[] = {
    SK_FIELD(SkCloudInit, hostname, STRING, "host name in the guest; the domain's name if not given", .check = sk_check_hostname),
    SK_FIELD(SkCloudInit, user, STRING, "account to make, with sudo; the image's default user if not given", .check = check_user),
    SK_FIELD(SkCloudInit, ssh_keys, STRV, "ssh public keys that may log in", .max = 64, .check = check_ssh_key),
    SK_FIELD(SkCloudInit, password, STRING, "password of the account; kept as a hash only", .flags = SK_FIELD_SECRET, .min = 1, .max = 256),
    SK_FIELD(SkCloudInit, password_hash, STRING, "password hash of the account", .flags = SK_FIELD_SECRET, .max = 256, .check = check_hash),
    SK_FIELD(SkCloudInit, packages, STRV, "packages to install", .max = 256, .check = check_package),
    SK_FIELD(SkCloudInit, runcmd, STRV, "shell commands to run at the end", .max = 256),
    SK_FIELD(SkCloudInit, user_data, TEXT, "raw user-data", .max = 512 * 1024),
    SK_FIELD(SkCloudInit, network_config, TEXT, "raw network-config; DHCP on every interface if not given", .max = 64 * 1024),
    SK_FIELD(SkCloudInit, instance_id, STRING, "changes when the seed is to be obeyed again", .max = 128, .flags = SK_FIELD_READONLY),
};

static gboolean
check(gconstpointer value, GError **error)
{
    const SkCloudInit *self = value;
    gboolean made = self->user != NULL || self->ssh_keys != NULL || self->password != NULL ||
                    self->password_hash != NULL || self->packages != NULL || self->runcmd != NULL;
    if (self->user_data != NULL && made)
        return sk_fail(error, SK_ERROR_INVALID, "give user_data or the other cloud-init settings, not both");
    if (self->password != NULL && self->password_hash != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "give password or password_hash, not both");
    return TRUE;
}

SK_TYPE(sk_cloud_init_type, SkCloudInit, "CloudInit", "cloud-init settings", fields, "what cloud-init is told at the first boot", .check = check);
