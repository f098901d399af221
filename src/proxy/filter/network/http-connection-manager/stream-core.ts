import type { Millis } from "../../../../core/index.ts";
import type { ConnectionFacts } from "../../../../engine/format/index.ts";
import { type RouteEntry, type RouteTable, resolveClusterName } from "../../../../engine/router/index.ts";
import type { PassRequestHead } from "../../http/pass-head.ts";
import { StreamRecord } from "../../http/stream-record.ts";
import type { HttpConnectionManager } from "./connection-manager.ts";
import type { DownstreamStream } from "./downstream-stream.ts";

/** What a stream is to whoever looks at it: its request, its route, its record, and the places of its filters. */
export abstract class StreamCore {
	readonly manager: HttpConnectionManager;
	readonly record: StreamRecord;
	readonly downstream: DownstreamStream;
	/** Replaced by the real one when it is here. */
	request: PassRequestHead;
	route: RouteEntry | undefined = undefined;
	routeTable: RouteTable | undefined = undefined;
	isRequestComplete = false;
	isOver = false;
	/** The request's id was made here, so it is a random UUID. */
	hasOwnId = false;
	/** Whether an answer has begun its way. */
	responseStarted = false;
	#states: unknown[] | undefined;
	#isRouteStale = false;
	#randomValue = -1;

	constructor(manager: HttpConnectionManager, downstream: DownstreamStream) {
		this.manager = manager;
		this.downstream = downstream;
		const { clock } = manager.context;
		this.record = new StreamRecord(downstream.facts, clock.now(), clock.wall());
		this.request = manager.noRequest;
	}

	get connection(): ConnectionFacts {
		return this.downstream.facts;
	}

	get headLimits(): HttpConnectionManager["parserConfig"] {
		return this.manager.parserConfig;
	}

	now(): Millis {
		return this.manager.context.clock.now();
	}

	/** The number in [0, 1) of this request: the same for every decision about it. */
	get random(): number {
		if (this.#randomValue === -1) this.#randomValue = this.manager.context.random.next();
		return this.#randomValue;
	}

	routeConfig(name: string): unknown {
		return this.route?.filterConfigs.get(name);
	}

	getState(index: number): unknown {
		return this.#states?.[index];
	}

	setState(index: number, state: unknown): void {
		this.#states ??= [];
		this.#states[index] = state;
	}

	setDynamicMetadata(namespace: string, values: Readonly<Record<string, unknown>>): void {
		this.record.mergeDynamicMetadata(namespace, values);
	}

	clearRouteCache(): void {
		this.#isRouteStale = true;
	}

	/** Chooses the route again if a filter asked for it. */
	refreshRoute(): void {
		if (!this.#isRouteStale) return;
		this.#isRouteStale = false;
		this.chooseRoute();
		this.noteCluster();
	}

	/** Sets {@link route} by the request as it is. */
	protected chooseRoute(): void {
		this.route = this.routeTable?.match(this.request, this.record, this.random);
		this.noteRoute();
	}

	/** This stream goes on with the request of another one. */
	protected shareRandom(other: StreamCore): void {
		this.#randomValue = other.random;
	}

	protected noteRoute(): void {
		const { route, record } = this;
		if (route === undefined) return;
		record.routeName = route.name;
		record.routeMetadata = route.metadata;
		record.virtualHostName = route.virtualHostName;
	}

	/** Answers of filters are logged with the cluster that the request would have gone to. */
	noteCluster(): void {
		const action = this.route?.action;
		if (action?.kind !== "forward") return;
		const upstream = this.manager.context.getCluster(resolveClusterName(action, this.request));
		if (upstream === undefined) return;
		const { record } = this;
		record.upstreamClusterName = upstream.shownName;
		record.upstreamClusterRawName = upstream.cluster.name;
		record.upstreamClusterMetadata = upstream.cluster.config.metadata;
	}
}
