import type { JsonObject } from "../../engine/matcher/index.ts";
import type { RouteTableConfig } from "../../engine/router/index.ts";
import type {
	AssignmentConfig,
	ClusterConfig,
	ExtensionConfig,
	ListenerConfig,
	RouteScopeConfig,
} from "../runtime-config/index.ts";

/** A resource that could not be put to use, and why. */
export interface ResourceProblem {
	readonly name: string;
	/** One sentence, with field paths where they are known. */
	readonly problem: string;
}

/** Takes warm listeners: their route configurations and secrets are there (or were waited for long enough). */
export interface ListenerTarget {
	/** Replaces listeners by name make-before-break, binds new ones, drains removed ones. Resolves, once sockets listen, with
	 *  those that could not be applied (an address in use); for these the earlier listener of that name goes on. */
	applyListeners(added: readonly ListenerConfig[], removed: readonly string[]): Promise<readonly ResourceProblem[]>;
}

/** Takes route configurations by name; requests that began earlier keep the table they began with. */
export interface RouteTarget {
	applyRoutes(added: readonly RouteTableConfig[], removed: readonly string[]): void;
}

/** Takes configurations of filters by name; requests that began earlier keep the filters they began with. */
export interface ExtensionTarget {
	applyExtensions(added: readonly ExtensionConfig[], removed: readonly string[]): void;
}

/** Takes scopes of routes by name. */
export interface RouteScopeTarget {
	applyScopes(added: readonly RouteScopeConfig[], removed: readonly string[]): void;
}

/** A cluster built beside the one of its name that serves. */
export interface PreparedCluster {
	/** Calls back once, when it can serve (first DNS answer, first health checks); at once when it can already. */
	onWarm(callback: () => void): void;
	/** Swaps it in for new requests; the earlier one drains. */
	activate(): void;
	/** Drops it unused. */
	discard(): void;
}

/** Takes clusters. */
export interface ClusterTarget {
	/** `assignment` is given for EDS clusters only: the endpoints known so far, or undefined when the wait for them ended. */
	prepareCluster(config: ClusterConfig, assignment: AssignmentConfig | undefined): PreparedCluster;
	removeClusters(names: readonly string[]): void;
	/** A cluster was configured, or the configuration of one that was known changed; whether it can be used or not. */
	countChange(isKnown: boolean): void;
}

/** Takes the endpoints of EDS clusters that serve already. */
export interface AssignmentTarget {
	/** `clusterName` is the cluster's name, also where its EDS service name differs. */
	applyAssignment(clusterName: string, assignment: AssignmentConfig): void;
	/** The assignment in force came once more. */
	repeatAssignment(clusterName: string): void;
}

/** Takes layers of the runtime that are resources. */
export interface RuntimeTarget {
	applyLayer(resource: string, values: JsonObject): void;
}

/** Everything the configuration goes to. */
export interface ConfigTargets {
	readonly listeners: ListenerTarget;
	readonly routes: RouteTarget;
	readonly extensions: ExtensionTarget;
	readonly scopes: RouteScopeTarget;
	readonly clusters: ClusterTarget;
	readonly assignments: AssignmentTarget;
	readonly runtime: RuntimeTarget;
}
