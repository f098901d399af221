/** gRPC-Web in texts: what is base64 and what is not. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const web = { name: "web", typed_config: typed("filters.http.grpc_web.v3.GrpcWeb", {}) };

const frame = (message: Buffer | string, flags = 0): Buffer => {
	const head = Buffer.alloc(5);
	head[0] = flags;
	head.writeUInt32BE(Buffer.byteLength(message), 1);
	return Buffer.concat([head, Buffer.from(message)]);
};

/** Texts of requests; a backend that is reached says what it got. */
const requests: Readonly<Record<string, string>> = {
	whole: frame("hi").toString("base64"),
	"a character that is none": "ab*d",
	"one among good ones": "AAAA*AAA",
	"a character beyond ASCII": "AAA\xff",
	"characters of addresses": "ab-_",
	"a line's end": "AAAA\r\nAA",
	blanks: "AA A",
	"padding alone": "====",
	"three of padding": "A===",
	"two of padding": "AA==",
	"one of padding": "AAA=",
	"padding within": "AA=A",
	"no whole four": "AAAAA",
	"too short": "A",
	nothing: "",
};

const answers: Readonly<Record<string, Buffer>> = {
	"a frame": frame("hello"),
	frames: Buffer.concat([frame("hello"), frame(""), frame("h"), frame("he"), frame("hel")]),
	"a compressed frame": frame("hello", 1),
	"a large one": frame(Buffer.alloc(9_001, "abcdefg")),
	nothing: Buffer.alloc(0),
};

compareWithEnvoy("gRPC-Web in texts", {
	start: (side) => startFilterWorld(side, { web: { filters: [web] } }),
	cases: {
		...Object.fromEntries(
			Object.entries(requests).map(([what, text]) => [
				`request: ${what}`,
				{
					want: text === "" || / |\*|_|\xff|\r/.test(text) ? { status: text === "" ? 200 : 400 } : {},
					async see(world: FilterWorld) {
						const { status, headers, echo } = await world.call("web", {
							method: "POST",
							path: "/a.B/M",
							body: Buffer.from(text, "latin1"),
							headers: { "content-type": "application/grpc-web-text" },
						});
						return { status, message: headers["grpc-message"], echo: echo?.body };
					},
				},
			]),
		),
		...Object.fromEntries(
			Object.entries(answers).map(([what, bytes]) => [
				`answer: ${what}`,
				{
					want: { status: 200, trailers: {} },
					async see(world: FilterWorld) {
						const { status, headers, body, trailers } = await world.call("web", {
							method: "POST",
							path: "/a.B/M",
							body: frame("hi"),
							headers: {
								"content-type": "application/grpc-web",
								accept: "application/grpc-web-text",
								"x-answer-content-type": "application/grpc",
								"x-answer": bytes.toString("base64"),
								"x-trailer-grpc-status": "0",
							},
						});
						return { status, headers, trailers, body: body.toString("latin1") };
					},
				},
			]),
		),
	},
});
