package approval_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"passbook/domain/approval"
)

// model is an approval as one would tell it: who asked, who decided what, and when it is over.
type model struct {
	asked   bool
	maker   string
	until   time.Time
	outcome approval.Status
	by      string
	effects int // how often it was approved
}

// expected is the code of what is to be refused, and whether something follows.
func (m *model) expected(by string, what approval.Status, at time.Time) (code string, follows bool) {
	over := m.outcome == approval.StatusExpired || m.outcome == approval.StatusNone && !at.Before(m.until)
	switch {
	case !m.asked:
		return "not_found", false
	case m.outcome == what && m.by == by && by != "":
		return "", false
	case by == m.maker:
		return "approval_by_maker", false
	case m.outcome == approval.StatusApproved || m.outcome == approval.StatusRejected:
		return "approval_final", false
	case over:
		return "approval_expired", false
	}
	return "", true
}

// Any people at any times: the rules say what the plain model says, and at most one of all decisions has an effect, by somebody else than the
// maker, in time.
func TestAgainstAPlainModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s approval.State
		m, at := model{}, asked
		people := rapid.SampledFrom([]string{"ann", "bob", "cyd"})
		do := func(c approval.Command, code string, follows bool) {
			events, err := approval.Decide(s, c, at)
			var refusal approval.Refusal
			got := ""
			if errors.As(err, &refusal) {
				got = refusal.Code()
			}
			if got != code || (len(events) == 1) != follows || len(events) > 1 {
				t.Fatalf("%T%+v at %v: %v, %v; want %q, an event: %v", c, c, at.Sub(asked), events, err, code, follows)
			}
			for _, e := range events {
				typ, schema, data := approval.Encode(e)
				stored, err := approval.Decode(typ, schema, data)
				if err != nil {
					t.Fatal(err)
				}
				s = approval.Evolve(s, stored, at)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"time": func(t *rapid.T) {
				at = at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			},
			"ask": func(t *rapid.T) {
				if m.asked {
					return
				}
				r := request()
				r.Maker, r.ExpiresAt = people.Draw(t, "maker"), at.Add(48*time.Hour)
				do(r, "", true)
				m.asked, m.maker, m.until = true, r.Maker, r.ExpiresAt
			},
			"approve": func(t *rapid.T) {
				by := people.Draw(t, "by")
				code, follows := m.expected(by, approval.StatusApproved, at)
				do(approval.Approve{By: by}, code, follows)
				if follows {
					m.outcome, m.by, m.effects = approval.StatusApproved, by, m.effects+1
				}
			},
			"reject": func(t *rapid.T) {
				by := people.Draw(t, "by")
				code, follows := m.expected(by, approval.StatusRejected, at)
				do(approval.Reject{By: by, Reason: "r"}, code, follows)
				if follows {
					m.outcome, m.by = approval.StatusRejected, by
				}
			},
			"expire": func(t *rapid.T) {
				switch {
				case !m.asked:
					do(approval.Expire{}, "not_found", false)
				case m.outcome != approval.StatusNone:
					do(approval.Expire{}, "", false)
				case at.Before(m.until):
					do(approval.Expire{}, "approval_not_due", false)
				default:
					do(approval.Expire{}, "", true)
					m.outcome, m.by = approval.StatusExpired, ""
				}
			},
			"": func(t *rapid.T) {
				want := m.outcome
				if m.asked && want == approval.StatusNone {
					if want = approval.StatusPending; !at.Before(m.until) {
						want = approval.StatusExpired
					}
				}
				if got := s.StatusAt(at); got != want || s.DecidedBy != m.by || m.effects > 1 || m.effects == 1 && s.DecidedBy == s.Maker {
					t.Fatalf("it is %s by %q, want %s by %q", got, s.DecidedBy, want, m.by)
				}
			},
		})
	})
}
