// Package account is the rule book of a bank account: what may be asked of it, what then happened, and what follows.
//
// [Decide] takes an account's [State] and a [Command] and answers with the events that follow, or with a [Refusal]. [Evolve]
// folds one event into the state. Both are pure: no clock, no randomness, no I/O; ids come with the command. Commands, events
// and refusals are closed sets; a case that is missing somewhere panics there, and a test enumerates them all.
//
// # Guarantees
//
//   - A command that Decide has accepted, decided again on the state it led to, decides nothing.
//   - A withdrawal never takes the available amount below zero. Fees and interest may: they are owed, not asked for.
//   - Balance and held amount of a state are those that the last money event states, and never leave ±money.MaxAmount.
//   - Events encode to the same bytes every time, and bytes of every schema ever stored decode for ever.
//
// # Precedence
//
// A command is judged in one order, so that the same fault has the same name everywhere: form of its own fields, existence of the
// account, whether it is a repetition, closed, currency, amount range, frozen, funds.
package account
