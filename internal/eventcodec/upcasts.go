package eventcodec

import (
	"bytes"
	"errors"
	"fmt"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/internal/jsonobject"
)

// upcasts lists the steps from every shape that is no longer written. A step stays for ever: the events it reads do.
//
// A rebuild reads millions of old payloads: each step knows the layout in which all of them were written and changes its bytes
// without parsing it. What is laid out in another way, which is no fault, is taken apart member by member.
var upcasts = []eventstore.Upcast{
	// A deposit says where the money came from; of those that did not, that nobody said.
	eventstore.Reshape(depositedV1, shape(account.TypeDeposited, 2), withSource),
	// Interest used to be one event with a signed amount.
	eventstore.Split(interestPosted, creditedOrDebited, credited, debited),
	// Settings became the terms of the account when they came to hold its limits; what was said of them stays true.
	eventstore.Rename(settingsChanged, shape(account.TypeTermsChanged, 1)),
}

var (
	depositedV1     = shape(account.TypeDeposited, 1)
	interestPosted  = shape("interest.posted", 1)
	settingsChanged = shape("account.settings_changed", 1)

	credited = shape(account.TypeInterestCredited, 1)
	debited  = shape(account.TypeInterestDebited, 1)
)

func shape(name string, schema int) eventstore.Shape {
	return eventstore.Shape{Type: name, Schema: schema}
}

// missing is a fault of a payload that no step can mend.
func missing(member, why string) error { return fmt.Errorf("%s is missing: %s", member, why) }

const (
	source        = `,"source":`
	unspecified   = source + `"` + account.SourceUnspecified + `"`
	currencyBytes = len(`,"currency":"EUR"`)
)

// withSource says where a deposit came from. The currency has always been written; a payload without one is of a writer that
// nobody knows, and the account's currency is not the payload's to say.
func withSource(data []byte) ([]byte, error) {
	if at, ok := behindCurrency(data); ok {
		switch rest := data[at:]; {
		case bytes.HasPrefix(rest, []byte(source+`"`)) && !bytes.HasPrefix(rest, []byte(source+`""`)):
			return data, nil
		case !bytes.Contains(rest, []byte(`"source"`)):
			return insert(data, at, unspecified), nil
		}
	}
	o, err := jsonobject.Parse(data)
	if err != nil {
		return nil, err
	}
	if !o.Says("currency") {
		return nil, missing("currency", "it cannot be known from the payload alone")
	}
	if !o.Says("source") {
		o.Set("source", []byte(`"`+account.SourceUnspecified+`"`), "currency")
	}
	return o.Bytes(), nil
}

// creditedOrDebited turns the sign of the amount into the type.
func creditedOrDebited(data []byte) (eventstore.Shape, []byte, error) {
	if at, ok := amountAt(data); ok {
		switch {
		case isDigit(data[at], '1'):
			return credited, data, nil
		case data[at] == '-' && isDigit(data[at+1], '1'):
			return debited, cut(data, at, 1), nil
		}
	}
	o, err := jsonobject.Parse(data)
	if err != nil {
		return eventstore.Shape{}, nil, err
	}
	amount, said := o.Get("amount")
	switch {
	case !said:
		return eventstore.Shape{}, nil, missing("amount", "without it nobody knows whether interest was credited or debited")
	case isZero(amount):
		return eventstore.Shape{}, nil, errors.New("the amount is zero: interest was neither credited nor debited")
	case amount[0] == '-':
		o.Set("amount", amount[1:], "transaction_id")
		return debited, o.Bytes(), nil
	}
	return credited, o.Bytes(), nil // of what is no number at all the decoder says so
}

func isDigit(b, least byte) bool { return least <= b && b <= '9' }

// isZero reports whether a JSON number is zero, however it is written.
func isZero(number []byte) bool {
	mantissa, _, _ := bytes.Cut(bytes.ToLower(number), []byte("e"))
	return bytes.ContainsRune(mantissa, '0') && bytes.Trim(mantissa, "-0.") == nil
}
