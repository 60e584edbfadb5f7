/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of guest agents.  Nothing that an answer holds is trusted. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/agent/agent.h"
#include "engine/agent/session.h"

#define EXEC_TIMEOUT_MS   60000
#define FREEZE_TIMEOUT_MS 60000
#define MAX_ADDRESSES     64
#define MAX_KEYS          2048

static gboolean
run(SkAgent *self, const char *command, json_t *args, gint timeout_ms, GError **error)
{
    g_autoptr(json_t) result = sk_agent_call(self, command, args, timeout_ms, error);
    return result != NULL;
}

static gboolean
odd_answer(const char *command, GError **error)
{
    return sk_fail(error, SK_ERROR_AGENT, "the guest agent gives an answer to \"%s\" that cannot be understood", command);
}

gboolean
sk_agent_ping(SkAgent *self, gint timeout_ms, GError **error)
{
    return run(self, "guest-ping", NULL, timeout_ms, error);
}

/* -- exec -------------------------------------------------------------------------------------------------------- */

void
sk_agent_exec_clear(SkAgentExec *self)
{
    g_clear_pointer(&self->out, g_bytes_unref);
    g_clear_pointer(&self->err, g_bytes_unref);
}

static json_t *
exec_args(const char *const *argv, GBytes *input)
{
    json_t *list = json_array();
    for (guint i = 1; argv[i] != NULL; i++)
        json_array_append_new(list, json_string(argv[i]));
    json_t *args = json_pack("{s:s, s:o, s:b}", "path", argv[0], "arg", list, "capture-output", 1);
    if (args != NULL && input != NULL) {
        gsize length;
        const guchar *bytes = g_bytes_get_data(input, &length);
        g_autofree char *text = g_base64_encode(bytes, length);
        json_object_set_new(args, "input-data", json_string(text));
    }
    return args;
}

static GBytes *
decode_output(json_t *result, const char *key, const char *cut_key, gboolean *out_cut)
{
    const char *text = json_string_value(json_object_get(result, key));
    gsize length = 0;
    g_autofree guchar *bytes = text != NULL ? g_base64_decode(text, &length) : NULL;
    *out_cut = json_is_true(json_object_get(result, cut_key)) || length > SK_AGENT_OUTPUT_MAX;
    return g_bytes_new(bytes, MIN(length, SK_AGENT_OUTPUT_MAX));
}

static void
read_exec(json_t *status, SkAgentExec *out_exec)
{
    json_t *code = json_object_get(status, "exitcode");
    *out_exec = (SkAgentExec) {
        .exit_code = json_is_integer(code) ? (gint) json_integer_value(code) : -1,
        .signal = (gint) json_integer_value(json_object_get(status, "signal")),
    };
    out_exec->out = decode_output(status, "out-data", "out-truncated", &out_exec->out_truncated);
    out_exec->err = decode_output(status, "err-data", "err-truncated", &out_exec->err_truncated);
}

/* Sleeps; FALSE if cancelled. */
static gboolean
pause_for(gint ms, GCancellable *cancellable, GError **error)
{
    GPollFD cancelled;
    guint n_fds = g_cancellable_make_pollfd(cancellable, &cancelled) ? 1 : 0;
    g_poll(&cancelled, n_fds, ms);
    if (n_fds > 0)
        g_cancellable_release_fd(cancellable);
    return cancellable == NULL || !g_cancellable_is_cancelled(cancellable) ||
           sk_fail(error, SK_ERROR_CANCELLED, "waiting for the command in the guest was cancelled; it goes on there");
}

/* The agent does not tell of the end by itself: it is asked, at first often. */
static gboolean
await_exec(SkAgent *self, json_int_t pid, gint timeout_ms, GCancellable *cancellable, SkAgentExec *out_exec, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    for (gint ms = 10; pause_for(ms, cancellable, error); ms = MIN(ms * 2, 500)) {
        g_autoptr(json_t) status = sk_agent_call(self, "guest-exec-status", json_pack("{s:I}", "pid", pid), 0, error);
        if (status == NULL)
            return FALSE;
        if (json_is_true(json_object_get(status, "exited"))) {
            read_exec(status, out_exec);
            return TRUE;
        }
        if (timeout_ms >= 0 && g_get_monotonic_time() > deadline)
            return sk_fail(error, SK_ERROR_TIMEOUT, "the command in the guest still runs after %g s", timeout_ms / 1000.0);
    }
    return FALSE;
}

