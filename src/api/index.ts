/** The generated xDS messages, behind one registry for `google.protobuf.Any`. Messages themselves are imported from `gen/`
 *  by path, as `api/gen/envoy/config/listener/v3/listener_pb.js`; nothing in `gen/` is committed (scripts/generate-api.ts). */
export { findAnyProblem, packAny, unpackAny } from "./any.ts";
export { closeParts } from "./descriptors.ts";
export { apiRegistry, typeUrlOf } from "./registry.ts";
export {
	type DurationRules,
	type FieldRules,
	isChoiceRequired,
	type NumberRules,
	readFieldRules,
	type StringRules,
} from "./validation-rules.ts";
