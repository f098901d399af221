import { isIP } from "node:net";
import { Argument, InvalidArgumentError, Option } from "commander";
import { suggestNearest } from "../core/index.ts";

/** A port: 1 to 65535, or 0 for any free one. */
export function parsePort(text: string): number {
	const port = readDigits(text);
	if (port === undefined || port > 65_535) throw new InvalidArgumentError("a port is a number from 0 to 65535");
	return port;
}

/** A count of seconds or of anything else that is not negative. */
export function parseCount(text: string): number {
	const count = readDigits(text);
	if (count === undefined) throw new InvalidArgumentError("must be a whole number, 0 or more");
	return count;
}

/** How many of a list are wanted: 1 to 1000, as many as a proxy keeps. */
export function parseLast(text: string): number {
	const count = readDigits(text) ?? 0;
	if (count === 0 || count > 1_000) throw new InvalidArgumentError("must be a number from 1 to 1000");
	return count;
}

function readDigits(text: string): number | undefined {
	return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** An IPv4 or IPv6 address. */
export function parseAddress(text: string): string {
	if (isIP(text) === 0) throw new InvalidArgumentError("an address is written as 192.0.2.1 or 2001:db8::1");
	return text;
}

/** A SPIFFE ID in full. */
export function parseSpiffeId(text: string): string {
	if (/^spiffe:\/\/[^/]+\/./.test(text)) return text;
	throw new InvalidArgumentError("a SPIFFE ID is written as spiffe://cluster.local/ns/shop/sa/web");
}

/** Values of an option that may be given several times. */
export function collectText(text: string, before: readonly string[]): readonly string[] {
	return [...before, text];
}

/** Tags of statistics such as `name:value`. */
export function collectTag(text: string, before: readonly string[]): readonly string[] {
	if (!/^[^:]+:[^:]+$/.test(text)) throw new InvalidArgumentError("a tag is written as name:value");
	return [...before, text];
}

const seconds: Readonly<Record<string, number>> = { "": 1, ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** A length of time such as `90s`, `5m` or `90`, in seconds. */
export function parseSeconds(text: string): number {
	const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|)$/.exec(text) ?? [];
	if (digits === undefined)
		throw new InvalidArgumentError("a length of time is a number with its unit, such as 90s, 15m or 8h");
	return Number(digits) * seconds[unit!]!;
}

/** A length of time for something to live: whole seconds, at least one. */
export function parseLifetime(text: string): number {
	const lifetime = parseSeconds(text);
	if (Number.isInteger(lifetime) && lifetime > 0) return lifetime;
	throw new InvalidArgumentError("it must be whole seconds, at least one, such as 90s, 15m or 8h");
}

/** A share such as `10%` or `10`, in percent. */
export function parsePercent(text: string): number {
	const [, digits] = /^(\d+(?:\.\d+)?)%?$/.exec(text) ?? [];
	if (digits === undefined) throw new InvalidArgumentError("a share is written as 10%");
	return Number(digits);
}

/** A share of something: from above 0% to 100%. */
export function parseShare(text: string): number {
	const share = parsePercent(text);
	if (share > 0 && share <= 100) return share;
	throw new InvalidArgumentError("a share is from above 0% to 100%, such as 10%");
}

/** Rising shares such as `10%,50%,100%`, in percent. */
export function parsePercents(text: string): number[] {
	const shares = text.split(",").map((part) => parsePercent(part.trim()));
	if (shares.every((share, at) => share > 0 && share <= 100 && (at === 0 || share > shares[at - 1]!))) return shares;
	throw new InvalidArgumentError("shares rise, from above 0% to 100% at most: 10%,50%,100%");
}

/** An option that takes one of `choices`; anything else is answered with the nearest. */
export function createChoiceOption(
	flags: string,
	description: string,
	choices: readonly string[],
	preset: string,
): Option {
	const option = new Option(flags, description).choices(choices).default(preset);
	return option.argParser((text: string) => parseChoice(text, choices));
}

/** An argument that takes one of `choices`. */
export function createChoiceArgument(name: string, description: string, choices: readonly string[]): Argument {
	return new Argument(name, description).choices(choices).argParser((text: string) => parseChoice(text, choices));
}

function parseChoice(text: string, choices: readonly string[]): string {
	if (choices.includes(text)) return text;
	throw new InvalidArgumentError(`one of ${choices.join(", ")}${suggestNearest(text, choices)}`);
}
