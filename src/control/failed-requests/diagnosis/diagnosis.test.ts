import assert from "node:assert/strict";
import { test } from "node:test";
import { application, createTestMesh, parseObjects } from "../../../../test/support/control-mesh.ts";
import { tellDiagnosis } from "../../../../test/support/told-diagnosis.ts";
import { createProvenance } from "../../provenance/index.ts";
import { createMeshIndex } from "../../translate/index.ts";
import type { Prediction } from "./index.ts";

const objects = parseObjects(
	application("web"),
	application("orders"),
	`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: shop }
spec: { mtls: { mode: STRICT } }
---
apiVersion: v1
kind: Service
metadata: { name: misnamed, namespace: shop }
spec: { selector: { app: orders }, ports: [{ name: http, port: 80, targetPort: htpp }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [orders]
  http:
    - match: [{ uri: { prefix: /slow } }]
      timeout: 1s
      route: [{ destination: { host: orders } }]
    - match: [{ uri: { prefix: /typo } }]
      route: [{ destination: { host: odrers } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec:
  host: orders
  trafficPolicy:
    tls: { mode: DISABLE }
    connectionPool: { http: { http2MaxRequests: 3 } }
    outlierDetection: { consecutive5xxErrors: 2 }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner, namespace: shop }
spec:
  hosts: [partner.example.com]
  ports: [{ number: 443, name: https, protocol: HTTP }]
  resolution: STATIC
  location: MESH_EXTERNAL
  endpoints: [{ address: 192.0.2.7 }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: partner, namespace: shop }
spec:
  host: partner.example.com
  trafficPolicy:
    connectionPool: { tcp: { maxConnections: 9 } }
    portLevelSettings:
      - { port: { number: 80 }, tls: { mode: DISABLE } }
      - { port: { number: 443 }, tls: { mode: SIMPLE }, connectionPool: { tcp: { maxConnections: 1 } } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: nameless, namespace: shop }
spec: { hosts: [nobody.invalid], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS, location: MESH_EXTERNAL }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { selector: { matchLabels: { app: web } }, jwtRules: [{ issuer: "https://issuer.example", jwksUri: "https://issuer.example/keys" }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { action: DENY, selector: { matchLabels: { app: ledger } }, rules: [{ to: [{ operation: { ports: ["5000"] } }] }] }
---
apiVersion: amime.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: few, namespace: shop }
spec: { targetRefs: [{ kind: Service, name: orders }], limits: [{ name: each, requests: 2, unit: Second }] }`,
);
const index = createMeshIndex(createTestMesh(objects));
const mesh = { index, objects: () => objects, provenance: createProvenance({ index, objects }) };
const orders = "outbound|80||orders.shop.svc.cluster.local";
const rule = (at: number) => ({
	route: "orders",
	route_config: "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/orders",
	route_rule: `spec.http[${at}]`,
});

function tell(line: object, prediction?: Prediction) {
	const known = { time: "2026-01-01T00:00:00Z", status: 503, method: "GET", path: "/", authority: "orders" };
	const { told, objects: refs } = tellDiagnosis(mesh, "shop/web-0", { ...known, duration_ms: 7, ...line }, prediction);
	for (const { line: at } of refs) assert.ok(at > 0);
	return told;
}

test("plain text to a sidecar that is STRICT names the DestinationRule that has it so, and the PeerAuthentication", () => {
	const { ports, address } = index.instance({ namespace: "shop", name: "orders-0" })!;
	const found = tell({
		...{ flags: "UC", details: "upstream_reset_before_response_started{connection_termination}" },
		...{ upstream_cluster: orders, upstream_host: `${address}:${ports[0]!.meshPort}`, callee: null },
	});
	assert.equal(found.fault, "configuration");
	assert.match(
		found.why,
		/^mutual TLS is required: shop\/orders-0 is STRICT \(PeerAuthentication shop\/strict spec\.mtls\.mode\)/,
	);
	assert.match(found.why, /DestinationRule shop\/orders spec\.trafficPolicy\.tls has this proxy speak plain text/);
	assert.match(found.fix, /ISTIO_MUTUAL/);
	assert.deepEqual(found.named.slice(0, 2), [
		"DestinationRule orders spec.trafficPolicy.tls",
		"PeerAuthentication strict spec.mtls.mode",
	]);
});

