// Package approval is the rule book of the second person: a command that moves more than the bank lets one person move alone is not
// carried out but put down, and another person approves or rejects it.
//
//	pending -> approved   by somebody else than the maker; what was asked for follows in the same append (package bank)
//	        -> rejected   by somebody else than the maker
//	        -> expired    its time is over
//
// The time decides, not the event that records it: from ExpiresAt on a pending approval can be neither approved nor rejected. The
// threshold is no rule of this package: who asks for an approval says which one was passed. It is pure, as package account is.
package approval
