/** Handshakes with tickets, at first and after somebody came back with one. */
const generousFor = 256;
/** After them one handshake in so many. */
const rarely = 16;

/** Session tickets are a sixth of a handshake's price: as long as nobody comes back with one, few handshakes give them out. A client whose
 *  ticket meets a handshake without gets a full one. */
export class TicketThrift {
	#sinceReuse = 0;

	/** Whether the next handshake gives tickets, and takes them. */
	givesTickets(): boolean {
		const count = this.#sinceReuse++;
		return count < generousFor || count % rarely === 0;
	}

	/** A session was resumed. */
	onReuse(): void {
		this.#sinceReuse = 0;
	}
}
