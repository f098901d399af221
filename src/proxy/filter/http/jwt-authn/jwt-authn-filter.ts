import type { JwtStatus } from "../../../../engine/jwt/index.ts";
import { matchRoute } from "../../../../engine/router/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { HttpFilterOverride, JwtAuthnConfig } from "../../../runtime-config/index.ts";
import { createJwtAuthnStats, type JwtAuthnStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { describeUri } from "../original-uri.ts";
import type { Verification } from "./authenticator.ts";
import { ProviderState } from "./provider-state.ts";
import { createRequirementCheck, type RequirementCheck } from "./requirement-check.ts";

const metadataNamespace = "envoy.filters.http.jwt_authn";

/** Verifies tokens. Spec: `envoy.extensions.filters.http.jwt_authn.v3`. */
export function createJwtAuthnFilter(
	{ name, disabled, index, context, scope }: FilterParts,
	config: JwtAuthnConfig,
): HttpFilter {
	const prefix = config.statPrefix === "" ? "jwt_authn" : `jwt_authn.${config.statPrefix.replace(/\.$/, "")}`;
	const guard = new TokenGuard(index, config, context, createJwtAuthnStats(scope.scope(prefix)));
	return {
		name,
		disabled,
		index,
		onRequestHead: (stream) => guard.check(stream, stream.routeConfig(name) as HttpFilterOverride | undefined),
		onEnd: (stream) => (stream.getState(index) as PendingCheck | undefined)?.cancel(),
		onClose: () => guard.close(),
	};
}

/** A check that waits for keys. */
interface PendingCheck {
	cancel(): void;
}

class TokenGuard {
	readonly #index: number;
	readonly #config: JwtAuthnConfig;
	readonly #context: DataPathContext;
	readonly #stats: JwtAuthnStats;
	readonly #providers: readonly ProviderState[];
	readonly #rules: readonly (RequirementCheck | undefined)[];
	readonly #named: ReadonlyMap<string, RequirementCheck>;
	readonly #byFilterState: ReadonlyMap<string, RequirementCheck>;
	/** What only verified tokens may say. */
	readonly #ownHeaders: readonly string[];

	constructor(index: number, config: JwtAuthnConfig, context: DataPathContext, stats: JwtAuthnStats) {
		this.#index = index;
		this.#config = config;
		this.#context = context;
		this.#stats = stats;
		this.#providers = config.providers.map((provider) => new ProviderState(provider, context, stats));
		const prepare = (requirement: Parameters<typeof createRequirementCheck>[0]): RequirementCheck =>
			createRequirementCheck(requirement, this.#providers);
		this.#rules = config.rules.map(({ requirement }) => (requirement === undefined ? undefined : prepare(requirement)));
		this.#named = new Map([...config.requirements].map(([name, one]) => [name, prepare(one)]));
		this.#byFilterState = new Map(
			[...(config.filterState?.requirements ?? [])].map(([value, one]) => [value, prepare(one)]),
		);
		this.#ownHeaders = config.providers.flatMap(({ payloadHeader, claimHeaders }) => [
			...(payloadHeader === "" ? [] : [payloadHeader]),
			...claimHeaders.map(({ header }) => header),
		]);
	}

	check(stream: FilterStream, override: HttpFilterOverride | undefined): "continue" | "stop" {
		for (const name of this.#ownHeaders) stream.request.remove(name);
		if (this.#config.bypassCorsPreflight && isPreflight(stream)) {
			this.#stats.cors_preflight_bypassed.value++;
			return this.#allow();
		}
		let check: RequirementCheck | undefined;
		if (override?.kind === "jwt-authn") {
			if (override.config.kind === "off") return this.#allow();
			const { name } = override.config;
			check = this.#named.get(name);
			if (check === undefined) {
				this.#refuseRequirement(stream, name);
				return "stop";
			}
		} else {
			check = this.#find(stream);
		}
		if (check === undefined) return this.#allow();
		return this.#run(stream, check);
	}

	close(): void {
		for (const provider of this.#providers) provider.close();
	}

	#allow(): "continue" {
		this.#stats.allowed.value++;
		return "continue";
	}

	#find({ request, record }: FilterStream): RequirementCheck | undefined {
		const { rules, filterState } = this.#config;
		const query = request.path.search(/[?#]/);
		const path = query === -1 ? request.path : request.path.slice(0, query);
		for (const [index, { match }] of rules.entries()) {
			// Shares of requests play no part here.
			const { runtime } = this.#context;
			if (matchRoute(match, path, path.toLowerCase(), request, record, 0, runtime)) return this.#rules[index];
		}
		if (filterState === undefined) return undefined;
		const value = record.filterState?.get(filterState.key);
		return typeof value === "string" ? this.#byFilterState.get(value) : undefined;
	}

	#run(stream: FilterStream, check: RequirementCheck): "continue" | "stop" {
		const uri = describeUri(stream);
		const cancels: (() => void)[] = [];
		let published: Record<string, unknown> | undefined;
		let outcome: JwtStatus | undefined;
		let isWaiting = false;
		const verification: Verification = {
			request: stream.request,
			providers: this.#providers,
			stats: this.#stats,
			nowSeconds: () => Math.floor(this.#context.clock.wall() / 1000),
			publish: (key, value) => {
				published ??= {};
				published[key] = value;
			},
			clearRouteCache: () => stream.clearRouteCache(),
			onCancel: (cancel) => cancels.push(cancel),
		};
		check(verification, (status) => {
			outcome = status;
			if (published !== undefined) stream.setDynamicMetadata(metadataNamespace, published);
			for (const cancel of cancels) cancel();
			if (!isWaiting) return;
			stream.setState(this.#index, undefined);
			if (this.#conclude(stream, status, uri)) stream.continueRequest(this.#index);
		});
		if (outcome !== undefined) return this.#conclude(stream, outcome, uri) ? "continue" : "stop";
		isWaiting = true;
		const pending: PendingCheck = {
			cancel: () => {
				for (const cancel of cancels) cancel();
			},
		};
		stream.setState(this.#index, pending);
		return "stop";
	}

	/** @returns whether the request may go on */
	#conclude(stream: FilterStream, status: JwtStatus, uri: string): boolean {
		if (status === "OK") {
			this.#stats.allowed.value++;
			return true;
		}
		this.#stats.denied.value++;
		const strips = this.#config.stripFailureResponse;
		const error = status === "Jwt is missing" ? "" : ', error="invalid_token"';
		stream.sendLocalReply({
			status: status === "Audiences in Jwt are not allowed" ? 403 : 401,
			body: strips ? "" : status,
			details: describeDenial(status),
			flags: 0,
			headers: strips ? [] : ["www-authenticate", `Bearer realm="${uri}"${error}`],
		});
		return false;
	}

	#refuseRequirement(stream: FilterStream, name: string): void {
		this.#stats.denied.value++;
		const names = [...this.#named.keys()].sort().join(",");
		const problem = `Wrong requirement_name: ${name}. It should be one of [${names}]`;
		stream.sendLocalReply({
			status: 403,
			body: this.#config.stripFailureResponse ? "" : `Failed JWT authentication: ${problem}`,
			details: describeDenial(problem),
			flags: 0,
		});
	}
}

function describeDenial(reason: string): string {
	return `jwt_authn_access_denied{${reason.replaceAll(" ", "_")}}`;
}

function isPreflight({ request }: FilterStream): boolean {
	if (request.method !== "OPTIONS") return false;
	return (request.get("origin") ?? "") !== "" && (request.get("access-control-request-method") ?? "") !== "";
}
