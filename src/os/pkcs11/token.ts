import { createHash } from "node:crypto";
import type { Ffi } from "../native.ts";
import { type Arena, type AttributeValue, attributeBytes, createArena } from "./arena.ts";
import { attribute, keyType, mechanism, objectClass, p256Parameters, sessionFlags, user } from "./constants.ts";
import { loadModule, type ModuleCall, TokenError } from "./module.ts";

export interface TokenOptions {
	/** Path of the module, a shared library. */
	readonly module: string;
	/** Label of the token. */
	readonly token: string;
	readonly pin: string;
	/** Begins the label of every key that is made and seen. */
	readonly prefix: string;
}

/** A token that is logged in to. Keys are P-256, made on the token, sensitive and not extractable. Calls block. */
export interface Token {
	/** What it is, for people. */
	readonly place: string;
	/** Names of the private keys. */
	list(): string[];
	/** Makes a key. @returns its public point, uncompressed (65 bytes) */
	create(name: string): Buffer;
	/** Undefined when there is no such key. */
	publicPoint(name: string): Buffer | undefined;
	/** ECDSA of a digest: two numbers of 32 bytes; undefined when there is no such key. */
	sign(name: string, digest: Uint8Array): Buffer | undefined;
	remove(name: string): void;
	close(): void;
}

const tokenInfoBytes = 208;
const tokenFields = { label: [0, 32], manufacturer: [32, 64], model: [64, 80] } as const;
const maxSlots = 256;
const maxKeys = 1024;
const handleBytes = 8;

/** Opens a token of a module.
 *  @throws TokenError */
export function openToken(ffi: Ffi, { module, token: label, pin, prefix }: TokenOptions): Token {
	const call = loadModule(ffi, module);
	const arena = createArena(ffi);
	initialize(call);
	const { slot, place } = findSlot(call, arena, label, module);
	const session = openSession(call, arena, slot, pin);
	const handles = new Map<string, bigint>();

	const find = (attributes: readonly AttributeValue[]): bigint[] => {
		const template = arena.putAttributes(attributes);
		call("C_FindObjectsInit", session, template.address, BigInt(attributes.length));
		try {
			const [found, count] = [arena.take(maxKeys * handleBytes), arena.take(handleBytes)];
			call("C_FindObjects", session, found.address, BigInt(maxKeys), count.address);
			return Array.from({ length: Number(count.bytes.readBigUInt64LE()) }, (_, index) =>
				found.bytes.readBigUInt64LE(index * handleBytes),
			);
		} finally {
			call("C_FindObjectsFinal", session);
		}
	};
	const labelOf = (name: string): Buffer => Buffer.from(prefix + name);
	const findKey = (kind: bigint, name: string): bigint | undefined =>
		find([
			[attribute.class, kind],
			[attribute.label, labelOf(name)],
		])[0];

	function readAttribute(object: bigint, type: bigint): Buffer {
		const template = arena.putAttributes([[type, Buffer.alloc(512)]]);
		call("C_GetAttributeValue", session, object, template.address, 1n);
		const length = Number(template.bytes.readBigUInt64LE(attributeBytes - 8));
		const value = arena.take(length);
		template.bytes.writeBigUInt64LE(value.address, 8);
		call("C_GetAttributeValue", session, object, template.address, 1n);
		return Buffer.from(value.bytes);
	}

	function privateKey(name: string): bigint | undefined {
		const known = handles.get(name) ?? findKey(objectClass.privateKey, name);
		if (known !== undefined) handles.set(name, known);
		return known;
	}

	/** Every call has the arena to itself. */
	const using = <T>(work: () => T): T => {
		arena.reset();
		return work();
	};
	return {
		place,
		list: () =>
			using(() =>
				find([[attribute.class, objectClass.privateKey]])
					.map((object) => readAttribute(object, attribute.label).toString())
					.filter((text) => text.startsWith(prefix))
					.map((text) => text.slice(prefix.length)),
			),
		create: (name) =>
			using(() => {
				if (privateKey(name) !== undefined) throw new TokenError("failed", `there is a key '${name}' already`);
				const [common, made] = [templateOf(labelOf(name)), arena.take(2 * handleBytes)];
				const [publicKey, secret] = [arena.putAttributes(common.public), arena.putAttributes(common.private)];
				call(
					"C_GenerateKeyPair",
					session,
					putMechanism(arena, mechanism.generateEcKeyPair),
					publicKey.address,
					BigInt(common.public.length),
					secret.address,
					BigInt(common.private.length),
					made.address,
					made.address + BigInt(handleBytes),
				);
				handles.set(name, made.bytes.readBigUInt64LE(handleBytes));
				return readPoint(readAttribute(made.bytes.readBigUInt64LE(), attribute.ecPoint));
			}),
		publicPoint: (name) =>
			using(() => {
				const object = findKey(objectClass.publicKey, name);
				return object === undefined ? undefined : readPoint(readAttribute(object, attribute.ecPoint));
			}),
		sign: (name, digest) =>
			using(() => {
				const key = privateKey(name);
				if (key === undefined) return undefined;
				call("C_SignInit", session, putMechanism(arena, mechanism.ecdsa), key);
				const [text, signature, length] = [arena.put(digest), arena.take(128), arena.take(handleBytes)];
				length.bytes.writeBigUInt64LE(128n);
				call("C_Sign", session, text.address, BigInt(digest.length), signature.address, length.address);
				return Buffer.from(signature.bytes.subarray(0, Number(length.bytes.readBigUInt64LE())));
			}),
		remove: (name) =>
			using(() => {
				handles.delete(name);
				for (const kind of [objectClass.privateKey, objectClass.publicKey]) {
					const object = findKey(kind, name);
					if (object !== undefined) call("C_DestroyObject", session, object);
				}
			}),
		close: () => call("C_Finalize", 0n),
	};
}