test("a client that a STRICT sidecar did not let speak is told what it lacks", () => {
	const silent = { method: null, path: null, authority: null, status: 0, remote_address: "10.0.0.9:4" };
	const plain = tell({ ...silent, caller_failure: "TLS_error:|1:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER" });
	assert.match(
		plain.why,
		/mutual TLS is required, and 10\.0\.0\.9:4 spoke plain text; PeerAuthentication shop\/strict/,
	);
	assert.deepEqual(plain.named, ["PeerAuthentication strict spec.mtls.mode"]);
	const bare = tell({ ...silent, caller_failure: "TLS_error:|1:SSL:PEER_DID_NOT_RETURN_A_CERTIFICATE" });
	assert.match(bare.why, /showed no certificate, and one is required/);
	const late = tell({
		...silent,
		caller_failure:
			"X509_verify_cert:_certificate_verification_error_at_depth_0:_certificate_has_expired:TLS_error_end",
	});
	assert.match(late.why, /the certificate of 10\.0\.0\.9:4 is not accepted: certificate has expired/);
	assert.match(tell({ ...silent, flags: "NR", details: "filter_chain_not_found" }).why, /mutual TLS is required/);
});

test("a TCP session that failed is told as requests are, in words of connections", () => {
	const session = { method: null, path: null, authority: null, status: 0, remote_address: "127.0.0.1:4" };
	const { ports, address } = index.instance({ namespace: "shop", name: "orders-0" })!;
	const place = { upstream_cluster: orders, upstream_host: `${address}:${ports[0]!.meshPort}` };
	const refused = tell({
		...session,
		flags: "UF,URX",
		...place,
		upstream_failure: "delayed_connect_error:_Connection_refused",
	});
	assert.match(refused.why, /^no connection to shop\/orders-0 \(.*\): connection refused/);
	const lost = tell({ ...session, flags: "NC", missing_cluster: "outbound|80||odrers.shop.svc.cluster.local" });
	assert.match(lost.why, /leads to odrers\.shop\.svc\.cluster\.local, which no Service/);
	const denied = tell({ ...session, termination_details: "rbac_access_denied_matched_policy[none]" });
	assert.deepEqual(
		[denied.fault, denied.why],
		["policy", "no ALLOW policy matches this caller and connection, so it is denied"],
	);
	const named = tell({
		...session,
		termination_details: "rbac_access_denied_matched_policy[ns[shop]-policy[closed]-rule[0]]",
	});
	assert.deepEqual(
		[named.why, named.named],
		["denied by AuthorizationPolicy shop/closed, rules[0]", ["AuthorizationPolicy closed spec.rules[0]"]],
	);
	const stray = tell({
		...session,
		flags: "UH",
		upstream_cluster: "BlackHoleCluster",
		local_address: "192.0.2.9:5432",
	});
	assert.match(stray.why, /^192\.0\.2\.9:5432: not let out of the mesh/);
	assert.match(stray.fix, /ServiceEntry with 192\.0\.2\.9:5432/);
	const cut = tell({ ...session, flags: "UR", ...place });
	assert.deepEqual(
		[cut.fault, cut.why],
		["application", "shop/orders-0 cut the connection after 7 ms (a reset, no proper end)"],
	);
});

