/** Active health: from the results of checks to a host's health and to the time of the next check. Does not send anything.
 *  Spec: Envoy "health checking". */
export {
	type CheckResult,
	type CheckTransition,
	computeCheckInterval,
	type HealthCheckTerms,
	HostCheckState,
} from "./health-check.ts";
