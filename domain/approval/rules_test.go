package approval_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"passbook/domain/approval"
	"passbook/domain/money"
)

var (
	asked = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	until = asked.Add(72 * time.Hour)
)

func request() approval.Request {
	return approval.Request{ApprovalID: sampleID(1), AccountID: sampleID(2), Kind: "withdrawal", Command: json.RawMessage(`{"a":1}`),
		Money: money.Money{Amount: 11, Currency: eur}, Threshold: 10, Maker: "maker", OwnedBy: "owner", ExpiresAt: until}
}

// given is the state after events at the moment of asking.
func given(events ...approval.Event) (s approval.State) {
	for _, e := range events {
		s = approval.Evolve(s, e, asked)
	}
	return s
}

func requested() approval.Event {
	r := request()
	return approval.Requested{ApprovalID: r.ApprovalID, AccountID: r.AccountID, Kind: r.Kind, Command: r.Command, Amount: 11, Currency: eur, Threshold: 10,
		Maker: r.Maker, OwnedBy: r.OwnedBy, ExpiresAt: until}
}

func TestRules(t *testing.T) {
	t.Parallel()
	other := request()
	other.Money.Amount = 12
	var (
		pending  = given(requested())
		approved = given(requested(), approval.Approved{By: "checker"})
		rejected = given(requested(), approval.Rejected{By: "checker", Reason: "no"})
		expired  = given(requested(), approval.Expired{ExpiresAt: until})
	)
	for name, c := range map[string]struct {
		given approval.State
		when  approval.Command
		at    time.Time
		then  []approval.Event
		code  string
	}{
		"asked for":                        {approval.State{}, request(), asked, []approval.Event{requested()}, ""},
		"asked for again":                  {pending, request(), asked, nil, ""},
		"asked for again, decided":         {approved, request(), asked, nil, ""},
		"asked for otherwise":              {pending, other, asked, nil, "approval_exists"},
		"approved by another":              {pending, approval.Approve{By: "checker"}, asked, []approval.Event{approval.Approved{By: "checker"}}, ""},
		"approved in the last moment":      {pending, approval.Approve{By: "checker"}, until.Add(-time.Microsecond), []approval.Event{approval.Approved{By: "checker"}}, ""},
		"approved too late":                {pending, approval.Approve{By: "checker"}, until, nil, "approval_expired"},
		"approved, expiry on record":       {expired, approval.Approve{By: "checker"}, until, nil, "approval_expired"},
		"approved by the maker":            {pending, approval.Approve{By: "maker"}, asked, nil, "approval_by_maker"},
		"approved by the maker, decided":   {approved, approval.Approve{By: "maker"}, asked, nil, "approval_by_maker"},
		"approved by nobody":               {pending, approval.Approve{}, asked, nil, "invalid_parameter"},
		"approved again":                   {approved, approval.Approve{By: "checker"}, until.Add(time.Hour), nil, ""},
		"approved by a third":              {approved, approval.Approve{By: "third"}, asked, nil, "approval_final"},
		"approved, was rejected":           {rejected, approval.Approve{By: "checker"}, asked, nil, "approval_final"},
		"approved, never asked for":        {approval.State{}, approval.Approve{By: "checker"}, asked, nil, "not_found"},
		"rejected by another":              {pending, approval.Reject{By: "checker", Reason: "no"}, asked, []approval.Event{approval.Rejected{By: "checker", Reason: "no"}}, ""},
		"rejected by the maker":            {pending, approval.Reject{By: "maker", Reason: "no"}, asked, nil, "approval_by_maker"},
		"rejected without a reason":        {pending, approval.Reject{By: "checker"}, asked, nil, "invalid_parameter"},
		"rejected, too many words":         {pending, approval.Reject{By: "checker", Reason: strings.Repeat("é", 201)}, asked, nil, "invalid_parameter"},
		"rejected again, in other words":   {rejected, approval.Reject{By: "checker", Reason: "still no"}, asked, nil, ""},
		"rejected again, too many words":   {rejected, approval.Reject{By: "checker", Reason: strings.Repeat("é", 101)}, asked, nil, "invalid_parameter"},
		"approved again, too many words":   {approved, approval.Approve{By: "checker", Reason: strings.Repeat("é", 101)}, asked, nil, "invalid_parameter"},
		"rejected, was approved":           {approved, approval.Reject{By: "checker", Reason: "no"}, asked, nil, "approval_final"},
		"rejected too late":                {pending, approval.Reject{By: "checker", Reason: "no"}, until, nil, "approval_expired"},
		"rejected, never asked for":        {approval.State{}, approval.Reject{By: "checker", Reason: "no"}, asked, nil, "not_found"},
		"expires":                          {pending, approval.Expire{}, until, []approval.Event{approval.Expired{ExpiresAt: until}}, ""},
		"expires, though there is time":    {pending, approval.Expire{}, until.Add(-1), nil, "approval_not_due"},
		"expires again":                    {expired, approval.Expire{}, until, nil, ""},
		"expires, is decided":              {approved, approval.Expire{}, until, nil, ""},
		"expires, though never asked for":  {approval.State{}, approval.Expire{}, until, nil, "not_found"},
		"asked for within the threshold":   {approval.State{}, with(func(r *approval.Request) { r.Money.Amount = 10 }), asked, nil, "invalid_parameter"},
		"asked for by nobody":              {approval.State{}, with(func(r *approval.Request) { r.Maker = "" }), asked, nil, "invalid_parameter"},
		"asked for nothing":                {approval.State{}, with(func(r *approval.Request) { r.Command = json.RawMessage("null") }), asked, nil, "invalid_parameter"},
		"asked for too late":               {approval.State{}, with(func(r *approval.Request) { r.ExpiresAt = asked }), asked, nil, "invalid_parameter"},
		"asked for for ever":               {approval.State{}, with(func(r *approval.Request) { r.ExpiresAt = asked.AddDate(2, 0, 0) }), asked, nil, "invalid_parameter"},
		"asked for without an account":     {approval.State{}, with(func(r *approval.Request) { r.AccountID = sampleID(0); r.AccountID = [16]byte{} }), asked, nil, "invalid_parameter"},
		"asked for with half an account's": {approval.State{}, with(func(r *approval.Request) { r.Maker = "a\x00" }), asked, nil, "invalid_parameter"},
	} {
		before := c.given
		events, err := approval.Decide(c.given, c.when, c.at)
		var refusal approval.Refusal
		code := ""
		if errors.As(err, &refusal) {
			code = refusal.Code()
		}
		if code != c.code || (err == nil) != (c.code == "") || !reflect.DeepEqual(events, c.then) {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
		if !reflect.DeepEqual(before, c.given) {
			t.Errorf("%s: the state has changed", name)
		}
	}
}

func with(change func(*approval.Request)) approval.Request {
	r := request()
	change(&r)
	return r
}

func TestDecodeOfWhatIsFaulty(t *testing.T) {
	t.Parallel()
	for _, typ := range approval.Types() {
		for _, faulty := range []string{``, `null`, `[]`, `{}`, `"x"`, `{"by":""}`, `{"by":7}`} {
			if e, err := approval.Decode(typ.Name, typ.Schema, []byte(faulty)); err == nil {
				t.Errorf("%s %s is read as %+v", typ.Name, faulty, e)
			}
		}
		if _, err := approval.Decode(typ.Name, typ.Schema+1, []byte(`{}`)); !errors.Is(err, approval.ErrUnknownEvent) {
			t.Errorf("a later schema of %s: %v", typ.Name, err)
		}
	}
	_, _, data := approval.Encode(requested())
	for _, broken := range []string{`"command":{"a":1}`, `"amount":11`, `"currency":"EUR"`, `"maker":"maker"`, `"kind":"withdrawal"`} {
		less := strings.Replace(string(data), broken, `"x":1`, 1)
		if e, err := approval.Decode(approval.TypeRequested, 1, []byte(less)); err == nil {
			t.Errorf("without %s it is read as %+v", broken, e)
		}
	}
}
