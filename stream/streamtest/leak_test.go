package streamtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func leakFor(ch chan struct{}) { <-ch }

func TestCheckLeaks(t *testing.T) {
	defer func(d time.Duration) { leakPatience = d }(leakPatience)
	leakPatience = 200 * time.Millisecond

	old := make(chan struct{})
	defer close(old)
	go leakFor(old)

	var clean fakeTB
	require.True(t, clean.run(func() { CheckLeaks(&clean) }), "what ran before does not count")

	late := make(chan struct{})
	var slow fakeTB
	require.True(t, slow.run(func() {
		CheckLeaks(&slow)
		go leakFor(late)
		time.AfterFunc(50*time.Millisecond, func() { close(late) })
	}), "it ends in time")

	leak := make(chan struct{})
	defer close(leak)
	var bad fakeTB
	require.False(t, bad.run(func() { CheckLeaks(&bad); go leakFor(leak) }))

	var told fakeTB
	require.True(t, told.run(func() { CheckLeaks(&told, "streamtest.leakFor("); go leakFor(leak) }))
}

func TestLeakReport(t *testing.T) {
	before := goroutines()
	ch, runs := make(chan struct{}), make(chan struct{})
	go func() {
		close(runs)
		leakFor(ch)
	}()
	<-runs
	time.Sleep(time.Millisecond)
	defer close(ch)
	defer func(d time.Duration) { leakPatience = d }(leakPatience)
	leakPatience = 0
	report := leakReport(waitLeaks(before, nil))
	require.Contains(t, report, "1 goroutines leaked")
	require.Contains(t, report, "streamtest.leakFor(")
}

func TestCheckLeaksUse(t *testing.T) {
	CheckLeaks(t)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go leakFor(done)
	t.Run("subtest", func(t *testing.T) { CheckLeaks(t) })
}
