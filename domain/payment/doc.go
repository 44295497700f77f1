// Package payment is the rule book of a payment out of the bank, and the plan of the process that carries it through.
//
// [Decide] takes a payment's [State] and a [Command] and answers with the events that follow, or with a [Refusal]. [Evolve]
// folds one event into the state. [Next] is the process: from a state and what the process knows of its own work it tells what
// is to be done and when. All are pure: no clock, no randomness, no I/O. Commands, events and refusals are closed sets; a case
// that is missing somewhere panics there, and a test enumerates them all.
//
// # States
//
//	requested -> submitted -> settled | rejected | timed_out | cancelled
//
// Every outcome can also follow on requested: the gateway may answer at once, or never. A payment that was tried in vain too
// often is marked stuck, which is no state of its own: it is tried on, and an operator may push or cancel it.
//
// # Guarantees
//
//   - A payment has at most one outcome, and it never changes. An answer of the gateway that says otherwise afterwards is
//     recorded as [AnswerContradicted] and moves no money.
//   - A command that Decide has accepted, decided again on the state it led to, decides nothing. So does a repeated answer.
//   - A payment that is not final has a next step with a time, and none later than its deadline and the policy's grace,
//     unless its commands fail.
//   - Events encode to the same bytes every time, and bytes of every schema ever stored decode for ever.
//
// The money is the account's: a hold is placed with the request, captured with the settlement and released with every other
// outcome, in the append of the payment's own event. Whether it can be placed is the account's to decide.
//
// # Precedence
//
// A request is judged in this order: form of its own fields, whether it is a repetition, amount range, deadline. Everything
// else: form, existence, whether it is a repetition, whether the payment is final, whether the gateway has it, time.
package payment
