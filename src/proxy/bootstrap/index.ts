/** Text to bootstrap message: YAML or JSON as Envoy takes it, every unknown field and wrong type reported with its path.
 *  What the fields mean is runtime-config's part. Spec: protobuf JSON mapping, envoy.config.bootstrap.v3. */
export {
	mergeBootstrap,
	parseBinaryBootstrap,
	parseBootstrap,
	parseMessage,
	readJsonMessage,
	type TextFormat,
} from "./parse.ts";
export { parseYaml } from "./yaml.ts";
