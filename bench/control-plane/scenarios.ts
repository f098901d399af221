import { readCpuSeconds } from "../support/process.ts";
import type { Check, Outcome, Row } from "../support/report.ts";
import { type Clients, connectClients, percentile } from "./measure.ts";
import { type Server, type ServerOptions, startAmime, startReference } from "./servers.ts";

/** What a scenario runs in. */
export interface ControlPlaneContext {
	readonly serverCore: number;
	readonly clientCore: number;
	readonly folder: string;
	/** Changes that are measured one by one. */
	readonly rounds: number;
	/** Seconds of the stream of changes. */
	readonly seconds: number;
}

/** One row of the table. */
export interface ControlPlaneScenario {
	readonly name: string;
	readonly title: string;
	readonly run: (context: ControlPlaneContext) => Promise<Outcome>;
}

const endpoints = 10;

/** Changes before those that count: programs that compile as they go are as they will be for days. */
const warmUps = 10;

/** Every scenario of the control-plane benchmark, in the order of the table in bench/README.md. */
export const scenarios: readonly ControlPlaneScenario[] = [
	{
		name: "endpoint",
		title:
			"1,000 delta clients, 1,000 services × 10 endpoints: an endpoint changes, until every client has acknowledged",
		run: (context) => measureChanges(context, "endpoint", 1000, 100),
	},
	{
		name: "route",
		title: "the same, a route changes",
		run: (context) => measureChanges(context, "route", 1000, 200),
	},
	{
		name: "endpoint-5000",
		title: "5,000 clients, an endpoint changes",
		run: (context) => measureChanges(context, "endpoint", 5000, 600),
	},
	{ name: "cold", title: "1,000 clients connect at once", run: measureCold },
	{ name: "stream", title: "50 endpoint changes a second, 1,000 clients", run: measureStream },
	{ name: "start", title: "5,000 services × 10 endpoints, start from the store", run: measureStart },
];

type Measured = Readonly<Record<string, number>>;

/** Runs a measurement on both control planes, one after the other. */
async function onBoth(
	context: ControlPlaneContext,
	size: { readonly services: number; readonly clients: number },
	measure: (server: Server, clients: Clients) => Promise<Measured>,
): Promise<{ readonly rows: Row[]; readonly amime: Measured }> {
	const options: ServerOptions = { core: context.serverCore, folder: context.folder, endpoints, ...size };
	const rows: Row[] = [];
	for (const start of [startAmime, startReference]) {
		const server = await start(options);
		if (server === undefined) continue;
		let clients: Clients | undefined;
		try {
			clients = await connectClients(context.clientCore, server.xdsPort, size.clients, size.services);
			rows.push({ name: server.name, values: await measure(server, clients) });
		} finally {
			clients?.stop();
			await server.stop();
		}
	}
	return { rows, amime: rows[0]!.values };
}

const now = (): number => performance.timeOrigin + performance.now();

async function measureChanges(
	context: ControlPlaneContext,
	what: "endpoint" | "route",
	count: number,
	boundMs: number,
): Promise<Outcome> {
	const { rows, amime } = await onBoth(context, { services: 1000, clients: count }, async (server, clients) => {
		const delays: number[] = [];
		const before = await clients.bytes();
		const cpuBefore = readCpuSeconds(server.child.pid!);
		for (let change = 1; change <= context.rounds + warmUps; change++) {
			const at = now();
			await server.change(what, change);
			const times = await clients.untilSeen(change);
			if (change > warmUps) delays.push(...times.map((time) => time - at));
		}
		const changes = context.rounds + warmUps;
		return {
			"p50 ms": percentile(delays, 0.5),
			"p99 ms": percentile(delays, 0.99),
			"last ms": percentile(delays, 1),
			"bytes/client": ((await clients.bytes()) - before) / changes / count,
			"CPU ms": ((readCpuSeconds(server.child.pid!) - cpuBefore) / changes) * 1000,
			MiB: server.memoryMiB(),
		};
	});
	return { rows, checks: [atMost("p99 ms until every client has acknowledged", amime["p99 ms"], boundMs)] };
}

async function measureCold(context: ControlPlaneContext): Promise<Outcome> {
	const { rows, amime } = await onBoth(context, { services: 1000, clients: 1000 }, async (server, clients) => ({
		"all served ms": clients.connectMs,
		MiB: server.memoryMiB(),
	}));
	return {
		rows,
		checks: [
			atMost("ms until all are served", amime["all served ms"], 15_000),
			atMost("MiB of the control plane", amime["MiB"], 400),
		],
	};
}

async function measureStream(context: ControlPlaneContext): Promise<Outcome> {
	const perSecond = 50;
	const { rows, amime } = await onBoth(context, { services: 1000, clients: 1000 }, async (server, clients) => {
		const sentAt = [0];
		const cpuBefore = readCpuSeconds(server.child.pid!);
		const startedAt = now();
		// The reference shows in a third of the time how it does.
		const limit = server.name === "amime" ? context.seconds : Math.min(context.seconds, 20);
		const total = limit * perSecond;
		const seen: (readonly [number, number, number])[] = [];
		for (let change = 1; change <= total; change++) {
			const due = startedAt + (change * 1000) / perSecond;
			if (due > now()) await new Promise((resolve) => setTimeout(resolve, due - now()));
			sentAt[change] = now();
			await server.change("endpoint", change);
			if (change % perSecond === 0) seen.push(...(await clients.take()));
		}
		const seconds = (now() - startedAt) / 1000;
		const cpu = readCpuSeconds(server.child.pid!) - cpuBefore;
		const last = await clients.untilSeen(total);
		seen.push(...last.map((at, client) => [total, at, client] as const));
		return {
			"changes/s": total / seconds,
			"pushes/client/s": seen.length / 1000 / seconds,
			"behind ms": findLongestDelay(seen, sentAt),
			"cores used": cpu / seconds,
		};
	});
	return {
		rows,
		checks: [
			atMost("ms that a client was behind at most", amime["behind ms"], 1000),
			atMost("cores", amime["cores used"], 1),
			{ what: "changes a second", value: amime["changes/s"], bound: perSecond * 0.95, kind: "at-least" },
		],
	};
}

/** For each client and response: how long ago the oldest change was made that it had not seen before. */
function findLongestDelay(
	seen: readonly (readonly [change: number, at: number, client: number])[],
	sentAt: readonly number[],
): number {
	const newest = new Map<number, number>();
	let longest = 0;
	for (const [change, at, client] of seen) {
		const known = newest.get(client) ?? 0;
		if (change <= known) continue;
		longest = Math.max(longest, at - sentAt[known + 1]!);
		newest.set(client, change);
	}
	return longest;
}

async function measureStart(context: ControlPlaneContext): Promise<Outcome> {
	const options = { core: context.serverCore, folder: context.folder, endpoints, services: 5000, clients: 1 };
	const server = await startAmime({ ...options, restart: true });
	try {
		const startedAt = performance.now();
		const clients = await connectClients(context.clientCore, server.xdsPort, 1, options.services);
		clients.stop();
		const firstMs = performance.now() - startedAt;
		const values = { "ready ms": server.startMs ?? Number.NaN, "first client ms": firstMs, MiB: server.memoryMiB() };
		return {
			rows: [{ name: "amime", values }],
			checks: [atMost("ms until a client is served", values["ready ms"] + firstMs, 10_000)],
		};
	} finally {
		await server.stop();
	}
}

function atMost(what: string, value: number | undefined, bound: number): Check {
	return { what, value, bound, kind: "at-most" };
}
