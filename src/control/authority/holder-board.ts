import { type Clock, type Log, MeshError } from "../../core/index.ts";
import type { HolderBoard, IssuedSvid, WaitedFor } from "../../identity/index.ts";
import { formatObjectName, type WorkloadInstance } from "../../model/index.ts";
import { type InstanceRegistry, openRecordSet, type Store } from "../../registry/index.ts";

/** One certificate of a holder, good or not. */
interface HeldCertificate {
	readonly serial: string;
	/** The root slot that it is under. */
	readonly root: string;
	/** Milliseconds since the epoch. */
	readonly until: number;
}

/** What is known of whoever holds certificates and says so: `<namespace>/<instance>`, or an agent's entry. */
interface HolderRecord {
	readonly name: string;
	/** Those that its proxy may still show, oldest first. */
	readonly certificates: readonly HeldCertificate[];
	/** The roots (`Certificate.id`) that its proxy has acknowledged. */
	readonly acknowledged: readonly string[];
	/** Milliseconds since the epoch of the newest change of `acknowledged`. */
	readonly since: number;
}

/** What a holder says of its proxy. */
export interface HolderReport {
	readonly name: string;
	/** The roots of the newest bundle that every proxy of it has acknowledged. */
	readonly acknowledged: readonly string[];
	/** The certificate that its proxy has acknowledged; older ones are not shown any more. */
	readonly serial?: string;
}

/** A proxy behind an agent. */
export interface ReportedProxy {
	readonly name: string;
	readonly acknowledged: readonly string[];
	/** Of the certificates that it shows. */
	readonly serials: readonly string[];
}

/** The holders of certificates, in the store that control planes share. */
export interface Holders extends HolderBoard {
	/** Writes down what was signed for a holder, before it gets it. */
	onSigned(name: string, issued: Pick<IssuedSvid, "serial" | "root" | "notAfter">): Promise<void>;
	onReport(report: HolderReport): Promise<void>;
	/** A holder has shown the certificate: those before it are shown no more. */
	onShown(name: string, serial: string): Promise<void>;
	/** What the proxies below a holder have acknowledged, by name; those that are left out are gone. Their certificates are those that were signed
	 *  for holders below it. */
	onProxies(parent: string, proxies: readonly ReportedProxy[]): Promise<void>;
	/** Forgets one that is waited for no more, and everybody below it. */
	removeBelow(name: string): Promise<void>;
	/** Forgets one that has ended. */
	remove(name: string): Promise<boolean>;
	close(): void;
}

const prefix = "/amime/authority/holders/";
/** A proxy shows one; the others are on their way. */
const maxCertificates = 8;
const maxHolders = 100_000;
const renewMsPerHolder = 60;
const renewBounds = { minMs: 250, maxMs: 900_000 };

/** Within how many milliseconds certificates under a root on its way out are renewed: a minute for a thousand holders. */
export function renewWithin(holders: number): number {
	return Math.min(Math.max(holders * renewMsPerHolder, renewBounds.minMs), renewBounds.maxMs);
}

