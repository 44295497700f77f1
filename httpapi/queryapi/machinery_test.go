package queryapi_test

import (
	"testing"

	"passbook/httpapi/auth"
	"passbook/httpapi/queryapi"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("o")
	path += "/explain"
	audit := r.Token(t, "auditor", auth.AuditRead)
	first := strictly[queryapi.Explanation](t, r.want(r.as(audit, path+"?limit=2"), 200, "").Body)
	if len(first.Data) != 2 || first.Data[0].Actor != "teller-1" || *first.Data[1].Amount != 1 || first.Agreement.FirstDifference.Version != 3 {
		t.Errorf("%+v", first)
	}
	second := strictly[queryapi.Explanation](t, r.want(r.as(audit, path+"?limit=2&cursor="+first.NextCursor), 200, "").Body)
	if second.HasMore || second.Opening.Version != 2 || second.Opening.Balance != 2 || last[explainQuestion](t, r.books) != (explainQuestion{2, 2}) {
		t.Errorf("%+v", second)
	}
	own := strictly[queryapi.Explanation](t, r.want(r.as(r.Token(t, "o", auth.Own), path), 200, "").Body)
	if own.Data[0].Actor+own.Data[0].IdempotencyKey+own.Data[0].CorrelationID != "" || own.Data[1].Actor != "o" || own.Data[1].IdempotencyKey != "key of o" {
		t.Errorf("the owner is told %+v", own.Data)
	}
	r.want(r.as(r.Token(t, "p", auth.Own), path), 404, "not_found")
	r.want(r.as(r.Token(t, "r", auth.AccountsRead, auth.Operations), path), 403, "insufficient_scope")
	r.want(r.as(audit, path+"?cursor=AQEabc"), 400, "invalid_cursor")
}

func TestProjections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	answer := r.want(r.as(r.Token(t, "ops", auth.Operations), "/v1/projections"), 200, "")
	data := answer.JSON(t)["data"].([]any)
	first := data[0].(map[string]any)
	if len(data) != 3 || first["name"] != "balances" || first["lag_events"] != 3.0 || first["lag_ms"] != 40.0 || first["state"] != "catching_up" {
		t.Errorf("%s", answer.Body)
	}
	list := strictly[queryapi.ProjectionList](t, answer.Body)
	if list.Healthy || len(list.Problems) != 1 || list.Head != 12 || list.Data[0].Lease.Holder != "projector/host/1/A" || list.Data[0].Rate != 2.5 {
		t.Errorf("%s", answer.Body)
	}
	if list.Relay.Position != 11 || list.Relay.LagEvents != 1 || list.Relay.Stream.Messages != 11 || list.Relay.Stream.Consumers[0].Pending != 2 {
		t.Errorf("%s", answer.Body)
	}
	if answer.Header.Get("Passbook-Position") != "9" || answer.Header.Get("Passbook-Lag-Ms") != "40" {
		t.Errorf("headers %v", answer.Header)
	}
}
