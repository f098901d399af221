import { randomUUID } from "node:crypto";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Clock, describeError, type Log, MeshError, type Random, type Timer } from "../../core/index.ts";
import { type ConfigStore, openRecordSet, type RecordSet, type Store } from "../../registry/index.ts";
import type { AnswerListener } from "../../xds/server/index.ts";
import { abort, advance, compare, complete, onRefused, promote } from "./advance.ts";
import type { Candidate } from "./candidate.ts";
import type { ComparedSeries } from "./judge.ts";
import {
	isRunning,
	type MemberReport,
	phaseOf,
	type Rollout,
	type RolloutObject,
	type RolloutOptions,
	watchedNodes,
} from "./rollout.ts";
import type { NodeSample } from "./sample.ts";
import type { SplitSource } from "./split-source.ts";

export interface RolloutsOptions {
	readonly store: Store;
	readonly config: Pick<ConfigStore, "put" | "remark" | "get" | "read">;
	/** Whether other control planes are on the same store. */
	readonly isShared: boolean;
	readonly split: SplitSource;
	readonly open: (objects: readonly RolloutObject[], createdAt: number) => Candidate;
	/** The nodes that are connected here. */
	readonly nodes: () => readonly Node[];
	/** What a node counted; undefined when that cannot be read. */
	readonly readFigures: (node: Node) => Promise<NodeSample | undefined>;
	/** Where the folder has an object, as `file:line`; undefined when it has not. */
	readonly placeInFolder: (object: RolloutObject) => string | undefined;
	/** Whether a change waits to become a mesh. */
	readonly isPending: () => boolean;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** How often proxies are asked; 1000 by default. */
	readonly tickMs?: number;
}

/** What is asked for. */
export interface RolloutRequest {
	readonly author: string;
	readonly objects: readonly RolloutObject[];
	readonly options: RolloutOptions;
}

/** Changes that some proxies are given first. One runs at a time; all control planes of a store see the same. */
export interface Rollouts {
	/** Newest first; of those that are over the last twenty. */
	list(): readonly Rollout[];
	/** The one that is not over. */
	running(): Rollout | undefined;
	/** @throws MeshError `ROLLOUT_RUNNING` */
	start(request: RolloutRequest): Promise<Rollout>;
	/** All may have it now.
	 *  @throws MeshError `ROLLOUT_OVER`, `ROLLOUT_UNKNOWN` */
	promote(id: string, who: string): Promise<Rollout>;
	/** Nobody may have it.
	 *  @throws MeshError `ROLLOUT_OVER`, `ROLLOUT_UNKNOWN` */
	abort(id: string, who: string): Promise<Rollout>;
	/** How canaries and others do in the present step. */
	compare(rollout: Rollout): readonly ComparedSeries[];
	/** Is told what nodes refuse. */
	readonly refused: AnswerListener["refused"];
	/** Of the running rollout. */
	candidate(): Candidate | undefined;
	close(): Promise<void>;
}

const current = "current";
const maxKept = 20;
/** How long other control planes have to say whom a change touches. */
const gatherMs = 3_000;
/** When a completed change is not in force by then, something newer is. */
const settleMs = 5_000;

/** Reads what runs, and goes on with it.
 *  @throws MeshError of the store when it cannot be read */
