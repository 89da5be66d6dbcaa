package streamtest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// leakPatience is how long goroutines have to end by themselves after a test.
var leakPatience = 5 * time.Second

// CheckLeaks fails the test if, 5 s after its end, goroutines still run that did not
// when CheckLeaks was called, and shows their stacks. Goroutines of the runtime and
// of package testing do not count, nor do those whose stack has one of the ignored
// texts in it (a function's name, say). A test that failed anyway is not checked.
//
// Call it first in a test: the cleanups that the test registers later run before the
// check. It cannot tell whose goroutine it sees, so it is not for tests that run in
// parallel (use [Main] there), nor for the inside of a testing/synctest bubble, which
// looks after its goroutines itself.
func CheckLeaks(t testing.TB, ignore ...string) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			// The test may well have stopped half-way; its own message is the useful one.
			return
		}
		if leaked := waitLeaks(before, ignore); len(leaked) > 0 {
			t.Errorf("%s", leakReport(leaked))
		}
	})
}

// Main runs the tests of a package and ends the process, with a failure if the tests
// passed but left goroutines behind. It is to be the whole of a TestMain:
//
//	func TestMain(m *testing.M) { streamtest.Main(m) }
//
// What is ignored is as with [CheckLeaks].
func Main(m *testing.M, ignore ...string) {
	before := goroutines()
	code := m.Run()
	if code == 0 {
		if leaked := waitLeaks(before, ignore); len(leaked) > 0 {
			fmt.Fprintln(os.Stderr, leakReport(leaked))
			code = 1
		}
	}
	os.Exit(code)
}

func leakReport(stacks []string) string {
	return fmt.Sprintf("streamtest: %d goroutines leaked:\n\n%s", len(stacks), strings.Join(stacks, "\n\n"))
}

// waitLeaks gives the stacks of goroutines that are not in before and do not end in
// time.
func waitLeaks(before map[string]string, ignore []string) []string {
	deadline := time.Now().Add(leakPatience)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		var leaked []string
		for id, stack := range goroutines() {
			if _, ok := before[id]; !ok && !ignored(stack, ignore) {
				leaked = append(leaked, stack)
			}
		}
		if len(leaked) == 0 || time.Now().After(deadline) {
			return leaked
		}
		time.Sleep(pause)
	}
}

// goroutines gives the stacks of all goroutines but the caller's, by their id.
func goroutines() map[string]string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := map[string]string{}
	// The first stack is the caller's.
	for _, stack := range strings.Split(strings.TrimSpace(string(buf)), "\n\n")[1:] {
		// A stack begins "goroutine 17 [running]:". Ids are not used twice.
		id, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
		all[id] = stack
	}
	return all
}

// foreign marks goroutines that no test can end. The runtime hides most of its own.
var foreign = []string{
	"created by testing.",   // other tests, the alarm, fuzzing
	"testing.(*T).Run(",     // a test that waits for its subtest
	"created by runtime",    // finalizers, cleanups, traces, profiles
	"created by os/signal.", // started once by signal.Notify, for good
}

func ignored(stack string, more []string) bool {
	for _, s := range foreign {
		if strings.Contains(stack, s) {
			return true
		}
	}
	for _, s := range more {
		if strings.Contains(stack, s) {
			return true
		}
	}
	return false
}
