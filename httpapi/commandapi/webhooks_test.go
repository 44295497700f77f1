package commandapi_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/api"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/internal/denials"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
	"passbook/readmodel"
	"passbook/webhook"
)

// switchboard has both APIs over subscriptions in Postgres.
type switchboard struct {
	t                 *testing.T
	commands, queries *httpapitest.Kit
	command, query    *httpapi.Server
	admin             *pgxpool.Pool
	log               *strings.Builder
	staff, ada, grace [2]string // tokens of the command and of the query API
}

type reader = webhook.Reader

func newSwitchboard(t *testing.T, limits webhook.Limits) *switchboard {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	s := &switchboard{t: t, commands: httpapitest.New(t, api.Command), queries: httpapitest.New(t, api.Query), admin: db.Pool(t, ""), log: &strings.Builder{}}
	cfg := s.commands.Config()
	cfg.Log = slog.New(slog.NewTextHandler(&locked{w: s.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	bank := newBank()
	var err error
	if s.command, err = commandapi.New(cfg, commandapi.Limits{}, bank, bank, webhook.NewStore(db.Pool(t, "passbook_command"), webhook.Policy{}, limits)); err != nil {
		t.Fatal(err)
	}
	reads := struct {
		*readmodel.Queries
		*readmodel.Explainer
		*denials.Reader
		*reader
	}{reader: webhook.NewReader(db.Pool(t, "passbook_query"))}
	if s.query, err = queryapi.New(s.queries.Config(), reads, queryapi.Streams{}); err != nil {
		t.Fatal(err)
	}
	for who, scope := range map[string]auth.Scope{"staff": auth.WebhooksWrite, "ada": auth.Own, "grace": auth.Own} {
		tokens := [2]string{s.commands.Token(t, who, scope), s.queries.Token(t, who, scope)}
		*map[string]*[2]string{"staff": &s.staff, "ada": &s.ada, "grace": &s.grace}[who] = tokens
	}
	return s
}

// locked is a log that several write to.
type locked struct {
	mu sync.Mutex
	w  *strings.Builder
}

// Write implements io.Writer.
func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (s *switchboard) ask(who [2]string, method, path, body string, header ...string) *httpapitest.Response {
	s.t.Helper()
	if method == http.MethodGet {
		return s.queries.Do(s.t, s.query, httpapitest.Request{Method: method, Path: path, Token: who[1]})
	}
	h := map[string]string{"Idempotency-Key": "key-" + uuid.NewString()}
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return s.commands.Do(s.t, s.command, httpapitest.Request{Method: method, Path: path, Token: who[0], Body: body, Header: h})
}

// must is ask for what must be answered with the status.
func (s *switchboard) must(status int, who [2]string, method, path, body string, header ...string) map[string]any {
	s.t.Helper()
	r := s.ask(who, method, path, body, header...)
	if r.Status != status {
		s.t.Fatalf("%s %s %s: %d %s", method, path, body, r.Status, r.Body)
	}
	if len(r.Body) == 0 {
		return nil
	}
	return r.JSON(s.t)
}

func (s *switchboard) create(who [2]string) (path, secret string) {
	s.t.Helper()
	answer := s.must(201, who, "POST", "/v1/webhooks", `{"url":"https://example.com/hooks"}`)
	return "/v1/webhooks/" + answer["webhook_id"].(string), answer["secret"].(string)
}

func (s *switchboard) openAccount(owner string) (id string) {
	s.t.Helper()
	id = uuid.NewString()
	if _, err := s.admin.Exec(s.t.Context(), `WITH head AS (UPDATE log_head SET position = position + 1 RETURNING position)
		INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
		SELECT position, 1, now(), now(), gen_random_uuid(), $1, 1, 'account', 'account.opened', json_build_object('owner_id', $2::text), '{}' FROM head`, id, owner); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// The life of a subscription, as its subscriber sees it.
func TestWebhookFromItsBeginningToItsEnd(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, webhook.Limits{})
	account := s.openAccount("ada")
	made := s.ask(s.ada, "POST", "/v1/webhooks", `{"url":"https://example.com/hooks","event_types":["withdrawal","deposit","deposit"],"account_id":"`+account+`","description":"books"}`)
	answer := made.JSON(t)
	path := made.Header.Get("Location")
	first, _ := answer["secret"].(string)
	if made.Status != 201 || path != "/v1/webhooks/"+answer["webhook_id"].(string) || !strings.HasPrefix(first, "whsec_") || answer["owner_id"] != "ada" ||
		fmt.Sprint(answer["event_types"]) != "[deposit withdrawal]" || answer["position"] != 1.0 {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	got := s.must(200, s.ada, "GET", path, "")
	if got["status"] != "active" || got["url"] != "https://example.com/hooks" || got["description"] != "books" || got["account_id"] != account || got["secret"] != nil {
		t.Errorf("%v", got)
	}
	if changed := s.must(200, s.ada, "PATCH", path, `{"url":"https://example.com/other","event_types":[],"status":"paused","description":""}`); changed["status"] != "paused" ||
		changed["url"] != "https://example.com/other" || fmt.Sprint(changed["event_types"]) != "[]" || changed["description"] != nil || changed["secret"] != nil {
		t.Errorf("%v", changed)
	}
	rotated := s.must(200, s.ada, "POST", path+"/secret", `{"keep_old_seconds":60}`)
	if second := rotated["secret"].(string); second == first || rotated["old_secret_until"] == nil {
		t.Errorf("%v", rotated)
	}
	s.must(200, s.ada, "POST", path+"/secret", ``)
	test := s.must(202, s.ada, "POST", path+"/test", ``)
	log := s.must(200, s.ada, "GET", path+"/deliveries?state=pending", "")["data"].([]any)
	if len(log) != 1 || log[0].(map[string]any)["delivery_id"] != test["delivery_id"] || log[0].(map[string]any)["type"] != "test" {
		t.Errorf("%v", log)
	}
	one := s.must(200, s.ada, "GET", path+"/deliveries/"+test["delivery_id"].(string), "")
	if !strings.Contains(one["payload"].(string), `"type":"test"`) || len(one["log"].([]any)) != 0 {
		t.Errorf("%v", one)
	}
	for body, want := range map[string]string{
		`{"delivery_id":"` + test["delivery_id"].(string) + `"}`: "1 false", `{"failed":true}`: "0 false", `{"from_position":1}`: "0 false",
	} {
		if r := s.must(202, s.ada, "POST", path+"/replay", body); fmt.Sprint(r["deliveries"], " ", r["more"]) != want {
			t.Errorf("%s: %v", body, r)
		}
	}
	if resumed := s.must(200, s.ada, "PATCH", path, `{"status":"active"}`); resumed["status"] != "active" || resumed["position"] != 0.0 {
		t.Errorf("%v", resumed)
	}
	if list := s.must(200, s.ada, "GET", "/v1/webhooks", "")["data"].([]any); len(list) != 1 {
		t.Errorf("%v", list)
	}
	s.must(204, s.ada, "DELETE", path, "")
	s.must(404, s.ada, "GET", path, "")
	s.must(404, s.ada, "DELETE", path, "")
	if strings.Contains(s.log.String(), "whsec_") {
		t.Errorf("the log has a secret: %s", s.log)
	}
}

// What is another's does not exist: whatever is asked is answered as about what there never was.
func TestWebhooksOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, webhook.Limits{})
	adas, _ := s.create(s.ada)
	staffs, _ := s.create(s.staff)
	never := "/v1/webhooks/" + uuid.NewString()
	delivery := s.must(202, s.ada, "POST", adas+"/test", "")["delivery_id"].(string)
	requests := []struct{ method, more, body string }{
		{"GET", "", ""}, {"GET", "/deliveries", ""}, {"GET", "/deliveries/" + delivery, ""}, {"PATCH", "", `{"url":"https://example.com/mine"}`}, {"PATCH", "", `{"status":"paused"}`},
		{"POST", "/secret", ""}, {"POST", "/test", ""}, {"POST", "/replay", `{"failed":true}`}, {"POST", "/replay", `{"from_position":1}`}, {"POST", "/replay", `{"delivery_id":"` + delivery + `"}`}, {"DELETE", "", ""},
	}
	for _, r := range requests {
		said := map[string]bool{}
		for _, path := range []string{adas, staffs, never, "/v1/webhooks/none"} {
			answer := s.ask(s.grace, r.method, path+r.more, r.body)
			if answer.Status != 404 {
				t.Errorf("%s %s%s: %d %s", r.method, path, r.more, answer.Status, answer.Body)
			}
			said[answer.Problem.Detail] = true
		}
		if len(said) != 1 {
			t.Errorf("%s %s: it can be told apart: %v", r.method, r.more, said)
		}
	}
	if list := s.must(200, s.grace, "GET", "/v1/webhooks", "")["data"].([]any); len(list) != 0 {
		t.Errorf("%v", list)
	}
	if list := s.must(200, s.staff, "GET", "/v1/webhooks?limit=1", ""); len(list["data"].([]any)) != 1 || list["has_more"] != true {
		t.Errorf("%v", list)
	} else if rest := s.must(200, s.staff, "GET", "/v1/webhooks?limit=1&cursor="+list["next_cursor"].(string), ""); len(rest["data"].([]any)) != 1 || rest["has_more"] != false {
		t.Errorf("%v", rest)
	} else if r := s.ask(s.ada, "GET", "/v1/webhooks?cursor="+list["next_cursor"].(string), ""); r.Status != 400 {
		t.Errorf("the cursor of another: %d", r.Status)
	}
	account := s.openAccount("ada")
	for _, id := range []string{account, uuid.NewString()} {
		if r := s.ask(s.grace, "POST", "/v1/webhooks", `{"url":"https://example.com/","account_id":"`+id+`"}`); r.Status != 404 || r.Problem.Detail != "no such account" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	s.must(201, s.ada, "POST", "/v1/webhooks", `{"url":"https://example.com/","account_id":"`+account+`"}`)
	s.must(201, s.staff, "POST", "/v1/webhooks", `{"url":"https://example.com/","account_id":"`+account+`"}`)
}

// The same key has one effect; a secret is told once.
func TestWebhookKeys(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, webhook.Limits{})
	const body = `{"url":"https://example.com/hooks"}`
	first := s.ask(s.ada, "POST", "/v1/webhooks", body, "Idempotency-Key", "one")
	again := s.ask(s.ada, "POST", "/v1/webhooks", " "+body, "Idempotency-Key", "one")
	was, is := first.JSON(t), again.JSON(t)
	delete(was, "secret")
	if again.Status != 201 || again.Header.Get("Idempotent-Replayed") != "true" || fmt.Sprint(was) != fmt.Sprint(is) || is["secret"] != nil {
		t.Errorf("%d %s after %s", again.Status, again.Body, first.Body)
	}
	if r := s.ask(s.ada, "POST", "/v1/webhooks", `{"url":"https://example.com/other"}`, "Idempotency-Key", "one"); r.Status != 422 || r.Problem.Code != httpapi.IdempotencyKeyReused {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if other := s.must(201, s.grace, "POST", "/v1/webhooks", body, "Idempotency-Key", "one"); other["webhook_id"] == is["webhook_id"] {
		t.Error("the key of another")
	}
	path := "/v1/webhooks/" + is["webhook_id"].(string)
	for _, r := range []struct{ method, more, body string }{{"PATCH", "", `{"status":"paused"}`}, {"POST", "/secret", ""}, {"POST", "/test", ""}, {"POST", "/replay", `{"failed":true}`}, {"DELETE", "", ""}} {
		if a := s.ask(s.ada, r.method, path+r.more, r.body, "Idempotency-Key", ""); a.Status != 400 || a.Problem.Code != httpapi.IdempotencyKeyRequired {
			t.Errorf("%s %s without a key: %d %s", r.method, r.more, a.Status, a.Body)
		}
		one := s.ask(s.ada, r.method, path+r.more, r.body, "Idempotency-Key", r.method+r.more)
		two := s.ask(s.ada, r.method, path+r.more, r.body, "Idempotency-Key", r.method+r.more)
		if one.Status/100 != 2 || two.Status != one.Status || two.Header.Get("Idempotent-Replayed") != "true" || r.more != "/secret" && string(one.Body) != string(two.Body) {
			t.Errorf("%s %s: %d %s, then %d %s", r.method, r.more, one.Status, one.Body, two.Status, two.Body)
		}
	}
}

// What cannot be is refused, and what there is too much of, by the name of its limit.
func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, webhook.Limits{InAll: 4, OfCaller: 2, ReplayMax: 10})
	path, _ := s.create(s.ada)
	for _, tt := range []struct{ method, more, body, code, pointer string }{
		{"POST", "", `{"url":"http://example.com/"}`, httpapi.InvalidParameter, "/url"},
		{"POST", "", `{"url":"https://127.0.0.1/"}`, httpapi.InvalidParameter, "/url"},
		{"POST", "", `{"url":"https://a:b@example.com/"}`, httpapi.InvalidParameter, "/url"},
		{"POST", "", `{"url":"https://example.com/","event_types":["deposits"]}`, httpapi.InvalidParameter, "/event_types/0"},
		{"POST", "", `{"url":"https://example.com/","account_id":"x"}`, httpapi.InvalidParameter, "/account_id"},
		{"POST", "", `{"url":"https://example.com/","description":"a\u0000b"}`, httpapi.InvalidParameter, "/description"},
		{"POST", "", `{"url":"https://example.com/","secret":"mine"}`, httpapi.MalformedRequest, "/secret"},
		{"POST", "", `{}`, httpapi.MalformedRequest, "/url"},
		{"PATCH", "ID", `{}`, httpapi.InvalidParameter, ""},
		{"PATCH", "ID", `{"status":"disabled"}`, httpapi.InvalidParameter, "/status"},
		{"PATCH", "ID", `{"url":"https://10.0.0.1"}`, httpapi.InvalidParameter, "/url"},
		{"PATCH", "ID", `{"account_id":"` + uuid.NewString() + `"}`, httpapi.MalformedRequest, "/account_id"},
		{"POST", "ID/secret", `{"keep_old_seconds":604801}`, httpapi.InvalidParameter, "/keep_old_seconds"},
		{"POST", "ID/secret", `{"keep_old_seconds":-1}`, httpapi.InvalidParameter, "/keep_old_seconds"},
		{"POST", "ID/replay", `{}`, httpapi.InvalidParameter, ""},
		{"POST", "ID/replay", `{"failed":true,"from_position":1}`, httpapi.InvalidParameter, ""},
		{"POST", "ID/replay", `{"failed":false}`, httpapi.InvalidParameter, "/failed"},
		{"POST", "ID/replay", `{"from_position":0}`, httpapi.InvalidParameter, "/from_position"},
		{"POST", "ID/replay", `{"from_position":99}`, httpapi.InvalidParameter, "/from_position"},
		{"POST", "ID/replay", `{"delivery_id":"x"}`, httpapi.InvalidParameter, "/delivery_id"},
		{"POST", "ID/replay", `{"delivery_id":"` + uuid.NewString() + `"}`, httpapi.NotFound, "-"},
	} {
		at := "/v1/webhooks" + tt.more
		if rest, one := strings.CutPrefix(tt.more, "ID"); one {
			at = path + rest
		}
		r := s.ask(s.ada, tt.method, at, tt.body)
		if r.Problem.Code != tt.code || tt.pointer != "-" && (len(r.Problem.Errors) == 0 || r.Problem.Errors[0].Pointer != tt.pointer) {
			t.Errorf("%s %s: %d %s", tt.method, tt.body, r.Status, r.Body)
		}
	}
	limited := func(r *httpapitest.Response, limit string, most float64) {
		t.Helper()
		if r.Status != 422 || r.Problem.Code != httpapi.LimitExceeded || r.Problem.Context["limit"] != limit || r.Problem.Context["max"] != most {
			t.Errorf("%d %s, want the limit %s", r.Status, r.Body, limit)
		}
	}
	const body = `{"url":"https://example.com/hooks"}`
	s.create(s.ada)
	limited(s.ask(s.ada, "POST", "/v1/webhooks", body), "webhooks_per_caller", 2)
	s.create(s.grace)
	s.create(s.grace)
	limited(s.ask(s.staff, "POST", "/v1/webhooks", body), "webhooks", 4)
	if _, err := s.admin.Exec(t.Context(), "UPDATE log_head SET position = 100"); err != nil {
		t.Fatal(err)
	}
	limited(s.ask(s.ada, "POST", path+"/replay", `{"from_position":5}`), "webhook_replay", 10)
}

// Without a database it is said so, and without webhooks, too.
func TestNoWebhooks(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, webhook.Limits{})
	path, _ := s.create(s.ada)
	if _, err := s.admin.Exec(t.Context(), "ALTER TABLE webhook.requests RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	if r := s.ask(s.ada, "POST", path+"/test", ""); r.Status != 503 || strings.Contains(string(r.Body), "gone") || strings.Contains(string(r.Body), "relation") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	r := newRig(t)
	if a := r.as(r.Token(t, "ada", auth.Own), "POST", "/v1/webhooks", `{"url":"https://example.com/"}`); a.Status != 503 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// The types that can be asked for are those of the timeline.
func TestWebhookTypesAreThoseOfTheTimeline(t *testing.T) {
	t.Parallel()
	for _, kind := range readmodel.TimelineTypes() {
		if !commandapi.WebhookEventType(kind).Valid() {
			t.Errorf("%s cannot be asked for", kind)
		}
	}
	kit := httpapitest.New(t, api.Command)
	if n := len(kit.Spec.Components.Schemas["WebhookEventType"].Value.Enum); n != len(readmodel.TimelineTypes()) {
		t.Errorf("%d types can be asked for, there are %d", n, len(readmodel.TimelineTypes()))
	}
}

var _ commandapi.Webhooks = (*webhook.Store)(nil)
