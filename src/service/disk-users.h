/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/service-private.h"

/*
 * Which domains have which file as a disk, in their definition or in what runs: an index by path, so that
 * neither a list of volumes nor a deletion goes through all domains for each. Main thread.
 */

/* Takes the domain's disks as they are now. sk_domain_touch() calls it after every change of them. */
void sk_disk_users_update(SkDomain *domain);
/* The domain goes. */
void sk_disk_users_drop(SkDomain *domain);

/* Names of domains that have the path, sorted; NULL if none. Free with g_strfreev(). */
char **sk_service_users_of_path(SkService *self, const char *path);
/* The first of them, or NULL. Borrowed. */
const char *sk_service_user_of_path(SkService *self, const char *path);
