import type { Command } from "commander";
import { type CliContext, withExamples } from "../context.ts";
import { listKinds } from "../kinds.ts";
import { createChoiceArgument } from "../parse-arguments.ts";

interface CommandWords {
	readonly name: string;
	readonly summary: string;
	/** Long options. */
	readonly options: readonly string[];
	readonly parts: readonly CommandWords[];
}

interface Words {
	readonly commands: readonly CommandWords[];
	readonly kinds: readonly string[];
}

/** `amime completion SHELL`: a script for the shell to load, made from the commands as they are. */
export function addCompletionCommand(program: Command, context: CliContext): void {
	const command = program
		.command("completion")
		.description("print a completion script for a shell")
		.addArgument(createChoiceArgument("<shell>", "which shell", ["bash", "zsh", "fish"]))
		.action(async (shell: string) => {
			const words = await collectWords(program);
			const script = shell === "fish" ? formatFish(words) : shell === "zsh" ? formatZsh(words) : formatBash(words);
			context.host.out.write(script);
		});
	withExamples(command, [
		["source <(amime completion bash)", "for this bash"],
		["amime completion zsh > ~/.zfunc/_amime", "for every zsh"],
		["amime completion fish > ~/.config/fish/completions/amime.fish", "for every fish"],
	]);
}

async function collectWords(program: Command): Promise<Words> {
	return { commands: program.commands.map(describeCommand), kinds: await listKinds() };
}

function describeCommand(command: Command): CommandWords {
	const options = command.options.filter((option) => !option.hidden).flatMap(({ long }) => long ?? []);
	return {
		name: command.name(),
		summary: command.description(),
		options: ["--help", ...options],
		parts: command.commands.map(describeCommand),
	};
}

/** The words of a command line up to each command, and what may follow. */
function listCases({ commands, kinds }: Words): readonly (readonly [place: string, words: readonly string[]])[] {
	const visit = (command: CommandWords, before: string): (readonly [string, readonly string[]])[] => {
		const place = `${before}${command.name}`;
		const more = place === "get" || place === "delete" ? kinds : [];
		const own = [...command.parts.map(({ name }) => name), ...command.options, ...more];
		// Its parts come first: the first case that fits is taken.
		return [...command.parts.flatMap((part) => visit(part, `${place} `)), [place, own] as const];
	};
	return commands.flatMap((command) => visit(command, ""));
}

function formatBash(words: Words): string {
	const cases = listCases(words).map(([place, own]) => `\t\t"${place} "*) words="${own.join(" ")}" ;;`);
	return `_amime() {
	local current="\${COMP_WORDS[COMP_CWORD]}" words
	case "\${COMP_WORDS[*]:1:COMP_CWORD-1} " in
${cases.join("\n")}
		*) words="${words.commands.map(({ name }) => name).join(" ")}" ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _amime amime
`;
}

function formatZsh(words: Words): string {
	const commands = words.commands.map(
		({ name, summary }) => `\t\t'${name}:${summary.replaceAll("'", "").replaceAll(":", " -")}'`,
	);
	const cases = listCases(words).map(([place, own]) => `\t\t"${place} "*) compadd -- ${own.join(" ")}; _files ;;`);
	return `#compdef amime
_amime() {
	local -a commands
	commands=(
${commands.join("\n")}
	)
	if (( CURRENT == 2 )); then _describe command commands; return; fi
	case "\${words[2,CURRENT-1]} " in
${cases.join("\n")}
	esac
}
compdef _amime amime
`;
}

function formatFish({ commands, kinds }: Words): string {
	const visit = ({ name, summary, options, parts }: CommandWords, when: string): string[] => {
		const inside = `${when === "__fish_use_subcommand" ? "" : `${when.replace(/; and not .*$/, "")}; and `}__fish_seen_subcommand_from ${name}`;
		const names = parts.map((part) => part.name).join(" ");
		return [
			`complete -c amime -n '${when}' -f -a ${name} -d '${summary.replaceAll("'", "")}'`,
			...options.map((option) => `complete -c amime -n '${inside}' -l ${option.slice(2)}`),
			...parts.flatMap((part) => visit(part, `${inside}; and not __fish_seen_subcommand_from ${names}`)),
		];
	};
	const lines = commands.flatMap((command) => visit(command, "__fish_use_subcommand"));
	return `${[...lines, `complete -c amime -n '__fish_seen_subcommand_from get delete' -f -a '${kinds.join(" ")}'`].join("\n")}\n`;
}
