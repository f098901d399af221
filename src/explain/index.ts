/** What the mesh does with a call, without making it: takes what the control plane gives to the proxies on the way, translates it with
 *  the data plane's own code and decides with the engine, so that it says what the proxies would do. Knows files and lines; opens no
 *  socket and reads no file. */

export { answerDiff, answerExplain, predict } from "./answers.ts";
export {
	type ChangeKind,
	diffWorlds,
	type FieldChange,
	type MeshDiff,
	type ObjectChange,
	type ProxyChange,
	type ResourceChange,
} from "./diff.ts";
export { evaluate } from "./evaluate.ts";
export { type Expectation, type Expected, type ReadExpectations, readExpectations } from "./expectations.ts";
export type {
	DestinationExplanation,
	Ending,
	EndpointExplanation,
	Explanation,
	HopExplanation,
	Outcome,
	PolicyExplanation,
	Query,
	RouteExplanation,
	TransportExplanation,
	WorkloadExplanation,
} from "./explanation.ts";
export { type JudgedExpectation, judgeExpectation } from "./judge.ts";
export { readQuery } from "./read-query.ts";
export { createOfflineWorld, createWorld, type World, type WorldOptions } from "./world.ts";
