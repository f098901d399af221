import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsOf, staticCluster, translated, typed } from "../../../test/support/bootstraps.ts";

const exchange = {
	name: "istio.metadata_exchange",
	typed_config: {
		"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
		type_url: "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange",
		value: { protocol: "istio-peer-exchange" },
	},
};
const socket = {
	name: "tls",
	typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext", {
		common_tls_context: { alpn_protocols: ["istio-peer-exchange", "istio"] },
	}),
};

test("a protocol that is not spoken is not offered, in no socket of the cluster", () => {
	const matches = [{ name: "m", match: { tlsMode: "istio" }, transport_socket: socket }];
	const cluster = staticCluster("c1", {
		filters: [exchange],
		transport_socket: socket,
		transport_socket_matches: matches,
	});
	const [found] = translated({ clusters: [cluster] }).clusters;
	const sockets = [found?.transportSocket, found?.transportSocketMatches[0]?.socket];
	assert.deepEqual(
		sockets.map((one) => one?.kind === "tls" && one.tls.alpnProtocols),
		[["istio"], ["istio"]],
	);
});

test("other network filters of a cluster are refused", () => {
	const echo = { name: "echo", typed_config: typed("filters.network.echo.v3.Echo") };
	assert.deepEqual(problemsOf({ clusters: [staticCluster("c1", { filters: [exchange, echo] })] }), [
		"clusters[0].filters[1]: network filters of upstream connections are not supported",
	]);
});
