import type { ApiDescriptions } from "./open-api.ts";
import { rolloutParameters } from "./rollout-parameters.ts";

const pretty = { pretty: "Indented" } as const;

/** What the paths of the admin API do, for its OpenAPI document; a test compares with those that are served. */
export const apiDescriptions: ApiDescriptions = {
	"GET /": { summary: "A status page" },
	"GET /ready": { summary: "200 when the control plane serves" },
	"GET /metrics": { summary: "Numbers of the control plane in Prometheus' text format" },
	"GET /openapi.json": { summary: "This document" },
	"GET /debug/adsz": {
		summary: "Connected proxies with what they say of themselves and watch, as Istio's",
		query: { proxyID: "Only this one", ...pretty },
	},
	"GET /debug/config_dump": {
		summary:
			"What a proxy was given and said to it, in the form of Envoy's config_dump, as Istio's; no keys of Secrets",
		query: {
			proxyID: "`<instance>.<namespace>`, a node id, or a part of these",
			types: "Only these types, without a frame: `cds,eds,lds,rds,sds,ecds` or type URLs",
			include_eds: "With endpoints",
			...pretty,
		},
	},
	"GET /debug/configz": { summary: "Every object in force, as Istio's; no contents of Secrets", query: pretty },
	"GET /debug/connections": { summary: "Open streams of proxies, as Istio's", query: pretty },
	"GET /debug/ecdsz": {
		summary: "The filter configurations that a proxy was given, as Istio's",
		query: { proxyID: "As of config_dump", ...pretty },
	},
	"GET /debug/edsz": {
		summary: "The endpoints that a proxy was given, as Istio's",
		query: { proxyID: "As of config_dump", ...pretty },
	},
	"GET /debug/endpointShardz": { summary: "Endpoints by host and namespace, as Istio's", query: pretty },
	"GET /debug/endpointz": { summary: "The same under its older name", query: pretty },
	"GET /debug/list": { summary: "The debug paths there are, as Istio's", query: pretty },
	"GET /debug/registryz": { summary: "Every service as it is understood, as Istio's", query: pretty },
	"GET /debug/syncz": {
		summary: "What each proxy was sent and has acknowledged, as Istio's with versions in place of nonces",
		query: { namespace: "Only proxies of this namespace", ...pretty },
	},
	"GET /v1/desired": {
		summary: "What should run on this machine, for the supervisor that starts it",
		query: { after: "Revision of the answer before", wait: "Seconds to wait for another one" },
	},
	"GET /v1/proxies": { summary: "Connected proxies, and how far they are with each type of resource" },
	"GET /v1/gateways": { summary: "Gateways of both kinds with their listeners, and the proxies that serve them" },
	"GET /v1/workloads": { summary: "Declared workloads with their identities" },
	"GET /v1/routes": {
		summary: "Rules in the order in which they are tried",
		query: { service: "Name of a service", namespace: "Its namespace" },
	},
	"GET /v1/endpoints": {
		summary: "Endpoints with health and transport",
		query: { service: "Name of a service", namespace: "Its namespace" },
	},
	"GET /v1/limits": { summary: "Rate limits; global ones with their budgets and who holds which lease" },
	"GET /v1/load": {
		summary: "What proxies and gRPC clients report of the load of each cluster and locality (LRS), the busiest first",
		query: {
			cluster: "Name of a cluster, or the host in it",
			client: "A node id, or its `<instance>.<namespace>`",
			by: "`client` for each client's own figures",
		},
	},
	"GET /v1/failures": {
		summary:
			"Requests that failed as the proxies in reach remember them, explained; `silent` are the proxies that could not be asked",
		query: {
			id: "The `x-request-id` of one request",
			kind: "`dry-run` for those that policies which are only tried would have denied",
			limit: "How many, the newest; 20, 1000 at most",
		},
	},
	"GET /v1/problems": { summary: "Everything that is wrong with the config, by file, line, object and field" },
	"GET /v1/analysis": { summary: "The problems, and what is legal and most likely not meant" },
	"POST /v1/explain": {
		summary: "What becomes of calls, by the configuration of the proxies on their way; changes nothing",
	},
	"POST /v1/diff": { summary: "What documents would change for which proxies; changes nothing" },
	"GET /v1/config": {
		summary: "Objects in force with their status",
		query: { kind: "Only of this kind", namespace: "Only of this namespace", name: "Only of this name" },
	},
	"PUT /v1/config": { summary: "Applies documents in YAML or JSON, all or none" },
	"DELETE /v1/config/{kind}/{namespace}/{name}": { summary: "Deletes an applied object" },
	"GET /v1/watch": {
		summary: "Applied objects and their revision; with `after` what changed since, 410 when that is no longer kept",
		query: { after: "Revision of the answer before", wait: "Seconds to wait for a change, 30 at most" },
	},
	"GET /v1/history": { summary: "Who applied or deleted what and when, newest first" },
	"GET /v1/history/{revision}": { summary: "One entry of the history with its documents" },
	"POST /v1/rollback/{revision}": {
		summary: "Makes everything applied as it was at a revision",
		query: { before: "`true`: as it was before that revision, what it changed taken back as well" },
	},
	"GET /v1/rollouts": { summary: "Changes that some proxies were given before the others, newest first" },
	"POST /v1/rollouts": {
		summary: "Gives documents to some proxies, watches them, and applies the documents or takes them back",
		query: rolloutParameters,
	},
	"GET /v1/rollouts/{id}": { summary: "One rollout with the figures of canaries and others" },
	"POST /v1/rollouts/{id}/promote": { summary: "Applies the documents of a rollout now" },
	"POST /v1/rollouts/{id}/abort": { summary: "Takes a rollout back" },
	"GET /v1/instances": { summary: "Running instances" },
	"PUT /v1/instances/{namespace}/{name}": {
		summary:
			"Registers an instance for as long as its lease; with `group` the WorkloadGroup of that name says what the body does not",
	},
	"DELETE /v1/instances/{namespace}/{name}": { summary: "Takes an instance out" },
	"POST /v1/instances/{namespace}/{name}/keepalive": { summary: "Keeps an instance alive" },
	"POST /v1/identity/sign": { summary: "A certificate for a service account that a workload declares" },
	"GET /v1/identity/bundle": { summary: "The trust bundle" },
	"GET /v1/identity/agents": { summary: "Attested agents" },
	"DELETE /v1/identity/agents": { summary: "Forgets an agent, which may attest again" },
	"POST /v1/identity/agents/ban": { summary: "Keeps an agent out" },
	"GET /v1/identity/authority": { summary: "Roots, issuers and token keys, and who has not confirmed them" },
	"POST /v1/identity/authority/install": { summary: "Installs an issuer that another authority signed" },
	"POST /v1/identity/authority/request": { summary: "A signing request for an issuer of another authority" },
	"POST /v1/identity/authority/rotate": { summary: "Begins the rotation of a root, an issuer or a token key" },
	"GET /v1/identity/entries": { summary: "Registration entries" },
	"POST /v1/identity/entries": { summary: "Creates a registration entry" },
	"GET /v1/identity/entries/{id}": { summary: "One registration entry" },
	"PUT /v1/identity/entries/{id}": { summary: "Replaces a registration entry" },
	"DELETE /v1/identity/entries/{id}": { summary: "Deletes a registration entry" },
	"GET /v1/identity/federation": { summary: "Trust domains that are trusted beside this one" },
	"GET /v1/identity/federation-bundle": { summary: "The bundle for other trust domains, as SPIFFE has it" },
	"PUT /v1/identity/federation/{trustDomain}": { summary: "Trusts another trust domain" },
	"DELETE /v1/identity/federation/{trustDomain}": { summary: "No longer trusts a trust domain" },
	"POST /v1/identity/federation/{trustDomain}/refresh": { summary: "Fetches the bundle of a trust domain now" },
	"PUT /v1/identity/holders": { summary: "Who holds certificates, and which roots they have confirmed" },
	"DELETE /v1/identity/holders/{name}": { summary: "Forgets a holder" },
	"POST /v1/identity/join-tokens": { summary: "A token for one agent to join" },
	"GET /v1/certificates": { summary: "Certificates that are still good" },
};
