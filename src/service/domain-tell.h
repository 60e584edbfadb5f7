/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"

/* What becomes of domains, told to everybody who listens. Main thread. */

/* type "domain.watchdog"; data (an object, taken) may be NULL. */
void sk_domain_tell(SkDomain *self, const char *type, json_t *data);

/* Devices that are in what runs now and were not in old: "domain.device-added". old NULL: it was just started. */
void sk_domain_tell_devices(SkDomain *self, const SkDomainSpec *old);

/* Drives that were started without the medium of their definition, as it was not there: "domain.disk-change". */
void sk_domain_tell_missing_media(SkDomain *self);

/* Pins and disk limits in what runs that are not as they were in old: "domain.tunable". old NULL: it was just started. */
void sk_domain_tell_tunables(SkDomain *self, const SkDomainSpec *old);

/* Title, description and metadata that are not as they were in old: "domain.metadata" for each. */
void sk_domain_tell_metadata(SkDomain *self, const SkDomainSpec *old);

/* -- QEMU's events as they come, for those who ask for them by name --------------------------------------------- */

typedef void (*SkQmpWatch)(SkDomain *domain, const SkQmpEvent *event, gpointer data);

/* One listener for the whole service; NULL: none any more. */
void sk_service_watch_qmp(SkService *service, SkQmpWatch func, gpointer data);
void sk_domain_tell_qmp(SkDomain *self, const SkQmpEvent *event);
