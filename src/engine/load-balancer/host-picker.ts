import { assertNever, type Millis, type Random } from "../../core/index.ts";
import { EdfScheduler } from "./edf-scheduler.ts";
import { computeSlowStartFactor } from "./slow-start.ts";
import type { BalancedHost, BalancerConfig, SlowStartConfig } from "./types.ts";

/** Picks from one list of hosts that are all eligible. */
export interface HostPicker<H extends BalancedHost> {
	/** Takes a new list, or the same with other weights; keeps its place in the round. */
	setHosts(hosts: readonly H[], random: Random, now: Millis): void;
	pick(random: Random, now: Millis): H | undefined;
}

/** The balancing policies that need no hash. */
export type PickerConfig = Extract<
	BalancerConfig,
	{ kind: "round-robin" | "least-request" | "random" | "peak-ewma" | "client-side-weighted" }
>;

/** Creates the picker of a policy. */
export function createHostPicker<H extends BalancedHost>(config: PickerConfig): HostPicker<H> {
	switch (config.kind) {
		case "round-robin":
			return new RoundRobinPicker(config.slowStart);
		case "least-request":
			return new LeastRequestPicker(config);
		case "random":
			return new RandomPicker();
		case "peak-ewma":
			return new PeakEwmaPicker();
		case "client-side-weighted":
			return new ReportedWeightPicker(config.slowStart, config.updateMs);
		default:
			return assertNever(config);
	}
}

/** One of a list, each as likely as the others. */
export function pickRandom<T>(list: readonly T[], random: Random): T {
	return list[Math.floor(random.next() * list.length)]!;
}

class RandomPicker<H extends BalancedHost> implements HostPicker<H> {
	#hosts: readonly H[] = [];

	setHosts(hosts: readonly H[]): void {
		this.#hosts = hosts;
	}

	pick(random: Random): H | undefined {
		return this.#hosts.length === 0 ? undefined : pickRandom(this.#hosts, random);
	}
}

/** Of two hosts taken at random the one that costs less. */
class PeakEwmaPicker<H extends BalancedHost> implements HostPicker<H> {
	#hosts: readonly H[] = [];

	setHosts(hosts: readonly H[]): void {
		this.#hosts = hosts;
	}

	pick(random: Random, now: Millis): H | undefined {
		const hosts = this.#hosts;
		if (hosts.length < 2) return hosts[0];
		const first = Math.floor(random.next() * hosts.length);
		const second = (first + 1 + Math.floor(random.next() * (hosts.length - 1))) % hosts.length;
		return this.#costOf(hosts[second]!, now) < this.#costOf(hosts[first]!, now) ? hosts[second] : hosts[first];
	}

	#costOf(host: H, now: Millis): number {
		return (host.latency?.cost(host.activeRequests, now) ?? host.activeRequests + 1) / host.weight;
	}
}

/** In turn; by weight with a scheduler when weights differ or hosts may be warming up. */
class RoundRobinPicker<H extends BalancedHost> implements HostPicker<H> {
	readonly #slowStart: SlowStartConfig | undefined;
	#hosts: readonly H[] = [];
	#scheduler: EdfScheduler | undefined;
	/** Where the round stands; begins anywhere so that many proxies do not begin at the same host. */
	#next = -1;

	constructor(slowStart: SlowStartConfig | undefined) {
		this.#slowStart = slowStart;
	}