function initialize(call: ModuleCall): void {
	try {
		call("C_Initialize", 0n);
	} catch (error) {
		if (!(error instanceof TokenError && error.message.endsWith("CKR_CRYPTOKI_ALREADY_INITIALIZED"))) throw error;
		// What is left of a session that was lost goes with it.
		call("C_Finalize", 0n);
		call("C_Initialize", 0n);
	}
}

function findSlot(call: ModuleCall, arena: Arena, label: string, module: string) {
	const [count, slots, information] = [
		arena.take(handleBytes),
		arena.take(maxSlots * handleBytes),
		arena.take(tokenInfoBytes),
	];
	count.bytes.writeBigUInt64LE(BigInt(maxSlots));
	call("C_GetSlotList", 1, slots.address, count.address);
	const seen: string[] = [];
	for (let index = 0; index < Number(count.bytes.readBigUInt64LE()); index++) {
		const slot = slots.bytes.readBigUInt64LE(index * handleBytes);
		call("C_GetTokenInfo", slot, information.address);
		const [name, manufacturer, model] = Object.values(tokenFields).map(([from, to]) =>
			information.bytes.toString("utf8", from, to).trim(),
		);
		if (name === label) return { slot, place: `PKCS #11 token ${label} (${manufacturer} ${model})` };
		if (name !== undefined && name !== "") seen.push(name);
	}
	const others = seen.length === 0 ? "it has none" : `it has ${seen.map((name) => `'${name}'`).join(", ")}`;
	throw new TokenError("lost", `the PKCS #11 module ${module} has no token '${label}': ${others}`);
}

function openSession(call: ModuleCall, arena: Arena, slot: bigint, pin: string): bigint {
	const [handle, secret] = [arena.take(handleBytes), arena.put(Buffer.from(pin))];
	call("C_OpenSession", slot, sessionFlags.readWrite | sessionFlags.serial, 0n, 0n, handle.address);
	const session = handle.bytes.readBigUInt64LE();
	try {
		call("C_Login", session, user, secret.address, BigInt(secret.bytes.length));
	} finally {
		secret.bytes.fill(0);
	}
	return session;
}

function putMechanism(arena: Arena, type: bigint): bigint {
	const piece = arena.take(3 * handleBytes);
	piece.bytes.writeBigUInt64LE(type);
	return piece.address;
}

function templateOf(label: Buffer) {
	const id = createHash("sha1").update(label).digest();
	const common: AttributeValue[] = [
		[attribute.token, true],
		[attribute.label, label],
		[attribute.id, id],
	];
	return {
		public: [
			...common,
			[attribute.class, objectClass.publicKey],
			[attribute.keyType, keyType.ec],
			[attribute.verify, true],
			[attribute.ecParameters, p256Parameters],
		] satisfies AttributeValue[],
		private: [
			...common,
			[attribute.class, objectClass.privateKey],
			[attribute.keyType, keyType.ec],
			[attribute.private, true],
			[attribute.sensitive, true],
			[attribute.extractable, false],
			[attribute.sign, true],
		] satisfies AttributeValue[],
	};
}

/** CKA_EC_POINT is an octet string in DER; some modules leave that out. */
function readPoint(value: Buffer): Buffer {
	const point = value[0] === 0x04 && value[1] === 65 && value.length === 67 ? value.subarray(2) : value;
	if (point.length === 65 && point[0] === 0x04) return point;
	throw new TokenError("failed", "its public key is no uncompressed point of P-256");
}
