import { isIP } from "node:net";
import type { ChannelCredentials, ClientDuplexStream, Client as GrpcClient } from "@grpc/grpc-js";
import {
	clusterType,
	endpointType,
	extensionType,
	listenerType,
	routeType,
	runtimeType,
	scopedRouteType,
	secretType,
} from "../resource/type-urls.ts";
import type { ClientRequest, ClientResponse, ClientVariant } from "./client-state.ts";
import { decodeResponse, encodeRequest } from "./codec.ts";

/** A management server: where, and how to speak to it. */
export interface XdsTarget {
	/** `host:port` or `unix:/path`; tried in turn, one a connection. Never empty. */
	readonly addresses: readonly string[];
	/** The `:authority` of requests. */
	readonly authority: string;
	/** Asked for each connection; plain text without it. */
	readonly tls: (() => XdsTls) | undefined;
	/** Sent with every stream. */
	readonly metadata: readonly { readonly key: string; readonly value: string }[];
	/** HTTP/2 pings on a quiet connection; 0 sends none. */
	readonly keepaliveMs: number;
}

/** TLS towards a management server; certificates and keys are PEM. */
export interface XdsTls {
	/** The system's roots without it. */
	readonly ca: Buffer | undefined;
	readonly cert: Buffer | undefined;
	readonly key: Buffer | undefined;
	/** SNI; empty for none. */
	readonly serverName: string;
	readonly rejectUnauthorized: boolean;
	/** Checks the server's certificate (DER) beyond its chain; answers why it is refused. */
	verify(leaf: Buffer): string | undefined;
}

/** Which service carries the stream: all types together, or one. */
export type XdsService = "ads" | "cds" | "ecds" | "eds" | "lds" | "rds" | "rtds" | "sds" | "srds";

const servicePaths: Record<XdsService, readonly [service: string, noun: string]> = {
	ads: ["discovery.v3.AggregatedDiscoveryService", "AggregatedResources"],
	cds: ["cluster.v3.ClusterDiscoveryService", "Clusters"],
	ecds: ["extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs"],
	eds: ["endpoint.v3.EndpointDiscoveryService", "Endpoints"],
	lds: ["listener.v3.ListenerDiscoveryService", "Listeners"],
	rds: ["route.v3.RouteDiscoveryService", "Routes"],
	rtds: ["runtime.v3.RuntimeDiscoveryService", "Runtime"],
	sds: ["secret.v3.SecretDiscoveryService", "Secrets"],
	srds: ["route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes"],
};

/** The service that carries `typeUrl` alone. */
export function serviceOfType(typeUrl: string): XdsService | undefined {
	const services: Readonly<Record<string, XdsService>> = {
		[clusterType]: "cds",
		[endpointType]: "eds",
		[listenerType]: "lds",
		[routeType]: "rds",
		[secretType]: "sds",
		[extensionType]: "ecds",
		[runtimeType]: "rtds",
		[scopedRouteType]: "srds",
	};
	return services[typeUrl];
}

/** One gRPC stream on a connection of its own. */
export interface DiscoveryStream {
	/** @returns whether more can be sent; otherwise `drained` is called when it can */
	send(request: ClientRequest): boolean;
	/** Responses one after the other: the next is read when the earlier one was dealt with. Throws when the stream breaks. */
	responses(): AsyncIterable<ClientResponse>;
	close(): void;
}

/** Opens a stream; `attempt` chooses among the target's addresses. The library is loaded at the first call, so that a proxy
 *  without management servers does not carry it. */
export async function openDiscoveryStream(
	target: XdsTarget,
	service: XdsService,
	variant: ClientVariant,
	attempt: number,
	drained: () => void,
): Promise<DiscoveryStream> {
	const grpc = await import("@grpc/grpc-js");
	const tls = target.tls?.();
	const address = target.addresses[attempt % target.addresses.length] as string;
	const client: GrpcClient = new grpc.Client(address, createCredentials(grpc, tls), {
		"grpc.use_local_subchannel_pool": 1,
		"grpc.max_receive_message_length": -1,
		"grpc.default_authority": target.authority,
		"grpc.enable_retries": 0,
		"grpc.service_config_disable_resolution": 1,
		...(tls === undefined ? {} : nameServer(tls, address)),
		...(target.keepaliveMs === 0 ? {} : { "grpc.keepalive_time_ms": target.keepaliveMs }),
	});
	const metadata = new grpc.Metadata();
	for (const { key, value } of target.metadata) metadata.add(key, value);
	const [name, noun] = servicePaths[service];
	const call: ClientDuplexStream<ClientRequest, ClientResponse> = client.makeBidiStreamRequest(
		`/envoy.service.${name}/${variant === "delta" ? "Delta" : "Stream"}${noun}`,
		encodeRequest,
		(bytes) => decodeResponse(variant, bytes),
		metadata,
	);
	// The reader of `responses` learns of errors; without a listener an early one would end the process.
	call.on("error", () => undefined);
	call.on("drain", drained);
	return {
		send: (request) => call.write(request),
		responses: () => call,
		close() {
			call.cancel();
			client.close();
		},
	};
}

/** The SNI. The library knows no way to send none and takes the address instead, which TLS forbids for anything but a DNS name; whose certificate
 *  it is does not depend on it (`verify`). */
function nameServer({ serverName }: XdsTls, address: string): Readonly<Record<string, string>> {
	const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
	const isName = isIP(host) === 0 && !address.startsWith("unix:");
	if (serverName === "" && isName) return {};
	return { "grpc.ssl_target_name_override": serverName === "" ? "xds.invalid" : serverName };
}

function createCredentials(grpc: typeof import("@grpc/grpc-js"), tls: XdsTls | undefined): ChannelCredentials {
	if (tls === undefined) return grpc.credentials.createInsecure();
	return grpc.credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null, {
		rejectUnauthorized: tls.rejectUnauthorized,
		checkServerIdentity(_host, certificate) {
			const reason = tls.verify(certificate.raw);
			return reason === undefined ? undefined : new Error(`certificate of the management server: ${reason}`);
		},
	});
}
