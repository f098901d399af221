import type { AdminCommand, AdminParameter } from "./commands.ts";
import type { AdminResponse } from "./request.ts";

/** `/`: every command as a form, changes by POST. */
export function createHomePage(commands: ReadonlyMap<string, AdminCommand>): AdminResponse {
	const rows = [...commands.values()].filter(({ path }) => path !== "/").map(formatRow);
	const body =
		"<!DOCTYPE html>\n<html lang='en'>\n<head>\n  <title>amime admin</title>\n</head>\n<body>\n" +
		`<table class='home-table'>\n<thead><tr><th>Command</th><th>Description</th></tr></thead>\n<tbody>\n${rows.join("")}</tbody>\n</table>\n</body>\n</html>\n`;
	return { status: 200, contentType: "text/html; charset=UTF-8", body };
}

function formatRow({ path, help, mutates, parameters }: AdminCommand): string {
	const name = path.slice(1);
	const button = mutates
		? `<button class='button-as-link'>${name}</button>`
		: `<a href='${name}'>${name}</a>${parameters.length === 0 ? "" : " <button>Submit</button>"}`;
	const inputs = parameters.map((parameter) => `<br>${formatInput(name, parameter)} ${escapeHtml(parameter.help)}`);
	return (
		`<tr><td><form action='${name}' method='${mutates ? "post" : "get"}'>${button}${inputs.join("")}</form></td>` +
		`<td class='home-data'>${escapeHtml(help)}</td></tr>\n`
	);
}

function formatInput(command: string, { name, choices }: AdminParameter): string {
	const id = `param-${command.replaceAll("/", "-")}-${name}`;
	if (choices === undefined) return `<input type='text' name='${name}' id='${id}'>`;
	if (choices.length === 0) return `<label><input type='checkbox' name='${name}' id='${id}'>${name}</label>`;
	const options = choices.map((choice) => `<option value='${choice}'>${choice}</option>`);
	return `<select name='${name}' id='${id}'>${options.join("")}</select>`;
}

/** Text as it may stand in HTML. */
export function escapeHtml(text: string): string {
	return text
		.replaceAll("&", "&amp;")
		.replaceAll("<", "&lt;")
		.replaceAll(">", "&gt;")
		.replaceAll('"', "&quot;")
		.replaceAll("'", "&#39;");
}
