import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { DiscoveryRequestSchema } from "../../src/api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { secretType } from "../../src/xds/server/index.ts";

/** A process that connects to a unix socket and hands the connection to a child of its own, which alone speaks on it. */
export interface InheritedConnection {
	/** What the child has seen: each stream's messages and end, and the connection's end. */
	readonly seen: readonly InheritedEvent[];
	/** Ends the process that connected; its child lives on. */
	endMaker(): void;
}

export interface InheritedEvent {
	readonly stream?: "svid" | "secrets";
	/** Bytes of a message. */
	readonly bytes?: number;
	/** gRPC status of the end. */
	readonly status?: number;
	readonly isClosed?: boolean;
	/** The process that connected has ended. */
	readonly isOrphan?: boolean;
}

/** @param asksAfterwards whether the child says its first word only when the process that connected is gone */
export function inheritConnection(
	t: Pick<TestContext, "after">,
	socketPath: string,
	asksAfterwards: boolean,
): InheritedConnection {
	const secrets = create(DiscoveryRequestSchema, {
		node: { id: "heir" },
		resourceNames: ["default"],
		typeUrl: secretType,
	});
	const settings = {
		asksAfterwards,
		questions: {
			svid: ["/SpiffeWorkloadAPI/FetchX509SVID", frame(Buffer.alloc(0))],
			secrets: [
				"/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
				frame(Buffer.from(toBinary(DiscoveryRequestSchema, secrets))),
			],
		},
	};
	const maker = `
		const socket = require("node:net").connect(${JSON.stringify(socketPath)});
		// What the server says first is for the child.
		socket.pause();
		socket.on("connect", () => {
			const { spawn } = require("node:child_process");
			const heir = spawn(process.execPath, ["-e", process.argv[1], String(process.pid)], { stdio: ["ignore", 1, 2, socket] });
			console.log(JSON.stringify({ pid: heir.pid }));
			process.stdin.once("data", () => process.exit());
		});
	`;
	const heir = `
		const { asksAfterwards, questions } = ${JSON.stringify(settings)};
		const say = (event) => console.log(JSON.stringify(event));
		const maker = Number(process.argv[1]);
		const socket = new (require("node:net").Socket)({ fd: 3 });
		const ask = () => {
			const session = require("node:http2").connect("http://localhost", { createConnection: () => socket });
			session.on("error", () => undefined);
			session.on("close", () => say({ isClosed: true }));
			for (const [stream, [path, message]] of Object.entries(questions)) {
				const call = session.request({
					":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", "workload.spiffe.io": "true",
				});
				const onEnd = (headers) => {
					if (headers["grpc-status"] !== undefined) say({ stream, status: Number(headers["grpc-status"]) });
				};
				call.on("response", onEnd);
				call.on("trailers", onEnd);
				call.on("data", (data) => say({ stream, bytes: data.length }));
				call.on("error", () => undefined);
				call.write(Buffer.from(message, "base64"));
				// The one has a stream of questions, the other one question.
				if (stream === "svid") call.end();
			}
		};
		if (!asksAfterwards) ask();
		const waiting = setInterval(() => {
			if (process.ppid === maker) return;
			clearInterval(waiting);
			say({ isOrphan: true });
			if (asksAfterwards) ask();
			setTimeout(() => process.exit(), 60_000);
		}, 10);
	`;
	const child: ChildProcess = spawn(process.execPath, ["-e", maker, heir], { stdio: ["pipe", "pipe", "inherit"] });
	const seen: InheritedEvent[] = [];
	let heirPid: number | undefined;
	createInterface({ input: child.stdout! }).on("line", (line) => {
		const event = JSON.parse(line) as InheritedEvent & { readonly pid?: number };
		if (event.pid === undefined) seen.push(event);
		else heirPid = event.pid;
	});
	t.after(() => {
		child.kill("SIGKILL");
		if (heirPid === undefined) return;
		try {
			process.kill(heirPid, "SIGKILL");
		} catch {
			// It has ended by itself.
		}
	});
	return { seen, endMaker: () => void child.stdin!.write("end\n") };
}

/** A gRPC message that is not compressed, as base64. */
function frame(message: Buffer): string {
	const head = Buffer.alloc(5);
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, message]).toString("base64");
}
