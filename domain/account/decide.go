package account

import (
	"fmt"
	"time"
)

// Decide answers what follows from a command that is booked at a time: events, nothing because it has been done already, or a
// Refusal. It does not change s, and the events share the command's metadata, which must not be written to afterwards. It
// panics on a command outside the set, nil included.
//
// Holds whose time is over by then have expired, whether or not anybody has noticed: the command is judged without them, and
// their expiries come first among its events.
func Decide(s State, c Command, at time.Time) ([]Event, error) {
	expired := s.expire(at)
	for _, e := range expired {
		s = Evolve(s, e, at)
	}
	events, err := decide(s, c, at)
	if _, expiry := c.(ExpireHolds); err != nil || len(events) == 0 && !expiry {
		return nil, err
	}
	return append(expired, events...), nil
}

func decide(s State, c Command, at time.Time) ([]Event, error) {
	switch c := c.(type) {
	case Open:
		return decideOpen(s, c)
	case Deposit:
		return decideDeposit(s, c)
	case Withdraw:
		return decideWithdraw(s, c, at)
	case ChargeFee:
		return decideChargeFee(s, c)
	case PostInterest:
		return decidePostInterest(s, c)
	case Freeze:
		return decideFreeze(s, c)
	case Unfreeze:
		return decideUnfreeze(s, c)
	case Close:
		return decideClose(s, c)
	case Reopen:
		return decideReopen(s, c)
	case ChangeSettings:
		return decideChangeSettings(s, c)
	case SendTransfer:
		return decideSendTransfer(s, c, at)
	case ReceiveTransfer:
		return decideReceiveTransfer(s, c)
	case PlaceHold:
		return decidePlaceHold(s, c, at)
	case CaptureHold:
		return decideCaptureHold(s, c)
	case ReleaseHold:
		return decideReleaseHold(s, c)
	case ExtendHold:
		return decideExtendHold(s, c, at)
	case ExpireHolds:
		return nil, nil
	case PostReversal:
		return decidePostReversal(s, c)
	}
	panic(fmt.Sprintf("account: no rule for command %T", c))
}

// usable refuses what asks an account to exist and not to be closed.
func (s State) usable() error {
	switch s.Status {
	case StatusNone:
		return NotFound{}
	case StatusClosed:
		return ClosedAccount{}
	}
	return nil
}

// orNil makes an empty map nil, so that a state is the same whether it was folded from a command's event or from stored bytes.
func orNil(metadata map[string]string) map[string]string {
	if len(metadata) == 0 {
		return nil
	}
	return metadata
}
