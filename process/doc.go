// Package process carries payments through: it follows the log, and for each payment that has no outcome yet does what its plan
// (payment.Next) says is next: give it to the gateway, ask what became of it, mark it as stuck, give it up. It also has holds
// expire that nobody touches.
//
// # Parts
//
//	follower  reads what happened to payments and holds, in log order, and keeps a row for each open payment and each hold that
//	          expires. Rows and checkpoint are one database transaction. Woken by every commit of this process, and by a slow poll.
//	worker    takes rows whose step is due, the longest due first, and performs up to Config.Concurrency steps at a time, each
//	          within a limit: one contact with the gateway, one command, or both. What came of it is noted in the row.
//	answers   what the gateway says by itself becomes a command at once, in whichever process hears it (Answer).
//
// One process leads, by a lease; the others stand by. The checkpoint is claimed under the lease's epoch, so that a leader that
// does not know yet that it leads no more cannot move it. Its contacts and commands are as harmless as any repetition.
//
// # States of a payment's row
//
//	waiting  nothing is due yet
//	due      the worker takes it as soon as it has a hand free
//	at work  a contact or a command is under way; this is in memory only
//	gone     the payment has its outcome
//
// # Guarantees
//
//   - Whatever happened to a payment is done by a command, decided like every other. The process writes no event and decides no
//     outcome: two processes, or one that repeats itself, come to one outcome, because package payment does.
//   - A crash anywhere repeats nothing that counts. Contacts are known to the gateway by the payment's id, commands to the log by
//     a key made of payment, version, attempt and content. What was not noted is done again.
//   - A payment is not forgotten: its row is written in the transaction that moves the checkpoint past its request, and goes in
//     the one that moves it past its outcome. Emptying the tables with the checkpoint at 0 costs attempts counted, nothing else.
//   - Nothing here is needed for a hold to expire in time: the command path decides by the time. The sweep brings the expiry to
//     the log of accounts that nobody uses, so that read models show it.
//
// # Failures
//
// Gateway away, silent, or without sense: attempts in vain, with longer and longer breaks; after some of them the payment is
// marked as stuck, and tried on until its deadline. Command refused or the processor overloaded: the payment holds off for a
// while. Database away: the leader starts anew, from the checkpoint. Process killed: another one leads after the lease's time.
// A stored event that this program cannot read stops the follower there, loudly; the lease is given back each time, so that a
// newer program can take over.
package process
