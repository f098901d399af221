import { createWorkGate, MeshError, type WorkGate, type WorkGateOptions } from "../core/index.ts";

/** Lets only so many signatures be under way at once; whoever may not wait is refused by `SIGNING_BUSY`. */
export function createSigningGate(bounds: Omit<WorkGateOptions, "refusal"> = {}): WorkGate {
	return createWorkGate({
		...bounds,
		refusal: (waiting) => new MeshError("SIGNING_BUSY", `${waiting} signatures wait already: try again later`),
	});
}
