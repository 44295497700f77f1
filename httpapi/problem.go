package httpapi

import "net/http"

// Kind is one kind of error as clients know it: they program against Code, and each code has one status.
type Kind struct {
	Code      string
	Status    int
	Title     string
	Retryable bool // whether the same request may succeed later, unchanged
}

// The codes. Their names never change.
const (
	MalformedRequest        = "malformed_request"
	InvalidParameter        = "invalid_parameter"
	InvalidCursor           = "invalid_cursor"
	IdempotencyKeyRequired  = "idempotency_key_required"
	Unauthenticated         = "unauthenticated"
	InsufficientScope       = "insufficient_scope"
	NotFound                = "not_found"
	MethodNotAllowed        = "method_not_allowed"
	AccountExists           = "account_exists"
	IdempotencyInProgress   = "idempotency_in_progress"
	ConcurrentModification  = "concurrent_modification"
	ReadModelStale          = "read_model_stale"
	DuplicateReference      = "duplicate_reference"
	VersionMismatch         = "version_mismatch"
	RequestTimeout          = "request_timeout"
	PayloadTooLarge         = "payload_too_large"
	URLTooLong              = "url_too_long"
	HeadersTooLarge         = "headers_too_large"
	UnsupportedMediaType    = "unsupported_media_type"
	InsufficientFunds       = "insufficient_funds"
	AccountFrozen           = "account_frozen"
	AccountClosed           = "account_closed"
	CurrencyMismatch        = "currency_mismatch"
	AmountOutOfRange        = "amount_out_of_range"
	BalanceNotZero          = "balance_not_zero"
	OverdraftLimitInUse     = "overdraft_limit_in_use"
	HoldExpired             = "hold_expired"
	CaptureExceedsHold      = "capture_exceeds_hold"
	AlreadyReversed         = "already_reversed"
	ReversalExceedsOriginal = "reversal_exceeds_original"
	SameAccount             = "same_account"
	HoldNotActive           = "hold_not_active"
	HoldOfPayment           = "hold_of_payment"
	TooManyHolds            = "too_many_holds"
	LimitExceeded           = "limit_exceeded"
	NotReversible           = "not_reversible"
	PaymentExists           = "payment_exists"
	PaymentFinal            = "payment_final"
	PaymentSubmitted        = "payment_submitted"
	PaymentNotDue           = "payment_not_due"
	ApprovalByMaker         = "approval_by_maker"
	ApprovalExists          = "approval_exists"
	ApprovalRequired        = "approval_required"
	ApprovalFinal           = "approval_final"
	ApprovalExpired         = "approval_expired"
	ApprovalNotDue          = "approval_not_due"
	IdempotencyKeyReused    = "idempotency_key_reused"
	RateLimited             = "rate_limited"
	InternalError           = "internal_error"
	Overloaded              = "overloaded"
	Maintenance             = "maintenance"
	Timeout                 = "timeout"
)