test("a mistyped host is told with the nearest one, whoever mistyped it", () => {
	const typed = tell({ status: 502, details: "direct_response", route: "unknown_host", authority: "ordres:80" });
	assert.deepEqual([typed.fault, typed.fix], ["caller", "did you mean 'orders'?"]);
	const routed = tell({ flags: "NC", ...rule(1), missing_cluster: "outbound|80||odrers.shop.svc.cluster.local" });
	assert.match(
		routed.why,
		/^VirtualService shop\/orders spec\.http\[1\] leads to odrers\.shop\.svc\.cluster\.local, which no/,
	);
	assert.deepEqual([routed.fault, routed.fix], ["configuration", "did you mean 'orders.shop.svc.cluster.local'?"]);
	const foreign = tell({
		status: 502,
		details: "direct_response",
		route: "unknown_host",
		authority: "api.example.net",
	});
	assert.match(foreign.why, /not let out of the mesh/);
	assert.match(foreign.fix, /ServiceEntry for api\.example\.net/);
});

test("a request that no rule takes names the object whose rules they are, or what the evaluator says of it", () => {
	const bare = tell({ status: 404, flags: "NR", details: "route_not_found", path: "/other" });
	assert.match(bare.why, /none of the rules of VirtualService shop\/orders takes GET \/other/);
	assert.deepEqual(bare.named, ["VirtualService orders"]);
	const own = tell({ status: 500, details: "direct_response", ...rule(0) });
	assert.match(own.why, /^VirtualService shop\/orders spec\.http\[0\] answers 500 itself/);
	const summary = "no route takes GET /other; the nearest wants path /slow*";
	const known = tell({ status: 404, flags: "NR", path: "/other" }, { flags: "NR", summary, because: [] });
	assert.equal(known.why, summary);
});

test("a targetPort that no workload has is told with the nearest name", () => {
	const found = tell({ flags: "UH", upstream_cluster: "outbound|80||misnamed.shop.svc.cluster.local" });
	assert.match(found.why, /its targetPort 'htpp' is no port of orders; there are http/);
	assert.deepEqual([found.fix, found.named], ["did you mean 'http'?", ["Service misnamed spec.ports[0].targetPort"]]);
});

test("a connection that could not be made is told with its endpoint, how it failed, and the ServiceEntry", () => {
	const partner = { upstream_cluster: "outbound|443||partner.example.com", upstream_host: "192.0.2.7:443" };
	const refused = tell({
		flags: "URX,UF",
		...partner,
		upstream_failure: "delayed_connect_error:_Connection_refused",
		upstream_attempts: 3,
	});
	assert.match(refused.why, /no connection to 192\.0\.2\.7:443: connection refused: nothing listens there, 3 attempts/);
	assert.deepEqual([refused.fault, refused.named], ["network", ["ServiceEntry partner spec.endpoints[0].address"]]);
	const late = tell({ flags: "UF", ...partner, details: "upstream_reset_before_response_started{connection_timeout}" });
	assert.match(late.why, /no answer within the connect timeout/);
	const verify = "X509_verify_cert:_certificate_verification_error_at_depth_0:_self_signed_certificate:TLS_error_end";
	const certificate = tell({ flags: "UF", ...partner, upstream_failure: `TLS_error:|2:SSL:${verify}` });
	assert.match(certificate.why, /its certificate is not accepted: self signed certificate/);
	assert.equal(certificate.named[0], "DestinationRule partner spec.trafficPolicy.portLevelSettings[1].tls");
	const plain = tell({
		flags: "UF",
		...partner,
		upstream_failure: "TLS_error:|3:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER",
	});
	assert.match(plain.why, /does not speak TLS on this port/);
	const nobody = tell({ flags: "UH", upstream_cluster: "outbound|80||nobody.invalid" });
	assert.match(nobody.why, /DNS gives no address for nobody\.invalid/);
	const unnamed = { flags: "UH", upstream_cluster: "outbound|80||nobody.invalid", dns_failure: "there is no name n" };
	assert.equal(tell(unnamed).why, "the endpoint has no address: there is no name n", "the name is said once");
	assert.deepEqual([nobody.fault, nobody.named], ["network", ["ServiceEntry nameless spec.hosts"]]);
});

