import { create } from "@bufbuild/protobuf";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { HTTPFaultSchema } from "../../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { RouterSchema } from "../../../api/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "../../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { adsSource, extension, packAny } from "../messages.ts";
import { faultFilterName } from "../route-per-filter.ts";

/** What `xds:///NAME` resolves to: an API listener that leads to a route configuration (gRFC A27). */
export function translateClientListener(name: string, routeName: string): Listener {
	return create(ListenerSchema, {
		name,
		apiListener: {
			apiListener: packAny(HttpConnectionManagerSchema, {
				statPrefix: name,
				routeSpecifier: { case: "rds", value: { configSource: adsSource(), routeConfigName: routeName } },
				httpFilters: [
					extension(faultFilterName, HTTPFaultSchema, {}),
					extension("envoy.filters.http.router", RouterSchema, {}),
				],
			}),
		},
	});
}
