/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep-openapi: prints the OpenAPI document, to be checked and read without a daemon. */
#include <stdio.h>

#include "api/rest/rest.h"

int
main(void)
{
    g_autofree char *document = sk_rest_openapi();
    return puts(document) < 0 || fflush(stdout) != 0 ? 1 : 0;
}
