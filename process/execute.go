package process

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/bank"
	"passbook/domain/payment"
)

// caller is whose idempotency keys the process's commands have. No token has it: those of callers over HTTP contain their issuer.
const caller = "process"

// command gives a command for a payment, under a key that is the same whenever it is the same command.
func (p *Process) command(ctx context.Context, id, accountID uuid.UUID, version int64, c payment.Command, attempt int) error {
	return p.execute(ctx, bank.OnPayment{PaymentID: id, AccountID: accountID, Command: c},
		payment.CommandID(id, version, c, attempt), "/process/payments/"+id.String())
}

// execute gives a command. An error does not say that it was not carried out.
func (p *Process) execute(ctx context.Context, c bank.Command, key uuid.UUID, path string) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.CommandTimeout)
	defer cancel()
	answer, err := p.bank.Execute(ctx, command.Request{
		Caller: caller, Key: key.String(), Fingerprint: sha256.Sum256([]byte(path + " " + key.String())),
		Path: path, RequestID: key.String(), Client: "passbook process", Actor: caller,
		IfVersion: command.NoVersion, Command: c,
	})
	if err == nil && (answer.Status < 200 || answer.Status > 299) {
		err = &Refused{Status: answer.Status, Code: problemCode(answer.Body)}
	}
	if err != nil {
		p.metrics.commands.WithLabelValues("failed").Inc()
		return err
	}
	p.metrics.commands.WithLabelValues("done").Inc()
	return nil
}

// Refused means that a command was answered, and not carried out.
type Refused struct {
	Status int
	Code   string
}

func (r *Refused) Error() string { return fmt.Sprintf("refused: %s (%d)", r.Code, r.Status) }

// problemCode reads the code of a problem; what it cannot read has none.
func problemCode(body []byte) string {
	var problem struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &problem) != nil {
		return "unknown"
	}
	return problem.Code
}
