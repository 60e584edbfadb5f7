/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* What cloud-init is told in a domain at its first boot (NoCloud). Values; any thread. */

typedef struct {
    char *hostname;         /* NULL: the domain's name */
    char *user;             /* account to make; NULL: the image's own default user */
    char **ssh_keys;
    char *password;         /* secret; only its yescrypt hash goes into the seed and the store */
    char *password_hash;    /* secret; crypt(5) form */
    char **packages;
    char **runcmd;
    char *user_data;        /* raw user-data instead of all of the above but hostname */
    char *network_config;   /* raw network-config version 1 or 2; NULL: DHCP on every interface */
    char *instance_id;      /* changes when the seed is to be obeyed again */
} SkCloudInit;

extern const SkType sk_cloud_init_type;
