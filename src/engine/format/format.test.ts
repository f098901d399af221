import assert from "node:assert/strict";
import { test } from "node:test";
import { makeConnection, makeRequest, makeStream, makeTls } from "../../../test/support/streams.ts";
import {
	compileJsonFormat,
	compileTextFormat,
	defaultAccessLogFormat,
	ResponseFlag,
	type StreamInfo,
} from "./index.ts";

const request = makeRequest("GET /p?q=1&r=", "x-in: abcdef", "x-empty:", "user-agent: curl", "x-request-id: id-1");
const stream = makeStream(request, {
	responseCode: 503,
	responseFlags: ResponseFlag.upstreamConnectionFailure | ResponseFlag.upstreamRetryLimitExceeded,
	responseCodeDetails: "upstream_reset",
	bytesReceived: 3,
	bytesSent: 91,
	endedAt: 1012.7,
	requestReceivedAt: 1001,
	upstreamFirstReceivedAt: 1005,
	downstreamLastSentAt: 1011,
	attemptCount: 2,
	routeName: "r1",
	upstreamClusterName: "c1",
	upstreamHost: {
		address: "10.0.0.2:80",
		hostname: "",
		metadata: { ns: { a: { b: 1 } } },
		locality: { region: "", zone: "", subZone: "" },
	},
	responseHeaders: ["x-from", "up"],
	routeMetadata: { "my.ns": { key: "meta-value" } },
	connection: makeConnection({ tls: makeTls("spiffe://td/ns/a/sa/b"), serverName: "sni.test" }),
});

const texts: readonly [format: string, text: string][] = [
	["plain", "plain"],
	["100%%", "100%"],
	["%REQ(:METHOD)% %REQ(:path)% %REQ(:authority)% %REQ(X-In)%", "GET /p?q=1&r= host.test abcdef"],
	["%REQ(x-none?x-in)%", "abcdef"],
	["%REQ(x-in):3%", "abc"],
	["%REQ(x-none)%", "-"],
	["[%REQ(x-empty)%]", "[]"],
	["%RESP(x-from)% %RESP(x-none)%", "up -"],
	["%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%", "503 UF,URX upstream_reset"],
	["%RESPONSE_FLAGS_LONG%", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"],
	["%BYTES_RECEIVED% %BYTES_SENT%", "3 91"],
	["%DURATION% %REQUEST_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%", "12 1 5 6"],
	["%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %ROUTE_NAME%", "10.0.0.2:80 c1 r1"],
	["%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_LOCAL_ADDRESS%", "2 -"],
	[
		"%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%",
		"10.0.0.9:40000 10.0.0.9 8080",
	],
	[
		"%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME%",
		"spiffe://td/ns/a/sa/b TLSv1.3 sni.test",
	],
	["%DOWNSTREAM_PEER_CERT_V_START%", "1970-01-01T00:00:00.000Z"],
	["%START_TIME%", "2024-05-06T07:08:09.123Z"],
	["%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%", "2024/05/06T07:08:09+0000 1714979289"],
	["%START_TIME(%f)% %START_TIME(%3f)% %START_TIME(%E3S)%", "123000000 123 09.123"],
	["%START_TIME(%b %e %a %j)%", "May  6 Mon 127"],
	['%UPSTREAM_METADATA(["ns", "a"])% %UPSTREAM_METADATA([ns])%', '{"b":1} -'],
	["%METADATA(ROUTE:my.ns:key)% %UPSTREAM_METADATA(ns:a)%", 'meta-value {"b":1}'],
	["%PATH(NQ)% %QUERY_PARAM(q)% %QUERY_PARAM(z)%", "/p 1 -"],
	["%REQ_WITHOUT_QUERY(:path)%", "/p"],
	["%HOSTNAME% %ENVIRONMENT(A)% %ENVIRONMENT(B)%", "me value -"],
	["%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)%", "5000"],
	["%CONNECTION_ID% %PROTOCOL%", "7 HTTP/1.1"],
	["%GRPC_STATUS%", "-"],
];

const environment = { hostname: "me", environment: (name: string) => (name === "A" ? "value" : undefined) };

for (const [format, text] of texts) {
	test(`${format} gives ${text}`, () => {
		const compiled = compileTextFormat(format, { environment });
		assert.ok(compiled.ok, compiled.ok ? "" : compiled.problem);
		assert.equal(compiled.value.format(stream), text);
	});
}

test("an unknown value is empty when asked so", () => {
	const compiled = compileTextFormat("a%REQ(x-none)%b", { missing: "" });
	assert.ok(compiled.ok);
	assert.equal(compiled.value.format(stream), "ab");
});

for (const format of [
	"%REQ(a b)%",
	"%RESP((x)%",
	"%HOSTNAME(x)%",
	"%REQUESTED_SERVER_NAME(NOPE)%",
	"%NOPE%",
	"%REQ%",
	"50%",
	"%REQ(a?b?c)%",
	"%PROTOCOL(x)%",
	"%START_TIME(%n)%",
	"%METADATA(NONE:a)%",
	"%COMMON_DURATION(A)%",
	"%unknown%",
]) {
	test(`${format} is a configuration error`, () => assert.equal(compileTextFormat(format).ok, false));
}

test("the default format prints one line as Envoy does", () => {
	const compiled = compileTextFormat(defaultAccessLogFormat);
	assert.ok(compiled.ok);
	assert.equal(
		compiled.value.format(stream),
		'[2024-05-06T07:08:09.123Z] "GET /p?q=1&r= HTTP/1.1" 503 UF,URX 3 91 12 - "-" "curl" "id-1" "host.test" "10.0.0.2:80"\n',
	);
});

test("a JSON format keeps the types of single operators and sorts keys", () => {
	const compiled = compileJsonFormat({
		z: "%RESPONSE_CODE%",
		a: "%REQ(x-in)%",
		none: "%REQ(x-none)%",
		mixed: "<%REQ(x-none)%>",
		nested: { list: ["%BYTES_SENT%", 1, true] },
		meta: "%UPSTREAM_METADATA(ns:a)%",
	});
	assert.ok(compiled.ok);
	assert.equal(
		compiled.value.format(stream),
		'{"a":"abcdef","meta":{"b":1},"mixed":"<->","nested":{"list":[91,1,true]},"none":null,"z":503}',
	);
});

test("a stream that knows only its connection formats without a fault", () => {
	const empty: StreamInfo = makeStream(undefined, { protocol: "" });
	const compiled = compileTextFormat(defaultAccessLogFormat);
	assert.ok(compiled.ok);
	assert.equal(compiled.value.format(empty), '[2024-05-06T07:08:09.123Z] "- - -" 0 - 0 0 - - "-" "-" "-" "-" "-"\n');
});