gboolean
sk_agent_exec(SkAgent *self, const char *const *argv, GBytes *input, gint timeout_ms, GCancellable *cancellable,
              SkAgentExec *out_exec, GError **error)
{
    json_t *args = exec_args(argv, input);
    if (args == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "the command for the guest is not UTF-8");
    g_autoptr(json_t) started = sk_agent_call(self, "guest-exec", args, 0, error);
    json_t *pid = json_object_get(started, "pid");
    if (started == NULL)
        return FALSE;
    if (!json_is_integer(pid))
        return odd_answer("guest-exec", error);
    return await_exec(self, json_integer_value(pid), timeout_ms == 0 ? EXEC_TIMEOUT_MS : timeout_ms, cancellable, out_exec, error);
}

/* -- clock, file systems, users --------------------------------------------------------------------------------------- */

gboolean
sk_agent_set_time(SkAgent *self, gint64 nanoseconds, GError **error)
{
    gint64 time = nanoseconds != 0 ? nanoseconds : g_get_real_time() * 1000;
    return run(self, "guest-set-time", json_pack("{s:I}", "time", (json_int_t) time), 0, error);
}

gboolean
sk_agent_sync_time(SkAgent *self, GError **error)
{
    return run(self, "guest-set-time", NULL, 0, error);
}

gboolean
sk_agent_get_time(SkAgent *self, gint64 *out_nanoseconds, GError **error)
{
    g_autoptr(json_t) time = sk_agent_call(self, "guest-get-time", NULL, 0, error);
    if (time == NULL)
        return FALSE;
    if (!json_is_integer(time) || json_integer_value(time) < 0)
        return odd_answer("guest-get-time", error);
    *out_nanoseconds = json_integer_value(time);
    return TRUE;
}

static gboolean
ask_count(SkAgent *self, const char *command, json_t *args, guint *out_count, GError **error)
{
    g_autoptr(json_t) count = sk_agent_call(self, command, args, FREEZE_TIMEOUT_MS, error);
    if (count == NULL)
        return FALSE;
    if (!json_is_integer(count) || json_integer_value(count) < 0 || json_integer_value(count) > G_MAXINT)
        return odd_answer(command, error);
    if (out_count != NULL)
        *out_count = (guint) json_integer_value(count);
    return TRUE;
}

static json_t *
texts(const char *const *words)
{
    json_t *list = json_array();
    for (guint i = 0; words != NULL && words[i] != NULL; i++)
        json_array_append_new(list, json_string(words[i]));
    return list;
}

gboolean
sk_agent_freeze_some(SkAgent *self, const char *const *mountpoints, guint *out_count, GError **error)
{
    return mountpoints == NULL ? sk_agent_freeze(self, out_count, error)
                               : ask_count(self, "guest-fsfreeze-freeze-list", json_pack("{s:o}", "mountpoints", texts(mountpoints)), out_count, error);
}

gboolean
sk_agent_freeze(SkAgent *self, guint *out_count, GError **error)
{
    return ask_count(self, "guest-fsfreeze-freeze", NULL, out_count, error);
}

gboolean
sk_agent_thaw(SkAgent *self, guint *out_count, GError **error)
{
    return ask_count(self, "guest-fsfreeze-thaw", NULL, out_count, error);
}

gboolean
sk_agent_is_frozen(SkAgent *self, gboolean *out_frozen, GError **error)
{
    g_autoptr(json_t) status = sk_agent_call(self, "guest-fsfreeze-status", NULL, 0, error);
    if (status == NULL)
        return FALSE;
    if (!json_is_string(status))
        return odd_answer("guest-fsfreeze-status", error);
    *out_frozen = g_str_equal(json_string_value(status), "frozen");
    return TRUE;
}

gboolean
sk_agent_set_password(SkAgent *self, const char *user, const char *password, gboolean crypted, GError **error)
{
    g_autofree char *coded = g_base64_encode((const guchar *) password, strlen(password));
    return run(self, "guest-set-user-password", json_pack("{s:s, s:s, s:b}", "username", user, "password", coded, "crypted", crypted), 0, error);
}

char **
sk_agent_get_keys(SkAgent *self, const char *user, GError **error)
{
    static const char command[] = "guest-ssh-get-authorized-keys";
    g_autoptr(json_t) answer = sk_agent_call(self, command, json_pack("{s:s}", "username", user), 0, error);
    const json_t *given = json_object_get(answer, "keys");
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    gsize i;
    json_t *key;
    if (answer == NULL)
        return NULL;
    if (!json_is_array(given) || json_array_size(given) > MAX_KEYS) {
        odd_answer(command, error);
        return NULL;
    }
    json_array_foreach (given, i, key) {
        if (json_is_string(key))
            g_ptr_array_add(keys, sk_agent_clean_long_text(json_string_value(key)));
    }
    g_ptr_array_add(keys, NULL);
    g_ptr_array_set_free_func(keys, NULL);
    return (char **) g_ptr_array_free(g_steal_pointer(&keys), FALSE);
}

