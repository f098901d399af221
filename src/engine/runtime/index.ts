/** Runtime values and the fractions they override. Spec: envoy.config.bootstrap.v3.LayeredRuntime. */
export {
	computeShare,
	createRuntime,
	emptyRuntime,
	findInvalidRuntimeKey,
	flattenRuntimeLayer,
	getRuntimeNumber,
	isFeatureEnabled,
	isInFraction,
	type Runtime,
	type RuntimeFraction,
} from "./runtime.ts";
