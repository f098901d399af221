import { type Clock, describeError, type Log, MeshError, type Timer } from "../../core/index.ts";
import { readCertificates } from "../../identity/index.ts";
import { type NodeResources, secretType, type XdsSnapshot } from "../../xds/server/index.ts";
import type { WorkloadSvid } from "./identities.ts";

/** What a proxy has been given over SDS. */
export interface GivenSecrets {
	readonly snapshot: XdsSnapshot;
	readonly svids: readonly WorkloadSvid[];
	/** PEM of the own trust domain's roots. */
	readonly bundlePem: string;
}

/** A connection of a proxy that takes its secrets here. */
export interface ProxyConnection {
	nodes(): readonly NodeResources[];
	/** The newest; undefined before there is one. */
	given(): GivenSecrets | undefined;
	readonly pid: number;
	/** Whether its process is there still. */
	isAlive(): boolean;
	/** Lets go of the process. */
	release(): void;
}

/** What one proxy has acknowledged, as the control plane is told it. */
export interface ProxyReport {
	/** The node's id of its bootstrap, or its process. */
	readonly name: string;
	/** `Certificate.id` of the roots. */
	readonly acknowledged: readonly string[];
	/** Serial numbers of the certificates that it shows. */
	readonly serials: readonly string[];
}

/** Which roots and certificates the proxies behind an agent have acknowledged, so that a rotation waits for each of them by name. */
export interface ProxyBoard {
	/** @returns what its end is told by: a proxy that runs on without its connection is waited for still */
	add(connection: ProxyConnection): () => void;
	close(): void;
}

export interface ProxyBoardOptions {
	/** Tells the control plane of every proxy there is; those that are left out are gone. */
	readonly tell: (proxies: readonly ProxyReport[]) => Promise<void>;
	readonly clock: Clock;
	readonly log: Log;
}

interface Followed {
	readonly connection: ProxyConnection;
	readonly reports: Map<string, ProxyReport>;
	isOpen: boolean;
}

const lookMs = 500;
/** A control plane that lost its store hears everything again. */
const repeatMs = 300_000;
const maxProxies = 4_096;
const maxNameLetters = 256;

export function createProxyBoard({ tell, clock, log }: ProxyBoardOptions): ProxyBoard {
	const followed = new Set<Followed>();
	let told = { text: "[]", at: 0 };
	let timer: Timer | undefined;
	let isClosed = false;

	function look(): ProxyReport[] {
		for (const entry of followed) {
			if (entry.isOpen) readConnection(entry.connection, entry.reports);
			else if (entry.reports.size === 0 || !entry.connection.isAlive()) {
				followed.delete(entry);
				entry.connection.release();
			}
		}
		return mergeReports([...followed].flatMap(({ reports }) => [...reports.values()])).slice(0, maxProxies);
	}

	async function run(): Promise<void> {
		const proxies = look();
		const text = JSON.stringify(proxies);
		const isDue = text !== told.text || (proxies.length > 0 && clock.now() - told.at > repeatMs);
		if (!isDue) return;
		try {
			await tell(proxies);
			told = { text, at: clock.now() };
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			log.debug("acknowledgements of proxies were not taken", { reason: describeError(error) });
		}
	}

	function arm(): void {
		if (isClosed || (followed.size === 0 && told.text === "[]")) {
			timer = undefined;
			return;
		}
		timer = clock.setTimer(lookMs, () => void run().finally(arm), { unref: true });
	}

	return {
		add(connection) {
			const entry: Followed = { connection, reports: new Map(), isOpen: true };
			followed.add(entry);
			if (timer === undefined) arm();
			return () => {
				if (entry.isOpen) readConnection(connection, entry.reports);
				entry.isOpen = false;
			};
		},
		close() {
			isClosed = true;
			timer?.cancel();
			for (const { connection } of followed) connection.release();
			followed.clear();
		},
	};
}

function readConnection(connection: ProxyConnection, reports: Map<string, ProxyReport>): void {
	const given = connection.given();
	if (given === undefined) return;
	for (const { node, resources } of connection.nodes()) {
		const secrets = resources.filter(({ typeUrl }) => typeUrl === secretType);
		if (secrets.length === 0) continue;
		const name = (node.id === "" ? `pid-${connection.pid}` : node.id).slice(0, maxNameLetters);
		const before = reports.get(name) ?? { name, acknowledged: [], serials: [] };
		const wanted = given.snapshot.resources.get(secretType);
		const certificates = new Map(given.svids.map(({ svid }) => [svid.spiffeId as string, svid.serial]));
		if (given.svids[0] !== undefined) certificates.set("default", given.svids[0].svid.serial);
		const isNewest = ({ name: secret, state, version }: (typeof secrets)[number]): boolean =>
			state === "ACKED" && version === wanted?.get(secret)?.version;
		const [shown, trusted] = [
			secrets.filter((secret) => certificates.has(secret.name)),
			secrets.filter((secret) => !certificates.has(secret.name) && wanted?.has(secret.name) === true),
		];
		reports.set(name, {
			name,
			acknowledged:
				trusted.length > 0 && trusted.every(isNewest)
					? readCertificates(given.bundlePem).map(({ id }) => id)
					: before.acknowledged,
			serials:
				shown.length > 0 && shown.every(isNewest)
					? [...new Set(shown.map((secret) => certificates.get(secret.name)!))]
					: before.serials,
		});
	}
}

/** Of several connections of one proxy what all have acknowledged counts, and what any shows. */
function mergeReports(reports: readonly ProxyReport[]): ProxyReport[] {
	const merged = new Map<string, ProxyReport>();
	for (const report of reports) {
		const other = merged.get(report.name);
		merged.set(
			report.name,
			other === undefined
				? report
				: {
						name: report.name,
						acknowledged: report.acknowledged.filter((id) => other.acknowledged.includes(id)),
						serials: [...new Set([...other.serials, ...report.serials])],
					},
		);
	}
	return [...merged.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}