gboolean
sk_agent_add_keys(SkAgent *self, const char *user, const char *const *keys, gboolean replace, GError **error)
{
    return run(self, "guest-ssh-add-authorized-keys", json_pack("{s:s, s:o, s:b}", "username", user, "keys", texts(keys), "reset", replace), 0, error);
}

gboolean
sk_agent_remove_keys(SkAgent *self, const char *user, const char *const *keys, GError **error)
{
    return run(self, "guest-ssh-remove-authorized-keys", json_pack("{s:s, s:o}", "username", user, "keys", texts(keys)), 0, error);
}

/* -- addresses ---------------------------------------------------------------------------------------------------------- */

/* One that others can reach the guest by, in its usual spelling; NULL for any other text. */
static char *
useful_address(const char *text)
{
    g_autoptr(GInetAddress) address = text != NULL && strlen(text) < 64 ? g_inet_address_new_from_string(text) : NULL;
    if (address == NULL || g_inet_address_get_is_loopback(address) || g_inet_address_get_is_link_local(address) ||
        g_inet_address_get_is_any(address) || g_inet_address_get_is_multicast(address))
        return NULL;
    return g_inet_address_to_string(address);
}

static void
add_addresses(GPtrArray *addresses, json_t *nic)
{
    const char *mac = json_string_value(json_object_get(nic, "hardware-address"));
    gsize i;
    json_t *entry;
    if (mac == NULL || !sk_check_mac(mac, "MAC", NULL))
        return;
    json_array_foreach (json_object_get(nic, "ip-addresses"), i, entry) {
        g_autofree char *text = useful_address(json_string_value(json_object_get(entry, "ip-address")));
        if (text == NULL || addresses->len >= MAX_ADDRESSES)
            continue;
        SkDomainAddress *address = sk_value_new(&sk_domain_address_type);
        address->mac = g_ascii_strdown(mac, -1);
        address->address = g_steal_pointer(&text);
        g_free(address->source);
        address->source = g_strdup("agent");
        g_ptr_array_add(addresses, address);
    }
}

GPtrArray *
sk_agent_addresses(SkAgent *self, GError **error)
{
    g_autoptr(json_t) nics = sk_agent_call(self, "guest-network-get-interfaces", NULL, 0, error);
    gsize i;
    json_t *nic;
    if (nics == NULL)
        return NULL;
    GPtrArray *addresses = g_ptr_array_new();
    json_array_foreach (nics, i, nic)
        add_addresses(addresses, nic);
    return addresses;
}

void
sk_agent_addresses_free(GPtrArray *addresses)
{
    if (addresses == NULL)
        return;
    for (guint i = 0; i < addresses->len; i++)
        sk_value_free(&sk_domain_address_type, addresses->pdata[i]);
    g_ptr_array_unref(addresses);
}

/* -- who the guest is ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *key;
    gsize offset;
} os_fields[] = {
    { "id", G_STRUCT_OFFSET(SkAgentOs, id) },
    { "pretty-name", G_STRUCT_OFFSET(SkAgentOs, name) },
    { "version-id", G_STRUCT_OFFSET(SkAgentOs, version) },
    { "kernel-release", G_STRUCT_OFFSET(SkAgentOs, kernel) },
    { "machine", G_STRUCT_OFFSET(SkAgentOs, machine) },
};

void
sk_agent_os_clear(SkAgentOs *self)
{
    for (guint i = 0; i < G_N_ELEMENTS(os_fields); i++)
        g_clear_pointer((char **) G_STRUCT_MEMBER_P(self, os_fields[i].offset), g_free);
}

gboolean
sk_agent_os(SkAgent *self, SkAgentOs *out_os, GError **error)
{
    g_autoptr(json_t) os = sk_agent_call(self, "guest-get-osinfo", NULL, 0, error);
    if (os == NULL)
        return FALSE;
    *out_os = (SkAgentOs) { 0 };
    for (guint i = 0; i < G_N_ELEMENTS(os_fields); i++) {
        const char *text = json_string_value(json_object_get(os, os_fields[i].key));
        *(char **) G_STRUCT_MEMBER_P(out_os, os_fields[i].offset) = sk_agent_clean_text(text);
    }
    return TRUE;
}

char *
sk_agent_host_name(SkAgent *self, GError **error)
{
    g_autoptr(json_t) result = sk_agent_call(self, "guest-get-host-name", NULL, 0, error);
    if (result == NULL)
        return NULL;
    char *name = sk_agent_clean_text(json_string_value(json_object_get(result, "host-name")));
    if (name == NULL)
        odd_answer("guest-get-host-name", error);
    return name;
}
