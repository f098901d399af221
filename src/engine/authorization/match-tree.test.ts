import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConnectionFacts, createStreamInfo, type StreamInfo, type TlsCertificate } from "../format/index.ts";
import { authorize, evaluateTreeBy, type MatchOutcome, type MatchPredicate, type MatchTree } from "./index.ts";

function createStream(path: string, headers: string[] = []): StreamInfo {
	const address = { text: "10.0.0.7:4000", ip: "10.0.0.7", port: 4000 };
	const facts = { remote: address, directRemote: address, local: address, directLocal: address, serverName: "" };
	const stream = createStreamInfo(facts as ConnectionFacts, 0, 0);
	stream.request = { method: "GET", path, authority: "a", scheme: "http", headers, upgrade: undefined };
	return stream;
}

const has = (name: string): MatchPredicate => ({
	kind: "value",
	input: { kind: "request-header", name },
	matcher: { kind: "exact", value: "1", ignoreCase: false },
});
const act = (name: string, action: "allow" | "deny" | "log" = "allow"): MatchOutcome => ({
	kind: "action",
	name,
	action,
});
const list = (entries: MatchTree["entries"], otherwise?: MatchOutcome): MatchTree => ({
	kind: "list",
	entries,
	input: undefined,
	map: new Map(),
	otherwise,
});
const judge = (tree: MatchTree, stream: StreamInfo) => {
	const { allowed, policy } = authorize({ action: "allow", policies: [], tree }, stream);
	return `${policy}: ${allowed}`;
};

test("the first entry whose predicate holds decides; what nothing matches is denied", () => {
	const tree = list([
		{ predicate: { kind: "and", predicates: [has("a"), has("b")] }, outcome: act("both", "deny") },
		{ predicate: { kind: "or", predicates: [has("a"), has("b")] }, outcome: act("one") },
		{ predicate: { kind: "not", predicate: has("c") }, outcome: act("without c", "log") },
	]);
	assert.equal(judge(tree, createStream("/", ["a", "1", "b", "1"])), "both: false");
	assert.equal(judge(tree, createStream("/", ["b", "1"])), "one: true");
	assert.equal(judge(tree, createStream("/")), "without c: true");
	assert.equal(judge(tree, createStream("/", ["c", "1"])), "none: false");
});

test("a map of prefixes takes the longest, whose own tree may match nothing", () => {
	const nested: MatchOutcome = { kind: "tree", tree: list([{ predicate: has("a"), outcome: act("nested") }]) };
	const tree: MatchTree = {
		kind: "prefix",
		entries: [],
		input: { kind: "request-header", name: ":path" },
		map: new Map([
			["/", act("root")],
			["/x", nested],
		]),
		otherwise: act("otherwise", "deny"),
	};
	assert.equal(judge(tree, createStream("/y")), "root: true");
	assert.equal(judge(tree, createStream("/x", ["a", "1"])), "nested: true");
	assert.equal(judge(tree, createStream("/x")), "otherwise: false");
	assert.equal(judge({ ...tree, kind: "exact" }, createStream("/y")), "otherwise: false");
});

test("names of the peer's certificate are looked up as one text", () => {
	const peer = {
		uriSans: ["spiffe://a/b", "spiffe://a/c"],
		dnsSans: [],
		subject: "CN=web",
	} as unknown as TlsCertificate;
	const of = (kind: "uri-san" | "dns-san" | "subject", text: string, from: TlsCertificate | undefined): string => {
		const stream = createStream("/");
		Object.assign(stream.connection, { tls: { peer: from } });
		const map = new Map([[text, act("known")]]);
		return judge({ kind: "exact", entries: [], input: { kind }, map, otherwise: act("unknown", "deny") }, stream);
	};
	assert.equal(of("uri-san", "spiffe://a/b,spiffe://a/c", peer), "known: true");
	assert.equal(of("uri-san", "spiffe://a/b", peer), "unknown: false");
	assert.equal(of("dns-san", "", peer), "unknown: false", "no name is not an empty one");
	assert.equal(of("subject", "CN=web", peer), "known: true");
	assert.equal(of("subject", "CN=web", undefined), "unknown: false");
});

test("of domains the narrowest that says something counts", () => {
	const say = (name: string): MatchOutcome => ({ kind: "action", name, action: "allow" });
	const silent: MatchOutcome = {
		kind: "tree",
		tree: { kind: "exact", entries: [], input: { kind: "source-ip" }, map: new Map(), otherwise: undefined },
	};
	const tree: MatchTree = {
		kind: "domain",
		entries: [],
		input: { kind: "server-name" },
		map: new Map([
			["a.test", say("exact")],
			["*.test", say("wide")],
			["*.a.test", say("narrow")],
			["b.test", silent],
			["*", say("rest")],
		]),
		otherwise: undefined,
	};
	const ask = (name: string) => evaluateTreeBy(tree, () => name)?.name;
	assert.deepEqual(["a.test", "x.a.test", "y.x.a.test", "b.test", "test", "org"].map(ask), [
		"exact",
		"narrow",
		"narrow",
		"wide",
		"rest",
		"rest",
	]);
});
