import { isIP } from "node:net";
import { list } from "../../schema/collections.ts";
import { portText } from "../../schema/kubernetes.ts";
import { quote, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";

/** Texts that may start or end with `*`, as Istio compares them: exact, prefix (`x*`), suffix (`*x`), any (`*`). */
export function patterns(warn: (text: string) => string | undefined = () => undefined): Schema<readonly string[]> {
	return list(
		refine(string({ maxLength: 2048 }), (text, _node, reader) => checkPattern(text, reader, warn)),
		{ min: 1, max: 1000 },
	);
}

function checkPattern(text: string, reader: Reader, warn: (text: string) => string | undefined): string | undefined {
	const stars = text.split("*").length - 1;
	if (stars > 1 || (stars === 1 && !text.startsWith("*") && !text.endsWith("*")))
		return reader.refuse(`${quote(text)}: one '*' is allowed, at the start or at the end`);
	const warning = warn(text);
	if (warning !== undefined) reader.warn(warning);
	return text;
}

/** Paths: patterns, or templates with `{*}` for one segment and `{**}` for several. */
export function paths(): Schema<readonly string[]> {
	const path = refine(string({ maxLength: 2048 }), (text, _node, reader) => {
		if (!isPathTemplate(text)) {
			if (/[{}]/.test(text))
				return reader.refuse(
					`${quote(text)}: a template has {*} for one segment or {**} for several, nothing else in braces`,
				);
			return checkPattern(text, reader, pathWarning);
		}
		const fault = findTemplateFault(text);
		return fault === undefined ? text : reader.refuse(`${quote(text)}: ${fault}`);
	});
	return list(path, { min: 1, max: 1000 });
}

/** Whether a path is a template (Istio). */
export function isPathTemplate(text: string): boolean {
	return text.includes("{*}") || text.includes("{**}");
}

/** Envoy's bound. */
const maxTemplate = 256;

/** What proxies would refuse, and with it everything else that they are sent with the policy. */
function findTemplateFault(text: string): string | undefined {
	if (!text.startsWith("/")) return "a template starts with '/'";
	const segments = text.slice(1).split("/");
	const isSeveral = segments.indexOf("{**}");
	for (const [index, segment] of segments.entries()) {
		if (segment === "{*}") continue;
		if (segment === "{**}") {
			if (index !== isSeveral) return "{**} may be there once";
			continue;
		}
		if (/[{}*]/.test(segment)) return "{*} and {**} are whole segments";
		const isEnd = segment === "" && index === segments.length - 1;
		if (!isEnd && !/^[\w.~%!$&'()+,;:@=-]+$/.test(segment))
			return `${quote(segment)} is no segment of a template: letters, digits, and -._~%!$&'()+,;:@=`;
		if (isSeveral !== -1 && index > isSeveral && segment.includes("{")) return "no template may follow {**}";
	}
	if (text.replaceAll("{*}", "*").replaceAll("{**}", "**").length > maxTemplate)
		return `has more than ${maxTemplate} characters`;
	if (isSeveral !== -1 && segments.slice(isSeveral + 1).includes("{*}")) return "{*} may not follow {**}";
	return undefined;
}

/** Service accounts, `name` or `namespace/name`. */
export function accounts(): Schema<readonly string[]> {
	const account = string({
		format: "a service account, `name` or `namespace/name`",
		pattern: accountPattern,
		maxLength: 320,
	});
	return list(account, { min: 1, max: 16 });
}

const accountPattern = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** Whether a text names a service account, `name` or `namespace/name`. */
export function isServiceAccount(text: string): boolean {
	return text.length <= 320 && accountPattern.test(text);
}

/** Addresses or CIDR blocks. */
export function ipBlocks(): Schema<readonly string[]> {
	const block = refine(string({ maxLength: 64 }), (text, _node, reader) =>
		isIpBlock(text) ? text : reader.refuse(`${quote(text)} is no address and no CIDR block`),
	);
	return list(block, { min: 1, max: 1000 });
}

/** Whether a text is an address, with or without the length of a prefix. */
export function isIpBlock(text: string): boolean {
	const [address = "", length, ...rest] = text.split("/");
	const version = isIP(address);
	if (version === 0 || rest.length > 0) return false;
	return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128));
}

/** Ports as text. */
export function ports(): Schema<readonly string[]> {
	return list(portText(), { min: 1, max: 1000 });
}

/** A principal is written without the scheme; with it, it never matches. */
export function principalWarning(text: string): string | undefined {
	if (!text.startsWith("spiffe://")) return undefined;
	return `${quote(text)} never matches: principals are written without the scheme, ${quote(text.slice("spiffe://".length))}`;
}

/** A path that cannot be one of a request. */
export function pathWarning(text: string): string | undefined {
	return text.startsWith("/") || text.startsWith("*")
		? undefined
		: `${quote(text)} never matches: a path starts with '/'`;
}

/** A method that no client sends so. */
export function methodWarning(text: string): string | undefined {
	return text === text.toUpperCase()
		? undefined
		: `${quote(text)} never matches ${quote(text.toUpperCase())}: methods are in upper case`;
}
