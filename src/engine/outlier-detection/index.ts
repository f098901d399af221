/** Passive health: which hosts their answers throw out, and for how long. Spec: Envoy "outlier detection". */
export type { OutlierDetectionConfig } from "./config.ts";
export {
	computeSuccessRateThreshold,
	type EjectionCause,
	type LocalOutcome,
	OutlierDetector,
	type OutlierEvents,
	type SuccessRateThreshold,
} from "./outlier-detector.ts";
export { OutlierHost, SuccessRate } from "./outlier-host.ts";
export { overrideOutlierDetection } from "./runtime-overrides.ts";
