/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent.h"
#include "service/domain.h"
#include "service/job.h"

/* Queries of the guest agent. */
extern const SkJobKind sk_agent_ping_job, sk_agent_exec_job, sk_agent_addresses_job, sk_agent_set_time_job,
    sk_agent_freeze_job, sk_agent_thaw_job, sk_agent_password_job, sk_agent_info_job, sk_agent_time_job, sk_agent_keys_job,
    sk_agent_set_keys_job, sk_agent_vcpus_job, sk_agent_set_vcpus_job, sk_agent_trim_job, sk_agent_sleep_job, sk_agent_command_job;

/* agent.wait. */
gboolean sk_handle_agent_wait(SkService *service, SkCall *call, GError **error);

/* The agent of a domain that runs, as long waited for as it was told; AGENT if the domain has no channel for one. Main thread. */
SkAgent *sk_domain_agent(const SkDomain *domain, GError **error);
/* The channel of a definition that an agent is behind; NULL: none. spec may be NULL. */
const SkChannel *sk_domain_agent_channel(const SkDomainSpec *spec);
