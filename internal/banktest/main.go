package banktest

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"passbook/internal/pgtest"
)

// Main is for the TestMain of a package whose examples want a bank: os.Exit(banktest.Main(m, use)). It starts one, hands it to use, and
// runs tests and examples.
func Main(m *testing.M, use func(*Bank)) int {
	return pgtest.Run(mainRun{m, use})
}

type mainRun struct {
	tests *testing.M
	use   func(*Bank)
}

// Run implements what pgtest.Run runs.
func (r mainRun) Run() (code int) {
	t := &mainTest{ctx: context.Background()}
	defer func() { code = max(code, t.end()) }()
	r.use(New(t))
	return r.tests.Run()
}

// mainTest stands in for a test where there is none: what needs another method than these panics.
type mainTest struct {
	testing.TB
	ctx      context.Context
	cleanups []func()
	failed   bool
}

func (t *mainTest) Helper()                           {}
func (t *mainTest) Name() string                      { return "examples" }
func (t *mainTest) Context() context.Context          { return t.ctx }
func (t *mainTest) Output() io.Writer                 { return os.Stderr }
func (t *mainTest) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *mainTest) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *mainTest) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }

func (t *mainTest) Errorf(format string, args ...any) {
	t.failed = true
	fmt.Fprintf(os.Stderr, "FAIL: "+format+"\n", args...)
}

func (t *mainTest) Error(args ...any) { t.Errorf("%s", fmt.Sprint(args...)) }

func (t *mainTest) TempDir() string {
	dir, err := os.MkdirTemp("", "banktest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// end cleans up and returns the exit code.
func (t *mainTest) end() int {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
	if t.failed {
		return 1
	}
	return 0
}
