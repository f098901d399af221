import type { ChildProcess } from "node:child_process";
import { findFreePort } from "../../test/support/free-port.ts";
import type { PairFiles } from "./configs.ts";
import { type PeerName, startHop } from "./peers.ts";

/** One row of the proxy benchmark. */
export interface Scenario {
	readonly name: string;
	readonly title: string;
	readonly connections: number;
	readonly bodyBytes: number;
	/** Who can play it. */
	readonly peers: readonly PeerName[];
	/** What the ratio to Envoy's throughput must reach. */
	readonly mustRatio: number;
	/** What the ratio to Envoy's 99th percentile must stay below; undefined when it is only reported. */
	readonly maxP99Ratio: number | undefined;
	/** Starts the proxies of one peer in front of the backend. */
	readonly start: (context: StartContext) => Promise<StartedPeer>;
}

export interface StartContext {
	readonly peer: PeerName;
	readonly core: number;
	readonly backendPort: number;
	readonly folder: string;
	readonly files: PairFiles;
}

/** A peer under load: the port that load goes to and the processes to end. */
export interface StartedPeer {
	readonly port: number;
	readonly children: readonly ChildProcess[];
}

export const scenarios: readonly Scenario[] = [
	{
		name: "http1-plain",
		title: "HTTP/1.1 plain, 32 connections, 100-byte body",
		connections: 32,
		bodyBytes: 100,
		peers: ["amime", "envoy", "nginx", "haproxy"],
		mustRatio: 1.7,
		maxP99Ratio: 1,
		start: startPlain,
	},
	{
		name: "mtls-pair",
		title: "sidecar pair, mutual TLS between, 32 connections, 100-byte body",
		connections: 32,
		bodyBytes: 100,
		peers: ["amime", "envoy"],
		mustRatio: 1.5,
		maxP99Ratio: undefined,
		start: startMutualTlsPair,
	},
];

async function startPlain({ peer, core, backendPort, folder }: StartContext): Promise<StartedPeer> {
	const port = await findFreePort();
	const hop = { adminPort: await findFreePort(), listenPort: port, upstreamPort: backendPort };
	return { port, children: [await startHop(peer, core, hop, folder, `${peer}-plain`)] };
}

async function startMutualTlsPair({ peer, core, backendPort, folder, files }: StartContext): Promise<StartedPeer> {
	const outerPort = await findFreePort();
	const innerPort = await findFreePort();
	const inner = await startHop(
		peer,
		core,
		{
			adminPort: await findFreePort(),
			listenPort: innerPort,
			upstreamPort: backendPort,
			tls: { side: "downstream", files },
		},
		folder,
		`${peer}-inbound`,
	);
	const outer = await startHop(
		peer,
		core,
		{
			adminPort: await findFreePort(),
			listenPort: outerPort,
			upstreamPort: innerPort,
			tls: { side: "upstream", files },
		},
		folder,
		`${peer}-outbound`,
	);
	return { port: outerPort, children: [outer, inner] };
}
