import type { Runtime } from "../../engine/runtime/index.ts";
import type { RuntimeFlag } from "../runtime-config/index.ts";

/** What a runtime flag says at the moment; an absent one is on. */
export function isEnabled(flag: RuntimeFlag | undefined, runtime: Runtime): boolean {
	if (flag === undefined) return true;
	const value = runtime.get(flag.runtimeKey);
	if (value === undefined) return flag.defaultValue;
	return value === true || value === "true";
}
