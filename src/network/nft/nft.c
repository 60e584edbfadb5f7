/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running libnftables. */
#include "network/nft/nft.h"

#include <nftables/libnftables.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "codec/json/json.h"

typedef struct nft_ctx SkNftContext;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkNftContext, nft_ctx_free)

/* libnftables has tables of names in globals; it is not for two threads at once. */
static GMutex nft_lock;

/* The first line without the place in the input; the lines after it repeat that input. */
static gboolean
fail_as_said(const char *what, const char *said, GError **error)
{
    g_autofree char *first = g_strndup(said, strcspn(said, "\n"));
    const char *reason = strstr(first, "Error: ");
    reason = reason != NULL ? reason + strlen("Error: ") : first;
    return sk_fail(error, SK_ERROR_HOST, "cannot %s: %s", what, *reason != '\0' ? reason : "nftables gives no reason");
}

typedef struct {
    const char *command, *what;
    char **out_text;        /* NULL: not wanted */
    GError **error;
} Run;

static gboolean
run(const char *command, const char *what, char **out_text, GError **error)
{
    g_autoptr(SkNftContext) context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (context == NULL)
        return sk_fail(error, SK_ERROR_HOST, "cannot %s: libnftables cannot be used", what);
    nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_JSON);
    nft_ctx_buffer_output(context);
    nft_ctx_buffer_error(context);
    if (nft_run_cmd_from_buffer(context, command) != 0)
        return fail_as_said(what, nft_ctx_get_error_buffer(context), error);
    if (out_text != NULL)
        *out_text = g_strdup(nft_ctx_get_output_buffer(context));
    return TRUE;
}

/*
 * libnftables waits with select(), which aborts the whole program if its socket has a number over 1023. So it
 * gets a thread with a table of descriptors of its own, in which the first numbers are free.
 */
static gpointer
run_on_thread(gpointer data)
{
    const Run *what = data;
    if (unshare(CLONE_FILES) == 0)
        close_range(STDERR_FILENO + 1, ~0U, 0);
    return GINT_TO_POINTER(run(what->command, what->what, what->out_text, what->error));
}

static gboolean
run_locked(const char *command, const char *what, char **out_text, GError **error)
{
    Run order = { .command = command, .what = what, .out_text = out_text, .error = error };
    return GPOINTER_TO_INT(g_thread_join(g_thread_new("nft", run_on_thread, &order)));
}

gboolean
sk_nft_run(const char *json, const char *what, GError **error)
{
    g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&nft_lock);
    return run_locked(json, what, NULL, error);
}

json_t *
sk_nft_list(const char *command, const char *what, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&nft_lock);
    if (!run_locked(command, what, &text, error))
        return NULL;
    return sk_json_parse(text, strlen(text), "the list of packet filter rules", error);
}
