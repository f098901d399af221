import type { Pattern, PortProtocol } from "./instance.ts";
import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** A process to run, `amime.dev/v1alpha1` Workload. */
export interface Workload extends ObjectName {
	/** With `app`, the name of the workload unless the document gives another. */
	readonly labels: Labels;
	/** Program and arguments; run in the folder of the document. */
	readonly command: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	readonly ports: readonly WorkloadPort[];
	/** 1 by default; 0 to 100. */
	readonly replicas: number;
	/** `default` by default. */
	readonly serviceAccount: string;
	readonly pattern: Pattern;
	readonly sidecar: "amime" | "envoy";
	readonly readiness?: ReadinessProbe;
	/** Path of a page for people, whose address `amime up` prints; from the annotation `amime.dev/open`. */
	readonly openPath?: string;
	/** The folder the document was read from: the working directory of the process. */
	readonly folder?: string;
	readonly source: Source;
}

export interface WorkloadPort {
	readonly name: string;
	readonly protocol: PortProtocol;
	/** The port the application listens on; without it a free one is chosen and given as `PORT` and `PORT_<NAME>`. */
	readonly port?: number;
}

/** When a process counts as ready: an HTTP answer below 400, or an accepted connection when `path` is absent. */
export interface ReadinessProbe {
	readonly path?: string;
	/** Name of the port asked. */
	readonly port: string;
	readonly intervalMs: number;
	readonly timeoutMs: number;
}
