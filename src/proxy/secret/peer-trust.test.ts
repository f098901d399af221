import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createTestPki } from "../../../test/support/pki.ts";
import type { CommonTlsConfig } from "../runtime-config/index.ts";
import { createPeerTrust } from "./peer-trust.ts";
import type { SecretSource, ValidationSecret } from "./secret.ts";

const one = createTestPki({ trustDomain: "one.test" });
const two = createTestPki({ trustDomain: "two.test" });
const chainOf = (pki: typeof one): string => pki.issue(pki.idOf("web")).certificateChainPem;
const leafOf = (pki: typeof one): string => pki.issue(pki.idOf("web")).certificatePem;

function createWorld(own = one.issue(one.idOf("own"))) {
	let validation: Partial<ValidationSecret> = {};
	const listeners = new Set<(name: string) => void>();
	const secrets = {
		validation: () => validation as ValidationSecret,
		certificate: () => ({ cert: Buffer.from(own.certificateChainPem) }),
		onChange(listener: (name: string) => void) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
	} as unknown as SecretSource;
	const tls = {
		validation: { kind: "secret", name: "ROOTCA" },
		certificates: [{ kind: "secret", name: "default" }],
	} as unknown as CommonTlsConfig;
	const set = (next: Partial<ValidationSecret>): void => {
		validation = next;
		for (const listener of listeners) listener("ROOTCA");
	};
	return { trust: createPeerTrust(tls, secrets), set };
}

const roots = (...pkis: readonly (typeof one)[]) => ({
	ca: Buffer.from(pkis.map(({ bundlePem }) => bundlePem).join("")),
});
const domains = (entries: readonly (readonly [string, typeof one])[]) => ({
	trustDomains: new Map(entries.map(([name, { bundlePem }]) => [name, [new X509Certificate(bundlePem)]])),
});

test("a chain is trusted while a root vouches for it", () => {
	const { trust, set } = createWorld();
	set(roots(one, two));
	const before = trust.judge();
	assert.deepEqual([before(chainOf(one)), before(chainOf(two))], [true, true]);
	set(roots(one));
	const after = trust.judge();
	assert.deepEqual([after(chainOf(one)), after(chainOf(two)), after("")], [true, false, false]);
});

test("a root vouches for its own trust domain alone, where domains are told apart", () => {
	const { trust, set } = createWorld();
	set(
		domains([
			["one.test", one],
			["two.test", two],
		]),
	);
	const trusts = trust.judge();
	assert.equal(trusts(chainOf(two)), true);
	assert.equal(trusts(two.issue("spiffe://one.test/ns/shop/sa/web").certificateChainPem), false);
	assert.equal(trusts(two.issue("spiffe://three.test/ns/shop/sa/web").certificateChainPem), false);
});

test("a leaf that has lost its issuers is judged by those of our own certificate and of other chains", () => {
	const { trust, set } = createWorld();
	set(roots(one, two));
	const trusts = trust.judge();
	assert.equal(trusts(leafOf(one)), true, "of our own issuer");
	const lost = leafOf(two);
	assert.equal(trusts(lost), false, "nobody has shown its issuer");
	assert.equal(trusts(chainOf(two)), true);
	assert.equal(trusts(lost), true);
});

test("who listens hears of roots that have gone, not of those that have come", () => {
	const { trust, set } = createWorld();
	set(roots(one));
	let calls = 0;
	const stop = trust.onLost(() => calls++);
	set(roots(one, two));
	assert.equal(calls, 0);
	set(
		domains([
			["one.test", one],
			["two.test", two],
		]),
	);
	set(domains([["one.test", one]]));
	const told = calls;
	assert.ok(told >= 1);
	set(roots(one));
	stop();
	const last = calls;
	set(roots(two));
	assert.equal(calls, last);
});
