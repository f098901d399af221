import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { problemsOf, translated, typed } from "../../../test/support/bootstraps.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { emptyFormatEnvironment } from "../../engine/format/index.ts";

const pki = createTestPki();
const own = pki.issue(pki.idOf("web"));
const inline = (text: string): object => ({ inline_string: text });
const trusted = { trusted_ca: inline(own.bundlePem) };
const socket = (common: object): object => ({
	name: "tls",
	typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
		common_tls_context: {
			tls_certificates: [
				{ certificate_chain: inline(own.certificateChainPem), private_key: inline(own.privateKeyPem) },
			],
			...common,
		},
	}),
});
const context = "listeners[0].filter_chains[0].transport_socket.typed_config.common_tls_context";
const validationProblems = (validation_context: object): string[] =>
	problemsOf(
		{ chain: { transport_socket: socket({ validation_context }) } },
		{ pathExists: existsSync, environment: emptyFormatEnvironment },
	).map((problem) =>
		problem.replace(`${context}.validation_context.`, "").replace(/(cannot read [^:]+|failed[^:]+):.*/, "$1"),
	);
const spiffe = (...trust_domains: readonly object[]): object => ({
	custom_validator_config: {
		name: "spiffe",
		typed_config: typed("transport_sockets.tls.v3.SPIFFECertValidatorConfig", { trust_domains }),
	},
});

test("what peers are judged by must be there", () => {
	assert.deepEqual(validationProblems(trusted), []);
	assert.deepEqual(validationProblems({ trusted_ca: { filename: "/no/ca.pem" } }), [
		"trusted_ca: cannot read /no/ca.pem",
	]);
	assert.deepEqual(validationProblems({ ...trusted, crl: { filename: "/no/list.pem" } }), [
		"crl: cannot read /no/list.pem",
	]);
	assert.deepEqual(validationProblems({ trusted_ca: { environment_variable: "NOPE" } }), [
		"trusted_ca: environment variable NOPE does not exist",
	]);
});

test("every trust domain of the SPIFFE validator has one bundle, which can be read", () => {
	const at = "custom_validator_config.typed_config.trust_domains";
	const good = { name: "a.test", trust_bundle: inline(own.bundlePem) };
	assert.deepEqual(validationProblems(spiffe(good, { ...good, name: "b.test" })), []);
	assert.deepEqual(validationProblems(spiffe(good, good)), [
		`${at}[1].name: multiple trust bundles are given for trust domain a.test`,
	]);
	assert.deepEqual(
		validationProblems(
			spiffe(
				{ name: "a.test" },
				{ name: "b.test", trust_bundle: inline("no certificate") },
				{ name: "c.test", trust_bundle: { filename: "/no/bundle.pem" } },
			),
		),
		[
			`${at}[0].trust_bundle: failed to load trusted CA certificate for a.test`,
			`${at}[1].trust_bundle: failed to load trusted CA certificate for b.test`,
			`${at}[2].trust_bundle: cannot read /no/bundle.pem`,
		],
	);
});

test("application protocols are a list with commas, as in Envoy", () => {
	const protocols = (...alpn_protocols: readonly string[]): readonly string[] => {
		const [listener] = translated({ chain: { transport_socket: socket({ alpn_protocols }) } }).listeners;
		const found = listener?.filterChains[0]?.transportSocket;
		assert.ok(found?.kind === "tls");
		return found.tls.alpnProtocols;
	};
	assert.deepEqual(protocols(""), []);
	assert.deepEqual(protocols("h2", ""), []);
	assert.deepEqual(protocols("h2,http/1.1"), ["h2", "http/1.1"]);
	assert.deepEqual(problemsOf({ chain: { transport_socket: socket({ alpn_protocols: ["x".repeat(256)] }) } }), [
		`${context}.alpn_protocols[0]: a protocol has at most 255 bytes`,
	]);
});
