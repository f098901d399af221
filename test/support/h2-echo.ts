import {
	type ClientHttp2Session,
	connect,
	createServer,
	type IncomingHttpHeaders,
	type OutgoingHttpHeaders,
	type ServerHttp2Session,
	type ServerHttp2Stream,
} from "node:http2";
import type { TestContext } from "node:test";

/** A server of plain-text HTTP/2 that does what the path of a request says. */
export interface H2Echo {
	readonly port: number;
	/** Codes of streams that were reset before their answer was complete. */
	readonly resets: number[];
	/** Paths in the order they came. */
	readonly paths: string[];
	/** Sessions that were opened. */
	readonly sessions: number;
}

/** Fields that differ from run to run. */
const unsteady = new Set(["x-request-id", "date", ":authority"]);

/** A head as plain data: `name: value` sorted, without what differs from run to run. */
export function listFields(headers: IncomingHttpHeaders): string[] {
	return Object.entries(headers)
		.filter(([name]) => !unsteady.has(name))
		.flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${one}`))
		.sort();
}

type Behaviour = (stream: ServerHttp2Stream, argument: string, headers: IncomingHttpHeaders, echo: EchoState) => void;

interface EchoState {
	/** How often each path was asked. */
	readonly seen: Map<string, number>;
}

const grpcHead = { ":status": 200, "content-type": "application/grpc" };

function respondWithTrailers(
	stream: ServerHttp2Stream,
	head: OutgoingHttpHeaders,
	body: string,
	trailers: OutgoingHttpHeaders,
): void {
	stream.respond(head, { waitForTrailers: true });
	stream.on("wantTrailers", () => stream.sendTrailers(trailers));
	stream.end(body);
}

const behaviours: Readonly<Record<string, Behaviour>> = {
	/** Says what came, body and trailers included. */
	echo(stream, _argument, headers) {
		let body = "";
		let trailers: string[] = [];
		stream.on("data", (bytes: Buffer) => {
			body += bytes.toString("latin1");
		});
		stream.on("trailers", (fields: IncomingHttpHeaders) => {
			trailers = listFields(fields);
		});
		stream.on("end", () => {
			stream.respond({ ":status": 200, "content-type": "application/json" });
			stream.end(JSON.stringify({ fields: listFields(headers), body, trailers }));
		});
	},
	status: (stream, argument) => stream.respond({ ":status": Number(argument) }, { endStream: true }),
	/** A body of unknown length. */
	body(stream, argument) {
		stream.respond({ ":status": 200, "x-kind": "body" });
		stream.end("b".repeat(Number(argument)));
	},
	length(stream, argument) {
		stream.respond({ ":status": 200, "content-length": argument });
		stream.end("b".repeat(Number(argument)));
	},
	trailers: (stream) => respondWithTrailers(stream, { ":status": 200 }, "body", { "x-end": "yes", "x-sum": "4" }),
	cookies(stream) {
		stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"] }, { endStream: true });
	},
	hints(stream) {
		stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
		stream.respond({ ":status": 200 });
		stream.end("hinted");
	},
	reset: (stream, argument) => stream.close(Number(argument)),
	/** Resets behind the head. */
	cut(stream) {
		stream.respond({ ":status": 200 });
		stream.write("part", () => stream.destroy(new Error("cut")));
	},
	/** Refuses the first request of each path. */
	refuse(stream, argument, _headers, { seen }) {
		if (seen.get(argument) === 1) stream.close(7);
		else stream.respond({ ":status": 200 }, { endStream: true });
	},
	drop: (stream) => stream.session?.destroy(),
	/** Says goodbye, and answers. */
	goaway(stream) {
		stream.session?.goaway();
		stream.respond({ ":status": 200 });
		stream.end("bye");
	},
	never: () => undefined,
	/** A message and a status behind it. */
	grpc(stream, argument) {
		respondWithTrailers(stream, grpcHead, "\0\0\0\0\x02hi", { "grpc-status": argument, "grpc-message": "so it is" });
	},
	/** A status in the head. */
	grpconly(stream, argument) {
		stream.respond({ ...grpcHead, "grpc-status": argument, "grpc-message": "at once" }, { endStream: true });
	},
	/** The first answer of each argument is a status in the head, then all is well. */
	grpcflaky(stream, argument, _headers, { seen }) {
		if (seen.get(argument) === 1) behaviours["grpconly"]!(stream, argument.split("-")[0]!, {}, { seen });
		else behaviours["grpc"]!(stream, "0", {}, { seen });
	},
	/** No trailers behind the body. */
	grpcbare(stream) {
		stream.respond(grpcHead);
		stream.end("\0\0\0\0\x02hi");
	},
	/** Takes an extended CONNECT, and sends everything back. */
	tunnel(stream) {
		stream.respond({ ":status": 200 });
		stream.pipe(stream);
	},
};

export async function startH2Echo(t: Pick<TestContext, "after">, settings: object = {}): Promise<H2Echo> {
	const sessions = new Set<ServerHttp2Session>();
	const seen = new Map<string, number>();
	const state = { resets: [] as number[], paths: [] as string[], sessions: 0 };
	const server = createServer({ settings: { enableConnectProtocol: true, ...settings } });
	server.on("session", (session) => {
		state.sessions++;
		sessions.add(session);
		session.on("error", () => session.destroy());
		session.on("close", () => sessions.delete(session));
	});
	server.on("stream", (stream: ServerHttp2Stream, headers) => {
		const path = headers[":path"] ?? "";
		state.paths.push(path);
		stream.on("error", () => undefined);
		stream.on("aborted", () => state.resets.push(stream.rstCode));
		if (path === "") {
			behaviours["tunnel"]!(stream, "", headers, { seen });
			return;
		}
		const [, name = "", argument = ""] = path.split("?")[0]!.split("/");
		seen.set(argument, (seen.get(argument) ?? 0) + 1);
		const behaviour = behaviours[name];
		if (behaviour === undefined) stream.respond({ ":status": 404, "x-path": path }, { endStream: true });
		else behaviour(stream, argument, headers, { seen });
	});
	t.after(() => {
		for (const session of sessions) session.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("the server has no port");
	return Object.assign(state, { port: address.port });
}

/** What an HTTP/2 client got. */
export interface H2Answer {
	readonly status: number;
	readonly fields: string[];
	readonly body: string;
	readonly trailers: string[];
	/** Statuses of 1xx answers. */
	readonly informational: number[];
	/** RST_STREAM's code; 0 for a stream that ended well. */
	readonly code: number;
}

export interface H2Call {
	readonly headers?: OutgoingHttpHeaders;
	readonly body?: string;
	readonly trailers?: OutgoingHttpHeaders;
	/** Gives up with CANCEL; 10 s by default. */
	readonly timeoutMs?: number;
}

/** A session of prior knowledge to a loopback port. */
export function openH2(t: Pick<TestContext, "after">, port: number): ClientHttp2Session {
	const session = connect(`http://127.0.0.1:${port}`);
	session.on("error", () => undefined);
	t.after(() => session.destroy());
	return session;
}

