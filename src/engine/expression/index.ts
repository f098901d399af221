/** Expressions in the Common Expression Language about requests and connections: values, functions, and the attributes of a stream by
 *  name. Takes parsed expressions; comprehensions are left out, as Envoy leaves them out. Spec: CEL's language definition, and
 *  Envoy's "attributes". */
export { readAttribute } from "./attributes.ts";
export { evaluate, matchesExpression } from "./evaluate.ts";
export type { Expression } from "./expression.ts";
export { compilePattern, findFunction } from "./functions.ts";
export { formatValue, instantOf, isFailure, Span, spanOf, toJson, Unsigned, type Value } from "./values.ts";
