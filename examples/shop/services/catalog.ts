import { carriedHeaders, sendJson, serve } from "./common.ts";

const products = [
	{ id: 1, name: "Fishing net", price: 38 },
	{ id: 2, name: "Hammock", price: 74 },
	{ id: 3, name: "Tennis net", price: 129 },
];

serve("catalog", {
	"GET /products": (_request, response) => sendJson(response, 200, products),

	// Tries what policies.yaml forbids it, and passes the answer on.
	"GET /try-order": async (request, response) => {
		const answer = await fetch("http://orders/orders", {
			method: "POST",
			headers: { ...carriedHeaders(request), "content-type": "application/json" },
			body: JSON.stringify({ product: 1 }),
		});
		response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" });
		response.end(await answer.text());
	},
});
