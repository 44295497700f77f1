// Package delivery tells the subscribers of package webhook what happens: it follows the log, puts each event on the list of those
// who want it, and sends what is on the lists, each delivery until it has arrived or is given up.
//
// # Parts
//
//	follower  reads news (readmodel.News: the events of the log, as the timeline shows them, once reads of the account would) and
//	          makes deliveries of them. A subscription's position moves in the transaction that makes them.
//	worker    takes deliveries that are due, of all subscriptions in turn, and sends them, so many at a time, in all and of one.
//	sender    makes one signed request: to an address that deliveries may go to, within its time, without following redirects,
//	          and reads little of the answer.
//	cleaner   drops what is old.
//
// One process works, chosen by a lease; the others stand by. Nothing but economy rests on that: two that work at the same time, since one
// does not know yet that it should not, make each delivery once (who comes later finds the position moved) and may send it twice.
//
// # Where subscriptions are
//
// Those that are up to date are told from one page of news, whatever their number. Those that are behind (new, resumed, replayed, or with
// PendingMax on their list) are read for apart, a page at a time, until they have caught up. A list that is full is not filled further: what
// it lacks stays in the log.
//
// # Order
//
// The first attempts of a subscription begin in the order of the log, but several are under way at a time, and what is tried again comes
// later. A receiver that needs the order has it in data.position, and in data.version for the one account.
//
// # Receivers that fail
//
// A delivery that fails is tried again after longer and longer breaks with a random part, or when the receiver says (Retry-After), until it
// has had its attempts or its time. A subscription of which attempts fail one after another is left alone for a while after each, and
// then tried with one delivery; those that fail use at most half of the hands together. So one that is slow or dead
// costs the others nothing. After DisableAfter it is disabled.
//
// # Failures
//
//   - Killed anywhere: deliveries that were made are on the list; what was sent and not noted is sent again, under its id.
//   - Database away: nothing is sent until it is back.
//   - Read models behind, or taken back: what they do not show is not told yet; nothing is told twice.
package delivery
