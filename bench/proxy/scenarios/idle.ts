import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { findFreePort } from "../../../test/support/free-port.ts";
import { medianOf } from "../../support/median.ts";
import { readCpuSeconds, stopProcess, waitForHttp } from "../../support/process.ts";
import type { Hop } from "../configs.ts";
import { type PeerName, startHop } from "../peers.ts";
import { type Check, divide, type Outcome, type Row, type ScenarioContext } from "../scenario.ts";

const idleConnections = 10_000;
const batch = 200;

interface IdleResult {
	readonly startMs: number;
	readonly startCpuMs: number;
	readonly privateMiB: number;
	readonly connectionsMiB: number;
}

/** Start to first request, private memory when idle, and what 10,000 connections that say nothing add to it. */
export async function runIdle(context: ScenarioContext): Promise<Outcome> {
	const results = new Map<PeerName, IdleResult>();
	for (const peer of (["amime", "envoy"] as const).filter((name) => context.available.includes(name))) {
		const starts: IdleResult[] = [];
		const neighbour = await startNeighbour(context, peer);
		try {
			for (let round = 0; round < context.rounds; round++) starts.push(await measure(context, peer, round === 0));
		} finally {
			await stopProcess(neighbour);
		}
		const median = (key: keyof IdleResult): number => medianOf(starts, (one) => one[key]);
		results.set(peer, {
			startMs: median("startMs"),
			startCpuMs: median("startCpuMs"),
			privateMiB: median("privateMiB"),
			connectionsMiB: median("connectionsMiB"),
		});
	}
	return describe(results);
}

/** A second sidecar of the same kind, as on any machine of a mesh: the kernel counts the text of a program that only one process runs as
 *  private to it, so that alone Envoy would seem to take 48 MiB more than it does beside another, and a Node that is not the bench's as much. */
async function startNeighbour(context: ScenarioContext, peer: PeerName): Promise<ChildProcess> {
	return startHop(peer, context.proxyCore, await createHop(context), context.folder, `${peer}-neighbour`);
}

async function createHop({ backend }: ScenarioContext): Promise<Hop> {
	return { adminPort: await findFreePort(), listenPort: await findFreePort(), upstreamPort: backend.port };
}

async function measure(context: ScenarioContext, peer: PeerName, opensConnections: boolean): Promise<IdleResult> {
	const hop = await createHop(context);
	const startedAt = performance.now();
	const child = await startHop(peer, context.proxyCore, hop, context.folder, `${peer}-idle`);
	try {
		await waitForHttp(hop.listenPort, "/", child);
		const startMs = performance.now() - startedAt;
		const pid = findProxyPid(child.pid!);
		const startCpuMs = readCpuSeconds(pid) * 1000;
		await settle();
		const privateMiB = readPrivateMiB(pid);
		let connectionsMiB = Number.NaN;
		if (opensConnections) {
			const sockets = await openConnections(hop.listenPort);
			await settle();
			connectionsMiB = readPrivateMiB(pid) - privateMiB;
			for (const socket of sockets) socket.destroy();
		}
		return { startMs, startCpuMs, privateMiB, connectionsMiB };
	} finally {
		await stopProcess(child);
	}
}

/** Memory is read when nothing moves any more. */
function settle(): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, 3000));
}

/** The last process of the chain: a launcher may stand in front of it. */
function findProxyPid(pid: number): number {
	const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
	return children === "" ? pid : findProxyPid(Number(children.split(" ")[0]));
}

function readPrivateMiB(pid: number): number {
	const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
	const of = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1] ?? 0);
	return (of("Private_Clean") + of("Private_Dirty")) / 1024;
}

async function openConnections(port: number): Promise<Socket[]> {
	const sockets: Socket[] = [];
	while (sockets.length < idleConnections) {
		const opening = Array.from({ length: batch }, () => open(port));
		sockets.push(...(await Promise.all(opening)));
	}
	return sockets;
}

function open(port: number): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const socket = connect({ port, host: "127.0.0.1" }, () => resolve(socket));
		socket.once("error", reject);
	});
}

function describe(results: ReadonlyMap<PeerName, IdleResult>): Outcome {
	const rows: Row[] = [...results].map(([name, result]) => ({
		name,
		values: {
			"start ms": result.startMs,
			"start CPU ms": result.startCpuMs,
			"private MiB": result.privateMiB,
			"10k conn. MiB": result.connectionsMiB,
		},
	}));
	const [amime, envoy] = [results.get("amime"), results.get("envoy")];
	const check = (what: string, key: keyof IdleResult): Check => ({
		what: `${what} / Envoy's`,
		value: divide(amime?.[key], envoy?.[key]),
		bound: 1.5,
		kind: "at-most",
	});
	return {
		rows,
		checks: [
			check("start to first request", "startMs"),
			check("private memory of an idle sidecar", "privateMiB"),
			check("private memory of 10,000 idle connections", "connectionsMiB"),
		],
	};
}