test("a bound that was reached is told with the object that sets it", () => {
	const open = tell({ flags: "UO", upstream_cluster: orders });
	assert.match(open.why, /DestinationRule shop\/orders spec\.trafficPolicy\.connectionPool allows http2MaxRequests 3/);
	const full = tell({ flags: "UO", upstream_cluster: orders, limit: "max_requests 3" });
	assert.match(
		full.why,
		/orders\.shop.* circuit breaker is open: no more than 3 requests at once \(http2MaxRequests\)$/,
	);
	assert.equal(full.named[0], "DestinationRule orders spec.trafficPolicy.connectionPool.http.http2MaxRequests");
	assert.match(full.fix ?? "", /^raise connectionPool\.http\.http2MaxRequests if orders/);
	const both = tell({ flags: "UO", upstream_cluster: orders, limit: "max_pending_requests 1, max_connections 2" });
	assert.match(both.why, /1 waiting for a connection \(http1MaxPendingRequests\), 2 connections \(maxConnections\)$/);
	const single = tell({ flags: "UO", upstream_cluster: orders, limit: "max_requests 1, max_connections 1" });
	assert.match(single.why, /no more than 1 request at once \(http2MaxRequests\), 1 connection \(maxConnections\)$/);
	const ofPort = tell({
		...{ flags: "UO", upstream_cluster: "outbound|443||partner.example.com", limit: "max_connections 1" },
	});
	assert.equal(
		ofPort.named[0],
		"DestinationRule partner spec.trafficPolicy.portLevelSettings[1].connectionPool.tcp.maxConnections",
	);
	const waiting = tell({
		method: null,
		path: null,
		status: 0,
		flags: "URX",
		upstream_cluster: orders,
		limit: "max_pending_requests 1",
	});
	assert.match(waiting.why, /circuit breaker is open: no more than 1 waiting for a connection/);
	assert.equal(tell({ flags: "UO", details: "maintenance_mode", upstream_cluster: orders }).fault, "policy");
	const slow = tell({ flags: "UT", status: 504, ...rule(0), upstream_cluster: orders });
	assert.match(
		slow.why,
		/did not answer within 7 ms, the timeout of VirtualService shop\/orders spec\.http\[0\]\.timeout/,
	);
	const ejected = tell({ flags: "UH", upstream_cluster: orders });
	assert.match(ejected.why, /outlier detection, DestinationRule shop\/orders spec\.trafficPolicy\.outlierDetection/);
	const limited = tell({ status: 429, flags: "RL", reason: "rate limited by RateLimitPolicy shop/few, limit each" });
	assert.deepEqual([limited.fault, limited.named], ["policy", ["RateLimitPolicy few spec.limits[0]"]]);
	const head = tell({ method: null, status: 431, flags: "DPE", details: "http1.headers_too_large" });
	assert.deepEqual([head.fault, /60 KiB/.test(head.why)], ["caller", true]);
});

test("what callers and applications do themselves is theirs", () => {
	const token = tell({ status: 401, details: "jwt_authn_access_denied{Jwt_is_expired}" });
	assert.deepEqual([token.fault, token.fix], ["caller", "the caller must get a new token"]);
	assert.deepEqual(token.named, ["RequestAuthentication tokens spec.jwtRules"]);
	assert.match(tell({ flags: "DC", status: 0 }).why, /^the client went away after 7 ms/);
	const own = { upstream_cluster: "inbound|8080||", upstream_host: "127.0.0.1:8080" };
	const closed = tell({ flags: "UC", ...own });
	assert.deepEqual([closed.fault, /application of shop\/web-0 closed/.test(closed.why)], ["application", true]);
	assert.match(tell({ details: "via_upstream", ...own }).why, /application of shop\/web-0 answered 503 itself/);
	assert.equal(tell({ details: "via_upstream", upstream_cluster: orders }).fault, undefined, "another proxy knows why");
});
