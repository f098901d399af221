import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCidr } from "../../engine/matcher/index.ts";
import type { FilterChainConfig, FilterChainMatch } from "../runtime-config/index.ts";
import { type ConnectionProperties, matchFilterChain } from "./match-filter-chain.ts";

const anything: FilterChainMatch = {
	destinationPort: undefined,
	destinationRanges: [],
	serverNames: [],
	transportProtocol: "",
	applicationProtocols: [],
	directSourceRanges: [],
	sourceType: "any",
	sourceRanges: [],
	sourcePorts: [],
};

const connection: ConnectionProperties = {
	destinationIp: "10.1.2.3",
	destinationPort: 443,
	directSourceIp: "10.9.9.9",
	sourceIp: "192.0.2.1",
	sourcePort: 5555,
	serverName: "a.b.example",
	transportProtocol: "tls",
	applicationProtocols: ["h2", "http/1.1"],
};

function choose(matches: Readonly<Record<string, Partial<FilterChainMatch>>>, at: Partial<ConnectionProperties> = {}) {
	const chains = Object.entries(matches).map(([name, match]) => ({
		config: { name, match: { ...anything, ...match } } as unknown as FilterChainConfig,
	}));
	return matchFilterChain(chains, { ...connection, ...at })?.config.name;
}

const cidr = (address: string, bits: number) => parseCidr(address, bits)!;

test("the most specific chain of each criterion wins", () => {
	assert.equal(choose({ any: {}, port: { destinationPort: 443 } }), "port");
	assert.equal(choose({ any: {}, port: { destinationPort: 80 } }), "any");
	assert.equal(
		choose({
			wide: { destinationRanges: [cidr("10.0.0.0", 8)] },
			narrow: { destinationRanges: [cidr("10.1.2.0", 24)] },
		}),
		"narrow",
	);
	assert.equal(choose({ wild: { serverNames: ["*.example"] }, closer: { serverNames: ["*.b.example"] } }), "closer");
	assert.equal(choose({ wild: { serverNames: ["*.b.example"] }, exact: { serverNames: ["a.b.example"] } }), "exact");
	assert.equal(choose({ tls: { transportProtocol: "tls" }, plain: { transportProtocol: "raw_buffer" } }), "tls");
	assert.equal(choose({ any: {}, h2: { applicationProtocols: ["h2"] } }), "h2");
	assert.equal(choose({ any: {}, port: { sourcePorts: [5555] } }), "port");
	assert.equal(choose({ any: {}, direct: { directSourceRanges: [cidr("10.9.0.0", 16)] } }), "direct");
});

test("earlier criteria count more than later ones, and there is no way back", () => {
	assert.equal(
		choose({ port: { destinationPort: 443 }, name: { serverNames: ["a.b.example"] } }),
		"port",
		"the port is compared first",
	);
	assert.equal(
		choose({ port: { destinationPort: 443, serverNames: ["other.example"] }, name: { serverNames: ["a.b.example"] } }),
		undefined,
	);
});

test("a connection nobody looked into is plain, without name and protocols", () => {
	const blind = { transportProtocol: "", serverName: "", applicationProtocols: [] };
	assert.equal(
		choose({ tls: { transportProtocol: "tls" }, plain: { transportProtocol: "raw_buffer" } }, blind),
		"plain",
	);
	assert.equal(choose({ named: { serverNames: ["*.example"] } }, blind), undefined);
});

test("a source is of the same machine or of another", () => {
	const chains = { local: { sourceType: "same-ip-or-loopback" }, remote: { sourceType: "external" } } as const;
	assert.equal(choose(chains), "remote");
	assert.equal(choose(chains, { sourceIp: "10.1.2.3" }), "local");
	assert.equal(choose(chains, { sourceIp: "127.0.0.1" }), "local");
});
