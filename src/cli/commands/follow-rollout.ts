import { MeshError } from "../../core/index.ts";
import { type CliContext, openMesh } from "../context.ts";
import type { RolloutStatus } from "../mesh/admin-api.ts";
import { formatProgress, isOver } from "../output/rollout.ts";

const pauseMs = 1_000;
/** A control plane that starts again goes on with it; one that does not answer for so many looks is given up. */
const maxSilence = 60;

/** Tells how a rollout goes on until it is over; `--detach` leaves at once.
 *  @throws MeshError `ROLLOUT_TAKEN_BACK`, `ROLLOUT_HELD` with the reason */
export async function followRollout(
	context: CliContext,
	options: { readonly state?: string; readonly detach?: boolean },
	started: RolloutStatus,
): Promise<void> {
	const { host } = context;
	host.out.write(`rollout ${started.id} begins; it goes on by itself ('amime rollout status', 'promote', 'abort')\n`);
	if (options.detach === true) return;
	let told = "";
	let silence = 0;
	for (;;) {
		const rollout = await look(context, options, started.id);
		silence = rollout === undefined ? silence + 1 : 0;
		if (silence > maxSilence)
			throw new MeshError(
				"CONTROL_PLANE_UNREACHABLE",
				`the control plane does not answer; rollout ${started.id} goes on`,
			);
		if (rollout !== undefined) {
			const line = formatProgress(rollout);
			if (line !== told) host.out.write(`${line}\n`);
			told = line;
			if (isOver(rollout)) return finish(rollout);
		}
		await host.pause(pauseMs);
	}
}

async function look(
	context: CliContext,
	options: { readonly state?: string },
	id: string,
): Promise<RolloutStatus | undefined> {
	try {
		return (await openMesh(context, options).request("GET", `/v1/rollouts/${id}`)) as RolloutStatus;
	} catch (error) {
		if (error instanceof MeshError && away.includes(error.code)) return undefined;
		throw error;
	}
}

const away = ["CONTROL_PLANE_UNREACHABLE", "MESH_NOT_RUNNING", "STORE_UNAVAILABLE"];

function finish({ id, state, reason = "" }: RolloutStatus): void {
	if (state === "completed") return;
	if (state === "held")
		throw new MeshError(
			"ROLLOUT_HELD",
			`rollout ${id} is held: ${reason}: 'amime rollout promote ${id}' or 'abort' it`,
		);
	throw new MeshError("ROLLOUT_TAKEN_BACK", `rollout ${id} was taken back: ${reason}`);
}
