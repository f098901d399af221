import { create } from "@bufbuild/protobuf";
import { CorsSchema } from "../../api/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { HTTPFaultSchema } from "../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { FilterConfigSchema } from "../../api/gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js";
import {
	type HttpFilter,
	HttpFilterSchema,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { extension } from "../translate/index.ts";

export const routerName = "envoy.filters.http.router";

/** Filters that every connection manager of Istio has, in their order: most patches say where they go by one of them. */
const landmarks: ReadonlyMap<string, (name: string) => HttpFilter> = new Map([
	[
		"envoy.filters.http.grpc_stats",
		(name) =>
			create(
				HttpFilterSchema,
				extension(name, FilterConfigSchema, {
					emitFilterState: true,
					perMethodStatSpecifier: { case: "statsForAllMethods", value: { value: false } },
				}),
			),
	],
	["envoy.filters.http.fault", (name) => create(HttpFilterSchema, extension(name, HTTPFaultSchema, {}))],
	["envoy.filters.http.cors", (name) => create(HttpFilterSchema, extension(name, CorsSchema, {}))],
]);

/** The filters with the one that a patch looks for where Istio has it. Without such a patch they are left out where no route needs them:
 *  they would cost every request something. */
export function withLandmark(filters: readonly HttpFilter[], name: string | undefined): readonly HttpFilter[] {
	const make = name === undefined ? undefined : landmarks.get(name);
	if (name === undefined || make === undefined || filters.some((one) => one.name === name)) return filters;
	const order = [...landmarks.keys()];
	const later = new Set([...order.slice(order.indexOf(name) + 1), routerName]);
	const at = filters.findIndex((one) => later.has(one.name));
	return at === -1 ? filters : filters.toSpliced(at, 0, make(name));
}
