package loadgen

import (
	"encoding/hex"
	"strconv"

	"github.com/google/uuid"

	"passbook/internal/loadgen/lean"
)

const (
	currency  = "EUR"
	userAgent = "passbook-bench"
	// positionWaitSeconds is how long the bank may let one read wait for its position.
	positionWaitSeconds = "30"
)

// requests puts requests to one API together. All that is the same in each is made once.
type requests struct {
	toAccounts []byte // POST .../v1/accounts
	toTransfer []byte // POST .../v1/transfers
	toBulk     []byte // POST .../v1/bulk
	getAccount []byte // GET .../v1/accounts/
	common     []byte // from the end of the path to the last header that all have
	command    []byte // common and what commands have, up to the key
	lines      []byte // likewise, of a bulk
	owner      string
}

func newRequests(e *lean.Endpoint, token, owner string) *requests {
	r := &requests{owner: owner}
	r.toAccounts = []byte("POST " + e.Path + "/v1/accounts")
	r.toTransfer = []byte("POST " + e.Path + "/v1/transfers")
	r.toBulk = []byte("POST " + e.Path + "/v1/bulk")
	r.getAccount = []byte("GET " + e.Path + "/v1/accounts/")
	common := " HTTP/1.1\r\nHost: " + e.Host + "\r\nUser-Agent: " + userAgent + "\r\n"
	if token != "" {
		common += "Authorization: Bearer " + token + "\r\n"
	}
	r.common = []byte(common)
	r.command = []byte(common + "Content-Type: application/json\r\nIdempotency-Key: ")
	r.lines = []byte(common + "Content-Type: application/x-ndjson\r\nIdempotency-Key: ")
	return r
}

// transfer moves money from one account to another.
func (r *requests) transfer(to []byte, source, target uuid.UUID, key []byte, amount int64) []byte {
	var fields [192]byte
	body := appendUUID(append(fields[:0], `{"source_account_id":"`...), source)
	body = appendUUID(append(body, `","target_account_id":"`...), target)
	body = strconv.AppendInt(append(body, `","amount":`...), amount, 10)
	body = append(body, `,"currency":"`+currency+`"}`...)
	to = r.keyed(append(to, r.toTransfer...), key, len(body))
	return append(to, body...)
}

// item appends a line of a bulk: a deposit or a withdrawal.
func (r *requests) item(to []byte, op kind, account uuid.UUID, amount int64) []byte {
	to = appendUUID(append(to, `{"path":"/v1/accounts/`...), account)
	if op == deposit {
		to = append(to, `/deposits`...)
	} else {
		to = append(to, `/withdrawals`...)
	}
	to = strconv.AppendInt(append(to, `","body":{"amount":`...), amount, 10)
	return append(to, `,"currency":"`+currency+`"}}`+"\n"...)
}

// bulk is a request with many lines.
func (r *requests) bulk(to, key, lines []byte) []byte {
	to = append(append(append(to, r.toBulk...), r.lines...), key...)
	to = strconv.AppendInt(append(to, "\r\nContent-Length: "...), int64(len(lines)), 10)
	return append(append(to, "\r\n\r\n"...), lines...)
}

// movement is a deposit or a withdrawal.
func (r *requests) movement(to []byte, op kind, account uuid.UUID, key []byte, amount int64) []byte {
	to = append(append(to, r.toAccounts...), '/')
	to = appendUUID(to, account)
	if op == deposit {
		to = append(to, "/deposits"...)
	} else {
		to = append(to, "/withdrawals"...)
	}
	var digits [20]byte
	written := strconv.AppendInt(digits[:0], amount, 10)
	const before, after = `{"amount":`, `,"currency":"` + currency + `"}`
	to = r.keyed(to, key, len(before)+len(written)+len(after))
	to = append(append(to, before...), written...)
	return append(to, after...)
}

// open has no account_id in its body for uuid.Nil: the bank makes one.
func (r *requests) open(to []byte, account uuid.UUID, key []byte) []byte {
	var fields [256]byte
	body := append(fields[:0], '{')
	if account != uuid.Nil {
		body = appendUUID(append(body, `"account_id":"`...), account)
		body = append(body, `",`...)
	}
	body = append(append(body, `"owner_id":"`...), r.owner...)
	body = append(append(body, `","owner_name":"`...), r.owner...)
	body = append(body, `","currency":"`+currency+`"}`...)
	to = r.keyed(append(to, r.toAccounts...), key, len(body))
	return append(to, body...)
}

// keyed is what stands between the path of a command and its body.
func (r *requests) keyed(to, key []byte, length int) []byte {
	to = append(append(to, r.command...), key...)
	to = append(to, "\r\nContent-Length: "...)
	to = strconv.AppendInt(to, int64(length), 10)
	return append(to, "\r\n\r\n"...)
}

// read demands nothing for position 0; for another it waits for it.
func (r *requests) read(to []byte, account uuid.UUID, position int64) []byte {
	to = appendUUID(append(to, r.getAccount...), account)
	to = append(to, r.common...)
	if position > 0 {
		to = append(to, "Prefer: wait="+positionWaitSeconds+"\r\nPassbook-Min-Position: "...)
		to = strconv.AppendInt(to, position, 10)
		to = append(to, "\r\n"...)
	}
	return append(to, "\r\n"...)
}

func appendUUID(to []byte, id uuid.UUID) []byte {
	to = hex.AppendEncode(to, id[0:4])
	to = hex.AppendEncode(append(to, '-'), id[4:6])
	to = hex.AppendEncode(append(to, '-'), id[6:8])
	to = hex.AppendEncode(append(to, '-'), id[8:10])
	return hex.AppendEncode(append(to, '-'), id[10:16])
}
