import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createTestPki } from "../../test/support/pki.ts";
import { createLog, createSeededRandom } from "../core/index.ts";
import { parseSpiffeId } from "../model/index.ts";
import { createSvidSource, type SvidSigner, type X509Svid } from "./index.ts";
import { parseSigningRequest, readCertificates, readSigningRequest } from "./x509/index.ts";

const hour = 3_600_000;
const minute = 60_000;
const web = parseSpiffeId("spiffe://cluster.local/ns/shop/sa/web");

/** An authority that signs for an hour, and can be broken. */
function setUp(seed = 1, broken?: Error) {
	const clock = createFakeClock();
	const pki = createTestPki({ now: clock.wall() });
	const lines: string[] = [];
	const calls: number[] = [];
	const fault: { error?: Error | undefined; answer?: (csr: string) => Promise<{ chain: string; bundle: string }> } = {
		error: broken,
	};
	const sign: SvidSigner = async (csr) => {
		calls.push(clock.wall());
		if (fault.error !== undefined) throw fault.error;
		return fault.answer?.(csr) ?? issue(csr);
	};
	const issue = (csr: string, spiffeId: string = web) => {
		const { key } = readSigningRequest(parseSigningRequest(csr));
		const { certificateChainPem } = pki.issue(spiffeId, {
			publicKey: key,
			notBefore: clock.wall(),
			notAfter: clock.wall() + hour,
		});
		return { chain: certificateChainPem, bundle: pki.bundlePem };
	};
	const source = createSvidSource({
		spiffeId: web,
		sign,
		clock,
		random: createSeededRandom(seed),
		log: createLog({ level: "trace", clock, write: (line) => lines.push(line) }),
	});
	return { clock, pki, source, lines, calls, fault, issue };
}

test("the first SVID is asked for at once", async () => {
	const { source, clock, calls } = setUp();
	assert.equal(source.current(), undefined);
	const svid = await source.ready();
	assert.deepEqual(source.current(), svid);
	assert.equal(calls.length, 1);
	assert.equal(svid.spiffeId, web);
	assert.equal(svid.notAfter, clock.wall() + hour);
	assert.ok(readCertificates(svid.certificateChainPem)[0]!.serial === svid.serial);
	source.close();
});

test("it is renewed around half of its life, with another key", async () => {
	const { source, clock, calls } = setUp();
	const first = await source.ready();
	const seen: X509Svid[] = [];
	source.onUpdate((svid) => seen.push(svid));
	await clock.advanceAsync(23 * minute);
	assert.equal(calls.length, 1);
	await clock.advanceAsync(14 * minute);
	assert.equal(calls.length, 2);
	assert.equal(seen.length, 1);
	assert.notEqual(seen[0]!.privateKeyPem, first.privateKeyPem);
	assert.deepEqual(source.current(), seen[0]);
	source.close();
});

test("workloads that started together renew apart", async () => {
	const moments = new Set<number>();
	for (let seed = 0; seed < 20; seed++) {
		const { source, clock, calls } = setUp(seed);
		await source.ready();
		const begin = clock.wall();
		await clock.advanceAsync(40 * minute);
		moments.add(Math.floor(((calls[1] as number) - begin) / minute));
		source.close();
	}
	assert.ok(moments.size >= 8, `${[...moments]}`);
	for (const moment of moments) assert.ok(moment >= 24 && moment <= 36, `${moment}`);
});

test("while the authority is away the old SVID serves to its end, and attempts grow rare", async () => {
	const { source, clock, calls, fault, lines } = setUp();
	const first = await source.ready();
	fault.error = new Error("connect ECONNREFUSED");
	await clock.advanceAsync(hour - 1_000);
	assert.deepEqual(source.current(), first);
	assert.ok(calls.length > 20 && calls.length < 300, `${calls.length} attempts`);
	await clock.advanceAsync(minute);
	assert.equal(source.current(), undefined);
	fault.error = undefined;
	await clock.advanceAsync(minute);
	assert.notEqual(source.current()?.serial, first.serial);
	const failures = lines.map(
		(line) => JSON.parse(line) as { level: string; event: string; error?: string; endsInMs?: number },
	);
	const levels = failures.filter(({ event }) => event === "svid not renewed").map(({ level }) => level);
	assert.equal(levels[0], "warn");
	assert.equal(levels[levels.length - 1], "error");
	assert.deepEqual([...levels].sort().reverse(), levels);
	assert.ok(
		failures.some(({ event, error }) => event === "svid ended without renewal" && error === "connect ECONNREFUSED"),
	);
	source.close();
});

