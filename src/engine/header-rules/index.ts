/** Which header changes a service outside may ask for. Spec: `envoy.config.common.mutation_rules.v3.HeaderMutationRules`. */
export { checkHeaderChange, type HeaderRules } from "./header-rules.ts";
