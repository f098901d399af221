/** jwt_authn with services of keys that answer what they should not: redirects, drips, floods, other formats, cut answers. */
import { createSign, generateKeyPairSync } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { managerFilter, oneHost, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k", alg: "ES256" };
const other = {
	...generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" }),
	kid: "k",
	alg: "ES256",
};
const rsa = { ...generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" }), kid: "r" };
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = `${encode({ alg: "ES256", kid: "k" })}.${encode({ iss: "me" })}`;
const signature = createSign("sha256").update(signed).sign({ key: privateKey, dsaEncoding: "ieee-p1363" });
const token = `${signed}.${signature.toString("base64url")}`;
const good = JSON.stringify({ keys: [jwk] });
const text = (keys: readonly unknown[], more: object = {}): string => JSON.stringify({ keys, ...more });

type Answer = string | Buffer | ((response: ServerResponse, path: string) => void);

const answers: Readonly<Record<string, readonly [Answer, number]>> = {
	good: [good, 200],
	"a redirect to good keys": [
		(response, path) =>
			path === "/good" ? void response.end(good) : void response.writeHead(302, { location: "/good" }).end(good),
		401,
	],
	"a permanent redirect with good keys in it": [
		(response) => void response.writeHead(308, { location: "http://keys.test/good" }).end(good),
		401,
	],
	"201": [(response) => void response.writeHead(201).end(good), 401],
	"204": [(response) => void response.writeHead(204).end(), 401],
	"206": [(response) => void response.writeHead(206).end(good), 401],
	"304": [(response) => void response.writeHead(304).end(), 401],
	"404 with good keys": [(response) => void response.writeHead(404).end(good), 401],
	"early hints before them": [
		(response) => {
			response.writeEarlyHints({ link: "</x>; rel=preload" });
			response.end(good);
		},
		200,
	],
	"HTML in place of them": ["<html><body>sign in</body></html>", 401],
	"HTML by its type alone": [
		(response) => void response.writeHead(200, { "content-type": "text/html" }).end(good),
		200,
	],
	"a byte order mark": [`\ufeff${good}`, 401],
	"UTF-16": [Buffer.from(good, "utf16le"), 401],
	"bytes that are no UTF-8": [
		Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${good.slice(1)}`)]),
		401,
	],
	gzip: [(response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(good)), 401],
	"a list": [`[${good}]`, 401],
	"a text": [JSON.stringify(good), 401],
	null: ["null", 401],
	"blanks around": [` \r\n\t${good}\n\n`, 200],
	"more after them": [`${good}{}`, 401],
	"a comment": [`/* keys */${good}`, 401],
	"no keys": [text([]), 401],
	"keys that are an object": ['{"keys":{}}', 401],
	"keys that are null": ['{"keys":null}', 401],
	"keys twice, the good ones last": [`{"keys":[],${good.slice(1)}`, 401],
	"keys twice, the good ones first": [`${good.slice(0, -1)},"keys":[]}`, 401],
	"another key of that name": [text([other]), 401],
	"another key of that name first": [text([other, jwk]), 200],
	"a key without a name": [text([{ ...jwk, kid: undefined }]), 200],
	"a name that is a number": [text([{ ...jwk, kid: 5 }]), 200],
	"a name that is null": [text([{ ...jwk, kid: null }]), 200],
	"an algorithm that is null": [text([{ ...jwk, alg: null }]), 200],
	"another name": [text([{ ...jwk, kid: "K" }]), 401],
	"a key for encryption": [text([{ ...jwk, use: "enc" }]), 200],
	"a key that may only sign": [text([{ ...jwk, key_ops: ["sign"] }]), 200],
	"unknown fields": [text([{ ...jwk, x5t: "abc", ext: true }], { issuer: "me" }), 200],
	"a bad key beside the good one": [text([{ kty: "EC", kid: "k", crv: "P-256", x: "AAAA", y: "AAAA" }, jwk]), 200],
	"an unknown type beside the good one": [text([{ kty: "XX", kid: "k" }, jwk]), 200],
	"an RSA key beside the good one": [text([rsa, jwk]), 200],
	"null beside the good one": [text([null, jwk]), 200],
	"numbers beside the good one": [text([1, "x", [], jwk]), 200],
	"the algorithm of another curve": [text([{ ...jwk, alg: "ES384" }]), 401],
	"without an algorithm": [text([{ ...jwk, alg: undefined }]), 200],
	"without a curve": [text([{ ...jwk, crv: undefined }]), 200],
	"without both": [text([{ ...jwk, crv: undefined, alg: undefined }]), 200],
	"coordinates with padding": [text([{ ...jwk, x: `${jwk.x}=`, y: `${jwk.y}=` }]), 200],
	"coordinates with blanks": [text([{ ...jwk, x: ` ${jwk.x}` }]), 200],
	"half a megabyte": [text([jwk], { more: "x".repeat(512 * 1024) }), 200],
	"cut off": [
		(response) =>
			void response.writeHead(200, { "content-length": good.length + 10 }).write(good, () => response.destroy()),
		401,
	],
	"closed without a length": [
		(response) => {
			response.useChunkedEncodingByDefault = false;
			response.shouldKeepAlive = false;
			response.removeHeader("connection");
			response.end(good);
		},
		200,
	],
	"a drip that ends in time": [(response) => drip(response, 20, 5), 200],
	"a drip that does not end in time": [(response) => drip(response, good.length, 20), 401],
	"a head without a body": [(response) => void response.writeHead(200).flushHeaders(), 401],
	"a body for ever": [(response) => flood(response), 401],
	"trailers after them": [
		(response) => {
			response.setHeader("trailer", "x-end");
			response.write(good);
			response.addTrailers({ "x-end": "1" });
			response.end();
		},
		200,
	],
};

function drip(response: ServerResponse, pieces: number, everyMs: number): void {
	const size = Math.ceil(good.length / pieces);
	let at = 0;
	const timer = setInterval(() => {
		response.write(good.slice(at, at + size));
		at += size;
		if (at < good.length) return;
		clearInterval(timer);
		response.end();
	}, everyMs);
	response.on("close", () => clearInterval(timer));
}

function flood(response: ServerResponse): void {
	const piece = Buffer.alloc(64 * 1024, " ");
	const send = (): void => {
		while (!response.destroyed && response.write(piece));
	};
	response.on("drain", send);
	send();
}

async function start(side: Side) {
	let answer: Answer = good;
	const asked: string[] = [];
	const service = createServer((request, response) => {
		asked.push(request.url ?? "");
		response.on("error", () => response.destroy());
		if (typeof answer === "function") answer(response, request.url ?? "");
		else response.end(answer);
	});
	side.after(() => {
		service.closeAllConnections();
		service.close();
	});
	await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
	const backend = await startSeenBackend(side);
	const filter = {
		name: "envoy.filters.http.jwt_authn",
		typed_config: typed("filters.http.jwt_authn.v3.JwtAuthentication", {
			providers: {
				p: {
					issuer: "me",
					remote_jwks: {
						http_uri: { uri: "http://keys.test/jwks", cluster: "keys", timeout: "0.8s" },
						cache_duration: "0.001s",
					},
				},
			},
			rules: [{ match: { prefix: "/" }, requires: { provider_name: "p" } }],
		}),
	};
	const routes = [{ match: { prefix: "/" }, route: { cluster: "c" } }];
	const manager = managerFilter({
		http_filters: [filter, routerFilter],
		route_config: oneHost(routes),
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [plainCluster("c", backend), plainCluster("keys", (service.address() as AddressInfo).port)],
		},
	});
	const port = await proxy.port("l");
	return {
		async ask(next: Answer) {
			answer = next;
			asked.length = 0;
			const { status, body } = await sendRequest({ port, path: "/", headers: { authorization: `Bearer ${token}` } });
			return { status, body: status === 200 ? "" : body, asked: [...asked] };
		},
	};
}

compareWithEnvoy("jwt_authn with a service of keys that answers", {
	start,
	cases: Object.fromEntries(
		Object.entries(answers).map(([name, [answer, status]]) => [
			name,
			{ want: { status }, see: ({ ask }: Awaited<ReturnType<typeof start>>) => ask(answer) },
		]),
	),
});
