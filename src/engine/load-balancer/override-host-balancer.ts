import type { Millis, Random } from "../../core/index.ts";
import type {
	AssignmentTerms,
	BalancedHost,
	BalancerContext,
	LoadBalancer,
	LocalityHosts,
	OverrideHostSource,
} from "./types.ts";

/** Takes the hosts that a request names, one for each attempt, whatever their health; others come from the balancer behind.
 *  Spec: envoy.load_balancing_policies.override_host. */
export class OverrideHostBalancer<H extends BalancedHost> implements LoadBalancer<H> {
	readonly #inner: LoadBalancer<H>;
	readonly #sources: readonly OverrideHostSource[];
	#hosts: ReadonlyMap<string, H> = new Map();

	constructor(inner: LoadBalancer<H>, sources: readonly OverrideHostSource[]) {
		this.#inner = inner;
		this.#sources = sources;
	}

	setHosts(priorities: readonly (readonly LocalityHosts<H>[])[], terms: AssignmentTerms): void {
		const hosts = new Map<string, H>();
		for (const localities of priorities)
			for (const locality of localities) for (const host of locality.hosts) hosts.set(host.address, host);
		this.#hosts = hosts;
		this.#inner.setHosts(priorities, terms);
	}

	markChanged(priority: number): void {
		this.#inner.markChanged(priority);
	}

	choose(context: BalancerContext<H> | undefined, random: Random, now: Millis): H | undefined {
		if (context !== undefined) {
			const names = this.#readNames(context);
			for (let index = context.overridesTaken ?? 0; index < names.length; index++) {
				context.overridesTaken = index + 1;
				const host = this.#hosts.get(names[index]!);
				if (host !== undefined) return host;
			}
		}
		return this.#inner.choose(context, random, now);
	}

	#readNames(context: BalancerContext<H>): string[] {
		const names: string[] = [];
		for (const source of this.#sources) {
			const value =
				source.kind === "header"
					? context.getRequestHeader?.(source.name)
					: context.getDynamicMetadata?.(source.namespace, source.path);
			if (typeof value !== "string") continue;
			for (const name of value.split(",")) if (name.trim() !== "") names.push(name.trim());
		}
		return names;
	}
}
