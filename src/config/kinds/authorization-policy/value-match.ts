import { list } from "../../schema/collections.ts";
import { portText } from "../../schema/kubernetes.ts";
import { quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";

/** Texts that may start or end with `*`, as Istio compares them: exact, prefix (`x*`), suffix (`*x`), any (`*`). */
export function patterns(warn: (text: string) => string | undefined = () => undefined): Schema<readonly string[]> {
	const pattern = refine(string({ maxLength: 2048 }), (text, _node, reader) => {
		if (/[{}]/.test(text))
			return reader.refuse(`${quote(text)}: path templates are not supported; use a prefix such as /admin/*`);
		const stars = text.split("*").length - 1;
		if (stars > 1 || (stars === 1 && !text.startsWith("*") && !text.endsWith("*")))
			return reader.refuse(`${quote(text)}: one '*' is allowed, at the start or at the end`);
		const warning = warn(text);
		if (warning !== undefined) reader.warn(warning);
		return text;
	});
	return list(pattern, { min: 1, max: 1000 });
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
