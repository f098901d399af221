/** Which of several objects decides: DestinationRules by namespace, host and export, Sidecars by selector, VirtualServices by host and
 *  export, by simulated requests. Each fact was seen on Istio. */
import type { TranslationCase } from "../support/translation-table.ts";
import { istio, testTranslations } from "../support/translation-world.ts";

const reviews = "reviews.shop.svc.cluster.local";
const v1 = "labels: {version: v1}";
const rule = (name: string, host: string, subset: string, more = ""): string =>
	istio("DestinationRule", name, `{host: "${host}", ${more} subsets: [{name: ${subset}, ${v1}}]}`);
/** Requests to reviews go to the subset that their path names. */
const bySubset = (...subsets: string[]): string =>
	istio(
		"VirtualService",
		"v",
		`{hosts: [reviews], http: [${subsets
			.map((name) => `{match: [{uri: {prefix: /${name}}}], route: [{destination: {host: reviews, subset: ${name}}}]}`)
			.join(", ")}]}`,
	);
const sidecar = (name: string, hosts: string, more = ""): string =>
	istio("Sidecar", name, `{${more} egress: [{hosts: [${hosts}]}]}`);
const answer = (name: string, host: string, status: number, more = ""): string =>
	istio("VirtualService", name, `{hosts: ["${host}"], ${more} http: [{directResponse: {status: ${status}}}]}`);
const join = (...documents: string[]): string => documents.join("---");

const cases: readonly TranslationCase[] = [
	{
		name: "DestinationRules: one of a third namespace has no effect",
		config: join(rule("edge/d", reviews, "third"), bySubset("third")),
		calls: {
			"web -> reviews /third": "unroutable 503 NC by Service reviews",
			"bank -> reviews.shop /third": "unroutable 503 NC by Service reviews",
		},
	},
	{
		name: "DestinationRules: a wildcard of the client's namespace hides the exact host of the Service's",
		config: join(rule("own", reviews, "own"), rule("bank/d", "*.local", "client"), bySubset("own", "client")),
		calls: {
			"web -> reviews /own": "reviews.shop:80[own] by VirtualService v spec.http[0]",
			"web -> reviews /client": "unroutable 503 NC by DestinationRule own",
			"bank -> reviews.shop /own": "unroutable 503 NC by DestinationRule d",
			"bank -> reviews.shop /client": "reviews.shop:80[client] by VirtualService v spec.http[1]",
		},
	},
	{
		name: "DestinationRules: of wildcards of one namespace the longest alone decides",
		config: join(
			rule("a", "*.shop.svc.cluster.local", "long"),
			rule("b", "*.svc.cluster.local", "short"),
			bySubset("long", "short"),
		),
		calls: {
			"web -> reviews /long": "reviews.shop:80[long] by VirtualService v spec.http[0]",
			"web -> reviews /short": "unroutable 503 NC by DestinationRule a",
		},
	},
	{
		name: "DestinationRules: one that is not exported leaves other namespaces to the root namespace's",
		config: join(
			rule("own", reviews, "own", 'exportTo: ["."],'),
			rule("amime-system/d", reviews, "root"),
			bySubset("own", "root"),
		),
		calls: {
			"web -> reviews /own": "reviews.shop:80[own] by VirtualService v spec.http[0]",
			"bank -> reviews.shop /own": "unroutable 503 NC by DestinationRule d",
			"bank -> reviews.shop /root": "reviews.shop:80[root] by VirtualService v spec.http[1]",
		},
	},
	{
		name: "DestinationRules: one that is exported elsewhere is not for its own namespace",
		config: join(rule("own", reviews, "own", "exportTo: [bank],"), bySubset("own")),
		calls: {
			"web -> reviews /own": "unroutable 503 NC by Service reviews",
			"bank -> reviews.shop /own": "reviews.shop:80[own] by VirtualService v spec.http[0]",
		},
	},
	{
		name: "Sidecars: one that selects is of its own namespace alone, and all its labels have to be there",
		config: join(
			sidecar("amime-system/sel", "'bank/*'", "workloadSelector: {labels: {app: web}},"),
			sidecar("none", "'bank/*'", "workloadSelector: {labels: {app: web, tier: none}},"),
			sidecar("ratings", "'./reviews.shop.svc.cluster.local'", "workloadSelector: {labels: {app: ratings}},"),
		),
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"web -> bank.bank": "bank.bank:80 by Service bank",
			"ratings -> reviews": "reviews.shop:80 by Service reviews",
			"ratings -> bank.bank": "unroutable 502",
		},
	},
	{
		name: "Sidecars: a VirtualService of a namespace that is not let in decides nothing",
		config: join(sidecar("default", "'./*'"), answer("bank/v", reviews, 201)),
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"bank -> reviews.shop": "answered 201 by VirtualService v spec.http[0]",
		},
	},
	{
		name: "VirtualServices: a host is closer than a wildcard, a longer wildcard closer than a shorter",
		config: join(
			answer("long", "*.shop.svc.cluster.local", 201),
			answer("bank/short", "*.cluster.local", 202),
			answer("own", "reviews", 203),
		),
		calls: {
			"web -> reviews": "answered 203 by VirtualService own spec.http[0]",
			"web -> ratings": "answered 201 by VirtualService long spec.http[0]",
			"web -> bank.bank": "answered 202 by VirtualService short spec.http[0]",
			"bank -> ratings.shop": "answered 201 by VirtualService long spec.http[0]",
		},
	},
	{
		name: "VirtualServices: exported to its own namespace, to another one, to nobody",
		config: join(
			answer("bank/own", reviews, 201, 'exportTo: ["."],'),
			answer("other", "ratings", 202, "exportTo: [bank],"),
			answer("nobody", "books", 203, 'exportTo: ["~"],'),
		),
		calls: {
			"web -> reviews": "reviews.shop:80 by Service reviews",
			"bank -> reviews.shop": "answered 201 by VirtualService own spec.http[0]",
			"web -> ratings": "ratings.shop:80 by Service ratings",
			"bank -> ratings.shop": "answered 202 by VirtualService other spec.http[0]",
			"web -> books:9090": "books.shop:9090 by Service books",
		},
	},
];

testTranslations(cases);
