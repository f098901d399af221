import type { InstanceHealth, Pattern, WorkloadInstance } from "../../model/index.ts";
import type { ConfigFault } from "./workload-source.ts";

/** A process of the mesh, for people. */
export type ProcessName = "control-plane" | "sidecar" | "application";

/** What a supervisor tells while it works. */
export type SupervisorEvent =
	| { readonly kind: "output"; readonly source: string; readonly line: string; readonly stream: "out" | "err" }
	| { readonly kind: "health"; readonly instance: WorkloadInstance; readonly health: InstanceHealth }
	/** A process ended that should not have. */
	| {
			readonly kind: "exited";
			/** Undefined for the control plane. */
			readonly instance?: WorkloadInstance;
			readonly process: ProcessName;
			readonly detail: string;
			readonly restartInMs: number;
			/** The last lines of its log, where it has a file of its own. */
			readonly lastLines: readonly string[];
	  }
	/** A process did not end in time after it was asked to, and is killed. */
	| { readonly kind: "overdue"; readonly instance?: WorkloadInstance; readonly process: ProcessName }
	| { readonly kind: "control-plane-ready"; readonly isRestart: boolean }
	| { readonly kind: "port-moved"; readonly what: string; readonly from: number; readonly to: number }
	| { readonly kind: "cleaned"; readonly processes: number }
	| {
			readonly kind: "workload";
			readonly workload: string;
			readonly pattern: Pattern;
			readonly change: "added" | "changed" | "removed" | "scaled";
	  }
	/** The problems of the config have changed. */
	| { readonly kind: "problems"; readonly problems: readonly ConfigFault[] }
	| { readonly kind: "stopping" };

/** Hears what happens; must not throw. */
export type SupervisorListener = (event: SupervisorEvent) => void;
