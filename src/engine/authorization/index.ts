/** Role-based access control: which policy allows or denies a connection or request. Spec: envoy.config.rbac.v3. */
export { authorize, type RbacVerdict, UpstreamAddress, upstreamAddressKey } from "./authorize.ts";
export { explainDenial, type FailedCondition, formatDenial, type UnmetPolicy } from "./explain-denial.ts";
export type {
	MatchAction,
	MatchInput,
	MatchInputReader,
	MatchOutcome,
	MatchPredicate,
	MatchTree,
} from "./match-tree.ts";
export { evaluateTree, evaluateTreeBy, hasLogAction, readMatchInput } from "./match-tree.ts";
export type { Permission, Principal, RbacConfig, RbacPolicy, RbacRules } from "./types.ts";
