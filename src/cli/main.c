/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep: the command. */
#include "cli/cli.h"

int
main(int argc, char **argv)
{
    return sk_cli_main(argc, argv);
}
