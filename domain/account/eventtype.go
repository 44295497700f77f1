package account

// The wire names of the events. They are a storage format: written by hand, never derived from a Go name, never changed.
const (
	TypeOpened           = "account.opened"
	TypeDeposited        = "money.deposited"
	TypeWithdrawn        = "money.withdrawn"
	TypeFeeCharged       = "fee.charged"
	TypeInterestCredited = "interest.credited"
	TypeInterestDebited  = "interest.debited"
	TypeFrozen           = "account.frozen"
	TypeUnfrozen         = "account.unfrozen"
	TypeClosed           = "account.closed"
	TypeReopened         = "account.reopened"
	TypeTermsChanged     = "account.terms_changed"
	TypeTransferSent     = "transfer.sent"
	TypeTransferReceived = "transfer.received"
	TypeHoldPlaced       = "hold.placed"
	TypeHoldCaptured     = "hold.captured"
	TypeHoldReleased     = "hold.released"
	TypeHoldExtended     = "hold.extended"
	TypeHoldExpired      = "hold.expired"
	TypeReversalPosted   = "reversal.posted"
)

// The schemas that Encode writes and Decode reads. A payload that changes its meaning gets the next number and an upcast from
// the last; bytes already stored are never rewritten.
const (
	schemaOpened           = 1
	schemaDeposited        = 2
	schemaWithdrawn        = 1
	schemaFeeCharged       = 1
	schemaInterestCredited = 1
	schemaInterestDebited  = 1
	schemaFrozen           = 1
	schemaUnfrozen         = 1
	schemaClosed           = 1
	schemaReopened         = 1
	schemaTermsChanged     = 1
	schemaTransferSent     = 1
	schemaTransferReceived = 1
	schemaHoldPlaced       = 1
	schemaHoldCaptured     = 1
	schemaHoldReleased     = 1
	schemaHoldExtended     = 1
	schemaHoldExpired      = 1
	schemaReversalPosted   = 1
)

// EventType is the wire name of an event and the schema its payload has now.
type EventType struct {
	Name   string
	Schema int
}

// Types returns the wire names and current schemas of all events.
func Types() []EventType {
	return []EventType{
		{TypeOpened, schemaOpened},
		{TypeDeposited, schemaDeposited},
		{TypeWithdrawn, schemaWithdrawn},
		{TypeFeeCharged, schemaFeeCharged},
		{TypeInterestCredited, schemaInterestCredited},
		{TypeInterestDebited, schemaInterestDebited},
		{TypeFrozen, schemaFrozen},
		{TypeUnfrozen, schemaUnfrozen},
		{TypeClosed, schemaClosed},
		{TypeReopened, schemaReopened},
		{TypeTermsChanged, schemaTermsChanged},
		{TypeTransferSent, schemaTransferSent},
		{TypeTransferReceived, schemaTransferReceived},
		{TypeHoldPlaced, schemaHoldPlaced},
		{TypeHoldCaptured, schemaHoldCaptured},
		{TypeHoldReleased, schemaHoldReleased},
		{TypeHoldExtended, schemaHoldExtended},
		{TypeHoldExpired, schemaHoldExpired},
		{TypeReversalPosted, schemaReversalPosted},
	}
}