// table is the one place where a kind of error gets its status.
var table = []Kind{
	{MalformedRequest, http.StatusBadRequest, "Malformed request", false},
	{InvalidParameter, http.StatusBadRequest, "Invalid parameter", false},
	{InvalidCursor, http.StatusBadRequest, "Invalid cursor", false},
	{IdempotencyKeyRequired, http.StatusBadRequest, "Idempotency key required", false},
	{Unauthenticated, http.StatusUnauthorized, "Unauthenticated", false},
	{InsufficientScope, http.StatusForbidden, "Insufficient scope", false},
	{ApprovalByMaker, http.StatusForbidden, "Approval by its maker", false},
	{NotFound, http.StatusNotFound, "Not found", false},
	{MethodNotAllowed, http.StatusMethodNotAllowed, "Method not allowed", false},
	{AccountExists, http.StatusConflict, "Account exists", false},
	{PaymentExists, http.StatusConflict, "Payment exists", false},
	{ApprovalExists, http.StatusConflict, "Approval exists", false},
	{IdempotencyInProgress, http.StatusConflict, "Request in progress", true},
	{ConcurrentModification, http.StatusConflict, "Concurrent modification", true},
	{ReadModelStale, http.StatusConflict, "Read model stale", true},
	{DuplicateReference, http.StatusConflict, "Duplicate reference", false},
	{VersionMismatch, http.StatusPreconditionFailed, "Version mismatch", false},
	{RequestTimeout, http.StatusRequestTimeout, "Request timeout", true},
	{URLTooLong, http.StatusRequestURITooLong, "URL too long", false},
	{HeadersTooLarge, http.StatusRequestHeaderFieldsTooLarge, "Headers too large", false},
	{PayloadTooLarge, http.StatusRequestEntityTooLarge, "Payload too large", false},
	{UnsupportedMediaType, http.StatusUnsupportedMediaType, "Unsupported media type", false},
	{InsufficientFunds, http.StatusUnprocessableEntity, "Insufficient funds", false},
	{AccountFrozen, http.StatusUnprocessableEntity, "Account frozen", false},
	{AccountClosed, http.StatusUnprocessableEntity, "Account closed", false},
	{CurrencyMismatch, http.StatusUnprocessableEntity, "Currency mismatch", false},
	{AmountOutOfRange, http.StatusUnprocessableEntity, "Amount out of range", false},
	{BalanceNotZero, http.StatusUnprocessableEntity, "Balance not zero", false},
	{OverdraftLimitInUse, http.StatusUnprocessableEntity, "Overdraft limit in use", false},
	{HoldExpired, http.StatusUnprocessableEntity, "Hold expired", false},
	{CaptureExceedsHold, http.StatusUnprocessableEntity, "Capture exceeds hold", false},
	{AlreadyReversed, http.StatusUnprocessableEntity, "Already reversed", false},
	{ReversalExceedsOriginal, http.StatusUnprocessableEntity, "Reversal exceeds original", false},
	{SameAccount, http.StatusUnprocessableEntity, "Same account", false},
	{HoldNotActive, http.StatusUnprocessableEntity, "Hold not active", false},
	{HoldOfPayment, http.StatusUnprocessableEntity, "Hold of a payment", false},
	{TooManyHolds, http.StatusUnprocessableEntity, "Too many holds", false},
	{LimitExceeded, http.StatusUnprocessableEntity, "Limit exceeded", false},
	{NotReversible, http.StatusUnprocessableEntity, "Not reversible", false},
	{PaymentFinal, http.StatusUnprocessableEntity, "Payment final", false},
	{PaymentSubmitted, http.StatusUnprocessableEntity, "Payment submitted", false},
	{PaymentNotDue, http.StatusUnprocessableEntity, "Payment not due", false},
	{ApprovalRequired, http.StatusUnprocessableEntity, "Approval required", false},
	{ApprovalFinal, http.StatusUnprocessableEntity, "Approval final", false},
	{ApprovalExpired, http.StatusUnprocessableEntity, "Approval expired", false},
	{ApprovalNotDue, http.StatusUnprocessableEntity, "Approval not due", false},
	{IdempotencyKeyReused, http.StatusUnprocessableEntity, "Idempotency key reused", false},
	{RateLimited, http.StatusTooManyRequests, "Rate limited", true},
	{InternalError, http.StatusInternalServerError, "Internal error", true},
	{Overloaded, http.StatusServiceUnavailable, "Overloaded", true},
	{Maintenance, http.StatusServiceUnavailable, "Temporarily unavailable", true},
	{Timeout, http.StatusGatewayTimeout, "Timeout", true},
}

var byCode = func() map[string]Kind {
	kinds := make(map[string]Kind, len(table))
	for _, kind := range table {
		kinds[kind.Code] = kind
	}
	return kinds
}()

// Kinds returns the table.
func Kinds() []Kind { return append([]Kind(nil), table...) }

// KindOf returns the kind of a code; of one that is not in the table, internal_error.
func KindOf(code string) Kind {
	if kind, ok := byCode[code]; ok {
		return kind
	}
	return byCode[InternalError]
}
