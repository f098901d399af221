import { createHash } from "node:crypto";
import type { HelloShape } from "./client-hello.ts";

const serverNameExtension = 0;
const signatureAlgorithmsExtension = 13;
const alpnExtension = 16;
const groupsExtension = 10;
const pointFormatsExtension = 11;
const supportedVersionsExtension = 43;

/** The JA3 fingerprint of a ClientHello: the MD5 sum of its version, cipher suites, extensions, groups and point formats, in the
 *  client's order. Reserved values (RFC 8701) are left out of suites and extensions only, as Envoy has it.
 *  Spec: https://github.com/salesforce/ja3 */
export function computeJa3(hello: HelloShape): string {
	const { version, cipherSuites, extensions } = hello;
	const types = extensions.map(({ type }) => type);
	const groups = readUint16s(contentOf(hello, groupsExtension)?.subarray(2));
	const formats = [...(contentOf(hello, pointFormatsExtension)?.subarray(1) ?? [])];
	const parts = [withoutGrease(readUint16s(cipherSuites)), withoutGrease(types), groups, formats].map((part) =>
		part.join("-"),
	);
	return createHash("md5")
		.update([version, ...parts].join(","))
		.digest("hex");
}

/** The JA4 fingerprint of a ClientHello over TCP.
 *  Spec: https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md */
export function computeJa4(hello: HelloShape): string {
	const suites = withoutGrease(readUint16s(hello.cipherSuites));
	const types = withoutGrease(hello.extensions.map(({ type }) => type));
	const name = types.includes(serverNameExtension) ? "d" : "i";
	const head = `t${versionOf(hello)}${name}${count(suites)}${count(types)}${protocolOf(hello)}`;
	const hashed = types.filter((type) => type !== serverNameExtension && type !== alpnExtension);
	const algorithms = readUint16s(contentOf(hello, signatureAlgorithmsExtension)?.subarray(2));
	const tail = hashed.length > 0 && algorithms.length > 0 ? `_${algorithms.map(toHex).join(",")}` : "";
	return `${head}_${digest(sortedHex(suites))}_${digest(sortedHex(hashed) + tail)}`;
}

/** Whether a value is one of those that clients send to see that servers pass over what they do not know (RFC 8701). */
function isGrease(value: number): boolean {
	return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

function withoutGrease(values: readonly number[]): number[] {
	return values.filter((value) => !isGrease(value));
}

function contentOf({ extensions }: HelloShape, wanted: number): Buffer | undefined {
	return extensions.find(({ type }) => type === wanted)?.content;
}

function readUint16s(bytes: Buffer | undefined): number[] {
	const values: number[] = [];
	for (let at = 0; bytes !== undefined && at + 2 <= bytes.length; at += 2) values.push(bytes.readUInt16BE(at));
	return values;
}

const versionNames: Readonly<Record<number, string>> = { 772: "13", 771: "12", 770: "11", 769: "10" };

/** The highest version that the client offers. */
function versionOf(hello: HelloShape): string {
	const offered = contentOf(hello, supportedVersionsExtension);
	const highest = Math.max(0, ...withoutGrease(readUint16s(offered?.subarray(1))));
	return versionNames[highest === 0 ? hello.version : highest] ?? "00";
}

function count(values: readonly number[]): string {
	return String(Math.min(values.length, 99)).padStart(2, "0");
}

/** First and last character of the first protocol; of others than letters and digits, halves of their codes. */
function protocolOf(hello: HelloShape): string {
	const list = contentOf(hello, alpnExtension);
	const length = list?.[2] ?? 0;
	const name = list?.subarray(3, 3 + length).toString("latin1") ?? "";
	if (length === 0 || name.length < length) return "00";
	const first = name[0]!;
	const last = name.at(-1)!;
	if (/^[0-9A-Za-z]{2}$/.test(first + last)) return first + last;
	return (first.charCodeAt(0) >> 4).toString(16) + (last.charCodeAt(0) & 0x0f).toString(16);
}

function toHex(value: number): string {
	return value.toString(16).padStart(4, "0");
}

function sortedHex(values: readonly number[]): string {
	return [...values]
		.sort((a, b) => a - b)
		.map(toHex)
		.join(",");
}

function digest(text: string): string {
	return text === "" ? "0".repeat(12) : createHash("sha256").update(text).digest("hex").slice(0, 12);
}
