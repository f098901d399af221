import assert from "node:assert/strict";
import { test } from "node:test";
import { makeCertificate, makeTls } from "../../../test/support/streams.ts";
import {
	type ConnectionFacts,
	createStreamInfo,
	type RequestHead,
	type StreamInfo,
	type TlsSession,
} from "../format/index.ts";
import { parseCidr, type StringMatcher } from "../matcher/index.ts";
import { authorize, type Permission, type Principal, type RbacRules } from "./index.ts";

function createTls(uriSans: readonly string[], dnsSans: readonly string[] = [], subject = ""): TlsSession {
	return makeTls("", { peer: makeCertificate(uriSans, { dnsSans, subject }) });
}

function createStream(request: Partial<RequestHead> = {}, tls?: TlsSession): StreamInfo {
	const remote = { text: "10.0.0.7:4000", ip: "10.0.0.7", port: 4000 };
	const local = { text: "10.0.0.1:8080", ip: "10.0.0.1", port: 8080 };
	const connection: ConnectionFacts = {
		id: 1,
		remote,
		directRemote: remote,
		local,
		directLocal: local,
		serverName: "orders.shop",
		tls,
		transportFailureReason: "",
		terminationDetails: "",
		filterChainName: "",
		listenerMetadata: {},
	};
	const stream = createStreamInfo(connection, 0, 0);
	stream.request = {
		method: "GET",
		path: "/orders?id=1",
		authority: "orders",
		scheme: "http",
		headers: [],
		upgrade: undefined,
		...request,
	};
	return stream;
}

const exact = (value: string): StringMatcher => ({ kind: "exact", value, ignoreCase: false });
const header = (name: string, value: string): Permission & Principal => ({
	kind: "header",
	matcher: { name, invert: false, treatMissingAsEmpty: false, value: { kind: "string", matcher: exact(value) } },
});
const any: Permission & Principal = { kind: "any" };

function rulesOf(action: RbacRules["action"], permission: Permission, principal: Principal): RbacRules {
	return { action, policies: [{ name: "p", permissions: [permission], principals: [principal] }] };
}

test("ALLOW allows what matches, DENY what does not, LOG everything; the policy is named", () => {
	const stream = createStream();
	const never = header(":method", "POST");
	assert.deepEqual(authorize(rulesOf("allow", any, any), stream), { allowed: true, policy: "p", matched: true });
	assert.deepEqual(authorize(rulesOf("allow", never, any), stream), { allowed: false, policy: "none", matched: false });
	assert.deepEqual(authorize(rulesOf("deny", any, any), stream), { allowed: false, policy: "p", matched: true });
	assert.deepEqual(authorize(rulesOf("deny", never, any), stream), { allowed: true, policy: "none", matched: false });
	assert.deepEqual(authorize(rulesOf("log", any, any), stream), { allowed: true, policy: "p", matched: true });
	assert.deepEqual(authorize({ action: "allow", policies: [] }, stream), {
		allowed: false,
		policy: "none",
		matched: false,
	});
});

test("every kind of permission judges its part of the request", () => {
	const cases: readonly (readonly [Permission, boolean])[] = [
		[header(":method", "GET"), true],
		[header(":authority", "orders"), true],
		[header("x-absent", "1"), false],
		[{ kind: "url-path", matcher: exact("/orders") }, true],
		[{ kind: "url-path", matcher: exact("/orders?id=1") }, false],
		[{ kind: "uri-template", regex: /^\/[^/]+$/ }, true],
		[{ kind: "destination-ip", range: parseCidr("10.0.0.0", 24)! }, true],
		[{ kind: "destination-ip", range: parseCidr("10.0.1.0", 24)! }, false],
		[{ kind: "destination-port", start: 8080, end: 8081 }, true],
		[{ kind: "destination-port", start: 8000, end: 8080 }, false],
		[{ kind: "requested-server-name", matcher: exact("orders.shop") }, true],
		[{ kind: "not", rule: any }, false],
		[{ kind: "and", rules: [any, { kind: "not", rule: any }] }, false],
		[{ kind: "or", rules: [{ kind: "not", rule: any }, any] }, true],
	];
	for (const [permission, expected] of cases) {
		const verdict = authorize(rulesOf("allow", permission, any), createStream());
		assert.equal(
			verdict.allowed,
			expected,
			JSON.stringify(permission, (_key, value) => (value instanceof RegExp ? String(value) : value)),
		);
	}
});

test("an identity is a URI name, else a DNS name, else the subject; without TLS there is none", () => {
	const web = "spiffe://cluster.local/ns/shop/sa/web";
	const isWeb: Principal = { kind: "authenticated", matcher: exact(web) };
	const judge = (principal: Principal, tls?: TlsSession): boolean =>
		authorize(rulesOf("allow", any, principal), createStream({}, tls)).allowed;
	assert.equal(judge(isWeb, createTls([web])), true);
	assert.equal(judge(isWeb, createTls(["spiffe://cluster.local/ns/shop/sa/catalog"])), false);
	assert.equal(judge(isWeb), false);
	assert.equal(judge({ kind: "not", id: isWeb }), true);
	assert.equal(judge({ kind: "authenticated", matcher: undefined }), false);
	assert.equal(judge({ kind: "authenticated", matcher: undefined }, createTls([web])), true);
	assert.equal(judge({ kind: "authenticated", matcher: exact("web.shop") }, createTls([], ["web.shop"])), true);
	assert.equal(judge({ kind: "authenticated", matcher: exact("CN=web") }, createTls([], [], "CN=web")), true);
});

test("addresses of the peer count as the socket's or as forwarded", () => {
	const stream = createStream();
	stream.remote = { text: "192.0.2.9:0", ip: "192.0.2.9", port: 0 };
	const direct: Principal = { kind: "direct-remote-ip", range: parseCidr("10.0.0.7", 32)! };
	const forwarded: Principal = { kind: "remote-ip", range: parseCidr("192.0.2.0", 24)! };
	assert.equal(authorize(rulesOf("allow", any, direct), stream).allowed, true);
	assert.equal(authorize(rulesOf("allow", any, forwarded), stream).allowed, true);
	assert.equal(
		authorize(rulesOf("allow", any, { kind: "remote-ip", range: parseCidr("10.0.0.7", 32)! }), stream).allowed,
		false,
	);
});

test("HTTP conditions never match a connection without a request", () => {
	const stream = createStream();
	stream.request = undefined;
	assert.equal(authorize(rulesOf("allow", header(":method", "GET"), any), stream).allowed, false);
	assert.equal(
		authorize(rulesOf("allow", { kind: "url-path", matcher: exact("/orders") }, any), stream).allowed,
		false,
	);
});
