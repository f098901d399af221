import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createTestPki, type TestCertificate } from "../../../test/support/pki.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import type { ClusterConfig } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";
import { createCertificateGauges } from "./certificate-gauges.ts";

const pki = createTestPki();
const endOf = ({ certificatePem }: TestCertificate): number =>
	Math.floor(new X509Certificate(certificatePem).validToDate.getTime() / 1000);
const clusterOf = (statName: string): ClusterConfig => {
	const tls = { certificates: [{ kind: "secret", name: "own" }], validation: { kind: "none" } };
	return { statName, transportSocket: { kind: "tls", tls }, transportSocketMatches: [] } as unknown as ClusterConfig;
};

test("the gauge of a certificate follows its rotation and goes with its cluster", () => {
	const first = pki.issue(pki.idOf("web"));
	const second = pki.issue(pki.idOf("web"), { notAfter: Date.now() + 86_400_000 });
	let current: { readonly cert: Buffer } | undefined;
	const secrets = { certificate: () => current, validation: () => "none" } as unknown as SecretSource;
	const registry = createMetricsRegistry();
	const show = createCertificateGauges(secrets, registry.root);
	const list = (): object => Object.fromEntries(registry.gauges().map(({ name, value }) => [name, value]));
	const [a, b] = [clusterOf("a"), clusterOf("b")];
	const nameOf = (cluster: string): string => `cluster.${cluster}.ssl.certificate.own.expiration_unix_time_seconds`;

	show([a, b], []);
	assert.deepEqual(list(), {}, "nothing is shown of a secret that has not come");
	current = { cert: Buffer.from(first.certificateChainPem) };
	show([a, b], []);
	assert.deepEqual(list(), { [nameOf("a")]: endOf(first), [nameOf("b")]: endOf(first) });
	current = { cert: Buffer.from(second.certificateChainPem) };
	show([b], []);
	assert.deepEqual(list(), { [nameOf("b")]: endOf(second) });
});
