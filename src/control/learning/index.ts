/** What workloads are seen to call: proxies ask where a request for a host that they do not know goes, the answer is remembered, and from
 *  then on the host is part of their configuration. Knows nothing of how configuration is made. Spec: docs/adr/0007. */
export { createLearnedHosts, type LearnedHosts } from "./learned-hosts.ts";
export { createOnDemandService, type OnDemandServiceOptions } from "./on-demand-service.ts";
