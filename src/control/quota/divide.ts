/** Divides a budget among those that want some of it: everyone has a floor, nobody gets more than it wants while another is short
 *  (max-min fairness), and what nobody wants is given to all alike, so that the parts add up to the budget.
 *  @param wants what each wants, 0 or more
 *  @param floorShare share of an equal part that everyone gets whatever it wants, 0 to 1
 *  @param weights for how many each wants it, more than 0 where it wants something; one each by default. Of what is short each gets in proportion */
export function divideFairly(
	budget: number,
	wants: readonly number[],
	floorShare: number,
	weights: readonly number[] = wants.map(() => 1),
): number[] {
	const count = wants.length;
	if (count === 0) return [];
	const floor = (budget * floorShare) / count;
	const missing = wants.map((want) => Math.max(0, want - floor));
	const parts = wants.map(() => floor);
	let left = budget - floor * count;
	let open = missing.map((_, position) => position).filter((position) => missing[position]! > 0);
	while (open.length > 0 && left > 0) {
		const equal = left / open.reduce((sum, position) => sum + weights[position]!, 0);
		const served = open.filter((position) => missing[position]! <= equal * weights[position]!);
		if (served.length === 0) {
			for (const position of open) parts[position]! += equal * weights[position]!;
			return parts;
		}
		for (const position of served) {
			parts[position]! += missing[position]!;
			left -= missing[position]!;
		}
		open = open.filter((position) => missing[position]! > equal * weights[position]!);
	}
	return parts.map((part) => part + Math.max(0, left) / count);
}
