package payment

import (
	"strings"

	"passbook/domain/internal/limit"
)

// Creditor is who is paid, at another bank.
type Creditor struct {
	Name    string `json:"name"`
	Account string `json:"account"`         // an IBAN without spaces, or what the other bank calls it
	Agent   string `json:"agent,omitempty"` // the other bank's BIC
}

// normal brings an IBAN that is written in groups into the form that machines exchange.
func (c Creditor) normal() Creditor {
	if looksLikeIBAN(c.Account) {
		c.Account = strings.ReplaceAll(c.Account, " ", "")
	}
	return c
}

func checkCreditor(c Creditor) error {
	if err := limit.First(
		checkText("creditor/name", c.Name, 1, CreditorNameMax),
		checkText("creditor/account", c.Account, 1, CreditorAccountMax)); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(c.Name) == "":
		return InvalidField{"creditor/name", "must not be blank"}
	case strings.TrimSpace(c.Account) == "":
		return InvalidField{"creditor/account", "must not be blank"}
	case looksLikeIBAN(c.Account) && !validIBAN(c.Account):
		return InvalidField{"creditor/account", "looks like an IBAN, but its check digits are wrong"}
	case c.Agent != "" && !validBIC(c.Agent):
		return InvalidField{"creditor/agent", "must be a BIC of 8 or 11 characters"}
	}
	return nil
}

// looksLikeIBAN: a country and two check digits, then letters and digits of at least the shortest IBAN there is (Norway's 15).
func looksLikeIBAN(account string) bool {
	compact := strings.ReplaceAll(account, " ", "")
	if len(compact) < ibanMin || len(compact) > ibanMax || !upper(compact[0]) || !upper(compact[1]) || !digit(compact[2]) || !digit(compact[3]) {
		return false
	}
	for i := range len(compact) {
		if !upper(compact[i]) && !digit(compact[i]) {
			return false
		}
	}
	return true
}

const ibanMin, ibanMax = 15, 34

// validIBAN checks the digits by ISO 7064 (MOD 97-10): the first four characters last, A as 10 to Z as 35, remainder 1.
func validIBAN(account string) bool {
	compact := strings.ReplaceAll(account, " ", "")
	remainder := 0
	for _, c := range []byte(compact[4:] + compact[:4]) {
		if digit(c) {
			remainder = (remainder*10 + int(c-'0')) % 97
		} else {
			remainder = (remainder*100 + int(c-'A') + 10) % 97
		}
	}
	return remainder == 1
}

// validBIC knows the form of ISO 9362: party (4), country (2 letters), suffix (2), and a branch (3) or none.
func validBIC(bic string) bool {
	if len(bic) != 8 && len(bic) != 11 {
		return false
	}
	for i := range len(bic) {
		country := i == 4 || i == 5
		if !upper(bic[i]) && (country || !digit(bic[i])) {
			return false
		}
	}
	return true
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }
func digit(c byte) bool { return '0' <= c && c <= '9' }
