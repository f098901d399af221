import { type HeaderList, setHeader } from "../../core/index.ts";
import type { StreamInfo } from "../../engine/format/index.ts";
import { anyHost } from "../../engine/load-balancer/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import type { UpstreamCluster, UpstreamContext } from "../connection-pool/index.ts";
import type { GrpcServiceConfig } from "../runtime-config/index.ts";
import type { GrpcClient, GrpcResponse, GrpcStreamHandlers } from "./grpc-client.ts";
import { GrpcExchange } from "./grpc-exchange.ts";
import { HostSession, type SessionWaiter } from "./host-session.ts";

/** What calls need of the proxy. */
export interface GrpcContext extends UpstreamContext {
	getCluster(name: string): UpstreamCluster | undefined;
	/** Put into x-forwarded-for. */
	readonly localAddress: string;
}

/** The clients of a proxy; calls to one host share connections. */
export interface GrpcClients {
	/** A client of the service; the cluster is looked up at each call. */
	client(service: GrpcServiceConfig): GrpcClient;
	/** Ends every connection. */
	close(): void;
}

/** The connection an exchange got, or is promised. */
export interface SessionGrant {
	readonly cluster: Cluster;
	readonly host: Host;
	readonly session: HostSession;
	/** Gives the circuit breaker's request back. */
	release(): void;
}

/** Creates the clients of a proxy. */
export function createGrpcClients(context: GrpcContext): GrpcClients {
	const sessions = new Map<Host, HostSession[]>();
	const watched = new WeakSet<Cluster>();

	function watch(cluster: Cluster): void {
		if (watched.has(cluster)) return;
		watched.add(cluster);
		const drain = (host: Host): void => {
			for (const session of [...(sessions.get(host) ?? [])]) session.drain();
		};
		cluster.onHostsChanged((_added, removed) => removed.forEach(drain));
		cluster.onDrainConnections(drain);
		cluster.onCloseConnections((host) => {
			for (const session of [...(sessions.get(host) ?? [])]) session.close();
		});
	}

	function sessionOf(upstream: UpstreamCluster, host: Host, authority: string): HostSession | undefined {
		const { cluster } = upstream;
		const known = sessions.get(host) ?? [];
		const usable = known.find((session) => session.hasRoom);
		if (usable !== undefined) return usable;
		const resources = cluster.resources("default");
		const isCounted = resources.tryAcquireConnection();
		if (!isCounted) {
			cluster.stats.upstream_cx_overflow.value++;
			// One connection a host is always allowed, or nothing would ever be sent.
			if (known.length > 0) return undefined;
		}
		let isListed = true;
		const request = { method: "POST", path: "/", authority, scheme: "http", headers: [], upgrade: undefined };
		const serverName = upstream.serverNameOf(request) ?? (host.hostname || undefined);
		const session = new HostSession(context, cluster, host, serverName, (gone) => {
			if (!isListed) return;
			isListed = false;
			if (isCounted) resources.releaseConnection();
			const rest = (sessions.get(host) ?? []).filter((other) => other !== gone);
			if (rest.length > 0) sessions.set(host, rest);
			else sessions.delete(host);
		});
		sessions.set(host, [...known, session]);
		return session;
	}

	function acquire(clusterName: string, authority: string, waiter: SessionWaiter): SessionGrant | string {
		const upstream = context.getCluster(clusterName);
		if (upstream === undefined) return `cluster ${clusterName} does not exist`;
		const { cluster } = upstream;
		watch(cluster);
		const host = cluster.chooseHost(anyHost);
		if (host === undefined) {
			cluster.stats.upstream_cx_none_healthy.value++;
			cluster.responses.all.count(503);
			cluster.responses.internal.count(503);
			return "no healthy upstream";
		}
		const resources = cluster.resources("default");
		const session = resources.tryAcquireRequest() ? sessionOf(upstream, host, authority) : undefined;
		if (session === undefined) {
			cluster.stats.upstream_rq_pending_overflow.value++;
			return "upstream connect error or disconnect/reset before headers. reset reason: overflow";
		}
		session.acquire(waiter);
		return { cluster, host, session, release: () => resources.releaseRequest() };
	}

	function headersOf(
		service: GrpcServiceConfig,
		path: string,
		metadata: HeaderList,
		stream: StreamInfo | undefined,
	): HeaderList {
		const headers: HeaderList = ["te", "trailers", "content-type", "application/grpc"];
		for (const { key, value, formatter } of service.initialMetadata) {
			// As in Envoy: a call for no stream sends formats as they are written.
			headers.push(key, stream === undefined ? value : formatter.format(stream));
		}
		for (let index = 0; index < metadata.length; index += 2) setHeader(headers, metadata[index]!, metadata[index + 1]!);
		if (!service.skipEnvoyHeaders) headers.push("x-envoy-internal", "true", "x-forwarded-for", context.localAddress);
		return [":method", "POST", ":path", path, ":authority", authorityOf(service), ":scheme", "http", ...headers];
	}

	function start(
		service: GrpcServiceConfig,
		path: string,
		options: { timeoutMs: number; metadata: HeaderList | undefined; stream: StreamInfo | undefined },
		handlers: GrpcStreamHandlers,
	): GrpcExchange {
		const headers = headersOf(service, path, options.metadata ?? [], options.stream);
		return new GrpcExchange({
			clock: context.clock,
			deadlines: context.deadlines,
			headers,
			timeoutMs: options.timeoutMs,
			maxMessageBytes: service.maxReceiveMessageBytes || defaultMaxMessageBytes,
			acquire: (waiter) => acquire(clusterNameOf(service), authorityOf(service), waiter),
			handlers,
		});
	}

	return {
		client: (service) => ({
			clusterName: clusterNameOf(service),
			unary(path, message, options, done) {
				const { timeoutMs = service.timeoutMs, metadata, stream } = options;
				let body: Buffer | undefined;
				let headers: HeaderList = [];
				const exchange = start(
					service,
					path,
					{ timeoutMs, metadata, stream },
					{
						onHeaders(received) {
							headers = received;
						},
						onMessage(received) {
							body = received;
						},
						onEnd(status) {
							const isMissing = status.code === 0 && body === undefined;
							const end = isMissing ? { ...status, code: 13, message: "the answer has no message" } : status;
							done({ ...end, body: end.code === 0 ? body : undefined, headers } satisfies GrpcResponse);
						},
					},
				);
				exchange.send(message);
				exchange.end();
				return exchange;
			},
			stream: (path, handlers, { timeoutMs = 0, metadata, stream } = {}) =>
				start(service, path, { timeoutMs, metadata, stream }, handlers),
		}),
		close() {
			for (const session of [...sessions.values()].flat()) session.close();
		},
	};
}

const defaultMaxMessageBytes = 4 * 1024 * 1024;

function clusterNameOf({ target }: GrpcServiceConfig): string {
	return target.kind === "cluster" ? target.name : target.uri;
}

function authorityOf({ target }: GrpcServiceConfig): string {
	return target.kind === "cluster" ? target.authority : target.uri;
}
