/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running libnftables. */
#include "network/nft/nft.h"

#include <nftables/libnftables.h>
#include <string.h>

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

static gboolean
run_locked(const char *command, const char *what, char **out_text, GError **error)
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
