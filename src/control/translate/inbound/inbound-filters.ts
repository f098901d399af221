import {
	HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
	HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert,
} from "../../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { formatObjectName, type PathNormalization, type WorkloadInstance } from "../../../model/index.ts";
import {
	allowsNothing,
	authorizationHttpFilters,
	authorizationNetworkFilters,
	summarizeAuthorization,
} from "../authorization/filters.ts";
import { findAuthorizationPolicies } from "../authorization/policies.ts";
import type { EnforcedPort } from "../authorization/rule.ts";
import { httpConnectionManager, type ProxyKind, tcpFilters } from "../http-connection-manager.ts";
import {
	type Audience,
	denialAccessLogs,
	inboundLocalReplies,
	reasonHeader,
	triedAccessLogs,
	unprocessedHeader,
} from "../local-reply.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration } from "../messages.ts";
import { blackHoleClusterName } from "../names.ts";
import { limitHttpFilters, limitsComparePaths } from "../rate-limit/filters.ts";
import { countEnforcing, findInboundLimits } from "../rate-limit/find.ts";
import { findRequestAuthentications, jwtHttpFilters } from "../request-authentication/jwt-filter.ts";

/** Where an inbound filter chain leads, and what is enforced on the way. */
export interface InboundTarget {
	readonly instance: WorkloadInstance;
	readonly kind: ProxyKind;
	/** Which port policies see. */
	readonly port: EnforcedPort;
	readonly statPrefix: string;
	/** The port that names the virtual host: of the Service that leads here, as EnvoyFilters for Istio have it. */
	readonly servicePort: number;
	readonly cluster: string;
	/** Clients come through sidecars that take a marked answer as leave to try again elsewhere; else what failed before the
	 *  application got it is tried again here. */
	readonly marksUnprocessed: boolean;
}

/** The network filters of a chain that carries HTTP; `audience` is who connects to it. */
export function inboundHttpFilters(index: MeshIndex, target: InboundTarget, audience: Audience) {
	const { instance, kind, statPrefix, marksUnprocessed } = target;
	const policies = findAuthorizationPolicies(index, instance);
	const { allowPolicies, isEnforced, comparesPaths } = summarizeAuthorization(policies);
	const limits = findInboundLimits(index, instance, target.port.kind === "one" ? target.port.port.appPort : undefined);
	const tokenFilters = jwtHttpFilters(index, findRequestAuthentications(index, instance));
	const denials = { allowPolicies, isEnforced, checksTokens: tokenFilters.length > 0 };
	const filters = [
		...tokenFilters,
		...authorizationHttpFilters(index, policies, { port: target.port, isTcp: false }),
		...limitHttpFilters(index, limits, {
			kind,
			audience,
			node: formatObjectName(instance),
			proxiesOf: (policy) => countEnforcing(index, policy),
		}),
	];
	return [
		httpConnectionManager({
			kind,
			reporter: "destination",
			statPrefix,
			routeSpecifier: { case: "routeConfig", value: inboundRoutes(target) },
			filters,
			accessLogs: [...denialAccessLogs(kind, denials), ...triedAccessLogs(policies)],
			traceSamplingPercent: index.mesh.settings.traceSamplingPercent,
			extra: {
				// The application decides about bodies that a client asks leave for.
				proxy100Continue: true,
				forwardClientCertDetails: ForwardClientCert.SANITIZE_SET,
				setCurrentClientCertDetails: { subject: true, uri: true },
				...pathOptions(index.mesh.settings.pathNormalization, comparesPaths || limitsComparePaths(limits)),
				localReplyConfig: inboundLocalReplies({
					...{ kind, audience, allowPolicies, isEnforced, marksUnprocessed },
				}),
			},
		}),
	];
}

/** The network filters of a chain that carries bytes. */
export function inboundTcpFilters(index: MeshIndex, target: InboundTarget) {
	const { instance, kind, statPrefix, cluster, port } = target;
	const policies = findAuthorizationPolicies(index, instance);
	const point = { port, isTcp: true };
	// Envoy judges a connection at its first bytes, when a server that speaks first has already answered. Where nothing can be allowed
	// there is no reason to connect.
	const reached = allowsNothing(index, policies, point) ? blackHoleClusterName : cluster;
	return [
		...authorizationNetworkFilters(index, policies, point, `${statPrefix}.`),
		...tcpFilters(kind, "destination", statPrefix, reached),
	];
}

/** Rules on paths must see what the application will understand: `/admin%2fx` and `//admin` included, unless the mesh says how far
 *  paths are normalised. */
export function pathOptions(chosen: PathNormalization | undefined, comparesPaths: boolean) {
	const level = chosen ?? (comparesPaths ? "DECODE_AND_MERGE_SLASHES" : "BASE");
	return {
		normalizePath: level !== "NONE",
		...((level === "MERGE_SLASHES" || level === "DECODE_AND_MERGE_SLASHES") && { mergeSlashes: true }),
		...(level === "DECODE_AND_MERGE_SLASHES" && {
			pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD,
		}),
	};
}

const inboundRetries = 2;

/** Everything to the application; headers between sidecars do not reach it, and it cannot set them: what it answers was processed. */
function inboundRoutes({ servicePort, cluster, marksUnprocessed }: InboundTarget) {
	return {
		name: cluster,
		virtualHosts: [
			{
				name: `inbound|http|${servicePort}`,
				domains: ["*"],
				routes: [
					{
						name: "default",
						match: { pathSpecifier: { case: "prefix" as const, value: "/" } },
						action: {
							case: "route" as const,
							value: {
								clusterSpecifier: { case: "cluster" as const, value: cluster },
								timeout: duration(0),
								...(!marksUnprocessed && {
									retryPolicy: { retryOn: "reset-before-request", numRetries: inboundRetries },
								}),
							},
						},
					},
				],
			},
		],
		// Many servers take an underscore for a dash: a client must not name itself so.
		requestHeadersToRemove: ["x-envoy-peer-metadata", "x-envoy-peer-metadata-id", "x_forwarded_client_cert"],
		// Before the sidecar's own replies are marked: `local_reply_config` has the last word.
		responseHeadersToRemove: [unprocessedHeader, reasonHeader],
		validateClusters: false,
	};
}