test("an authority that is away at the start is asked again until it is there", async () => {
	const { source, clock, fault, calls } = setUp(1, new Error("connect ECONNREFUSED"));
	await clock.advanceAsync(5 * minute);
	assert.equal(source.current(), undefined);
	assert.ok(calls.length > 8 && calls.length < 80, `${calls.length} attempts`);
	delete fault.error;
	await clock.advanceAsync(minute);
	assert.equal((await source.ready()).spiffeId, web);
	source.close();
});

test("a machine that slept renews on waking", async () => {
	const { source, clock, calls } = setUp();
	await source.ready();
	clock.setWall(clock.wall() + 50 * minute);
	await clock.advanceAsync(minute);
	assert.equal(calls.length, 2);
	source.close();
});

test("an SVID from a clock that was ahead is replaced when the clock is set right", async () => {
	const { source, clock, calls } = setUp();
	await source.ready();
	clock.setWall(clock.wall() - 2 * hour);
	await clock.advanceAsync(minute);
	assert.equal(calls.length, 2);
	assert.equal(source.current()?.notBefore, clock.wall());
	source.close();
});

test("renewing now is one exchange however many ask, and its failure keeps the old SVID", async () => {
	const { source, clock, calls, fault } = setUp();
	const first = await source.ready();
	const [one, other] = await Promise.all([source.renewNow(), source.renewNow()]);
	assert.equal(one, other);
	assert.equal(calls.length, 2);
	assert.notEqual(one.serial, first.serial);
	fault.error = new Error("away");
	await assert.rejects(source.renewNow(), /away/);
	assert.deepEqual(source.current(), one);
	delete fault.error;
	await clock.advanceAsync(minute);
	assert.equal(calls.length, 4);
	source.close();
});

test("an answer that does not fit is not used", async () => {
	const { source, fault, issue, pki } = setUp();
	const first = await source.ready();
	const stranger = createTestPki({ now: Date.UTC(2026, 0, 1) });
	const answers: [RegExp, (csr: string) => { chain: string; bundle: string }][] = [
		[/it is for 'spiffe:\/\/cluster\.local\/ns\/shop\/sa\/orders'/, (csr) => issue(csr, pki.idOf("orders"))],
		[/it is for another key/, () => ({ chain: pki.issue(web).certificateChainPem, bundle: pki.bundlePem })],
		[/leads to no authority/, (csr) => ({ ...issue(csr), bundle: stranger.bundlePem })],
		[/holds no certificate/, () => ({ chain: "", bundle: pki.bundlePem })],
		[/no certificate in it/, (csr) => ({ ...issue(csr), bundle: "" })],
	];
	for (const [message, answer] of answers) {
		fault.answer = async (csr) => answer(csr);
		await assert.rejects(source.renewNow(), message);
		assert.deepEqual(source.current(), first);
	}
	source.close();
});

test("a closed source asks no more, forgets its key and leaves no timer", async () => {
	const { source, clock, calls } = setUp();
	await source.ready();
	source.close();
	await clock.advanceAsync(2 * hour);
	assert.equal(calls.length, 1);
	assert.equal(clock.pending, 0);
	assert.equal(source.current(), undefined);
	await assert.rejects(source.renewNow(), { code: "SVID_SOURCE_CLOSED" });
	const never = setUp(1, new Error("away"));
	const waiting = never.source.ready();
	never.source.close();
	await assert.rejects(waiting, { code: "SVID_SOURCE_CLOSED" });
});

test("neither the log nor a request carries the private key", async () => {
	const { source, lines, fault, issue } = setUp();
	const requests: string[] = [];
	const first = await source.ready();
	fault.answer = async (csr) => {
		requests.push(csr);
		return issue(csr);
	};
	const keys = [first.privateKeyPem, (await source.renewNow()).privateKeyPem];
	assert.equal(requests.length, 1);
	fault.error = new Error("away");
	await source.renewNow().catch(() => undefined);
	source.close();
	for (const pem of keys) {
		const [, line] = pem.split("\n");
		assert.ok(![...lines, ...requests].some((text) => text.includes(line as string) || text.includes("PRIVATE KEY")));
	}
});
