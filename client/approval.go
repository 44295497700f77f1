package client

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Error implements error: a command that waits for a second person has not been carried out, so it has no result. Found with errors.As; sent again under its key
// the command says the same, whatever has become of it.
func (p *PendingApproval) Error() string {
	return fmt.Sprintf("%d %s wait for approval %s by a second person, until %s", p.Amount, p.Currency, p.ApprovalID, p.ExpiresAt)
}

// pendingOf returns what an accepted command waits for, or nil.
func pendingOf(status int, body []byte) error {
	var pending PendingApproval
	if status != http.StatusAccepted || json.Unmarshal(body, &pending) != nil || pending.Status != PendingApprovalStatusPendingApproval {
		return nil
	}
	return &pending
}
