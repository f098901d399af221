/** Feeds the readers of small texts that peers send (SPIFFE ids, cookies, addresses, paths, gRPC fields) and those of templates and
 *  formats with damaged ones: `node test/fuzz/texts.ts [seed]` runs until it is stopped or finds something. The short run of the suite is
 *  texts.test.ts. */
import assert from "node:assert/strict";
import { isIP } from "node:net";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { compileTextFormat } from "../../src/engine/format/index.ts";
import { firstOfCidr, isInCidr, parseAddress, parseCidr } from "../../src/engine/matcher/index.ts";
import {
	compileUriRewrite,
	compileUriTemplate,
	getCookie,
	normalizeRequestPath,
} from "../../src/engine/router/index.ts";
import { isSpiffeId, splitSpiffeId } from "../../src/model/index.ts";
import { findCookie } from "../../src/proxy/filter/http/cookies.ts";
import { readSession, writeSessionHost } from "../../src/proxy/filter/http/stateful-session/session-state.ts";
import {
	decodeStatusMessage,
	encodeStatusMessage,
	formatGrpcTimeout,
	parseGrpcTimeout,
} from "../../src/wire/grpc/index.ts";
import { makeStream } from "../support/streams.ts";
import { below, damageBytes, damageText } from "./damage.ts";
import { pick } from "./random-document.ts";

const stream = makeStream();
const session = { kind: "cookie", name: "s", ttlSeconds: 60, path: "", attributes: "" } as const;

const marks = [
	"/",
	".",
	"..",
	"%",
	"%2f",
	"%2E",
	"\\",
	";",
	"=",
	'"',
	" ",
	":",
	"::",
	"*",
	"**",
	"{",
	"}",
	"{a}",
	"\0",
	"é",
	"0",
	"%%",
];

/** What must hold of any text, by what it is read as. */
const readers: Readonly<
	Record<string, { readonly good: readonly string[]; check(text: string, random: Random): void }>
> = {
	"SPIFFE id": {
		good: ["spiffe://cluster.local/ns/shop/sa/web", "spiffe://td", "spiffe://td/a/b.c"],
		check(text) {
			if (!isSpiffeId(text)) return;
			assert.match(text, /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/);
			const parts = splitSpiffeId(text);
			if (parts !== undefined)
				assert.equal(`spiffe://${parts.trustDomain}/ns/${parts.namespace}/sa/${parts.serviceAccount}`, text);
		},
	},
	address: {
		good: ["10.0.0.1", "::1", "fe80::1", "2001:db8::1:2", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4"],
		check(text, random) {
			const bytes = parseAddress(text);
			// Node's zones may have other letters.
			const [bare = "", zone] = text.split(/%(.*)/s);
			const isZoned = zone !== undefined && (!bare.includes(":") || !/^[\w.~-]+$/.test(zone));
			const length = isZoned ? 0 : { 0: 0, 4: 4, 6: 16 }[isIP(bare)];
			assert.equal(bytes?.length ?? 0, length, "as node reads it");
			if (bytes === undefined) return;
			const cidr = parseCidr(text, below(140, random))!;
			assert.ok(isInCidr(cidr, bytes) && isInCidr(cidr, firstOfCidr(cidr)), "a range holds what it was made of");
		},
	},
	cookie: {
		good: ['a=1; s="CgsxMjcuMC4wLjE6MQ=="; b=2', "s=", "s=a==; s", "=; =s"],
		check(text) {
			const headers = ["cookie", text];
			assert.equal(findCookie(headers, "s"), getCookie(headers, "s"), "sessions and hash keys read alike");
			readSession(session, headers, 0);
		},
	},
	path: {
		good: ["/a/b/../c?d=/../e", "/a//b;x=1/..;/c", "/%2e%2E/a%2fb%5c", "/"],
		check(text) {
			if (!text.startsWith("/")) return;
			const options = { normalizePath: true, mergeSlashes: true, escapedSlashes: "keep" } as const;
			const once = normalizeRequestPath(text, options);
			if (once.kind !== "accept") return;
			assert.ok(once.path.startsWith("/"), "stays a path");
			const [bare = ""] = once.path.split("?");
			for (const segment of bare.split("/")) assert.ok(segment !== ".." && segment !== ".", "climbs nowhere");
		},
	},
	template: {
		good: ["/a/{name}/*", "/files/{path=**}", "/a/*.txt", "/{a=x/*}/{b}.m3u8"],
		check(text) {
			const compiled = compileUriTemplate(text);
			if (!compiled.ok) return;
			compiled.value.regex.exec("/a/b/c/d.txt");
			compileUriRewrite(text.replaceAll(/[=][^}]*/g, ""), compiled.value.variables);
		},
	},
	format: {
		good: [
			"%REQ(:path?x)% %%",
			"%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
			"%DYNAMIC_METADATA(a:b:c):10%",
			"%RESPONSE_CODE%",
		],
		check(text) {
			const compiled = compileTextFormat(text);
			if (compiled.ok) assert.equal(typeof compiled.value.format(stream), "string");
			else assert.ok(compiled.problem.length > 0);
		},
	},
	"gRPC field": {
		good: ["10S", "99999999n", "a%20b%C3%A9", "%", "%zz%4"],
		check(text) {
			const timeout = parseGrpcTimeout(text);
			if (timeout !== undefined) assert.match(formatGrpcTimeout(timeout), /^\d{1,8}[HMSmun]$/);
			const message = decodeStatusMessage(text);
			assert.match(encodeStatusMessage(message), /^[\x20-\x7e]*$/);
			assert.equal(decodeStatusMessage(encodeStatusMessage(message)), message);
		},
	},
};

/** One round: damages a text of each kind; a session's message is damaged below its base64.
 *  @throws an error that holds the text */
export function fuzzTexts(random: Random): void {
	for (const [kind, { good, check }] of Object.entries(readers)) {
		const text = damageText(pick(random, good), [...marks, ...good], random);
		try {
			check(text, random);
		} catch (error) {
			throw new Error(`this ${kind} breaks its reader: ${JSON.stringify(text)}`, { cause: error });
		}
	}
	const headers: string[] = [];
	writeSessionHost(session, headers, undefined, "10.0.0.1:8080", 0);
	const message = Buffer.from(/"([^"]*)"/.exec(headers[1]!)![1]!, "base64");
	const damaged = damageBytes(message, random);
	try {
		const host = readSession(session, ["cookie", `s=${damaged.toString("base64")}`], 0)?.host;
		assert.ok(host === undefined || host.length <= damaged.length, "no more is read than there is");
	} catch (error) {
		throw new Error(`this session breaks its reader: ${damaged.toString("hex")}`, { cause: error });
	}
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	for (;;) fuzzTexts(random);
}