	setHosts(hosts: readonly H[], random: Random, now: Millis): void {
		this.#hosts = hosts;
		if (this.#next === -1) this.#next = Math.floor(random.next() * 0x7fffffff);
		if (this.#slowStart === undefined && areWeightsEqual(hosts)) {
			this.#scheduler = undefined;
			return;
		}
		this.#scheduler ??= new EdfScheduler();
		this.#scheduler.reset(hosts.length, (entry) => this.#weightOf(hosts[entry]!, now), random);
	}

	pick(_random: Random, now: Millis): H | undefined {
		const hosts = this.#hosts;
		if (hosts.length === 0) return undefined;
		if (this.#scheduler === undefined) {
			this.#next = (this.#next + 1) % hosts.length;
			return hosts[this.#next]!;
		}
		const host = hosts[this.#scheduler.peek()]!;
		this.#scheduler.requeue(this.#weightOf(host, now));
		return host;
	}

	#weightOf(host: H, now: Millis): number {
		const slowStart = this.#slowStart;
		return slowStart === undefined ? host.weight : host.weight * computeSlowStartFactor(slowStart, host, now);
	}
}

/** In turn by the weights that hosts' load reports give; the others have the median of these. Envoy gives hosts their weights once an
 *  interval, and so does this: a schedule goes by one set of weights. */
class ReportedWeightPicker<H extends BalancedHost> implements HostPicker<H> {
	readonly #inTurn: RoundRobinPicker<H>;
	readonly #updateMs: Millis;
	#hosts: readonly H[] = [];
	#updatedAt: Millis = Number.NEGATIVE_INFINITY;

	constructor(slowStart: SlowStartConfig | undefined, updateMs: Millis) {
		this.#inTurn = new RoundRobinPicker(slowStart);
		this.#updateMs = updateMs;
	}

	setHosts(hosts: readonly H[], random: Random, now: Millis): void {
		this.#hosts = hosts;
		this.#updatedAt = now;
		this.#inTurn.setHosts(hosts, random, now);
	}

	pick(random: Random, now: Millis): H | undefined {
		if (now - this.#updatedAt >= this.#updateMs) {
			this.#updatedAt = now;
			if (giveReportedWeights(this.#hosts, now)) this.#inTurn.setHosts(this.#hosts, random, now);
		}
		return this.#inTurn.pick(random, now);
	}
}

/** @returns whether a weight changed */
function giveReportedWeights(hosts: readonly BalancedHost[], now: Millis): boolean {
	const weights = hosts.map((host) => host.load?.weightAt(now));
	const known = weights.filter((weight) => weight !== undefined).sort((left, right) => left - right);
	if (known.length === 0) return false;
	const middle = known.length >> 1;
	const median = known.length % 2 === 1 ? known[middle]! : Math.floor((known[middle - 1]! + known[middle]!) / 2);
	let isChanged = false;
	for (const [index, host] of hosts.entries()) {
		const weight = weights[index] ?? median;
		if (host.weight === weight) continue;
		host.weight = weight;
		isChanged = true;
	}
	return isChanged;
}

/** The least busy of a few taken at random (or of all); with different weights a schedule by weight and load. */
class LeastRequestPicker<H extends BalancedHost> implements HostPicker<H> {
	readonly #config: Extract<PickerConfig, { kind: "least-request" }>;
	#hosts: readonly H[] = [];
	#scheduler: EdfScheduler | undefined;

	constructor(config: Extract<PickerConfig, { kind: "least-request" }>) {
		this.#config = config;
	}

	setHosts(hosts: readonly H[], random: Random, now: Millis): void {
		this.#hosts = hosts;
		if (this.#config.slowStart === undefined && areWeightsEqual(hosts)) {
			this.#scheduler = undefined;
			return;
		}
		this.#scheduler ??= new EdfScheduler();
		this.#scheduler.reset(hosts.length, (entry) => this.#weightOf(hosts[entry]!, now), random);
	}

	pick(random: Random, now: Millis): H | undefined {
		const hosts = this.#hosts;
		if (hosts.length === 0) return undefined;
		if (this.#scheduler !== undefined) {
			const host = hosts[this.#scheduler.peek()]!;
			this.#scheduler.requeue(this.#weightOf(host, now));
			return host;
		}
		return this.#config.fullScan ? this.#scan(random) : this.#pickOfFew(random);
	}

	#pickOfFew(random: Random): H {
		const hosts = this.#hosts;
		let best = pickRandom(hosts, random);
		for (let choice = 1; choice < this.#config.choiceCount; choice++) {
			const sample = pickRandom(hosts, random);
			if (sample.activeRequests < best.activeRequests) best = sample;
		}
		return best;
	}

	/** The least busy of all; among equals each is as likely. */
	#scan(random: Random): H {
		const hosts = this.#hosts;
		let best = hosts[0]!;
		let equals = 1;
		for (let index = 1; index < hosts.length; index++) {
			const host = hosts[index]!;
			if (host.activeRequests > best.activeRequests) continue;
			equals = host.activeRequests < best.activeRequests ? 1 : equals + 1;
			if (equals === 1 || random.next() * equals < 1) best = host;
		}
		return best;
	}

	#weightOf(host: H, now: Millis): number {
		const { activeRequestBias: bias, slowStart } = this.#config;
		const active = host.activeRequests + 1;
		const weight = bias === 0 ? host.weight : host.weight / (bias === 1 ? active : active ** bias);
		return slowStart === undefined ? weight : weight * computeSlowStartFactor(slowStart, host, now);
	}
}

function areWeightsEqual(hosts: readonly BalancedHost[]): boolean {
	for (let index = 1; index < hosts.length; index++) {
		if (hosts[index]!.weight !== hosts[0]!.weight) return false;
	}
	return true;
}
