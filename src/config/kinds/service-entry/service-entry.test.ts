import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../../test/support/config-document.ts";

const ports = [{ number: 80, name: "http", protocol: "HTTP" }];
const of = (spec: object) => readSpec("ServiceEntry", { hosts: ["ext.example"], ports, ...spec });

test("a ServiceEntry with everything becomes the model's", () => {
	const { value, problems } = of({
		addresses: ["10.0.0.1", "10.1.0.0/16"],
		location: "MESH_INTERNAL",
		resolution: "STATIC",
		endpoints: [
			{ address: "10.2.0.1", ports: { http: 8080 }, labels: { version: "a" }, weight: 3, locality: "r1/z1/s1" },
			{ address: "10.2.0.2", serviceAccount: "pay" },
		],
		exportTo: [".", "edge"],
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.endpoints, [
		{
			address: "10.2.0.1",
			ports: { http: 8080 },
			labels: { version: "a" },
			locality: { region: "r1", zone: "z1", subZone: "s1" },
			weight: 3,
			isMutualTls: false,
		},
		{ address: "10.2.0.2", ports: {}, labels: {}, weight: 1, serviceAccount: "pay", isMutualTls: true },
	]);
	assert.deepEqual(value?.exportTo, ["shop", "edge"]);
	assert.equal(value?.isExternal, false);
	assert.deepEqual(value?.ports, [{ name: "http", port: 80, protocol: "http", targetPort: 80 }]);
});

const bad: readonly (readonly [what: string, spec: object, problem: RegExp])[] = [
	[
		"endpoints beside a selector",
		{ endpoints: [{ address: "1.1.1.1" }], workloadSelector: { labels: {} }, resolution: "STATIC" },
		/workloadSelector: must be absent/,
	],
	[
		"endpoints without resolution",
		{ endpoints: [{ address: "1.1.1.1" }] },
		/endpoints: must be absent with resolution NONE/,
	],
	["a wildcard in DNS", { hosts: ["*.example"], resolution: "DNS" }, /has no address in DNS/],
	[
		"one host in names that come later",
		{ hosts: ["a.example"], resolution: "DYNAMIC_DNS" },
		/hosts\[0\]: must be a wildcard/,
	],
	[
		"addresses beside names that come later",
		{ hosts: ["*.example"], addresses: ["1.1.1.1"], resolution: "DYNAMIC_DNS" },
		/addresses: must be absent with resolution DYNAMIC_DNS/,
	],
	["a name where addresses are", { resolution: "STATIC", endpoints: [{ address: "a.example" }] }, /is no address/],
	["one port twice", { ports: [...ports, { number: 80, name: "b" }] }, /ports\[1\]\.number: '80' is there twice/],
	["no host", { hosts: [] }, /hosts: must have at least 1 item/],
];
for (const [what, spec, problem] of bad)
	test(`${what} is refused with its place`, () => {
		const { problems } = of(spec);
		assert.equal(problems.length, 1);
		assert.match(problems[0]!, problem);
	});

test("a Sidecar names hosts by namespace", () => {
	const { value, problems } = readSpec("Sidecar", {
		egress: [{ hosts: ["./*", "*/a.example"], port: { number: 80, protocol: "HTTP_PROXY", name: "p" } }],
		outboundTrafficPolicy: {},
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.egress[0]?.hosts, [
		{ namespace: ".", host: "*" },
		{ namespace: "*", host: "a.example" },
	]);
	assert.equal(value?.egress[0]?.port?.protocol, "http-proxy");
	assert.equal(value?.outboundTrafficPolicy?.mode, "REGISTRY_ONLY");
	assert.match(readSpec("Sidecar", { egress: [{ hosts: ["a.example"] }] }).problems[0]!, /must be a namespace/);
});

test("a protocol that is none is told, and the port is taken for one that says nothing", () => {
	const { value, problems } = of({ ports: [{ number: 443, name: "x", protocol: "HTPS" }] });
	assert.match(String(problems), /ports\[0\]\.protocol: 'HTPS' is no protocol \(did you mean 'HTTPS'\?\)/);
	assert.equal(value?.ports[0]?.protocol, "auto");
	for (const protocol of ["https", "GRPC-Web", "UDP", "HBONE"])
		assert.deepEqual(of({ ports: [{ number: 443, name: "x", protocol }] }).problems, []);
});
