import type { Command } from "commander";
import { type CliContext, withExamples } from "../context.ts";
import { listKinds } from "../kinds.ts";
import { createChoiceArgument } from "../parse-arguments.ts";

interface Words {
	readonly commands: readonly { readonly name: string; readonly summary: string; readonly words: readonly string[] }[];
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
	const commands = program.commands.map((command) => ({
		name: command.name(),
		summary: command.description(),
		words: [
			"--help",
			...command.commands.map((part) => part.name()),
			...command.options.filter((option) => !option.hidden).map((option) => option.long ?? option.short ?? ""),
		],
	}));
	return { commands, kinds: await listKinds() };
}

function formatBash(words: Words): string {
	const cases = words.commands.map(({ name, words: options }) => {
		const more = name === "get" || name === "delete" ? ` ${words.kinds.join(" ")}` : "";
		return `\t\t${name}) words="${options.join(" ")}${more}" ;;`;
	});
	return `_amime() {
	local current="\${COMP_WORDS[COMP_CWORD]}" words
	case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
		*) words="${words.commands.map(({ name }) => name).join(" ")}" ;;
	esac
	[ "$COMP_CWORD" -eq 1 ] && words="${words.commands.map(({ name }) => name).join(" ")}"
	COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _amime amime
`;
}

function formatZsh(words: Words): string {
	const commands = words.commands.map(
		({ name, summary }) => `\t\t'${name}:${summary.replaceAll("'", "").replaceAll(":", " -")}'`,
	);
	const cases = words.commands.map(({ name, words: options }) => {
		const more = name === "get" || name === "delete" ? ` ${words.kinds.join(" ")}` : "";
		return `\t\t${name}) compadd -- ${options.join(" ")}${more}; _files ;;`;
	});
	return `#compdef amime
_amime() {
	local -a commands
	commands=(
${commands.join("\n")}
	)
	if (( CURRENT == 2 )); then _describe command commands; return; fi
	case "$words[2]" in
${cases.join("\n")}
	esac
}
compdef _amime amime
`;
}

function formatFish(words: Words): string {
	const lines = words.commands.flatMap(({ name, summary, words: options }) => [
		`complete -c amime -n __fish_use_subcommand -f -a ${name} -d '${summary.replaceAll("'", "")}'`,
		...options.map(
			(option) => `complete -c amime -n '__fish_seen_subcommand_from ${name}' -l ${option.replace(/^--?/, "")}`,
		),
	]);
	const kinds = `complete -c amime -n '__fish_seen_subcommand_from get delete' -f -a '${words.kinds.join(" ")}'`;
	return `${[...lines, kinds].join("\n")}\n`;
}