/** Opens the holders of a store. Live are the instances of the registry that have a sidecar, and whoever holds a certificate that is good. */
export async function openHolders(
	store: Store,
	registry: Pick<InstanceRegistry, "list" | "watch">,
	{ clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Holders> {
	const records = await openRecordSet<HolderRecord>(store, { prefix, parse: parseRecord, clock, log });
	const busy = new Map<string, Promise<unknown>>();

	/** One change of a holder at a time: certificates and reports come side by side. */
	function change(name: string, next: (record: HolderRecord) => HolderRecord): Promise<void> {
		const turn = (busy.get(name) ?? Promise.resolve()).then(async () => {
			const known = records.get(name);
			if (known === undefined && records.list().length >= maxHolders)
				throw new MeshError("HOLDERS_FULL", `more than ${maxHolders} holders of certificates report`);
			const before = known ?? { name, certificates: [], acknowledged: [], since: clock.wall() };
			const after = next(before);
			if (after !== known) await records.put(name, after);
		});
		const settled = turn.catch(() => undefined).finally(() => busy.get(name) === settled && busy.delete(name));
		busy.set(name, settled);
		return turn;
	}

	const isGood = ({ until }: HeldCertificate): boolean => until > clock.wall();

	function* live(): Iterable<HolderRecord> {
		const seen = new Set<string>();
		for (const instance of registry.list()) {
			if (!hasProxy(instance)) continue;
			const name = formatObjectName(instance);
			seen.add(name);
			yield records.get(name) ?? { name, certificates: [], acknowledged: [], since: instance.registeredAt };
		}
		for (const record of records.list()) if (!seen.has(record.name) && record.certificates.some(isGood)) yield record;
	}

	function waitFor(isWanted: (record: HolderRecord) => boolean): WaitedFor[] {
		return [...live()]
			.filter(isWanted)
			.map(({ name, since }) => ({ name, since }))
			.sort((left, right) => (left.name < right.name ? -1 : 1));
	}

	return {
		missing: (rootIds) => waitFor(({ acknowledged }) => !rootIds.every((id) => acknowledged.includes(id))),
		holding: (root) => waitFor(({ certificates }) => certificates.some((held) => held.root === root && isGood(held))),
		count: () => [...live()].length,
		onChange(listener) {
			const stops = [records.watch(listener), registry.watch(listener)];
			return () => stops.forEach((stop) => void stop());
		},
		onSigned: (name, { serial, root, notAfter }) =>
			change(name, (record) => ({
				...record,
				certificates: [...record.certificates.filter(isGood), { serial, root, until: notAfter }].slice(
					-maxCertificates,
				),
			})),
		onReport: ({ name, acknowledged, serial }) =>
			change(name, (record) => {
				const shown = record.certificates.findIndex((held) => held.serial === serial);
				const certificates = shown > 0 ? record.certificates.slice(shown) : record.certificates;
				const isSame = record.acknowledged.join() === acknowledged.join();
				if (isSame && certificates === record.certificates) return record;
				return { ...record, certificates, acknowledged, since: isSame ? record.since : clock.wall() };
			}),
		onShown: (name, serial) =>
			change(name, (record) => {
				const shown = record.certificates.findIndex((held) => held.serial === serial);
				return shown > 0 ? { ...record, certificates: record.certificates.slice(shown) } : record;
			}),
		async onProxies(parent, proxies) {
			const prefixOfProxies = `${parent}/proxy/`;
			const below = records.list().filter(({ name }) => name.startsWith(`${parent}/`));
			const signed = below
				.filter(({ name }) => !name.startsWith(prefixOfProxies))
				.flatMap((record) => record.certificates);
			const names = new Set(proxies.map(({ name }) => prefixOfProxies + name));
			for (const { name } of below)
				if (name.startsWith(prefixOfProxies) && !names.has(name)) await records.remove(name);
			for (const { name, acknowledged, serials } of proxies) {
				const certificates = signed.filter(({ serial }) => serials.includes(serial));
				await change(prefixOfProxies + name, (record) => {
					const isSame = record.acknowledged.join() === acknowledged.join();
					const kept = serials.length === 0 ? record.certificates : certificates;
					if (isSame && JSON.stringify(kept) === JSON.stringify(record.certificates)) return record;
					return { ...record, certificates: kept, acknowledged, since: isSame ? record.since : clock.wall() };
				});
			}
		},
		async removeBelow(name) {
			for (const record of records.list())
				if (record.name === name || record.name.startsWith(`${name}/`)) await records.remove(record.name);
		},
		remove: (name) => records.remove(name),
		close: () => records.close(),
	};
}

function hasProxy({ pattern, sidecar, declaredBy }: WorkloadInstance): boolean {
	return (pattern === "sidecar" || pattern === "gateway") && sidecar !== undefined && declaredBy === undefined;
}

function parseRecord(value: unknown): HolderRecord | undefined {
	const record = value as HolderRecord | undefined;
	const isWhole =
		typeof record?.name === "string" && Array.isArray(record.certificates) && Array.isArray(record.acknowledged);
	return isWhole ? record : undefined;
}
