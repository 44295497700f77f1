// Package webhook keeps who wants to be told by HTTP of what happens on accounts (subscriptions), and what became of telling them
// (deliveries), as Standard Webhooks 1.0 has it (https://www.standardwebhooks.com). Package delivery, below it, does the telling.
//
// # Parts
//
//	Store   changes subscriptions for callers: the command API's part, under the role passbook_command
//	Reader  shows subscriptions and deliveries: the query API's part, under the role passbook_query
//	Policy  is where deliveries may go: a URL when it is given, an address when it is connected to
//	Sign    signs
//
// # States of a subscription
//
//	active    each event that it is about is put on its list, and sent
//	paused    nothing is; its caller wanted it so
//	disabled  nothing is; its receiver has failed for days (failing), or said that it is gone (gone)
//
// One that is resumed goes on where it stopped: its position stands still meanwhile, and the log does not forget.
//
// # States of a delivery
//
//	pending    it is sent when it is due, again and again
//	delivered  the receiver has answered with a status of 2xx
//	failed     it was given up. It can be replayed
//
// # Guarantees
//
//   - Each event that a subscription is about has a delivery: a subscription's position and the deliveries up to there change in one
//     transaction. A delivery is made once, whoever makes it.
//   - It is sent at least once before it counts as delivered, each time under the same id, which is made of subscription and event.
//   - A secret is shown by the call that made it, and never again. The roles of the APIs cannot read it.
//   - A subscription of a customer is about accounts that the customer owns, which is looked at when an event is put on the list and
//     again with each attempt.
package webhook
