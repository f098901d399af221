import { Argument, InvalidArgumentError, Option } from "commander";
import { suggestNearest } from "../core/index.ts";

/** A port: 1 to 65535, or 0 for any free one. */
export function parsePort(text: string): number {
	const port = Number(text);
	if (!Number.isInteger(port) || port < 0 || port > 65_535)
		throw new InvalidArgumentError("a port is a number from 0 to 65535");
	return port;
}

/** A count of seconds or of anything else that is not negative. */
export function parseCount(text: string): number {
	const count = Number(text);
	if (!Number.isInteger(count) || count < 0) throw new InvalidArgumentError("must be a whole number, 0 or more");
	return count;
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
