package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"passbook/httpapi/docpage"
)

var (
	inlineParts = regexp.MustCompile(`(?s)<(script|style)>(.*?)</(?:script|style)>`)
	references  = regexp.MustCompile(`(?:href|src|action|srcset|data|poster)\s*=\s*"([^"]*)"`)
	anchors     = regexp.MustCompile(`\bid="([^"]+)"`)
)

// TestThePageOfADocument holds the page to showing all that is in the document, to loading nothing, and to its policy.
func TestThePageOfADocument(t *testing.T) {
	t.Parallel()
	for name, d := range doors(t) {
		w := httptest.NewRecorder()
		d.server.ServeHTTP(w, httptest.NewRequest("GET", "/docs", nil))
		page := w.Body.String()
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%s: %d %v", name, w.Code, w.Header())
		}
		checkPolicy(t, name, page, w.Header().Get("Content-Security-Policy"))
		ids := map[string]bool{}
		for _, id := range anchors.FindAllStringSubmatch(page, -1) {
			if ids[id[1]] {
				t.Errorf("%s: id %s stands twice", name, id[1])
			}
			ids[id[1]] = true
		}
		for _, ref := range references.FindAllStringSubmatch(page, -1) {
			target, inside := strings.CutPrefix(ref[1], "#")
			if ref[1] != "openapi.json" && (!inside || !ids[target]) {
				t.Errorf("%s: %s leads nowhere, or outside", name, ref[0])
			}
		}
		for path, item := range d.Spec.Paths.Map() {
			for method, operation := range item.Operations() {
				checkShown(t, page, method, path, operation)
			}
		}
		for schema := range d.Spec.Components.Schemas {
			if !ids["schema-"+schema] {
				t.Errorf("%s: schema %s is not on the page", name, schema)
			}
		}
	}
}

// checkPolicy holds every script and style of the page to a hash of the policy, which allows nothing else.
func checkPolicy(t *testing.T, name, page, policy string) {
	t.Helper()
	for _, part := range inlineParts.FindAllStringSubmatch(page, -1) {
		sum := sha256.Sum256([]byte(part[2]))
		if want := part[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
			t.Errorf("%s: the %s of the page may not run under %s", name, part[1], policy)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("%s: policy %s", name, policy)
	}
	for _, never := range []string{" style=", " onclick=", "javascript:", "@import", "url("} {
		if strings.Contains(page, never) {
			t.Errorf("%s: %s on the page", name, never)
		}
	}
}

func checkShown(t *testing.T, page, method, path string, operation *openapi3.Operation) {
	t.Helper()
	_, rest, there := strings.Cut(page, `<article id="`+operation.OperationID+`"`)
	article, _, _ := strings.Cut(rest, "</article>")
	wanted := []string{">" + method + "<", "<code>" + path + "</code>"}
	for _, p := range operation.Parameters {
		wanted = append(wanted, "<code>"+p.Value.Name+"</code>")
	}
	for status := range operation.Responses.Map() {
		wanted = append(wanted, "<b>"+status+"</b>")
	}
	for _, text := range wanted {
		if !there || !strings.Contains(article, text) {
			t.Errorf("%s %s: %s is not shown", method, path, text)
		}
	}
}

// A document is text: whatever it says, it is shown and not done.
func TestAPageDoesNotDoWhatADocumentSays(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>`
	spec, err := openapi3.NewLoader().LoadFromData([]byte(strings.ReplaceAll(tiny, "tiny", `"`+evil+`"`)))
	if err != nil {
		t.Fatal(err)
	}
	spec.Info.Description = evil + " **" + evil + "** `" + evil + "`\n\n| " + evil + " |\n|---|\n| x |\n\n- " + evil
	page, err := docpage.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	if html := string(page.HTML); strings.Contains(html, evil) || strings.Count(html, "alert(1)") < 6 {
		t.Errorf("what the document says is on the page %d times, or runs", strings.Count(html, "alert(1)"))
	}
}