export async function openRollouts(options: RolloutsOptions): Promise<Rollouts> {
	const { store, clock, random, split, config, tickMs = 1_000 } = options;
	const log = options.log.child("rollout");
	const member = randomUUID();
	const records = await openRecordSet<Rollout>(store, {
		...{ prefix: "/amime/rollouts/", clock, random, log },
		parse: (value) => (isRecord(value, "id", "state") ? (value as unknown as Rollout) : undefined),
	});
	const reports = await openRecordSet<MemberReport>(store, {
		...{ prefix: "/amime/rollout-reports/", clock, random, log },
		parse: (value) =>
			isRecord(value, "member", "rolloutId", "phase") ? (value as unknown as MemberReport) : undefined,
	});
	let candidate:
		| { readonly of: string; readonly objects: readonly RolloutObject[]; readonly it: Candidate }
		| undefined;
	/** What this control plane saw in the present phase. */
	let seen: { phase: string; readonly upSince: number; readonly at: Record<string, number> } | undefined;
	let timer: Timer | undefined;
	let isClosed = false;
	let isBusy = false;

	const newest = (): Rollout | undefined => records.get(current);
	const running = (): Rollout | undefined => {
		const rollout = newest();
		return rollout !== undefined && isRunning(rollout) ? rollout : undefined;
	};

	/** Brings what is served in line with the record. */
	function follow(): void {
		const rollout = newest();
		if (rollout !== undefined && isRunning(rollout)) {
			if (candidate?.of !== rollout.id) {
				drop();
				const { id, objects, createdAt } = rollout;
				candidate = { of: id, objects, it: options.open(objects, createdAt) };
			}
			split.divide(candidate.it, new Set(rollout.order.slice(0, rollout.served).map(({ id }) => id)));
			arm();
		} else if (rollout?.state === "completed" && candidate?.of === rollout.id) {
			arm();
		} else drop();
	}

	function drop(): void {
		if (candidate === undefined) return;
		split.divide(undefined, new Set());
		candidate.it.close();
		candidate = undefined;
		seen = undefined;
	}

	function arm(): void {
		if (isClosed || timer !== undefined) return;
		timer = clock.setTimer(
			tickMs,
			() => {
				timer = undefined;
				void tick();
			},
			{ unref: true },
		);
	}

	async function tick(): Promise<void> {
		if (isBusy || isClosed) return;
		isBusy = true;
		try {
			await work();
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			log.warn("a rollout waits for the store", { problem: describeError(error) });
		} finally {
			isBusy = false;
			if (candidate !== undefined) arm();
		}
	}

	async function work(): Promise<void> {
		const rollout = newest();
		if (rollout === undefined || candidate?.of !== rollout.id) return;
		if (rollout.state === "completed") {
			if (isInForce(rollout)) drop();
			return;
		}
		if (rollout.state === "completing") return finish(rollout);
		const place = rollout.objects.map((object) => options.placeInFolder(object)).find((found) => found !== undefined);
		if (place !== undefined) {
			await change(rollout.id, (now) => abort(now, `the same object is in the folder now (${place})`, clock.wall()));
			return;
		}
		const report = await makeReport(rollout, candidate.it);
		await reports.put(member, report);
		const facts = { reports: reportsOf(rollout), gatherMs: options.isShared ? gatherMs : 0 };
		if (advance(rollout, facts, clock.wall()) === undefined) return;
		await change(rollout.id, (now) => advance(now, facts, clock.wall()));
	}

	const reportsOf = (rollout: Rollout): MemberReport[] =>
		reports.list().filter(({ rolloutId }) => rolloutId === rollout.id);

	async function makeReport(rollout: Rollout, source: Candidate): Promise<MemberReport> {
		const phase = phaseOf(rollout);
		const nodes = new Map(options.nodes().map((node) => [node.id, node]));
		if (seen?.phase !== phase) seen = { phase, upSince: clock.wall(), at: {} };
		const samples: Record<string, NodeSample> = {};
		const watched = rollout.state === "choosing" ? [] : Object.values(watchedNodes(rollout)).flat();
		await Promise.all(
			watched.map(async (id) => {
				const node = nodes.get(id);
				if (node === undefined) return;
				seen!.at[id] = clock.wall();
				const sample = await options.readFigures(node);
				if (sample !== undefined) samples[id] = sample;
			}),
		);
		const touched =
			rollout.state === "choosing" ? [...nodes.values()].filter((node) => !split.isSame(node, source)) : [];
		return {
			...{
				member,
				rolloutId: rollout.id,
				phase,
				at: clock.wall(),
				upSince: seen.upSince,
				seen: { ...seen.at },
				samples,
			},
			touched: touched.map((node) => source.describeNode(node)),
		};
	}

	/** Changes the record, and tells of what that means; undefined when there is nothing to change. */
	async function change(id: string, step: (rollout: Rollout) => Rollout | undefined): Promise<Rollout | undefined> {
		const after = await records.update(current, (now) => (now?.id === id ? step(now) : undefined));
		if (after === undefined) return undefined;
		const { author, state, reason = "" } = after;
		log.info(`audit: rollout ${state}`, { id, who: author, objects: nameObjects(after), reason });
		if (state === "taken-back" || state === "aborted")
			await config.remark(author, "canary-taken-back", `${nameObjects(after)}: ${reason}`);
		follow();
		if (state === "completing") await finish(after);
		return after;
	}

	/** Applies the objects. Whoever is quicker does; for the others nothing is left to change. */
	async function finish(rollout: Rollout): Promise<void> {
		const objects = rollout.objects.map(({ kind, namespace, name, document }) => ({ kind, namespace, name, document }));
		await config.put(objects, rollout.author, { action: "canary", note: rollout.reason ?? "" });
		await change(rollout.id, (now) => complete(now, clock.wall()));
	}

	/** Whether the mesh that all are given has the completed change. */
	function isInForce({ endedAt = 0 }: Rollout): boolean {
		if (options.isPending()) return false;
		const isApplied = (object: RolloutObject): boolean =>
			JSON.stringify(config.get(object)?.document) === JSON.stringify(object.document);
		return candidate!.objects.every(isApplied) || clock.wall() - endedAt > settleMs;
	}

	const find = (id: string): Rollout => {
		const rollout = records.list().find((candidate) => candidate.id === id);
		if (rollout !== undefined) return rollout;
		throw new MeshError("ROLLOUT_UNKNOWN", `there is no rollout '${id}': see 'amime rollout list'`);
	};
	const decide = async (id: string, step: (rollout: Rollout) => Rollout | undefined): Promise<Rollout> => {
		const { state } = find(id);
		const after = await change(id, step);
		if (after !== undefined) return after;
		throw new MeshError("ROLLOUT_OVER", `rollout ${id} is ${state}: there is nothing left to decide`);
	};
	const stop = records.watch(follow);
	follow();
	return {
		list: () => [...records.list()].sort((a, b) => b.createdAt - a.createdAt),
		running,
		async start({ author, objects, options: wanted }) {
			const now = clock.wall();
			const { revision: baseRevision } = await config.read();
			const rollout: Rollout = {
				...{ id: `r-${now.toString(36)}${randomUUID().slice(0, 3)}`, author, createdAt: now, since: now, baseRevision },
				...{
					objects,
					options: wanted,
					state: "choosing",
					touched: 0,
					order: [],
					served: 0,
					step: 0,
					bases: {},
					marks: {},
				},
			};
			const before = newest();
			if (before !== undefined && isRunning(before)) throw alreadyRuns(before);
			if (before !== undefined) await records.put(before.id, before);
			const started = await records.update(current, (now) =>
				now === undefined || now.id === before?.id ? rollout : undefined,
			);
			if (started === undefined) throw alreadyRuns(newest() ?? rollout);
			await prune(records, reports, rollout.id);
			log.info("audit: rollout begins", { id: rollout.id, who: author, objects: nameObjects(rollout) });
			follow();
			void tick();
			return rollout;
		},
		promote: (id, who) => decide(id, (rollout) => promote(rollout, who, clock.wall())),
		abort: (id, who) => decide(id, (rollout) => abort(rollout, `aborted by ${who}`, clock.wall())),
		compare: (rollout) => (isRunning(rollout) ? compare(rollout, reportsOf(rollout)) : []),
		refused(node, typeUrl, reason, resources) {
			const rollout = running();
			if (rollout === undefined || !split.isCanary(node.id)) return;
			if (!resources.some(({ name }) => split.isOfCandidate(node, typeUrl, name))) return;
			change(rollout.id, (now) => onRefused(now, node.id, reason, clock.wall())).catch((error: unknown) => {
				log.error("a refused rollout could not be taken back", { id: rollout.id, problem: describeError(error) });
			});
		},
		candidate: () => candidate?.it,
		async close() {
			isClosed = true;
			timer?.cancel();
			stop();
			// Streams are ended by now; whoever serves next serves canaries the same.
			candidate?.it.close();
			records.close();
			reports.close();
		},
	};
}

/** Keeps the newest that are over, and no reports but of the one that runs. */
async function prune(records: RecordSet<Rollout>, reports: RecordSet<MemberReport>, id: string): Promise<void> {
	const over = [...records.list()].filter((rollout) => rollout.id !== id).sort((a, b) => b.createdAt - a.createdAt);
	for (const rollout of over.slice(maxKept)) await records.remove(rollout.id);
	for (const { member, rolloutId } of reports.list()) if (rolloutId !== id) await reports.remove(member);
}

function alreadyRuns(rollout: Rollout): MeshError {
	const message = `rollout ${rollout.id} of ${nameObjects(rollout)} by ${rollout.author} is not over: wait, or 'amime rollout promote' or 'abort' it`;
	return new MeshError("ROLLOUT_RUNNING", message);
}

/** `HTTPRoute shop/reviews, Service shop/a`. */
export function nameObjects({ objects }: Pick<Rollout, "objects">): string {
	return objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).join(", ");
}

function isRecord(value: unknown, ...fields: readonly string[]): value is Record<string, unknown> {
	if (typeof value !== "object" || value === null) return false;
	return fields.every((field) => typeof (value as Record<string, unknown>)[field] === "string");
}
