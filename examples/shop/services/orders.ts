import { readBody, sendJson, serve } from "./common.ts";

interface Order {
	readonly number: number;
	readonly product: number;
}

const kept = 1000;
let count = 0;
let orders: readonly Order[] = [];

serve("orders", {
	"GET /orders": (_request, response) => sendJson(response, 200, { count, latest: orders.slice(-5) }),

	"POST /orders": async (request, response) => {
		const product = Number((JSON.parse(await readBody(request)) as { product?: unknown }).product);
		if (!Number.isInteger(product)) return sendJson(response, 400, { error: "product must be a number" });
		count += 1;
		orders = [...orders.slice(1 - kept), { number: count, product }];
		console.log(`order ${count}: product ${product}`);
		sendJson(response, 201, { number: count, product });
	},
});
