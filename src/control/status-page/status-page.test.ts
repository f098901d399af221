import assert from "node:assert/strict";
import { test } from "node:test";
import { application, createTestMesh, parseObjects } from "../../../test/support/control-mesh.ts";
import { createMeshIndex } from "../translate/index.ts";
import { findLateCertificates, formatStatusPage, type StatusView } from "./index.ts";

const index = createMeshIndex(createTestMesh(parseObjects(application("web"))));
const now = Date.parse("2026-01-01T12:00:00Z");
const empty: StatusView = {
	...{ index, statuses: [], problems: [], failures: [], late: [], history: [], rollout: undefined, now },
};

test("what strangers sent is text on the page and no part of it", () => {
	const failure = {
		...{ proxy: "shop/web-0", time: "2026-01-01T00:00:00Z", status: 403, request_id: `"><script>1</script>` },
		...{ method: "GET", authority: "<b>", path: "/<img src=x onerror=alert(1)>", flags: null, details: "&amp;" },
		...{
			reason: null,
			would_deny: null,
			audited: null,
			termination_details: null,
			duration_ms: 1,
			route: null,
			route_config: null,
			route_rule: null,
			upstream_cluster: null,
		},
		...{
			explanation: [],
			objects: [],
			fault: null,
			fix: "drop <u>it",
			missing_cluster: null,
			limit: null,
			dns_failure: null,
			server_name: null,
			upstream_host: null,
		},
		...{
			upstream_attempts: null,
			upstream_failure: null,
			caller_failure: null,
			callee: null,
			local_address: null,
			remote_address: null,
		},
	};
	const { body } = formatStatusPage({ ...empty, failures: [failure] });
	const text = String(body);
	assert.doesNotMatch(text, /<img|<b>|<u>|<script>1/);
	assert.ok(text.includes("GET &lt;b&gt;/&lt;img src=x onerror=alert(1)&gt;"));
	assert.ok(text.includes("<code>amime why &quot;&gt;&lt;script&gt;1&lt;/script&gt;</code>"));
	assert.ok(text.includes("&amp;amp;"));
	assert.ok(text.includes("→ drop &lt;u&gt;it"), "what helps");
});

test("a change that only some proxies have is told at the top", () => {
	const { body } = formatStatusPage({ ...empty, rollout: "HTTPRoute shop/web by ann" });
	assert.match(String(body), /A change is being rolled out: HTTPRoute shop\/web by ann \(<code>amime rollout/);
});

test("letters that turn the direction of text turn none of the page's own words", () => {
	const { body } = formatStatusPage({ ...empty, rollout: "HTTPRoute shop/web\u202e by \u2066ann" });
	assert.doesNotMatch(String(body), /[\u202e\u2066]/);
	assert.match(String(body), /shop\/web\ufffd by \ufffdann \(/);
});

test("certificates without a successor in time are told, those that nobody needs any more are not", () => {
	const hour = 3_600_000;
	const leaf = (name: string, ageHours: number) => ({
		...{ spiffeId: `spiffe://cluster.local/ns/shop/sa/${name}`, serial: "1" },
		notBefore: new Date(now - ageHours * hour).toISOString(),
		notAfter: new Date(now + (24 - ageHours) * hour).toISOString(),
	});
	const slot = (phase: string, ageHours: number) => ({
		...{ name: phase, phase, notBefore: now - ageHours * hour, notAfter: now + (24 - ageHours) * hour },
	});
	const slots = { roots: [slot("active", 10), slot("retired", 23)], issuers: [slot("active", 21)] };
	const find = (...leaves: ReturnType<typeof leaf>[]): string[] =>
		findLateCertificates(index, leaves, slots, now).map(({ name }) => name);
	assert.deepEqual(find(leaf("web", 12), leaf("gone", 23)), ["issuer active"]);
	const [root] = findLateCertificates(index, [], { roots: [slot("active", 20)], issuers: [] }, now);
	assert.match(root!.hint, /amime ca rotate --root/);
	assert.deepEqual(find(leaf("web", 20)), ["issuer active", "spiffe://cluster.local/ns/shop/sa/web"]);
	assert.deepEqual(find(leaf("web", 1), leaf("web", 23)), ["issuer active"], "the newest one decides");
});
