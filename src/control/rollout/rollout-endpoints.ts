import { MeshError } from "../../core/index.ts";
import {
	AdminError,
	type AdminRequest,
	type AdminResponse,
	type AppliedDocuments,
	type Endpoint,
} from "../admin/index.ts";
import { parseRolloutOptions } from "./parse-options.ts";
import { countOf, isRunning, type Rollout, type RolloutObject, watchedNodes } from "./rollout.ts";
import type { Rollouts } from "./rollouts.ts";

export interface RolloutEndpointsOptions {
	readonly rollouts: Rollouts;
	/** Reads and checks a body as for an apply.
	 *  @throws AdminError */
	readonly readDocuments: (body: string) => AppliedDocuments;
}

const maxBodyBytes = 1024 * 1024;

/** Beginning, following and deciding rollouts. */
export function createRolloutEndpoints({ rollouts, readDocuments }: RolloutEndpointsOptions): Endpoint[] {
	const decide = async (decision: Promise<Rollout>): Promise<AdminResponse> => ({
		body: describe(await refuse(decision), rollouts),
	});
	return [
		{
			method: "GET",
			path: "/v1/rollouts",
			answer: () => ({ body: { items: rollouts.list().map((rollout) => describe(rollout, rollouts)) } }),
		},
		{
			method: "POST",
			path: "/v1/rollouts",
			role: "editor",
			maxBodyBytes,
			answer: (request) => startRollout(request, rollouts, readDocuments),
		},
		{
			method: "GET",
			path: "/v1/rollouts/{id}",
			answer({ params }) {
				const rollout = rollouts.list().find(({ id }) => id === params["id"]);
				if (rollout === undefined)
					throw new AdminError(404, "ROLLOUT_UNKNOWN", `there is no rollout '${params["id"]}'`);
				return { body: describe(rollout, rollouts) };
			},
		},
		{
			method: "POST",
			path: "/v1/rollouts/{id}/promote",
			role: "editor",
			answer: ({ params, principal }) => decide(rollouts.promote(params["id"]!, principal.name)),
		},
		{
			method: "POST",
			path: "/v1/rollouts/{id}/abort",
			role: "editor",
			answer: ({ params, principal }) => decide(rollouts.abort(params["id"]!, principal.name)),
		},
	];
}

async function startRollout(
	{ body, query, principal }: AdminRequest,
	rollouts: Rollouts,
	readDocuments: RolloutEndpointsOptions["readDocuments"],
): Promise<AdminResponse> {
	const options = parseRolloutOptions(query);
	const { objects, items, problems } = readDocuments(body);
	const changed = objects.flatMap(({ kind, namespace, name, document }, position): RolloutObject[] => {
		const result = items[position]!.result;
		return result === "unchanged" ? [] : [{ kind, namespace, name, result, document }];
	});
	if (changed.length === 0) return { body: { items, problems } };
	const rollout = await refuse(rollouts.start({ author: principal.name, objects: changed, options }));
	return { body: { items, problems, rollout: describe(rollout, rollouts) } };
}

const statuses: Readonly<Record<string, number>> = { ROLLOUT_RUNNING: 409, ROLLOUT_OVER: 409, ROLLOUT_UNKNOWN: 404 };

async function refuse<T>(attempt: Promise<T>): Promise<T> {
	try {
		return await attempt;
	} catch (error) {
		const status = error instanceof MeshError ? statuses[error.code] : undefined;
		if (status === undefined) throw error;
		const { code, message } = error as MeshError;
		throw new AdminError(status, code, message);
	}
}

/** What is told of a rollout: figures, no documents. */
function describe(rollout: Rollout, rollouts: Rollouts): object {
	const { id, author, createdAt, baseRevision, state, since, step, touched, order, served, options, reason, endedAt } =
		rollout;
	const isOpen = isRunning(rollout);
	return {
		...{ id, author, state, baseRevision, options, touched, served },
		createdAt: new Date(createdAt).toISOString(),
		since: new Date(since).toISOString(),
		...(endedAt !== undefined && { endedAt: new Date(endedAt).toISOString() }),
		...(reason !== undefined && { reason }),
		objects: rollout.objects.map(({ kind, namespace, name, result }) => ({ kind, namespace, name, result })),
		...(isOpen && {
			step: { number: step + 1, of: options.steps.length, percent: options.steps[step], proxies: countOf(rollout) },
		}),
		canaries: isOpen ? watchedNodes(rollout).canaries.slice(0, served) : order.map((node) => node.id),
		figures: rollouts.compare(rollout),
	};
}
