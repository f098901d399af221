import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import {
	CheckRequestSchema,
	type CheckResponse,
	CheckResponseSchema,
} from "../../../../api/gen/envoy/service/auth/v3/external_auth_pb.js";
import type { Clock } from "../../../../core/index.ts";
import { createStreamInfo, ResponseFlag } from "../../../../engine/format/index.ts";
import { matchMetadata } from "../../../../engine/matcher/index.ts";
import type { GrpcClient, GrpcResponse } from "../../../grpc-client/index.ts";
import type { NetworkExtAuthzConfig } from "../../../runtime-config/index.ts";
import type { NetworkExtAuthzStats } from "../../../stats/index.ts";
import { createAuthorizationPeer, pickMetadata, readLabels } from "../../authorization-context.ts";
import type { DownstreamConnection, GateRefusal, NetworkGate } from "../network-filter.ts";

const checkPath = "/envoy.service.auth.v3.Authorization/Check";
const metadataNamespace = "envoy.filters.network.ext_authz";

/** What the filter needs from the proxy around it. */
export interface NetworkExtAuthzDependencies {
	readonly client: GrpcClient;
	readonly stats: NetworkExtAuthzStats;
	readonly clock: Clock;
	/** The node's, for labels of the destination. */
	readonly nodeMetadata: Readonly<Record<string, unknown>>;
}

/** Asks a service, with a connection's first byte, whether the connection may go on. Spec: `envoy.extensions.filters.network.ext_authz.v3`. */
export function createNetworkExtAuthz(config: NetworkExtAuthzConfig, deps: NetworkExtAuthzDependencies): NetworkGate {
	const { client, stats, clock } = deps;
	const labels = readLabels(config.labelsKey, deps.nodeMetadata);
	const { enabledMetadata } = config;
	const isAskedAbout = ({ facts }: DownstreamConnection): boolean =>
		enabledMetadata === undefined || matchMetadata(enabledMetadata, facts.dynamicMetadata);
	return {
		watchesBytes: enabledMetadata !== undefined,
		onFirstByte(connection) {
			// Envoy counts whenever bytes come.
			if (!isAskedAbout(connection)) stats.disabled.value++;
		},
		ask(connection, done) {
			if (!isAskedAbout(connection)) return undefined;
			const { dynamicMetadata } = connection.facts;
			const startedAt = clock.now();
			stats.total.value++;
			stats.active.value++;
			const stream = createStreamInfo(connection.facts, startedAt, clock.wall());
			const message = toBinary(CheckRequestSchema, createCheckRequest(config, connection, labels));
			const call = client.unary(checkPath, message, { stream }, (response) => {
				stats.active.value--;
				const answer = readAnswer(response);
				const isAllowed = answer !== undefined && (answer.status?.code ?? 0) === 0;
				const told = (answer?.dynamicMetadata ?? {}) as JsonObject;
				if (isAllowed) told["ext_authz_duration"] = Math.floor(clock.now() - startedAt);
				if (Object.keys(told).length > 0) dynamicMetadata?.set(metadataNamespace, told);
				(answer === undefined ? stats.error : isAllowed ? stats.ok : stats.denied).value++;
				if (isAllowed || (answer === undefined && config.allowsFailure)) {
					if (!isAllowed) stats.failure_mode_allowed.value++;
					done(undefined);
					return;
				}
				stats.cx_closed.value++;
				done(answer === undefined ? failed : denied);
			});
			return {
				cancel() {
					stats.active.value--;
					call.cancel();
				},
			};
		},
	};
}

function createCheckRequest(
	config: NetworkExtAuthzConfig,
	{ facts }: DownstreamConnection,
	labels: Readonly<Record<string, string>>,
) {
	const { tls, dynamicMetadata, serverName } = facts;
	const source = createAuthorizationPeer(facts.remote, tls?.peer);
	const destination = createAuthorizationPeer(facts.local, tls?.local);
	destination.service = serverName;
	destination.labels = { ...labels };
	if (config.includesPeerCertificate && tls?.peer !== undefined) {
		source.certificate = destination.certificate = encodeURIComponent(tls.peer.pem);
	}
	return create(CheckRequestSchema, {
		attributes: {
			source,
			destination,
			metadataContext: {
				filterMetadata: pickMetadata(config.metadataNamespaces, (name) => dynamicMetadata?.get(name)),
			},
			...(config.includesTlsSession ? { tlsSession: { sni: tls === undefined ? "" : serverName } } : {}),
		},
	});
}

/** Undefined: the service gave no answer to go by. */
function readAnswer({ code, body }: GrpcResponse): CheckResponse | undefined {
	if (code !== 0 || body === undefined) return undefined;
	try {
		return fromBinary(CheckResponseSchema, body);
	} catch (_badMessage) {
		return undefined;
	}
}

const refusal = {
	terminationDetails: "",
	closeReason: "ext_authz_close",
	delayMs: 0,
	flags: ResponseFlag.unauthorizedExternalService,
};
const denied: GateRefusal = { ...refusal, codeDetails: "ext_authz_denied" };
const failed: GateRefusal = { ...refusal, codeDetails: "ext_authz_error" };
