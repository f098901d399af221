import { createPublicKey } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { encodeSequence, encodeUnsigned } from "../x509/der.ts";
import {
	maxLineBytes,
	type PluginAnswer,
	type PluginFault,
	type PluginRequest,
	parseRequest,
	protocolVersion,
} from "./protocol.ts";
import { readLines } from "./read-lines.ts";

/** What keeps keys for a plugin: P-256, by name. Calls reject with MeshError; one whose code ends with `_REFUSED` stays so until somebody
 *  sees to it. */
export interface KeyDevice {
	/** What it is, for people. */
	place(): Promise<string>;
	list(): Promise<readonly string[]>;
	/** The public point of a new key, uncompressed (65 bytes). */
	create(name: string): Promise<Uint8Array>;
	/** Undefined when there is no such key. */
	publicPoint(name: string): Promise<Uint8Array | undefined>;
	/** ECDSA of a digest as two numbers of 32 bytes; undefined when there is no such key. */
	sign(name: string, digest: Uint8Array): Promise<Uint8Array | undefined>;
	remove(name: string): Promise<void>;
}

/** Serves a device as a key plugin, until its input ends. */
export async function serveKeyPlugin(options: {
	readonly input: Readable;
	readonly output: Writable;
	readonly device: KeyDevice;
	readonly log: Log;
}): Promise<void> {
	const { input, output, device, log } = options;
	const ended = Promise.withResolvers<void>();
	const say = (answer: PluginAnswer): void => void output.write(`${JSON.stringify(answer)}\n`);
	const onLine = (line: string): void => {
		const request = parseRequest(line);
		if (!("fault" in request)) {
			void answerRequest(device, request, log).then(say);
			return;
		}
		log.warn("request that is none", { problem: request.fault });
		if (request.id !== undefined) say({ id: request.id, error: { code: "refused", message: request.fault } });
	};
	readLines(input, maxLineBytes, onLine, () => ended.resolve());
	input.on("end", () => ended.resolve());
	input.on("error", () => ended.resolve());
	output.on("error", () => ended.resolve());
	await ended.promise;
}

async function answerRequest(device: KeyDevice, request: PluginRequest, log: Log): Promise<PluginAnswer> {
	const { id, method, name } = request;
	try {
		const result = await carryOut(device, request);
		if (result === undefined) return { id, error: { code: "unknown", message: `there is no key '${name}'` } };
		if (method === "create" || method === "remove") log.info(`key ${method}d`, { name });
		return { id, result };
	} catch (error) {
		const code: PluginFault = error instanceof MeshError && error.code.endsWith("_REFUSED") ? "refused" : "unavailable";
		log.error("key plugin cannot do it", { method, name, problem: describeError(error) });
		return { id, error: { code, message: describeError(error) } };
	}
}

async function carryOut(
	device: KeyDevice,
	{ method, name, digest }: PluginRequest,
): Promise<Record<string, unknown> | undefined> {
	switch (method) {
		case "hello":
			return { protocol: protocolVersion, place: await device.place() };
		case "list":
			return { names: await device.list() };
		case "create":
			return { publicKey: formatPoint(await device.create(name)) };
		case "remove":
			await device.remove(name);
			return {};
		case "publicKey": {
			const point = await device.publicPoint(name);
			return point === undefined ? undefined : { publicKey: formatPoint(point) };
		}
		case "sign": {
			const numbers = await device.sign(name, digest);
			if (numbers === undefined) return undefined;
			const [r, s] = [numbers.subarray(0, 32), numbers.subarray(32)];
			return { signature: encodeSequence(encodeUnsigned(r), encodeUnsigned(s)).toString("base64") };
		}
	}
}

function formatPoint(point: Uint8Array): string {
	const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => Buffer.from(part).toString("base64url"));
	const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: x!, y: y! }, format: "jwk" });
	return key.export({ type: "spki", format: "pem" }).toString();
}
