import { UpstreamAddress, upstreamAddressKey } from "../../../../engine/authorization/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import { previewHost, resolveClusterName } from "../../../../engine/router/index.ts";
import { DynamicForwardCluster, type NameOutcome } from "../../../cluster/index.ts";
import type { FilterStream, HttpFilter, LocalReply } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { routeConfigOf } from "../route-configs.ts";

/** Looks the host of a request up before the router needs it, where its cluster forwards to any host.
 *  Spec: envoy.filters.http.dynamic_forward_proxy.
 *  @param savesAddress whether later filters can see in the filter state where the request goes */
export function createDynamicForwardProxyFilter(
	{ name, disabled, index, context }: FilterParts,
	savesAddress: boolean,
): HttpFilter {
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { request, route } = stream;
			if (route?.action.kind !== "forward") return "continue";
			const cluster = context.getCluster(resolveClusterName(route.action, request))?.cluster;
			if (!(cluster instanceof DynamicForwardCluster)) return "continue";
			const ofRoute = routeConfigOf(stream, name, "dynamic-forward-proxy");
			if (ofRoute !== undefined) {
				const { hostLiteral, hostHeader } = ofRoute.config;
				const host = hostLiteral !== "" ? hostLiteral : hostHeader === "" ? undefined : request.get(hostHeader);
				if (host !== undefined) request.authority = host;
			}
			const host = previewHost(route.action, request);
			if (host === "") {
				stream.sendLocalReply(emptyHost);
				return "stop";
			}
			let isInHook = true;
			let outcome: NameOutcome | undefined;
			cluster.prepare(host, (found) => {
				outcome = found;
				const problem = found === "failed" ? cluster.describeProblem(host) : "";
				if (problem !== "" && !stream.isOver) stream.setDynamicMetadata("amime", { dns_failure: problem });
				if (savesAddress && found === "found" && !stream.isOver) saveAddress(stream, cluster.addressOf(host));
				if (isInHook || stream.isOver) return;
				if (found === "found") stream.continueRequest(index);
				else stream.sendLocalReply(refusals[found]);
			});
			isInHook = false;
			if (outcome === undefined) return "stop";
			if (outcome === "found") return "continue";
			stream.sendLocalReply(refusals[outcome]);
			return "stop";
		},
	};
}

function saveAddress({ record }: FilterStream, address: ReturnType<DynamicForwardCluster["addressOf"]>): void {
	if (address === undefined) return;
	record.filterState ??= new Map();
	record.filterState.set(upstreamAddressKey, new UpstreamAddress(address.ip, address.port));
}

const emptyHost: LocalReply = { status: 400, body: "Empty host header", details: "empty_host_header", flags: 0 };

function refuse(body: string, details: string, flags = 0): LocalReply {
	return { status: 503, body, details, flags };
}

/** In the words of the resolver that Envoy uses. */
const noAddress = "dns_resolution_failure{cares_norecords:Domain_name_not_found}";

const refusals: Readonly<Record<Exclude<NameOutcome, "found">, LocalReply>> = {
	failed: refuse("DNS resolution failure", noAddress, ResponseFlag.dnsResolutionFailed),
	"hosts-overflow": refuse("DNS cache overflow", "dns_cache_overflow"),
	"requests-overflow": refuse(
		"Dynamic forward proxy pending request overflow",
		"dynamic_forward_proxy_pending_request_overflow",
	),
};