/** One request on a session. Never throws: what went wrong is in the answer. */
export function callH2(session: ClientHttp2Session, path: string, call: H2Call = {}): Promise<H2Answer> {
	return new Promise((resolve) => {
		const { headers = {}, body, trailers, timeoutMs = 10_000 } = call;
		const answer = {
			status: 0,
			fields: [] as string[],
			body: "",
			trailers: [] as string[],
			informational: [] as number[],
			code: 0,
		};
		const endStream = body === undefined && trailers === undefined;
		const target = headers[":method"] === "CONNECT" && headers[":protocol"] === undefined ? {} : { ":path": path };
		const stream = session.request(
			{ ":authority": "test.example", ...target, ...headers },
			{ endStream, waitForTrailers: trailers !== undefined },
		);
		const timer = setTimeout(() => stream.close(8), timeoutMs);
		stream.setEncoding("latin1");
		stream.on("headers", (fields) => answer.informational.push(Number(fields[":status"])));
		stream.on("response", (fields) => {
			answer.status = fields[":status"] ?? 0;
			answer.fields = listFields(fields);
		});
		stream.on("data", (text: string) => {
			answer.body += text;
		});
		stream.on("trailers", (fields) => {
			answer.trailers = listFields(fields);
		});
		stream.on("error", () => undefined);
		stream.on("close", () => {
			clearTimeout(timer);
			resolve({ ...answer, code: stream.rstCode });
		});
		if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
		if (!endStream) stream.end(body);
	});
}
