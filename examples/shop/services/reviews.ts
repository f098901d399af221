import { call, sendJson, serve } from "./common.ts";

const version = process.env.VERSION ?? "v1";

const texts: Readonly<Record<string, string>> = {
	1: "Holds everything but water.",
	2: "Fell asleep before I could finish this",
	3: "Our game did not get better, but the net is good.",
};

interface Rating {
	readonly stars: number;
	readonly servedBy: string;
}

serve(`reviews ${version}`, {
	"GET /reviews": async (request, response, url) => {
		const product = url.searchParams.get("product") ?? "1";
		const rating = await call<Rating>(request, `http://ratings/ratings/${encodeURIComponent(product)}`);
		// What v2 brings: stars one can see.
		const stars = version === "v2" ? "★".repeat(rating.stars) + "☆".repeat(5 - rating.stars) : `${rating.stars}/5`;
		sendJson(response, 200, { version, text: texts[product] ?? "No review yet.", stars, ratedBy: rating.servedBy });
	},
});
