import assert from "node:assert/strict";
import { test } from "node:test";
import {
	type AuthorityState,
	type AuthorityStep,
	applyStep,
	type IssuerSlot,
	planSteps,
	putIssuer,
	putJwtKey,
	type RootSlot,
} from "./authority-state.ts";

const day = 24 * 3_600_000;
const timing = { jwtPublishMs: 300_000, maxTokenMs: 3_600_000 };
const known = { isAcknowledged: () => true, isOutdated: () => false, isHeld: () => false };

const root = (name: string, from = 0): RootSlot => ({
	...{ name, phase: "prepared", since: from, isOwn: true, notBefore: from, notAfter: from + 3650 * day },
});
const issuer = (name: string, under: string, from = 0): IssuerSlot => ({
	...{ name, root: under, phase: "prepared", since: from, neededUntil: 0, notBefore: from, notAfter: from + 365 * day },
});
const jwtKey = (name: string, from = 0) => ({
	...{
		name,
		keyId: name,
		publicJwk: {},
		phase: "prepared" as const,
		since: from,
		notBefore: from,
		notAfter: from + 30 * day,
	},
});

function started(): AuthorityState {
	const empty: AuthorityState = { trustDomain: "a", sequence: 0, roots: [], issuers: [], jwtKeys: [] };
	let state = putJwtKey(putIssuer(empty, issuer("i1", "r1"), root("r1")), jwtKey("j1"));
	for (const step of planSteps(state, { now: 0, ...known }, timing)) state = applyStep(state, step, 0);
	return state;
}

const phases = (state: AuthorityState): string =>
	[...state.roots, ...state.issuers, ...state.jwtKeys].map(({ name, phase }) => `${name} ${phase}`).join(", ");

const planned = (steps: readonly AuthorityStep[]): string[] =>
	steps.map((step) => ("name" in step ? `${step.kind} ${step.name}` : step.kind));

test("the first slots are in use at once, and then nothing is due", () => {
	const state = started();
	assert.equal(phases(state), "r1 active, i1 active, j1 active");
	assert.deepEqual(planSteps(state, { now: 1, ...known }, timing), []);
});

test("a new root signs when every proxy has acknowledged it, and the old one goes when nobody shows a certificate under it", () => {
	const now = 100 * day;
	let state = putIssuer(started(), issuer("i2", "r2", now), root("r2", now));
	const sequence = state.sequence;
	const waiting = { now, isAcknowledged: () => false, isOutdated: () => false, isHeld: () => true };
	assert.deepEqual(
		planSteps(state, waiting, timing).filter(({ kind }) => kind === "activate-issuer"),
		[],
	);
	const facts = { ...waiting, isAcknowledged: () => true };
	for (const step of planSteps(state, facts, timing).filter(({ kind }) => kind === "activate-issuer"))
		state = applyStep(state, step, now);
	assert.match(phases(state), /^r1 retiring, r2 active, i1 retired, i2 active/);
	assert.equal(state.sequence, sequence);
	assert.ok(!planned(planSteps(state, facts, timing)).includes("drop-root r1"));
	const free = { ...facts, isOutdated: () => false, isHeld: () => false };
	assert.ok(planned(planSteps(state, free, timing)).includes("drop-root r1"));
	state = applyStep(state, { kind: "drop-root", name: "r1" }, now);
	assert.match(phases(state), /^r2 active, i2 active/);
	assert.equal(state.sequence, sequence + 1);
});

test("somebody who does not report keeps a root until the end of the last certificate", () => {
	const now = day;
	let state = putIssuer(started(), issuer("i2", "r2", now), root("r2", now));
	state = applyStep(state, { kind: "activate-issuer", name: "i2" }, now);
	state = {
		...state,
		issuers: state.issuers.map((slot) => (slot.name === "i1" ? { ...slot, neededUntil: 2 * day } : slot)),
	};
	assert.ok(!planned(planSteps(state, { ...known, now }, timing)).includes("drop-root r1"));
	assert.ok(planned(planSteps(state, { ...known, now: 2 * day }, timing)).includes("drop-root r1"));
});

test("an issuer under the root in use needs no acknowledgement, and is made after three quarters of its life", () => {
	let state = started();
	const now = 300 * day;
	const nobody = { now, isAcknowledged: () => false, isOutdated: () => false, isHeld: () => false };
	assert.ok(planned(planSteps(state, nobody, timing)).includes("prepare-issuer"));
	state = putIssuer(state, issuer("i2", "r1", now), undefined);
	assert.ok(planned(planSteps(state, nobody, timing)).includes("activate-issuer i2"));
	assert.ok(!planned(planSteps(state, nobody, timing)).includes("prepare-issuer"));
	state = applyStep(state, { kind: "activate-issuer", name: "i2" }, now);
	assert.ok(planned(planSteps(state, nobody, timing)).includes("drop-issuer i1"));
});

test("a root is replaced after three quarters of its life", () => {
	const state = putIssuer(started(), issuer("i2", "r1", 2700 * day), undefined);
	const active = applyStep(state, { kind: "activate-issuer", name: "i2" }, 2700 * day);
	assert.ok(!planned(planSteps(active, { ...known, now: 2720 * day }, timing)).includes("prepare-root"));
	assert.ok(planned(planSteps(active, { ...known, now: 2740 * day }, timing)).includes("prepare-root"));
});

test("a prepared root that makes room for another is public no more", () => {
	let state = putIssuer(started(), issuer("i2", "r2"), root("r2"));
	const { sequence } = state;
	state = putIssuer(state, issuer("i3", "r3"), root("r3"));
	assert.equal(state.roots.map(({ name }) => name).join(), "r1,r3");
	assert.equal(state.issuers.map(({ name }) => name).join(), "i1,i3");
	assert.equal(state.sequence, sequence + 1);
});

test("a JWT key is published before it signs, and for as long as a token lives after", () => {
	const now = 25 * day;
	let state = started();
	assert.deepEqual(planned(planSteps(state, { ...known, now }, timing)), ["prepare-jwt-key"]);
	state = putJwtKey(state, jwtKey("j2", now));
	assert.deepEqual(planSteps(state, { ...known, now }, timing), []);
	const later = now + timing.jwtPublishMs;
	assert.deepEqual(planned(planSteps(state, { ...known, now: later }, timing)), ["activate-jwt-key j2"]);
	state = applyStep(state, { kind: "activate-jwt-key", name: "j2" }, later);
	assert.deepEqual(planSteps(state, { ...known, now: later }, timing), []);
	assert.deepEqual(planned(planSteps(state, { ...known, now: later + timing.maxTokenMs }, timing)), [
		"drop-jwt-key j1",
	]);
});

test("a JWT key that ended does not hold up the next", () => {
	const now = 31 * day;
	const state = putJwtKey(started(), jwtKey("j2", now));
	assert.deepEqual(planned(planSteps(state, { ...known, now }, timing)), ["activate-jwt-key j2"]);
});
